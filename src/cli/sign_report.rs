//! What `sign` tells of its images.

use std::{
    collections::HashSet,
    io::{self, Write},
};

use serde_json::{Value, json};

use crate::{
    aws::signing_profile::SigningProfile,
    log::Log,
    notary::certificate::rfc3339,
    oci::{ListedBy, ManifestFormat},
    report::{Level, fold},
    sign::{
        batch::Outcome,
        plan::{Plan, Signed},
    },
};

/// How much is told of what went well; what did not is always told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// The signatures' names.
    Names,
    /// Images that were named, and how many they list.
    Summary,
    /// Every image.
    Every,
}

/// One report for people: what is done on stdout, what is not on stderr. `verify` is the command that looks at
/// what was signed, up to its image.
pub(super) fn text(
    detail: Detail,
    outcomes: &[Outcome],
    format: ManifestFormat,
    verify: &str,
    stdout: &mut dyn Write,
    log: &Log<'_>,
) -> io::Result<()> {
    let quiet = detail == Detail::Names;
    // The first of a repository is the one that was named, or lists the others.
    let mut repositories = HashSet::new();
    let mut untold = 0;
    for outcome in outcomes {
        let done = match outcome {
            Outcome::Signed(signed) => &signed.image,
            Outcome::AlreadySigned { image, .. } => image,
            Outcome::Planned(plan) => &plan.image,
            Outcome::Failed { image, report } => {
                log.report(Level::Error, &report.clone().under(format!("{image} was not signed")));
                continue;
            }
        };
        let first = repositories.insert(done.rsplit_once('@').map_or(done.as_str(), |(name, _)| name));
        if detail == Detail::Summary && !first {
            untold += 1;
        }
        let told = detail != Detail::Summary || first;
        match outcome {
            Outcome::Signed(signed) if quiet => writeln!(stdout, "{}", name_of(signed))?,
            Outcome::Signed(signed) => {
                if told {
                    writeln!(stdout, "signed {}", fold(&signed.image))?;
                    tag(signed.tag.as_deref(), stdout)?;
                    writeln!(stdout, "  signature: {}", name_of(signed))?;
                    writeln!(stdout, "  profile:   {}", fold(&signed.profile_version))?;
                    if let Some(end) = signed.expires_at {
                        writeln!(stdout, "  expires:   {}", rfc3339(end))?;
                    }
                }
                signed.warnings.iter().for_each(|warning| log.warn(warning));
            }
            Outcome::AlreadySigned { image, signature } if told && !quiet => {
                writeln!(stdout, "already signed {}", fold(image))?;
                writeln!(stdout, "  signature: {signature}")?;
            }
            Outcome::Planned(plan) => {
                plan.warnings.iter().for_each(|warning| log.warn(warning));
                if told {
                    writeln!(stdout, "would sign {}", fold(&plan.image))?;
                    tag(plan.tag.as_deref(), stdout)?;
                    let payload = fold(&String::from_utf8_lossy(&plan.payload));
                    writeln!(stdout, "  payload ({} bytes): {payload}", plan.payload.len())?;
                    writeln!(stdout, "  manifest: {}", plan.manifest_preview(format))?;
                }
            }
            Outcome::AlreadySigned { .. } | Outcome::Failed { .. } => {}
        }
    }
    if untold > 0 {
        writeln!(stdout, "and {untold} more, which --verbose names")?;
    }
    let signed = outcomes.iter().find_map(|outcome| match outcome {
        Outcome::Signed(signed) => Some((signed, SigningProfile::parse(&signed.profile_version).ok()?)),
        _ => None,
    });
    if let Some((signed, profile)) = signed.filter(|_| !quiet) {
        writeln!(stdout, "to verify:\n  {verify}{} \\", fold(&signed.image))?;
        writeln!(stdout, "    --signing-profile {}", profile.any_version())?;
    }
    let failed = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Failed { .. })).count();
    if outcomes.len() > 1 && !quiet {
        let done = outcomes.len() - failed;
        log.with_stderr(|stderr| writeln!(stderr, "{done} of {} images done, {failed} failed", outcomes.len()))?;
    }
    Ok(())
}

/// The tag that was named: what is signed is the digest.
fn tag(tag: Option<&str>, stdout: &mut dyn Write) -> io::Result<()> {
    tag.map_or(Ok(()), |tag| writeln!(stdout, "  tag:       {} (it can move; the digest is what is signed)", fold(tag)))
}

/// The signature by its own name.
fn name_of(signed: &Signed) -> String {
    let repository = signed.image.rsplit_once('@').map_or("", |(name, _)| name); // a layout's folder may have one
    format!("{}@{}", fold(repository), signed.signature)
}

/// One outcome for programs.
pub(super) fn json(outcome: &Outcome, format: ManifestFormat) -> Value {
    match outcome {
        Outcome::Signed(signed) => json!({
            "image": signed.image,
            "tag": signed.tag,
            "status": "signed",
            "signature": signed.signature,
            "profile_version": signed.profile_version,
            "signing_job": signed.job,
            "signing_time": rfc3339(signed.signed_at),
            "expiry": signed.expires_at.map(rfc3339),
            "manifest_format": if signed.format == ManifestFormat::ConfigMediaType { "config-mediatype" } else { "oci-1.1" },
            "listed_by": match signed.listed_by {
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
        "payload_bytes": plan.payload.len(),
        "manifest": plan.manifest_preview(format),
        "warnings": plan.warnings,
    })
}
