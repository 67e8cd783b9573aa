//! The manifest of a signature: written in two forms, read in three. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Descriptor, media};
use crate::{digest::Digest, report::Report};

/// The bytes of the empty config blob.
pub(crate) const EMPTY: &[u8] = b"{}";

/// How a signature's manifest says what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ManifestFormat {
    /// OCI 1.1, and the 1.x form where the registry refuses it.
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
        let wire: Wire = serde_json::from_slice(bytes)
            .map_err(|err| Report::new("the signature's manifest cannot be read").cause(err))?;
        let contents = match media_type {
            media::MANIFEST => wire.layers,
            media::ARTIFACT => wire.blobs,
            other => return Err(Report::new(format!("`{other}` is not a signature's manifest"))),
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
    let wire: Wire = serde_json::from_slice(bytes).map_err(|err| Report::new("the index cannot be read").cause(err))?;
    Ok(wire.manifests.unwrap_or_default())
}

pub(super) fn write_index(manifests: &[Descriptor]) -> Vec<u8> {
    let manifests = serde_json::to_value(manifests).unwrap_or(Value::Array(Vec::new()));
    json!({ "schemaVersion": 2, "mediaType": media::INDEX, "manifests": manifests }).to_string().into_bytes()
}

/// The `mediaType` that a manifest claims for itself, if it claims one.
pub(super) fn claimed_media_type(bytes: &[u8]) -> Result<Option<String>, Report> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Wire {
        media_type: Option<String>,
    }
    let wire: Wire = serde_json::from_slice(bytes).map_err(|err| Report::new("the manifest is not JSON").cause(err))?;
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
