//! One certificate, read strictly, and who signed it.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use base64::Engine as _;
use chrono::{DateTime, Utc};
use x509_parser::{
    certificate::X509Certificate,
    der_parser::oid::Oid,
    error::X509Error,
    extensions::{BasicConstraints, ExtendedKeyUsage, KeyUsage, ParsedExtension},
    nom::Err,
    oid_registry::{
        OID_PKIX_ACCESS_DESCRIPTOR_OCSP, OID_PKIX_AUTHORITY_INFO_ACCESS, OID_X509_COMMON_NAME, OID_X509_COUNTRY_NAME,
        OID_X509_EXT_CRL_DISTRIBUTION_POINTS, OID_X509_LOCALITY_NAME, OID_X509_ORGANIZATION_NAME,
        OID_X509_ORGANIZATIONAL_UNIT, OID_X509_POSTAL_CODE, OID_X509_SERIALNUMBER, OID_X509_STATE_OR_PROVINCE_NAME,
        OID_X509_STREET_ADDRESS,
        asn1_rs::{Any, FromDer, Tag},
    },
    pem::Pem,
};

use super::key::Key;
use crate::digest::sha256;

/// A certificate, read once into what the rules ask about.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The whole certificate, as it came.
    pub der: Vec<u8>,
    /// The part that the issuer signed, byte for byte: AWS's revocation check hashes it.
    pub signed_part: Vec<u8>,
    /// The subject, for people.
    pub subject: String,
    /// The issuer, for people.
    pub issuer: String,
    /// First second of validity.
    pub not_before: DateTime<Utc>,
    /// Last second of validity.
    pub not_after: DateTime<Utc>,
    /// The subject's key.
    pub key: Key,
    pub(super) raw_subject: Vec<u8>,
    pub(super) raw_issuer: Vec<u8>,
}

impl Certificate {
    /// Reads one DER certificate with nothing after it.
    pub fn read(der: &[u8]) -> Result<Certificate, String> {
        let certificate = parse(der)?;
        let time = |time: x509_parser::time::ASN1Time| {
            DateTime::from_timestamp(time.timestamp(), 0).ok_or("its validity cannot be read")
        };
        Ok(Certificate {
            der: der.to_vec(),
            signed_part: certificate.tbs_certificate.as_ref().to_vec(),
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            not_before: time(certificate.validity().not_before)?,
            not_after: time(certificate.validity().not_after)?,
            key: Key::read(certificate.public_key())?,
            raw_subject: certificate.subject().as_raw().to_vec(),
            raw_issuer: certificate.issuer().as_raw().to_vec(),
        })
    }

    /// Reads every certificate of a PEM file, or the one of a DER file.
    pub fn read_file(bytes: &[u8]) -> Result<Vec<Certificate>, String> {
        if !bytes.windows(11).any(|window| window == b"-----BEGIN ") {
            return Ok(vec![Certificate::read(bytes)?]);
        }
        let mut certificates = Vec::new();
        for block in Pem::iter_from_buffer(bytes) {
            let block = block.map_err(|err| err.to_string())?;
            if block.label == "CERTIFICATE" {
                certificates.push(Certificate::read(&block.contents)?);
            }
        }
        if certificates.is_empty() { Err("there is no certificate in it".into()) } else { Ok(certificates) }
    }

    /// SHA-256 of the whole certificate, lower-case hexadecimal.
    pub fn fingerprint(&self) -> String {
        sha256(&self.der)
    }

    /// Whether the certificate was valid at a time.
    pub fn is_valid_at(&self, time: DateTime<Utc>) -> bool {
        self.not_before <= time && time <= self.not_after
    }

    /// Whether it names a place that tells of its revocation, over OCSP or as a list (RFC 5280, 4.2.1.13 and
    /// 4.2.2.1). What cannot be read counts as one.
    pub fn tells_of_revocation(&self) -> bool {
        let Ok(certificate) = parse(&self.der) else { return true };
        certificate.extensions().iter().any(|extension| match extension.parsed_extension() {
            ParsedExtension::AuthorityInfoAccess(access) => access
                .accessdescs
                .iter()
                .any(|description| description.access_method == OID_PKIX_ACCESS_DESCRIPTOR_OCSP),
            _ => [OID_X509_EXT_CRL_DISTRIBUTION_POINTS, OID_PKIX_AUTHORITY_INFO_ACCESS].contains(&extension.oid),
        })
    }

    /// The subject's attributes that policies can name, as type and value, in the certificate's order.
    ///
    /// # Errors
    /// A subject that reads two ways: a type twice, or a value that is no text.
    pub fn subject_attributes(&self) -> Result<Vec<(String, String)>, String> {
        let certificate = parse(&self.der)?;
        let mut attributes: Vec<(String, String)> = Vec::new();
        for attribute in certificate.subject().iter_attributes() {
            let known = NAMED.iter().find(|(oid, _)| attribute.attr_type() == oid).map(|(_, name)| *name);
            let Some(name) = known else { continue };
            if attributes.iter().any(|(there, _)| there == name) {
                return Err(format!("its subject has `{name}` twice"));
            }
            let value = text(attribute.attr_value()).ok_or_else(|| format!("`{name}` of its subject is no text"))?;
            attributes.push((name.into(), value));
        }
        Ok(attributes)
    }

    /// Whether it calls itself a certificate authority.
    pub fn is_authority(&self) -> bool {
        let parsed = parse(&self.der);
        parsed.is_ok_and(|parsed| extensions(&parsed).is_ok_and(|e| e.constraints.is_some_and(|(_, basic)| basic.ca)))
    }

    /// The certificate as PEM (RFC 7468).
    pub fn pem(&self) -> String {
        let base64 = base64::engine::general_purpose::STANDARD.encode(&self.der);
        let lines = base64.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned() + "\n");
        format!("-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n", lines.collect::<String>())
    }

    /// Whether its own key signed it. Equal names alone say nothing: a leaf may carry its root's name.
    pub fn is_self_signed(&self) -> bool {
        self.raw_subject == self.raw_issuer && self.is_signed_by(self).is_ok()
    }

    /// Whether the issuer's key signed it.
    pub(super) fn is_signed_by(&self, issuer: &Certificate) -> Result<(), String> {
        if self.is_known_to_be_signed_by(issuer) {
            return Ok(());
        }
        let certificate = parse(&self.der)?;
        let (algorithm, signature) = (&certificate.signature_algorithm, &certificate.signature_value.data);
        issuer.key.verify_certificate(algorithm, &self.signed_part, signature)?;
        let mut signed_by = SIGNED_BY.lock().unwrap_or_else(PoisonError::into_inner);
        if signed_by.len() < MAX_SIGNED_BY {
            signed_by.insert(pair(self, issuer));
        }
        Ok(())
    }

    /// Whether that is remembered.
    pub(super) fn is_known_to_be_signed_by(&self, issuer: &Certificate) -> bool {
        SIGNED_BY.lock().unwrap_or_else(PoisonError::into_inner).contains(&pair(self, issuer))
    }
}

/// A certificate and its issuer, as they are remembered.
fn pair(certificate: &Certificate, issuer: &Certificate) -> String {
    sha256(&[&certificate.der.len().to_be_bytes(), &*certificate.der, &*issuer.der].concat())
}

/// The pairs of certificate and issuer whose signature held, as SHA-256 of both: signatures of AWS Signer share a
/// chain by the thousands, and each of its certificates takes a millisecond to verify.
static SIGNED_BY: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Most pairs that are remembered.
const MAX_SIGNED_BY: usize = 1024;

/// A time as the formats write it: UTC, whole seconds.
pub fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// The attributes of a subject that have a short name (RFC 4514, 3, and `SERIALNUMBER`, `POSTALCODE` as
/// Go's `crypto/x509/pkix` writes them, whose names policies of Notation are compared with).
const NAMED: [(Oid<'static>, &str); 9] = [
    (OID_X509_COMMON_NAME, "CN"),
    (OID_X509_SERIALNUMBER, "SERIALNUMBER"),
    (OID_X509_COUNTRY_NAME, "C"),
    (OID_X509_LOCALITY_NAME, "L"),
    (OID_X509_STATE_OR_PROVINCE_NAME, "ST"),
    (OID_X509_STREET_ADDRESS, "STREET"),
    (OID_X509_ORGANIZATION_NAME, "O"),
    (OID_X509_ORGANIZATIONAL_UNIT, "OU"),
    (OID_X509_POSTAL_CODE, "POSTALCODE"),
];

/// The text of an attribute's value.
fn text(value: &Any<'_>) -> Option<String> {
    match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::NumericString | Tag::Ia5String => {
            std::str::from_utf8(value.data).ok().map(str::to_owned)
        }
        Tag::BmpString => {
            let units = value.data.chunks(2).map(|pair| Some(u16::from_be_bytes(pair.try_into().ok()?)));
            String::from_utf16(&units.collect::<Option<Vec<u16>>>()?).ok()
        }
        _ => None,
    }
}

pub(super) fn parse(der: &[u8]) -> Result<X509Certificate<'_>, String> {
    let (rest, certificate) =
        X509Certificate::from_der(der).map_err(|err| format!("it is not a certificate: {}", words(&err)))?;
    if !rest.is_empty() {
        return Err("there are bytes after the certificate".into());
    }
    if !is_strict(der) {
        return Err("its encoding is not DER, or its two signature algorithms differ".into());
    }
    Ok(certificate)
}

/// What the parser says is wrong. Its own text is that of a Rust value.
fn words(err: &Err<X509Error>) -> String {
    match err {
        Err::Incomplete(_) => "it ends too early".into(),
        Err::Error(X509Error::Der(_)) | Err::Failure(X509Error::Der(_)) => "it is not DER".into(),
        Err::Error(err) | Err::Failure(err) => err.to_string(),
    }
}

/// Whether the part of a certificate that nobody signed is written in the only way that DER allows,
/// with the algorithm that the signed part names (RFC 5280, 4.1.1.2). The parser is lax about tags
/// and padding there, so that a changed certificate could pass for the same one.
fn is_strict(der: &[u8]) -> bool {
    const SEQUENCE: u8 = 0x30;
    const BIT_STRING: u8 = 0x03;
    const INTEGER: u8 = 0x02;
    const VERSION: u8 = 0xa0;
    let split = || {
        let (content, rest) = value(der, SEQUENCE)?;
        let (signed_part, after) = value(content, SEQUENCE)?;
        let (outer, after) = value(after, SEQUENCE)?;
        let (signature, end) = value(after, BIT_STRING)?;
        let (_, serial) = value(signed_part, VERSION).unwrap_or((&[], signed_part));
        let (_, algorithm) = value(serial, INTEGER)?;
        let (inner, _) = value(algorithm, SEQUENCE)?;
        // The first byte of a bit string counts its unused bits.
        Some(rest.is_empty() && end.is_empty() && outer == inner && signature.first() == Some(&0))
    };
    split() == Some(true)
}

/// The content of the value of a tag, and what follows it; `None` for another tag or a length that
/// is not in its shortest form (X.690, 10.1).
fn value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = der.split_first_chunk()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => rest
            .split_first()
            .map(|(length, rest)| (usize::from(*length), rest))
            .filter(|(length, _)| *length >= 0x80)?,
        0x82 => rest
            .split_first_chunk()
            .map(|(length, rest)| (usize::from(u16::from_be_bytes(*length)), rest))
            .filter(|(length, _)| *length >= 0x100)?,
        _ => return None, // no certificate has 64 KiB
    };
    (found == tag).then(|| rest.split_at_checked(length)).flatten()
}

/// The extensions that the rules ask about, each with its critical flag.
pub(super) struct Extensions<'a> {
    pub(super) usage: Option<(bool, &'a KeyUsage)>,
    pub(super) constraints: Option<(bool, &'a BasicConstraints)>,
    pub(super) extended: Option<&'a ExtendedKeyUsage<'a>>,
}

pub(super) fn extensions<'a>(certificate: &'a X509Certificate<'_>) -> Result<Extensions<'a>, String> {
    let twice = |_| String::from("an extension is there twice or cannot be read");
    Ok(Extensions {
        usage: certificate.key_usage().map_err(twice)?.map(|found| (found.critical, found.value)),
        constraints: certificate.basic_constraints().map_err(twice)?.map(|found| (found.critical, found.value)),
        extended: certificate.extended_key_usage().map_err(twice)?.map(|found| found.value),
    })
}
