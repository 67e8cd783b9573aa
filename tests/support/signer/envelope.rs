//! Envelopes as AWS Signer mints them, open to every change before they are sealed.

use std::time::SystemTime;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use coset::{CoseSign1Builder, HeaderBuilder, Label, TaggedCborSerializable, cbor::value::Value as Cbor};
use ring::rand::SystemRandom;
use serde_json::{Map, Value, json};

use super::chain::Chain;

/// An envelope before it is sealed.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The payload's bytes.
    pub payload: Vec<u8>,
    /// The protected header.
    pub protected: Map<String, Value>,
    /// The protected header's bytes, where they are not just [`Draft::protected`].
    pub raw_protected: Option<String>,
    /// The unprotected header, but for the certificates.
    pub header: Map<String, Value>,
    /// DER, leaf first.
    pub certificates: Vec<Vec<u8>>,
}

impl Draft {
    /// What AWS Signer makes of a payload.
    pub fn aws(chain: &Chain, payload: &[u8], profile_version: &str, job: &str, now: SystemTime) -> Draft {
        let at: DateTime<Utc> = now.into();
        let Value::Object(protected) = json!({
            "alg": "ES384",
            "crit": [
                "io.cncf.notary.signingScheme",
                "io.cncf.notary.authenticSigningTime",
                "io.cncf.notary.expiry",
                "io.cncf.notary.verificationPlugin",
                "com.amazonaws.signer.signingProfileVersion",
                "com.amazonaws.signer.signingJob",
            ],
            "cty": "application/vnd.cncf.notary.payload.v1+json",
            "io.cncf.notary.signingScheme": "notary.x509.signingAuthority",
            "io.cncf.notary.authenticSigningTime": rfc3339(at),
            "io.cncf.notary.expiry": rfc3339(at + TimeDelta::days(135 * 30)),
            "io.cncf.notary.verificationPlugin": "com.amazonaws.signer.notation.plugin",
            "com.amazonaws.signer.signingProfileVersion": profile_version,
            "com.amazonaws.signer.signingJob": job,
        }) else {
            unreachable!("an object was written")
        };
        Draft {
            payload: payload.to_vec(),
            protected,
            raw_protected: None,
            header: Map::from_iter([("io.cncf.notary.signingAgent".to_owned(), "loopback/1.0".into())]),
            certificates: chain.certificates.clone(),
        }
    }

    /// Sets a protected header.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.protected.insert(name.into(), value.into());
    }

    /// Takes a name out of `crit`.
    pub fn uncritical(&mut self, name: &str) {
        self.protected["crit"].as_array_mut().expect("crit is an array").retain(|known| known != name);
    }

    /// Adds a name to `crit`.
    pub fn critical(&mut self, name: &str) {
        self.protected["crit"].as_array_mut().expect("crit is an array").push(name.into());
    }

    /// Changes the payload's JSON.
    pub fn payload_json(&mut self, change: impl FnOnce(&mut Value)) {
        let mut payload = serde_json::from_slice(&self.payload).expect("the payload is JSON");
        change(&mut payload);
        self.payload = payload.to_string().into_bytes();
    }

    /// The members of the envelope, signed by the chain's leaf.
    pub fn sealed(&self, chain: &Chain) -> Map<String, Value> {
        let written = self.raw_protected.clone().unwrap_or_else(|| Value::Object(self.protected.clone()).to_string());
        let protected = URL_SAFE_NO_PAD.encode(written);
        let payload = URL_SAFE_NO_PAD.encode(&self.payload);
        let signature = sign(chain, format!("{protected}.{payload}").as_bytes());
        let mut header = self.header.clone();
        let certificates: Vec<String> = self.certificates.iter().map(|der| STANDARD.encode(der)).collect();
        header.insert("x5c".into(), certificates.into());
        let Value::Object(members) = json!({
            "payload": payload,
            "protected": protected,
            "header": header,
            "signature": URL_SAFE_NO_PAD.encode(signature),
        }) else {
            unreachable!("an object was written")
        };
        members
    }

    /// The envelope's bytes.
    pub fn jws(&self, chain: &Chain) -> Vec<u8> {
        Value::Object(self.sealed(chain)).to_string().into_bytes()
    }

    /// The same as COSE_Sign1, as notation makes it.
    pub fn cose(&self, chain: &Chain) -> Vec<u8> {
        let mut protected = HeaderBuilder::new()
            .algorithm(match self.protected["alg"].as_str() {
                Some("ES256") => coset::iana::Algorithm::ES256,
                _ => coset::iana::Algorithm::ES384,
            })
            .content_type(self.protected["cty"].as_str().unwrap_or_default().into())
            .build();
        for name in self.protected["crit"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            protected.crit.push(coset::RegisteredLabelWithPrivate::Text(name.into()));
        }
        for (name, value) in &self.protected {
            let text = value.as_str().unwrap_or_default();
            let value = match name.as_str() {
                "alg" | "crit" | "cty" => continue,
                name if name.ends_with("ime") || name.ends_with("expiry") => {
                    let time = DateTime::parse_from_rfc3339(text).expect("a time was written").timestamp();
                    Cbor::Tag(1, Box::new(time.into()))
                }
                _ => Cbor::Text(text.into()),
            };
            protected.rest.push((Label::Text(name.clone()), value));
        }
        let certificates = self.certificates.iter().cloned().map(Cbor::Bytes).collect();
        let mut unprotected = HeaderBuilder::new().value(33, Cbor::Array(certificates)).build();
        for (name, value) in &self.header {
            let text = value.as_str().unwrap_or_default().to_owned();
            unprotected.rest.push((Label::Text(name.clone()), Cbor::Text(text)));
        }
        CoseSign1Builder::new()
            .protected(protected)
            .unprotected(unprotected)
            .payload(self.payload.clone())
            .create_signature(b"", |message| sign(chain, message))
            .build()
            .to_tagged_vec()
            .expect("CBOR can be written")
    }
}

/// A time as envelopes write it.
pub fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn sign(chain: &Chain, message: &[u8]) -> Vec<u8> {
    chain.key.sign(&SystemRandom::new(), message).expect("ring signs").as_ref().to_vec()
}
