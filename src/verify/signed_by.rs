//! Who made a signature, where AWS Signer says so.

use std::fmt;

use semver::Version;

use crate::{
    aws::{
        signer_roots::Roots,
        signing_profile::{Kind, PROFILE_ALIAS, PROFILE_VERSION, SIGNING_JOB, SigningProfile},
    },
    names::{NOTATION_PLUGIN, NOTATION_PLUGIN_VERSION},
    notary::{
        chain::check_time,
        envelope::{Envelope, Scheme, VERIFICATION_PLUGIN, VERIFICATION_PLUGIN_VERSION},
    },
    report::Report,
};

/// The signing profile behind a signature of AWS Signer. Anyone can write the attributes that name
/// one; who has this knows that AWS did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBy {
    /// The version of the profile that signed.
    pub profile: SigningProfile,
    /// The alias that the profile signed under.
    pub alias: Option<SigningProfile>,
    /// AWS's job.
    pub job: String,
}

impl SignedBy {
    /// Reads the attributes of an envelope whose integrity holds, and asks for their proof: AWS's
    /// scheme, and a chain up to one of the roots that was valid when it signed.
    ///
    /// # Errors
    /// Why this is no signature of AWS Signer, or of a kind that is unknown here: then all that the
    /// envelope says is its maker's claim.
    pub fn of(envelope: &Envelope, roots: &Roots) -> Result<SignedBy, Report> {
        let signed_by = SignedBy::claimed(envelope)?;
        roots.check(&envelope.chain)?;
        check_time(&envelope.chain, envelope.signed_at)?;
        Ok(signed_by)
    }

    /// The same without the proof that is the chain.
    pub(crate) fn claimed(envelope: &Envelope) -> Result<SignedBy, Report> {
        const KNOWN: [&str; 5] =
            [VERIFICATION_PLUGIN, VERIFICATION_PLUGIN_VERSION, PROFILE_VERSION, PROFILE_ALIAS, SIGNING_JOB];
        if envelope.scheme != Scheme::SigningAuthority {
            return Err(Report::new(format!(
                "the signing scheme is `{}`, not the signing authority's",
                envelope.scheme.name()
            )));
        }
        let unknown =
            envelope.extended.iter().find(|(name, attribute)| attribute.critical && !KNOWN.contains(&name.as_str()));
        if let Some((name, _)) = unknown {
            return Err(Report::new(format!("the signature has the critical attribute `{name}`, which is unknown")));
        }
        let critical = |name: &str| {
            let critical = envelope.extended.get(name).is_some_and(|attribute| attribute.critical);
            let lacks = || Report::new(format!("the signature lacks the critical attribute `{name}`"));
            envelope.text(name).filter(|_| critical).ok_or_else(lacks)
        };
        let profile = |text: &str, kinds: &[Kind]| match SigningProfile::parse(text) {
            Ok(profile) if kinds.contains(&profile.kind) => Ok(profile),
            Ok(profile) => Err(Report::new(format!("the signature's profile is {profile}, which is of another kind"))),
            Err(err) => Err(err.under("the signature's profile cannot be read")),
        };
        let (version, job) = (critical(PROFILE_VERSION)?, critical(SIGNING_JOB)?);
        if let Some(plugin) = envelope.text(VERIFICATION_PLUGIN).filter(|plugin| *plugin != NOTATION_PLUGIN) {
            return Err(Report::new(format!("the signature asks for the plugin `{plugin}`, not `{NOTATION_PLUGIN}`")));
        }
        if let Some(oldest) = envelope.text(VERIFICATION_PLUGIN_VERSION) {
            check_version(NOTATION_PLUGIN, NOTATION_PLUGIN_VERSION, oldest)?;
        }
        let alias = match envelope.extended.contains_key(PROFILE_ALIAS) {
            true => Some(profile(critical(PROFILE_ALIAS)?, &[Kind::Alias, Kind::Aliased])?),
            false => None,
        };
        let signed_with = profile(version, &[Kind::Profile, Kind::Aliased])?;
        if signed_with.kind == Kind::Profile && signed_with.version.is_none() {
            return Err(Report::new(format!(
                "the signature is by the profile {signed_with}, and not by a version of it"
            )));
        }
        Ok(SignedBy { profile: signed_with, alias, job: job.into() })
    }

    /// Whether this is the profile that was asked for: by its own name or by its alias.
    pub fn is(&self, wanted: &SigningProfile) -> bool {
        std::iter::once(&self.profile).chain(&self.alias).any(|named| wanted.is_met_by(named))
    }
}

/// Checks that a plugin is not older than a signature asks.
pub(super) fn check_version(plugin: &str, version: &str, oldest: &str) -> Result<(), Report> {
    let read = |text: &str| {
        Version::parse(text).map_err(|err| Report::new(format!("`{text}` is not a version of {plugin}")).cause(err))
    };
    if read(version)?.cmp_precedence(&read(oldest)?).is_lt() {
        return Err(Report::new(format!("the signature asks for {plugin} {oldest} or newer, this is {version}")));
    }
    Ok(())
}

impl fmt::Display for SignedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.alias {
            Some(alias) => write!(f, "{} ({alias})", self.profile),
            None => self.profile.fmt(f),
        }
    }
}
