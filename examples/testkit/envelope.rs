//! Envelopes of both kinds, open to every change before and after they are signed.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use coset::cbor::{into_writer, value::Value as Cbor};
use serde_json::{Map, Value, json};

use super::{
    certificate::at,
    keys::{Key, Scheme},
};

pub const SCHEME: &str = "io.cncf.notary.signingScheme";
pub const SIGNING_TIME: &str = "io.cncf.notary.signingTime";
pub const AUTHENTIC_TIME: &str = "io.cncf.notary.authenticSigningTime";
pub const EXPIRY: &str = "io.cncf.notary.expiry";
pub const PLUGIN: &str = "io.cncf.notary.verificationPlugin";
pub const PLUGIN_VERSION: &str = "io.cncf.notary.verificationPluginMinVersion";
pub const PROFILE: &str = "com.amazonaws.signer.signingProfileVersion";
pub const ALIAS: &str = "com.amazonaws.signer.signingProfileAlias";
pub const JOB: &str = "com.amazonaws.signer.signingJob";

/// One value in the place of another.
pub type Edit<T> = Box<dyn Fn(T) -> T>;

/// A change of a value.
pub type Change<T> = Box<dyn Fn(&mut T)>;

/// An envelope before it is signed. What is changed by functions is written as they have it.
pub struct Draft {
    pub payload: Vec<u8>,
    /// The protected header, but for an `alg` that nobody set, which is that of the key.
    pub protected: Map<String, Value>,
    /// The unprotected header, but for the certificates.
    pub header: Map<String, Value>,
    /// Where it is not the leaf's key's own way.
    pub scheme: Option<Scheme>,
    /// What is done to the signature.
    pub signature: Edit<Vec<u8>>,
    pub jws: Jws,
    pub cose: Cose,
}

/// How the parts of a JWS are written.
pub struct Jws {
    /// The text of the protected header.
    pub protected: Edit<String>,
    /// Base64url of payload, protected header and signature.
    pub write_payload: fn(&[u8]) -> String,
    pub write_protected: fn(&[u8]) -> String,
    pub write_signature: fn(&[u8]) -> String,
    pub write_certificate: fn(&[u8]) -> String,
    /// The members, and the whole text.
    pub members: Change<Map<String, Value>>,
    pub text: Edit<String>,
}

/// How the parts of a COSE_Sign1 are written.
pub struct Cose {
    pub protected: Change<Vec<(Cbor, Cbor)>>,
    pub unprotected: Change<Vec<(Cbor, Cbor)>>,
    /// The four parts.
    pub parts: Change<Vec<Cbor>>,
    /// The tag, where there is one.
    pub tag: Option<u64>,
}

impl Draft {
    pub fn new(payload: &str, protected: Value) -> Draft {
        let Value::Object(protected) = protected else { unreachable!("a header is an object") };
        let base64url = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        Draft {
            payload: payload.into(),
            protected,
            header: Map::new(),
            scheme: None,
            signature: Box::new(|signature| signature),
            jws: Jws {
                protected: Box::new(|text| text),
                write_payload: base64url,
                write_protected: base64url,
                write_signature: base64url,
                write_certificate: |der| STANDARD.encode(der),
                members: Box::new(|_| {}),
                text: Box::new(|text| text),
            },
            cose: Cose {
                protected: Box::new(|_| {}),
                unprotected: Box::new(|_| {}),
                parts: Box::new(|_| {}),
                tag: Some(18),
            },
        }
    }

    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.protected.insert(name.into(), value.into());
    }

    pub fn remove(&mut self, name: &str) {
        self.protected.shift_remove(name);
    }

    pub fn critical(&mut self, name: &str) {
        self.protected["crit"].as_array_mut().expect("crit is an array").push(name.into());
    }

    pub fn uncritical(&mut self, name: &str) {
        self.protected["crit"].as_array_mut().expect("crit is an array").retain(|known| known != name);
    }

    /// Adds a signed attribute that must be understood.
    pub fn set_critical(&mut self, name: &str, value: impl Into<Value>) {
        self.set(name, value);
        self.critical(name);
    }

    /// Takes a header away, and its name out of `crit`.
    pub fn drop_critical(&mut self, name: &str) {
        self.remove(name);
        self.uncritical(name);
    }

    pub fn payload_json(&mut self, change: impl FnOnce(&mut Value)) {
        let mut payload = serde_json::from_slice(&self.payload).expect("the payload is JSON");
        change(&mut payload);
        self.payload = payload.to_string().into_bytes();
    }

    fn sign(&self, key: Key, message: &[u8]) -> Vec<u8> {
        (self.signature)(key.sign(self.scheme.unwrap_or(key.native()), message))
    }

    pub fn seal_jws(&self, key: Key, certificates: &[Vec<u8>]) -> Vec<u8> {
        let mut headers = self.protected.clone();
        if let Some(algorithm @ Value::Null) = headers.get_mut("alg") {
            *algorithm = key.algorithm().0.into();
        }
        let protected = (self.jws.write_protected)((self.jws.protected)(Value::Object(headers).to_string()).as_bytes());
        let payload = (self.jws.write_payload)(&self.payload);
        let signature = self.sign(key, format!("{protected}.{payload}").as_bytes());
        let mut header = self.header.clone();
        let chain: Vec<String> = certificates.iter().map(|der| (self.jws.write_certificate)(der)).collect();
        header.entry("x5c").or_insert(chain.into());
        let Value::Object(mut members) = json!({
            "payload": payload,
            "protected": protected,
            "header": header,
            "signature": (self.jws.write_signature)(&signature),
        }) else {
            unreachable!("an object was written")
        };
        (self.jws.members)(&mut members);
        (self.jws.text)(Value::Object(members).to_string()).into_bytes()
    }

    /// The same as COSE_Sign1: times are CBOR's, the certificates are byte strings.
    pub fn seal_cose(&self, key: Key, certificates: &[Vec<u8>]) -> Vec<u8> {
        let mut protected = Vec::new();
        for (name, value) in &self.protected {
            protected.push(match (name.as_str(), value) {
                ("alg", Value::Null) => (Cbor::from(1), Cbor::from(key.algorithm().1)),
                ("alg", other) => (1.into(), of_json(other)),
                ("crit", other) => (2.into(), of_json(other)),
                ("cty", other) => (3.into(), of_json(other)),
                (SIGNING_TIME | AUTHENTIC_TIME | EXPIRY, Value::String(time)) => {
                    (name.clone().into(), Cbor::Tag(1, Box::new(at(time).timestamp().into())))
                }
                (_, other) => (name.clone().into(), of_json(other)),
            });
        }
        (self.cose.protected)(&mut protected);
        let chain = certificates.iter().cloned().map(Cbor::Bytes).collect();
        let mut unprotected = vec![(33.into(), Cbor::Array(chain))];
        unprotected.extend(self.header.iter().map(|(name, value)| (name.clone().into(), of_json(value))));
        (self.cose.unprotected)(&mut unprotected);
        let protected = written(&Cbor::Map(protected));
        let signed = Cbor::Array(vec![
            "Signature1".into(),
            Cbor::Bytes(protected.clone()),
            Cbor::Bytes(Vec::new()),
            Cbor::Bytes(self.payload.clone()),
        ]);
        let signature = self.sign(key, &written(&signed));
        let mut parts = vec![
            Cbor::Bytes(protected),
            Cbor::Map(unprotected),
            Cbor::Bytes(self.payload.clone()),
            Cbor::Bytes(signature),
        ];
        (self.cose.parts)(&mut parts);
        let parts = Cbor::Array(parts);
        written(&self.cose.tag.map_or(parts.clone(), |tag| Cbor::Tag(tag, Box::new(parts))))
    }
}

fn of_json(value: &Value) -> Cbor {
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => number.as_i64().expect("a whole number").into(),
        Value::String(text) => text.clone().into(),
        Value::Array(items) => Cbor::Array(items.iter().map(of_json).collect()),
        Value::Object(_) => panic!("no header of the testkit is an object"),
    }
}

pub fn written(value: &Cbor) -> Vec<u8> {
    let mut bytes = Vec::new();
    into_writer(value, &mut bytes).expect("a vector takes everything");
    bytes
}
