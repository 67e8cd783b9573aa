//! What AWS Signer must have returned for us to push it.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    aws::{signer_roots::Roots, signing_profile::SigningProfile},
    notary::{
        certificate::rfc3339,
        chain::check_time,
        envelope::{self, Envelope},
    },
    oci::{Descriptor, media},
    report::Report,
    verify::signed_by::SignedBy,
};

/// How far AWS's signing time may be from our clock. AWS refuses requests whose signature is more
/// than five minutes off; the rest is for the call itself and for a clock that was just set.
const MAX_CLOCK_SKEW: TimeDelta = TimeDelta::minutes(15);

/// What was asked of AWS Signer.
#[derive(Debug)]
pub struct Expected<'a> {
    /// The descriptor that was to be signed, with the user's metadata.
    pub target: &'a Descriptor,
    /// The profile that was to sign.
    pub profile: &'a SigningProfile,
    /// The roots that are trusted.
    pub roots: &'a Roots,
    /// The time, now.
    pub now: DateTime<Utc>,
}

/// Opens an envelope that AWS Signer returned and checks it against what was asked: every check
/// that notation makes before pushing (notation-go, `signer/plugin.go`), and those that only a
/// caller of AWS Signer can make.
///
/// # Errors
/// The first check that fails. Nothing may be pushed then.
pub fn check_returned(bytes: &[u8], expected: &Expected<'_>) -> Result<(Envelope, SignedBy), Report> {
    let envelope = envelope::open(media::JWS, bytes)?;
    let signed_by = SignedBy::claimed(&envelope)?;
    let target = envelope.target()?;
    if !target.same_content(expected.target) {
        return Err(Report::new(format!("what was signed changed from {} to {target}", expected.target)));
    }
    for (key, value) in &expected.target.annotations {
        if target.annotations.get(key) != Some(value) {
            return Err(Report::new(format!("the annotation `{key}` was dropped or changed while signing")));
        }
    }
    check_profile(&signed_by, expected.profile)?;
    if (envelope.signed_at - expected.now).abs() > MAX_CLOCK_SKEW {
        return Err(Report::new(format!(
            "the signing time {} is not now ({})",
            rfc3339(envelope.signed_at),
            rfc3339(expected.now)
        ))
        .hint("set this machine's clock"));
    }
    if envelope.expires_at.is_some_and(|end| end <= expected.now) {
        return Err(Report::new("the signature has already expired"));
    }
    check_time(&envelope.chain, envelope.signed_at)?;
    expected.roots.check(&envelope.chain)?;
    Ok((envelope, signed_by))
}

fn check_profile(signed_by: &SignedBy, wanted: &SigningProfile) -> Result<(), Report> {
    if signed_by.is(wanted) {
        return Ok(());
    }
    let err = Report::new(format!("the signature is by the profile {signed_by}, not by {wanted}"));
    Err(if signed_by.is(&wanted.any_version()) {
        err.hint("AWS Signer signs with a profile's newest version: name the profile without its version")
    } else {
        err
    })
}
