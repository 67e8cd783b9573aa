//! One repository: of a registry, or an image layout on disk. All that is done with images is written once, above
//! this. Async; the caller has the runtime.

use std::{collections::BTreeMap, sync::Arc};

use tokio::task::yield_now;

use super::{
    Attached, Descriptor, Http, ListedBy, Manifest, ManifestFormat, Purpose, Reference, RegistryAuth, Removal,
    layout::Layout, push::Uploads, remote::Remote,
};
use crate::{digest::Digest, report::Report};

/// One repository.
pub struct Repository {
    name: String,
    place: Place,
}

enum Place {
    Remote(Box<Remote>),
    Layout(Layout),
}

/// What pushing a signature needs and can be done before there is one.
#[derive(Debug)]
pub struct Prepared(Option<Uploads>);

impl Repository {
    /// The repository of an image. Nothing is asked yet; of a layout, what says that it is one is read.
    pub fn open(
        http: &Http,
        image: &Reference,
        purpose: Purpose,
        auth: Arc<RegistryAuth>,
    ) -> Result<Repository, Report> {
        let place = match image.layout() {
            Some(folder) => Place::Layout(Layout::open(folder)?),
            None => Place::Remote(Box::new(Remote::open(http, image, purpose, auth)?)),
        };
        Ok(Repository { name: image.name(), place })
    }

    /// Registry and repository, or the layout's folder.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Finds out what a name points at now: the bytes are fetched, so that nothing is believed
    /// that was not hashed here.
    pub async fn resolve(&self, image: &Reference) -> Result<Manifest, Report> {
        self.manifest(image.selector()).await
    }

    /// Fetches a manifest by tag or digest and checks it: at most 4 MiB, of a known media type, of the
    /// digest that was asked for and that the registry claims.
    pub async fn manifest(&self, selector: &str) -> Result<Manifest, Report> {
        match &self.place {
            Place::Remote(remote) => remote.manifest(selector).await,
            Place::Layout(layout) => {
                yield_now().await; // who bounds the time has a turn: a disk makes nobody wait
                layout.manifest(selector)
            }
        }
    }

    /// Fetches a blob and checks it against its descriptor; `cap` bounds it before anything is read.
    pub async fn blob(&self, blob: &Descriptor, cap: usize) -> Result<Vec<u8>, Report> {
        match &self.place {
            Place::Remote(remote) => remote.blob(blob, cap).await,
            Place::Layout(layout) => {
                yield_now().await; // the same
                layout.blob(blob, cap)
            }
        }
    }

    /// The Notary Project signatures of `subject`: what the referrers API lists and what the tag
    /// lists, each once. Old clients write the tag even where there is an API.
    pub async fn signatures(&self, subject: &Digest) -> Result<Vec<Descriptor>, Report> {
        match &self.place {
            Place::Remote(remote) => remote.signatures(subject).await,
            Place::Layout(layout) => layout.signatures(subject),
        }
    }

    /// Those of them that one way to list them lists.
    pub async fn signatures_by(&self, subject: &Digest, by: ListedBy) -> Result<Vec<Descriptor>, Report> {
        match &self.place {
            Place::Remote(remote) => remote.signatures_by(subject, by).await,
            Place::Layout(layout) => {
                yield_now().await; // the same
                layout.signatures(subject)
            }
        }
    }

    /// All that one way to list them lists, whatever its list calls it.
    pub async fn listed(&self, subject: &Digest, by: ListedBy) -> Result<Vec<Descriptor>, Report> {
        match &self.place {
            Place::Remote(remote) => remote.listed(subject, by).await,
            Place::Layout(layout) => layout.signatures(subject),
        }
    }

    /// Does what pushing a signature needs and what does not need the image. Pushes nothing.
    pub async fn look_ahead(&self) {
        if let Place::Remote(remote) = &self.place {
            remote.look_ahead().await;
        }
    }

    /// Does what pushing a signature needs and what does not need the signature. Pushes nothing.
    pub async fn prepare(&self) -> Result<Prepared, Report> {
        match &self.place {
            Place::Remote(remote) => remote.prepare().await.map(Some).map(Prepared),
            Place::Layout(_) => Ok(Prepared(None)),
        }
    }

    /// Pushes an envelope and the manifest that ties it to `subject`, and reads the envelope back.
    pub async fn attach(
        &self,
        Prepared(uploads): Prepared,
        subject: &Descriptor,
        envelope: (&str, &[u8]),
        annotations: &BTreeMap<String, String>,
        format: ManifestFormat,
    ) -> Result<Attached, Report> {
        match &self.place {
            Place::Remote(remote) => {
                let uploads = match uploads {
                    Some(uploads) => uploads,
                    None => remote.prepare().await?,
                };
                remote.attach(uploads, subject, envelope, annotations, format).await
            }
            Place::Layout(layout) => layout.attach(subject, envelope, annotations, format).await,
        }
    }

    /// Deletes a signature and takes it out of the list in which it stands.
    ///
    /// What is listed as a signature and is none by its own content, is not deleted: anybody who may push
    /// the tag can name the image that others run. It is taken out of the tag's list.
    ///
    /// # Errors
    /// Where the registry or the disk fails, and where the referrers API alone lists what is no signature.
    pub async fn remove_signature(
        &self,
        subject: &Digest,
        signature: &Digest,
    ) -> Result<(Removal, Vec<String>), Report> {
        match &self.place {
            Place::Remote(remote) => remote.remove_signature(subject, signature).await,
            Place::Layout(layout) => layout.remove_signature(subject, signature).await,
        }
    }

    /// Waits before asking again: not at all the first time, then longer and longer.
    pub async fn pause(&self, asked: u32) {
        if let Place::Remote(remote) = &self.place {
            remote.pause(asked).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::oci::bound::within;

    #[tokio::test]
    async fn work_on_a_layout_can_be_ended() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        let name = folder.path().display().to_string();
        let repository = Repository { name, place: Place::Layout(Layout::open(folder.path()).unwrap()) };
        let subject = Digest::of(b"");
        let blob = Descriptor::of("m", b"");
        let endless = async {
            for turn in 0..1_000_000 {
                let done = match turn % 3 {
                    0 => repository.manifest("v1").await.map(drop),
                    1 => repository.blob(&blob, 0).await.map(drop),
                    _ => repository.signatures_by(&subject, ListedBy::Index).await.map(drop),
                };
                done.unwrap_err();
            }
            Ok(())
        };
        within(Duration::from_millis(10), || "it goes on".into(), endless).await.unwrap_err();
    }
}
