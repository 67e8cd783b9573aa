//! Which AWS identity serves a registry, found from the environment, `~/.aws` and our
//! configuration alone: no network, so that a cached token can be looked up at once.

mod chain;
mod find;
mod instance;
mod profiles;

pub use find::{Finder, IdentityError, Instance, shared_files};
pub use instance::is_ec2;

use std::path::{Path, PathBuf};

use crate::{digest::sha256, registry::Registry};

/// What an identity is looked for: a registry, or AWS Signer in a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The host that rules of `config.toml` are matched with.
    pub host: String,
    /// The 12-digit AWS account that `profile = "auto"` looks for; empty where none is known.
    pub account: String,
    /// The AWS region, where neither environment nor profile names one.
    pub region: String,
}

impl From<&Registry> for Target {
    fn from(registry: &Registry) -> Target {
        Target { host: registry.host.clone(), account: registry.account().into(), region: registry.region.clone() }
    }
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
    /// Which rule won, in words: "AWS_PROFILE", `the rule for "…"`, "the default profile".
    pub why: String,
}

/// Where credentials come from, in the order of the AWS SDK for Rust's default chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.
    Environment {
        /// The id, which is no secret.
        access_key_id: String,
    },
    /// A profile of `~/.aws/config` or `~/.aws/credentials`.
    Profile(Profile),
    /// `AWS_WEB_IDENTITY_TOKEN_FILE` and `AWS_ROLE_ARN` (EKS's IRSA, CI systems' OIDC).
    WebIdentity {
        /// The role that the token is exchanged for.
        role_arn: String,
        /// The file that holds the token.
        token_file: PathBuf,
    },
    /// `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` or `…_FULL_URI` (ECS, EKS Pod Identity).
    Container {
        /// The path or URI.
        uri: String,
        /// `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`: the file that holds the token for it.
        token_file: Option<PathBuf>,
    },
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
    /// What selects the identity, in one text: access key id, role and source chain, SSO start
    /// URL with account and role, `credential_process`. Never a secret.
    pub selects: String,
    /// The profile whose `aws sso login` or `aws login` renews the session, if it hangs on one.
    pub renewal: Option<SessionRenewal>,
    /// The `mfa_serial` that the chain asks for, which no `get` can answer.
    pub mfa_serial: Option<String>,
    /// The `web_identity_token_file` that the chain ends at.
    pub token_file: Option<PathBuf>,
    /// The files in which profiles were read: config, then credentials.
    pub files: [PathBuf; 2],
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
            Source::Profile(profile) => profile.token_file.as_deref(),
            Source::WebIdentity { token_file, .. } => Some(token_file),
            Source::Container { token_file, .. } => token_file.as_deref(),
            Source::Environment { .. } | Source::InstanceMetadata | Source::None => None,
        }
    }
}

impl Identity {
    /// The name of this identity in cache keys: a SHA-256 over what selects it, 32 hex digits.
    ///
    /// Session keys that rotate under one profile or role keep one fingerprint; another profile,
    /// role or account has another. A region selects no identity and is left out.
    pub fn fingerprint(&self) -> String {
        let mut text = match &self.source {
            Source::Environment { access_key_id } => format!("environment\0{access_key_id}"),
            Source::Profile(profile) => format!("profile\0{}", profile.selects),
            Source::WebIdentity { role_arn, .. } => format!("web identity\0{role_arn}"),
            Source::Container { uri, .. } => format!("container\0{uri}"),
            Source::InstanceMetadata => "instance metadata".into(),
            Source::None => "none".into(),
        };
        if let Some(role) = &self.role {
            text.push_str(&format!("\0role\0{}\0{}", role.arn, role.external_id.as_deref().unwrap_or_default()));
        }
        sha256(text.as_bytes())[..32].to_owned()
    }
}
