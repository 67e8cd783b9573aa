//! The work for one call: credentials, a role, the call itself, each with its words when it fails, all
//! of it within one bound.

use std::{cell::Cell, io, path::PathBuf};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_types::SdkConfig;

use super::{
    credentials::Setup, endpoint::Service, error_class::Stage, explain::CallContext, http::Client, resolved::Resolved,
    settings::Settings, subject::Subject,
};
use crate::{crash, identity::Identity, private_fs, token::MintError};

/// One call in the making.
pub(super) struct Work<'a> {
    context: CallContext<'a>,
    settings: &'a Settings,
    client: Client,
    stage: Cell<Stage>,
}

/// Credentials, and the configuration that they go with.
pub(super) struct Ready<'a> {
    setup: Setup<'a>,
    /// The identity's credentials, its role assumed.
    pub(super) credentials: Credentials,
}

impl<'a> Work<'a> {
    /// Refuses what no call can help with; opens no connection.
    pub(super) fn new(
        settings: &'a Settings,
        subject: Subject<'a>,
        identity: &'a Identity,
    ) -> Result<Work<'a>, MintError> {
        let context = CallContext { subject, identity, proxy: settings.proxy.as_deref() };
        context.preflight()?;
        let ca_bundle = settings.ca_bundle.as_deref().or(identity.ca_bundle.as_deref());
        let client = Client::new(ca_bundle, &settings.roots).map_err(|bundle| context.bad_bundle(&bundle))?;
        Ok(Work { context, settings, client, stage: Cell::new(Stage::Credentials) })
    }

    /// The HTTP client of all its requests.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The identity's credentials, its role assumed; those that were got before, where there are some.
    pub(super) async fn credentials(&self, resolved: &Resolved) -> Result<Ready<'a>, MintError> {
        let identity = self.context.identity;
        // The SDK reads these files in one go, and no timeout ends that at a pipe.
        for path in self.settings.shared_files.iter().map(PathBuf::as_path).chain(identity.source.token_file()) {
            let refused = |err| io::Error::other(format!("cannot read {}: {err}", path.display()));
            private_fs::check_no_wait(path).map_err(|err| self.failed(&refused(err)))?;
        }
        let setup = Setup::read(identity, &self.client, self.settings.bounds, self.settings.max_attempts).await;
        if let Some(credentials) = resolved.get(identity) {
            self.stage.set(Stage::Call);
            return Ok(Ready { setup, credentials });
        }
        let mut credentials = setup.base().await.map_err(|err| self.failed(&err))?;
        if let Some(role) = &identity.role {
            self.stage.set(Stage::Role);
            credentials = setup.assume(role, credentials).await.map_err(|err| self.failed(&err))?;
        }
        resolved.keep(identity, &credentials);
        self.stage.set(Stage::Call);
        Ok(Ready { setup, credentials })
    }

    /// Waits for a part of the work, at most the bound of a mint. A panic of a library is an error.
    pub(super) async fn bounded<T>(&self, part: impl Future<Output = Result<T, MintError>>) -> Result<T, MintError> {
        let bound = self.settings.bounds.operation;
        let outcome = tokio::time::timeout(bound, crash::catch_async(part)).await;
        let crashed = |crash| Err(self.context.crashed(self.stage.get(), &crash));
        outcome.map_or_else(
            |_| Err(self.context.timeout(self.stage.get(), self.client.asked().as_deref(), bound)),
            |caught| caught.unwrap_or_else(crashed),
        )
    }

    /// An error of the stage that the work has come to, in words.
    pub(super) fn failed(&self, error: &(dyn std::error::Error + 'static)) -> MintError {
        self.context.explain(self.stage.get(), self.client.asked().as_deref(), error).into()
    }
}

impl Ready<'_> {
    /// The configuration of a service's client in a region. A FIPS or dual-stack registry wants its own
    /// endpoint.
    pub(super) fn config(&self, service: Service, region: &str, fips: bool, dual_stack: bool) -> SdkConfig {
        let credentials = SharedCredentialsProvider::new(self.credentials.clone());
        let builder = self.setup.config(service, region, fips, dual_stack).into_builder();
        builder.credentials_provider(credentials).build()
    }
}
