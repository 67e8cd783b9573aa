//! Why AWS did not do what was asked, in words: what failed, its causes, and one thing to do. One
//! explainer for every call, to whichever service.

use std::{error::Error, time::Duration};

use super::{
    error_chain::ErrorChain,
    error_class::{ErrorClass, Stage},
    response::Refused,
    signing_profile::SigningProfile,
    subject::Subject,
    tls_roots::BadBundle,
};
use crate::{
    crash::Crash,
    identity::{GET_CREDENTIALS, Identity, NO_CREDENTIALS, SessionRenewal, Source, WebIdentity, WebToken},
    registry::Partition,
    report::Report,
    token::{MintError, MintErrorKind},
};

/// A call to AWS, as far as its errors speak of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallContext<'a> {
    /// What the call is for.
    pub(super) subject: Subject<'a>,
    /// Who asks.
    pub(super) identity: &'a Identity,
    /// The proxy on the way, if there is one.
    pub(super) proxy: Option<&'a str>,
}

/// An error in words, with what decides how the caller goes on.
#[derive(Debug)]
pub(super) struct Explained {
    /// What a mint makes of it.
    pub(super) kind: MintErrorKind,
    /// Its class.
    pub(super) class: ErrorClass,
    /// AWS's error code, where AWS answered with one.
    pub(super) code: Option<String>,
    /// The words.
    pub(super) report: Report,
}

impl From<Explained> for MintError {
    fn from(explained: Explained) -> MintError {
        MintError { kind: explained.kind, report: explained.report }
    }
}

impl CallContext<'_> {
    /// Refuses what no call can help with.
    pub(super) fn preflight(&self) -> Result<(), MintError> {
        let (what, hint) = match &self.identity.source {
            Source::None => (self.identity.why.clone(), self.identity.advice.clone()),
            // The SDK ignores `mfa_serial` and would ask for the role without it.
            Source::Profile(profile) if profile.mfa_serial.is_some() => (
                format!("profile {} needs an MFA code, which a credential helper cannot ask for", profile.name),
                format!(
                    "get a session first, for example with `aws configure export-credentials --profile {} --format env`",
                    profile.name
                ),
            ),
            _ => match self.foreign_role() {
                Some(refused) => refused,
                None => return Ok(()),
            },
        };
        Err(MintError { kind: MintErrorKind::NoCredentials, report: Report::new(what).hint(hint) })
    }

    /// A role of our configuration in another partition than the registry: identities never leave
    /// theirs (IAM user guide, "ARN format"), so AWS would only answer that it knows nobody.
    fn foreign_role(&self) -> Option<(String, String)> {
        let role = self.identity.role.as_ref()?;
        let (is, wanted) = (role.arn.split(':').nth(1)?, Partition::of_region(self.subject.region()).name);
        let (_, rest) = role.arn.split_once(is)?;
        (is != wanted).then(|| {
            (
                format!("{} is a role of the partition {is}, and {} is in {wanted}", role.arn, self.subject.name()),
                format!("name a role of the registry's own partition, which begins arn:{wanted}{rest}"),
            )
        })
    }

    /// The error of a CA bundle.
    pub(super) fn bad_bundle(&self, bundle: &BadBundle) -> MintError {
        let what = format!("cannot ask AWS for {}: the CA bundle cannot be used", self.subject.asked());
        MintError { kind: MintErrorKind::Unreachable, report: bundle.report(what) }
    }

    /// The error of work in which a library failed.
    pub(super) fn crashed(&self, stage: Stage, crash: &Crash) -> MintError {
        let what = match stage {
            Stage::Credentials => format!("cannot get credentials from {}", self.asker()),
            Stage::Role => format!("cannot assume {}", self.role()),
            Stage::Call => format!("cannot ask AWS for {}", self.subject.asked()),
        };
        let report = Report::new(what).cause(crash).hint(concat!(
            "check the AWS settings in the environment and the profile, and report it at ",
            env!("CARGO_PKG_REPOSITORY"),
            "/issues"
        ));
        MintError { kind: MintErrorKind::Unreachable, report }
    }

    /// The error of a call that reached the end of its time.
    pub(super) fn timeout(&self, stage: Stage, host: Option<&str>, bound: Duration) -> MintError {
        let host = host.map(|host| format!(" ({host} was asked last)")).unwrap_or_default();
        let waited = match (stage, self.subject) {
            (Stage::Credentials, _) => format!("waiting for credentials from {}", self.asker()),
            (Stage::Role, _) => format!("assuming {}", self.role()),
            (Stage::Call, Subject::Token(_)) => "waiting for the token".into(),
            (Stage::Call, Subject::Signer { .. } | Subject::ManagedSigning { .. }) => "waiting for the answer".into(),
        };
        let wanted = match self.subject {
            Subject::Token(_) => format!("token of {}", self.subject.asked()),
            Subject::Signer { .. } | Subject::ManagedSigning { .. } => format!("answer for {}", self.subject.asked()),
        };
        let report = Report::new(format!("AWS gave no {wanted} within {} s", bound.as_secs_f32()))
            .cause(format!("the time ended while {waited}{host}"))
            .hint(self.network_hint());
        MintError { kind: MintErrorKind::Unreachable, report }
    }

    /// The error of a call. `host` is the one that was asked last.
    pub(super) fn explain(&self, stage: Stage, host: Option<&str>, error: &(dyn Error + 'static)) -> Explained {
        let chain = ErrorChain::of(error);
        let class = ErrorClass::of(stage, &self.identity.source, &chain);
        let report = Report::new(self.what(stage, class, host.unwrap_or("AWS")));
        let report = chain.lines.iter().fold(report, Report::cause).hint(self.hint(stage, class, &chain));
        let request = error.downcast_ref::<Refused>().and_then(|refused| refused.request_id.as_deref());
        let report = request.into_iter().fold(report, |report, id| report.cause(format!("request {id}")));
        Explained { kind: class.kind(stage), class, code: chain.code, report }
    }

    fn what(&self, stage: Stage, class: ErrorClass, host: &str) -> String {
        if let (Stage::Call, Subject::Signer { doing, profile, region, .. }) = (stage, self.subject) {
            let profile = profile.map_or_else(|| "the signing profiles".into(), ToString::to_string);
            return format!("AWS Signer cannot {doing} {profile} in {region}");
        }
        if let (Stage::Call, Subject::ManagedSigning { doing, region, .. }) = (stage, self.subject) {
            return format!("ECR cannot {doing} in {region}");
        }
        let (asker, asked, goal) = (self.asker(), self.subject.asked(), self.subject.goal());
        match class {
            ErrorClass::SessionEnded => format!("the session of {asker} has expired"),
            ErrorClass::SessionMissing => format!("{asker} has no session on this machine"),
            ErrorClass::Process => format!("the credential_process of {asker} failed"),
            ErrorClass::TokenFile => match &self.identity.source {
                Source::WebIdentity(WebIdentity { role_arn, token: WebToken::Given(_), .. }) => {
                    format!("the service account's token cannot be used for {role_arn}")
                }
                _ => "the web identity token cannot be used".into(),
            },
            ErrorClass::Container => "the container's credential endpoint gave no credentials".into(),
            ErrorClass::Metadata if !self.identity.metadata.is_there => NO_CREDENTIALS.into(),
            ErrorClass::Metadata => "the instance metadata service gave no credentials".into(),
            ErrorClass::Denied => match stage {
                Stage::Credentials => format!("AWS refused credentials to {asker}"),
                Stage::Role => format!("AWS refused to let {asker} assume {}", self.role()),
                Stage::Call => format!("AWS denied {} for {asked}", self.subject.action()),
            },
            ErrorClass::Expired => format!("the AWS credentials of {asker} have expired"),
            ErrorClass::UnknownKey => match &self.identity.source {
                Source::Environment(_) => format!("AWS does not know the {asker}"),
                _ => format!("AWS does not know the access key of {asker}"),
            },
            ErrorClass::UnusableKey => match stage {
                Stage::Credentials | Stage::Call => format!("the AWS credentials of {asker} cannot be used"),
                Stage::Role => format!("the AWS credentials of {} cannot be used", self.role()),
            },
            ErrorClass::WrongSecret => match &self.identity.source {
                Source::Environment(_) => format!("AWS does not accept the secret of {asker}"),
                _ => format!("AWS does not accept the secret access key of {asker}"),
            },
            ErrorClass::Clock => "AWS refused the request because of its time".into(),
            ErrorClass::Throttled => format!("AWS is throttling requests for {asked}"),
            ErrorClass::Broken => format!("AWS failed on its own side for {goal}"),
            ErrorClass::Endpoint => format!("cannot ask AWS for {asked}: the endpoint that is set is no URL"),
            ErrorClass::FipsWithEndpoint => {
                format!("{} asks for a FIPS endpoint, but another one is set", self.subject.name())
            }
            ErrorClass::Profile => format!("{asker} has no usable credentials"),
            ErrorClass::Malformed => match stage {
                Stage::Role => format!("AWS gave no usable answer to assume {}", self.role()),
                Stage::Credentials | Stage::Call => format!("AWS gave no usable answer for {asked}"),
            },
            ErrorClass::Failed => match stage {
                Stage::Credentials => format!("cannot get credentials from {asker}"),
                Stage::Role => format!("cannot assume {}", self.role()),
                Stage::Call => format!("cannot get {goal}"),
            },
            ErrorClass::Name
            | ErrorClass::Refused
            | ErrorClass::Proxy
            | ErrorClass::Untrusted
            | ErrorClass::Certificate => match stage {
                Stage::Credentials => format!("cannot reach {host} for credentials of {asker}"),
                Stage::Role => format!("cannot reach {host} to assume {}", self.role()),
                Stage::Call => format!("cannot reach {host} for {goal}"),
            },
            ErrorClass::Timeout => format!("{host} did not answer in time for {goal}"),
            ErrorClass::Cut => format!("{host} cut the connection for {goal}"),
        }
    }

    fn hint(&self, stage: Stage, class: ErrorClass, chain: &ErrorChain) -> String {
        match class {
            ErrorClass::SessionEnded | ErrorClass::SessionMissing => self.renewal().unwrap_or_else(|| self.compare()),
            ErrorClass::Process => "run the command of credential_process by hand to see what it says".into(),
            ErrorClass::TokenFile if self.has_given_token() => self.trust(),
            ErrorClass::TokenFile => {
                "check the file that AWS_WEB_IDENTITY_TOKEN_FILE (or the profile) names and the role's trust policy".into()
            }
            ErrorClass::Container => {
                "check AWS_CONTAINER_CREDENTIALS_FULL_URI or …_RELATIVE_URI, its token, and the task's or pod's role".into()
            }
            ErrorClass::Metadata if !self.identity.metadata.is_there => GET_CREDENTIALS.into(),
            ErrorClass::Metadata => {
                "attach a role to the instance; in a container also raise the metadata hop limit to 2".into()
            }
            ErrorClass::Denied => self.permission(stage, &chain.message),
            ErrorClass::Expired => self.renewal().unwrap_or_else(|| "get new credentials; session keys end".into()),
            ErrorClass::UnknownKey => "check the access key and that it belongs to this AWS partition".into(),
            ErrorClass::UnusableKey => match stage {
                Stage::Credentials | Stage::Call => "write the keys again, without line breaks".into(),
                Stage::Role => "check that no proxy or endpoint_url answers in place of AWS".into(),
            },
            ErrorClass::WrongSecret => "check that the secret access key belongs to the access key id".into(),
            ErrorClass::Clock => "set this machine's clock; AWS accepts 5 minutes of difference".into(),
            ErrorClass::Throttled => "wait a little and try again".into(),
            ErrorClass::Broken => "try again; https://health.aws.amazon.com/health/status tells of AWS's own trouble".into(),
            ErrorClass::Endpoint => "correct or unset AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_… and endpoint_url".into(),
            ErrorClass::FipsWithEndpoint => {
                "unset AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_ECR and endpoint_url, or use the registry's host without -fips".into()
            }
            ErrorClass::Profile => format!("check the profile in {}", self.files()),
            ErrorClass::Name | ErrorClass::Refused | ErrorClass::Timeout | ErrorClass::Cut => self.network_hint(),
            ErrorClass::Proxy => format!("check the proxy {} and NO_PROXY", self.proxy.unwrap_or("that HTTPS_PROXY names")),
            ErrorClass::Untrusted => {
                "if a proxy inspects TLS here, set AWS_CA_BUNDLE to a PEM file with its certificate".into()
            }
            ErrorClass::Certificate => "check this machine's clock, the endpoint and the proxy".into(),
            ErrorClass::Malformed => "check that no proxy or endpoint_url answers in place of AWS".into(),
            ErrorClass::Failed => self.compare(),
        }
    }

    /// What must be allowed, to whom. AWS's message names them:
    /// `User: ARN is not authorized to perform: ACTION on resource: ARN because …`.
    fn permission(&self, stage: Stage, message: &str) -> String {
        let part = |from: &str| {
            let (_, rest) = message.split_once(from)?;
            rest.split_whitespace().next().map(|word| word.trim_end_matches(['.', ',']))
        };
        let user = part("User: ").unwrap_or("this identity");
        match stage {
            Stage::Call => {
                format!("allow {} on {} to {user}{}", self.subject.actions(), self.subject.resource(), self.elsewhere())
            }
            Stage::Role => {
                let external = self.identity.role.as_ref().is_some_and(|role| role.external_id.is_some());
                format!(
                    "allow sts:AssumeRole on {} to {user}, and let the role's trust policy name it{}",
                    self.role(),
                    if external { " with this external id" } else { "; it may also ask for an external-id" }
                )
            }
            Stage::Credentials if self.has_given_token() => self.trust(),
            Stage::Credentials => match (part("to perform: "), part("on resource: ")) {
                (Some(action), Some(resource)) => {
                    format!("allow {action} on {resource} to {user}, and let the role's trust policy name it")
                }
                (Some(action), None) => format!("allow {action} to {user}"),
                _ => "ask for access to that role or permission set".into(),
            },
        }
    }

    /// Whether the token of the identity came from the caller: a pod's service account.
    fn has_given_token(&self) -> bool {
        matches!(&self.identity.source, Source::WebIdentity(WebIdentity { token: WebToken::Given(_), .. }))
    }

    /// What the role of a service account needs.
    fn trust(&self) -> String {
        "let the role's trust policy name the cluster's identity provider, this service account and the audience \
         that serviceAccountTokenAudience names"
            .into()
    }

    /// What else must allow a call on another account's signing profile.
    fn elsewhere(&self) -> String {
        match self.subject {
            Subject::Signer { profile: Some(SigningProfile { home: Some(home), .. }), .. } => {
                format!("; in another account than {} the profile's own permissions must allow it too", home.account)
            }
            _ => String::new(),
        }
    }

    fn asker(&self) -> String {
        match &self.identity.source {
            Source::Environment(keys) => format!("access key {}", keys.access_key_id),
            Source::Profile(profile) => format!("profile {}", profile.name),
            Source::WebIdentity(web) => format!("web identity {}", web.role_arn),
            Source::Container { .. } => "the container".into(),
            Source::InstanceMetadata => "the instance".into(),
            Source::None => "nobody".into(),
        }
    }

    fn role(&self) -> &str {
        self.identity.role.as_ref().map_or("the role", |role| &role.arn)
    }

    fn renewal(&self) -> Option<String> {
        let Source::Profile(profile) = &self.identity.source else { return None };
        Some(match profile.renewal.as_ref()? {
            SessionRenewal::Sso { profile } => format!("run: aws sso login --profile {profile}"),
            SessionRenewal::Console { profile } => format!("run: aws login --profile {profile}"),
        })
    }

    /// The way to see whether the trouble is ours.
    fn compare(&self) -> String {
        let profile = match &self.identity.source {
            Source::Profile(profile) => format!(" --profile {}", profile.name),
            _ => String::new(),
        };
        format!("run `aws sts get-caller-identity{profile}` to see whether the AWS CLI has the same trouble")
    }

    fn files(&self) -> String {
        let Source::Profile(profile) = &self.identity.source else { return "~/.aws/config".into() };
        let files = profile.files.iter().filter(|file| file.is_file()).map(|file| file.display().to_string());
        files.collect::<Vec<_>>().join(" and ")
    }

    fn network_hint(&self) -> String {
        match self.proxy {
            Some(proxy) => format!("check the network and the proxy {proxy}"),
            None => "check the network; behind a proxy, set HTTPS_PROXY".into(),
        }
    }
}
