//! The verdict on one signature. Pure: no I/O, no clock; what others must say comes in as a value.
//!
//! [`examine`] makes every check that needs nobody else and tells whom to ask; [`Examined::conclude`] takes the answer
//! and gives the [`Judgement`]. A judgement without the answer that it needs is never a good one, nor is one without
//! the envelope's proof, which [`Examined::conclude`] checks: until then all is as if it held, so that who has something
//! to wait for may check it meanwhile.
//!
//! ```ignore
//! let examined = examine(&Evidence { media_type, envelope, image: &descriptor }, &rules);
//! let answer = match examined.question() {
//!     Question::Nobody => Answer::None,
//!     Question::AwsSigner => Answer::Revoked(signer.revoked(examined.envelope().unwrap()).await),
//!     Question::Plugin(request) => Answer::Plugin(plugin.ask(request)),
//! };
//! let judgement = examined.conclude(answer);
//! assert_eq!(judgement.verified(), judgement.failure().is_none());
//! ```

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};

pub use super::judgement::{Check, CheckName, CheckResult, Judgement};
use super::{
    anchors::Anchors,
    checks::{self, Found, Maker, Whole},
    plugin_protocol::{Capability, PluginAnswer, PluginRequest},
    policy::{Action, Actions, Level, Statement, TrustedIdentity},
    signed_by::SignedBy,
};
use crate::{
    names::NOTATION_PLUGIN,
    notary::envelope::{self, Envelope, Proof},
    oci::Descriptor,
    report::Report,
};

/// What a registry has: a signature's envelope, and the image that it is said to be of.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The envelope's media type: [`media::JWS`](crate::oci::media::JWS) or [`media::COSE`](crate::oci::media::COSE).
    pub media_type: &'a str,
    /// Its bytes.
    pub envelope: &'a [u8],
    /// The image's own manifest.
    pub image: &'a Descriptor,
}

/// What the evidence is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The statement of the trust policy that is for the image's repository. Its level is not
    /// [`Level::Skip`]: there is nothing to judge then.
    pub statement: &'a Statement,
    /// What its trust stores hold.
    pub anchors: &'a Anchors,
    /// The metadata that must be signed (`-m`).
    pub metadata: &'a BTreeMap<String, String>,
    /// The time, now.
    pub now: DateTime<Utc>,
}

/// Whom to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Nobody: all is said already, or an enforced check failed.
    Nobody,
    /// AWS Signer, what of it is revoked, in the region of [`Examined::signed_by`].
    AwsSigner,
    /// The verification plugin that the signature names.
    Plugin(Box<PluginRequest>),
}

/// What was answered.
#[derive(Debug)]
pub enum Answer {
    /// Nobody was asked.
    None,
    /// What AWS Signer calls revoked, or why it did not say.
    Revoked(Result<Vec<String>, Report>),
    /// What the plugin said, or why it could not be asked: where it is not installed, that.
    Plugin(Result<PluginAnswer, Report>),
}

impl Judgement {
    /// The verdict on a signature that cannot be read from the registry, or is not proven: its integrity fails.
    pub fn unreadable(why: Report, statement: &Statement) -> Judgement {
        let mut checks = Checks::of(statement);
        checks.found(CheckName::Integrity, || Err(why));
        Judgement { checks: checks.finish(), envelope: None, signed_by: None }
    }
}

/// A signature of which everything is known that needs nobody else, but for its proof.
#[derive(Debug)]
pub struct Examined<'a> {
    rules: Rules<'a>,
    checks: Checks,
    /// None where the envelope cannot be read.
    proof: Option<Arc<Proof>>,
    /// What was signed; none where its integrity does not hold.
    whole: Option<Whole>,
    question: Question,
}

/// Makes every check that needs nobody else, as if the envelope's proof held.
pub fn examine<'a>(evidence: &Evidence<'_>, rules: &Rules<'a>) -> Examined<'a> {
    let Rules { statement, anchors, metadata, now } = *rules;
    let mut checks = Checks::of(statement);
    let (mut proof, mut whole) = (None, None);
    checks.found(CheckName::Integrity, || {
        let (envelope, its_proof) = envelope::read(evidence.media_type, evidence.envelope)?;
        proof = Some(Arc::new(its_proof));
        whole = Some(checks::integrity(envelope, evidence.image)?);
        Ok("it is whole, and signs this image".into())
    });
    let Some(whole) = whole else {
        return Examined { rules: *rules, checks, proof, whole, question: Question::Nobody };
    };
    let envelope = &whole.envelope;
    checks.found(CheckName::Authenticity, || checks::authenticity(envelope, anchors));
    match &whole.maker {
        Maker::AwsSigner(_) if statement.identities.contains(&TrustedIdentity::Any) => {
            // AWS's plugin gives up here at any level (`verifier.go`).
            let what =
                format!("the trust policy trusts every identity (`*`), which {NOTATION_PLUGIN} does not support");
            let hint = "name the signing profile's ARN in `trustedIdentities`";
            checks.refuse(CheckName::Identity, Report::new(what).hint(hint));
        }
        Maker::AwsSigner(by) => {
            checks.found(CheckName::Identity, || checks::profile_identity(by, &statement.identities));
        }
        Maker::Plain => {
            checks.found(CheckName::Identity, || checks::subject_identity(&envelope.chain, &statement.identities));
        }
        Maker::Plugin { .. } => {} // its plugin may have the say
    }
    checks.found(CheckName::Expiry, || checks::expiry(envelope, now));
    checks.found(CheckName::Timestamp, || checks::timestamp(envelope, anchors, statement.verify_timestamp, now));
    match metadata.is_empty() {
        true => checks.skip(CheckName::Metadata, "none was asked for"),
        false => checks.found(CheckName::Metadata, || checks::metadata(&whole.metadata, metadata)),
    }
    let asks_revocation = statement.actions.revocation != Action::Skip;
    if !asks_revocation {
        checks.skip(CheckName::Revocation, LEFT_OUT);
    }
    let question = match &whole.maker {
        _ if checks.stopped => Question::Nobody,
        Maker::AwsSigner(_) if asks_revocation => Question::AwsSigner,
        Maker::AwsSigner(_) | Maker::Plain => Question::Nobody,
        Maker::Plugin { name, .. } => Question::Plugin(Box::new(PluginRequest::new(name, envelope, statement))),
    };
    Examined { rules: *rules, checks, proof, whole: Some(whole), question }
}

impl Examined<'_> {
    /// Whom to ask before it can be concluded.
    pub fn question(&self) -> &Question {
        &self.question
    }

    /// What proves the envelope, for who checks it before it is concluded.
    pub fn proof(&self) -> Option<Arc<Proof>> {
        self.proof.clone()
    }

    /// The envelope, where nothing but its proof may yet speak against its integrity.
    pub fn envelope(&self) -> Option<&Envelope> {
        self.whole.as_ref().map(|whole| &whole.envelope)
    }

    /// The profile of AWS Signer that it names.
    pub fn signed_by(&self) -> Option<&SignedBy> {
        match &self.whole.as_ref()?.maker {
            Maker::AwsSigner(by) => Some(by),
            Maker::Plugin { .. } | Maker::Plain => None,
        }
    }

    /// The verdict, with what was answered. An answer to what was not asked is passed over, and so is everything about
    /// an envelope that is not proven.
    pub fn conclude(mut self, answer: Answer) -> Judgement {
        if let Some(Err(why)) = self.proof.as_ref().map(|proof| proof.check()) {
            return Judgement::unreadable(why, self.rules.statement);
        }
        let (Some(_proven), Some(whole)) = (self.proof, self.whole) else {
            return Judgement { checks: self.checks.finish(), envelope: None, signed_by: None };
        };
        let Whole { envelope, maker, .. } = whole;
        let identities = &self.rules.statement.identities;
        let signed_by = match maker {
            Maker::AwsSigner(by) => {
                if let Answer::Revoked(answer) = answer {
                    self.checks.found(CheckName::Revocation, || checks::aws_revocation(answer));
                }
                Some(*by)
            }
            Maker::Plain => {
                self.checks.found(CheckName::Revocation, || checks::chain_revocation(&envelope.chain));
                None
            }
            Maker::Plugin { name, oldest } => {
                if !self.checks.stopped {
                    let answer = match answer {
                        Answer::Plugin(answer) => answer,
                        Answer::None | Answer::Revoked(_) => Err(Report::new("nobody asked it")),
                    };
                    let understood = answer.and_then(|answer| {
                        answer.check(&name, oldest.as_deref(), &envelope)?;
                        Ok(answer)
                    });
                    match understood {
                        Ok(answer) => self.checks.by_plugin(&answer, &envelope, identities),
                        Err(why) => self.checks.misunderstood(why.under(format!("it asks for the plugin `{name}`"))),
                    }
                }
                None
            }
        };
        Judgement { checks: self.checks.finish(), envelope: Some(envelope), signed_by }
    }
}

/// Why a check is not made.
const LEFT_OUT: &str = "the trust policy leaves it out";

/// The checks as they are made.
#[derive(Debug)]
struct Checks {
    actions: Actions,
    made: BTreeMap<CheckName, Check>,
    /// An enforced one failed: no other is made.
    stopped: bool,
}

impl Checks {
    fn of(statement: &Statement) -> Checks {
        // Where nothing is to be checked, nothing can be said to hold.
        Checks { actions: statement.actions, made: BTreeMap::new(), stopped: statement.level == Level::Skip }
    }

    fn found(&mut self, name: CheckName, check: impl FnOnce() -> Found) {
        if self.stopped {
            return;
        }
        let action = name.action(&self.actions);
        if action == Action::Skip {
            return self.skip(name, LEFT_OUT);
        }
        match (check(), action) {
            (Ok(why), _) => self.set(name, CheckResult::Passed, Report::new(why)),
            (Err(why), Action::Enforce | Action::Skip) => self.refuse(name, why),
            (Err(why), Action::Log) => self.set(name, CheckResult::Logged, why),
        }
    }

    /// A failure that counts, whatever the policy makes of the check.
    fn refuse(&mut self, name: CheckName, why: Report) {
        if !self.stopped {
            self.set(name, CheckResult::Failed, why);
            self.stopped = true;
        }
    }

    fn skip(&mut self, name: CheckName, why: &str) {
        if !self.stopped {
            self.set(name, CheckResult::Skipped, Report::new(why));
        }
    }

    fn set(&mut self, name: CheckName, result: CheckResult, reason: Report) {
        self.made.insert(name, Check { name, result, reason });
    }

    /// What a plugin said, and natively what it has no say in.
    fn by_plugin(&mut self, answer: &PluginAnswer, envelope: &Envelope, identities: &[TrustedIdentity]) {
        self.found(CheckName::Identity, || match answer.result(Capability::TrustedIdentity) {
            Some(found) => found,
            None => checks::subject_identity(&envelope.chain, identities),
        });
        self.found(CheckName::Revocation, || match answer.result(Capability::RevocationCheck) {
            Some(found) => found,
            None => checks::chain_revocation(&envelope.chain),
        });
    }

    /// What must be understood of the envelope is not: whatever else was found says nothing.
    fn misunderstood(&mut self, why: Report) {
        self.made.clear();
        self.refuse(CheckName::Integrity, why);
    }

    /// All of them, in their order.
    fn finish(mut self) -> Vec<Check> {
        let why = if self.stopped { "another check failed" } else { "nobody was asked" };
        let not_reached = |name| Check { name, result: CheckResult::NotReached, reason: Report::new(why) };
        CheckName::ALL.map(|name| self.made.remove(&name).unwrap_or_else(|| not_reached(name))).into()
    }
}
