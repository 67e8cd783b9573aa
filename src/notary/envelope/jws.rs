//! The JWS JSON envelope (specifications, signature-envelope-jws.md), which AWS Signer returns.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::{
    headers::{AGENT, AUTHENTIC_TIME, EXPIRY, Headers, SCHEME, SIGNING_TIME, TIMESTAMP},
    json,
    proof::{Proof, Signed},
    signed::Envelope,
};
use crate::{
    notary::{certificate::Certificate, chain::MAX_CHAIN},
    oci::media,
    report::Report,
};

/// Protected headers that are JOSE's own and read here, so no extended attributes.
const JOSE: [&str; 3] = ["alg", "cty", "crit"];

/// Names of JWS itself (RFC 7515, 4.1), which `crit` must not list: they are understood or ignored by
/// everybody (4.1.11).
const REGISTERED: [&str; 11] = ["alg", "jku", "jwk", "kid", "x5u", "x5c", "x5t", "x5t#S256", "typ", "cty", "crit"];

pub(super) fn read(bytes: &[u8]) -> Result<(Envelope, Proof), Report> {
    let bad = |why: String| Report::new(format!("the JWS envelope cannot be accepted: {why}"));
    let parts = Parts::read(bytes).map_err(bad)?;
    let protected = json::object(&parts.protected).map_err(|why| bad(format!("in its protected header {why}")))?;
    let algorithm = text(&protected, "alg").map_err(bad)?;
    let content_type = text(&protected, "cty").map_err(bad)?;
    let headers = headers(&protected).map_err(bad)?;
    // A header that nobody signed must not stand beside a signed one of its name (RFC 7515, 7.2.1).
    if let Some(name) = parts.unsigned.iter().find(|name| protected.contains_key(*name)) {
        return Err(bad(format!("`{name}` is in both headers")));
    }
    let signed = headers.check(|name| protected.contains_key(name)).map_err(bad)?;

    let Some(leaf) = parts.chain.first() else { return Err(bad("it has no certificate".into())) };
    if algorithm != leaf.key.kind.jws() {
        return Err(bad(format!("its algorithm is `{algorithm}`, the leaf's key asks for `{}`", leaf.key.kind.jws())));
    }
    if parts.payload.is_empty() {
        return Err(bad("its payload is empty".into()));
    }
    let proof = Proof::of(Signed {
        kind: "JWS",
        message: parts.signing_input,
        signature: parts.signature,
        chain: parts.chain.clone(),
    });
    let envelope = Envelope {
        media_type: media::JWS,
        payload: parts.payload,
        content_type,
        scheme: signed.scheme,
        signed_at: signed.at,
        expires_at: signed.until,
        extended: signed.extended,
        chain: parts.chain,
        agent: parts.agent,
        timestamp: parts.timestamp,
    };
    Ok((envelope, proof))
}

/// The envelope's members, decoded but not yet believed.
struct Parts {
    payload: Vec<u8>,
    protected: Vec<u8>,
    signature: Vec<u8>,
    /// `protected "." payload`, as it was written (RFC 7515, 5.2).
    signing_input: Vec<u8>,
    /// The names of the headers that nobody signed.
    unsigned: Vec<String>,
    chain: Vec<Certificate>,
    agent: Option<String>,
    timestamp: Option<Vec<u8>>,
}

impl Parts {
    fn read(bytes: &[u8]) -> Result<Parts, String> {
        let envelope = json::object(bytes)?;
        if let Some(name) =
            envelope.keys().find(|name| !["payload", "protected", "header", "signature"].contains(&name.as_str()))
        {
            return Err(format!("it has the member `{name}`; only the flattened form is allowed"));
        }
        let member = |name: &str| -> Result<(String, Vec<u8>), String> {
            let text = text(&envelope, name)?;
            let decoded = URL_SAFE_NO_PAD.decode(&text).map_err(|err| format!("`{name}` is not base64url: {err}"))?;
            Ok((text, decoded))
        };
        let (raw_payload, payload) = member("payload")?;
        let (raw_protected, protected) = member("protected")?;
        let (_, signature) = member("signature")?;
        let header = envelope.get("header").and_then(Value::as_object).ok_or("`header` is not an object")?;
        let certificates = header.get("x5c").and_then(Value::as_array).ok_or("it has no certificates (`x5c`)")?;
        let chain = certificates
            .iter()
            .take(MAX_CHAIN + 1) // one more refuses the chain, whatever comes behind it
            .enumerate()
            .map(|(index, certificate)| {
                let der = certificate.as_str().ok_or("it is not a text".to_owned());
                let der = der.and_then(|text| STANDARD.decode(text).map_err(|err| format!("it is not base64: {err}")));
                der.and_then(|der| Certificate::read(&der)).map_err(|why| format!("certificate {}: {why}", index + 1))
            })
            .collect::<Result<_, _>>()?;
        let timestamp = match header.get(TIMESTAMP) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => {
                Some(STANDARD.decode(text).map_err(|err| format!("its timestamp is not base64: {err}"))?)
            }
            Some(_) => return Err("its timestamp is not a text".into()),
        };
        Ok(Parts {
            signing_input: format!("{raw_protected}.{raw_payload}").into_bytes(),
            payload,
            protected,
            signature,
            unsigned: header.keys().cloned().collect(),
            chain,
            agent: header.get(AGENT).and_then(Value::as_str).map(str::to_owned),
            timestamp,
        })
    }
}

fn headers(protected: &Map<String, Value>) -> Result<Headers, String> {
    let critical = protected.get("crit").and_then(Value::as_array).ok_or("its protected header has no `crit`")?;
    if critical.is_empty() {
        return Err("its `crit` is empty".into());
    }
    let mut headers = Headers::default();
    for name in critical {
        let name = name.as_str().ok_or("its `crit` has an entry that is not a text")?;
        if REGISTERED.contains(&name) {
            return Err(format!("its `crit` names `{name}`, which belongs to JWS itself"));
        }
        if headers.critical.iter().any(|known| known == name) {
            return Err(format!("its `crit` names `{name}` twice"));
        }
        headers.critical.push(name.to_owned());
    }
    for (name, value) in protected {
        match name.as_str() {
            SCHEME => headers.scheme = Some(text(protected, SCHEME)?),
            SIGNING_TIME => headers.signing_time = Some(time(name, value)?),
            AUTHENTIC_TIME => headers.authentic_time = Some(time(name, value)?),
            EXPIRY => headers.expiry = Some(time(name, value)?),
            name if JOSE.contains(&name) => {}
            _ => {
                headers.extended.insert(name.clone(), value.clone());
            }
        }
    }
    Ok(headers)
}

fn text(members: &Map<String, Value>, name: &str) -> Result<String, String> {
    match members.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(format!("`{name}` is not a text")),
        None => Err(format!("`{name}` is missing")),
    }
}

fn time(name: &str, value: &Value) -> Result<DateTime<Utc>, String> {
    let text = value.as_str().ok_or_else(|| format!("`{name}` is not a text"))?;
    let time = DateTime::parse_from_rfc3339(text).map_err(|err| format!("`{name}` is not a time: {err}"))?;
    Ok(time.to_utc())
}
