//! What a person asks about AWS: who the credentials are, and where ECR's API is.

use std::time::SystemTime;

use aws_sdk_ecr::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};

use super::{Aws, Failure, chain, explain::Scene};
use crate::{
    environment::Environment,
    identity::Identity,
    registry::{Kind, Registry},
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
    pub fn credentials(&self, registry: &Registry, identity: &Identity) -> Result<CredentialsInfo, Failure> {
        let scene = Scene { registry, identity, proxy: self.settings.proxy.as_deref() };
        self.within_bounds(&scene, async |client, step| {
            let (_, credentials) = self.credentials_of(&scene, client, step).await?;
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
        return Some(chain::without_user(&url));
    }
    if registry.kind == Kind::Public {
        return Some(format!("https://api.ecr-public.{}.amazonaws.com", registry.region));
    }
    let params = Params::builder()
        .region(&registry.region)
        .use_fips(registry.fips)
        .use_dual_stack(registry.dual_stack)
        .build()
        .ok()?;
    let resolver = DefaultResolver::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().ok()?;
    let endpoint = runtime.block_on(async { resolver.resolve_endpoint(&params).await });
    endpoint.ok().map(|endpoint| endpoint.url().to_owned())
}
