//! An image layout on disk in the place of a registry's repository (image-spec, image-layout.md): `oci-layout`,
//! `index.json`, and blobs by digest. Its signatures are the manifests of `index.json` whose `subject` is the
//! image, as ORAS and Notation keep them (oras-go, `content/oci`).

use std::{
    collections::BTreeMap,
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;

use super::{
    Descriptor,
    checked_manifest::{MAX_MANIFEST, Manifest},
    manifest::{
        EMPTY, IndexEdit, ManifestFormat, SignatureManifest, claimed_media_type, edit_index, read_index, write,
    },
    media,
    push::Attached,
    referrers::{ListedBy, MAX_LIST_BYTES, MAX_LISTED, Removal},
};
use crate::{
    digest::Digest,
    private_fs::{self, Replacement},
    report::{Report, excerpt},
};

/// The version that there is (image-spec, image-layout.md).
const VERSION: &str = "1.0.0";

/// How often, and after which pause each, a layout that another run is writing to is tried again: 5 s in all.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// A layout.
pub(super) struct Layout {
    folder: PathBuf,
}

impl Layout {
    /// Reads what says that a folder is one.
    pub(super) fn open(folder: &Path) -> Result<Layout, Report> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire {
            image_layout_version: String,
        }
        let bad = || Report::new(format!("{} is no OCI image layout", folder.display()));
        let bytes = private_fs::read(&folder.join("oci-layout"), 4096);
        let bytes = bytes.map_err(|err| bad().cause(format!("cannot read its file oci-layout: {err}")))?;
        let wire: Wire =
            serde_json::from_slice(&bytes).map_err(|err| bad().cause(format!("its file oci-layout: {err}")))?;
        match wire.image_layout_version.as_str() {
            VERSION => Ok(Layout { folder: folder.into() }),
            other => Err(bad().cause(format!("its version is `{}`, not {VERSION}", excerpt(other)))),
        }
    }

    /// Reads a manifest by tag, which `index.json` has as an annotation, or by digest.
    pub(super) fn manifest(&self, selector: &str) -> Result<Manifest, Report> {
        let doing = || format!("cannot read {}", self.full_name(selector));
        let listed = self.index().and_then(|index| read_index(&index)).map_err(|err| err.under(doing()))?;
        let (digest, known) = match Digest::parse(selector) {
            Ok(digest) => {
                let known = listed.into_iter().find(|entry| entry.digest == digest);
                (digest, known)
            }
            Err(_) => {
                let tagged =
                    |entry: &Descriptor| entry.annotations.get(media::REF_NAME).is_some_and(|tag| tag == selector);
                // The last one counts, as where each is added in its turn.
                let known = listed.into_iter().rfind(tagged).ok_or_else(|| {
                    Report::new(doing()).cause("its index.json has no such tag").hint("name the image by its digest")
                })?;
                (known.digest.clone(), Some(known))
            }
        };
        self.read_manifest(&digest, known.as_ref()).map_err(|err| err.under(doing()))
    }

    fn read_manifest(&self, digest: &Digest, listed: Option<&Descriptor>) -> Result<Manifest, Report> {
        let bytes =
            private_fs::read(&self.path(digest), MAX_MANIFEST as u64).map_err(|err| Report::new(err.to_string()))?;
        let size = bytes.len() as u64;
        if let Some(listed) = listed.filter(|listed| listed.size != size) {
            return Err(Report::new(format!("index.json gives it {} bytes, it has {size}", listed.size)));
        }
        let media_type = match listed {
            Some(listed) => listed.media_type.clone(),
            None => claimed_media_type(&bytes)?.ok_or_else(|| Report::new("it does not say what it is"))?,
        };
        Manifest::check(bytes, digest.clone(), media_type)
    }

    /// Reads a blob and checks it against its descriptor; `cap` bounds it before anything is read.
    pub(super) fn blob(&self, blob: &Descriptor, cap: usize) -> Result<Vec<u8>, Report> {
        let bad = |why: String| Report::new(format!("cannot read {}", self.full_name(blob.digest.as_str()))).cause(why);
        if blob.size > cap as u64 {
            return Err(bad(format!("it has {} bytes, at most {cap} are read", blob.size)));
        }
        let bytes = private_fs::read(&self.path(&blob.digest), blob.size).map_err(|err| bad(err.to_string()))?;
        match blob.digest.matches(&bytes) {
            true => Ok(bytes),
            false => Err(bad(format!("its content has the digest {}", Digest::of(&bytes)))),
        }
    }

    /// The Notary Project signatures of an image. What `index.json` lists is read, since the manifest alone
    /// says what it is a signature of; one that cannot be read is none.
    pub(super) fn signatures(&self, subject: &Digest) -> Result<Vec<Descriptor>, Report> {
        let doing = || format!("cannot list the signatures of {}", self.full_name(subject.as_str()));
        let listed = self.index().and_then(|index| read_index(&index)).map_err(|err| err.under(doing()))?;
        if listed.len() > MAX_LISTED {
            return Err(Report::new(doing()).cause(format!("index.json has more than {MAX_LISTED} entries")));
        }
        let (mut found, mut bytes) = (Vec::new(), 0);
        for entry in listed {
            let other = entry.artifact_type.as_deref().is_some_and(|of| of != media::SIGNATURE);
            if other || !matches!(entry.media_type.as_str(), media::MANIFEST | media::ARTIFACT) {
                continue;
            }
            let Ok(manifest) = self.read_manifest(&entry.digest, Some(&entry)) else { continue };
            bytes += manifest.bytes.len();
            if bytes > MAX_LIST_BYTES {
                let mebibytes = MAX_LIST_BYTES / (1024 * 1024);
                return Err(Report::new(doing()).cause(format!("its manifests have more than {mebibytes} MiB")));
            }
            let Ok(read) = SignatureManifest::read(&entry.media_type, &manifest.bytes) else { continue };
            if read.check_signs(subject).is_ok() && !found.iter().any(|known: &Descriptor| known.digest == entry.digest)
            {
                let annotations = read.annotations;
                found.push(Descriptor { artifact_type: Some(read.artifact_type), annotations, ..manifest.descriptor });
            }
        }
        Ok(found)
    }

    /// Writes a signature's blobs, and lists its manifest.
    pub(super) async fn attach(
        &self,
        subject: &Descriptor,
        (media_type, envelope): (&str, &[u8]),
        annotations: &BTreeMap<String, String>,
        format: ManifestFormat,
    ) -> Result<Attached, Report> {
        let format = match format {
            // Notation 1.x goes by the config's media type alone in a layout (notation-go, `signatureReferrers`).
            ManifestFormat::Auto => ManifestFormat::ConfigMediaType,
            chosen => chosen,
        };
        let layer = Descriptor::of(media_type, envelope);
        let bytes = write(format, &layer, subject, annotations);
        let manifest = Descriptor::of(media::MANIFEST, &bytes);
        let written = [EMPTY, envelope, &bytes].into_iter().try_for_each(|blob| self.write_blob(blob));
        written.map_err(|err| {
            Report::new(format!("cannot write the signature to {}", self.folder.display()))
                .cause(err)
                .hint("look at the permissions and the free space of the folder")
        })?;
        let mut listed = manifest.clone();
        listed.artifact_type = Some(media::SIGNATURE.into());
        listed.annotations = annotations.clone();
        self.edit(&IndexEdit::Add(&listed)).await?;
        self.blob(&layer, envelope.len())?;
        Ok(Attached { manifest, format, listed_by: ListedBy::Index, warnings: Vec::new() })
    }

    /// Takes a signature out of `index.json` and removes its manifest. Its envelope stays: a layout may hold
    /// what nobody refers to, and others may refer to it.
    ///
    /// # Errors
    /// Where it is no signature of the image, and where the disk fails.
    pub(super) async fn remove_signature(
        &self,
        subject: &Digest,
        signature: &Digest,
    ) -> Result<(Removal, Vec<String>), Report> {
        if !self.signatures(subject)?.iter().any(|known| known.digest == *signature) {
            let image = self.full_name(subject.as_str());
            return Err(Report::new(format!("{signature} is no signature of {image}: it was not deleted")));
        }
        self.edit(&IndexEdit::Remove(signature)).await?;
        // It is listed no more: what is left of it is only litter.
        let left = std::fs::remove_file(self.path(signature)).err();
        let warning = left.map(|err| format!("the manifest of the signature {signature} stays: {err}"));
        Ok((Removal::Deleted, warning.into_iter().collect()))
    }

    /// Changes `index.json` and nothing else of it. Who writes beside us waits, where it is this program.
    async fn edit(&self, edit: &IndexEdit<'_>) -> Result<(), Report> {
        let path = self.folder.join("index.json");
        let bad = |err: String| {
            Report::new(format!("cannot change {}; it is as it was", path.display()))
                .cause(err)
                .hint("look at the permissions and the free space of the folder, then run it again")
        };
        let _lock = self.lock().await.map_err(|err| bad(err.to_string()))?;
        let new = edit_index(Some(&self.index()?), edit)?;
        self.replace(&path, &new).map_err(|err| bad(err.to_string()))
    }

    /// Held until it is dropped. The file that says what the folder is stands for all of it: it never changes.
    async fn lock(&self) -> io::Result<File> {
        let file = private_fs::open(&self.folder.join("oci-layout"))?;
        for _ in 0..LOCK_TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_PAUSE).await,
                Err(TryLockError::Error(err)) => return Err(err),
            }
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "another program is writing to the layout"))
    }

    /// `index.json`, no link: a new one would take the link's place.
    fn index(&self) -> Result<Vec<u8>, Report> {
        let path = self.folder.join("index.json");
        let read = private_fs::open_no_link(&path).and_then(|file| private_fs::read_all(&file, MAX_LIST_BYTES as u64));
        let mut read = read.map_err(|err| Report::new(format!("cannot read {}", path.display())).cause(err))?;
        Ok(std::mem::take(&mut *read))
    }

    fn write_blob(&self, bytes: &[u8]) -> io::Result<()> {
        let digest = Digest::of(bytes);
        let path = self.path(&digest);
        if private_fs::read(&path, bytes.len() as u64).is_ok_and(|there| there == bytes) {
            return Ok(());
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        self.replace(&path, bytes)
    }

    /// Puts a file in its place whole, open to whom `oci-layout` is open.
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = Replacement::of(path)?;
        file.write(bytes)?;
        file.copy_permissions(&std::fs::metadata(self.folder.join("oci-layout"))?)?;
        file.flush()?;
        file.rename()
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        let (algorithm, digits) = digest.as_str().split_once(':').unwrap_or_default();
        self.folder.join("blobs").join(algorithm).join(digits)
    }

    fn full_name(&self, selector: &str) -> String {
        let separator = if selector.contains(':') { '@' } else { ':' };
        format!("{}{separator}{selector}", self.folder.display())
    }
}
