//! The signatures that an image has: found, read, judged, told.

use std::cell::Cell;

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::signed_by::SignedBy;
use crate::{
    aws::{
        signer_roots::Roots,
        signing_profile::{PROFILE_ALIAS, PROFILE_VERSION, SIGNING_JOB},
    },
    digest::Digest,
    notary::{
        certificate::rfc3339,
        envelope::{self, Envelope, MAX_ENVELOPE},
    },
    oci::{
        Descriptor, Repository, SignatureManifest,
        bound::{MAX_TIME, within},
    },
    report::Report,
};

/// Signatures of one image that are read at the same time.
const CONCURRENCY: usize = 8;

/// Most bytes of the envelopes of one image that are read, of all together, since they are kept: two of the largest,
/// thousands of the usual.
const MAX_READ: u64 = 2 * MAX_ENVELOPE as u64;

/// A signature as the registry lists it, and what reading it gave.
#[derive(Debug)]
pub struct Signature {
    /// Its manifest.
    pub descriptor: Descriptor,
    /// The envelope, whose integrity holds; or why it could not be read.
    pub envelope: Result<Envelope, Report>,
    /// The profile of AWS Signer that made it; or why none did, so that what the envelope says is a claim.
    pub by: Result<SignedBy, Report>,
}

/// Reads every signature of an image, in the registry's order, and judges each by these roots.
///
/// # Errors
/// When the list cannot be read, and after five minutes.
pub async fn read(repository: &Repository, image: &Descriptor, roots: &Roots) -> Result<Vec<Signature>, Report> {
    let what = || format!("cannot read the signatures of {}@{}", repository.name(), image.digest);
    within(MAX_TIME, what, read_all(repository, image, roots)).await
}

async fn read_all(repository: &Repository, image: &Descriptor, roots: &Roots) -> Result<Vec<Signature>, Report> {
    let listed = repository.signatures(&image.digest).await?;
    let left = Cell::new(MAX_READ);
    let reading = stream::iter(listed).map(|descriptor| async {
        let envelope = open(repository, image, &descriptor, &left).await;
        let by = envelope.as_ref().map_err(Clone::clone).and_then(|envelope| SignedBy::of(envelope, roots));
        Signature { descriptor, envelope, by }
    });
    Ok(reading.buffered(CONCURRENCY).collect().await)
}

async fn open(
    repository: &Repository,
    image: &Descriptor,
    descriptor: &Descriptor,
    left: &Cell<u64>,
) -> Result<Envelope, Report> {
    let blob = find_envelope(repository, &image.digest, descriptor).await?;
    let Some(then) = left.get().checked_sub(blob.size) else {
        let most = MAX_READ / (1024 * 1024);
        return Err(Report::new(format!("it was not read: the signatures of the image have more than {most} MiB")));
    };
    left.set(then);
    let bytes = repository.blob(&blob, MAX_ENVELOPE).await?;
    let envelope = envelope::open(&blob.media_type, &bytes)?;
    let target = envelope.target()?;
    // As notation compares (notation-go, `content.Equal`).
    if !target.same_content(image) {
        return Err(Report::new(format!("it signs {target}, not this image, {image}")));
    }
    Ok(envelope)
}

/// Where the envelope of a listed signature is, by the word of a manifest that calls itself one of this image.
pub(super) async fn find_envelope(
    repository: &Repository,
    image: &Digest,
    listed: &Descriptor,
) -> Result<Descriptor, Report> {
    let manifest = repository.manifest(listed.digest.as_str()).await?;
    let manifest = SignatureManifest::read(&manifest.descriptor.media_type, &manifest.bytes)?;
    manifest.check_signs(image)?;
    Ok(manifest.envelope)
}

impl Signature {
    /// Everything about it, for machines.
    pub fn to_json(&self) -> Value {
        let mut object = json!({
            "digest": self.descriptor.digest,
            "media_type": self.descriptor.media_type,
            "size": self.descriptor.size,
            "trusted": self.by.is_ok(),
        });
        match &self.by {
            Ok(by) => object["signed_by"] = by.profile.to_string().into(),
            Err(reason) => object["reason"] = reason.full().into(),
        }
        let envelope = match &self.envelope {
            Ok(envelope) => envelope,
            Err(err) => {
                object["error"] = err.full().into();
                return object;
            }
        };
        object["envelope"] = envelope.media_type.into();
        object["algorithm"] = algorithm(envelope).into();
        object["signing_scheme"] = envelope.scheme.name().into();
        object["signing_time"] = rfc3339(envelope.signed_at).into();
        object["expiry"] = envelope.expires_at.map(rfc3339).into();
        object["profile_version"] = envelope.text(PROFILE_VERSION).into();
        object["signing_job"] = envelope.text(SIGNING_JOB).into();
        object["signing_agent"] = envelope.agent.clone().into();
        object["timestamped"] = envelope.timestamp.is_some().into();
        object["attributes"] = envelope
            .extended
            .iter()
            .map(|(name, attribute)| {
                (name.clone(), json!({ "value": attribute.value, "critical": attribute.critical }))
            })
            .collect();
        object["certificates"] = envelope
            .chain
            .iter()
            .map(|certificate| {
                json!({
                    "subject": certificate.subject,
                    "issuer": certificate.issuer,
                    "sha256": certificate.fingerprint(),
                    "not_before": rfc3339(certificate.not_before),
                    "not_after": rfc3339(certificate.not_after),
                })
            })
            .collect();
        if let Ok(target) = envelope.target() {
            object["signed_artifact"] = json!({
                "media_type": target.media_type,
                "digest": target.digest,
                "size": target.size,
            });
            object["user_metadata"] = json!(target.annotations);
        }
        object
    }

    /// The same as the lines of a tree, for people: depth and text.
    pub fn to_lines(&self, roots: &Roots, now: DateTime<Utc>) -> Vec<(usize, String)> {
        let mut lines = vec![(0, self.descriptor.digest.to_string())];
        let envelope = match &self.envelope {
            Ok(envelope) => envelope,
            Err(err) => {
                lines.push((1, format!("cannot be read: {}", err.full())));
                return lines;
            }
        };
        let ended = |end: DateTime<Utc>| if end <= now { " (expired)" } else { "" };
        let mut say = |depth, text: String| lines.push((depth, text));
        let claimed = match &self.by {
            Ok(by) => {
                say(1, format!("by {}: {by}", roots.owner()));
                ""
            }
            Err(reason) => {
                say(1, format!("not by {}: {}", roots.owner(), reason.full()));
                say(1, "all that follows is what its maker claims".into());
                " (claimed)"
            }
        };
        for (name, label) in [
            (PROFILE_VERSION, "signing profile version"),
            (PROFILE_ALIAS, "signing profile alias"),
            (SIGNING_JOB, "signing job"),
        ] {
            if let Some(value) = envelope.text(name) {
                say(1, format!("{label}{claimed}: {value}"));
            }
        }
        say(1, format!("signing time: {}", rfc3339(envelope.signed_at)));
        if let Some(end) = envelope.expires_at {
            say(1, format!("expiry: {}{}", rfc3339(end), ended(end)));
        }
        say(1, format!("signing scheme: {}", envelope.scheme.name()));
        say(1, format!("envelope: {}, {}", envelope.media_type, algorithm(envelope)));
        if let Some(agent) = &envelope.agent {
            say(1, format!("signing agent (unsigned): {agent}"));
        }
        if let Ok(target) = envelope.target() {
            if !target.annotations.is_empty() {
                say(1, "user metadata".into());
                target.annotations.iter().for_each(|(key, value)| say(2, format!("{key}: {value}")));
            }
            say(1, format!("signed artifact: {target}"));
        }
        let known = [PROFILE_VERSION, PROFILE_ALIAS, SIGNING_JOB];
        let others: Vec<_> = envelope.extended.iter().filter(|(name, _)| !known.contains(&name.as_str())).collect();
        if !others.is_empty() {
            say(1, "other signed attributes".into());
            for (name, attribute) in others {
                let critical = if attribute.critical { " (critical)" } else { "" };
                say(2, format!("{name}: {}{critical}", attribute.value));
            }
        }
        say(1, "certificates".into());
        for certificate in &envelope.chain {
            say(2, certificate.subject.clone());
            say(3, format!("sha256: {}", certificate.fingerprint()));
            say(3, format!("valid: {} to {}", rfc3339(certificate.not_before), rfc3339(certificate.not_after)));
        }
        lines
    }
}

fn algorithm(envelope: &Envelope) -> &'static str {
    envelope.chain.first().map_or("", |leaf| leaf.key.kind.signature_name())
}
