//! Pushing a signature: blob, config, manifest, and the tag that lists it where there is no
//! referrers API. Content is addressed by digest, so a run after a broken one completes it.

use std::collections::BTreeMap;

use futures_util::future::join;

use super::{
    Descriptor,
    http::{Answer, Call, MAX_SMALL_BODY},
    manifest::{EMPTY, ManifestFormat, write as write_manifest},
    media,
    referrers::ListedBy,
    repository::Repository,
};
use crate::{digest::Digest, report::Report};

/// A signature in the registry.
#[derive(Debug)]
pub struct Attached {
    /// Its manifest.
    pub manifest: Descriptor,
    /// The format that the registry took.
    pub format: ManifestFormat,
    /// How the registry lists it.
    pub listed_by: ListedBy,
    /// What went wrong without harm to the signature.
    pub warnings: Vec<String>,
}

impl Repository {
    /// Pushes an envelope and the manifest that ties it to `subject`.
    pub async fn attach(
        &self,
        subject: &Descriptor,
        (media_type, envelope): (&str, &[u8]),
        annotations: &BTreeMap<String, String>,
        format: ManifestFormat,
    ) -> Result<Attached, Report> {
        let layer = Descriptor::of(media_type, envelope);
        // A signature is new in every run, the config is the same in all of them.
        let (pushed, present) = join(self.upload(&layer.digest, envelope), self.ensure_config()).await;
        pushed.and(present).map_err(|err| err.under(format!("cannot push the signature to {}", self.name)))?;
        let (manifest, format, answer) = self.put_signature(&layer, subject, annotations, format).await?;
        let mut listed = manifest.clone();
        listed.artifact_type = Some(media::SIGNATURE.into());
        listed.annotations = annotations.clone();
        let (listed_by, warnings) = self.list(subject, listed, &answer).await?;
        Ok(Attached { manifest, format, listed_by, warnings })
    }

    async fn ensure_config(&self) -> Result<(), Report> {
        let digest = Digest::of(EMPTY);
        let mut call = Call::get(self.url(&format!("blobs/{digest}"))?, MAX_SMALL_BODY);
        call.method = "HEAD";
        match self.access.send(call).await?.status {
            200 => Ok(()),
            // Whatever else it says, the upload tells with better words.
            _ => self.upload(&digest, EMPTY).await,
        }
    }

    /// Uploads a blob whole (distribution-spec, "POST then PUT"). A broken upload begins again from the start.
    async fn upload(&self, digest: &Digest, content: &[u8]) -> Result<(), Report> {
        let mut attempt = 1;
        loop {
            let outcome = self.upload_once(digest, content).await;
            let again = match &outcome {
                // 404 and 416: the registry forgot the upload (distribution-spec, BLOB_UPLOAD_UNKNOWN).
                Ok(answer) => matches!(answer.status, 404 | 416 | 429 | 500 | 502 | 503 | 504),
                Err(Upload::Broken(_)) => true,
                Err(Upload::Refused(_)) => false,
            };
            if !again || attempt >= self.retries.attempts {
                return match outcome {
                    Ok(answer) if answer.is_success() => Ok(()),
                    Ok(answer) => {
                        Err(self.refused(&format!("cannot push {}", self.full_name(digest.as_str())), &answer))
                    }
                    Err(Upload::Broken(err) | Upload::Refused(err)) => Err(err),
                };
            }
            self.pause(attempt).await;
            attempt += 1;
        }
    }

    async fn upload_once(&self, digest: &Digest, content: &[u8]) -> Result<Answer, Upload> {
        let start = self.url("blobs/uploads/").map_err(Upload::Refused)?;
        let mut call = Call::get(start.clone(), MAX_SMALL_BODY);
        call.method = "POST";
        let answer = self.access.send(call).await.map_err(Upload::Refused)?;
        if answer.status != 202 {
            let doing = format!("cannot start an upload to {}", self.name);
            return Err(Upload::Refused(self.refused(&doing, &answer)));
        }
        let mut target = self.access.location(&start, &answer).map_err(Upload::Refused)?;
        target.query_pairs_mut().append_pair("digest", digest.as_str());
        let mut call = Call::with_body("PUT", target, "application/octet-stream", content.to_vec());
        call.repeatable = false; // an upload's address is good for one try
        self.access.send(call).await.map_err(Upload::Broken)
    }

    /// Puts the manifest; a registry that does not know `artifactType` gets the 1.x format, once.
    async fn put_signature(
        &self,
        layer: &Descriptor,
        subject: &Descriptor,
        annotations: &BTreeMap<String, String>,
        format: ManifestFormat,
    ) -> Result<(Descriptor, ManifestFormat, Answer), Report> {
        let forms: &[ManifestFormat] = match format {
            ManifestFormat::Auto => &[ManifestFormat::Oci11, ManifestFormat::ConfigMediaType],
            ManifestFormat::Oci11 => &[ManifestFormat::Oci11],
            ManifestFormat::ConfigMediaType => &[ManifestFormat::ConfigMediaType],
        };
        let mut refusal = None;
        for format in forms {
            let bytes = write_manifest(*format, layer, subject, annotations);
            let descriptor = Descriptor::of(media::MANIFEST, &bytes);
            let answer = self.put_manifest(descriptor.digest.as_str(), media::MANIFEST, bytes).await?;
            if answer.is_success() {
                let claimed = answer.header("docker-content-digest");
                if claimed.is_some_and(|claimed| claimed != descriptor.digest.as_str()) {
                    return Err(Report::new(format!("{} stored the signature under another digest", self.registry()))
                        .cause(format!("it says {}", claimed.unwrap_or_default())));
                }
                return Ok((descriptor, *format, answer));
            }
            let other_form = matches!(answer.status, 400 | 405 | 415);
            refusal = Some(self.refused(&format!("cannot push the signature's manifest to {}", self.name), &answer));
            if !other_form {
                break;
            }
        }
        Err(refusal.unwrap_or_else(|| Report::new("no format of the manifest was tried")))
    }

    pub(super) async fn put_manifest(&self, name: &str, media_type: &str, bytes: Vec<u8>) -> Result<Answer, Report> {
        let url = self.url(&format!("manifests/{name}"))?;
        self.access.send(Call::with_body("PUT", url, media_type, bytes)).await
    }
}

/// Why an upload ended without an answer to its last request.
enum Upload {
    /// It broke on the way: worth another try.
    Broken(Report),
    /// It was refused, or could not be reached after every try.
    Refused(Report),
}
