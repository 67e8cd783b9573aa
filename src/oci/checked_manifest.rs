//! A manifest that was read, wherever from: nothing is believed of it that was not hashed here. Pure.

use super::{Descriptor, manifest::claimed_media_type, media};
use crate::{
    digest::Digest,
    report::{Report, excerpt},
};

/// Largest manifest that is read (notation-go, `registry/repository.go`; ECR's own limit is the same).
pub(super) const MAX_MANIFEST: usize = 4 * 1024 * 1024;

/// What manifests we take (oras-go, `registry/remote/manifest.go`).
pub(super) const MANIFESTS: [&str; 5] =
    [media::DOCKER_MANIFEST, media::DOCKER_LIST, media::MANIFEST, media::INDEX, media::ARTIFACT];

/// A manifest, checked against its digest.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// Media type, digest and size.
    pub descriptor: Descriptor,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Manifest {
    /// Checks bytes against the digest and the media type that they are said to have.
    ///
    /// # Errors
    /// Why they are something else, or no manifest that can be signed.
    pub(super) fn check(bytes: Vec<u8>, digest: Digest, media_type: String) -> Result<Manifest, Report> {
        if !digest.matches(&bytes) {
            return Err(Report::new(format!("its content has the digest {}, not {digest}", Digest::of(&bytes))));
        }
        if !MANIFESTS.contains(&media_type.as_str()) {
            return Err(Report::new(format!("`{}` is not a manifest that can be signed", excerpt(&media_type))));
        }
        if let Some(claim) = claimed_media_type(&bytes)?
            && claim != media_type
        {
            let claim = excerpt(&claim);
            return Err(Report::new(format!("it is said to be `{media_type}`, its content says `{claim}`")));
        }
        Ok(Manifest { descriptor: Descriptor::new(media_type, digest, bytes.len() as u64), bytes })
    }
}
