//! Which AWS identity serves a registry, found from the environment, `~/.aws` and our
//! configuration alone: no network, so that a cached token can be looked up at once.

mod absence;
mod accounts;
mod ambient;
mod chain;
mod error;
mod find;
mod fingerprint;
mod ini;
mod instance;
mod keys;
mod profiles;
mod web_identity;

pub use absence::{GET_CREDENTIALS, NO_CREDENTIALS, NO_DEFAULT};
pub use accounts::SharedAccount;
pub use ambient::Container;
pub use error::IdentityError;
pub use find::{Finder, Instance, shared_files};
pub use instance::is_ec2;
pub use keys::Keys;
pub use web_identity::{WebIdentity, WebToken};

use std::path::{Path, PathBuf};

use crate::registry::Registry;

/// What an identity is looked for: a registry, or AWS Signer in a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The host that rules of `config.toml` are matched with.
    pub host: String,
    /// The 12-digit AWS account whose profile is looked for where nothing else has credentials; empty where none is known.
    pub account: String,
    /// The AWS region, where neither environment nor profile names one.
    pub region: String,
}

impl From<&Registry> for Target {
    fn from(registry: &Registry) -> Target {
        Target { host: registry.host.clone(), account: registry.account().into(), region: registry.region.clone() }
    }
}

/// Whose credentials a caller insists on, over the rules and the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    /// The AWS profile that a person named on the command line.
    Profile(String),
    /// The service account of a pod. A role of our rules is for the machine and not assumed on top of it.
    ServiceAccount(WebIdentity),
}

/// The AWS identity that serves a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Where the first credentials come from.
    pub source: Source,
    /// A role that a `[[registry]]` rule assumes on top of `source`.
    pub role: Option<Role>,
    /// The region of the identity's own calls (STS, SSO's follow-ups): `AWS_REGION`,
    /// `AWS_DEFAULT_REGION`, the profile's `region`; the registry's where there is none.
    pub region: String,
    /// The profile's `ca_bundle`: the PEM file that it trusts in place of the system's.
    pub ca_bundle: Option<PathBuf>,
    /// What the profile says beside its credentials, for the SDK to read: one `[default]` section with
    /// its services, in the grammar of the SDK's parser. Nothing secret.
    pub settings: String,
    /// Where the instance metadata service is: the stated place, else EC2's.
    pub metadata: Metadata,
    /// Which rule won, in words: "AWS_PROFILE", `the rule for "…"`, "the default profile". Of
    /// [`Source::None`]: what is so, in a sentence.
    pub why: String,
    /// Of [`Source::None`]: one thing to do. Else empty.
    pub advice: String,
}

/// Where the instance metadata service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Its address.
    pub endpoint: String,
    /// Whether environment or profile names it.
    pub stated: bool,
    /// Whether it is known to be there. Where it is not, it is asked once.
    pub is_there: bool,
}

/// Where credentials come from, in the order of the AWS CLI but for the profile that only assumes a
/// role, which comes before the web identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.
    Environment(Keys),
    /// `AWS_WEB_IDENTITY_TOKEN_FILE` and `AWS_ROLE_ARN` (EKS's IRSA, CI systems' OIDC), or what a caller
    /// handed over.
    WebIdentity(WebIdentity),
    /// A profile of `~/.aws/config` or `~/.aws/credentials`.
    Profile(Profile),
    /// `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` or `…_FULL_URI` (ECS, EKS Pod Identity).
    Container(Container),
    /// The EC2 instance's role.
    InstanceMetadata,
    /// This machine has no AWS credentials that we could see.
    None,
}

/// A profile that has credentials, and what they hang on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The profile's name.
    pub name: String,
    /// Where its first credentials come from.
    pub base: Base,
    /// The roles that are assumed on top of them, first to last.
    pub roles: Vec<Role>,
    /// The profile whose `aws sso login` or `aws login` renews the session, if it hangs on one.
    pub renewal: Option<SessionRenewal>,
    /// The `mfa_serial` that the chain asks for, which no `get` can answer.
    pub mfa_serial: Option<String>,
    /// The files in which profiles were read: config, then credentials.
    pub files: [PathBuf; 2],
}

/// Where a profile's first credentials come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// Keys: of the profile, or with `credential_source = Environment`.
    Keys(Keys),
    /// IAM Identity Center.
    Sso {
        /// The name of the `sso-session`; the older kind of profile has none.
        session: Option<String>,
        /// The start URL.
        start_url: String,
        /// The region of the session.
        region: String,
        /// The account.
        account: String,
        /// The permission set.
        role: String,
    },
    /// A session of `aws login`.
    Login {
        /// Its ARN.
        arn: String,
    },
    /// A program that prints credentials.
    Process {
        /// The command, for a shell. It may hold secrets.
        command: String,
    },
    /// A web identity of the profile.
    WebIdentity(WebIdentity),
    /// `credential_source = EcsContainer`.
    Container(Container),
    /// `credential_source = Ec2InstanceMetadata`.
    InstanceMetadata,
}

/// How a person renews the session behind a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionRenewal {
    /// `aws sso login --profile NAME`.
    Sso {
        /// The profile to name.
        profile: String,
    },
    /// `aws login --profile NAME`.
    Console {
        /// The profile to name.
        profile: String,
    },
}

/// A role that our configuration assumes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// `arn:PARTITION:iam::ACCOUNT:role/NAME`.
    pub arn: String,
    /// The external id that the role's trust policy asks for.
    pub external_id: Option<String>,
    /// The session's name in CloudTrail.
    pub session_name: Option<String>,
}

impl Source {
    /// The file with the token that is exchanged for credentials, where there is one. The SDK reads it.
    pub fn token_file(&self) -> Option<&Path> {
        match self {
            Source::WebIdentity(web) => web.token_file(),
            Source::Container(container) => container.token_file.as_deref(),
            Source::Profile(profile) => match &profile.base {
                Base::WebIdentity(web) => web.token_file(),
                Base::Container(container) => container.token_file.as_deref(),
                _ => None,
            },
            Source::Environment(_) | Source::InstanceMetadata | Source::None => None,
        }
    }
}
