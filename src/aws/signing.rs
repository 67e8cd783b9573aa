//! What signing needs of AWS: a configuration with credentials for AWS Signer, and the HTTP stack
//! for registries.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::SdkConfig;

use super::{
    Aws, Failure, FailureKind,
    credentials::Setup,
    explain::{Scene, Step},
    http::{Clients, Connectors},
};
use crate::{
    identity::Identity,
    registry::{Kind, Registry},
    sign::oci::{Http, Patience},
};

impl Aws {
    /// The HTTP stack for registries: the same TLS, proxies and CA bundle as for AWS.
    pub fn http(&self, patience: Patience) -> Result<Http, Failure> {
        let connectors = Connectors::new(self.settings.ca_bundle.as_deref()).map_err(|bundle| Failure {
            kind: FailureKind::Unreachable,
            what: "cannot speak to registries: the CA bundle cannot be used".into(),
            causes: vec![bundle.to_string()],
            hint: Some("AWS_CA_BUNDLE or the profile's ca_bundle must name a PEM file of certificates".into()),
        })?;
        Ok(Http::new(connectors.through, connectors.direct, patience))
    }

    /// The configuration of a client of AWS Signer in a region, with the identity's credentials.
    /// Everything in it is bounded, and this call too.
    pub async fn configuration(&self, identity: &Identity, region: &str) -> Result<SdkConfig, Failure> {
        // What the failure's words are about.
        let about = Registry {
            host: format!("AWS Signer in {region}"),
            kind: Kind::Private { account: "of the signing profile".into() },
            region: region.into(),
            fips: false,
            dual_stack: false,
        };
        let scene = Scene { registry: &about, identity, proxy: self.settings.proxy.as_deref() };
        scene.hopeless()?;
        let clients = Clients::new(self.settings.ca_bundle.as_deref()).map_err(|err| scene.bad_bundle(&err))?;
        let attempts = self.settings.max_attempts.filter(|attempts| *attempts > 0).unwrap_or(3);
        let setup = Setup { identity, clients: &clients, retry: RetryConfig::standard().with_max_attempts(attempts) };
        let load = async {
            let mut credentials = setup.base().await.map_err(|err| scene.explain(Step::Credentials, &err))?;
            if let Some(role) = &identity.role {
                credentials = setup.assume(role, credentials).await.map_err(|err| scene.explain(Step::Role, &err))?;
            }
            let config = setup.config(region, |loader| loader).await;
            Ok(config.into_builder().credentials_provider(SharedCredentialsProvider::new(credentials)).build())
        };
        let bounded = tokio::time::timeout(CREDENTIALS, load).await;
        bounded.unwrap_or_else(|_| Err(scene.late(Step::Credentials)))
    }
}

/// Time for finding credentials, roles and sessions included; the bound of a whole mint.
const CREDENTIALS: Duration = super::http::OPERATION;
