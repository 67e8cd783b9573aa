//! AWS Signer: signing a payload, and the signing profiles. Thin over the SDK; its work is to say
//! what AWS said, to which profile, where, and what to do about it.

use std::collections::BTreeMap;

use aws_credential_types::Credentials;
use aws_sdk_signer::{
    error::SdkError,
    primitives::Blob,
    types::{SignatureValidityPeriod, SigningProfileStatus, ValidityType},
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;

use super::{
    endpoint::Service,
    error_class::Stage,
    explain::{CallContext, Explained},
    http::Client,
    response::Refused,
    sign_error::{SignError, SignErrorKind},
    signing_job::{OneJob, SIGN_ATTEMPT, SIGN_OPERATION},
    signing_profile::{PLATFORM, SigningProfile, Unit, Validity},
    subject::Subject,
};
use crate::{identity::Identity, names::PROGRAM, oci::media, report::Report, secret::Secret};

/// Most bytes of an answer: an envelope of 32 MiB, the most that `notary` reads, as base64.
pub(super) const MAX_ANSWER: usize = 48 << 20;

/// A client of AWS Signer in one region.
#[derive(Debug)]
pub struct Signer {
    client: aws_sdk_signer::Client,
    /// The same for SignPayload, which is waited for longer and tried again more carefully.
    signing: aws_sdk_signer::Client,
    /// What tells of revocations is a service of its own.
    pub(super) data: aws_sdk_signerdata::Client,
    region: String,
    credentials: Credentials,
    /// The endpoint that environment or profile set in place of AWS's own.
    endpoint: Option<String>,
    /// Where it is asked: that, or AWS's own.
    url: Option<String>,
    /// Where its data service is asked.
    data_url: Option<String>,
    /// Whose credentials it has, which proxy is on the way and which host was asked last: for errors.
    identity: Identity,
    proxy: Option<String>,
    http: Client,
}

/// What SignPayload returned, not yet believed.
#[derive(Debug, Clone)]
pub struct SignPayloadOutput {
    /// The signature envelope.
    pub envelope: Vec<u8>,
    /// Notes that AWS wants on the signature's manifest.
    pub annotations: BTreeMap<String, String>,
    /// AWS's job.
    pub job: Option<String>,
}

/// A signing profile as AWS describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileDescription {
    /// Its ARN or, where AWS gives none, its name.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// The ARN of its newest version.
    pub version_arn: Option<String>,
    /// What it signs.
    pub platform: String,
    /// `Active`, `Canceled` or `Revoked`.
    pub status: String,
    /// Why it has that status.
    pub status_reason: Option<String>,
    /// How long its signatures are valid: `135 MONTHS`.
    pub validity: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Signer {
    /// A client that uses the region and credentials of the configurations of AWS Signer and of its data service.
    pub(super) fn new(
        [config, data]: [&SdkConfig; 2],
        (identity, credentials): (Identity, Credentials),
        http: Client,
        proxy: Option<String>,
    ) -> Signer {
        let bounds = config.timeout_config().cloned().unwrap_or_else(TimeoutConfig::disabled).into_builder();
        let bounds = bounds.read_timeout(SIGN_ATTEMPT).operation_timeout(SIGN_OPERATION).build();
        let signing = aws_sdk_signer::config::Builder::from(config).timeout_config(bounds).retry_classifier(OneJob);
        Signer {
            client: aws_sdk_signer::Client::new(config),
            signing: aws_sdk_signer::Client::from_conf(signing.build()),
            data: aws_sdk_signerdata::Client::new(data),
            region: config.region().map(ToString::to_string).unwrap_or_default(),
            credentials,
            url: Service::Signer.url(config),
            data_url: Service::SignerData.url(data),
            endpoint: Service::Signer.named(config),
            identity,
            proxy,
            http,
        }
    }

    /// The environment variables that make another program of AWS's the same principal at the same place.
    pub fn variables(&self) -> Vec<(&'static str, Secret)> {
        let mut variables: Vec<(&'static str, Secret)> = vec![
            ("AWS_ACCESS_KEY_ID", self.credentials.access_key_id().to_owned().into()),
            ("AWS_SECRET_ACCESS_KEY", self.credentials.secret_access_key().to_owned().into()),
            ("AWS_REGION", self.region.clone().into()),
        ];
        if let Some(token) = self.credentials.session_token() {
            variables.push(("AWS_SESSION_TOKEN", token.to_owned().into()));
        }
        if let Some(url) = &self.endpoint {
            variables.push(("AWS_ENDPOINT_URL_SIGNER", url.clone().into()));
        }
        variables
    }

    /// Begins the connection that signing takes. Needs a runtime around it.
    pub fn connect_early(&self) {
        if let Some(url) = &self.url {
            self.http.connect_early(url);
        }
    }

    /// Begins the connection that asking for revocations takes. Needs a runtime around it.
    pub fn connect_data_early(&self) {
        if let Some(url) = &self.data_url {
            self.http.connect_early(url);
        }
    }

    /// Signs a payload. What comes back must go through
    /// `sign::check` before it is used.
    pub async fn sign(&self, profile: &SigningProfile, payload: &[u8]) -> Result<SignPayloadOutput, SignError> {
        let call = self
            .signing
            .sign_payload()
            .profile_name(&profile.name)
            .set_profile_owner(profile.home.as_ref().map(|home| home.account.clone()))
            .payload(Blob::new(payload))
            .payload_format(media::PAYLOAD);
        let answer = match call.send().await {
            Ok(answer) => answer,
            Err(err) => {
                let invalid = err.as_service_error().is_some_and(|err| err.is_validation_exception());
                let explained = self.explained(("SignPayload", "sign with"), Some(profile), err);
                let kind = SignErrorKind::of(&explained);
                let refused = self.hinted(Some(profile), explained);
                return Err(SignError {
                    report: if invalid { self.explain(profile, refused).await } else { refused },
                    kind,
                });
            }
        };
        let envelope = answer.signature.ok_or_else(|| SignError {
            report: Report::new(format!("AWS Signer gave no signature for {profile} in {}", self.region))
                .hint("check that no proxy or endpoint_url answers in place of AWS"),
            kind: SignErrorKind::Failed,
        })?;
        Ok(SignPayloadOutput {
            envelope: envelope.into_inner(),
            annotations: answer.metadata.unwrap_or_default().into_iter().collect(),
            job: answer.job_id,
        })
    }

    /// Looks whether the profile itself is the reason of a refusal; AWS only says that something is not valid.
    async fn explain(&self, profile: &SigningProfile, refused: Report) -> Report {
        match self.describe(profile).await {
            Ok(Some(described)) => match self.check_usable(&described) {
                Err(unusable) => unusable.cause(refused.full()),
                Ok(()) => refused,
            },
            // The first refusal tells more than that describing failed, too.
            Ok(None) | Err(_) => refused,
        }
    }

    /// Describes a profile; `None` when there is none of that name.
    pub async fn describe(&self, profile: &SigningProfile) -> Result<Option<ProfileDescription>, Report> {
        let owner = profile.home.as_ref().map(|home| home.account.clone());
        let call = self.client.get_signing_profile().profile_name(&profile.name).set_profile_owner(owner);
        let answer = match call.send().await {
            Ok(answer) => answer,
            Err(SdkError::ServiceError(err)) if err.err().is_resource_not_found_exception() => return Ok(None),
            Err(err) => return Err(self.refused(("GetSigningProfile", "describe"), Some(profile), err)),
        };
        Ok(Some(ProfileDescription {
            arn: answer.arn.unwrap_or_else(|| profile.to_string()),
            name: answer.profile_name.unwrap_or_else(|| profile.name.clone()),
            version_arn: answer.profile_version_arn,
            platform: answer.platform_id.unwrap_or_default(),
            status: status(answer.status.as_ref()),
            status_reason: answer.status_reason,
            validity: answer.signature_validity_period.as_ref().map(period),
            tags: answer.tags.unwrap_or_default().into_iter().collect(),
        }))
    }

    /// Creates a profile for container images and gives the ARN of its first version.
    pub async fn create(
        &self,
        profile: &SigningProfile,
        validity: Option<Validity>,
        tags: &BTreeMap<String, String>,
    ) -> Result<String, Report> {
        if profile.home.is_some() {
            return Err(Report::new(format!("a profile is created by its name, not by the ARN {profile}"))
                .hint("name it, and choose account and region with --profile and --region"));
        }
        let validity = validity.map(|validity| {
            let unit = match validity.unit {
                Unit::Days => ValidityType::Days,
                Unit::Months => ValidityType::Months,
                Unit::Years => ValidityType::Years,
            };
            SignatureValidityPeriod::builder().value(validity.value).r#type(unit).build()
        });
        let tags = (!tags.is_empty()).then(|| tags.clone().into_iter().collect());
        let call = self
            .client
            .put_signing_profile()
            .profile_name(&profile.name)
            .platform_id(PLATFORM)
            .set_signature_validity_period(validity)
            .set_tags(tags);
        let answer =
            call.send().await.map_err(|err| self.refused(("PutSigningProfile", "create"), Some(profile), err))?;
        answer
            .profile_version_arn
            .or(answer.arn)
            .ok_or_else(|| Report::new(format!("AWS Signer gave no ARN for {profile} in {}", self.region)))
    }

    /// The account's profiles for container images.
    pub async fn list(&self, canceled_too: bool) -> Result<Vec<ProfileDescription>, Report> {
        let mut found = Vec::new();
        let mut next = None;
        // Each page has 25 profiles; an account has far fewer than a hundred pages of them.
        for _ in 0..100 {
            let call = self
                .client
                .list_signing_profiles()
                .include_canceled(canceled_too)
                .platform_id(PLATFORM)
                .max_results(25)
                .set_next_token(next);
            let page = call.send().await.map_err(|err| self.refused(("ListSigningProfiles", "list"), None, err))?;
            found.extend(page.profiles.unwrap_or_default().into_iter().map(|one| ProfileDescription {
                name: one.profile_name.clone().unwrap_or_default(),
                arn: one.arn.or(one.profile_name).unwrap_or_default(),
                version_arn: one.profile_version_arn,
                platform: one.platform_id.unwrap_or_default(),
                status: status(one.status.as_ref()),
                status_reason: None,
                validity: one.signature_validity_period.as_ref().map(period),
                tags: one.tags.unwrap_or_default().into_iter().collect(),
            }));
            next = page.next_token;
            if next.is_none() {
                break;
            }
        }
        Ok(found)
    }

    /// Cancels a profile: it signs no more, its signatures stay good.
    pub async fn cancel(&self, profile: &SigningProfile) -> Result<(), Report> {
        let call = self.client.cancel_signing_profile().profile_name(&profile.name);
        call.send().await.map_err(|err| self.refused(("CancelSigningProfile", "cancel"), Some(profile), err))?;
        Ok(())
    }

    /// Revokes one version of a profile: signatures made from `effective` on are no longer good.
    /// This cannot be undone.
    pub async fn revoke(
        &self,
        profile: &SigningProfile,
        reason: &str,
        effective: std::time::SystemTime,
    ) -> Result<(), Report> {
        let version = profile.version.as_deref().ok_or_else(|| {
            Report::new(format!("revoking needs one version of {}", profile.name))
                .hint("`profile show` prints the version's ARN")
        })?;
        let call = self
            .client
            .revoke_signing_profile()
            .profile_name(&profile.name)
            .profile_version(version)
            .reason(reason)
            .effective_time(effective.into());
        call.send().await.map_err(|err| self.refused(("RevokeSigningProfile", "revoke"), Some(profile), err))?;
        Ok(())
    }

    /// Checks that a profile can sign images at all, and explains why not.
    pub fn check_usable(&self, described: &ProfileDescription) -> Result<(), Report> {
        if described.platform != PLATFORM {
            return Err(Report::new(format!(
                "the profile {} is for the platform `{}`, not for container images",
                described.arn, described.platform
            ))
            .hint(format!("create one for images: {PROGRAM} profile create NAME --region {}", self.region)));
        }
        if described.status != "Active" {
            let err = Report::new(format!("the profile {} is {}", described.arn, described.status.to_lowercase()));
            return Err(match &described.status_reason {
                Some(reason) => err.cause(reason),
                None => err,
            }
            .hint("sign with another profile"));
        }
        Ok(())
    }

    /// Why a call failed, with the profile, the region and the IAM action.
    fn refused<E>(
        &self,
        (operation, doing): (&'static str, &'static str),
        profile: Option<&SigningProfile>,
        err: SdkError<E, HttpResponse>,
    ) -> Report
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        self.hinted(profile, self.explained((operation, doing), profile, err))
    }

    fn hinted(&self, profile: Option<&SigningProfile>, explained: Explained) -> Report {
        match (explained.code.as_deref(), profile) {
            (Some("ResourceNotFoundException"), Some(profile)) => explained.report.hint(format!(
                "check the name and the region {0}, or create it: {PROGRAM} profile create {1} --region {0}",
                self.region, profile.name
            )),
            (Some("ValidationException" | "BadRequestException"), Some(profile)) => explained.report.hint(format!(
                "`{PROGRAM} profile show {}` shows whether it is active and for the platform {PLATFORM}",
                profile.name
            )),
            _ => explained.report,
        }
    }

    /// Why a call failed, in AWS's words.
    pub(super) fn explained<E>(
        &self,
        (operation, doing): (&'static str, &'static str),
        profile: Option<&SigningProfile>,
        err: SdkError<E, HttpResponse>,
    ) -> Explained
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let subject = Subject::Signer { operation, doing, profile, region: &self.region };
        let context = CallContext { subject, identity: &self.identity, proxy: self.proxy.as_deref() };
        context.explain(Stage::Call, self.http.asked().as_deref(), &Refused::of(err))
    }
}

fn status(status: Option<&SigningProfileStatus>) -> String {
    status.map_or_else(|| "Unknown".into(), |status| status.as_str().to_owned())
}

fn period(period: &SignatureValidityPeriod) -> String {
    format!("{} {}", period.value(), period.r#type().map_or("", |unit| unit.as_str()))
}
