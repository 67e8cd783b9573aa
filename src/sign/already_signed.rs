//! Whether an image has the signature already that a run would make.

use super::plan::{Plan, SigningContext};
use crate::{
    digest::Digest,
    notary::envelope::Envelope,
    oci::Repository,
    report::Report,
    verify::signatures::{self, Signature},
};

/// What the image has of such signatures.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// A good one.
    pub(super) signature: Option<Digest>,
    /// Why one that would do does not count.
    pub(super) warnings: Vec<String>,
}

/// Looks for a signature by the same profile, of exactly the same metadata, that has neither expired
/// nor been revoked. One of which AWS does not tell whether it was revoked does not count: signing
/// once too often does no harm.
pub(super) async fn find(plan: &Plan, repository: &Repository, context: &SigningContext<'_>) -> Result<Found, Report> {
    let read = signatures::read(repository, &plan.subject, context.roots).await?;
    let mut found = Found::default();
    for (signature, envelope) in read.iter().filter_map(|signature| would_do(signature, plan, context)) {
        let digest = &signature.descriptor.digest;
        match context.signer.revoked(envelope).await {
            Ok(revoked) if revoked.is_empty() => {
                found.signature = Some(digest.clone());
                break;
            }
            Ok(revoked) => {
                found.warnings.push(format!("the signature {digest} was revoked: {}", revoked.join(", ")));
            }
            Err(report) => found.warnings.push(format!(
                "it is not known whether the signature {digest} was revoked, so it does not count: {}",
                report.full()
            )),
        }
    }
    Ok(found)
}

/// The signature and its envelope, where this run would make the same one.
fn would_do<'a>(
    signature: &'a Signature,
    plan: &Plan,
    context: &SigningContext<'_>,
) -> Option<(&'a Signature, &'a Envelope)> {
    let (envelope, by) = (signature.envelope.as_ref().ok()?, signature.by.as_ref().ok()?);
    let target = envelope.target().ok()?;
    let same = target.same_content(&plan.target) && target.annotations == plan.target.annotations;
    let now = context.now();
    let lasts = envelope.expires_at.is_none_or(|end| end > now);
    // A name alone may be another account's profile, too.
    let by_profile = context.profile.home.is_some() && by.is(context.profile);
    (same && lasts && by_profile).then_some((signature, envelope))
}
