//! The checks of one signature, each by itself: what it asks and in which words it fails. Pure: no I/O, no clock.
//!
//! The rules are the Notary Project's (specifications, trust-store-trust-policy.md, "Signature Verification";
//! signature-specification.md) and, for signatures of AWS Signer, those of its plugin for Notation.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{
    anchors::Anchors,
    distinguished_name::DistinguishedName,
    policy::{StoreKind, TrustedIdentity, VerifyTimestamp},
    signed_by::SignedBy,
};
use crate::{
    aws::signing_profile::PROFILE_VERSION,
    names::NOTATION_PLUGIN,
    notary::{
        certificate::{Certificate, rfc3339},
        chain::check_time,
        envelope::{Envelope, Scheme, VERIFICATION_PLUGIN, VERIFICATION_PLUGIN_VERSION},
    },
    oci::Descriptor,
    report::Report,
};

/// What a check came to: in words why it holds, or why it does not.
pub(crate) type Found = Result<String, Report>;

/// Who must take part in a verdict, by the signature's own word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Maker {
    /// AWS Signer, in place of whose plugin this program stands.
    AwsSigner(Box<SignedBy>),
    /// Somebody whose plugin must be asked.
    Plugin {
        /// Its name.
        name: String,
        /// The oldest version that will do.
        oldest: Option<String>,
    },
    /// Nobody else.
    Plain,
}

/// An envelope that is understood, and signs the image.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) envelope: Envelope,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) maker: Maker,
}

/// Integrity beyond the envelope's own rules and its proof: what it signs, and that everything in it that must be
/// understood is.
pub(super) fn integrity(envelope: Envelope, image: &Descriptor) -> Result<Whole, Report> {
    let target = envelope.target()?;
    // As notation compares (notation-go, `content.Equal`).
    if !target.same_content(image) {
        return Err(Report::new(format!("it signs {target}, not this image, {image}")));
    }
    let critical = |name: &str| envelope.extended.get(name).is_some_and(|attribute| attribute.critical);
    let maker = match envelope.text(VERIFICATION_PLUGIN) {
        Some(plugin) if plugin != NOTATION_PLUGIN => {
            Maker::Plugin { name: plugin.into(), oldest: envelope.text(VERIFICATION_PLUGIN_VERSION).map(str::to_owned) }
        }
        Some(_) => Maker::AwsSigner(Box::new(SignedBy::claimed(&envelope)?)),
        None if critical(PROFILE_VERSION) => Maker::AwsSigner(Box::new(SignedBy::claimed(&envelope)?)),
        None => {
            // Without a plugin nobody is left to understand it (signature-specification.md, "Extended attributes").
            if let Some((name, _)) = envelope.extended.iter().find(|(_, attribute)| attribute.critical) {
                return Err(Report::new(format!("it has the critical attribute `{name}`, which is unknown")));
            }
            Maker::Plain
        }
    };
    Ok(Whole { metadata: target.annotations, envelope, maker })
}

/// Authenticity: the chain leads to something that the policy trusts for this signing scheme.
pub(super) fn authenticity(envelope: &Envelope, anchors: &Anchors) -> Found {
    let kind = match envelope.scheme {
        Scheme::X509 => StoreKind::Ca,
        Scheme::SigningAuthority => StoreKind::SigningAuthority,
    };
    anchors.check(&envelope.chain, kind)
}

/// Trusted identity of a signature of AWS Signer: one of the profiles that the policy names.
pub(crate) fn profile_identity(by: &SignedBy, trusted: &[TrustedIdentity]) -> Found {
    let profiles = trusted.iter().filter_map(|identity| match identity {
        TrustedIdentity::SigningProfile(profile) => Some(profile),
        TrustedIdentity::Any | TrustedIdentity::Subject(_) | TrustedIdentity::Other(_) => None,
    });
    let profiles: Vec<_> = profiles.collect();
    if profiles.iter().any(|wanted| by.is(wanted)) {
        return Ok(format!("signed by {by}"));
    }
    if profiles.is_empty() {
        return Err(Report::new(format!("it is by {by}, and the trust policy names no signing profile"))
            .hint(format!("to trust it, add `{}` to `trustedIdentities`", by.profile.any_version())));
    }
    let names: Vec<String> = profiles.iter().map(ToString::to_string).collect();
    Err(Report::new(format!("it is by {by}, not by {}", names.join(" or "))).hint(format!(
        "to trust it, name {} (--signing-profile, or `trustedIdentities` of the trust policy)",
        by.profile.any_version()
    )))
}

/// Trusted identity of every other signature: the subject of its leaf certificate.
pub(super) fn subject_identity(chain: &[Certificate], trusted: &[TrustedIdentity]) -> Found {
    let Some(leaf) = chain.first() else { return Err(Report::new("the certificate chain is empty")) };
    if trusted.iter().any(|identity| matches!(identity, TrustedIdentity::Any)) {
        return Ok(format!(
            "signed by `{}`; the trust policy takes everybody that its trust stores lead to",
            leaf.subject
        ));
    }
    let subjects: Vec<&DistinguishedName> = trusted
        .iter()
        .filter_map(|identity| match identity {
            TrustedIdentity::Subject(subject) => Some(subject),
            TrustedIdentity::Any | TrustedIdentity::SigningProfile(_) | TrustedIdentity::Other(_) => None,
        })
        .collect();
    if subjects.is_empty() {
        return Err(Report::new(format!(
            "it is by `{}`, not by AWS Signer, and the trust policy names no `x509.subject`",
            leaf.subject
        )));
    }
    let found = leaf.subject_attributes().map_err(|why| Report::new(format!("it is by `{}`: {why}", leaf.subject)))?;
    if subjects.iter().any(|wanted| wanted.matches(&found)) {
        return Ok(format!("signed by `{}`", leaf.subject));
    }
    let names: Vec<String> = subjects.iter().map(|wanted| format!("`{}`", wanted.to_string().trim())).collect();
    Err(Report::new(format!("it is by `{}`, which is not {}", leaf.subject, names.join(" or "))))
}

/// Expiry: the signature has not ended.
pub(super) fn expiry(envelope: &Envelope, now: DateTime<Utc>) -> Found {
    match envelope.expires_at {
        None => Ok("it has no end".into()),
        Some(end) if now < end => Ok(format!("it ends at {}", rfc3339(end))),
        Some(end) => Err(Report::new(format!("it ended at {}", rfc3339(end))).hint("sign the image again")),
    }
}

/// Authentic timestamp: every certificate was valid when it signed, by somebody's word whom the policy trusts.
pub(super) fn timestamp(envelope: &Envelope, anchors: &Anchors, when: VerifyTimestamp, now: DateTime<Utc>) -> Found {
    if envelope.scheme == Scheme::SigningAuthority {
        check_time(&envelope.chain, envelope.signed_at)?;
        return Ok(format!("every certificate was valid when the authority signed, {}", rfc3339(envelope.signed_at)));
    }
    let outside = envelope.chain.iter().find(|certificate| !certificate.is_valid_at(now));
    let asked = anchors.has(StoreKind::Tsa)
        && match when {
            VerifyTimestamp::Always => true,
            VerifyTimestamp::AfterCertExpiry => outside.is_some(),
        };
    if asked {
        return Err(Report::new(
            "the trust policy asks for a timestamp (RFC 3161), which this program does not verify",
        )
        .hint("verify this signature with Notation, or set \"override\": {\"authenticTimestamp\": \"log\"}"));
    }
    match outside {
        None => Ok(format!("every certificate is valid now, {}", rfc3339(now))),
        Some(outside) => Err(Report::new(format!(
            "the certificate `{}` is valid from {} to {}, not now, {}",
            outside.subject,
            rfc3339(outside.not_before),
            rfc3339(outside.not_after),
            rfc3339(now)
        ))),
    }
}

/// Revocation, by AWS Signer's own word. What it calls revoked counts, whatever it is.
pub(super) fn aws_revocation(answer: Result<Vec<String>, Report>) -> Found {
    match answer {
        Ok(revoked) if revoked.is_empty() => Ok("AWS Signer says that nothing of it is revoked".into()),
        Ok(revoked) => {
            let name = |entity: &String| match entity.starts_with("arn:") {
                true => entity.clone(),
                false => format!("the certificate {entity}"),
            };
            let names: Vec<String> = revoked.iter().map(name).collect();
            Err(Report::new(format!("it is revoked: {}", names.join(", "))))
        }
        Err(report) => Err(report.under("it is not known whether it is revoked")),
    }
}

/// Revocation of a chain that no AWS Signer speaks for: nothing can be revoked where no certificate says who would tell
/// (notation-core-go, `revocation`, "non-revokable").
pub(super) fn chain_revocation(chain: &[Certificate]) -> Found {
    let authorities = chain.split_last().map_or(&[][..], |(_, below_the_root)| below_the_root);
    match authorities.iter().find(|certificate| certificate.tells_of_revocation()) {
        None => Ok("no certificate names a place that tells of its revocation".into()),
        Some(certificate) => Err(Report::new(format!(
            "the certificate `{}` names where its revocation is told (OCSP or CRL), and this program does not ask there",
            certificate.subject
        ))
        .hint("verify this signature with Notation, or set \"override\": {\"revocation\": \"log\"}")),
    }
}

/// User metadata: all that was asked for is signed.
pub(super) fn metadata(signed: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> Found {
    for (key, value) in wanted {
        match signed.get(key) {
            Some(found) if found == value => {}
            Some(found) => {
                return Err(Report::new(format!("the metadata `{key}` is `{found}`, not `{value}`")));
            }
            None => return Err(Report::new(format!("the metadata `{key}` is not signed"))),
        }
    }
    let pairs: Vec<String> = wanted.iter().map(|(key, value)| format!("{key}={value}")).collect();
    Ok(format!("it signs {}", pairs.join(", ")))
}
