//! What is signed: the Notary Project payload of a descriptor. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::envelope::json::object;
use crate::{oci::Descriptor, report::Report};

/// Most bytes that SignPayload takes (AWS Signer API model, `Payload`: 1 to 4096).
pub const MAX_PAYLOAD: usize = 4096;

/// Keys that belong to the Notary Project (notation, `-m` refuses them).
const RESERVED: &str = "io.cncf.notary";

/// Puts the user's metadata onto the descriptor that is signed.
///
/// # Errors
/// A key that is empty, reserved (`io.cncf.notary…`) or already an annotation (notation-go, `SignOCI`);
/// an empty value (notation, `ParseFlagMap`).
pub fn annotate(target: &Descriptor, metadata: &BTreeMap<String, String>) -> Result<Descriptor, Report> {
    let mut target = target.clone();
    for (key, value) in metadata {
        if key.is_empty() {
            return Err(Report::new("user metadata has an empty key").hint("write -m KEY=VALUE"));
        }
        if value.is_empty() {
            // Notation takes no such metadata, so nobody could verify it.
            return Err(Report::new(format!("user metadata `{key}` has no value"))
                .hint(format!("write -m {key}=VALUE, or leave it out")));
        }
        if key.starts_with(RESERVED) {
            return Err(Report::new(format!("user metadata must not use the reserved key `{key}`"))
                .hint(format!("choose a key that does not start with `{RESERVED}`")));
        }
        if target.annotations.insert(key.clone(), value.clone()).is_some() {
            return Err(Report::new(format!("user metadata `{key}` is already an annotation of the image")));
        }
    }
    Ok(target)
}

/// The bytes to sign: compact JSON, members in the order of the specification, annotations sorted
/// by key, and only the four members that a signature covers (notation-go, `SanitizeTargetArtifact`).
///
/// # Errors
/// More than [`MAX_PAYLOAD`] bytes, before any call is made.
pub fn of(target: &Descriptor) -> Result<Vec<u8>, Report> {
    let mut artifact = json!({
        "mediaType": target.media_type,
        "digest": target.digest,
        "size": target.size,
    });
    if !target.annotations.is_empty() {
        artifact["annotations"] = target.annotations.iter().map(|(k, v)| (k.clone(), Value::from(v.clone()))).collect();
    }
    let bytes = json!({ "targetArtifact": artifact }).to_string().into_bytes();
    if bytes.len() > MAX_PAYLOAD {
        return Err(Report::new(format!(
            "the payload of {} has {} bytes and AWS Signer takes at most {MAX_PAYLOAD}",
            target.digest,
            bytes.len()
        ))
        .hint(format!("shorten the user metadata (-m) by {} bytes", bytes.len() - MAX_PAYLOAD)));
    }
    Ok(bytes)
}

/// Members of a descriptor (image-spec); a signature over any other is refused (notation-go, `signer/plugin.go`).
const DESCRIPTOR_MEMBERS: [&str; 8] =
    ["mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType"];

/// The descriptor that a payload signs, and nothing beside it.
///
/// # Errors
/// It is no payload, or holds what no verifier knows.
pub fn read(bytes: &[u8]) -> Result<Descriptor, Report> {
    let bad = |why: String| Report::new(format!("the payload cannot be read: {why}"));
    let mut members = object(bytes).map_err(bad)?;
    let target = members.shift_remove("targetArtifact").ok_or_else(|| bad("it has no `targetArtifact`".into()))?;
    let inner = target.as_object().ok_or_else(|| bad("`targetArtifact` is not an object".into()))?;
    let known = |name: &&String| !DESCRIPTOR_MEMBERS.contains(&name.as_str());
    let unknown: Vec<&String> = members.keys().chain(inner.keys().filter(known)).collect();
    if !unknown.is_empty() {
        return Err(Report::new(format!("unknown attributes were added to what is signed: {unknown:?}")));
    }
    Descriptor::deserialize(&target).map_err(|err| bad(err.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{digest::Digest, oci::media};

    fn target() -> Descriptor {
        Descriptor::new(media::MANIFEST, Digest::of(b"x"), 527)
    }

    fn metadata(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect()
    }

    #[test]
    fn bytes_are_compact_and_sorted() {
        let digest = Digest::of(b"x");
        let plain =
            format!(r#"{{"targetArtifact":{{"mediaType":"{}","digest":"{digest}","size":527}}}}"#, media::MANIFEST);
        assert_eq!(String::from_utf8(of(&target()).unwrap()).unwrap(), plain);
        let mut annotated = annotate(&target(), &metadata(&[("b", "2"), ("a", "<1>\"")])).unwrap();
        annotated.has_platform = true;
        annotated.artifact_type = Some("x".into());
        assert_eq!(
            String::from_utf8(of(&annotated).unwrap()).unwrap(),
            plain.replace("527}}", r#"527,"annotations":{"a":"<1>\"","b":"2"}}}"#),
            "what a signature does not cover is left out"
        );
    }

    #[test]
    fn metadata_has_rules() {
        for (key, expected) in [
            ("", "an empty key"),
            ("io.cncf.notary", "the reserved key `io.cncf.notary`"),
            ("io.cncf.notary.x", "the reserved key `io.cncf.notary.x`"),
            ("taken", "`taken` is already an annotation"),
        ] {
            let mut target = target();
            target.annotations.insert("taken".into(), "1".into());
            let err = annotate(&target, &metadata(&[(key, "v")])).unwrap_err();
            assert!(err.what().contains(expected), "{key}: {err}");
        }
    }

    #[test]
    fn f2_15_metadata_without_a_value_is_refused() {
        let err = annotate(&target(), &metadata(&[("a", ""), ("b", "1")])).unwrap_err();
        assert_eq!(err.what(), "user metadata `a` has no value");
        assert_eq!(err.advice(), Some("write -m a=VALUE, or leave it out"));
        annotate(&target(), &metadata(&[("a", " ")])).expect("a blank is a value to Notation too");
    }

    #[test]
    fn the_cap_is_exact() {
        let room = 1 + MAX_PAYLOAD - of(&annotate(&target(), &metadata(&[("k", "v")])).unwrap()).unwrap().len();
        let fits = annotate(&target(), &metadata(&[("k", &"v".repeat(room))])).unwrap();
        assert_eq!(of(&fits).unwrap().len(), MAX_PAYLOAD);
        let over = annotate(&target(), &metadata(&[("k", &"v".repeat(room + 1))])).unwrap();
        let err = of(&over).unwrap_err();
        assert!(err.what().contains("4097 bytes") && err.advice().unwrap().contains("by 1 bytes"), "{err}");
    }
}
