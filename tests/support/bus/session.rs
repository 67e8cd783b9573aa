//! How the fake service carries secrets: as they are, or encrypted.
//!
//! Diffie-Hellman by `num-bigint`, with a fixed private number: only the client's half is secret.

use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit, block_padding::Pkcs7};
use num_bigint::BigUint;
use ring::hkdf;

use super::wire::{Failure, INVALID_ARGS, failure};

/// Second Oakley group (RFC 2409, 6.2).
const PRIME: &[u8] = b"FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22\
514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7\
EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF";

/// An initialisation vector; a real service makes a new one each time.
const IV: [u8; 16] = *b"not random at al";

/// An open session.
pub enum Session {
    /// `plain`.
    Plain,
    /// `dh-ietf1024-sha256-aes128-cbc-pkcs7`, with the key.
    Encrypted([u8; 16]),
}

impl Session {
    /// An encrypted session with whoever has this public number; and the number of our own.
    pub fn agree(theirs: &[u8]) -> (Session, Vec<u8>) {
        let prime = BigUint::parse_bytes(PRIME, 16).expect("hexadecimal digits");
        let private = BigUint::from_bytes_be(&[0x5a; 96]);
        let shared = BigUint::from_bytes_be(theirs).modpow(&private, &prime).to_bytes_be();
        let mut padded = vec![0; 128 - shared.len()];
        padded.extend(shared);
        let mut key = [0; 16];
        let pseudorandom = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(&padded);
        pseudorandom.expand(&[], Sixteen).and_then(|output| output.fill(&mut key)).expect("16 bytes");
        (Session::Encrypted(key), BigUint::from(2u8).modpow(&private, &prime).to_bytes_be())
    }

    /// A secret as this session carries it: parameters and value.
    pub fn seal(&self, secret: &[u8]) -> (Vec<u8>, Vec<u8>) {
        match self {
            Session::Plain => (Vec::new(), secret.to_owned()),
            Session::Encrypted(key) => {
                let mut value = secret.to_owned();
                value.resize(secret.len() + 16, 0);
                let cipher = cbc::Encryptor::<aes::Aes128>::new(key.into(), &IV.into());
                let length = cipher.encrypt_padded::<Pkcs7>(&mut value, secret.len()).expect("there is room").len();
                value.truncate(length);
                (IV.to_vec(), value)
            }
        }
    }

    /// A secret that this session carried.
    pub fn open(&self, parameters: &[u8], value: &[u8]) -> Result<Vec<u8>, Failure> {
        match self {
            Session::Plain if parameters.is_empty() => Ok(value.to_owned()),
            Session::Plain => Err(failure(INVALID_ARGS, "a plain session has no parameters")),
            Session::Encrypted(key) => {
                let iv: &[u8; 16] = parameters.try_into().map_err(|_| failure(INVALID_ARGS, "no vector"))?;
                let mut text = value.to_owned();
                let cipher = cbc::Decryptor::<aes::Aes128>::new(key.into(), iv.into());
                let opened = cipher.decrypt_padded::<Pkcs7>(&mut text);
                opened.map(<[u8]>::to_vec).map_err(|_| failure(INVALID_ARGS, "it cannot be decrypted"))
            }
        }
    }
}

struct Sixteen;

impl hkdf::KeyType for Sixteen {
    fn len(&self) -> usize {
        16
    }
}
