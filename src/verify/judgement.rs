//! The verdict on one signature, as a value: its checks, and what became of each. Pure.

use super::{
    policy::{Action, Actions},
    signed_by::SignedBy,
};
use crate::{notary::envelope::Envelope, report::Report};

/// The checks, in the specification's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckName {
    /// The envelope is whole and understood, and signs this image. Always enforced.
    Integrity,
    /// Its certificates lead to what the policy trusts.
    Authenticity,
    /// The policy trusts who signed. Enforced as authenticity is.
    Identity,
    /// It has not ended.
    Expiry,
    /// Its certificates were valid when it signed.
    Timestamp,
    /// Nothing of it was revoked.
    Revocation,
    /// The user's metadata is signed. Always enforced.
    Metadata,
}

impl CheckName {
    /// All of them, in their order.
    pub const ALL: [CheckName; 7] = [
        CheckName::Integrity,
        CheckName::Authenticity,
        CheckName::Identity,
        CheckName::Expiry,
        CheckName::Timestamp,
        CheckName::Revocation,
        CheckName::Metadata,
    ];

    /// Its name in the output.
    pub fn name(self) -> &'static str {
        match self {
            CheckName::Integrity => "integrity",
            CheckName::Authenticity => "authenticity",
            CheckName::Identity => "identity",
            CheckName::Expiry => "expiry",
            CheckName::Timestamp => "timestamp",
            CheckName::Revocation => "revocation",
            CheckName::Metadata => "metadata",
        }
    }

    /// What the policy makes of its failure.
    pub(super) fn action(self, actions: &Actions) -> Action {
        match self {
            CheckName::Integrity | CheckName::Metadata => Action::Enforce,
            CheckName::Authenticity | CheckName::Identity => actions.authenticity,
            CheckName::Expiry => actions.expiry,
            CheckName::Timestamp => actions.authentic_timestamp,
            CheckName::Revocation => actions.revocation,
        }
    }
}

/// What became of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckResult {
    /// It holds.
    Passed,
    /// It does not, or nobody knows, and the policy enforces it: the signature does not count.
    Failed,
    /// The same, and the policy only wants it told.
    Logged,
    /// The policy does not ask for it, or there is nothing to check.
    Skipped,
    /// A check before it failed, or nobody was asked.
    NotReached,
}

impl CheckResult {
    /// Its name in the output.
    pub fn name(self) -> &'static str {
        match self {
            CheckResult::Passed => "passed",
            CheckResult::Failed => "failed",
            CheckResult::Logged => "logged",
            CheckResult::Skipped => "skipped",
            CheckResult::NotReached => "not_reached",
        }
    }
}

/// One check.
#[derive(Debug, Clone)]
pub struct Check {
    /// Which.
    pub name: CheckName,
    /// What became of it.
    pub result: CheckResult,
    /// Why, in words for people, with a hint where there is something to do.
    pub reason: Report,
}

/// The verdict on a signature.
#[derive(Debug)]
pub struct Judgement {
    /// Every check of [`CheckName::ALL`], in that order.
    pub checks: Vec<Check>,
    /// The envelope, where its integrity holds.
    pub envelope: Option<Envelope>,
    /// Which profile of AWS Signer it names: its own word, unless [`Judgement::is_authentic`].
    pub signed_by: Option<SignedBy>,
}

impl Judgement {
    /// Whether every check holds that the policy asks for.
    pub fn verified(&self) -> bool {
        self.checks.len() == CheckName::ALL.len() && self.failure().is_none()
    }

    /// Whether its certificates lead to what the policy trusts, so that what it says is more than a claim.
    pub fn is_authentic(&self) -> bool {
        self.passed(CheckName::Authenticity)
    }

    /// Whether somebody made it whom the policy names, by certificates that lead to what it trusts.
    pub fn is_trusted(&self) -> bool {
        self.is_authentic() && self.passed(CheckName::Identity)
    }

    fn passed(&self, name: CheckName) -> bool {
        self.checks.iter().any(|check| check.name == name && check.result == CheckResult::Passed)
    }

    /// The check that keeps it from being verified: the one that failed, else the first that was not reached.
    pub fn failure(&self) -> Option<&Check> {
        let first = |result: CheckResult| self.checks.iter().find(move |check| check.result == result);
        first(CheckResult::Failed).or_else(|| first(CheckResult::NotReached))
    }

    /// The checks that failed and that the policy wants told only.
    pub fn logged(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.result == CheckResult::Logged)
    }
}
