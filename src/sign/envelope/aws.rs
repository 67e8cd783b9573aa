//! What AWS Signer must have returned for us to push it.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Certificate, Envelope, PROFILE_VERSION, SIGNING_JOB, Scheme, VERIFICATION_PLUGIN, rfc3339};
use crate::sign::{Descriptor, Error, Profile, media};

/// AWS Signer's own root certificates by SHA-256 of their DER. The root travels in every
/// signature's chain, so that its fingerprint is enough.
///
/// "AWS Signer Code Signing Root CA G1" (2022 to 2122) and its GovCloud (US) sister (2024 to 2124):
/// the files that AWS publishes as `aws-signer-notation-root.cert` and
/// `aws-us-gov-signer-notation-root.cert`. No root of another partition is published.
const AWS_ROOTS: [&str; 2] = [
    "90a87d0543c3f094dbff9589b6649affe2f3d6e0f308799be2258461c686473f",
    "673653ab76f41a10546cdeb4107ecd6df2c15c2c9a0d32ed97d271b4436fc3e8",
];

/// The one plugin that AWS Signer's envelopes name.
const PLUGIN: &str = "com.amazonaws.signer.notation.plugin";

/// How far AWS's signing time may be from our clock. AWS refuses requests whose signature is more
/// than five minutes off; the rest is for the call itself and for a clock that was just set.
const SKEW: TimeDelta = TimeDelta::minutes(15);

/// The root certificates that a chain may end in.
#[derive(Debug, Clone)]
pub enum Roots {
    /// AWS Signer's own.
    Aws,
    /// These and no others: a `--signer-root` file.
    Given(Vec<Certificate>),
}

impl Roots {
    /// Checks that the chain ends in one of these roots.
    pub fn check(&self, chain: &[Certificate]) -> Result<(), Error> {
        let Some(root) = chain.last() else { return Err(Error::new("the certificate chain is empty")) };
        let fingerprint = root.fingerprint();
        let trusted = match self {
            Roots::Aws => AWS_ROOTS.contains(&fingerprint.as_str()),
            Roots::Given(roots) => roots.iter().any(|known| known.der == root.der),
        };
        if trusted {
            return Ok(());
        }
        let whose = match self {
            Roots::Aws => "not a root of AWS Signer",
            Roots::Given(_) => "not in the given root file",
        };
        Err(Error::new(format!("the signature's root certificate `{}` is {whose}", root.subject))
            .cause(format!("its SHA-256 is {fingerprint}"))
            .hint("give the root that you trust with --signer-root FILE"))
    }
}

/// What was asked of AWS Signer.
#[derive(Debug)]
pub struct Expected<'a> {
    /// The descriptor that was to be signed, with the user's metadata.
    pub target: &'a Descriptor,
    /// The profile that was to sign.
    pub profile: &'a Profile,
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
pub fn check_returned(bytes: &[u8], expected: &Expected<'_>) -> Result<Envelope, Error> {
    let envelope = Envelope::open(media::JWS, bytes)?;
    if envelope.scheme != Scheme::SigningAuthority {
        return Err(Error::new(format!(
            "the signing scheme is `{}`, not the signing authority's",
            envelope.scheme.name()
        )));
    }
    let target = envelope.target()?;
    if !target.same_content(expected.target) {
        return Err(Error::new(format!("what was signed changed from {} to {target}", expected.target)));
    }
    for (key, value) in &expected.target.annotations {
        if target.annotations.get(key) != Some(value) {
            return Err(Error::new(format!("the annotation `{key}` was dropped or changed while signing")));
        }
    }
    check_attributes(&envelope, expected.profile)?;
    if (envelope.signed_at - expected.now).abs() > SKEW {
        return Err(Error::new(format!(
            "the signing time {} is not now ({})",
            rfc3339(envelope.signed_at),
            rfc3339(expected.now)
        ))
        .hint("set this machine's clock"));
    }
    if envelope.expires_at.is_some_and(|end| end <= expected.now) {
        return Err(Error::new("the signature has already expired"));
    }
    expected.roots.check(&envelope.chain)?;
    Ok(envelope)
}

fn check_attributes(envelope: &Envelope, profile: &Profile) -> Result<(), Error> {
    const KNOWN: [&str; 3] = [VERIFICATION_PLUGIN, PROFILE_VERSION, SIGNING_JOB];
    let unknown =
        envelope.extended.iter().find(|(name, attribute)| attribute.critical && !KNOWN.contains(&name.as_str()));
    if let Some((name, _)) = unknown {
        return Err(Error::new(format!("the signature has the critical attribute `{name}`, which is unknown")));
    }
    for name in [PROFILE_VERSION, SIGNING_JOB] {
        let critical = envelope.extended.get(name).is_some_and(|attribute| attribute.critical);
        if !critical || envelope.text(name).is_none() {
            return Err(Error::new(format!("the signature lacks the critical attribute `{name}`")));
        }
    }
    if let Some(plugin) = envelope.text(VERIFICATION_PLUGIN).filter(|plugin| *plugin != PLUGIN) {
        return Err(Error::new(format!("the signature asks for the plugin `{plugin}`, not `{PLUGIN}`")));
    }
    let text = envelope.text(PROFILE_VERSION).unwrap_or_default();
    let signed_with = Profile::parse(text).map_err(|err| err.under("the signature's profile cannot be read"))?;
    if signed_with.version.is_none() || !profile.is_met_by(&signed_with) {
        let err = Error::new(format!("the signature is by the profile {signed_with}, not by {profile}"));
        return Err(if profile.any_version().is_met_by(&signed_with.any_version()) {
            err.hint("AWS Signer signs with a profile's newest version: name the profile without its version")
        } else {
            err
        });
    }
    Ok(())
}
