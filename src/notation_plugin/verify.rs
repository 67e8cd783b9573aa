//! Verifying: whether the trust policy trusts the profile that signed, and whether something of it was revoked.
//!
//! The caller has checked the signature itself, its chain and its trust store. The rules and the sentences are
//! those of the plugin that is replaced (aws-signer-notation-plugin, `internal/verifier/verifier.go`); behind each
//! sentence stands the reason, in the words of `verify`.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Datelike, Utc};

use super::{access::Settings, failure::Failure};
use crate::{
    aws::signing_profile::{PROFILE_ALIAS, PROFILE_VERSION, SIGNING_JOB, SigningProfile},
    door::Start,
    notary::{
        certificate::Certificate,
        chain::MAX_CHAIN,
        envelope::{Attribute, Envelope, Scheme},
    },
    oci::media,
    report::{Report, excerpt},
    verify::{
        checks::profile_identity,
        plugin_protocol::Capability,
        plugin_wire::{CriticalAttributes, Verification, Verified, VerifySignature},
        policy::{EVERYTHING, TrustedIdentity},
        signed_by::SignedBy,
    },
};

/// The attributes that are understood.
const ATTRIBUTES: [&str; 3] = [PROFILE_VERSION, SIGNING_JOB, PROFILE_ALIAS];

pub(super) fn signature(start: Start, request: VerifySignature) -> Result<Verified, Failure> {
    let trusted = &request.trust_policy.trusted_identities;
    if trusted.iter().any(|identity| identity == EVERYTHING) {
        let what = "The AWSSigner plugin does not support wildcard identity in the trust policy.";
        let hint = "name the signing profile's ARN in trustedIdentities";
        return Err(Failure::invalid(Report::new(what).hint(hint)));
    }
    let asked = request.trust_policy.signature_verification.iter().map(|name| {
        let known = Capability::ALL.into_iter().find(|capability| capability.name() == name);
        known.ok_or_else(|| Failure::invalid(Report::new(format!("`{}` cannot be verified here", excerpt(name)))))
    });
    let asked = asked.collect::<Result<Vec<_>, _>>()?;
    let attributes = request.signature.critical_attributes;
    let processed = ATTRIBUTES.iter().filter(|name| attributes.extended_attributes.contains_key(**name));
    let processed_attributes = processed.map(|name| (*name).into()).collect();
    let envelope = envelope(attributes, &request.signature.certificate_chain).map_err(Failure::invalid)?;
    let by = SignedBy::claimed(&envelope).map_err(Failure::invalid)?;
    let settings = Settings::read(request.plugin_config)?;
    let mut results = BTreeMap::new();
    if asked.contains(&Capability::TrustedIdentity) {
        results.insert(Capability::TrustedIdentity.name().into(), identity(&by, trusted));
    }
    if asked.contains(&Capability::RevocationCheck) {
        results.insert(Capability::RevocationCheck.name().into(), revocation(start, settings, &envelope, &by));
    }
    Ok(Verified { verification_results: results, processed_attributes })
}

/// The signature as the caller describes it.
fn envelope(attributes: CriticalAttributes, chain: &[String]) -> Result<Envelope, Report> {
    let scheme = match attributes.signing_scheme.as_str() {
        name if name == Scheme::SigningAuthority.name() => Scheme::SigningAuthority,
        other => {
            let what = format!("AWS Signer signs by the scheme {}", Scheme::SigningAuthority.name());
            return Err(Report::new(format!("{what}, not `{}`", excerpt(other))));
        }
    };
    let time = |name: &str, text: Option<String>| -> Result<Option<DateTime<Utc>>, Report> {
        let Some(text) = text else { return Ok(None) };
        let time = DateTime::parse_from_rfc3339(&text)
            .map_err(|err| Report::new(format!("{name} `{}` is no time", excerpt(&text))).cause(err))?;
        // Go's zero time stands for none.
        Ok((time.year() > 1).then_some(time.to_utc()))
    };
    let signed_at = time("authenticSigningTime", attributes.authentic_signing_time)?;
    let signed_at = signed_at.ok_or_else(|| Report::new("the signature has no authenticSigningTime"))?;
    if chain.is_empty() || chain.len() > MAX_CHAIN {
        return Err(Report::new(format!("the certificate chain has {} certificates", chain.len())));
    }
    let chain = chain.iter().map(|text| {
        let der = STANDARD.decode(text).map_err(|err| err.to_string())?;
        Certificate::read(&der)
    });
    let chain = chain.collect::<Result<_, String>>();
    // What is not understood is left out: its name is not among the processed ones, which tells the caller.
    let extended = attributes.extended_attributes.into_iter().filter(|(name, _)| ATTRIBUTES.contains(&name.as_str()));
    Ok(Envelope {
        media_type: media::JWS,
        payload: Vec::new(),
        content_type: attributes.content_type,
        scheme,
        signed_at,
        expires_at: time("expiry", attributes.expiry)?,
        extended: extended.map(|(name, value)| (name, Attribute { critical: true, value })).collect(),
        chain: chain.map_err(|err| Report::new("a certificate of the chain cannot be read").cause(err))?,
        agent: None,
        timestamp: None,
    })
}

fn identity(by: &SignedBy, trusted: &[String]) -> Verification {
    let profiles = trusted.iter().filter_map(|text| SigningProfile::parse(text).ok().filter(|one| one.home.is_some()));
    let profiles: Vec<TrustedIdentity> = profiles.map(TrustedIdentity::SigningProfile).collect();
    match profile_identity(by, &profiles) {
        Ok(why) => holds(format!("Signature publisher matched a trusted identity: {why}.")),
        Err(why) => fails(format!("Signature publisher doesn't match any trusted identities: {}", why.line())),
    }
}

fn revocation(start: Start, settings: Settings, envelope: &Envelope, by: &SignedBy) -> Verification {
    let revoked = match &by.profile.home {
        Some(home) => settings.with_signer(start, home, |why| why, async |signer| signer.revoked(envelope).await),
        None => Err(Report::new(format!("{by} names no region to ask in"))),
    };
    match revoked {
        Ok(revoked) if revoked.is_empty() => holds("Signature is not revoked.".into()),
        Ok(revoked) => {
            let (resources, certificates): (Vec<_>, Vec<_>) =
                revoked.into_iter().partition(|entity| entity.starts_with("arn:"));
            let sentences = [("Resource(s)", resources), ("Certificate(s)", certificates)];
            let sentences = sentences.iter().filter(|(_, entities)| !entities.is_empty());
            let sentences = sentences.map(|(what, which)| format!("{what} {} have been revoked.", which.join(", ")));
            fails(sentences.collect::<Vec<_>>().join(" "))
        }
        Err(why) => fails(format!("GetRevocationStatus call failed with error: {}", why.line())),
    }
}

fn holds(reason: String) -> Verification {
    Verification { success: true, reason }
}

fn fails(reason: String) -> Verification {
    Verification { success: false, reason }
}
