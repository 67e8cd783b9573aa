//! What an image is judged by: a policy with its trust stores, whoever asks for the verdict.

use super::{
    anchors::Anchors,
    places::Found,
    policy::{EVERYTHING, Policy, TrustedIdentity},
    run::Wanted,
    trust_store::TrustStore,
};
use crate::{
    aws::{signer_roots::Roots, signing_profile::SigningProfile},
    config::Config,
    oci::{Reference, reference::canonical_name},
    report::Report,
};

/// A policy, and its trust stores.
#[derive(Debug, Clone)]
pub struct Trusted {
    /// Who is trusted, and for what.
    pub policy: Policy,
    /// What their certificates must lead to.
    pub stores: TrustStore,
}

impl Trusted {
    /// A signing profile alone, under the roots of AWS Signer or those that are given.
    ///
    /// # Errors
    /// A profile that is a name alone.
    pub fn profile(profile: &SigningProfile, roots: &Roots) -> Result<Trusted, Report> {
        let stores = match roots {
            Roots::Aws => TrustStore::BuiltIn,
            Roots::Given(certificates) => TrustStore::Given(certificates.clone()),
        };
        Ok(Trusted { policy: Policy::for_profile(profile)?, stores })
    }

    /// A policy of a file.
    ///
    /// # Errors
    /// It cannot be read, or breaks a rule.
    pub fn found(found: Found) -> Result<Trusted, Report> {
        Ok(Trusted { policy: found.read()?, stores: found.store })
    }

    /// An image with the statement that is for its repository, or for the scope that is given in its place. An image
    /// layout has no repository, whatever its folder is called: without a scope the statement for `*` is meant.
    pub fn on(&self, image: &Reference, scope: Option<&str>) -> Wanted<'_> {
        let trust = match (scope, image.layout()) {
            (Some(scope), _) => self.policy.select(&canonical_name(scope)),
            (None, None) => self.policy.select(&image.name()),
            (None, Some(_)) => self.policy.select(EVERYTHING).map_err(|_| {
                Report::new(format!(
                    "{}: no statement is for every repository, and a layout has none",
                    self.policy.origin
                ))
                .hint("say whose statement is meant: --scope REGISTRY/REPOSITORY")
            }),
        };
        let trust = trust.map(|statement| (statement, Anchors::of(statement, &self.stores)));
        Wanted { image: image.clone(), trust }
    }

    /// The first signing profile that is trusted: its home says whose credentials will do where no image is in ECR.
    pub fn signing_profile(&self) -> Option<&SigningProfile> {
        self.policy.statements.iter().flat_map(|statement| &statement.identities).find_map(|identity| match identity {
            TrustedIdentity::SigningProfile(profile) => Some(profile),
            TrustedIdentity::Any | TrustedIdentity::Subject(_) | TrustedIdentity::Other(_) => None,
        })
    }
}

/// The signing profile that config.toml names for an image's registry.
///
/// # Errors
/// What it names is no signing profile.
pub fn profile_of_rule(config: &Config, image: &Reference) -> Result<Option<SigningProfile>, Report> {
    // The port that HTTPS has is no other registry, as for tokens.
    let bare = image.host().strip_suffix(":443");
    let rule = config.rule_for(image.host()).or_else(|| config.rule_for(bare?));
    let Some(rule) = rule else { return Ok(None) };
    let Some(arn) = &rule.signing_profile else { return Ok(None) };
    SigningProfile::parse(arn).map(Some).map_err(|err| err.under(rule.place()))
}
