//! From an identity to its credentials: exactly the source that the identity names, never a chain
//! that could find another, so that the identity that keys the cache is the one that mints. The SDK
//! is handed what `identity` read of the AWS files, and never opens them.

use std::time::{Duration, SystemTime};

#[expect(deprecated, reason = "the replacement is in a crate of the SDK's inside")]
use aws_config::profile::profile_file::{ProfileFileKind, ProfileFiles};
use aws_config::{
    BehaviorVersion, Region,
    ecs::EcsCredentialsProvider,
    identity::IdentityCache,
    imds::{self, credentials::ImdsCredentialsProvider},
    profile::ProfileFileCredentialsProvider,
    provider_config::ProviderConfig,
    retry::RetryConfig,
    sso::SsoCredentialsProvider,
    sts::AssumeRoleProvider,
};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, error::CredentialsError},
};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_types::{SdkConfig, sdk_ua_metadata::FrameworkMetadata};

use super::{
    credential_process,
    endpoint::Service,
    http::{Bounds, Client},
};
use crate::{
    identity::{Base, Identity, Keys, Role, Source, WebIdentity, WebToken},
    names::PROGRAM,
    private_fs,
    secret::Wiped,
};

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
        loader = loader.profile_name(DEFAULT).profile_files(files(&identity.settings));
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

    /// The credentials of the identity's source, without the role of our configuration.
    pub(super) async fn base(&self) -> Result<Credentials, CredentialsError> {
        let found = match &self.identity.source {
            Source::Environment(keys) => Ok(of_keys(keys, "Environment")),
            Source::Profile(profile) => {
                let mut credentials = usable(self.of_profile(&profile.base).await?)?;
                for role in &profile.roles {
                    credentials = self.assume(role, credentials).await?;
                }
                Ok(credentials)
            }
            Source::WebIdentity(web) => self.web_identity(web).await,
            Source::Container(_) => self.container().await,
            Source::InstanceMetadata => self.instance().await,
            Source::None => Err(CredentialsError::not_loaded_no_source()),
        };
        usable(found?)
    }

    /// The first credentials of a profile.
    async fn of_profile(&self, base: &Base) -> Result<Credentials, CredentialsError> {
        match base {
            Base::Keys(keys) => Ok(of_keys(keys, "ProfileFile")),
            Base::Process { command } => credential_process::run(command, self.bounds.operation),
            Base::WebIdentity(web) => self.web_identity(web).await,
            Base::Container(_) => self.container().await,
            Base::InstanceMetadata => self.instance().await,
            Base::Login { arn } => self.by_text(&[("login_session", arn)], "").await,
            Base::Sso { session: None, start_url, region, account, role } => {
                let lines = [
                    ("sso_start_url", start_url.as_str()),
                    ("sso_region", region),
                    ("sso_account_id", account),
                    ("sso_role_name", role),
                ];
                self.by_text(&lines, "").await
            }
            Base::Sso { session: Some(session), start_url, region, account, role } => {
                // The file with the session's token goes by its name, so it cannot be given another one.
                if !session.chars().all(|c| c.is_ascii_alphanumeric() || "_-/.%@:+".contains(c)) {
                    let provider = SsoCredentialsProvider::builder()
                        .configure(&self.provider_config())
                        .session_name(session)
                        .start_url(start_url)
                        .region(Region::new(region.clone()))
                        .account_id(account)
                        .role_name(role);
                    return provider.build().provide_credentials().await;
                }
                let lines = [("sso_session", session.as_str()), ("sso_account_id", account), ("sso_role_name", role)];
                let section = format!("[sso-session {session}]\nsso_start_url = {start_url}\nsso_region = {region}\n");
                self.by_text(&lines, &section).await
            }
        }
    }

    /// The credentials of a web identity's role. The SDK's own provider reads its token from a file alone.
    async fn web_identity(&self, web: &WebIdentity) -> Result<Credentials, CredentialsError> {
        let token = match &web.token {
            WebToken::Given(token) => Wiped::new(token.expose().to_owned()),
            WebToken::File(path) => {
                let bytes = private_fs::read_secret(path, private_fs::MAX_FILE_SIZE);
                let bytes = bytes.map_err(CredentialsError::provider_error)?;
                let text = std::str::from_utf8(&bytes).map_err(CredentialsError::provider_error)?;
                Wiped::new(text.to_owned())
            }
        };
        let client = aws_sdk_sts::Client::new(&self.config(Service::Sts, &self.identity.region, false, false));
        let request = client
            .assume_role_with_web_identity()
            .role_arn(&web.role_arn)
            .role_session_name(web.session_name.as_deref().unwrap_or(PROGRAM))
            .web_identity_token(&*token);
        let answer = request.send().await.map_err(CredentialsError::provider_error)?;
        let found = answer.credentials.ok_or_else(|| CredentialsError::unhandled("the answer has no credentials"))?;
        let end = SystemTime::try_from(found.expiration).map_err(CredentialsError::unhandled)?;
        let token = Some(found.session_token);
        Ok(Credentials::new(found.access_key_id, found.secret_access_key, token, Some(end), "WebIdentityToken"))
    }

    /// The credentials of a profile with these lines. The SDK's own providers take no endpoint of a
    /// profile, but where they are parts of one.
    async fn by_text(&self, lines: &[(&str, &str)], section: &str) -> Result<Credentials, CredentialsError> {
        let mut profile = format!("[{DEFAULT}]\n");
        for (key, value) in lines {
            if value.contains(['\n', '\r']) || value.contains(" #") || value.contains(" ;") {
                return Err(CredentialsError::invalid_configuration(format!("{key} is no {key}")));
            }
            profile += &format!("{key} = {value}\n");
        }
        let settings = self.identity.settings.trim_start_matches("[default]\n");
        let provider = ProfileFileCredentialsProvider::builder()
            .configure(&self.provider_config())
            .profile_name(DEFAULT)
            .profile_files(files(&format!("{profile}{settings}{section}")))
            .build();
        provider.provide_credentials().await
    }

    async fn container(&self) -> Result<Credentials, CredentialsError> {
        EcsCredentialsProvider::builder().configure(&self.provider_config()).build().provide_credentials().await
    }

    async fn instance(&self) -> Result<Credentials, CredentialsError> {
        let setup = self.provider_config();
        let client = imds::Client::builder()
            .configure(&setup)
            .endpoint(&self.identity.metadata.endpoint)
            .map_err(CredentialsError::invalid_configuration)?
            .max_attempts(if self.identity.metadata.is_there { METADATA_ATTEMPTS } else { 1 })
            .connect_timeout(METADATA_TIMEOUT)
            .read_timeout(METADATA_TIMEOUT)
            .build();
        let provider = ImdsCredentialsProvider::builder().configure(&setup).imds_client(client).build();
        provider.provide_credentials().await
    }

    /// What the SDK's own providers work with.
    fn provider_config(&self) -> ProviderConfig {
        let elsewhere = self.issuers().iter().all(|service| service.is_elsewhere(&self.config));
        let [fips, dual_stack] = [self.config.use_fips(), self.config.use_dual_stack()];
        ProviderConfig::without_region()
            .with_behavior_version(Some(BehaviorVersion::latest()))
            .with_region(Some(Region::new(self.identity.region.clone())))
            .with_http_client(self.client.clone())
            .with_sleep_impl(TokioSleep::new())
            .with_timeout_config(self.bounds.of_try())
            .with_retry_config(self.retry.clone())
            .with_use_fips(if elsewhere { Some(false) } else { fips })
            .with_use_dual_stack(if elsewhere { Some(false) } else { dual_stack })
    }

    /// The services that the SDK's own providers ask.
    fn issuers(&self) -> &'static [Service] {
        match &self.identity.source {
            Source::Profile(profile) if matches!(profile.base, Base::Sso { .. }) => &[Service::Sso, Service::SsoOidc],
            _ => &[Service::Sts],
        }
    }

    /// The credentials of a role, of a profile or of our configuration.
    pub(super) async fn assume(&self, role: &Role, base: Credentials) -> Result<Credentials, CredentialsError> {
        let mut builder = AssumeRoleProvider::builder(&role.arn)
            .configure(&self.config(Service::Sts, &self.identity.region, false, false))
            .session_name(role.session_name.as_deref().unwrap_or(PROGRAM));
        if let Some(id) = &role.external_id {
            builder = builder.external_id(id);
        }
        usable(builder.build_from_provider(base).await.provide_credentials().await?)
    }
}

/// Credentials without the blanks around them, when a request can carry them: the SDK panics on others.
fn usable(found: Credentials) -> Result<Credentials, CredentialsError> {
    let token = found.session_token().unwrap_or_default();
    let parts = [("access key id", found.access_key_id()), ("secret access key", found.secret_access_key())];
    for (what, text) in parts.into_iter().chain([("session token", token)]) {
        if !text.trim().bytes().all(|byte| byte.is_ascii_graphic()) {
            let fault = format!("the {what} has a character that no key has");
            return Err(CredentialsError::invalid_configuration(fault));
        }
    }
    if [found.access_key_id(), found.secret_access_key(), token].iter().all(|text| text.trim() == *text) {
        return Ok(found);
    }
    let [(_, id), (_, secret)] = parts;
    let token = Some(token.trim()).filter(|token| !token.is_empty()).map(String::from);
    Ok(Credentials::new(id.trim(), secret.trim(), token, found.expiry(), env!("CARGO_PKG_NAME")))
}

/// The one profile of the texts that the SDK is handed.
const DEFAULT: &str = "default";

/// A text in place of the AWS files.
#[expect(deprecated, reason = "the replacement is in a crate of the SDK's inside")]
fn files(text: &str) -> ProfileFiles {
    ProfileFiles::builder().with_contents(ProfileFileKind::Config, text).build()
}

fn of_keys(keys: &Keys, provider: &'static str) -> Credentials {
    let token = keys.session_token().map(String::from);
    Credentials::new(&keys.access_key_id, keys.secret_access_key(), token, None, provider)
}
