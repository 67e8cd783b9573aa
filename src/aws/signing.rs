//! What signing needs of AWS: a configuration with credentials for AWS Signer, and the HTTP stack
//! for registries.

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;

use super::{
    Aws, Failure, FailureKind,
    credentials::Setup,
    explain::{Scene, Step},
    http,
};
use crate::{
    identity::Identity,
    registry::{Kind, Registry},
    sign::oci::{Http, Patience},
};

impl Aws {
    /// The HTTP stack for registries: the same TLS, proxies and CA bundle as for AWS.
    pub fn http(&self, identity: &Identity, patience: Patience) -> Result<Http, Failure> {
        let ca_bundle = self.settings.ca_bundle.as_deref().or(identity.ca_bundle.as_deref());
        let connector = http::bare(ca_bundle, self.settings.bounds).map_err(|bundle| Failure {
            kind: FailureKind::Unreachable,
            what: "cannot speak to registries: the CA bundle cannot be used".into(),
            causes: vec![bundle.to_string()],
            hint: Some("AWS_CA_BUNDLE or the profile's ca_bundle must name a PEM file of certificates".into()),
        })?;
        Ok(Http::new(connector, patience))
    }

    /// The configuration of a client of AWS Signer in a region, with the identity's credentials.
    /// It is bounded as a mint is, and so is every call that is made with it.
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
        let ca_bundle = self.settings.ca_bundle.as_deref().or(identity.ca_bundle.as_deref());
        let client = http::Client::new(ca_bundle).map_err(|err| scene.bad_bundle(&err))?;
        let attempts = self.settings.max_attempts.filter(|attempts| *attempts > 0).unwrap_or(3);
        let explain =
            |step, err: &(dyn std::error::Error + 'static)| scene.explain(step, client.asked().as_deref(), err);
        let operation = self.settings.bounds.operation;
        let load = async {
            let setup = Setup::read(identity, &client, self.settings.bounds, attempts).await;
            let mut credentials = setup.base().await.map_err(|err| explain(Step::Credentials, &err))?;
            if let Some(role) = &identity.role {
                credentials = setup.assume(role, credentials).await.map_err(|err| explain(Step::Role, &err))?;
            }
            let config = setup.config(&about);
            // Each call that is made with it is bounded as a whole, retries included.
            let bounds = config.timeout_config().cloned().unwrap_or_else(TimeoutConfig::disabled);
            let bounds = bounds.into_builder().operation_timeout(operation).build();
            let builder = config.into_builder().timeout_config(bounds);
            Ok(builder.credentials_provider(SharedCredentialsProvider::new(credentials)).build())
        };
        let bounded = tokio::time::timeout(operation, load).await;
        bounded.unwrap_or_else(|_| Err(scene.late(Step::Credentials, client.asked().as_deref(), operation)))
    }
}
