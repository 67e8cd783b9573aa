//! AWS Signer: signing a payload, and the signing profiles. Thin over the SDK; its work is to say
//! what AWS said, to which profile, where, and what to do about it.

use std::collections::BTreeMap;

use aws_sdk_signer::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::RequestId,
    primitives::Blob,
    types::{SignatureValidityPeriod, SigningProfileStatus, ValidityType},
};
use aws_types::SdkConfig;

use super::{
    Error, Profile, media,
    profile::{PLATFORM, Unit, Validity},
};

/// A client of AWS Signer in one region.
#[derive(Debug, Clone)]
pub struct Signer {
    client: Client,
    region: String,
}

/// What SignPayload returned, not yet believed.
#[derive(Debug, Clone)]
pub struct Returned {
    /// The signature envelope.
    pub envelope: Vec<u8>,
    /// Notes that AWS wants on the signature's manifest.
    pub annotations: BTreeMap<String, String>,
    /// AWS's job.
    pub job: Option<String>,
}

/// A signing profile as AWS describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
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
    /// A client that uses the configuration's region and credentials.
    pub fn new(config: &SdkConfig) -> Signer {
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        Signer { client: Client::new(config), region }
    }

    /// Signs a payload. What comes back must go through
    /// [`check_returned`](super::envelope::check_returned) before it is used.
    pub async fn sign(&self, profile: &Profile, payload: &[u8]) -> Result<Returned, Error> {
        let call = self
            .client
            .sign_payload()
            .profile_name(&profile.name)
            .set_profile_owner(profile.home.as_ref().map(|home| home.account.clone()))
            .payload(Blob::new(payload))
            .payload_format(media::PAYLOAD);
        let answer = match call.send().await {
            Ok(answer) => answer,
            Err(err) => {
                let invalid = err.as_service_error().is_some_and(|err| err.is_validation_exception());
                let refused = self.refused("sign with", "SignPayload", profile, &err);
                return Err(if invalid { self.explain(profile, refused).await } else { refused });
            }
        };
        let envelope = answer.signature.ok_or_else(|| {
            Error::new(format!("AWS Signer gave no signature for {profile} in {}", self.region))
                .hint("check that no proxy or endpoint_url answers in place of AWS")
        })?;
        Ok(Returned {
            envelope: envelope.into_inner(),
            annotations: answer.metadata.unwrap_or_default().into_iter().collect(),
            job: answer.job_id,
        })
    }

    /// Looks whether the profile itself is the reason of a refusal; AWS only says that something is not valid.
    async fn explain(&self, profile: &Profile, refused: Error) -> Error {
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
    pub async fn describe(&self, profile: &Profile) -> Result<Option<Described>, Error> {
        let owner = profile.home.as_ref().map(|home| home.account.clone());
        let call = self.client.get_signing_profile().profile_name(&profile.name).set_profile_owner(owner);
        let answer = match call.send().await {
            Ok(answer) => answer,
            Err(SdkError::ServiceError(err)) if err.err().is_resource_not_found_exception() => return Ok(None),
            Err(err) => return Err(self.refused("describe", "GetSigningProfile", profile, &err)),
        };
        Ok(Some(Described {
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
        profile: &Profile,
        validity: Option<Validity>,
        tags: &BTreeMap<String, String>,
    ) -> Result<String, Error> {
        if profile.home.is_some() {
            return Err(Error::new(format!("a profile is created by its name, not by the ARN {profile}"))
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
        let answer = call.send().await.map_err(|err| self.refused("create", "PutSigningProfile", profile, &err))?;
        answer
            .profile_version_arn
            .or(answer.arn)
            .ok_or_else(|| Error::new(format!("AWS Signer gave no ARN for {profile} in {}", self.region)))
    }

    /// The account's profiles for container images.
    pub async fn list(&self, canceled_too: bool) -> Result<Vec<Described>, Error> {
        let everything = Profile { name: "profiles".into(), version: None, home: None };
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
            let page =
                call.send().await.map_err(|err| self.refused("list", "ListSigningProfiles", &everything, &err))?;
            found.extend(page.profiles.unwrap_or_default().into_iter().map(|one| Described {
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
    pub async fn cancel(&self, profile: &Profile) -> Result<(), Error> {
        let call = self.client.cancel_signing_profile().profile_name(&profile.name);
        call.send().await.map_err(|err| self.refused("cancel", "CancelSigningProfile", profile, &err))?;
        Ok(())
    }

    /// Revokes one version of a profile: signatures made from `effective` on are no longer good.
    /// This cannot be undone.
    pub async fn revoke(&self, profile: &Profile, reason: &str, effective: std::time::SystemTime) -> Result<(), Error> {
        let version = profile.version.as_deref().ok_or_else(|| {
            Error::new(format!("revoking needs one version of {}", profile.name))
                .hint("`profile show` prints the version's ARN")
        })?;
        let call = self
            .client
            .revoke_signing_profile()
            .profile_name(&profile.name)
            .profile_version(version)
            .reason(reason)
            .effective_time(effective.into());
        call.send().await.map_err(|err| self.refused("revoke", "RevokeSigningProfile", profile, &err))?;
        Ok(())
    }

    /// Checks that a profile can sign images at all, and explains why not.
    pub fn check_usable(&self, described: &Described) -> Result<(), Error> {
        if described.platform != PLATFORM {
            return Err(Error::new(format!(
                "the profile {} is for the platform `{}`, not for container images",
                described.arn, described.platform
            ))
            .hint("create one for images: docker-credential-ecr-rs profile create NAME"));
        }
        if described.status != "Active" {
            let err = Error::new(format!("the profile {} is {}", described.arn, described.status.to_lowercase()));
            return Err(match &described.status_reason {
                Some(reason) => err.cause(reason),
                None => err,
            }
            .hint("sign with another profile"));
        }
        Ok(())
    }

    /// AWS's refusal whole: code, message and request id, with the profile, the region and the IAM action.
    fn refused<E, R>(&self, doing: &str, operation: &str, profile: &Profile, err: &SdkError<E, R>) -> Error
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: std::fmt::Debug,
        SdkError<E, R>: RequestId,
    {
        let region = &self.region;
        let what = Error::new(format!("AWS Signer cannot {doing} {profile} in {region}"));
        let request = err.request_id().map(|id| format!(" (request {id})")).unwrap_or_default();
        let Some(service) = err.as_service_error() else {
            let what = causes(err).into_iter().fold(what, Error::cause);
            return what.hint("check the network and the region; behind a proxy, set HTTPS_PROXY");
        };
        let code = service.code().unwrap_or("an unnamed error");
        let message = service.message().map(|text| format!(": {text}")).unwrap_or_default();
        let what = what.cause(crate::error::one_line(&format!("{code}{message}{request}")));
        match code {
            "AccessDeniedException" => what.hint(format!(
                "allow signer:{operation} on {profile} to this identity{}",
                match &profile.home {
                    Some(home) => format!(
                        "; in another account than {} the profile's own permissions must allow it too",
                        home.account
                    ),
                    None => String::new(),
                }
            )),
            "ResourceNotFoundException" => what.hint(format!(
                "check the name and the region {region}, or create it: docker-credential-ecr-rs profile create {}",
                profile.name
            )),
            "ValidationException" | "BadRequestException" => what.hint(format!(
                "`docker-credential-ecr-rs profile show {}` shows whether it is active and for the platform {PLATFORM}",
                profile.name
            )),
            "TooManyRequestsException" | "ThrottlingException" => {
                what.hint("AWS is throttling: run the same command again later")
            }
            "ExpiredTokenException" | "UnrecognizedClientException" | "InvalidSignatureException" => {
                what.hint("run: docker-credential-ecr-rs doctor")
            }
            _ => what,
        }
    }
}

fn status(status: Option<&SigningProfileStatus>) -> String {
    status.map_or_else(|| "Unknown".into(), |status| status.as_str().to_owned())
}

fn period(period: &SignatureValidityPeriod) -> String {
    format!("{} {}", period.value(), period.r#type().map_or("", |unit| unit.as_str()))
}

/// The causes below an SDK error, without its Debug form, which holds the raw exchange.
fn causes(err: &dyn std::error::Error) -> Vec<String> {
    let mut lines = vec![err.to_string()];
    let mut cause = err.source();
    while let Some(inner) = cause {
        let line = inner.to_string();
        if lines.last() != Some(&line) {
            lines.push(line);
        }
        cause = inner.source();
    }
    lines
}
