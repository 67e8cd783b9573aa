//! Signing: a payload of Notation's becomes an envelope of AWS Signer.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    access::Settings,
    failure::Failure,
    wire::{DescribeKey, GenerateEnvelope, GeneratedEnvelope, KeyDescription},
};
use crate::{
    aws::signing_profile::{Home, SigningProfile},
    door::Start,
    notary::payload::{self, MAX_PAYLOAD},
    oci::media,
    report::{Report, excerpt},
    sign::check::{Expected, check_returned},
};

/// The key of every profile that signs images: the platform's name says it (`Notation-OCI-SHA384-ECDSA`).
pub(super) fn describe_key(request: DescribeKey) -> Result<KeyDescription, Failure> {
    key(&request.key_id)?;
    Ok(KeyDescription { key_id: request.key_id, key_spec: "EC-384" })
}

/// Signs, and hands out what went through every check.
pub(super) fn envelope(start: Start, request: GenerateEnvelope) -> Result<GeneratedEnvelope, Failure> {
    let invalid = |what: String, hint: &str| Failure::invalid(Report::new(what).hint(hint));
    let (profile, home) = key(&request.key_id)?;
    if request.expiry_duration_in_seconds > 0 {
        return Err(invalid(
            "AWS Signer takes no expiry for one signature (--expiry)".into(),
            "the signing profile says how long its signatures are valid",
        ));
    }
    if request.signature_envelope_type != media::JWS {
        let asked = excerpt(&request.signature_envelope_type);
        let what = format!("AWS Signer makes no envelope `{asked}`, only {}", media::JWS);
        return Err(invalid(what, "sign with --signature-format jws"));
    }
    if request.payload_type != media::PAYLOAD {
        let asked = excerpt(&request.payload_type);
        return Err(invalid(format!("AWS Signer signs no payload `{asked}`"), "sign an image"));
    }
    let bytes = STANDARD.decode(&request.payload);
    let bytes = bytes.map_err(|err| Failure::invalid(Report::new("the payload is no base64").cause(err)))?;
    if bytes.len() > MAX_PAYLOAD {
        let what = format!("the payload has {} bytes and AWS Signer takes at most {MAX_PAYLOAD}", bytes.len());
        return Err(invalid(what, "shorten the user metadata"));
    }
    let target = payload::read(&bytes).map_err(Failure::invalid)?;
    let settings = Settings::read(request.plugin_config)?;
    let (roots, clock) = (settings.roots()?, start.clock);
    let returned =
        settings.with_signer(start, &home, Failure::error, async |signer| Ok(signer.sign(&profile, &bytes).await?))?;
    let expected = Expected { target: &target, profile: &profile, roots: &roots, now: clock().into() };
    check_returned(&returned.envelope, &expected).map_err(|err| {
        let job = returned.job.as_deref().unwrap_or("unknown");
        let err = err.under("AWS Signer's signature was not accepted");
        Failure::error(err.cause(format!("job {job}, profile {profile}")))
    })?;
    Ok(GeneratedEnvelope {
        signature_envelope: STANDARD.encode(&returned.envelope),
        signature_envelope_type: media::JWS,
        annotations: returned.annotations,
    })
}

/// The signing profile that a key's id names, and where it is.
fn key(id: &str) -> Result<(SigningProfile, Home), Failure> {
    let profile = SigningProfile::parse(id).map_err(Failure::invalid)?;
    match profile.home.clone() {
        Some(home) => Ok((profile, home)),
        None => Err(Failure::invalid(
            Report::new(format!("`{id}` names no region and no account"))
                .hint("give the profile's ARN, arn:aws:signer:REGION:ACCOUNT:/signing-profiles/NAME"),
        )),
    }
}
