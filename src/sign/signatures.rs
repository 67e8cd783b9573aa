//! The signatures that an image has: found, read, json.

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::plan::SigningContext;
use crate::{
    aws::signing_profile::{PROFILE_VERSION, SIGNING_JOB, SigningProfile},
    digest::Digest,
    notary::{
        certificate::rfc3339,
        envelope::{self, Envelope, MAX_ENVELOPE},
    },
    oci::{Descriptor, Repository, SignatureManifest},
    report::Report,
};

/// Signatures of one image that are read at the same time.
const CONCURRENCY: usize = 8;

/// A signature as the registry lists it, and what reading it gave.
#[derive(Debug)]
pub struct Signature {
    /// Its manifest.
    pub descriptor: Descriptor,
    /// The envelope, whose integrity holds; or why it could not be read.
    pub envelope: Result<Envelope, Report>,
}

/// Reads every signature of an image, in the registry's order.
pub async fn read(repository: &Repository, subject: &Digest) -> Result<Vec<Signature>, Report> {
    let listed = repository.signatures(subject).await?;
    let reading = stream::iter(listed).map(|descriptor| async {
        let envelope = open(repository, subject, &descriptor).await;
        Signature { descriptor, envelope }
    });
    Ok(reading.buffered(CONCURRENCY).collect().await)
}

async fn open(repository: &Repository, subject: &Digest, descriptor: &Descriptor) -> Result<Envelope, Report> {
    let manifest = repository.manifest(descriptor.digest.as_str()).await?;
    let manifest = SignatureManifest::read(&manifest.descriptor.media_type, &manifest.bytes)?;
    let bytes = repository.blob(&manifest.envelope, MAX_ENVELOPE).await?;
    let envelope = envelope::open(&manifest.envelope.media_type, &bytes)?;
    let target = envelope.target()?;
    if target.digest != *subject {
        return Err(Report::new(format!("it signs {}, not this image", target.digest)));
    }
    Ok(envelope)
}

/// Whether the image already has a signature that a run with these context would make again.
pub fn already_signed<'a>(signatures: &'a [Signature], context: &SigningContext<'_>) -> Option<&'a Signature> {
    signatures.iter().find(|signature| {
        let Ok(envelope) = &signature.envelope else { return false };
        let by = envelope.text(PROFILE_VERSION).and_then(|arn| SigningProfile::parse(arn).ok());
        let signed = envelope.target().map(|target| target.annotations).unwrap_or_default();
        by.is_some_and(|by| context.profile.is_met_by(&by))
            && context.metadata.iter().all(|(key, value)| signed.get(key) == Some(value))
            && envelope.expires_at.is_none_or(|end| end > context.now)
            && context.roots.check(&envelope.chain).is_ok()
    })
}

impl Signature {
    /// Everything about it, for machines.
    pub fn to_json(&self) -> Value {
        let mut object = json!({
            "digest": self.descriptor.digest,
            "mediaType": self.descriptor.media_type,
            "size": self.descriptor.size,
        });
        let envelope = match &self.envelope {
            Ok(envelope) => envelope,
            Err(err) => {
                object["error"] = err.full().into();
                return object;
            }
        };
        object["envelope"] = envelope.media_type.into();
        object["algorithm"] = algorithm(envelope).into();
        object["signingScheme"] = envelope.scheme.name().into();
        object["signingTime"] = rfc3339(envelope.signed_at).into();
        object["expiry"] = envelope.expires_at.map(rfc3339).into();
        object["profileVersion"] = envelope.text(PROFILE_VERSION).into();
        object["signingJob"] = envelope.text(SIGNING_JOB).into();
        object["signingAgent"] = envelope.agent.clone().into();
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
                    "notBefore": rfc3339(certificate.not_before),
                    "notAfter": rfc3339(certificate.not_after),
                })
            })
            .collect();
        if let Ok(target) = envelope.target() {
            object["signedArtifact"] = json!({
                "mediaType": target.media_type,
                "digest": target.digest,
                "size": target.size,
            });
            object["userMetadata"] = json!(target.annotations);
        }
        object
    }

    /// The same as the lines of a tree, for people: depth and text.
    pub fn to_lines(&self, now: DateTime<Utc>) -> Vec<(usize, String)> {
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
        for (name, label) in [(PROFILE_VERSION, "signing profile version"), (SIGNING_JOB, "signing job")] {
            if let Some(value) = envelope.text(name) {
                say(1, format!("{label}: {value}"));
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
        let known = [PROFILE_VERSION, SIGNING_JOB];
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
