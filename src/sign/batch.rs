//! Many images in one run: resolved, expanded and signed at the same time, each with its own outcome.

use std::collections::HashSet;

use futures_util::{StreamExt, future::join, stream};

use super::{
    already_signed::{self, Found},
    plan::{Plan, Signed, SigningContext},
};
use crate::{
    digest::Digest,
    oci::{
        Reference, Repositories,
        bound::{MAX_TIME, within},
        expand::{Item, expand},
    },
    report::Report,
};

/// Images in work at the same time: enough to hide the network's waits, few enough for AWS Signer,
/// whose throttling the SDK answers with later tries.
const CONCURRENCY: usize = 16;

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

/// Signs images; outcomes come in the order of the images, an index before what it lists. An image
/// that is named twice is signed once. `progress` hears of every image that is done: how many, of how many.
pub async fn sign(
    images: &[Reference],
    repositories: &mut Repositories<'_>,
    context: &SigningContext<'_>,
    options: Options,
    mut progress: impl FnMut(usize, usize),
) -> Vec<Outcome> {
    let surely = !(options.dry_run || options.if_unsigned);
    if surely {
        context.signer.connect_early();
    }
    let mut items: Vec<Item> = Vec::new();
    let opened: Vec<_> = images.iter().map(|image| (image, repositories.of(image))).collect();
    let resolving = stream::iter(opened).map(|(image, repository)| async move {
        match repository {
            Ok(repository) => {
                let ahead = async {
                    if surely {
                        repository.look_ahead().await;
                    }
                };
                let expanding = async { Ok(join(expand(image, &repository, options.recursive), ahead).await.0) };
                let expanded = within(MAX_TIME, || format!("cannot resolve {image}"), expanding).await;
                expanded.unwrap_or_else(|report| vec![Item::Failed { image: image.to_string(), report }])
            }
            Err(report) => vec![Item::Failed { image: image.to_string(), report }],
        }
    });
    let mut resolving = resolving.buffered(CONCURRENCY);
    let mut seen = HashSet::new();
    while let Some(expanded) = resolving.next().await {
        items.extend(expanded.into_iter().filter(|item| match item {
            Item::Resolved { image, subject, .. } => seen.insert((image.name(), subject.digest.clone())),
            Item::Failed { .. } => true,
        }));
    }
    let total = items.len();
    let mut done = 0;
    let mut signing = stream::iter(items).map(|item| one(item, context, options)).buffered(CONCURRENCY);
    let mut finished = Vec::with_capacity(total);
    while let Some(outcome) = signing.next().await {
        done += 1;
        progress(done, total);
        finished.push(outcome);
    }
    finished
}

async fn one(item: Item, context: &SigningContext<'_>, options: Options) -> Outcome {
    let (image, repository, subject) = match item {
        Item::Resolved { image, repository, subject } => (image, repository, subject),
        Item::Failed { image, report } => return Outcome::Failed { image, report },
    };
    let failed = |report| Outcome::Failed { image: image.at(&subject.digest), report };
    let mut plan = match Plan::of(&image, &subject, context.metadata) {
        Ok(plan) => plan,
        Err(report) => return failed(report),
    };
    if options.if_unsigned {
        match already_signed::find(&plan, &repository, context).await {
            Ok(Found { signature: Some(signature), .. }) => {
                return Outcome::AlreadySigned { image: plan.image, signature };
            }
            Ok(found) => plan.warnings = found.warnings,
            Err(report) => return failed(report),
        }
    }
    if options.dry_run {
        return Outcome::Planned(Box::new(plan));
    }
    let what = || format!("cannot sign {}", plan.image);
    match within(MAX_TIME, what, plan.sign(&repository, context)).await {
        Ok(signed) => Outcome::Signed(Box::new(signed)),
        Err(report) => failed(report),
    }
}
