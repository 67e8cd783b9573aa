//! Manifests, tags and referrers.

use hyper::body::Bytes;
use serde_json::{Value, json};

use super::{
    super::aws::{Refusal, Reply, faults::Fault},
    At, Registry, Repository, digest,
};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

pub(super) struct Manifest {
    pub(super) media_type: String,
    pub(super) bytes: Bytes,
    /// What it refers to, and its entry in that one's list: read once, since a list looks at every manifest.
    referrer: Option<(String, Value)>,
}

impl Manifest {
    pub(super) fn new(digest: &str, media_type: String, bytes: Bytes) -> Manifest {
        let json: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let referrer = json["subject"]["digest"].as_str().map(|subject| {
            let artifact_type = json.get("artifactType").unwrap_or(&json["config"]["mediaType"]);
            let mut entry = json!({
                "mediaType": media_type, "digest": digest, "size": bytes.len(), "artifactType": artifact_type,
            });
            if let Some(annotations) = json.get("annotations") {
                entry["annotations"] = annotations.clone();
            }
            (subject.to_owned(), entry)
        });
        Manifest { media_type, bytes, referrer }
    }
}

impl Registry {
    pub(super) fn get_manifest(&self, at: &At<'_>) -> Result<Reply, Refusal> {
        if let Some(words) = self.personality().refusal {
            return Err(Refusal::new(403, "DENIED", words));
        }
        self.with(at, |repository| {
            let digest = repository.tags.get(at.reference).map_or(at.reference, String::as_str);
            let manifest = repository.manifests.get(digest).ok_or_else(|| unknown_manifest(at))?;
            let shown = match at.fault {
                Some(Fault::WrongDigest) => super::digest(b"something else"),
                _ => digest.to_owned(),
            };
            let reply = Reply::of(200, &manifest.media_type, manifest.bytes.clone());
            Ok(reply.with("Docker-Content-Digest", shown))
        })
    }

    pub(super) fn put_manifest(&self, at: &At<'_>) -> Result<Reply, Refusal> {
        let (personality, bytes) = (self.personality(), at.request.body.clone());
        let digest = digest(&bytes);
        let json: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if !json.is_object() || (!personality.artifact_manifests && json.get("artifactType").is_some()) {
            let message = "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'";
            return Err(Refusal::new(405, "UNSUPPORTED", message));
        }
        let by_digest = at.reference.contains(':');
        if by_digest && at.reference != digest {
            return Err(Refusal::new(400, "DIGEST_INVALID", "provided digest did not match uploaded content"));
        }
        self.with(at, |repository| {
            if let Some(missing) = repository.missing(&json) {
                let message = format!(
                    "Layers with digests '[{missing}]' required for pushing image into repository with name '{}' \
                     could not be found",
                    at.repository
                );
                return Err(Refusal::new(404, "BLOB_UNKNOWN", message));
            }
            let taken = repository.tags.get(at.reference).is_some_and(|kept| *kept != digest);
            if taken && !personality.mutable_tags {
                let message = format!(
                    "The image tag '{}' already exists in the '{}' repository and cannot be overwritten because the \
                     tag is immutable.",
                    at.reference, at.repository
                );
                return Err(Refusal::new(400, "TAG_INVALID", message));
            }
            if !by_digest {
                repository.tags.insert(at.reference.into(), digest.clone());
            }
            let in_header = at.request.header("content-type").map(str::to_owned);
            let in_body = json["mediaType"].as_str().map(str::to_owned);
            let media_type = in_header.or(in_body).unwrap_or_else(|| "application/json".into());
            repository.manifests.insert(digest.clone(), Manifest::new(&digest, media_type, bytes));
            Ok(())
        })?;
        let reply = Reply::empty(201)
            .with("Location", format!("/v2/{}/manifests/{digest}", at.repository))
            .with("Docker-Content-Digest", digest);
        Ok(match json["subject"]["digest"].as_str() {
            Some(subject) if personality.referrers => reply.with("OCI-Subject", subject),
            _ => reply,
        })
    }

    pub(super) fn delete_manifest(&self, at: &At<'_>) -> Result<Reply, Refusal> {
        self.with(at, |repository| {
            let removed = match at.reference.contains(':') {
                true => {
                    repository.tags.retain(|_, digest| digest != at.reference);
                    repository.manifests.remove(at.reference).is_some()
                }
                false => repository.tags.remove(at.reference).is_some(),
            };
            if removed { Ok(Reply::empty(202)) } else { Err(unknown_manifest(at)) }
        })
    }

    pub(super) fn tags(&self, at: &At<'_>) -> Reply {
        let mut tags: Vec<String> = self.with(at, |repository| repository.tags.keys().cloned().collect());
        tags.sort();
        Reply::of(200, "application/json", json!({ "name": at.repository, "tags": tags }).to_string())
    }

    /// The referrers API, with its filter (OCI distribution specification 1.1, "Listing Referrers").
    pub(super) fn referrers(&self, at: &At<'_>) -> Result<Reply, Refusal> {
        if !self.personality().referrers {
            return Err(Refusal::new(404, "NOT_FOUND", "404 page not found"));
        }
        if let Some((entries, bytes)) = self.personality().flood {
            return Ok(flood(at, entries, bytes));
        }
        let wanted = at.request.query("artifactType");
        let mut found: Vec<Value> = self.with(at, |repository| {
            let all = repository.manifests.values().filter_map(|manifest| manifest.referrer.as_ref());
            all.filter(|(subject, _)| subject == at.reference).map(|(_, entry)| entry.clone()).collect()
        });
        found.retain(|entry| wanted.as_deref().is_none_or(|wanted| entry["artifactType"] == wanted));
        found.extend(self.personality().lies);
        found.sort_by_key(|entry| entry["digest"].to_string());
        let body = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": found }).to_string();
        let reply = Reply::of(200, INDEX, body);
        let reply = match self.personality().next_page {
            Some(page) => reply.with("Link", format!("<{page}>; rel=\"next\"")),
            None => reply,
        };
        Ok(match wanted {
            Some(_) => reply.with("OCI-Filters-Applied", "artifactType"),
            None => reply,
        })
    }
}

impl Repository {
    /// The first blob or manifest that a manifest names and that was not pushed before it.
    fn missing(&self, manifest: &Value) -> Option<String> {
        let layers = manifest["layers"].as_array().into_iter().flatten();
        let blobs = layers.chain(manifest.get("config")).filter(|blob| blob.get("urls").is_none());
        let mut blobs =
            blobs.filter_map(|blob| blob["digest"].as_str()).filter(|digest| !self.blobs.contains_key(*digest));
        let children = manifest["manifests"].as_array().into_iter().flatten();
        let mut children = children
            .filter_map(|child| child["digest"].as_str())
            .filter(|digest| !self.manifests.contains_key(*digest));
        blobs.next().or_else(|| children.next()).map(str::to_owned)
    }
}

/// A page of signatures that nobody made, and always another one.
fn flood(at: &At<'_>, entries: usize, bytes: usize) -> Reply {
    let page: usize = at.request.query("page").and_then(|text| text.parse().ok()).unwrap_or_default();
    let note = "x".repeat(bytes);
    let listed: Vec<Value> = (0..entries)
        .map(|entry| {
            let digest = format!("sha256:{:064x}", page * entries + entry);
            let of = "application/vnd.cncf.notary.signature";
            json!({ "mediaType": INDEX, "digest": digest, "size": 1, "artifactType": of, "annotations": { "note": note } })
        })
        .collect();
    let body = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": listed }).to_string();
    let next = format!("<{}?page={}>; rel=\"next\"", at.request.path, page + 1);
    Reply::of(200, INDEX, body).with("Link", next)
}

fn unknown_manifest(at: &At<'_>) -> Refusal {
    let message = format!("Requested image not found: {}", at.reference);
    Refusal::new(404, "MANIFEST_UNKNOWN", message)
}
