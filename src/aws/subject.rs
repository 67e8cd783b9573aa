//! What a call to AWS is for, in the words of its errors.

use super::signing_profile::SigningProfile;
use crate::registry::{Kind, Registry};

/// What a call is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subject<'a> {
    /// GetAuthorizationToken for a registry.
    Token(&'a Registry),
    /// An operation of AWS Signer on a profile; `None` is "the signing profiles".
    Signer {
        /// The operation, as IAM names it behind `signer:`.
        operation: &'static str,
        /// What it does, in words: "sign with".
        doing: &'static str,
        /// The profile.
        profile: Option<&'a SigningProfile>,
        /// The region of AWS Signer.
        region: &'a str,
    },
    /// An operation of ECR's own signing.
    ManagedSigning {
        /// The operation, as IAM names it behind `ecr:`.
        operation: &'static str,
        /// What it does, in words: "read the signing rules".
        doing: &'a str,
        /// The region of the registry.
        region: &'a str,
        /// The ARN of the repository; an operation on the whole registry has none.
        resource: Option<&'a str>,
    },
}

impl Subject<'_> {
    /// What the call is about, for errors: a registry's host, or AWS Signer.
    pub(super) fn name(self) -> String {
        match self {
            Subject::Token(registry) => registry.host.clone(),
            Subject::Signer { region, .. } => format!("AWS Signer in {region}"),
            Subject::ManagedSigning { region, .. } => format!("ECR in {region}"),
        }
    }

    /// What is asked, as in "cannot ask AWS for …".
    pub(super) fn asked(self) -> String {
        match self {
            Subject::Token(Registry { kind: Kind::Private { account }, region, .. }) => {
                format!("account {account} in {region}")
            }
            Subject::Token(Registry { kind: Kind::Public, .. }) => "ECR Public".into(),
            Subject::Signer { .. } | Subject::ManagedSigning { .. } => self.name(),
        }
    }

    /// What would come of it, as in "cannot reach HOST for …".
    pub(super) fn goal(self) -> String {
        match self {
            Subject::Token(_) => format!("a token of {}", self.asked()),
            Subject::Signer { .. } | Subject::ManagedSigning { .. } => self.name(),
        }
    }

    pub(super) fn region(&self) -> &str {
        match self {
            Subject::Token(registry) => &registry.region,
            Subject::Signer { region, .. } | Subject::ManagedSigning { region, .. } => region,
        }
    }

    /// The first IAM action behind the call.
    pub(super) fn action(self) -> String {
        match self {
            Subject::Token(Registry { kind: Kind::Private { .. }, .. }) => "ecr:GetAuthorizationToken".into(),
            Subject::Token(Registry { kind: Kind::Public, .. }) => "ecr-public:GetAuthorizationToken".into(),
            Subject::Signer { operation, .. } => format!("signer:{operation}"),
            Subject::ManagedSigning { operation, .. } => format!("ecr:{operation}"),
        }
    }

    /// All IAM actions behind the call.
    pub(super) fn actions(self) -> String {
        match self {
            // A token of ECR Public is a bearer token of STS (ECR Public user guide, "Registry authentication").
            Subject::Token(Registry { kind: Kind::Public, .. }) => {
                format!("{} and sts:GetServiceBearerToken", self.action())
            }
            _ => self.action(),
        }
    }

    /// What IAM must allow them on.
    pub(super) fn resource(self) -> String {
        match self {
            Subject::Token(_) => "resource *".into(),
            Subject::Signer { profile, .. } => profile.map_or_else(|| "resource *".into(), ToString::to_string),
            Subject::ManagedSigning { resource, .. } => resource.unwrap_or("resource *").into(),
        }
    }
}
