//! The trust policy: which signatures are good for which images. Pure.
//!
//! Notary Project, specifications, trust-store-trust-policy.md. [`Policy::parse`] is in `policy_file`.

use std::fmt;

use super::distinguished_name::DistinguishedName;
use crate::{
    aws::{signer_roots, signing_profile::SigningProfile},
    report::Report,
};

/// A trust policy whose every rule holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What it was read from, for people: a path, or the option that stands for a policy.
    pub origin: String,
    /// At least one, each with a name and scopes that no other has.
    pub statements: Vec<Statement>,
}

/// One statement of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// `name`.
    pub name: String,
    /// `registryScopes`: `REGISTRY/REPOSITORY` each, the host in lower case, or `*` alone.
    pub scopes: Vec<String>,
    /// `level`.
    pub level: Level,
    /// What a failed check means: that of the level, with `override` applied.
    pub actions: Actions,
    /// `verifyTimestamp`.
    pub verify_timestamp: VerifyTimestamp,
    /// `trustStores`; none with [`Level::Skip`] alone.
    pub stores: Vec<StoreName>,
    /// `trustedIdentities`; none with [`Level::Skip`] alone.
    pub identities: Vec<TrustedIdentity>,
}

/// How strict a statement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Every check is enforced.
    Strict,
    /// Integrity and authenticity are enforced.
    Permissive,
    /// Integrity is enforced.
    Audit,
    /// Nothing is looked at.
    Skip,
}

/// What the failure of a check means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The signature does not count.
    Enforce,
    /// It counts, and people are told.
    Log,
    /// The check is not made.
    Skip,
}

/// What each check's failure means. Integrity is not among them: it is always enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actions {
    /// Whether a trusted identity signed, by a chain to a trusted root.
    pub authenticity: Action,
    /// Whether the certificates were valid when it was signed.
    pub authentic_timestamp: Action,
    /// Whether the signature's own end is ahead.
    pub expiry: Action,
    /// Whether the signature, its profile or a certificate was revoked.
    pub revocation: Action,
}

/// When a countersignature of a timestamping authority is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyTimestamp {
    /// Wherever the statement names a `tsa` store.
    Always,
    /// Only where a certificate has expired by now.
    AfterCertExpiry,
}

/// What the certificates of a trust store are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StoreKind {
    /// Roots of signers who have a certificate of their own: the scheme `notary.x509`.
    Ca,
    /// Roots of services that sign for others, as AWS Signer: `notary.x509.signingAuthority`.
    SigningAuthority,
    /// Roots of timestamping authorities.
    Tsa,
}

/// A trust store by its name in policies: `signingAuthority:aws-signer-ts`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoreName {
    /// What stands before the colon.
    pub kind: StoreKind,
    /// Letters, digits, `_`, `.` and `-`; neither `.` nor `..`.
    pub name: String,
}

/// Who may have signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustedIdentity {
    /// `*`: whoever has a chain to a trusted root.
    Any,
    /// `x509.subject:`: who has these attributes in the subject of the signing certificate.
    Subject(DistinguishedName),
    /// The ARN of a signing profile of AWS Signer, of one version, or of an alias.
    SigningProfile(SigningProfile),
    /// Another kind, which no check here understands: it never matches.
    Other(String),
}

impl Policy {
    /// The statement for a repository, `REGISTRY/REPOSITORY` as [`crate::oci::Reference::name`] has
    /// it: the one whose scopes name it, else the one for `*`.
    ///
    /// # Errors
    /// No statement is for it: then nothing there is trusted.
    pub fn select(&self, repository: &str) -> Result<&Statement, Report> {
        let has = |scope: &str| self.statements.iter().find(|statement| statement.scopes.iter().any(|s| s == scope));
        has(repository).or_else(|| has(EVERYTHING)).ok_or_else(|| {
            Report::new(format!("{}: no statement is for {repository}", self.origin))
                .hint(format!("add `{repository}` to the registryScopes of the statement that is meant for it"))
        })
    }

    /// The policy that `--signing-profile` alone stands for: strict, for every image, this profile or
    /// version, under AWS Signer's root certificate of the profile's partition.
    ///
    /// # Errors
    /// A profile that is a name alone: every account can have one of that name.
    pub fn for_profile(profile: &SigningProfile) -> Result<Policy, Report> {
        let Some(home) = &profile.home else {
            return Err(Report::new(format!("the signing profile `{profile}` is a name, which any account can give"))
                .hint(
                    "give its ARN, arn:aws:signer:REGION:ACCOUNT:/signing-profiles/NAME: `profile show NAME` prints it",
                ));
        };
        let root = signer_roots::of_partition(&home.partition);
        let statement = Statement {
            name: "signing-profile".into(),
            scopes: vec![EVERYTHING.into()],
            level: Level::Strict,
            actions: Level::Strict.actions(),
            verify_timestamp: VerifyTimestamp::Always,
            stores: vec![StoreName { kind: StoreKind::SigningAuthority, name: root.store.into() }],
            identities: vec![TrustedIdentity::SigningProfile(profile.clone())],
        };
        Ok(Policy { origin: "--signing-profile".into(), statements: vec![statement] })
    }
}

/// The scope that every repository is in.
pub const EVERYTHING: &str = "*";

impl Statement {
    /// Whether it is for every repository that no other statement names.
    pub fn is_global(&self) -> bool {
        self.scopes.iter().any(|scope| scope == EVERYTHING)
    }

    /// Whether `override` changed what the level says.
    pub fn is_customized(&self) -> bool {
        self.actions != self.level.actions()
    }
}

impl Level {
    /// All of them, strictest first.
    pub const ALL: [Level; 4] = [Level::Strict, Level::Permissive, Level::Audit, Level::Skip];

    /// As policies write it.
    pub fn name(self) -> &'static str {
        match self {
            Level::Strict => "strict",
            Level::Permissive => "permissive",
            Level::Audit => "audit",
            Level::Skip => "skip",
        }
    }

    /// The table of levels (trust-store-trust-policy.md, "Signature Verification details"; the
    /// timestamp of `permissive` from notation-go, `LevelPermissive`).
    pub fn actions(self) -> Actions {
        let (authenticity, rest) = match self {
            Level::Strict => (Action::Enforce, Action::Enforce),
            Level::Permissive => (Action::Enforce, Action::Log),
            Level::Audit => (Action::Log, Action::Log),
            Level::Skip => (Action::Skip, Action::Skip),
        };
        Actions { authenticity, authentic_timestamp: rest, expiry: rest, revocation: rest }
    }
}

impl Action {
    /// As policies write it.
    pub fn name(self) -> &'static str {
        match self {
            Action::Enforce => "enforce",
            Action::Log => "log",
            Action::Skip => "skip",
        }
    }
}

impl Actions {
    /// Each check by its name in policies, in the order in which they are told.
    pub fn by_name(&self) -> [(&'static str, Action); 4] {
        [
            ("authenticity", self.authenticity),
            ("authenticTimestamp", self.authentic_timestamp),
            ("expiry", self.expiry),
            ("revocation", self.revocation),
        ]
    }
}

impl VerifyTimestamp {
    /// As policies write it.
    pub fn name(self) -> &'static str {
        match self {
            VerifyTimestamp::Always => "always",
            VerifyTimestamp::AfterCertExpiry => "afterCertExpiry",
        }
    }
}

impl StoreKind {
    /// All of them.
    pub const ALL: [StoreKind; 3] = [StoreKind::Ca, StoreKind::SigningAuthority, StoreKind::Tsa];

    /// As policies write it, which is also the folder's name.
    pub fn name(self) -> &'static str {
        match self {
            StoreKind::Ca => "ca",
            StoreKind::SigningAuthority => "signingAuthority",
            StoreKind::Tsa => "tsa",
        }
    }
}

impl StoreName {
    /// Whether a text may name a store, which is a folder's name too (notation-go,
    /// `internal/file.IsValidFileName`; `.` and `..`, which that lets through, are other folders).
    pub fn is_name(text: &str) -> bool {
        !matches!(text, "" | "." | "..")
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
    }
}

impl fmt::Display for StoreName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.name(), self.name)
    }
}

/// In one line, for people.
impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "statement `{}` for {}: {}", self.name, self.scopes.join(", "), self.level.name())?;
        if self.is_customized() {
            let actions = self.actions.by_name().map(|(check, action)| format!("{check} {}", action.name()));
            write!(f, " ({})", actions.join(", "))?;
        }
        for (word, identity) in ["; by"].iter().chain(std::iter::repeat(&",")).zip(&self.identities) {
            write!(f, "{word} {identity}")?;
        }
        for (word, store) in ["; under"].iter().chain(std::iter::repeat(&",")).zip(&self.stores) {
            write!(f, "{word} {store}")?;
        }
        Ok(())
    }
}

impl fmt::Display for TrustedIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrustedIdentity::Any => f.write_str(EVERYTHING),
            TrustedIdentity::Subject(name) => write!(f, "{SUBJECT_PREFIX}{name}"),
            TrustedIdentity::SigningProfile(profile) => profile.fmt(f),
            TrustedIdentity::Other(text) => f.write_str(text),
        }
    }
}

/// What stands before a distinguished name among identities.
pub const SUBJECT_PREFIX: &str = "x509.subject:";
