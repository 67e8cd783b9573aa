//! What `sign` tells of its images.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::signing::tell;
use crate::sign::{
    batch::Outcome,
    envelope::rfc3339,
    native::{Plan, Signed},
    oci::{Form, ListedBy},
};

/// One report for people: what is done on stdout, what is not on stderr.
pub(super) fn text(
    quiet: bool,
    outcomes: &[Outcome],
    form: Form,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> io::Result<()> {
    for outcome in outcomes {
        match outcome {
            Outcome::Signed(signed) if quiet => writeln!(stdout, "{}", name_of(signed))?,
            Outcome::Signed(signed) => {
                if let Some(tag) = &signed.tag {
                    warn_of_tag(tag, &signed.image, stderr)?;
                }
                writeln!(stdout, "signed {}", signed.image)?;
                writeln!(stdout, "  signature: {}", name_of(signed))?;
                writeln!(stdout, "  profile:   {}", signed.profile_version)?;
                if let Some(end) = signed.expires_at {
                    writeln!(stdout, "  expires:   {}", rfc3339(end))?;
                }
                signed.warnings.iter().try_for_each(|warning| writeln!(stderr, "warning: {warning}"))?;
            }
            Outcome::Standing { image, signature } if !quiet => {
                writeln!(stdout, "already signed {image}")?;
                writeln!(stdout, "  signature: {signature}")?;
            }
            Outcome::Standing { .. } => {}
            Outcome::Planned(plan) => {
                if let Some(tag) = &plan.tag {
                    warn_of_tag(tag, &plan.image, stderr)?;
                }
                writeln!(stdout, "would sign {}", plan.image)?;
                writeln!(
                    stdout,
                    "  payload ({} bytes): {}",
                    plan.payload.len(),
                    String::from_utf8_lossy(&plan.payload)
                )?;
                writeln!(stdout, "  manifest: {}", plan.manifest_preview(form))?;
            }
            Outcome::Failed { image, error } => {
                writeln!(stderr, "failed {image}")?;
                tell(error, stderr)?;
            }
        }
    }
    let failed = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Failed { .. })).count();
    if outcomes.len() > 1 && !quiet {
        writeln!(stderr, "{} of {} images done, {failed} failed", outcomes.len() - failed, outcomes.len())?;
    }
    Ok(())
}

fn warn_of_tag(tag: &str, image: &str, stderr: &mut dyn Write) -> io::Result<()> {
    writeln!(stderr, "warning: the tag {tag} can move; what is signed is {image}")
}

/// The signature by its own name.
fn name_of(signed: &Signed) -> String {
    let repository = signed.image.split_once('@').map_or("", |(name, _)| name);
    format!("{repository}@{}", signed.signature)
}

/// One outcome for programs.
pub(super) fn json(outcome: &Outcome, form: Form) -> Value {
    match outcome {
        Outcome::Signed(signed) => json!({
            "image": signed.image,
            "tag": signed.tag,
            "status": "signed",
            "signature": signed.signature,
            "profileVersion": signed.profile_version,
            "signingJob": signed.job,
            "signingTime": rfc3339(signed.signed_at),
            "expiry": signed.expires_at.map(rfc3339),
            "manifestFormat": if signed.form == Form::ConfigMediaType { "config-mediatype" } else { "oci-1.1" },
            "listedBy": if signed.listed_by == ListedBy::Api { "referrers-api" } else { "tag" },
            "warnings": signed.warnings,
        }),
        Outcome::Standing { image, signature } => {
            json!({ "image": image, "status": "already-signed", "signature": signature })
        }
        Outcome::Planned(plan) => planned(plan, form),
        Outcome::Failed { image, error } => json!({
            "image": image,
            "status": "failed",
            "error": error.what(),
            "causes": error.causes(),
            "hint": error.advice(),
        }),
    }
}

fn planned(plan: &Plan, form: Form) -> Value {
    let payload: Value = serde_json::from_slice(&plan.payload).unwrap_or_default();
    json!({
        "image": plan.image,
        "tag": plan.tag,
        "status": "planned",
        "payload": payload,
        "payloadBytes": plan.payload.len(),
        "manifest": plan.manifest_preview(form),
    })
}
