//! The endpoint that environment or profile names in the place of AWS's own (AWS SDK reference guide,
//! "Service-specific endpoints").

use aws_types::{SdkConfig, service_config::ServiceConfigKey};

/// A service that is asked, as the SDK names it in its configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Ecr,
    EcrPublic,
    Signer,
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
            Service::Sts => "STS",
            Service::Sso => "SSO",
            Service::SsoOidc => "SSO OIDC",
        }
    }

    /// Whether an endpoint is named for it. The SDK refuses to combine one with a FIPS or dual-stack
    /// endpoint, which are two more names of AWS's own.
    pub(super) fn is_elsewhere(self, config: &SdkConfig) -> bool {
        let key = ServiceConfigKey::builder().service_id(self.id()).env("AWS_ENDPOINT_URL").profile("endpoint_url");
        let named = || config.service_config()?.load_config(key.build().ok()?);
        config.endpoint_url().is_some() || named().is_some_and(|url| !url.trim().is_empty())
    }
}
