//! Amazon's side, behind a few plain calls. The only async code: it starts and ends here.

use std::{cell::Cell, path::PathBuf, time::SystemTime};

use crate::{environment::Environment, identity::Identity, registry::Registry, token::Token};

mod chain;
mod credentials;
mod ecr;
mod explain;
mod failure;
mod http;
mod inspect;
mod signing;
mod trouble;

pub use failure::{Failure, FailureKind};
pub use http::Bounds;
pub use inspect::{CredentialsInfo, endpoint};

use aws_credential_types::Credentials;

use credentials::Setup;
use explain::{Scene, Step};

/// Mints ECR tokens. A trait so that `get` is tested against an AWS that denies, stalls or is down.
pub trait TokenSource {
    /// Exchanges the identity's credentials for a token of this registry: one
    /// GetAuthorizationToken call, bounded to 20 s with everything before it.
    fn mint(&self, registry: &Registry, identity: &Identity) -> Result<Token, Failure>;
}

/// What `main.rs` knows that a call to AWS needs. The SDK itself reads the rest of the
/// environment: credentials, endpoints and proxies.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The time by which a token's end is judged.
    pub now: SystemTime,
    /// The PEM bundle to trust in place of the system's: `AWS_CA_BUNDLE`. Unset, the profile's `ca_bundle` counts.
    pub ca_bundle: Option<PathBuf>,
    /// Tries of one call: `AWS_MAX_ATTEMPTS`; 3 when it is unset or no number above 0.
    pub max_attempts: Option<u32>,
    /// The proxy on the way to AWS, for the words of an error; without user and password.
    pub proxy: Option<String>,
    /// The longest that a mint may take.
    pub bounds: Bounds,
}

impl Settings {
    /// Reads the environment.
    pub fn read(environment: &Environment, now: SystemTime) -> Settings {
        // The order of the HTTP client, hyper-util's `Matcher::from_env`.
        let proxy = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
        let proxy = proxy.iter().find_map(|name| environment.text(name));
        Settings {
            now,
            ca_bundle: environment.path("AWS_CA_BUNDLE"),
            max_attempts: environment.text("AWS_MAX_ATTEMPTS").and_then(|text| text.trim().parse().ok()),
            proxy: proxy.map(|url| chain::without_user(&url)),
            bounds: Bounds::default(),
        }
    }
}

/// Amazon itself.
pub struct Aws {
    settings: Settings,
}

impl Aws {
    /// Opens nothing; the first call does.
    pub fn new(settings: Settings) -> Aws {
        Aws { settings }
    }

    /// Runs calls to AWS within the bound of a mint.
    fn within_bounds<T>(
        &self,
        scene: &Scene<'_>,
        work: impl AsyncFnOnce(&http::Client, &Cell<Step>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        scene.hopeless()?;
        let ca_bundle = self.settings.ca_bundle.as_deref().or(scene.identity.ca_bundle.as_deref());
        let client = http::Client::new(ca_bundle).map_err(|err| scene.bad_bundle(&err))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|err| scene.explain(Step::Credentials, None, &err))?;
        let step = Cell::new(Step::Credentials);
        let operation = self.settings.bounds.operation;
        let bounded = async { tokio::time::timeout(operation, work(&client, &step)).await };
        let outcome = runtime.block_on(bounded);
        // A name lookup runs on a thread that cannot be stopped; waiting for it would break the bound.
        runtime.shutdown_background();
        outcome.unwrap_or_else(|_| Err(scene.late(step.get(), client.asked().as_deref(), operation)))
    }

    /// The identity's credentials, its role assumed.
    async fn credentials_of<'a>(
        &self,
        scene: &Scene<'a>,
        client: &'a http::Client,
        step: &Cell<Step>,
    ) -> Result<(Setup<'a>, Credentials), Failure> {
        let explain =
            |step, err: &(dyn std::error::Error + 'static)| scene.explain(step, client.asked().as_deref(), err);
        let attempts = self.settings.max_attempts.filter(|attempts| *attempts > 0).unwrap_or(3);
        let setup = Setup::read(scene.identity, client, self.settings.bounds, attempts).await;
        let mut credentials = setup.base().await.map_err(|err| explain(Step::Credentials, &err))?;
        if let Some(role) = &scene.identity.role {
            step.set(Step::Role);
            credentials = setup.assume(role, credentials).await.map_err(|err| explain(Step::Role, &err))?;
        }
        Ok((setup, credentials))
    }
}

impl TokenSource for Aws {
    fn mint(&self, registry: &Registry, identity: &Identity) -> Result<Token, Failure> {
        let scene = Scene { registry, identity, proxy: self.settings.proxy.as_deref() };
        self.within_bounds(&scene, async |client, step| {
            let (setup, credentials) = self.credentials_of(&scene, client, step).await?;
            step.set(Step::Token);
            let answer = ecr::ask(&setup.config(registry), credentials, registry).await;
            let answer = answer.map_err(|err| scene.explain(Step::Token, client.asked().as_deref(), &err))?;
            ecr::check(answer, registry, self.settings.now).map_err(|garbled| scene.garbled(&garbled))
        })
    }
}
