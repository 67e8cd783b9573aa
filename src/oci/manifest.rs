//! The manifest of a signature: written in two forms, read in three. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Descriptor, media};
use crate::{
    digest::Digest,
    report::{Report, excerpt},
};

/// The bytes of the empty config blob.
pub(crate) const EMPTY: &[u8] = b"{}";

/// How a signature's manifest says what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ManifestFormat {
    /// OCI 1.1, and the 1.x form where the registry refuses it, and in a layout on disk.
    #[default]
    Auto,
    /// `artifactType` (OCI 1.1; notation 2).
    Oci11,
    /// The config's media type (notation 1.x).
    ConfigMediaType,
}

/// The bytes of a signature's manifest.
pub fn write(
    format: ManifestFormat,
    envelope: &Descriptor,
    subject: &Descriptor,
    annotations: &BTreeMap<String, String>,
) -> Vec<u8> {
    let mut config = json!({ "mediaType": media::EMPTY, "digest": Digest::of(EMPTY), "size": EMPTY.len() });
    let mut manifest = json!({ "schemaVersion": 2, "mediaType": media::MANIFEST });
    if format == ManifestFormat::ConfigMediaType {
        config["mediaType"] = media::SIGNATURE.into();
    } else {
        manifest["artifactType"] = media::SIGNATURE.into();
        config["data"] = "e30=".into();
    }
    manifest["config"] = config;
    let plain = |d: &Descriptor| json!({ "mediaType": d.media_type, "digest": d.digest, "size": d.size });
    manifest["layers"] = json!([plain(envelope)]);
    // The user's metadata is in the payload, not in the subject.
    manifest["subject"] = plain(subject);
    manifest["annotations"] = json!(annotations);
    manifest.to_string().into_bytes()
}

/// What a signature's manifest says.
#[derive(Debug)]
pub struct SignatureManifest {
    /// The envelope.
    pub envelope: Descriptor,
    /// What is signed.
    pub subject: Option<Descriptor>,
    /// Notes on the signature.
    pub annotations: BTreeMap<String, String>,
    /// What the manifest is: [`media::SIGNATURE`] for one of ours.
    pub artifact_type: String,
    /// How it says so.
    pub format: ManifestFormat,
}

impl SignatureManifest {
    /// Reads all forms: OCI 1.1, notation 1.x, and the older artifact manifest.
    pub fn read(media_type: &str, bytes: &[u8]) -> Result<SignatureManifest, Report> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire {
            artifact_type: Option<String>,
            config: Option<Descriptor>,
            layers: Option<Vec<Descriptor>>,
            blobs: Option<Vec<Descriptor>>,
            subject: Option<Descriptor>,
            annotations: Option<BTreeMap<String, String>>,
        }
        let wire: Wire = serde_json::from_slice(bytes).map_err(|err| unreadable("the signature's manifest", &err))?;
        let contents = match media_type {
            media::MANIFEST => wire.layers,
            media::ARTIFACT => wire.blobs,
            other => return Err(Report::new(format!("`{}` is not a signature's manifest", excerpt(other)))),
        };
        let envelope = match contents.unwrap_or_default() {
            mut one if one.len() == 1 => one.remove(0),
            others => {
                return Err(Report::new(format!("the signature's manifest has {} envelopes, not one", others.len())));
            }
        };
        let artifact_type = wire.artifact_type.filter(|text| !text.is_empty());
        let by_config = wire.config.map(|config| config.media_type).unwrap_or_default();
        Ok(SignatureManifest {
            envelope,
            subject: wire.subject,
            annotations: wire.annotations.unwrap_or_default(),
            format: if artifact_type.is_some() { ManifestFormat::Oci11 } else { ManifestFormat::ConfigMediaType },
            artifact_type: artifact_type.unwrap_or(by_config),
        })
    }
}

impl SignatureManifest {
    /// Checks that the manifest says of itself that it is a signature of this image. What a list says of it
    /// proves nothing: who may push the tag can write there what he likes.
    pub fn check_signs(&self, image: &Digest) -> Result<(), Report> {
        if self.artifact_type != media::SIGNATURE {
            return Err(Report::new(format!("it is `{}`, not a signature", self.artifact_type)));
        }
        match &self.subject {
            Some(subject) if subject.digest == *image => Ok(()),
            Some(subject) => Err(Report::new(format!("it is a signature of {}, not of this image", subject.digest))),
            None => Err(Report::new("it does not say which image it is a signature of")),
        }
    }
}

/// The manifests that an index lists; none for anything else.
pub fn children(media_type: &str, bytes: &[u8]) -> Result<Vec<Descriptor>, Report> {
    if !media::is_index(media_type) {
        return Ok(Vec::new());
    }
    read_index(bytes)
}

pub(super) fn read_index(bytes: &[u8]) -> Result<Vec<Descriptor>, Report> {
    #[derive(Deserialize)]
    struct Wire {
        manifests: Option<Vec<Descriptor>>,
    }
    let wire: Wire = serde_json::from_slice(bytes).map_err(|err| unreadable("the index", &err))?;
    Ok(wire.manifests.unwrap_or_default())
}

/// Changes what an index lists and nothing else of it: other tools' members and annotations stay. Without
/// an index there is a new one.
pub(super) fn edit_index(old: Option<&[u8]>, edit: &IndexEdit<'_>) -> Result<Vec<u8>, Report> {
    let mut index = match old {
        Some(bytes) => serde_json::from_slice(bytes).map_err(|err| unreadable("the index", &err))?,
        None => json!({ "schemaVersion": 2, "mediaType": media::INDEX }),
    };
    let members = index.as_object_mut().ok_or_else(|| Report::new("the index is not a JSON object"))?;
    // Go writes an empty list as `null`.
    let listed = members.entry("manifests").or_insert(Value::Null);
    if listed.is_null() {
        *listed = Value::Array(Vec::new());
    }
    let listed = listed.as_array_mut().ok_or_else(|| Report::new("the index lists no manifests"))?;
    let is = |entry: &Value, digest: &Digest| entry["digest"] == digest.as_str();
    match edit {
        IndexEdit::Add(added) if listed.iter().any(|entry| is(entry, &added.digest)) => {}
        IndexEdit::Add(added) => listed.push(json!(added)),
        IndexEdit::Remove(digest) => listed.retain(|entry| !is(entry, digest)),
    }
    Ok(index.to_string().into_bytes())
}

/// A change of what an index lists.
pub(super) enum IndexEdit<'a> {
    /// List this too, unless it is listed.
    Add(&'a Descriptor),
    /// List this no more.
    Remove(&'a Digest),
}

impl IndexEdit<'_> {
    /// Whether a list shows it.
    pub(super) fn is_done(&self, listed: &[Descriptor]) -> bool {
        match self {
            IndexEdit::Add(added) => listed.iter().any(|entry| entry.digest == added.digest),
            IndexEdit::Remove(digest) => !listed.iter().any(|entry| entry.digest == **digest),
        }
    }
}

/// JSON that cannot be read. The reader's words may quote the whole of it.
fn unreadable(what: &str, err: &serde_json::Error) -> Report {
    Report::new(format!("{what} cannot be read")).cause(excerpt(&err.to_string()))
}

/// The `mediaType` that a manifest claims for itself, if it claims one.
pub(super) fn claimed_media_type(bytes: &[u8]) -> Result<Option<String>, Report> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Wire {
        media_type: Option<String>,
    }
    let wire: Wire = serde_json::from_slice(bytes)
        .map_err(|err| Report::new("the manifest is not JSON").cause(excerpt(&err.to_string())))?;
    Ok(wire.media_type.filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_back() {
        let envelope = Descriptor::of(media::JWS, b"envelope");
        let mut subject = Descriptor::of(media::MANIFEST, b"image");
        subject.annotations.insert("user".into(), "metadata".into());
        let annotations = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
        for (form, config, artifact_type) in [
            (ManifestFormat::Oci11, media::EMPTY, Some(media::SIGNATURE)),
            (ManifestFormat::ConfigMediaType, media::SIGNATURE, None),
        ] {
            let bytes = write(form, &envelope, &subject, &annotations);
            let value: Value = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(value["config"]["mediaType"], config, "{form:?}");
            assert_eq!(value["artifactType"].as_str(), artifact_type, "{form:?}");
            assert!(value["subject"].get("annotations").is_none(), "{form:?}");
            let read = SignatureManifest::read(media::MANIFEST, &bytes).unwrap();
            assert_eq!(read.envelope, envelope, "{form:?}");
            assert_eq!((read.artifact_type.as_str(), read.format), (media::SIGNATURE, form));
            assert!(read.subject.unwrap().same_content(&subject), "{form:?}");
            assert_eq!(read.annotations, annotations, "{form:?}");
        }
    }

    #[test]
    fn f2_18_an_index_keeps_what_others_wrote() {
        let (ours, theirs) = (Descriptor::of(media::MANIFEST, b"ours"), Digest::of(b"theirs"));
        let text = format!(
            r#"{{"schemaVersion":2,"mediaType":"{}","artifactType":"x/y","manifests":[{{"mediaType":"m","digest":"{theirs}","size":6,"urls":["https://h/"],"x-new":{{"b":1,"a":[2.50]}}}}],"subject":{{"digest":"d"}},"annotations":{{"who":"else"}}}}"#,
            media::INDEX
        );
        let added = edit_index(Some(text.as_bytes()), &IndexEdit::Add(&ours)).unwrap();
        let entry = serde_json::to_string(&ours).unwrap();
        let expected = text.replace("}],", &format!("}},{entry}],")).replace("2.50", "2.5");
        assert_eq!(
            String::from_utf8(added.clone()).unwrap(),
            expected,
            "one entry more, all else and its order as it was"
        );
        assert!(IndexEdit::Add(&ours).is_done(&read_index(&added).unwrap()));
        assert_eq!(edit_index(Some(&added), &IndexEdit::Add(&ours)).unwrap(), added, "it is not listed twice");
        let removed = edit_index(Some(&added), &IndexEdit::Remove(&ours.digest)).unwrap();
        assert_eq!(removed, text.replace("2.50", "2.5").into_bytes(), "and out again");
        assert!(IndexEdit::Remove(&ours.digest).is_done(&read_index(&removed).unwrap()));
        for (old, why) in [(None, "a new one"), (Some(&br#"{"manifests":null}"#[..]), "Go's empty list")] {
            let fresh = edit_index(old, &IndexEdit::Add(&ours)).expect(why);
            assert_eq!(read_index(&fresh).unwrap().len(), 1, "{why}");
        }
        for (old, why) in [("[]", "a list"), (r#"{"manifests":1}"#, "a number"), ("{", "cut short")] {
            assert!(edit_index(Some(old.as_bytes()), &IndexEdit::Add(&ours)).is_err(), "{why}");
        }
    }

    #[test]
    fn f2_9_what_cannot_be_read_is_not_quoted_whole() {
        let long = json!({ "manifests": "x".repeat(100_000), "layers": "x".repeat(100_000) }).to_string();
        for err in [
            read_index(long.as_bytes()).unwrap_err(),
            SignatureManifest::read(media::MANIFEST, long.as_bytes()).unwrap_err(),
            SignatureManifest::read(&"x".repeat(100_000), b"{}").unwrap_err(),
            Digest::parse(&"x".repeat(100_000)).unwrap_err(),
        ] {
            assert!(err.full().len() < 1000, "{} characters", err.full().len());
        }
    }

    #[test]
    fn manifests_with_faults() {
        let layer = serde_json::to_value(Descriptor::of(media::JWS, b"e")).unwrap();
        for (media_type, manifest, expected, why) in [
            (media::MANIFEST, json!({"layers": []}), "0 envelopes", "no layer"),
            (media::MANIFEST, json!({"layers": [layer, layer]}), "2 envelopes", "two layers"),
            (media::INDEX, json!({"manifests": []}), "is not a signature's manifest", "an index"),
            (media::MANIFEST, json!([1]), "cannot be read", "not an object"),
            (
                media::MANIFEST,
                json!({"layers": [{"mediaType": "m", "digest": "x", "size": 1}]}),
                "cannot be read",
                "a bad digest",
            ),
        ] {
            let err = SignatureManifest::read(media_type, manifest.to_string().as_bytes()).unwrap_err();
            assert!(err.what().contains(expected), "{why}: {err}");
        }
        let old = json!({"artifactType": media::SIGNATURE, "blobs": [layer]}).to_string();
        assert_eq!(SignatureManifest::read(media::ARTIFACT, old.as_bytes()).unwrap().artifact_type, media::SIGNATURE);
    }
}
