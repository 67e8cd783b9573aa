//! Keys from names, and signatures that are the same each time: ECDSA as RFC 6979 has it, RSA-PSS with a fixed salt.

use std::{
    collections::BTreeMap,
    sync::{LazyLock, Mutex},
};

use num_bigint::BigUint;
use p521::{
    ecdsa::signature::hazmat::{PrehashSigner, RandomizedPrehashSigner},
    elliptic_curve::{
        rand_core::{CryptoRng, Error, RngCore},
        sec1::ToEncodedPoint,
    },
};
use ring::{
    digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512},
    signature::{Ed25519KeyPair, KeyPair},
};

use super::der;

/// Hashes that sign. SHA-1 is there to be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    pub fn of(self, message: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Hash::Sha1 => &SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => &SHA256,
            Hash::Sha384 => &SHA384,
            Hash::Sha512 => &SHA512,
        };
        digest::digest(algorithm, message).as_ref().to_vec()
    }

    /// Of 1.2.840.10045.4 and of 1.2.840.113549.1.1 (RFC 5758, RFC 8017).
    fn signature_oids(self) -> (&'static str, &'static str) {
        match self {
            Hash::Sha1 => ("1.2.840.10045.4.1", "1.2.840.113549.1.1.5"),
            Hash::Sha256 => ("1.2.840.10045.4.3.2", "1.2.840.113549.1.1.11"),
            Hash::Sha384 => ("1.2.840.10045.4.3.3", "1.2.840.113549.1.1.12"),
            Hash::Sha512 => ("1.2.840.10045.4.3.4", "1.2.840.113549.1.1.13"),
        }
    }

    fn oid(self) -> &'static str {
        match self {
            Hash::Sha1 => "1.3.14.3.2.26",
            Hash::Sha256 => "2.16.840.1.101.3.4.2.1",
            Hash::Sha384 => "2.16.840.1.101.3.4.2.2",
            Hash::Sha512 => "2.16.840.1.101.3.4.2.3",
        }
    }
}

/// A key: its kind, and the name that it is made from. RSA has one key a size, which OpenSSL made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    P256(&'static str),
    P384(&'static str),
    P521(&'static str),
    Rsa(usize),
    Ed25519(&'static str),
}

/// How a signature of an envelope is made; [`Key::native`] is how it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// `r` and `s`, each as long as the curve's order.
    Fixed(Hash),
    /// `r` and `s` as certificates have them.
    Der(Hash),
    /// The first hash is the message's, the second the mask's; then the length of the salt.
    Pss(Hash, Hash, usize),
    /// RSA's old padding.
    Pkcs1(Hash),
    /// Ed25519.
    EdDsa,
}

/// Signatures by key, scheme and message.
type Signed = BTreeMap<(Key, Scheme, Vec<u8>), Vec<u8>>;

/// Signatures cost most of the time here, and many cases share their certificates.
static SIGNED: LazyLock<Mutex<Signed>> = LazyLock::new(Mutex::default);

impl Key {
    pub fn native(self) -> Scheme {
        match self {
            Key::P256(_) => Scheme::Fixed(Hash::Sha256),
            Key::P384(_) => Scheme::Fixed(Hash::Sha384),
            Key::P521(_) => Scheme::Fixed(Hash::Sha512),
            Key::Rsa(3072) => Scheme::Pss(Hash::Sha384, Hash::Sha384, 48),
            Key::Rsa(4096) => Scheme::Pss(Hash::Sha512, Hash::Sha512, 64),
            Key::Rsa(_) => Scheme::Pss(Hash::Sha256, Hash::Sha256, 32),
            Key::Ed25519(_) => Scheme::EdDsa,
        }
    }

    /// The algorithm of JWS and of COSE that belongs to it.
    pub fn algorithm(self) -> (&'static str, i64) {
        match self {
            Key::P256(_) => ("ES256", -7),
            Key::P384(_) => ("ES384", -35),
            Key::P521(_) => ("ES512", -36),
            Key::Rsa(3072) => ("PS384", -38),
            Key::Rsa(4096) => ("PS512", -39),
            Key::Rsa(_) => ("PS256", -37),
            Key::Ed25519(_) => ("EdDSA", -8),
        }
    }

    /// The hash that its certificates are signed with, where nothing else is asked for.
    pub fn hash(self) -> Hash {
        match self.native() {
            Scheme::Fixed(hash) | Scheme::Der(hash) | Scheme::Pss(hash, ..) | Scheme::Pkcs1(hash) => hash,
            Scheme::EdDsa => Hash::Sha512,
        }
    }

    pub fn sign(self, scheme: Scheme, message: &[u8]) -> Vec<u8> {
        let known = (self, scheme, message.to_vec());
        if let Some(signature) = SIGNED.lock().expect("no holder panics").get(&known) {
            return signature.clone();
        }
        let signature = match (self, scheme) {
            (Key::Ed25519(_), _) => self.ed25519().sign(message).as_ref().to_vec(),
            (Key::Rsa(size), Scheme::Pss(hash, mask, salt)) => rsa(size).pss(hash, mask, salt, message),
            (Key::Rsa(size), Scheme::Pkcs1(hash)) => rsa(size).pkcs1(hash, message),
            (_, Scheme::Fixed(hash)) => self.ecdsa(&hash.of(message)).0,
            (_, Scheme::Der(hash)) => self.ecdsa(&hash.of(message)).1,
            _ => panic!("{self:?} cannot sign with {scheme:?}"),
        };
        SIGNED.lock().expect("no holder panics").insert(known, signature.clone());
        signature
    }

    /// The signature of a certificate: its `AlgorithmIdentifier` and its bytes.
    pub fn sign_certificate(self, hash: Hash, tbs: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let (ecdsa, rsa) = hash.signature_oids();
        match self {
            Key::Rsa(_) => (der::sequence(&[der::oid(rsa), der::null()]), self.sign(Scheme::Pkcs1(hash), tbs)),
            Key::Ed25519(_) => (der::sequence(&[der::oid("1.3.101.112")]), self.sign(Scheme::EdDsa, tbs)),
            _ => (der::sequence(&[der::oid(ecdsa)]), self.sign(Scheme::Der(hash), tbs)),
        }
    }

    /// `SubjectPublicKeyInfo`.
    pub fn public(self) -> Vec<u8> {
        let curve = |oid, point: &[u8]| {
            let algorithm = der::sequence(&[der::oid("1.2.840.10045.2.1"), der::oid(oid)]);
            der::sequence(&[algorithm, der::bits(point)])
        };
        match self {
            Key::P256(name) => {
                curve("1.2.840.10045.3.1.7", p256_key(name).verifying_key().to_encoded_point(false).as_bytes())
            }
            Key::P384(name) => curve("1.3.132.0.34", p384_key(name).verifying_key().to_encoded_point(false).as_bytes()),
            Key::P521(name) => curve("1.3.132.0.35", p521_secret(name).public_key().to_encoded_point(false).as_bytes()),
            Key::Rsa(size) => {
                let algorithm = der::sequence(&[der::oid("1.2.840.113549.1.1.1"), der::null()]);
                der::sequence(&[algorithm, der::bits(&rsa(size).public())])
            }
            Key::Ed25519(_) => {
                let algorithm = der::sequence(&[der::oid("1.3.101.112")]);
                der::sequence(&[algorithm, der::bits(self.ed25519().public_key().as_ref())])
            }
        }
    }

    fn ed25519(self) -> Ed25519KeyPair {
        let Key::Ed25519(name) = self else { unreachable!("it is an Ed25519 key") };
        Ed25519KeyPair::from_seed_unchecked(&Hash::Sha256.of(name.as_bytes())).expect("a seed has 32 bytes")
    }

    /// As `r` and `s`, and as DER.
    fn ecdsa(self, prehash: &[u8]) -> (Vec<u8>, Vec<u8>) {
        match self {
            Key::P256(name) => {
                let signature: p256::ecdsa::Signature = p256_key(name).sign_prehash(prehash).expect("it signs");
                (signature.to_vec(), signature.to_der().as_bytes().to_vec())
            }
            Key::P384(name) => {
                let signature: p384::ecdsa::Signature = p384_key(name).sign_prehash(prehash).expect("it signs");
                (signature.to_vec(), signature.to_der().as_bytes().to_vec())
            }
            Key::P521(name) => {
                let key = p521::ecdsa::SigningKey::from_slice(&p521_secret(name).to_bytes()).expect("a scalar");
                let signature: p521::ecdsa::Signature =
                    key.sign_prehash_with_rng(&mut Nonce::of(name, prehash), prehash).expect("it signs");
                (signature.to_vec(), signature.to_der().as_bytes().to_vec())
            }
            Key::Rsa(_) | Key::Ed25519(_) => unreachable!("it is on no curve"),
        }
    }
}

fn p256_key(name: &str) -> p256::ecdsa::SigningKey {
    p256::ecdsa::SigningKey::from_slice(&Hash::Sha256.of(name.as_bytes())).expect("a hash below the order")
}

fn p384_key(name: &str) -> p384::ecdsa::SigningKey {
    p384::ecdsa::SigningKey::from_slice(&Hash::Sha384.of(name.as_bytes())).expect("a hash below the order")
}

fn p521_secret(name: &str) -> p521::SecretKey {
    p521::SecretKey::from_slice(&[vec![0; 2], Hash::Sha512.of(name.as_bytes())].concat()).expect("below the order")
}

/// A nonce from key and message, for the one curve whose crate asks for random numbers.
struct Nonce {
    seed: Vec<u8>,
    count: u32,
}

impl Nonce {
    fn of(name: &str, prehash: &[u8]) -> Nonce {
        Nonce { seed: Hash::Sha512.of(&[b"nonce ", name.as_bytes(), prehash].concat()), count: 0 }
    }
}

impl RngCore for Nonce {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill_bytes(&mut bytes);
        u32::from_be_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_be_bytes(bytes)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(64) {
            self.count += 1;
            let block = Hash::Sha512.of(&[&self.seed[..], &self.count.to_be_bytes()].concat());
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Nonce {}

/// RSA by the book (RFC 8017). These keys protect nothing, so that it need not hide what it computes.
struct Rsa {
    modulus: BigUint,
    exponent: BigUint,
    private: BigUint,
    length: usize,
}

fn rsa(bits: usize) -> Rsa {
    let path = format!("{}/tests/testkit/keys/test-only-rsa-{bits}.pem", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read(&path).unwrap_or_else(|err| panic!("{path}: {err}"));
    let block = x509_parser::pem::Pem::iter_from_buffer(&text).next().expect("a block").expect("PEM");
    // PKCS #8: version, algorithm, and in an octet string PKCS #1: version, n, e, d, …
    let outer = der::contents(der::contents(&block.contents)[0]);
    let numbers = der::contents(der::contents(outer[2])[0]);
    let number = |at: usize| BigUint::from_bytes_be(numbers[at]);
    Rsa { modulus: number(1), exponent: number(2), private: number(3), length: bits / 8 }
}

impl Rsa {
    fn public(&self) -> Vec<u8> {
        der::sequence(&[der::integer(&self.modulus.to_bytes_be()), der::integer(&self.exponent.to_bytes_be())])
    }

    fn apply(&self, message: &[u8]) -> Vec<u8> {
        let signature = BigUint::from_bytes_be(message).modpow(&self.private, &self.modulus).to_bytes_be();
        [vec![0; self.length - signature.len()], signature].concat()
    }

    /// RFC 8017, 9.1.1. The salt is made from the message.
    fn pss(&self, hash: Hash, mask: Hash, salt: usize, message: &[u8]) -> Vec<u8> {
        let (hashed, room) = (hash.of(message), self.length);
        let salt = &Hash::Sha512.of(&hashed)[..salt];
        let digest = hash.of(&[&[0; 8], &hashed[..], salt].concat());
        let padding = room - salt.len() - digest.len() - 2;
        let mut block = [&vec![0; padding][..], &[1], salt].concat();
        let stream = (0_u32..).flat_map(|counter| mask.of(&[&digest[..], &counter.to_be_bytes()].concat()));
        block.iter_mut().zip(stream).for_each(|(byte, masked)| *byte ^= masked);
        block[0] &= 0x7f; // a modulus of these sizes fills its bytes
        self.apply(&[&block[..], &digest, &[0xbc]].concat())
    }

    /// RFC 8017, 9.2.
    fn pkcs1(&self, hash: Hash, message: &[u8]) -> Vec<u8> {
        let algorithm = der::sequence(&[der::oid(hash.oid()), der::null()]);
        let info = der::sequence(&[algorithm, der::octets(&hash.of(message))]);
        let padding = vec![0xff; self.length - info.len() - 3];
        self.apply(&[&[0, 1][..], &padding, &[0], &info].concat())
    }
}
