//! Digests and descriptors of the OCI image specification. Pure.

use std::{collections::BTreeMap, fmt};

use ring::digest;
use serde::{Deserialize, Serialize};

use super::Error;
use crate::hex;

/// Media types and well-known keys, with the specification that fixes each.
pub mod media {
    /// OCI image manifest (image-spec).
    pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// OCI image index (image-spec).
    pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// Docker's manifest, schema 2.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker's manifest list.
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// OCI artifact manifest, dropped before image-spec 1.1; old signatures have it.
    pub const ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";
    /// The empty JSON object as a blob (image-spec 1.1).
    pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";
    /// A Notary Project signature as an artifact (specifications, signature-specification.md).
    pub const SIGNATURE: &str = "application/vnd.cncf.notary.signature";
    /// What a signature signs (specifications, signature-specification.md).
    pub const PAYLOAD: &str = "application/vnd.cncf.notary.payload.v1+json";
    /// A JWS JSON envelope.
    pub const JWS: &str = "application/jose+json";
    /// A COSE_Sign1 envelope.
    pub const COSE: &str = "application/cose";
    /// Annotation with the fingerprints of a signature's certificates.
    pub const THUMBPRINTS: &str = "io.cncf.notary.x509chain.thumbprint#S256";
    /// Annotation with the time of making (image-spec).
    pub const CREATED: &str = "org.opencontainers.image.created";

    /// Whether a media type is an index of several manifests.
    pub fn is_index(media_type: &str) -> bool {
        media_type == INDEX || media_type == DOCKER_LIST
    }
}

/// A content digest, `sha256:` or `sha512:` with lower-case hexadecimal (image-spec, descriptor.md).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

impl Digest {
    /// The SHA-256 digest of some content.
    pub fn of(content: &[u8]) -> Digest {
        Digest(format!("sha256:{}", hex::sha256(content)))
    }

    /// Reads a digest; the error says which part is wrong.
    pub fn parse(text: &str) -> Result<Digest, Error> {
        let bad = |why: &str| Err(Error::new(format!("`{text}` is not a digest: {why}")));
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
        let algorithm = if self.0.starts_with("sha512") { &digest::SHA512 } else { &digest::SHA256 };
        self.hex() == hex::encode(digest::digest(algorithm, content).as_ref())
    }

    /// The digest as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits alone.
    pub fn hex(&self) -> &str {
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
    type Error = Error;

    fn try_from(text: String) -> Result<Digest, Error> {
        Digest::parse(&text)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.0
    }
}

/// Points at content in a registry (image-spec, descriptor.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the content is.
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// What an index says about the artifact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Notes on it, in the order of their keys.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_is_none")]
    pub annotations: BTreeMap<String, String>,
    /// The platform, as an index gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<serde_json::Value>,
    /// The content itself, base64, where it is small.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}

impl Descriptor {
    /// Points at some content.
    pub fn of(media_type: &str, content: &[u8]) -> Descriptor {
        Descriptor::new(media_type, Digest::of(content), content.len() as u64)
    }

    /// A descriptor with its three required parts.
    pub fn new(media_type: impl Into<String>, digest: Digest, size: u64) -> Descriptor {
        Descriptor {
            media_type: media_type.into(),
            digest,
            size,
            artifact_type: None,
            annotations: BTreeMap::new(),
            platform: None,
            data: None,
        }
    }

    /// Whether both point at the same content: media type, digest and size (notation-go, `content.Equal`).
    pub fn same_content(&self, other: &Descriptor) -> bool {
        (&self.media_type, &self.digest, self.size) == (&other.media_type, &other.digest, other.size)
    }
}

impl fmt::Display for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {} bytes)", self.digest, self.media_type, self.size)
    }
}

/// Go writes an empty map as `null`.
fn null_is_none<'de, D: serde::Deserializer<'de>>(input: D) -> Result<BTreeMap<String, String>, D::Error> {
    Ok(Option::deserialize(input)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests() {
        let empty = Digest::of(b"{}");
        assert_eq!(
            empty.as_str(),
            "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
            "image-spec's digest of the empty object"
        );
        assert!(empty.matches(b"{}") && !empty.matches(b"{ }"));
        assert_eq!(empty.referrers_tag(), format!("sha256-{}", empty.hex()));
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

    #[test]
    fn descriptors_keep_gos_null_map() {
        let text = format!(r#"{{"mediaType":"m","digest":"{}","size":1,"annotations":null}}"#, Digest::of(b""));
        let descriptor: Descriptor = serde_json::from_str(&text).unwrap();
        assert!(descriptor.annotations.is_empty());
        assert!(serde_json::from_str::<Descriptor>(&text.replace("\"size\":1", "\"size\":-1")).is_err());
    }
}
