//! What a call to AWS needs of the environment beyond what the SDK reads itself.

use std::{path::PathBuf, time::SystemTime};

use super::{error_chain::without_user, http::Bounds, tls_roots::SystemRoots};
use crate::{environment::Environment, identity};

/// What `main.rs` knows that a call to AWS needs. The SDK itself reads the rest of the
/// environment: credentials, endpoints and proxies.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The time by which a token's end is judged.
    pub now: SystemTime,
    /// The PEM bundle to trust in place of the system's: `AWS_CA_BUNDLE`. Unset, the profile's `ca_bundle` counts.
    pub ca_bundle: Option<PathBuf>,
    /// Tries of one call: `AWS_MAX_ATTEMPTS`; 3 when it is unset or no number above 0.
    pub max_attempts: u32,
    /// The proxy on the way to AWS, for the words of an error; without user and password.
    pub proxy: Option<String>,
    /// The longest that a mint may take.
    pub bounds: Bounds,
    /// The AWS files, [`identity::shared_files`]: the SDK reads settings in them, whoever the identity is.
    pub shared_files: [PathBuf; 2],
    /// The system's TLS roots: the SDK's own client would read them for each of its connectors.
    pub(super) roots: SystemRoots,
}

impl Settings {
    /// Reads the environment.
    pub fn read(environment: &Environment, now: SystemTime) -> Settings {
        // The order of the HTTP client, hyper-util's `Matcher::from_env`.
        let proxy = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
        let proxy = proxy.iter().find_map(|name| environment.text(name));
        let attempts = environment.text("AWS_MAX_ATTEMPTS").and_then(|text| text.trim().parse().ok());
        Settings {
            now,
            ca_bundle: environment.path("AWS_CA_BUNDLE"),
            max_attempts: attempts.filter(|attempts| *attempts > 0).unwrap_or(3),
            proxy: proxy.map(|url| without_user(&url)),
            bounds: Bounds::default(),
            shared_files: identity::shared_files(environment),
            roots: SystemRoots::of(environment),
        }
    }
}
