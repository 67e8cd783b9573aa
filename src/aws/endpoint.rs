//! The endpoint that environment or profile names in the place of AWS's own (AWS SDK reference guide,
//! "Service-specific endpoints"), and AWS's own.

use aws_sdk_ecr::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_types::{SdkConfig, service_config::ServiceConfigKey};
use futures_util::FutureExt;

use crate::registry::{Kind, Registry};

/// A service that is asked, as the SDK names it in its configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Ecr,
    EcrPublic,
    Signer,
    SignerData,
    Sts,
    Sso,
    SsoOidc,
}

impl Service {
    fn id(self) -> &'static str {
        match self {
            Service::Ecr => "ECR",
            Service::EcrPublic => "ECR PUBLIC",
            Service::Signer => "signer",
            Service::SignerData => "Signer Data",
            Service::Sts => "STS",
            Service::Sso => "SSO",
            Service::SsoOidc => "SSO OIDC",
        }
    }

    /// Whether an endpoint is named for it. The SDK refuses to combine one with a FIPS or dual-stack
    /// endpoint, which are two more names of AWS's own.
    pub(super) fn is_elsewhere(self, config: &SdkConfig) -> bool {
        self.named(config).is_some()
    }

    /// The endpoint that is named for it, or for all services.
    pub(super) fn named(self, config: &SdkConfig) -> Option<String> {
        let key = ServiceConfigKey::builder().service_id(self.id()).env("AWS_ENDPOINT_URL").profile("endpoint_url");
        let own = || config.service_config()?.load_config(key.build().ok()?).filter(|url| !url.trim().is_empty());
        own().or_else(|| config.endpoint_url().map(str::to_owned))
    }
}

/// Where AWS's own API is that mints this registry's token; `None` for a region that has none of the kind that
/// the host asks for.
pub(super) fn of_aws(registry: &Registry) -> Option<String> {
    if registry.kind == Kind::Public {
        return Some(format!("https://api.ecr-public.{}.amazonaws.com", registry.region));
    }
    let params = Params::builder()
        .region(&registry.region)
        .use_fips(registry.fips)
        .use_dual_stack(registry.dual_stack)
        .build()
        .ok()?;
    // The rules are in memory: the future is ready at once, and no runtime is needed.
    let endpoint = DefaultResolver::new().resolve_endpoint(&params).now_or_never()?;
    endpoint.ok().map(|endpoint| endpoint.url().to_owned())
}
