//! One image: from a resolved image to a signature that was read back.

use std::{collections::BTreeMap, time::SystemTime};

use chrono::{DateTime, Utc};
use futures_util::future::{join, try_join};
use serde_json::json;

use super::check::{Expected, check_returned};
use crate::{
    aws::{signer::Signer, signer_roots::Roots, signing_profile::SigningProfile},
    digest::Digest,
    notary::{
        certificate::{Certificate, rfc3339},
        envelope::Envelope,
        payload,
    },
    oci::{
        Attached, Descriptor, ListedBy, MAX_LISTINGS, ManifestFormat, Reference, Repository, SignatureManifest, media,
        write_manifest,
    },
    report::Report,
    verify::signed_by::SignedBy,
};

/// What a run signs with; the same for all its images.
#[derive(Debug)]
pub struct SigningContext<'a> {
    /// AWS Signer, in the profile's region.
    pub signer: &'a Signer,
    /// Who signs.
    pub profile: &'a SigningProfile,
    /// The roots that AWS's certificates must lead to.
    pub roots: &'a Roots,
    /// The user's metadata.
    pub metadata: &'a BTreeMap<String, String>,
    /// The form of the signature's manifest.
    pub format: ManifestFormat,
    /// Tells the time. It is asked for each image: a run may last longer than a signature's time may be off.
    pub clock: fn() -> SystemTime,
}

impl SigningContext<'_> {
    /// The time, now.
    pub(super) fn now(&self) -> DateTime<Utc> {
        (self.clock)().into()
    }
}

/// What will be signed: everything is known but the signature.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The image at its digest.
    pub image: String,
    /// The tag that was resolved: it may move, the digest stays.
    pub tag: Option<String>,
    /// The image itself.
    pub subject: Descriptor,
    /// The image with the user's metadata.
    pub target: Descriptor,
    /// The bytes that AWS Signer signs.
    pub payload: Vec<u8>,
    /// What is worth knowing before it is signed.
    pub warnings: Vec<String>,
}

/// A signature that is in the registry, listed there and good.
#[derive(Debug, Clone)]
pub struct Signed {
    /// The image at its digest.
    pub image: String,
    /// The tag that was resolved: it may move, the digest stays.
    pub tag: Option<String>,
    /// The signature's manifest.
    pub signature: Digest,
    /// The profile version that signed.
    pub profile_version: String,
    /// AWS's job.
    pub job: String,
    /// AWS's signing time.
    pub signed_at: DateTime<Utc>,
    /// The signature's end.
    pub expires_at: Option<DateTime<Utc>>,
    /// The form that the registry took.
    pub format: ManifestFormat,
    /// How the registry lists it.
    pub listed_by: ListedBy,
    /// What went wrong without harm.
    pub warnings: Vec<String>,
}

impl Plan {
    /// Plans the signature of a manifest; fails before any call when the payload is too long.
    pub fn of(image: &Reference, subject: &Descriptor, metadata: &BTreeMap<String, String>) -> Result<Plan, Report> {
        let subject = subject.clone();
        let target = payload::annotate(&subject, metadata)?;
        let payload = payload::of(&target)?;
        let tag = image.tag.clone().filter(|_| image.digest.is_none());
        Ok(Plan { image: image.at(&subject.digest), tag, subject, target, payload, warnings: Vec::new() })
    }

    /// The manifest as it would be pushed, but for what only the signature tells.
    pub fn manifest_preview(&self, format: ManifestFormat) -> serde_json::Value {
        let unknown = Descriptor::new(media::JWS, Digest::of(b""), 0);
        let bytes = write_manifest(format, &unknown, &self.subject, &BTreeMap::new());
        let mut manifest: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
        manifest["layers"] = json!([{ "mediaType": media::JWS }]);
        manifest
    }

    /// Signs, checks, pushes and reads back. Nothing is pushed that would not be accepted, and
    /// nothing is called done that was not read back.
    ///
    /// The push is prepared while AWS Signer signs, and not before: by then the image is known to be there,
    /// and how its registry lets us in.
    pub async fn sign(&self, repository: &Repository, context: &SigningContext<'_>) -> Result<Signed, Report> {
        let signing = async { Ok(context.signer.sign(context.profile, &self.payload).await?) };
        let (returned, prepared) = try_join(signing, repository.prepare()).await?;
        let expected =
            Expected { target: &self.target, profile: context.profile, roots: context.roots, now: context.now() };
        let (envelope, signed_by) = check_returned(&returned.envelope, &expected).map_err(|err| {
            let job = returned.job.as_deref().unwrap_or("unknown");
            let wide = format!("AWS Signer's signature for {} was not accepted; nothing was pushed", self.image);
            err.under(wide).cause(format!("job {job}, profile {}", context.profile))
        })?;
        let annotations = annotations(returned.annotations, &envelope);
        let envelope_of = (media::JWS, &*returned.envelope);
        let attached = repository.attach(prepared, &self.subject, envelope_of, &annotations, context.format).await?;
        let digest = &attached.manifest.digest;
        self.read_back(repository, &attached, &returned.envelope).await.map_err(|err| {
            err.under(format!("the signature {digest} of {} was pushed but cannot be read back", self.image))
        })?;
        let listed = (attached.format, attached.listed_by);
        Ok(self.signed((envelope, signed_by), attached.manifest.digest, listed, attached.warnings))
    }

    /// What is told of a signature that went through every check.
    pub(super) fn signed(
        &self,
        (envelope, signed_by): (Envelope, SignedBy),
        signature: Digest,
        (format, listed_by): (ManifestFormat, ListedBy),
        warnings: Vec<String>,
    ) -> Signed {
        Signed {
            image: self.image.clone(),
            tag: self.tag.clone(),
            signature,
            profile_version: signed_by.profile.to_string(),
            job: signed_by.job,
            signed_at: envelope.signed_at,
            expires_at: envelope.expires_at,
            format,
            listed_by,
            warnings: [self.warnings.as_slice(), &warnings].concat(),
        }
    }

    /// What a verifier will do: list, and read the manifest. The envelope was read back when it was pushed; it
    /// was checked before, and that these are the same bytes is said by their digest.
    async fn read_back(&self, repository: &Repository, attached: &Attached, pushed: &[u8]) -> Result<(), Report> {
        let (listed, manifest) =
            join(self.is_listed(repository, attached), repository.manifest(attached.manifest.digest.as_str())).await;
        let manifest = manifest?;
        let manifest = SignatureManifest::read(&manifest.descriptor.media_type, &manifest.bytes)?;
        let subject = manifest.subject.filter(|subject| subject.same_content(&self.subject));
        if subject.is_none() || !manifest.envelope.same_content(&Descriptor::of(media::JWS, pushed)) {
            return Err(Report::new("the stored manifest is about something else"));
        }
        listed
    }

    async fn is_listed(&self, repository: &Repository, attached: &Attached) -> Result<(), Report> {
        let signature = &attached.manifest.digest;
        for look in 0..MAX_LISTINGS {
            repository.pause(look).await;
            if repository
                .listed(&self.subject.digest, attached.listed_by)
                .await?
                .iter()
                .any(|found| found.digest == *signature)
            {
                return Ok(());
            }
        }
        Err(Report::new(format!("{} does not list it among the image's signatures", repository.name()))
            .hint("`docker-credential-ecr-rs signatures list` shows when it does; the signature itself is stored"))
    }
}

/// The manifest's notes: AWS's own, the chain's fingerprints and the signing time (specifications,
/// signature-specification.md, "Signature Manifest").
fn annotations(from_aws: BTreeMap<String, String>, envelope: &Envelope) -> BTreeMap<String, String> {
    let thumbprints: Vec<String> = envelope.chain.iter().map(Certificate::fingerprint).collect();
    let mut annotations = from_aws;
    annotations.insert(media::THUMBPRINTS.into(), json!(thumbprints).to_string());
    annotations.insert(media::CREATED.into(), rfc3339(envelope.signed_at));
    annotations
}
