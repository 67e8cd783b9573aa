//! Certificates and chains, open to every change before they are signed.

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};

use super::{
    der,
    keys::{Hash, Key},
};

/// Numbers of key usages (RFC 5280, 4.2.1.3).
pub mod usage {
    pub const DIGITAL_SIGNATURE: u8 = 0;
    pub const CONTENT_COMMITMENT: u8 = 1;
    pub const KEY_ENCIPHERMENT: u8 = 2;
    pub const DATA_ENCIPHERMENT: u8 = 3;
    pub const KEY_AGREEMENT: u8 = 4;
    pub const KEY_CERT_SIGN: u8 = 5;
    pub const CRL_SIGN: u8 = 6;
    pub const ENCIPHER_ONLY: u8 = 7;
    pub const DECIPHER_ONLY: u8 = 8;
}

/// Object identifiers of extended key usages.
pub mod purpose {
    pub const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
    pub const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";
    pub const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
    pub const EMAIL_PROTECTION: &str = "1.3.6.1.5.5.7.3.4";
    pub const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";
    pub const OCSP_SIGNING: &str = "1.3.6.1.5.5.7.3.9";
    pub const ANY: &str = "2.5.29.37.0";
}

pub const KEY_USAGE: &str = "2.5.29.15";
pub const BASIC_CONSTRAINTS: &str = "2.5.29.19";
pub const EXTENDED_KEY_USAGE: &str = "2.5.29.37";

/// An extension.
#[derive(Debug, Clone)]
pub struct Extension {
    pub oid: &'static str,
    pub critical: bool,
    /// What is in the octet string.
    pub content: Vec<u8>,
}

pub fn key_usage(critical: bool, bits: &[u8]) -> Extension {
    Extension { oid: KEY_USAGE, critical, content: der::flags(bits) }
}

pub fn basic_constraints(critical: bool, authority: bool, most_below: Option<u8>) -> Extension {
    let mut parts = Vec::new();
    if authority {
        parts.push(der::boolean(true));
    }
    parts.extend(most_below.map(|most| der::integer(&[most])));
    Extension { oid: BASIC_CONSTRAINTS, critical, content: der::sequence(&parts) }
}

pub fn extended_key_usage(purposes: &[&str]) -> Extension {
    let purposes: Vec<Vec<u8>> = purposes.iter().map(|oid| der::oid(oid)).collect();
    Extension { oid: EXTENDED_KEY_USAGE, critical: false, content: der::sequence(&purposes) }
}

/// A name: type, string tag and value of each attribute.
pub type Name = Vec<(&'static str, u8, Vec<u8>)>;

pub const UTF8: u8 = 0x0c;
pub const PRINTABLE: u8 = 0x13;
pub const BMP: u8 = 0x1e;

/// A name of UTF-8 strings, by short types.
pub fn name(attributes: &[(&str, &str)]) -> Name {
    let oid = |kind: &str| match kind {
        "CN" => "2.5.4.3",
        "C" => "2.5.4.6",
        "L" => "2.5.4.7",
        "ST" => "2.5.4.8",
        "O" => "2.5.4.10",
        "OU" => "2.5.4.11",
        other => panic!("{other} has no number here"),
    };
    attributes.iter().map(|(kind, value)| (oid(kind), UTF8, value.as_bytes().to_vec())).collect()
}

fn written(name: &Name) -> Vec<u8> {
    let attribute =
        |(oid, tag, value): &(&str, u8, Vec<u8>)| der::set(&[der::sequence(&[der::oid(oid), der::value(*tag, value)])]);
    der::sequence(&name.iter().map(attribute).collect::<Vec<_>>())
}

/// A certificate before it is signed.
#[derive(Clone)]
pub struct Template {
    pub key: Key,
    pub subject: Name,
    /// Where it is not the subject of the next one.
    pub issuer: Option<Name>,
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    /// Without it, a certificate of X.509's first version, which has no extensions.
    pub extensions: Vec<Extension>,
    /// Where it is not the one of the issuer's key.
    pub hash: Option<Hash>,
    /// Where it is not the next one's key.
    pub signed_by: Option<Key>,
    /// The algorithm beside the signature, where it is not the one that was signed.
    pub outer_hash: Option<Hash>,
    /// Two roots of one name and key differ in it.
    pub serial: u8,
    /// What is done to the finished certificate.
    pub spoil: fn(Vec<u8>) -> Vec<u8>,
}

impl Template {
    pub fn authority(key: Key, common_name: &str) -> Template {
        Template {
            key,
            subject: name(&[("CN", common_name), ("O", "Testkit"), ("ST", "WA"), ("C", "US")]),
            issuer: None,
            from: at("2020-01-01T00:00:00Z"),
            until: at("2120-01-01T00:00:00Z"),
            extensions: vec![
                basic_constraints(true, true, None),
                key_usage(true, &[usage::KEY_CERT_SIGN, usage::CRL_SIGN]),
            ],
            hash: None,
            signed_by: None,
            outer_hash: None,
            serial: 1,
            spoil: |der| der,
        }
    }

    pub fn leaf(key: Key, subject: Name, from: &str, until: &str) -> Template {
        let extensions =
            vec![key_usage(true, &[usage::DIGITAL_SIGNATURE]), extended_key_usage(&[purpose::CODE_SIGNING])];
        Template { subject, from: at(from), until: at(until), extensions, ..Template::authority(key, "") }
    }

    /// Takes another extension in the place of the one with its number.
    pub fn set(&mut self, extension: Extension) {
        self.remove(extension.oid);
        self.extensions.push(extension);
    }

    pub fn remove(&mut self, oid: &str) {
        self.extensions.retain(|known| known.oid != oid);
    }

    /// The certificate: what is signed of it, and all of it.
    pub fn issue(&self, issuer: &Template) -> Issued {
        let signer = self.signed_by.unwrap_or(issuer.key);
        let hash = self.hash.unwrap_or(signer.hash());
        let (algorithm, _) = signer.sign_certificate(hash, b"");
        let mut serial = Hash::Sha256.of(&[written(&self.subject), self.key.public(), vec![self.serial]].concat());
        serial.truncate(16);
        serial[0] &= 0x7f;
        let mut parts = vec![
            der::integer(&serial),
            algorithm,
            written(self.issuer.as_ref().unwrap_or(&issuer.subject)),
            der::sequence(&[der::time(self.from), der::time(self.until)]),
            written(&self.subject),
            self.key.public(),
        ];
        if !self.extensions.is_empty() {
            parts.insert(0, der::explicit(0, &der::integer(&[2])));
            let extension = |one: &Extension| {
                let critical = if one.critical { der::boolean(true) } else { Vec::new() };
                der::sequence(&[der::oid(one.oid), critical, der::octets(&one.content)])
            };
            let extensions: Vec<_> = self.extensions.iter().map(extension).collect();
            parts.push(der::explicit(3, &der::sequence(&extensions)));
        }
        let signed_part = der::sequence(&parts);
        let (algorithm, signature) = signer.sign_certificate(hash, &signed_part);
        let outer = self.outer_hash.map_or(algorithm, |hash| signer.sign_certificate(hash, b"").0);
        let der = der::sequence(&[signed_part.clone(), outer, der::bits(&signature)]);
        Issued { der: (self.spoil)(der), signed_part }
    }
}

/// A certificate.
#[derive(Debug, Clone)]
pub struct Issued {
    pub der: Vec<u8>,
    pub signed_part: Vec<u8>,
}

/// Templates of a chain, leaf first; the last signs itself.
#[derive(Clone)]
pub struct Shape(pub Vec<Template>);

impl Shape {
    pub fn leaf(&mut self) -> &mut Template {
        self.0.first_mut().expect("a chain has a leaf")
    }

    /// The one above the leaf.
    pub fn issuer(&mut self) -> &mut Template {
        &mut self.0[1]
    }

    pub fn root(&mut self) -> &mut Template {
        self.0.last_mut().expect("a chain has a root")
    }

    pub fn issue(&self) -> Vec<Issued> {
        let issuers = self.0.iter().skip(1).chain(self.0.last());
        self.0.iter().zip(issuers).map(|(own, issuer)| own.issue(issuer)).collect()
    }
}

/// How AWS names a certificate and its issuer among what is revoked (AWS Signer's plugin for Notation, `verifier.go`).
pub fn aws_hash(certificate: &Issued, issuer: &Issued) -> String {
    let hash =
        |one: &Issued| Hash::Sha384.of(&one.signed_part).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    hash(certificate) + &hash(issuer)
}

pub fn pem(der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let lines = base64.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned() + "\n");
    format!("-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n", lines.collect::<String>())
}

pub fn at(time: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(time).expect("a time").to_utc()
}
