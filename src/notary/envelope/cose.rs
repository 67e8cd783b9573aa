//! The COSE_Sign1 envelope (specifications, signature-envelope-cose.md). AWS Signer never returns
//! it; notation makes it with local keys.

use chrono::{DateTime, Utc};
use coset::{
    CborSerializable, CoseSign1, Header, Label, RegisteredLabelWithPrivate, TaggedCborSerializable,
    cbor::value::Value,
    iana::{EnumI64, HeaderParameter},
};

use super::{
    headers::{AGENT, AUTHENTIC_TIME, EXPIRY, Headers, SCHEME, SIGNING_TIME, TIMESTAMP},
    proof::{Proof, Signed},
    signed::Envelope,
};
use crate::{
    notary::{certificate::Certificate, chain::MAX_CHAIN},
    oci::media,
    report::Report,
};

/// The unprotected header with the certificates (RFC 9360, `x5chain`).
const X5CHAIN: i64 = 33;

/// CBOR's tag of a time in seconds since 1970 (RFC 8949, 3.4.2).
const EPOCH_TIME: u64 = 1;

/// Largest envelope. The longest chain and a payload fit many times; each byte more can make a value, which takes some
/// thirty in memory.
const MAX_COSE: usize = 256 * 1024;

pub(super) fn read(bytes: &[u8]) -> Result<(Envelope, Proof), Report> {
    let bad = |why: String| Report::new(format!("the COSE envelope cannot be accepted: {why}"));
    if bytes.len() > MAX_COSE {
        return Err(bad(format!("it has {} bytes, more than {MAX_COSE}", bytes.len())));
    }
    let sign1 = CoseSign1::from_tagged_slice(bytes).map_err(|err| bad(err.to_string()))?;
    let protected = &sign1.protected.header;
    // A header that nobody signed must not stand beside a signed one of its name (RFC 9052, 3).
    if let Some(name) = in_both(protected, &sign1.unprotected) {
        return Err(bad(format!("`{name}` is in both headers")));
    }
    let (headers, names) = headers(protected).map_err(bad)?;
    let signed = headers.check(|name| names.iter().any(|known| known == name)).map_err(bad)?;
    let algorithm = match &protected.alg {
        Some(RegisteredLabelWithPrivate::Assigned(algorithm)) => algorithm.to_i64(),
        Some(RegisteredLabelWithPrivate::PrivateUse(number)) => *number,
        _ => return Err(bad("its algorithm is missing".into())),
    };
    let content_type = match &protected.content_type {
        Some(coset::ContentType::Text(text)) => text.clone(),
        _ => return Err(bad("its content type is missing".into())),
    };
    let chain = chain(&sign1.unprotected).map_err(bad)?;
    let Some(leaf) = chain.first() else { return Err(bad("it has no certificate".into())) };
    if algorithm != leaf.key.kind.cose() {
        return Err(bad(format!("its algorithm is {algorithm}, the leaf's key asks for {}", leaf.key.kind.cose())));
    }
    let message = sign1.tbs_data(b"");
    let proof = Proof::of(Signed { kind: "COSE", message, signature: sign1.signature, chain: chain.clone() });
    let agent = unprotected(&sign1.unprotected, AGENT).and_then(|value| value.as_text().map(str::to_owned));
    let timestamp = unprotected(&sign1.unprotected, TIMESTAMP).and_then(|value| value.as_bytes().cloned());
    let payload =
        sign1.payload.filter(|payload| !payload.is_empty()).ok_or_else(|| bad("its payload is empty".into()))?;
    let envelope = Envelope {
        media_type: media::COSE,
        payload,
        content_type,
        scheme: signed.scheme,
        signed_at: signed.at,
        expires_at: signed.until,
        extended: signed.extended,
        chain,
        agent,
        timestamp,
    };
    Ok((envelope, proof))
}

/// The headers, and the names of all that are present.
fn headers(protected: &Header) -> Result<(Headers, Vec<String>), String> {
    let mut headers = Headers::default();
    let mut names = Vec::new();
    for label in &protected.crit {
        match label {
            RegisteredLabelWithPrivate::Text(name) if headers.critical.contains(name) => {
                return Err(format!("its critical headers name `{name}` twice"));
            }
            RegisteredLabelWithPrivate::Text(name) => headers.critical.push(name.clone()),
            // These two are read below, so they are understood.
            RegisteredLabelWithPrivate::Assigned(HeaderParameter::Alg | HeaderParameter::ContentType) => {}
            other => return Err(format!("the critical header {other:?} is not understood")),
        }
    }
    if headers.critical.is_empty() {
        return Err("it has no critical headers".into());
    }
    for (label, value) in &protected.rest {
        let Label::Text(name) = label else {
            return Err(format!("its protected header {label:?} is not understood"));
        };
        names.push(name.clone());
        match name.as_str() {
            SCHEME => headers.scheme = Some(value.as_text().ok_or("the signing scheme is not a text")?.to_owned()),
            SIGNING_TIME => headers.signing_time = Some(time(name, value)?),
            AUTHENTIC_TIME => headers.authentic_time = Some(time(name, value)?),
            EXPIRY => headers.expiry = Some(time(name, value)?),
            _ => {
                headers.extended.insert(name.clone(), json(value));
            }
        }
    }
    Ok((headers, names))
}

/// A header that is in both maps. The other numbered ones are read from neither.
fn in_both(protected: &Header, unprotected: &Header) -> Option<String> {
    let numbered = [
        ("alg", protected.alg.is_some() && unprotected.alg.is_some()),
        ("crit", !protected.crit.is_empty() && !unprotected.crit.is_empty()),
        ("content type", protected.content_type.is_some() && unprotected.content_type.is_some()),
    ];
    let both = |label: &Label| unprotected.rest.iter().any(|(other, _)| other == label);
    let named = protected.rest.iter().filter(|(label, _)| both(label)).map(|(label, _)| match label {
        Label::Text(name) => name.clone(),
        Label::Int(number) => number.to_string(),
    });
    numbered.into_iter().filter(|(_, both)| *both).map(|(name, _)| name.to_owned()).chain(named).next()
}

fn chain(unprotected: &Header) -> Result<Vec<Certificate>, String> {
    let certificates = unprotected
        .rest
        .iter()
        .find(|(label, _)| *label == Label::Int(X5CHAIN))
        .map(|(_, value)| value)
        .ok_or("it has no certificates (x5chain)")?;
    // RFC 9360: one certificate may stand alone.
    let certificates = match certificates {
        Value::Bytes(_) => std::slice::from_ref(certificates),
        Value::Array(items) => items,
        _ => return Err("its certificates cannot be read".into()),
    };
    certificates
        .iter()
        .take(MAX_CHAIN + 1) // one more refuses the chain, whatever comes behind it
        .map(|value| Certificate::read(value.as_bytes().ok_or("a certificate is not a byte string")?))
        .collect()
}

fn unprotected<'a>(header: &'a Header, name: &str) -> Option<&'a Value> {
    header.rest.iter().find(|(label, _)| *label == Label::Text(name.to_owned())).map(|(_, value)| value)
}

fn time(name: &str, value: &Value) -> Result<DateTime<Utc>, String> {
    let seconds = match value {
        Value::Tag(EPOCH_TIME, inner) => inner.as_integer().and_then(|seconds| i64::try_from(seconds).ok()),
        _ => None,
    };
    seconds
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
        .ok_or_else(|| format!("`{name}` is not a time in whole seconds"))
}

/// An extended attribute for people and for comparison; what JSON cannot say becomes its CBOR in hexadecimal.
fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Text(text) => text.clone().into(),
        Value::Bool(flag) => (*flag).into(),
        Value::Integer(number) => match i64::try_from(*number) {
            Ok(number) => number.into(),
            Err(_) => i128::from(*number).to_string().into(),
        },
        Value::Null => serde_json::Value::Null,
        Value::Array(items) => items.iter().map(json).collect(),
        other => crate::digest::hex(&other.clone().to_vec().unwrap_or_default()).into(),
    }
}
