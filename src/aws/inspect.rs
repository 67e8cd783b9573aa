//! What a person asks about AWS: who the credentials are, and where ECR's API is.

use std::time::SystemTime;

use super::{Aws, endpoint::of_aws, error_chain, subject::Subject};
use crate::{
    environment::Environment,
    identity::Identity,
    registry::{Kind, Registry},
    token::MintError,
};

/// Credentials, as far as they may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialsInfo {
    /// The id, which is no secret.
    pub access_key_id: String,
    /// When they end; `None` when they do not, or their source does not say.
    pub expires: Option<SystemTime>,
}

impl Aws {
    /// Gets the credentials that a mint for this registry would use, its role assumed, within the
    /// bound of a mint. Asks ECR nothing.
    pub fn credentials(&self, registry: &Registry, identity: &Identity) -> Result<CredentialsInfo, MintError> {
        self.run(Subject::Token(registry), identity, async |work| {
            let credentials = work.credentials(&self.resolved).await?.credentials;
            Ok(CredentialsInfo { access_key_id: credentials.access_key_id().into(), expires: credentials.expiry() })
        })
    }
}

/// Where the API is that mints this registry's token: what the environment names, else AWS's own
/// place. `None` for a region that has none of the kind that the host asks for.
pub fn endpoint(environment: &Environment, registry: &Registry) -> Option<String> {
    let named = match registry.kind {
        Kind::Private { .. } => "AWS_ENDPOINT_URL_ECR",
        Kind::Public => "AWS_ENDPOINT_URL_ECR_PUBLIC",
    };
    let ignored = environment.is_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    let set = [named, "AWS_ENDPOINT_URL"].into_iter().find_map(|name| environment.text(name));
    if let Some(url) = set.filter(|_| !ignored) {
        return Some(error_chain::without_user(&url));
    }
    of_aws(registry)
}
