//! What `sign` tells of its images.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::{
    log::Log,
    notary::certificate::rfc3339,
    oci::{ListedBy, ManifestFormat},
    report::{Level, fold},
    sign::{
        batch::Outcome,
        plan::{Plan, Signed},
    },
};

/// One report for people: what is done on stdout, what is not on stderr.
pub(super) fn text(
    quiet: bool,
    outcomes: &[Outcome],
    format: ManifestFormat,
    stdout: &mut dyn Write,
    log: &Log<'_>,
) -> io::Result<()> {
    for outcome in outcomes {
        match outcome {
            Outcome::Signed(signed) if quiet => writeln!(stdout, "{}", name_of(signed))?,
            Outcome::Signed(signed) => {
                if let Some(tag) = &signed.tag {
                    warn_of_tag(tag, &signed.image, log);
                }
                writeln!(stdout, "signed {}", signed.image)?;
                writeln!(stdout, "  signature: {}", name_of(signed))?;
                writeln!(stdout, "  profile:   {}", fold(&signed.profile_version))?;
                if let Some(end) = signed.expires_at {
                    writeln!(stdout, "  expires:   {}", rfc3339(end))?;
                }
                signed.warnings.iter().for_each(|warning| log.warn(warning));
            }
            Outcome::AlreadySigned { image, signature } if !quiet => {
                writeln!(stdout, "already signed {image}")?;
                writeln!(stdout, "  signature: {signature}")?;
            }
            Outcome::AlreadySigned { .. } => {}
            Outcome::Planned(plan) => {
                if let Some(tag) = &plan.tag {
                    warn_of_tag(tag, &plan.image, log);
                }
                plan.warnings.iter().for_each(|warning| log.warn(warning));
                writeln!(stdout, "would sign {}", plan.image)?;
                writeln!(
                    stdout,
                    "  payload ({} bytes): {}",
                    plan.payload.len(),
                    fold(&String::from_utf8_lossy(&plan.payload))
                )?;
                writeln!(stdout, "  manifest: {}", plan.manifest_preview(format))?;
            }
            Outcome::Failed { image, report } => {
                log.report(Level::Error, &report.clone().under(format!("{image} was not signed")));
            }
        }
    }
    let failed = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Failed { .. })).count();
    if outcomes.len() > 1 && !quiet {
        let done = outcomes.len() - failed;
        log.with_stderr(|stderr| writeln!(stderr, "{done} of {} images done, {failed} failed", outcomes.len()))?;
    }
    Ok(())
}

fn warn_of_tag(tag: &str, image: &str, log: &Log<'_>) {
    log.warn(format_args!("the tag {tag} can move; what is signed is {image}"));
}

/// The signature by its own name.
fn name_of(signed: &Signed) -> String {
    let repository = signed.image.split_once('@').map_or("", |(name, _)| name);
    format!("{repository}@{}", signed.signature)
}

/// One outcome for programs.
pub(super) fn json(outcome: &Outcome, format: ManifestFormat) -> Value {
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
            "manifestFormat": if signed.format == ManifestFormat::ConfigMediaType { "config-mediatype" } else { "oci-1.1" },
            "listedBy": match signed.listed_by {
                ListedBy::Api => "referrers-api",
                ListedBy::Tag => "tag",
                ListedBy::Index => "index.json",
            },
            "warnings": signed.warnings,
        }),
        Outcome::AlreadySigned { image, signature } => {
            json!({ "image": image, "status": "already-signed", "signature": signature })
        }
        Outcome::Planned(plan) => planned(plan, format),
        Outcome::Failed { image, report } => json!({
            "image": image,
            "status": "failed",
            "error": report.what(),
            "causes": report.causes(),
            "hint": report.advice(),
        }),
    }
}

fn planned(plan: &Plan, format: ManifestFormat) -> Value {
    let payload: Value = serde_json::from_slice(&plan.payload).unwrap_or_default();
    json!({
        "image": plan.image,
        "tag": plan.tag,
        "status": "planned",
        "payload": payload,
        "payloadBytes": plan.payload.len(),
        "manifest": plan.manifest_preview(format),
        "warnings": plan.warnings,
    })
}
