//! Certificate chains like AWS Signer's: root, intermediate, region, leaf.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, CrlDistributionPoint, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, SignatureAlgorithm,
    date_time_ymd,
};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair},
};

/// A day.
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How a chain is made. The default is AWS's shape.
#[derive(Debug, Clone)]
pub struct Shape {
    /// The leaf's key: P-384, or P-256.
    pub p256_leaf: bool,
    /// The leaf's key usage; none leaves the extension out.
    pub leaf_usage: Vec<KeyUsagePurpose>,
    /// The leaf's extended key usage.
    pub leaf_extended: Vec<ExtendedKeyUsagePurpose>,
    /// Whether the leaf calls itself an authority.
    pub leaf_is_authority: bool,
    /// First moment of the leaf.
    pub leaf_from: SystemTime,
    /// Last moment of the leaf; AWS's leaves live for days.
    pub leaf_until: SystemTime,
    /// Whether the authorities call themselves so.
    pub authorities: bool,
    /// The authorities' key usage.
    pub authority_usage: Vec<KeyUsagePurpose>,
    /// The root's path length.
    pub root_path_length: Option<u8>,
    /// Certificates between root and leaf.
    pub between: usize,
    /// The leaf's common name; all else of it is in every certificate's name.
    pub leaf_name: &'static str,
    /// A critical extension of every certificate, by its object identifier; its content is NULL.
    pub critical: Option<&'static [u64]>,
    /// Where a list of revoked certificates is, by every certificate's word.
    pub revocation_list: Option<&'static str>,
}

/// The root's common name.
pub const ROOT_NAME: &str = "AWS Signer Code Signing Root CA G1";

impl Shape {
    /// AWS's shape at a time.
    pub fn aws(now: SystemTime) -> Shape {
        Shape {
            p256_leaf: false,
            leaf_usage: vec![KeyUsagePurpose::DigitalSignature],
            leaf_extended: vec![ExtendedKeyUsagePurpose::CodeSigning],
            leaf_is_authority: false,
            leaf_from: now - DAY,
            leaf_until: now + DAY,
            authorities: true,
            authority_usage: vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign],
            root_path_length: None,
            between: 2,
            leaf_name: "AWS Signer",
            critical: None,
            revocation_list: None,
        }
    }
}

/// A chain with the leaf's key.
pub struct Chain {
    /// DER, leaf first.
    pub certificates: Vec<Vec<u8>>,
    /// The root as PEM, for `--signer-root` and trust stores.
    pub root_pem: String,
    /// The leaf's key.
    pub key: EcdsaKeyPair,
}

impl Chain {
    /// A chain of AWS's shape, valid now; no two share a root.
    pub fn new() -> Chain {
        Chain::of(&Shape::aws(SystemTime::now()))
    }

    /// A chain of any shape.
    pub fn of(shape: &Shape) -> Chain {
        let root_key = key(&PKCS_ECDSA_P384_SHA384);
        let params = authority(ROOT_NAME, shape, shape.root_path_length);
        let root = params.self_signed(&root_key).expect("the parameters are valid");
        let root_pem = root.pem();
        let mut certificates = vec![root.der().to_vec()];
        let mut issuer = Issuer::new(params, root_key);
        for name in
            ["AWS Signer Code Signing Int CA G1", "AWS Signer eu-west-1 Code Signing CA G1"].iter().take(shape.between)
        {
            let own = key(&PKCS_ECDSA_P384_SHA384);
            let params = authority(name, shape, None);
            certificates.insert(0, params.signed_by(&own, &issuer).expect("the parameters are valid").der().to_vec());
            issuer = Issuer::new(params, own);
        }
        let (algorithm, signing) = match shape.p256_leaf {
            true => (&PKCS_ECDSA_P256_SHA256, &ECDSA_P256_SHA256_FIXED_SIGNING),
            false => (&PKCS_ECDSA_P384_SHA384, &ECDSA_P384_SHA384_FIXED_SIGNING),
        };
        let leaf_key = key(algorithm);
        let mut params = named(shape.leaf_name);
        params.custom_extensions.extend(critical(shape));
        params.crl_distribution_points.extend(revocation_list(shape));
        params.key_usages.clone_from(&shape.leaf_usage);
        params.extended_key_usages.clone_from(&shape.leaf_extended);
        if shape.leaf_is_authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        params.not_before = date_time_ymd(1970, 1, 1) + since(shape.leaf_from);
        params.not_after = date_time_ymd(1970, 1, 1) + since(shape.leaf_until);
        certificates.insert(0, params.signed_by(&leaf_key, &issuer).expect("the parameters are valid").der().to_vec());
        let key = EcdsaKeyPair::from_pkcs8(signing, &leaf_key.serialize_der(), &SystemRandom::new())
            .expect("ring reads what rcgen wrote");
        Chain { certificates, root_pem, key }
    }
}

fn key(algorithm: &'static SignatureAlgorithm) -> KeyPair {
    KeyPair::generate_for(algorithm).expect("ring makes such keys")
}

fn named(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    for (kind, value) in [
        (DnType::CommonName, common_name),
        (DnType::OrganizationalUnitName, "AWS Cryptography"),
        (DnType::OrganizationName, "AWS"),
        (DnType::LocalityName, "Seattle"),
        (DnType::StateOrProvinceName, "WA"),
        (DnType::CountryName, "US"),
    ] {
        params.distinguished_name.push(kind, value);
    }
    params
}

fn critical(shape: &Shape) -> Option<CustomExtension> {
    let mut extension = CustomExtension::from_oid_content(shape.critical?, vec![0x05, 0x00]);
    extension.set_criticality(true);
    Some(extension)
}

fn revocation_list(shape: &Shape) -> Option<CrlDistributionPoint> {
    Some(CrlDistributionPoint { uris: vec![shape.revocation_list?.into()] })
}

fn authority(name: &str, shape: &Shape, path_length: Option<u8>) -> CertificateParams {
    let mut params = named(name);
    params.custom_extensions.extend(critical(shape));
    params.crl_distribution_points.extend(revocation_list(shape));
    if shape.authorities {
        params.is_ca = IsCa::Ca(path_length.map_or(BasicConstraints::Unconstrained, BasicConstraints::Constrained));
    }
    params.key_usages.clone_from(&shape.authority_usage);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2122, 1, 1);
    params
}

/// Since 1970, in whole seconds as certificates count.
fn since(time: SystemTime) -> Duration {
    Duration::from_secs(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}
