//! The arithmetic of an encrypted session: `dh-ietf1024-sha256-aes128-cbc-pkcs7`. No I/O.
//!
//! Source: Secret Service API Draft 0.2, "Transfer of Secrets"; RFC 2409, 6.2 (the group);
//! RFC 5869 (HKDF, without salt and info). libsecret and gnome-keyring pad the shared number to
//! the length of the prime.

use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit, block_padding::Pkcs7};
use crypto_bigint::{
    Encoding, U256, U1024,
    modular::runtime_mod::{DynResidue, DynResidueParams},
};
use ring::{hkdf, rand::SecureRandom};
use zeroize::Zeroizing;

/// The length of the prime and of a public number, in bytes.
const PRIME_LENGTH: usize = 128;

/// AES's block, in bytes.
pub(super) const BLOCK: usize = 16;

/// Second Oakley group; its generator is 2.
const PRIME: U1024 = U1024::from_be_hex(concat!(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74",
    "020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437",
    "4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED",
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF",
));

/// What both sides encrypt with.
pub(super) type AesKey = Zeroizing<[u8; BLOCK]>;

/// Our half of the exchange.
pub(super) struct KeyPair {
    /// 256 bits: twice what the group is worth, and four times as fast as 1024.
    private: Zeroizing<[u8; 32]>,
    pub(super) public: [u8; PRIME_LENGTH],
}

impl KeyPair {
    /// A fresh pair; `None` when the OS has no random bytes.
    pub(super) fn generate(random: &dyn SecureRandom) -> Option<KeyPair> {
        let mut private = Zeroizing::new([0; 32]);
        random.fill(&mut *private).ok()?;
        let public = power(&U1024::from_u8(2), &private).to_be_bytes();
        Some(KeyPair { private, public })
    }

    /// The key that the other half and ours make; `None` for a number that would give it away.
    pub(super) fn agree(&self, theirs: &[u8]) -> Option<AesKey> {
        let mut padded = [0; PRIME_LENGTH]; // libgcrypt strips leading zeros
        padded[PRIME_LENGTH.checked_sub(theirs.len())?..].copy_from_slice(theirs);
        let theirs = U1024::from_be_bytes(padded);
        if theirs <= U1024::ONE || theirs >= PRIME.wrapping_sub(&U1024::ONE) {
            return None;
        }
        let shared = Zeroizing::new(power(&theirs, &self.private).to_be_bytes());
        let mut key = Zeroizing::new([0; BLOCK]);
        let pseudorandom = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(&*shared);
        pseudorandom.expand(&[], KeyLength).and_then(|output| output.fill(&mut *key)).ok()?;
        Some(key)
    }
}

/// Tells ring how many bytes we want.
struct KeyLength;

impl hkdf::KeyType for KeyLength {
    fn len(&self) -> usize {
        BLOCK
    }
}

fn power(base: &U1024, exponent: &[u8; 32]) -> U1024 {
    DynResidue::new(base, DynResidueParams::new(&PRIME)).pow(&U256::from_be_bytes(*exponent)).retrieve()
}

/// Encrypts in CBC mode.
pub(super) fn encrypt(key: &AesKey, iv: &[u8; BLOCK], text: &[u8]) -> Vec<u8> {
    let mut buffer = vec![0; (text.len() / BLOCK + 1) * BLOCK];
    buffer[..text.len()].copy_from_slice(text);
    cbc::Encryptor::<aes::Aes128>::new((&**key).into(), iv.into())
        .encrypt_padded::<Pkcs7>(&mut buffer, text.len())
        .expect("the buffer holds the text and its padding");
    buffer
}

/// Decrypts; `None` when lengths or padding are wrong. There is no check of integrity in this
/// algorithm.
pub(super) fn decrypt(key: &AesKey, iv: &[u8], value: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let iv: &[u8; BLOCK] = iv.try_into().ok()?;
    let mut buffer = Zeroizing::new(value.to_vec());
    let cipher = cbc::Decryptor::<aes::Aes128>::new((&**key).into(), iv.into());
    let length = cipher.decrypt_padded::<Pkcs7>(&mut buffer).ok()?.len();
    buffer.truncate(length);
    Some(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_agree_and_read_each_other() {
        let random = ring::rand::SystemRandom::new();
        let (ours, theirs) = (KeyPair::generate(&random).unwrap(), KeyPair::generate(&random).unwrap());
        let key = ours.agree(&theirs.public).unwrap();
        assert_eq!(key, theirs.agree(&ours.public).unwrap());
        for (length, why) in
            [(0, "nothing"), (15, "one byte of padding"), (16, "a block of padding"), (2714, "a token")]
        {
            let text = vec![b'x'; length];
            let value = encrypt(&key, &[7; BLOCK], &text);
            assert_eq!(*decrypt(&key, &[7; BLOCK], &value).unwrap(), text, "{why}");
        }
    }

    #[test]
    fn numbers_that_give_the_key_away() {
        let ours = KeyPair::generate(&ring::rand::SystemRandom::new()).unwrap();
        let minus_one = PRIME.wrapping_sub(&U1024::ONE).to_be_bytes();
        for (theirs, why) in [
            (&[][..], "nothing is zero"),
            (&[0; PRIME_LENGTH], "zero"),
            (&[1], "one"),
            (&minus_one, "of order two"),
            (&PRIME.to_be_bytes(), "the prime"),
            (&[0xff; PRIME_LENGTH], "beyond the prime"),
            (&[2; PRIME_LENGTH + 1], "too long"),
        ] {
            assert!(ours.agree(theirs).is_none(), "{why}");
        }
        assert!(ours.agree(&[3]).is_some(), "a short number has leading zeros");
    }

    #[test]
    fn values_that_make_no_sense() {
        let key = Zeroizing::new([1; BLOCK]);
        let whole = encrypt(&key, &[7; BLOCK], b"text");
        for (iv, value, why) in [
            (&[7; BLOCK][..], &b""[..], "nothing, where padding must be"),
            (&[7; BLOCK], &whole[..15], "no whole block"),
            (&[7; 15], &whole, "a short vector"),
            (&[], &whole, "no vector: a plain session's answer"),
            (&[7; BLOCK], &[0; BLOCK], "padding that is none"),
        ] {
            assert!(decrypt(&key, iv, value).is_none(), "{why}");
        }
    }
}
