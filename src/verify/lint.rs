//! What is wrong with a policy that can be read, or with the certificates that it goes by.

use chrono::{DateTime, Utc};

use super::{
    policy::{EVERYTHING, Level, Policy, Statement, StoreKind, StoreName, TrustedIdentity},
    trust_store::{Contents, TrustStore},
};
use crate::{
    aws::{signer_roots::AWS_ROOTS, signing_profile::SigningProfile},
    notary::certificate::rfc3339,
    oci::Reference,
    report::{Level as Gravity, Report},
};

/// Something to know about a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// [`Gravity::Error`] where signatures that should pass cannot, or anybody's do.
    pub gravity: Gravity,
    /// What it is, with what to do.
    pub report: Report,
}

/// Looks through a policy and the stores that it names.
pub fn findings(policy: &Policy, store: &TrustStore, now: DateTime<Utc>) -> Vec<Finding> {
    let mut lint = Lint { origin: &policy.origin, store, now, findings: Vec::new() };
    policy.statements.iter().for_each(|statement| lint.statement(statement));
    lint.unused(policy);
    lint.findings
}

struct Lint<'a> {
    origin: &'a str,
    store: &'a TrustStore,
    now: DateTime<Utc>,
    findings: Vec<Finding>,
}

impl Lint<'_> {
    fn error(&mut self, report: Report) {
        self.findings.push(Finding { gravity: Gravity::Error, report });
    }

    fn warn(&mut self, report: Report) {
        self.findings.push(Finding { gravity: Gravity::Warning, report });
    }

    fn at(&self, statement: &Statement, what: impl AsRef<str>) -> Report {
        Report::new(format!("{}: statement `{}`: {}", self.origin, statement.name, what.as_ref()))
    }

    fn statement(&mut self, statement: &Statement) {
        self.scopes(statement);
        if statement.level == Level::Skip {
            return;
        }
        if statement.stores.iter().all(|store| store.kind == StoreKind::Tsa) {
            let what = "it names no ca or signingAuthority store, so that no signature can pass";
            self.error(self.at(statement, what).hint("name the store that holds the signer's root"));
        }
        let mut has_aws_root = false;
        for name in &statement.stores {
            match self.store.read(name) {
                Ok(contents) => {
                    has_aws_root |= contents.certificates.iter().any(|(_, certificate)| {
                        AWS_ROOTS.iter().any(|root| root.fingerprint == certificate.fingerprint())
                    });
                    self.contents(statement, name, &contents);
                }
                Err(report) => self.error(report.under(self.at(statement, "a trust store").what())),
            }
        }
        for identity in &statement.identities {
            self.identity(statement, identity, has_aws_root);
        }
    }

    /// Scopes that no image's name can have: names are completed before a statement is chosen.
    fn scopes(&mut self, statement: &Statement) {
        for scope in statement.scopes.iter().filter(|scope| *scope != EVERYTHING) {
            let has_host = scope.split('/').next().is_some_and(|host| host.contains(['.', ':']) || host == "localhost");
            if let Ok(reference) = Reference::parse(scope)
                && has_host
                && reference.name() != *scope
            {
                let what = format!("the scope `{scope}` is no image's: its full name is `{}`", reference.name());
                self.warn(self.at(statement, what).hint("write the full name"));
            }
        }
    }

    fn contents(&mut self, statement: &Statement, name: &StoreName, contents: &Contents) {
        for folder in &contents.ignored {
            let what = format!("the trust store {name}: the folder {} counts for nothing", folder.display());
            let report = self.at(statement, what).cause("Notation refuses the whole store for it");
            self.warn(report.hint("move its certificates beside it, or the folder away"));
        }
        for (file, certificate) in &contents.certificates {
            let of = format!("the trust store {name}: `{}` of {}", certificate.subject, file.display());
            if certificate.not_after < self.now {
                let what = format!("{of} expired at {}", rfc3339(certificate.not_after));
                self.warn(self.at(statement, what).hint("ask the signer for the new root"));
            } else if self.now < certificate.not_before {
                let what = format!("{of} is valid only from {} on", rfc3339(certificate.not_before));
                self.warn(self.at(statement, what).hint("look at this machine's clock"));
            }
            if !certificate.is_self_signed() {
                let what = format!("{of} is no root");
                let report = self.at(statement, what).cause("an intermediate certificate is replaced without notice");
                self.warn(report.hint("put the root in its place"));
            }
        }
    }

    fn identity(&mut self, statement: &Statement, identity: &TrustedIdentity, has_aws_root: bool) {
        let by_authority = statement.stores.iter().any(|store| store.kind == StoreKind::SigningAuthority);
        match identity {
            TrustedIdentity::Any if has_aws_root => {
                let what = "the identity `*` under AWS Signer's root is every AWS account there is";
                let report = self.at(statement, what).cause("AWS's plugin for Notation refuses it");
                self.error(report.hint("name the ARN of each signing profile that you trust"));
            }
            TrustedIdentity::SigningProfile(profile) if !by_authority => {
                let what = format!("the identity `{profile}` has no effect without a signingAuthority store");
                self.warn(self.at(statement, what).hint("add signingAuthority:aws-signer-ts to its trustStores"));
            }
            TrustedIdentity::Subject(_) if has_aws_root => {
                let what = format!("the identity `{identity}` has no effect on signatures of AWS Signer");
                let report = self.at(statement, what).cause("they are judged by their signing profile");
                self.warn(report.hint("name the ARN of each signing profile that you trust"));
            }
            TrustedIdentity::Other(text) => {
                let what = format!("the identity `{text}` has no effect: no check understands it");
                let report = self.at(statement, what);
                let why = if text.starts_with("arn:") { SigningProfile::parse(text).err() } else { None };
                let report = why.iter().fold(report, |report, why| report.cause(why.full()));
                self.warn(report.hint("write the ARN of a signing profile, or x509.subject: and a name"));
            }
            TrustedIdentity::Any | TrustedIdentity::Subject(_) | TrustedIdentity::SigningProfile(_) => {}
        }
    }

    /// Stores that no statement names.
    fn unused(&mut self, policy: &Policy) {
        let named = |store: &StoreName| policy.statements.iter().any(|statement| statement.stores.contains(store));
        match self.store.names() {
            Ok(names) => names.iter().filter(|store| !named(store)).for_each(|store| {
                let what = format!("{}: no statement names the trust store {store}, which is there", self.origin);
                self.warn(Report::new(what).hint("add it to the trustStores of a statement, or remove its folder"));
            }),
            Err(report) => self.warn(report),
        }
    }
}
