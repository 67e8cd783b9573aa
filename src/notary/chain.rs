//! The shape that the certificate chain of a signature must have.
//!
//! The rules are the Notary Project's certificate profile (specifications, signature-specification.md,
//! "Certificate Requirements"; notation-core-go, `x509/codesigning_cert_validations.go`).

use std::thread;

use chrono::{DateTime, Utc};
use x509_parser::{
    certificate::X509Certificate,
    der_parser::oid::Oid,
    extensions::{BasicConstraints, X509Extension},
    oid_registry::{
        OID_X509_EXT_BASIC_CONSTRAINTS, OID_X509_EXT_CERTIFICATE_POLICIES, OID_X509_EXT_EXTENDED_KEY_USAGE,
        OID_X509_EXT_KEY_USAGE, OID_X509_EXT_SUBJECT_ALT_NAME,
    },
};

use super::certificate::{Certificate, Extensions, extensions, parse, rfc3339};
use crate::report::Report;

/// Most certificates of a chain. AWS's have four; each one more is a signature to verify.
pub(crate) const MAX_CHAIN: usize = 32;

/// Checks that certificates are an ordered chain, leaf first, that may sign code. Who issued whom is
/// judged by keys as well as by names (notation-core-go, `isIssuedBy`).
///
/// Validity in time is not part of it: [`check_time`] asks for that at the time of signing.
///
/// # Errors
/// The first rule that is broken, with the subject of the certificate that breaks it.
pub fn check_chain(chain: &[Certificate]) -> Result<(), Report> {
    let Some(leaf) = chain.first() else {
        return Err(Report::new("the certificate chain is empty"));
    };
    if chain.len() > MAX_CHAIN {
        return Err(Report::new(format!("the chain has more than {MAX_CHAIN} certificates")));
    }
    let bad = |certificate: &Certificate, why: String| {
        Report::new(format!("the certificate `{}` breaks the chain: {why}", certificate.subject))
    };
    for (depth, certificate) in chain.iter().enumerate() {
        let last = depth + 1 == chain.len();
        let issuer = issuer(chain, depth);
        if !last && certificate.is_self_signed() {
            return Err(bad(certificate, "it is self-signed but not the last".into()));
        }
        if certificate.raw_issuer != issuer.raw_subject {
            let why = if last {
                "it is the last but not self-signed".into()
            } else {
                format!("its issuer is `{}`, the next certificate is `{}`", certificate.issuer, issuer.subject)
            };
            return Err(bad(certificate, why));
        }
        certificate.is_signed_by(issuer).map_err(|why| bad(certificate, why))?;
        let parsed = parse(&certificate.der).map_err(|why| bad(certificate, why))?;
        check_critical(&parsed).map_err(|why| bad(certificate, why))?;
        if depth > 0 {
            check_authority(&parsed, depth - 1).map_err(|why| bad(certificate, why))?;
        }
    }
    let parsed = parse(&leaf.der).map_err(|why| bad(leaf, why))?;
    check_leaf(&parsed).map_err(|why| bad(leaf, why))
}

/// The last certificate signs itself, no other does.
fn issuer(chain: &[Certificate], depth: usize) -> &Certificate {
    chain.get(depth + 1).unwrap_or(&chain[depth])
}

/// Verifies what the leaf signed (`own`), while another thread verifies signatures of the chain: AWS's are on P-384, a
/// millisecond each. What holds is remembered, so that [`check_chain`] looks it up.
pub(super) fn verify_beside<T>(chain: &[Certificate], own: impl FnOnce() -> T) -> T {
    let each_second = |first: usize| {
        for depth in (first..chain.len()).step_by(2) {
            chain[depth].is_signed_by(issuer(chain, depth)).ok(); // who checks the chain hears of it
        }
    };
    let is_known = |depth: usize| chain[depth].is_known_to_be_signed_by(issuer(chain, depth));
    if chain.len() > MAX_CHAIN || (0..chain.len()).all(is_known) {
        return own();
    }
    thread::scope(|scope| {
        // Where no thread can be had, its part is verified when the chain is checked.
        let _other = thread::Builder::new().spawn_scoped(scope, || each_second(0));
        let owned = own();
        each_second(1);
        owned
    })
}

/// Checks that every certificate was valid at `time`.
pub fn check_time(chain: &[Certificate], time: DateTime<Utc>) -> Result<(), Report> {
    match chain.iter().find(|certificate| !certificate.is_valid_at(time)) {
        None => Ok(()),
        Some(outside) => Err(Report::new(format!(
            "the certificate `{}` is valid from {} to {}, not at the signing time {}",
            outside.subject,
            rfc3339(outside.not_before),
            rfc3339(outside.not_after),
            rfc3339(time)
        ))),
    }
}

/// The critical extensions that a chain may have: three that the rules read, and two that only narrow
/// what nobody here asks about: other names of the subject, and policies where every policy will do.
const KNOWN_CRITICAL: [Oid<'static>; 5] = [
    OID_X509_EXT_KEY_USAGE,
    OID_X509_EXT_BASIC_CONSTRAINTS,
    OID_X509_EXT_EXTENDED_KEY_USAGE,
    OID_X509_EXT_SUBJECT_ALT_NAME,
    OID_X509_EXT_CERTIFICATE_POLICIES,
];

/// A critical extension that is not understood refuses the certificate (RFC 5280, 4.2).
fn check_critical(certificate: &X509Certificate<'_>) -> Result<(), String> {
    let unknown = |extension: &&X509Extension<'_>| extension.critical && !KNOWN_CRITICAL.contains(&extension.oid);
    match certificate.extensions().iter().find(unknown) {
        None => Ok(()),
        Some(extension) => Err(format!("its critical extension {} is not understood", extension.oid)),
    }
}

fn check_leaf(certificate: &X509Certificate<'_>) -> Result<(), String> {
    let Extensions { usage, constraints, extended } = extensions(certificate)?;
    let Some((true, usage)) = usage else {
        return Err("its key usage is absent or not critical".into());
    };
    if !usage.digital_signature() {
        return Err("its key usage has no digitalSignature".into());
    }
    for (set, name) in [
        (usage.key_encipherment(), "keyEncipherment"),
        (usage.data_encipherment(), "dataEncipherment"),
        (usage.key_agreement(), "keyAgreement"),
        (usage.key_cert_sign(), "keyCertSign"),
        (usage.crl_sign(), "cRLSign"),
        (usage.encipher_only(), "encipherOnly"),
        (usage.decipher_only(), "decipherOnly"),
    ] {
        if set {
            return Err(format!("its key usage must not have {name}"));
        }
    }
    if constraints.is_some_and(|(_, constraints)| constraints.ca) {
        return Err("a leaf must not be a certificate authority".into());
    }
    if let Some(extended) = extended {
        for (set, name) in [
            (extended.any, "anyExtendedKeyUsage"),
            (extended.server_auth, "serverAuth"),
            (extended.client_auth, "clientAuth"),
            (extended.email_protection, "emailProtection"),
            (extended.time_stamping, "timeStamping"),
            (extended.ocsp_signing, "OCSPSigning"),
        ] {
            if set {
                return Err(format!("its extended key usage must not have {name}"));
            }
        }
        if !extended.code_signing {
            return Err("its extended key usage has no codeSigning".into());
        }
    }
    Ok(())
}

fn check_authority(certificate: &X509Certificate<'_>, below: usize) -> Result<(), String> {
    let Extensions { usage, constraints, .. } = extensions(certificate)?;
    let Some((true, BasicConstraints { ca: true, path_len_constraint })) = constraints else {
        return Err("its basic constraints are absent, not critical, or not those of an authority".into());
    };
    if path_len_constraint.is_some_and(|most| (most as usize) < below) {
        return Err("its path length is too short for this chain".into());
    }
    let Some((true, usage)) = usage else {
        return Err("its key usage is absent or not critical".into());
    };
    if !usage.key_cert_sign() {
        return Err("its key usage has no keyCertSign".into());
    }
    Ok(())
}
