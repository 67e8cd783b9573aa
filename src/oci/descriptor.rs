//! Descriptors of the OCI image specification. Pure.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize, de::IgnoredAny};

use crate::digest::Digest;

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
    /// Whether an index gives it a platform. Which one is of no use here, and may be any JSON.
    #[serde(rename = "platform", default, skip_serializing, deserialize_with = "is_there")]
    pub has_platform: bool,
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
            has_platform: false,
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

/// Whether there is a value, whatever it is.
fn is_there<'de, D: serde::Deserializer<'de>>(input: D) -> Result<bool, D::Error> {
    Ok(Option::<IgnoredAny>::deserialize(input)?.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_keep_gos_null_map() {
        let text = format!(r#"{{"mediaType":"m","digest":"{}","size":1,"annotations":null}}"#, Digest::of(b""));
        let descriptor: Descriptor = serde_json::from_str(&text).unwrap();
        assert!(descriptor.annotations.is_empty());
        assert!(serde_json::from_str::<Descriptor>(&text.replace("\"size\":1", "\"size\":-1")).is_err());
    }
}
