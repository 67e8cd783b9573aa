//! An image and, where asked for, everything that it lists, each found once.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use futures_util::{StreamExt, stream};

use super::{Descriptor, Manifest, Reference, Repository, children};
use crate::{digest::Digest, report::Report};

/// Manifests that are fetched at the same time.
const CONCURRENCY: usize = 16;

/// Deepest nesting of indexes that is followed.
const MAX_DEPTH: usize = 4;

/// Most manifests that one image may list, in all of its indexes. Those that people make list some dozens.
const MAX_MANIFESTS: usize = 10_000;

/// What is to sign.
pub(crate) enum Item {
    /// A manifest that is there.
    Resolved {
        /// Its name: as it was given, or by digest where an index lists it.
        image: Reference,
        /// Where it is.
        repository: Arc<Repository>,
        /// Itself. Its bytes are not kept: a registry could make them as many as it likes.
        subject: Box<Descriptor>,
    },
    /// One that is not to be had.
    Failed {
        /// Its name.
        image: String,
        /// Why.
        report: Report,
    },
}

/// A manifest that was fetched: itself, and what it lists, each once.
type Found = Result<(Descriptor, Vec<Digest>), Report>;

/// Finds an image, and with `recursive` all that it lists, an index before what it lists.
///
/// A manifest that is listed many times is fetched once. An image whose indexes list more than
/// [`MAX_MANIFESTS`] fails as a whole.
pub(crate) async fn expand(image: &Reference, repository: &Arc<Repository>, recursive: bool) -> Vec<Item> {
    let failed = |report| vec![Item::Failed { image: image.to_string(), report }];
    let (root, below) = match repository.resolve(image).await.and_then(|manifest| read(manifest, recursive, 0)) {
        Ok(found) => found,
        Err(report) => return failed(report),
    };
    let mut known: HashMap<Digest, Found> = HashMap::new();
    let mut listed = below.clone();
    let mut entries = 0;
    for depth in 1..=MAX_DEPTH {
        entries += listed.len();
        if entries > MAX_MANIFESTS {
            return failed(Report::new(format!("the index lists more than {MAX_MANIFESTS} manifests")));
        }
        let mut seen = HashSet::from([root.digest.clone()]);
        listed.retain(|digest| !known.contains_key(digest) && seen.insert(digest.clone()));
        let fetched = stream::iter(std::mem::take(&mut listed)).map(|digest| async move {
            let manifest = repository.manifest(digest.as_str()).await;
            (digest, manifest.and_then(|manifest| read(manifest, recursive, depth)))
        });
        let mut fetched = fetched.buffered(CONCURRENCY);
        while let Some((digest, found)) = fetched.next().await {
            if let Ok((_, below)) = &found {
                listed.extend_from_slice(below);
            }
            known.insert(digest, found);
            if entries + listed.len() > MAX_MANIFESTS {
                break; // enough to know: no more of them is fetched
            }
        }
    }
    let resolved =
        |image, subject| Item::Resolved { image, repository: Arc::clone(repository), subject: Box::new(subject) };
    let mut items = vec![resolved(image.clone(), root)];
    let mut left: Vec<Digest> = below.into_iter().rev().collect();
    while let Some(digest) = left.pop() {
        // Taken out, so that each comes once, where it is listed first.
        let Some(found) = known.remove(&digest) else { continue };
        let image = Reference { tag: None, digest: Some(digest), ..image.clone() };
        items.push(match found {
            Ok((subject, below)) => {
                left.extend(below.into_iter().rev());
                resolved(image, subject)
            }
            Err(report) => Item::Failed { image: image.to_string(), report },
        });
    }
    items
}

/// What a manifest lists, where that is asked for.
fn read(manifest: Manifest, recursive: bool, depth: usize) -> Found {
    let listed = match recursive {
        true => children(&manifest.descriptor.media_type, &manifest.bytes)?,
        false => Vec::new(),
    };
    if !listed.is_empty() && depth >= MAX_DEPTH {
        return Err(Report::new(format!("the index is nested deeper than {MAX_DEPTH} levels")));
    }
    let mut seen = HashSet::new();
    let once = listed.into_iter().map(|child| child.digest).filter(|digest| seen.insert(digest.clone())).collect();
    Ok((manifest.descriptor, once))
}
