//! Why AWS gave no token, in words: what failed, its causes, and one thing to do.

use std::{error::Error, time::Duration};

use super::{Failure, FailureKind, chain::Chain, ecr::Garbled, http::BadBundle, trouble::Trouble};
use crate::{
    identity::{Identity, Login, Source},
    registry::{Kind, Partition, Registry},
};

/// How far a mint has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The first credentials.
    Credentials,
    /// The role of our configuration.
    Role,
    /// GetAuthorizationToken.
    Token,
}

/// What a mint is about.
pub(super) struct Scene<'a> {
    /// Whose token it is.
    pub(super) registry: &'a Registry,
    /// Who asks for it.
    pub(super) identity: &'a Identity,
    /// The proxy on the way, if there is one.
    pub(super) proxy: Option<&'a str>,
}

impl Scene<'_> {
    /// Refuses what no call can help with.
    pub(super) fn hopeless(&self) -> Result<(), Failure> {
        let (what, hint) = match &self.identity.source {
            Source::None => (
                "this machine has no AWS credentials".into(),
                "run `aws configure sso` or `aws configure`, or set AWS_PROFILE to a profile that has credentials"
                    .into(),
            ),
            // The SDK ignores `mfa_serial` and would ask for the role without it.
            Source::Profile(profile) if profile.mfa_serial.is_some() => (
                format!("profile {} needs an MFA code, which a credential helper cannot ask for", profile.name),
                format!(
                    "get a session first, for example with `aws configure export-credentials --profile {} --format env`",
                    profile.name
                ),
            ),
            _ => match self.foreign_role() {
                Some(told) => told,
                None => return Ok(()),
            },
        };
        Err(Failure { kind: FailureKind::NoCredentials, what, causes: Vec::new(), hint: Some(hint) })
    }

    /// A role of our configuration in another partition than the registry: identities never leave
    /// theirs (IAM user guide, "ARN format"), so AWS would only answer that it knows nobody.
    fn foreign_role(&self) -> Option<(String, String)> {
        let role = self.identity.role.as_ref()?;
        let (is, wanted) = (role.arn.split(':').nth(1)?, Partition::of_region(&self.registry.region).name);
        let (_, rest) = role.arn.split_once(is)?;
        (is != wanted).then(|| {
            (
                format!("{} is a role of the partition {is}, and {} is in {wanted}", role.arn, self.registry.host),
                format!("name a role of the registry's own partition, which begins arn:{wanted}{rest}"),
            )
        })
    }

    /// The failure of a CA bundle.
    pub(super) fn bad_bundle(&self, bundle: &BadBundle) -> Failure {
        Failure {
            kind: FailureKind::Unreachable,
            what: format!("cannot ask AWS for {}: the CA bundle cannot be used", self.asked()),
            causes: vec![bundle.to_string()],
            hint: Some("AWS_CA_BUNDLE or the profile's ca_bundle must name a PEM file of certificates".into()),
        }
    }

    /// The failure of a mint that reached the end of its time.
    pub(super) fn late(&self, step: Step, host: Option<&str>, bound: Duration) -> Failure {
        let host = host.map(|host| format!(" ({host} was asked last)")).unwrap_or_default();
        let waited = match step {
            Step::Credentials => format!("waiting for credentials from {}", self.asker()),
            Step::Role => format!("assuming {}", self.role()),
            Step::Token => "waiting for the token".into(),
        };
        Failure {
            kind: FailureKind::Unreachable,
            what: format!("AWS gave no token of {} within {} s", self.asked(), bound.as_secs_f32()),
            causes: vec![format!("the time ended while {waited}{host}")],
            hint: Some(self.network_hint()),
        }
    }

    /// The failure of an answer that cannot be used.
    pub(super) fn garbled(&self, garbled: &Garbled) -> Failure {
        let (what, hint) = match garbled {
            Garbled::Account(account) => (
                format!("AWS answered for account {account}, asked for {}", self.registry.account()),
                "check the endpoint that AWS_ENDPOINT_URL or the profile's endpoint_url names",
            ),
            Garbled::Ended(_) => (
                format!("AWS gave a token of {} that has already ended", self.asked()),
                "set this machine's clock; it seems to be ahead",
            ),
            Garbled::Missing(_) | Garbled::Token(_) => (
                format!("AWS gave no usable token of {}", self.asked()),
                "check that no proxy or endpoint_url answers in place of AWS",
            ),
        };
        let causes = match garbled {
            Garbled::Account(_) => Vec::new(),
            _ => vec![garbled.to_string()],
        };
        Failure { kind: FailureKind::Garbled, what, causes, hint: Some(hint.into()) }
    }

    /// The failure of a call.
    ///
    /// `host` is the one that was asked last.
    pub(super) fn explain(&self, step: Step, host: Option<&str>, error: &(dyn Error + 'static)) -> Failure {
        let chain = Chain::of(error);
        let trouble = Trouble::of(step, &self.identity.source, &chain);
        Failure {
            kind: trouble.kind(step),
            what: self.what(step, trouble, host.unwrap_or("AWS")),
            hint: Some(self.hint(step, trouble, &chain)),
            causes: chain.lines,
        }
    }

    fn what(&self, step: Step, trouble: Trouble, host: &str) -> String {
        let asker = self.asker();
        match trouble {
            Trouble::SessionEnded => format!("the session of {asker} has expired"),
            Trouble::SessionMissing => format!("{asker} has no session on this machine"),
            Trouble::Process => format!("the credential_process of {asker} failed"),
            Trouble::TokenFile => "the web identity token cannot be used".into(),
            Trouble::Container => "the container's credential endpoint gave no credentials".into(),
            Trouble::Metadata => "the instance metadata service gave no credentials".into(),
            Trouble::Denied => match step {
                Step::Credentials => format!("AWS refused credentials to {asker}"),
                Step::Role => format!("AWS refused to let {asker} assume {}", self.role()),
                Step::Token => format!("AWS denied {} for {}", self.actions()[0], self.asked()),
            },
            Trouble::Expired => format!("the AWS credentials of {asker} have expired"),
            Trouble::UnknownKey => format!("AWS does not know the access key of {asker}"),
            Trouble::WrongSecret => format!("AWS does not accept the secret access key of {asker}"),
            Trouble::Clock => "AWS refused the request because of its time".into(),
            Trouble::Throttled => format!("AWS is throttling requests for {}", self.asked()),
            Trouble::Broken => format!("AWS failed on its own side for a token of {}", self.asked()),
            Trouble::FipsWithEndpoint => {
                format!("{} asks for a FIPS endpoint, but another one is set", self.registry.host)
            }
            Trouble::Profile => format!("{asker} has no usable credentials"),
            Trouble::Garbage => match step {
                Step::Role => format!("AWS gave no usable answer to assume {}", self.role()),
                Step::Credentials | Step::Token => format!("AWS gave no usable answer for {}", self.asked()),
            },
            Trouble::Failed => match step {
                Step::Credentials => format!("cannot get credentials from {asker}"),
                Step::Role => format!("cannot assume {}", self.role()),
                Step::Token => format!("cannot get a token of {}", self.asked()),
            },
            Trouble::Name | Trouble::Refused | Trouble::Proxy | Trouble::Untrusted | Trouble::Certificate => match step
            {
                Step::Credentials => format!("cannot reach {host} for credentials of {asker}"),
                Step::Role => format!("cannot reach {host} to assume {}", self.role()),
                Step::Token => format!("cannot reach {host} for a token of {}", self.asked()),
            },
            Trouble::Timeout => format!("{host} did not answer in time for a token of {}", self.asked()),
            Trouble::Cut => format!("{host} cut the connection for a token of {}", self.asked()),
        }
    }

    fn hint(&self, step: Step, trouble: Trouble, chain: &Chain) -> String {
        match trouble {
            Trouble::SessionEnded | Trouble::SessionMissing => self.login().unwrap_or_else(|| self.compare()),
            Trouble::Process => "run the command of credential_process by hand to see what it says".into(),
            Trouble::TokenFile => {
                "check the file that AWS_WEB_IDENTITY_TOKEN_FILE (or the profile) names and the role's trust policy".into()
            }
            Trouble::Container => {
                "check AWS_CONTAINER_CREDENTIALS_FULL_URI or …_RELATIVE_URI, its token, and the task's or pod's role".into()
            }
            Trouble::Metadata => {
                "attach a role to the instance; in a container also raise the metadata hop limit to 2".into()
            }
            Trouble::Denied => self.permission(step, &chain.message),
            Trouble::Expired => self.login().unwrap_or_else(|| "get new credentials; session keys end".into()),
            Trouble::UnknownKey => "check the access key and that it belongs to this AWS partition".into(),
            Trouble::WrongSecret => "check that the secret access key belongs to the access key id".into(),
            Trouble::Clock => "set this machine's clock; AWS accepts 5 minutes of difference".into(),
            Trouble::Throttled => "wait a little and try again".into(),
            Trouble::Broken => "try again; https://health.aws.amazon.com/health/status tells of AWS's own trouble".into(),
            Trouble::FipsWithEndpoint => {
                "unset AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_ECR and endpoint_url, or use the registry's host without -fips".into()
            }
            Trouble::Profile => format!("check the profile in {}", self.files()),
            Trouble::Name | Trouble::Refused | Trouble::Timeout | Trouble::Cut => self.network_hint(),
            Trouble::Proxy => format!("check the proxy {} and NO_PROXY", self.proxy.unwrap_or("that HTTPS_PROXY names")),
            Trouble::Untrusted => {
                "if a proxy inspects TLS here, set AWS_CA_BUNDLE to a PEM file with its certificate".into()
            }
            Trouble::Certificate => "check this machine's clock, the endpoint and the proxy".into(),
            Trouble::Garbage => "check that no proxy or endpoint_url answers in place of AWS".into(),
            Trouble::Failed => self.compare(),
        }
    }

    /// What must be allowed, to whom. AWS's message names them:
    /// `User: ARN is not authorized to perform: ACTION on resource: ARN because …`.
    fn permission(&self, step: Step, message: &str) -> String {
        let part = |from: &str| {
            let (_, rest) = message.split_once(from)?;
            rest.split_whitespace().next().map(|word| word.trim_end_matches(['.', ',']))
        };
        let user = part("User: ").unwrap_or("this identity");
        match step {
            Step::Token => format!("allow {} on resource * to {user}", self.actions().join(" and ")),
            Step::Role => {
                let external = self.identity.role.as_ref().is_some_and(|role| role.external_id.is_some());
                format!(
                    "allow sts:AssumeRole on {} to {user}, and let the role's trust policy name it{}",
                    self.role(),
                    if external { " with this external id" } else { "; it may also ask for an external-id" }
                )
            }
            Step::Credentials => match (part("to perform: "), part("on resource: ")) {
                (Some(action), Some(resource)) => {
                    format!("allow {action} on {resource} to {user}, and let the role's trust policy name it")
                }
                (Some(action), None) => format!("allow {action} to {user}"),
                _ => "ask for access to that role or permission set".into(),
            },
        }
    }

    /// The IAM actions behind a token.
    fn actions(&self) -> &'static [&'static str] {
        match self.registry.kind {
            Kind::Private { .. } => &["ecr:GetAuthorizationToken"],
            Kind::Public => &["ecr-public:GetAuthorizationToken", "sts:GetServiceBearerToken"],
        }
    }

    fn asked(&self) -> String {
        match &self.registry.kind {
            Kind::Private { account } => format!("account {account} in {}", self.registry.region),
            Kind::Public => "ECR Public".into(),
        }
    }

    fn asker(&self) -> String {
        match &self.identity.source {
            Source::Environment { access_key_id } => format!("access key {access_key_id}"),
            Source::Profile(profile) => format!("profile {}", profile.name),
            Source::WebIdentity { role_arn } => format!("web identity {role_arn}"),
            Source::Container { .. } => "the container".into(),
            Source::InstanceMetadata => "the instance".into(),
            Source::None => "nobody".into(),
        }
    }

    fn role(&self) -> &str {
        self.identity.role.as_ref().map_or("the role", |role| &role.arn)
    }

    fn login(&self) -> Option<String> {
        let Source::Profile(profile) = &self.identity.source else { return None };
        Some(match profile.login.as_ref()? {
            Login::Sso { profile } => format!("run: aws sso login --profile {profile}"),
            Login::Console { profile } => format!("run: aws login --profile {profile}"),
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
