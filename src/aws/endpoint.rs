//! Where a service is asked: at the endpoint that environment or profile names (AWS SDK reference guide,
//! "Service-specific endpoints"), else at AWS's own.

use aws_types::{SdkConfig, service_config::ServiceConfigKey};
use futures_util::FutureExt;

use crate::registry::{Kind, Registry};

/// AWS's own endpoint as the SDK's crate of a service will find it, in a region, with FIPS, over both stacks. Each
/// crate has types of its own for that.
macro_rules! own_endpoint {
    ($sdk:ident, $region:expr, $fips:expr, $dual_stack:expr) => {{
        use $sdk::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
        let parameters = Params::builder().set_region($region).use_fips($fips).use_dual_stack($dual_stack).build();
        // The rules are in memory: the future is ready at once, and no runtime is needed.
        let found = ResolveEndpoint::resolve_endpoint(&DefaultResolver::new(), &parameters.ok()?).now_or_never()?;
        found.ok().map(|endpoint| endpoint.url().to_owned())
    }};
}

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

    /// Where it is asked, of the services whose connection is begun before it is needed.
    pub(super) fn url(self, config: &SdkConfig) -> Option<String> {
        self.named(config).or_else(|| self.own(config))
    }

    fn own(self, config: &SdkConfig) -> Option<String> {
        let region = config.region().map(ToString::to_string);
        let (fips, dual_stack) = (config.use_fips().unwrap_or_default(), config.use_dual_stack().unwrap_or_default());
        match self {
            Service::Signer => own_endpoint!(aws_sdk_signer, region, fips, dual_stack),
            Service::SignerData => own_endpoint!(aws_sdk_signerdata, region, fips, dual_stack),
            Service::Ecr | Service::EcrPublic | Service::Sts | Service::Sso | Service::SsoOidc => None,
        }
    }
}

/// Where AWS's own API is that mints this registry's token; `None` for a region that has none of the kind that
/// the host asks for.
pub(super) fn of_aws(registry: &Registry) -> Option<String> {
    if registry.kind == Kind::Public {
        return Some(format!("https://api.ecr-public.{}.amazonaws.com", registry.region));
    }
    own_endpoint!(aws_sdk_ecr, Some(registry.region.clone()), registry.fips, registry.dual_stack)
}
