//! Amazon's side: credentials, tokens of ECR, AWS Signer. Everything that is async about a mint starts
//! and ends here; calls of AWS Signer run in their caller's runtime.

mod connect;
mod credential_process;
mod credentials;
mod ecr;
mod endpoint;
mod error_chain;
mod error_class;
mod explain;
mod http;
mod inspect;
pub mod managed_signing;
mod resolved;
mod response;
pub mod revocation;
pub(crate) mod runtime;
mod settings;
pub mod sign_error;
pub mod signer;
pub mod signer_roots;
pub mod signers;
mod signing_job;
pub mod signing_profile;
mod subject;
mod tls_roots;
mod work;

pub use http::Bounds;
pub use inspect::{CredentialsInfo, endpoint};
pub use settings::Settings;

use std::cell::RefCell;

use aws_smithy_types::timeout::TimeoutConfig;

use crate::{
    identity::Identity,
    oci,
    registry::{Kind, Registry},
    report::Report,
    token::{MintError, Token, TokenSource},
};
use ecr::Answerer;
use endpoint::Service;
use resolved::Resolved;
use runtime::BoundedRuntime;
use signer::Signer;
use subject::Subject;
use work::Work;

/// How registries are spoken to.
pub struct Registries {
    /// For requests.
    pub http: oci::Http,
    client: http::Client,
}

impl Registries {
    /// Begins the connection over TLS that the next request to this registry takes. It is made by the runtime that this
    /// is called in.
    pub fn connect_early(&self, registry: &str) {
        self.client.connect_early(&format!("https://{registry}"));
    }
}

/// Amazon itself.
pub struct Aws {
    settings: Settings,
    resolved: Resolved,
    /// The endpoint that the last mint asked.
    asked: RefCell<Option<String>>,
}

impl Aws {
    /// Opens nothing; the first call does.
    pub fn new(settings: Settings) -> Aws {
        Aws { settings, resolved: Resolved::default(), asked: RefCell::default() }
    }

    /// The HTTP client for registries: the same TLS, proxies and CA bundle as for AWS, the bundle of an identity's
    /// profile included.
    pub fn registries(&self, identity: Option<&Identity>) -> Result<Registries, Report> {
        let of_identity = identity.and_then(|identity| identity.ca_bundle.as_deref());
        let ca_bundle = self.settings.ca_bundle.as_deref().or(of_identity);
        let client = http::Client::new(ca_bundle, &self.settings.roots)
            .map_err(|bundle| bundle.report("cannot speak to registries: the CA bundle cannot be used"))?;
        let connector = client.unbounded_connector(&self.settings.bounds.of_connector());
        Ok(Registries { http: oci::Http::new(connector, oci::RetryPolicy::default()), client })
    }

    /// AWS Signer in a region, with the identity's credentials. Getting them is bounded as a mint is,
    /// and so is every call that is made with the client.
    pub async fn signer(&self, identity: &Identity, region: &str) -> Result<Signer, Report> {
        let subject = Subject::Signer { operation: "SignPayload", doing: "be asked for", profile: None, region };
        let work = Work::new(&self.settings, subject, identity).map_err(|err| err.report)?;
        let ready = work.bounded(work.credentials(&self.resolved)).await.map_err(|err| err.report)?;
        let http = work.client().with_max_answer(signer::MAX_ANSWER);
        let [config, data] = [Service::Signer, Service::SignerData].map(|service| {
            let config = ready.config(service, region, false, false);
            // Each call is bounded as a whole, retries included.
            let bounds = config.timeout_config().cloned().unwrap_or_else(TimeoutConfig::disabled).into_builder();
            let bounds = bounds.operation_timeout(self.settings.bounds.operation).build();
            config.into_builder().timeout_config(bounds).http_client(http.clone()).build()
        });
        let of = (identity.clone(), ready.credentials.clone());
        Ok(Signer::new([&config, &data], of, http, self.settings.proxy.clone()))
    }

    /// Runs async work of one call in a runtime of its own, within the bound of a mint.
    fn run<'a, T>(
        &'a self,
        subject: Subject<'a>,
        identity: &'a Identity,
        call: impl AsyncFnOnce(&Work<'a>) -> Result<T, MintError>,
    ) -> Result<T, MintError> {
        let work = Work::new(&self.settings, subject, identity)?;
        let runtime = BoundedRuntime::start().map_err(|err| work.failed(&err))?;
        runtime.run(async { work.bounded(call(&work)).await })
    }
}

impl TokenSource for Aws {
    fn mint(&self, registry: &Registry, identity: &Identity) -> Result<Token, MintError> {
        self.run(Subject::Token(registry), identity, async |work| {
            let ready = work.credentials(&self.resolved).await?;
            let service = if registry.kind == Kind::Public { Service::EcrPublic } else { Service::Ecr };
            let config = ready.config(service, &registry.region, registry.fips, registry.dual_stack);
            let named = service.named(&config).map(|url| error_chain::without_user(&url));
            self.asked.replace(named.or_else(|| endpoint::of_aws(registry)));
            let answer = ecr::ask(&config, registry).await.map_err(|err| work.failed(&err))?;
            let from = if service.is_elsewhere(&config) { Answerer::Endpoint } else { Answerer::Aws };
            ecr::check(answer, registry, self.settings.now).map_err(|malformed| malformed.report(registry, from))
        })
    }

    fn asked(&self) -> Option<String> {
        self.asked.borrow().clone()
    }
}
