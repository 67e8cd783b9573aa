//! What `verify` tells of its images.

use std::{
    collections::HashSet,
    io::{self, Write},
};

use serde_json::{Value, json};

use crate::{
    digest::Digest,
    log::Log,
    notary::certificate::rfc3339,
    report::{Level, Report, excerpt, fold},
    verify::{
        judge::Check,
        run::{Judged, Outcome, Verdict},
    },
};

/// The verdicts for people. A summary counts the good ones of a repository behind the first, which is the one that
/// was named, or lists the others.
pub(super) fn text(quiet: bool, summary: bool, verdicts: &[Verdict<'_>], stdout: &mut dyn Write) -> io::Result<()> {
    let mut repositories = HashSet::new();
    let mut untold = 0;
    for verdict in verdicts {
        let name = name_of(verdict);
        let first = repositories.insert(name.rsplit_once('@').map_or(name, |(repository, _)| repository));
        if summary && !quiet && !first && is_verified(verdict) {
            untold += 1;
            continue;
        }
        let name = fold(name); // of a layout it is a path
        match &verdict.outcome {
            Outcome::Verified(_) if quiet => writeln!(stdout, "{name}")?,
            _ if quiet => {}
            Outcome::Unchecked => writeln!(stdout, "not checked {name}")?,
            Outcome::Verified(judged) => {
                writeln!(stdout, "{} {name}", word(verdict))?;
                policy(verdict, stdout)?;
                signature(judged, stdout)?;
            }
            Outcome::Refused { signatures, .. } => {
                writeln!(stdout, "not verified {name}")?;
                policy(verdict, stdout)?;
                signatures.iter().try_for_each(|judged| signature(judged, stdout))?;
            }
        }
    }
    if untold > 0 {
        writeln!(stdout, "verified {untold} more, which --verbose names")?;
    }
    Ok(())
}

/// What is not data: warnings, and why images are not verified.
pub(super) fn tell(verdicts: &[Verdict<'_>], log: &Log<'_>) {
    for verdict in verdicts {
        let name = name_of(verdict);
        match &verdict.outcome {
            Outcome::Verified(judged) => {
                let by_digest = |(digest, _): &(Digest, String)| verdict.reference.ends_with(digest.as_str());
                if !verdict.resolved.as_ref().is_some_and(by_digest) {
                    log.warn(format_args!(
                        "{} can move; what is {}, and what to run, is {name}",
                        verdict.reference,
                        word(verdict)
                    ));
                }
                for check in judged.judgement.logged() {
                    let what =
                        format!("{name}: {} does not hold, which the trust policy only wants told", check.name.name());
                    log.report(Level::Warning, &check.reason.clone().under(what));
                }
            }
            Outcome::Unchecked => {
                let statement = verdict.statement.map(|statement| statement.name.as_str()).unwrap_or_default();
                log.warn(format_args!("nothing of {name} was checked: `{statement}` of the trust policy says skip"));
            }
            Outcome::Refused { why, .. } => {
                log.report(Level::Error, &why.clone().under(format!("{name} is not verified")));
            }
        }
    }
}

/// Whether somebody whom the policy trusts signed. Under `audit` a stranger's signature satisfies it as well: then
/// the integrity of what anybody may have made is all that is known.
fn is_verified(verdict: &Verdict<'_>) -> bool {
    match &verdict.outcome {
        Outcome::Verified(judged) => judged.judgement.is_trusted(),
        Outcome::Unchecked | Outcome::Refused { .. } => false,
    }
}

/// What an image is that satisfies the policy.
fn word(verdict: &Verdict<'_>) -> &'static str {
    if is_verified(verdict) { "verified" } else { "accepted" }
}

/// The image by digest, as far as that is known.
fn name_of<'a>(verdict: &'a Verdict<'_>) -> &'a str {
    verdict.resolved.as_ref().map_or(&verdict.reference, |(_, name)| name)
}

fn policy(verdict: &Verdict<'_>, stdout: &mut dyn Write) -> io::Result<()> {
    let Some(statement) = verdict.statement else { return Ok(()) };
    writeln!(stdout, "  trust policy  {} ({})", fold(&statement.name), statement.level.name())
}

/// One signature: who made it, where that is known, and every check.
fn signature(Judged { digest, judgement }: &Judged, stdout: &mut dyn Write) -> io::Result<()> {
    writeln!(stdout, "  signature     {digest}")?;
    if let (true, Some(envelope)) = (judgement.verified(), &judgement.envelope) {
        let leaf = || envelope.chain.first().map(|leaf| leaf.subject.clone()).unwrap_or_default();
        let signer = judgement.signed_by.as_ref().map_or_else(leaf, ToString::to_string);
        let claim = if judgement.is_authentic() { "" } else { " (claimed)" };
        writeln!(stdout, "  signed by     {}{claim}", fold(&signer))?;
        writeln!(stdout, "  signed at     {}{claim}", rfc3339(envelope.signed_at))?;
    }
    for Check { name, result, reason } in &judgement.checks {
        writeln!(stdout, "    {:<12}  {:<11}  {}", name.name(), result.name(), told(reason))?;
    }
    Ok(())
}

/// A reason in one line.
fn told(reason: &Report) -> String {
    excerpt(&reason.full())
}

/// The verdicts for programs.
pub(super) fn json(verdicts: &[Verdict<'_>]) -> Value {
    let images: Vec<Value> = verdicts.iter().map(image).collect();
    json!({ "images": images })
}

fn image(verdict: &Verdict<'_>) -> Value {
    let none: &[Judged] = &[];
    let (error, signatures) = match &verdict.outcome {
        Outcome::Verified(judged) => (None, std::slice::from_ref(&**judged)),
        Outcome::Unchecked => (None, none),
        Outcome::Refused { why, signatures } => (Some(why.full()), signatures.as_slice()),
    };
    let verified = is_verified(verdict);
    json!({
        "reference": verdict.reference,
        "digest": verdict.resolved.as_ref().map(|(digest, _)| digest),
        "verified": verified,
        "level": verdict.statement.map(|statement| statement.level.name()),
        "statement": verdict.statement.map(|statement| &statement.name),
        "error": error,
        "signatures": signatures.iter().map(|judged| signature_json(judged, verified)).collect::<Vec<_>>(),
    })
}

/// Only the signature that decided is there where the image is verified.
fn signature_json(Judged { digest, judgement }: &Judged, verified: bool) -> Value {
    let told = |check: &Check| json!({ "name": check.name.name(), "result": check.result.name(), "reason": told(&check.reason) });
    json!({ "digest": digest, "verified": verified, "checks": judgement.checks.iter().map(told).collect::<Vec<_>>() })
}
