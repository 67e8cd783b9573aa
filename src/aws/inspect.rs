//! What a person asks about AWS: who the credentials are, and where ECR's API is.

use std::{cell::Cell, time::SystemTime};

use aws_config::retry::RetryConfig;
use aws_credential_types::Credentials;
use aws_sdk_ecr::config::endpoint::ResolveEndpoint;

use super::{
    Aws, Failure,
    credentials::Setup,
    explain::{Scene, Step},
    http,
};
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
        scene.hopeless()?;
        let clients = http::Clients::new(self.settings.ca_bundle.as_deref().or(identity.ca_bundle.as_deref()))
            .map_err(|err| scene.bad_bundle(&err))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|err| scene.explain(Step::Credentials, &err))?;
        let step = Cell::new(Step::Credentials);
        let resolve = async { tokio::time::timeout(http::OPERATION, self.resolve(&scene, &clients, &step)).await };
        let outcome = runtime.block_on(resolve);
        // A name lookup runs on a thread that cannot be stopped; waiting for it would break the bound.
        runtime.shutdown_background();
        let credentials = outcome.unwrap_or_else(|_| Err(scene.late(step.get())))?;
        Ok(CredentialsInfo { access_key_id: credentials.access_key_id().into(), expires: credentials.expiry() })
    }

    async fn resolve(
        &self,
        scene: &Scene<'_>,
        clients: &http::Clients,
        step: &Cell<Step>,
    ) -> Result<Credentials, Failure> {
        let setup = Setup { identity: scene.identity, clients, retry: RetryConfig::standard() };
        let credentials = setup.base().await.map_err(|err| scene.explain(Step::Credentials, &err))?;
        let Some(role) = &scene.identity.role else { return Ok(credentials) };
        step.set(Step::Role);
        setup.assume(role, credentials).await.map_err(|err| scene.explain(Step::Role, &err))
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
        return Some(super::chain::without_user(&url));
    }
    if registry.kind == Kind::Public {
        return Some(format!("https://api.ecr-public.{}.amazonaws.com", registry.region));
    }
    let params = aws_sdk_ecr::config::endpoint::Params::builder()
        .region(&registry.region)
        .use_fips(registry.fips)
        .use_dual_stack(registry.dual_stack)
        .build()
        .ok()?;
    let resolver = aws_sdk_ecr::config::endpoint::DefaultResolver::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().ok()?;
    let endpoint = runtime.block_on(async { resolver.resolve_endpoint(&params).await });
    endpoint.ok().map(|endpoint| endpoint.url().to_owned())
}
