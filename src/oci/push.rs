//! Pushing a signature: what can be prepared, blob, config, manifest, and the tag that lists it where there is no
//! referrers API. Content is addressed by digest, so a run after a broken one completes it.

use std::{collections::BTreeMap, sync::PoisonError};

use futures_util::future::{join, try_join};
use url::Url;

use super::{
    Descriptor,
    http::{Answer, Call, MAX_SMALL_BODY},
    manifest::{EMPTY, ManifestFormat, write as write_manifest},
    media,
    referrers::ListedBy,
    remote::Remote,
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

/// What is prepared before there is a signature. An upload that is begun and not used ends at the registry
/// by itself.
#[derive(Debug)]
pub(super) struct Uploads {
    /// Where the envelope is uploaded to.
    envelope: Url,
    /// Where the config blob is uploaded to, unless it is there.
    config: Option<Url>,
}

impl Remote {
    /// Begins the upload of an envelope, and looks whether the config blob is there. Pushes nothing.
    pub(super) async fn prepare(&self) -> Result<Uploads, Report> {
        // A signature is new in every run, the config is the same in all of them.
        let config = async {
            if !self.has_config().await? {
                return self.begin_upload().await.map(Some);
            }
            self.learn_config(true);
            Ok(None)
        };
        let (envelope, config) = try_join(self.begin_upload(), config).await.map_err(|err| self.not_pushed(err))?;
        Ok(Uploads { envelope, config })
    }

    /// Looks for the config blob before it is known that the image is there. Not where the registry has yet to say
    /// how it lets us in: each request at once would log in for itself.
    pub(super) async fn look_ahead(&self) {
        if self.access.knows_authorization() {
            // Who needs it will hear of a fault.
            if let Ok(there) = self.has_config().await {
                self.learn_config(there);
            }
        }
    }

    fn not_pushed(&self, err: Report) -> Report {
        err.under(format!("cannot push the signature to {}", self.name))
    }

    /// Pushes an envelope and the manifest that ties it to `subject`, and reads the envelope back meanwhile.
    pub(super) async fn attach(
        &self,
        uploads: Uploads,
        subject: &Descriptor,
        (media_type, envelope): (&str, &[u8]),
        annotations: &BTreeMap<String, String>,
        format: ManifestFormat,
    ) -> Result<Attached, Report> {
        let layer = Descriptor::of(media_type, envelope);
        let config = async {
            match uploads.config {
                Some(target) => self.upload(target, &Digest::of(EMPTY), EMPTY).await,
                None => Ok(()),
            }?;
            self.learn_config(true);
            Ok(())
        };
        let (pushed, present) = join(self.upload(uploads.envelope, &layer.digest, envelope), config).await;
        pushed.and(present).map_err(|err| self.not_pushed(err))?;
        let manifest = self.put_signature(&layer, subject, annotations, format);
        let (manifest, stored) = join(manifest, self.blob(&layer, envelope.len())).await;
        let (manifest, format, answer) = manifest?;
        stored.map_err(|err| {
            err.under(format!("the signature {} was pushed but cannot be read back", manifest.digest))
        })?;
        let mut listed = manifest.clone();
        listed.artifact_type = Some(media::SIGNATURE.into());
        listed.annotations = annotations.clone();
        let (listed_by, warnings) = self.list(subject, listed, &answer).await?;
        Ok(Attached { manifest, format, listed_by, warnings })
    }

    async fn has_config(&self) -> Result<bool, Report> {
        if let Some(known) = self.known_config() {
            return Ok(known);
        }
        let mut call = Call::get(self.url(&format!("blobs/{}", Digest::of(EMPTY)))?, MAX_SMALL_BODY);
        call.method = "HEAD";
        // Whatever else it says, the upload tells with better words.
        Ok(self.access.send(call).await?.status == 200)
    }

    /// Whether the config blob is there, as far as is known. That it is not is told once: it may be pushed meanwhile.
    fn known_config(&self) -> Option<bool> {
        let mut known = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        let told = *known;
        *known = told.filter(|there| *there);
        told
    }

    fn learn_config(&self, there: bool) {
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = Some(there);
    }

    /// Uploads a blob whole (distribution-spec, "POST then PUT"). A broken upload begins again from the start.
    async fn upload(&self, mut target: Url, digest: &Digest, content: &[u8]) -> Result<(), Report> {
        let mut attempt = 1;
        loop {
            target.query_pairs_mut().append_pair("digest", digest.as_str());
            let mut call = Call::with_body("PUT", target, "application/octet-stream", content.to_vec());
            call.repeatable = false; // an upload's address is good for one try
            let outcome = self.access.send(call).await;
            let again = match &outcome {
                // 404 and 416: the registry forgot the upload (distribution-spec, BLOB_UPLOAD_UNKNOWN).
                Ok(answer) => matches!(answer.status, 404 | 416 | 429 | 500 | 502 | 503 | 504),
                Err(_) => true,
            };
            if !again || attempt >= self.retries.attempts {
                let answer = outcome?;
                return match answer.is_success() {
                    true => Ok(()),
                    false => Err(self.refused(&format!("cannot push {}", self.full_name(digest.as_str())), &answer)),
                };
            }
            self.pause(attempt).await;
            attempt += 1;
            target = self.begin_upload().await?;
        }
    }

    /// Begins an upload; gives where its content goes to.
    async fn begin_upload(&self) -> Result<Url, Report> {
        let start = self.url("blobs/uploads/")?;
        let mut call = Call::get(start.clone(), MAX_SMALL_BODY);
        call.method = "POST";
        let answer = self.access.send(call).await?;
        match answer.status {
            202 => self.access.location(&start, &answer),
            _ => Err(self.refused(&format!("cannot start an upload to {}", self.name), &answer)),
        }
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
