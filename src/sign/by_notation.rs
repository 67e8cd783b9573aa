//! The engine `notation`: the installed Notation signs what was planned here, and what it pushed is read
//! back and checked as a signature of our own.

use std::collections::HashSet;

use super::{
    batch::Outcome,
    check::{Expected, check_returned},
    notation_cli::{Notation, NotationRequest},
    plan::{Plan, Signed, SigningContext},
};
use crate::{
    digest::Digest,
    notary::envelope::MAX_ENVELOPE,
    oci::{Descriptor, ListedBy, MAX_LISTINGS, Reference, Repositories, Repository, SignatureManifest},
    report::Report,
};

/// Lines of Notation that stand below the error of a run that failed.
const MAX_LINES: usize = 10;

/// The engine.
pub struct ByNotation<'a> {
    /// The program.
    pub notation: &'a Notation,
    /// What a run signs with.
    pub context: &'a SigningContext<'a>,
}

impl ByNotation<'_> {
    /// Signs what is planned, one image after another, as Notation itself works.
    pub async fn sign_planned(&self, outcomes: &mut [Outcome], repositories: &mut Repositories<'_>) {
        for outcome in outcomes {
            let Outcome::Planned(plan) = outcome else { continue };
            *outcome = match self.sign(plan, repositories).await {
                Ok(signed) => Outcome::Signed(Box::new(signed)),
                Err(report) => Outcome::Failed { image: plan.image.clone(), report },
            };
        }
    }

    /// Signs one image. Notation runs to its end within its bound, and nothing else goes on meanwhile.
    ///
    /// # Errors
    /// Notation failed; or it pushed nothing, or nothing that would be accepted from AWS Signer. What it
    /// pushed then stays, and the error names it.
    async fn sign(&self, plan: &Plan, repositories: &mut Repositories<'_>) -> Result<Signed, Report> {
        let (image, subject) = (Reference::parse(&plan.image)?, &plan.subject.digest);
        let repository = &*repositories.of(&image)?;
        let before: HashSet<Digest> = digests(repository, subject).await?.collect();
        let ran = self.notation.sign(&NotationRequest {
            image: &image,
            digest: subject,
            profile: self.context.profile,
            roots: self.context.roots,
            metadata: self.context.metadata,
            variables: &self.context.signer.variables(),
            login: &repositories.login(image.host()),
        })?;
        if ran.code != 0 {
            let report = Report::new(format!("notation ended with {} for {}", ran.code, plan.image));
            return Err(ran.said.iter().rev().take(MAX_LINES).rev().fold(report, Report::cause));
        }
        let mut last = None;
        for look in 0..MAX_LISTINGS {
            repository.pause(look).await;
            for digest in digests(repository, subject).await?.filter(|digest| !before.contains(digest)) {
                match self.read_back(plan, repository, &digest).await {
                    Ok(mut signed) => {
                        signed.warnings.extend(ran.said.iter().map(|line| format!("notation says: {line}")));
                        return Ok(signed);
                    }
                    // Another one may be ours: others sign, too.
                    Err(err) => {
                        last = Some(err.under(format!(
                            "the signature {digest} that notation pushed for {} is not accepted",
                            plan.image
                        )));
                    }
                }
            }
            if let Some(refused) = last {
                return Err(refused);
            }
        }
        Err(Report::new(format!("notation says that it signed {}, and there is no new signature", plan.image)))
    }

    /// Every check that AWS Signer's answer goes through before it is pushed natively.
    async fn read_back(&self, plan: &Plan, repository: &Repository, signature: &Digest) -> Result<Signed, Report> {
        let manifest = repository.manifest(signature.as_str()).await?;
        let manifest = SignatureManifest::read(&manifest.descriptor.media_type, &manifest.bytes)?;
        manifest.check_signs(&plan.subject.digest)?;
        let bytes = repository.blob(&manifest.envelope, MAX_ENVELOPE).await?;
        let context = self.context;
        let expected =
            Expected { target: &plan.target, profile: context.profile, roots: context.roots, now: context.now() };
        let checked = check_returned(&bytes, &expected)?;
        let by_api = repository.listed(&plan.subject.digest, ListedBy::Api).await?;
        let listed_by = match by_api.iter().any(|listed| listed.digest == *signature) {
            true => ListedBy::Api,
            false => ListedBy::Tag,
        };
        Ok(plan.signed(checked, signature.clone(), (manifest.format, listed_by), Vec::new()))
    }
}

async fn digests(repository: &Repository, subject: &Digest) -> Result<impl Iterator<Item = Digest>, Report> {
    let listed: Vec<Descriptor> = repository.signatures(subject).await?;
    Ok(listed.into_iter().map(|descriptor| descriptor.digest))
}
