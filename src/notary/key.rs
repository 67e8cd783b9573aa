//! Public keys of certificates and the one algorithm that each may sign envelopes with.

use p521::ecdsa::signature::Verifier;
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use x509_parser::{
    der_parser::oid::Oid,
    oid_registry::{
        OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_NIST_EC_P521, OID_PKCS1_RSAENCRYPTION,
        OID_PKCS1_SHA256WITHRSA, OID_PKCS1_SHA384WITHRSA, OID_PKCS1_SHA512WITHRSA, OID_SIG_ECDSA_WITH_SHA256,
        OID_SIG_ECDSA_WITH_SHA384, OID_SIG_ECDSA_WITH_SHA512,
    },
    public_key::PublicKey,
    x509::{AlgorithmIdentifier, SubjectPublicKeyInfo},
};

/// A public key of a kind that the Notary Project allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its kind and size.
    pub kind: KeyKind,
    bytes: Vec<u8>,
}

/// Kinds of keys (specifications, signature-specification.md, "Algorithm Selection").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA with 2048 bits.
    Rsa2048,
    /// RSA with 3072 bits.
    Rsa3072,
    /// RSA with 4096 bits.
    Rsa4096,
    /// The curve P-256.
    P256,
    /// The curve P-384.
    P384,
    /// The curve P-521.
    P521,
}

impl KeyKind {
    /// The JWS algorithm that this key fixes (RFC 7518, 3.1).
    pub fn jws(self) -> &'static str {
        match self {
            KeyKind::Rsa2048 => "PS256",
            KeyKind::Rsa3072 => "PS384",
            KeyKind::Rsa4096 => "PS512",
            KeyKind::P256 => "ES256",
            KeyKind::P384 => "ES384",
            KeyKind::P521 => "ES512",
        }
    }

    /// The COSE algorithm that this key fixes (RFC 9053, 2.1; RFC 8230, 2).
    pub fn cose(self) -> i64 {
        match self {
            KeyKind::Rsa2048 => -37,
            KeyKind::Rsa3072 => -38,
            KeyKind::Rsa4096 => -39,
            KeyKind::P256 => -7,
            KeyKind::P384 => -35,
            KeyKind::P521 => -36,
        }
    }

    /// The name that notation prints.
    pub fn signature_name(self) -> &'static str {
        match self {
            KeyKind::Rsa2048 => "RSASSA-PSS-SHA-256",
            KeyKind::Rsa3072 => "RSASSA-PSS-SHA-384",
            KeyKind::Rsa4096 => "RSASSA-PSS-SHA-512",
            KeyKind::P256 => "ECDSA-SHA-256",
            KeyKind::P384 => "ECDSA-SHA-384",
            KeyKind::P521 => "ECDSA-SHA-512",
        }
    }

    /// How an envelope's signature is verified: fixed r‖s for the curves, PSS with salt = hash length for RSA.
    fn envelope(self) -> Verification {
        match self {
            KeyKind::Rsa2048 => Verification::Ring(&signature::RSA_PSS_2048_8192_SHA256),
            KeyKind::Rsa3072 => Verification::Ring(&signature::RSA_PSS_2048_8192_SHA384),
            KeyKind::Rsa4096 => Verification::Ring(&signature::RSA_PSS_2048_8192_SHA512),
            KeyKind::P256 => Verification::Ring(&signature::ECDSA_P256_SHA256_FIXED),
            KeyKind::P384 => Verification::Ring(&signature::ECDSA_P384_SHA384_FIXED),
            KeyKind::P521 => Verification::P521(p521::ecdsa::Signature::from_slice),
        }
    }
}

/// One way to verify a signature.
#[derive(Clone, Copy)]
enum Verification {
    /// As ring does it.
    Ring(&'static dyn VerificationAlgorithm),
    /// ECDSA on P-521 with SHA-512, which ring has not; signatures are read from r‖s or from DER.
    P521(fn(&[u8]) -> p521::ecdsa::Result<p521::ecdsa::Signature>),
}

impl Verification {
    fn holds(self, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
        match self {
            Verification::Ring(algorithm) => UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok(),
            Verification::P521(read) => {
                // A point must be written whole, as ring wants it of the other curves (SEC 1, 2.3.3).
                const UNCOMPRESSED: u8 = 0x04;
                let key = p521::ecdsa::VerifyingKey::from_sec1_bytes(key).ok().filter(|_| key[0] == UNCOMPRESSED);
                let signature = read(signature).ok();
                key.zip(signature).is_some_and(|(key, signature)| key.verify(message, &signature).is_ok())
            }
        }
    }
}

impl Key {
    pub(super) fn read(spki: &SubjectPublicKeyInfo<'_>) -> Result<Key, String> {
        let algorithm = &spki.algorithm.algorithm;
        let kind = if *algorithm == OID_PKCS1_RSAENCRYPTION {
            match spki.parsed() {
                Ok(PublicKey::RSA(key)) => match key.key_size() {
                    2048 => KeyKind::Rsa2048,
                    3072 => KeyKind::Rsa3072,
                    4096 => KeyKind::Rsa4096,
                    bits => return Err(format!("an RSA key of {bits} bits is not allowed")),
                },
                _ => return Err("its RSA key cannot be read".into()),
            }
        } else if *algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY {
            let curve: Oid<'_> = spki
                .algorithm
                .parameters
                .as_ref()
                .and_then(|parameters| parameters.as_oid().ok())
                .ok_or("its key names no curve")?;
            match curve {
                curve if curve == OID_EC_P256 => KeyKind::P256,
                curve if curve == OID_NIST_EC_P384 => KeyKind::P384,
                curve if curve == OID_NIST_EC_P521 => KeyKind::P521,
                curve => return Err(format!("keys on the curve {curve} are not allowed")),
            }
        } else {
            return Err(format!("keys of the kind {algorithm} are not allowed"));
        };
        Ok(Key { kind, bytes: spki.subject_public_key.data.to_vec() })
    }

    /// Verifies an envelope's signature with the algorithm that this key fixes.
    pub(super) fn verify_envelope(&self, message: &[u8], signature: &[u8]) -> Result<(), String> {
        match self.kind.envelope().holds(&self.bytes, message, signature) {
            true => Ok(()),
            false => Err("the signature is not by the key of the leaf certificate".into()),
        }
    }

    /// Verifies a certificate's signature; SHA-1 and everything older is refused.
    pub(super) fn verify_certificate(
        &self,
        algorithm: &AlgorithmIdentifier<'_>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), String> {
        let oid = &algorithm.algorithm;
        let curve = |p256: &'static dyn VerificationAlgorithm, p384: &'static dyn VerificationAlgorithm| match self.kind
        {
            KeyKind::P256 => Some(Verification::Ring(p256)),
            KeyKind::P384 => Some(Verification::Ring(p384)),
            _ => None,
        };
        let rsa = |algorithm: &'static dyn VerificationAlgorithm| match self.kind {
            KeyKind::Rsa2048 | KeyKind::Rsa3072 | KeyKind::Rsa4096 => Some(Verification::Ring(algorithm)),
            _ => None,
        };
        let verification = if *oid == OID_SIG_ECDSA_WITH_SHA256 {
            curve(&signature::ECDSA_P256_SHA256_ASN1, &signature::ECDSA_P384_SHA256_ASN1)
        } else if *oid == OID_SIG_ECDSA_WITH_SHA384 {
            curve(&signature::ECDSA_P256_SHA384_ASN1, &signature::ECDSA_P384_SHA384_ASN1)
        } else if *oid == OID_SIG_ECDSA_WITH_SHA512 {
            (self.kind == KeyKind::P521).then_some(Verification::P521(p521::ecdsa::Signature::from_der))
        } else if *oid == OID_PKCS1_SHA256WITHRSA {
            rsa(&signature::RSA_PKCS1_2048_8192_SHA256)
        } else if *oid == OID_PKCS1_SHA384WITHRSA {
            rsa(&signature::RSA_PKCS1_2048_8192_SHA384)
        } else if *oid == OID_PKCS1_SHA512WITHRSA {
            rsa(&signature::RSA_PKCS1_2048_8192_SHA512)
        } else {
            None
        };
        let verification = verification
            .ok_or_else(|| format!("it is signed with the algorithm {oid}, which is not allowed for its key"))?;
        match verification.holds(&self.bytes, message, signature) {
            true => Ok(()),
            false => Err("it is not signed by the next certificate's key".into()),
        }
    }
}
