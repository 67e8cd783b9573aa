//! From an identity to its credentials: exactly the source that the identity names, never a chain
//! that could find another, so that the identity that keys the cache is the one that mints.

use std::{path::Path, time::Duration};

#[expect(deprecated, reason = "the replacement is in a crate of the SDK's inside")]
use aws_config::profile::profile_file::{ProfileFileKind, ProfileFiles};
use aws_config::{
    BehaviorVersion, Region,
    ecs::EcsCredentialsProvider,
    environment::EnvironmentVariableCredentialsProvider,
    identity::IdentityCache,
    imds::{self, credentials::ImdsCredentialsProvider},
    profile::ProfileFileCredentialsProvider,
    provider_config::ProviderConfig,
    retry::RetryConfig,
    sts::AssumeRoleProvider,
    web_identity_token::WebIdentityTokenCredentialsProvider,
};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, error::CredentialsError},
};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_types::{SdkConfig, sdk_ua_metadata::FrameworkMetadata};

use super::{
    endpoint::Service,
    http::{Bounds, Client},
};
use crate::identity::{Identity, Profile, Role, SessionRenewal, Source};

/// Bound of one metadata request. It is answered on the machine itself or not at all.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);

/// Tries of one metadata request: the second one helps with a packet that was lost.
const METADATA_ATTEMPTS: u32 = 2;

/// What every call shares: client, bounds, tries, and the endpoint settings of environment and profile.
pub(super) struct Setup<'a> {
    identity: &'a Identity,
    client: Client,
    bounds: Bounds,
    retry: RetryConfig,
    config: SdkConfig,
}

impl<'a> Setup<'a> {
    /// Reads what the SDK reads of environment and profile: `AWS_ENDPOINT_URL…`,
    /// `AWS_USE_FIPS_ENDPOINT`, `AWS_USE_DUALSTACK_ENDPOINT` and their keys.
    ///
    /// The region is given, so that it never asks the metadata service for one, and so is the
    /// retry mode, because it panics on an `AWS_RETRY_MODE` that it does not know.
    pub(super) async fn read(identity: &'a Identity, client: &Client, bounds: Bounds, attempts: u32) -> Setup<'a> {
        let retry = RetryConfig::standard().with_max_attempts(attempts);
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(identity.region.clone()))
            .http_client(client.clone())
            .sleep_impl(TokioSleep::new())
            .timeout_config(bounds.of_try())
            .retry_config(retry.clone())
            .identity_cache(IdentityCache::no_cache())
            .no_credentials();
        if let Ok(this) = FrameworkMetadata::new(env!("CARGO_PKG_NAME"), Some(env!("CARGO_PKG_VERSION"))) {
            loader = loader.framework_metadata(this);
        }
        if let Source::Profile(profile) = &identity.source {
            loader = loader.profile_name(&profile.name).profile_files(files(profile));
        }
        Setup { identity, client: client.clone(), bounds, retry, config: loader.load().await }
    }

    /// The configuration of a service's client in a region, without credentials. A FIPS or dual-stack
    /// host wants its own endpoint; for the others environment and profile decide. Where the service is
    /// elsewhere, neither asks anything.
    pub(super) fn config(&self, service: Service, region: &str, fips: bool, dual_stack: bool) -> SdkConfig {
        let mut builder = self.config.to_builder().region(Region::new(region.to_owned()));
        if service.is_elsewhere(&self.config) {
            return builder.use_fips(false).use_dual_stack(false).build();
        }
        if fips {
            builder = builder.use_fips(true);
        }
        if dual_stack {
            builder = builder.use_dual_stack(true);
        }
        builder.build()
    }

    /// The credentials of the identity's source, without its role.
    pub(super) async fn base(&self) -> Result<Credentials, CredentialsError> {
        let elsewhere = self.issuers().iter().all(|service| service.is_elsewhere(&self.config));
        let setup = ProviderConfig::without_region()
            .with_behavior_version(Some(BehaviorVersion::latest()))
            .with_region(Some(Region::new(self.identity.region.clone())))
            .with_http_client(self.client.clone())
            .with_sleep_impl(TokioSleep::new())
            .with_timeout_config(self.bounds.of_try())
            .with_retry_config(self.retry.clone())
            .with_use_fips(if elsewhere { Some(false) } else { self.config.use_fips() })
            .with_use_dual_stack(if elsewhere { Some(false) } else { self.config.use_dual_stack() });
        match &self.identity.source {
            Source::Environment { .. } => EnvironmentVariableCredentialsProvider::new().provide_credentials().await,
            Source::Profile(profile) => {
                let provider = ProfileFileCredentialsProvider::builder()
                    .configure(&setup)
                    .profile_name(&profile.name)
                    .profile_files(files(profile))
                    .build();
                provider.provide_credentials().await
            }
            Source::WebIdentity { .. } => {
                let provider = WebIdentityTokenCredentialsProvider::builder().configure(&setup).build();
                provider.provide_credentials().await
            }
            Source::Container { .. } => {
                EcsCredentialsProvider::builder().configure(&setup).build().provide_credentials().await
            }
            Source::InstanceMetadata => {
                let client = imds::Client::builder()
                    .configure(&setup)
                    .max_attempts(METADATA_ATTEMPTS)
                    .connect_timeout(METADATA_TIMEOUT)
                    .read_timeout(METADATA_TIMEOUT)
                    .build();
                let provider = ImdsCredentialsProvider::builder().configure(&setup).imds_client(client).build();
                provider.provide_credentials().await
            }
            Source::None => Err(CredentialsError::not_loaded_no_source()),
        }
    }

    /// The services that the first credentials may come from.
    fn issuers(&self) -> &'static [Service] {
        match &self.identity.source {
            Source::Profile(Profile { renewal: Some(SessionRenewal::Sso { .. }), .. }) => {
                &[Service::Sts, Service::Sso, Service::SsoOidc]
            }
            _ => &[Service::Sts],
        }
    }

    /// The credentials of the role that our configuration assumes.
    pub(super) async fn assume(&self, role: &Role, base: Credentials) -> Result<Credentials, CredentialsError> {
        let mut builder = AssumeRoleProvider::builder(&role.arn)
            .configure(&self.config(Service::Sts, &self.identity.region, false, false))
            .session_name(role.session_name.as_deref().unwrap_or(env!("CARGO_PKG_NAME")));
        if let Some(id) = &role.external_id {
            builder = builder.external_id(id);
        }
        builder.build_from_provider(base).await.provide_credentials().await
    }
}

/// The files in which the identity was found. One that does not exist is left out: the SDK would fail on it.
#[expect(deprecated, reason = "the replacement is in a crate of the SDK's inside")]
fn files(profile: &Profile) -> ProfileFiles {
    let [config, credentials] = &profile.files;
    let mut files = ProfileFiles::builder();
    for (kind, path) in [(ProfileFileKind::Config, config), (ProfileFileKind::Credentials, credentials)] {
        if Path::is_file(path) {
            files = files.with_file(kind, path);
        }
    }
    files.build()
}
