//! What is said to a verification plugin and what it answers: Notation's plugin protocol 1.0 (specifications,
//! plugin-extensibility.md, "Verification Extensibility"), as the judge has it. Pure.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

pub use super::plugin_wire::PluginMetadata;
use super::{
    plugin_wire::{
        CONTRACT, CriticalAttributes, SignatureParts, TrustPolicyParts, Verification, Verified, VerifySignature,
    },
    policy::{Action, Statement},
    signed_by::check_version,
};
use crate::{
    notary::{
        certificate::rfc3339,
        envelope::{Envelope, Scheme, VERIFICATION_PLUGIN, VERIFICATION_PLUGIN_VERSION},
    },
    report::Report,
};

/// What a plugin can verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    /// Whether the policy trusts who signed.
    TrustedIdentity,
    /// Whether something was revoked.
    RevocationCheck,
}

impl Capability {
    /// Both.
    pub const ALL: [Capability; 2] = [Capability::TrustedIdentity, Capability::RevocationCheck];

    /// Its name in the protocol.
    pub fn name(self) -> &'static str {
        match self {
            Capability::TrustedIdentity => "SIGNATURE_VERIFIER.TRUSTED_IDENTITY",
            Capability::RevocationCheck => "SIGNATURE_VERIFIER.REVOCATION_CHECK",
        }
    }
}

/// A request for a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginRequest {
    /// The plugin that the signature names.
    pub name: String,
    signature: SignatureParts,
    identities: Vec<String>,
    wanted: Vec<Capability>,
}

impl PluginRequest {
    pub(super) fn new(name: &str, envelope: &Envelope, statement: &Statement) -> PluginRequest {
        let attributes = to_process(envelope);
        let critical_attributes = CriticalAttributes {
            content_type: envelope.content_type.clone(),
            signing_scheme: envelope.scheme.name().into(),
            expiry: envelope.expires_at.map(rfc3339),
            authentic_signing_time: match envelope.scheme {
                Scheme::SigningAuthority => Some(rfc3339(envelope.signed_at)),
                Scheme::X509 => None,
            },
            extended_attributes: attributes.iter().map(|(key, value)| ((*key).clone(), (*value).clone())).collect(),
        };
        let asks = |capability: &Capability| match capability {
            Capability::TrustedIdentity => true,
            Capability::RevocationCheck => statement.actions.revocation != Action::Skip,
        };
        PluginRequest {
            name: name.into(),
            signature: SignatureParts {
                critical_attributes,
                unprocessed_attributes: attributes.iter().map(|(key, _)| (*key).clone()).collect(),
                certificate_chain: envelope.chain.iter().map(|certificate| STANDARD.encode(&certificate.der)).collect(),
            },
            identities: statement.identities.iter().map(ToString::to_string).collect(),
            wanted: Capability::ALL.into_iter().filter(asks).collect(),
        }
    }

    /// Of what a plugin can verify, that which is asked of it.
    pub(super) fn asked_of(&self, metadata: &PluginMetadata) -> Vec<Capability> {
        self.wanted.iter().copied().filter(|wanted| metadata.can(*wanted)).collect()
    }

    /// The request `verify-signature`.
    pub(super) fn verify_signature(&self, asked: &[Capability]) -> VerifySignature {
        VerifySignature {
            contract_version: CONTRACT.into(),
            signature: self.signature.clone(),
            trust_policy: TrustPolicyParts {
                trusted_identities: self.identities.clone(),
                signature_verification: asked.iter().map(|capability| capability.name().into()).collect(),
            },
            plugin_config: BTreeMap::new(),
        }
    }
}

impl PluginMetadata {
    /// Whether it says that it can do this.
    fn can(&self, capability: Capability) -> bool {
        self.capabilities.iter().any(|known| known == capability.name())
    }

    /// Checks that this is the plugin that was asked for, and one that can verify something.
    pub(super) fn check(&self, name: &str) -> Result<(), Report> {
        if self.name != name {
            return Err(Report::new(format!("it calls itself `{}`", self.name)));
        }
        if !self.supported_contract_versions.iter().any(|version| version == CONTRACT) {
            return Err(Report::new(format!("it does not speak version {CONTRACT} of the plugin protocol")));
        }
        if !Capability::ALL.into_iter().any(|capability| self.can(capability)) {
            return Err(Report::new("it cannot verify signatures"));
        }
        Ok(())
    }
}

/// What a plugin said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginAnswer {
    /// Of itself.
    pub metadata: PluginMetadata,
    /// Of each thing that it was asked to verify: in its own words why it holds, or why not.
    pub results: BTreeMap<Capability, Result<String, String>>,
    /// The attributes that it understood.
    pub processed: Vec<String>,
}

impl PluginAnswer {
    /// What a plugin answered that was asked this. What it was asked and does not tell does not hold.
    pub(super) fn new(metadata: PluginMetadata, asked: &[Capability], answer: Verified) -> PluginAnswer {
        let result = |capability: Capability| match answer.verification_results.get(capability.name()) {
            Some(Verification { success: true, reason }) => Ok(reason.clone()),
            Some(Verification { success: false, reason }) => Err(reason.clone()),
            None => Err("it did not say".into()),
        };
        let processed =
            answer.processed_attributes.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect();
        PluginAnswer { results: asked.iter().map(|asked| (*asked, result(*asked))).collect(), processed, metadata }
    }

    /// Whether the plugin is new enough and understood all that must be understood.
    pub(super) fn check(&self, name: &str, oldest: Option<&str>, envelope: &Envelope) -> Result<(), Report> {
        self.metadata.check(name)?;
        if let Some(oldest) = oldest {
            check_version(name, &self.metadata.version, oldest)?;
        }
        match to_process(envelope).into_iter().find(|(name, _)| !self.processed.contains(name)) {
            None => Ok(()),
            Some((name, _)) => Err(Report::new(format!("the plugin does not know the critical attribute `{name}`"))),
        }
    }

    /// What it said of one thing; `None` where that is not its affair.
    pub(super) fn result(&self, capability: Capability) -> Option<Result<String, Report>> {
        let says = |words: &str| match words {
            "" => format!("the plugin `{}` says so", self.metadata.name),
            words => format!("the plugin `{}` says: {words}", self.metadata.name),
        };
        let result = self.results.get(&capability)?;
        Some(result.as_ref().map(|words| says(words)).map_err(|words| Report::new(says(words))))
    }
}

/// The critical attributes that a plugin must understand: all but its own name and version.
fn to_process(envelope: &Envelope) -> Vec<(&String, &Value)> {
    let own = [VERIFICATION_PLUGIN, VERIFICATION_PLUGIN_VERSION];
    let critical = envelope.extended.iter().filter(|(_, attribute)| attribute.critical);
    critical.filter(|(name, _)| !own.contains(&name.as_str())).map(|(name, found)| (name, &found.value)).collect()
}
