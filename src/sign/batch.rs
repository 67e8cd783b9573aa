//! Many images in one run: resolved, expanded and signed at the same time, each with its own outcome.

use std::{collections::HashMap, sync::Arc};

use futures_util::{StreamExt, future::BoxFuture, stream};

use super::{
    plan::{Plan, Signed, SigningContext},
    signatures,
};
use crate::{
    digest::Digest,
    oci::{Http, Manifest, Purpose, Reference, RegistryAuth, Repository, children},
    report::Report,
};

/// Images in work at the same time: enough to hide the network's waits, few enough for AWS Signer,
/// whose throttling the SDK answers with later tries.
const CONCURRENCY: usize = 16;

/// Deepest nesting of indexes that is followed.
const MAX_DEPTH: usize = 4;

/// The repositories of a run, each opened once.
pub struct Repositories<'a> {
    http: &'a Http,
    purpose: Purpose,
    auths: &'a HashMap<String, Arc<RegistryAuth>>,
    open: HashMap<String, Arc<Repository>>,
}

impl<'a> Repositories<'a> {
    /// `auths` are by host; a host that is not there is spoken to without login.
    pub fn new(http: &'a Http, purpose: Purpose, auths: &'a HashMap<String, Arc<RegistryAuth>>) -> Repositories<'a> {
        Repositories { http, purpose, auths, open: HashMap::new() }
    }

    /// The repository of an image.
    pub fn of(&mut self, image: &Reference) -> Result<Arc<Repository>, Report> {
        if let Some(known) = self.open.get(&image.name()) {
            return Ok(Arc::clone(known));
        }
        let login = self.auths.get(image.host()).cloned().unwrap_or_else(|| Arc::new(RegistryAuth::Anonymous));
        let repository = Arc::new(Repository::open(self.http, image, self.purpose, login)?);
        self.open.insert(image.name(), Arc::clone(&repository));
        Ok(repository)
    }
}

/// What a run does with each image beyond signing it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Sign what an index lists, too.
    pub recursive: bool,
    /// Leave images alone that have such a signature.
    pub if_unsigned: bool,
    /// Stop before AWS Signer is called.
    pub dry_run: bool,
}

/// What became of one image.
#[derive(Debug)]
pub enum Outcome {
    /// It has a new signature.
    Signed(Box<Signed>),
    /// It had one already.
    AlreadySigned {
        /// The image at its digest.
        image: String,
        /// The signature that it has.
        signature: Digest,
    },
    /// It would be signed.
    Planned(Box<Plan>),
    /// It was not signed.
    Failed {
        /// The image, as far as it is known.
        image: String,
        /// Why.
        report: Report,
    },
}

/// An image to sign.
struct Item {
    image: Reference,
    repository: Arc<Repository>,
    manifest: Manifest,
}

/// Signs images; outcomes come in the order of the images, an index before what it lists. An image
/// that is named twice is signed once. `progress` hears of every image that is done: how many, of how many.
pub async fn sign(
    images: &[Reference],
    repositories: &mut Repositories<'_>,
    context: &SigningContext<'_>,
    options: Options,
    mut progress: impl FnMut(usize, usize),
) -> Vec<Outcome> {
    let mut outcomes: Vec<Result<Item, Outcome>> = Vec::new();
    let opened: Vec<_> = images.iter().map(|image| (image, repositories.of(image))).collect();
    let resolving = stream::iter(opened).map(|(image, repository)| async move {
        match repository {
            Ok(repository) => expand(image.clone(), repository, options.recursive, 0).await,
            Err(report) => vec![Err(Outcome::Failed { image: image.to_string(), report })],
        }
    });
    let mut resolving = resolving.buffered(CONCURRENCY);
    let mut seen = std::collections::HashSet::new();
    while let Some(expanded) = resolving.next().await {
        for item in expanded {
            let fresh = match &item {
                Ok(item) => seen.insert((item.image.name(), item.manifest.descriptor.digest.clone())),
                Err(_) => true,
            };
            if fresh {
                outcomes.push(item);
            }
        }
    }
    let total = outcomes.len();
    let mut done = 0;
    let mut signing = stream::iter(outcomes)
        .map(|item| async {
            match item {
                Ok(item) => one(&item, context, options).await,
                Err(failed) => failed,
            }
        })
        .buffered(CONCURRENCY);
    let mut finished = Vec::with_capacity(total);
    while let Some(outcome) = signing.next().await {
        done += 1;
        progress(done, total);
        finished.push(outcome);
    }
    finished
}

async fn one(item: &Item, context: &SigningContext<'_>, options: Options) -> Outcome {
    let failed = |report| Outcome::Failed { image: item.image.at(&item.manifest.descriptor.digest), report };
    let plan = match Plan::of(&item.image, &item.manifest, context.metadata) {
        Ok(plan) => plan,
        Err(report) => return failed(report),
    };
    if options.if_unsigned {
        match signatures::read(&item.repository, &plan.subject.digest).await {
            Ok(found) => {
                if let Some(signed) = signatures::already_signed(&found, context) {
                    return Outcome::AlreadySigned { image: plan.image, signature: signed.descriptor.digest.clone() };
                }
            }
            Err(report) => return failed(report),
        }
    }
    if options.dry_run {
        return Outcome::Planned(Box::new(plan));
    }
    match plan.sign(&item.repository, context).await {
        Ok(signed) => Outcome::Signed(Box::new(signed)),
        Err(report) => failed(report),
    }
}

/// An image and, where asked for, everything below it.
fn expand(
    image: Reference,
    repository: Arc<Repository>,
    recursive: bool,
    depth: usize,
) -> BoxFuture<'static, Vec<Result<Item, Outcome>>> {
    Box::pin(async move {
        let failed = |report: Report| vec![Err(Outcome::Failed { image: image.to_string(), report })];
        let manifest = match repository.resolve(&image).await {
            Ok(manifest) => manifest,
            Err(report) => return failed(report),
        };
        let below = match (recursive, children(&manifest.descriptor.media_type, &manifest.bytes)) {
            (false, _) => Vec::new(),
            (true, Ok(below)) if below.is_empty() || depth < MAX_DEPTH => below,
            (true, Ok(_)) => return failed(Report::new(format!("the index is nested deeper than {MAX_DEPTH} levels"))),
            (true, Err(report)) => return failed(report),
        };
        let mut items = vec![Ok(Item { image: image.clone(), repository: Arc::clone(&repository), manifest })];
        let mut lower = stream::iter(below)
            .map(|child| {
                let child = Reference { tag: None, digest: Some(child.digest), ..image.clone() };
                expand(child, Arc::clone(&repository), true, depth + 1)
            })
            .buffered(CONCURRENCY);
        while let Some(more) = lower.next().await {
            items.extend(more);
        }
        items
    })
}
