//! SHA-256 as text: names of files and entries, and the digests that registries name content by.

use std::fmt;

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::report::{Report, excerpt};

/// Bytes as lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// The SHA-256 of bytes, 64 hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

/// A content digest, `sha256:` or `sha512:` with lower-case hexadecimal (image-spec, descriptor.md).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

impl Digest {
    /// The SHA-256 digest of some content.
    pub fn of(content: &[u8]) -> Digest {
        Digest(format!("sha256:{}", sha256(content)))
    }

    /// Reads a digest; the error says which part is wrong.
    pub fn parse(text: &str) -> Result<Digest, Report> {
        let bad = |why: &str| Err(Report::new(format!("`{}` is not a digest: {why}", excerpt(text))));
        let Some((algorithm, value)) = text.split_once(':') else { return bad("it has no `:`") };
        let length = match algorithm {
            "sha256" => 64,
            "sha512" => 128,
            _ => return bad("the algorithm is neither sha256 nor sha512"),
        };
        if value.len() != length {
            return bad(&format!("{algorithm} has {length} digits, this has {}", value.len()));
        }
        if !value.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return bad("it has a character that is not 0-9 or a-f");
        }
        Ok(Digest(text.to_owned()))
    }

    /// Whether this is the digest of some content.
    pub fn matches(&self, content: &[u8]) -> bool {
        let algorithm = if self.0.starts_with("sha512") { &ring::digest::SHA512 } else { &SHA256 };
        self.digits() == hex(ring::digest::digest(algorithm, content).as_ref())
    }

    /// The digest as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits alone.
    pub fn digits(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, hex)| hex)
    }

    /// The tag that lists the referrers of this content where a registry has no referrers API
    /// (distribution-spec, "Referrers Tag Schema"): `sha256-<digits>`, at most 32 + 1 + 64 characters.
    pub fn referrers_tag(&self) -> String {
        let (algorithm, hex) = self.0.split_once(':').unwrap_or_default();
        format!("{algorithm}-{}", &hex[..hex.len().min(64)])
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = Report;

    fn try_from(text: String) -> Result<Digest, Report> {
        Digest::parse(&text)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits() {
        assert_eq!(hex(&[0, 0x0f, 0xa0, 0xff]), "000fa0ff");
        // FIPS 180-2, appendix B.1.
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn digests() {
        let empty = Digest::of(b"{}");
        assert_eq!(
            empty.as_str(),
            "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
            "image-spec's digest of the empty object"
        );
        assert!(empty.matches(b"{}") && !empty.matches(b"{ }"));
        assert_eq!(empty.referrers_tag(), format!("sha256-{}", empty.digits()));
        let long = Digest::parse(&format!("sha512:{}", "ab".repeat(64))).unwrap();
        assert_eq!(long.referrers_tag().len(), 71, "the tag is cut to 64 digits");
        for (text, why) in [
            ("sha256", "no `:`"),
            ("md5:d41d8cd98f00b204e9800998ecf8427e", "neither sha256 nor sha512"),
            ("sha256:abc", "64 digits, this has 3"),
            (&format!("sha256:{}", "A".repeat(64)), "not 0-9 or a-f"),
        ] {
            let err = Digest::parse(text).unwrap_err();
            assert!(err.what().contains(why), "{text}: {err}");
        }
    }
}
