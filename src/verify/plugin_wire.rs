//! Notation's plugin protocol 1.0 as JSON: what a caller and a plugin write to each other (specifications,
//! plugin-extensibility.md; notation-plugin-framework-go, `plugin/proto.go`). Pure.
//!
//! This program speaks both sides: it calls the plugins that signatures ask for, and is one itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// The one version of the protocol.
pub const CONTRACT: &str = "1.0";

/// What a plugin says of itself: the answer to `get-plugin-metadata`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginMetadata {
    /// Its name.
    pub name: String,
    /// What it is, for people.
    #[serde(default)]
    pub description: String,
    /// Its semantic version.
    pub version: String,
    /// Where to read of it.
    #[serde(default)]
    pub url: String,
    /// Versions of the protocol that it speaks.
    pub supported_contract_versions: Vec<String>,
    /// What it can do.
    pub capabilities: Vec<String>,
}

/// The request `verify-signature`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifySignature {
    /// The protocol's version.
    pub contract_version: String,
    /// What was signed by whom.
    pub signature: SignatureParts,
    /// Who is trusted, and what is to be verified.
    pub trust_policy: TrustPolicyParts,
    /// Settings of the caller.
    #[serde(default, deserialize_with = "or_default")]
    pub plugin_config: BTreeMap<String, String>,
}

/// What a plugin is told of a signature whose integrity the caller has checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignatureParts {
    /// What its maker wants understood.
    pub critical_attributes: CriticalAttributes,
    /// Names of the attributes that the caller did not understand.
    #[serde(default, deserialize_with = "or_default")]
    pub unprocessed_attributes: Vec<String>,
    /// The certificates, leaf first, each DER in base64.
    pub certificate_chain: Vec<String>,
}

/// The attributes that must be understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CriticalAttributes {
    /// The payload's media type.
    #[serde(default)]
    pub content_type: String,
    /// Who vouches for the time.
    pub signing_scheme: String,
    /// When the signature ends (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry: Option<String>,
    /// The signing authority's time (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentic_signing_time: Option<String>,
    /// Those that are not the specification's own.
    #[serde(default, deserialize_with = "or_default")]
    pub extended_attributes: Map<String, Value>,
}

/// What a plugin is told of the trust policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrustPolicyParts {
    /// Who is trusted.
    #[serde(default, deserialize_with = "or_default")]
    pub trusted_identities: Vec<String>,
    /// Names of the capabilities that are asked for.
    #[serde(default, deserialize_with = "or_default")]
    pub signature_verification: Vec<String>,
}

/// The answer to `verify-signature`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// By the capability's name.
    pub verification_results: BTreeMap<String, Verification>,
    /// Names of the attributes that the plugin understood.
    #[serde(default)]
    pub processed_attributes: Vec<Value>,
}

/// What became of one capability.
#[derive(Debug, Serialize, Deserialize)]
pub struct Verification {
    /// Whether it holds.
    pub success: bool,
    /// Why, or why not.
    #[serde(default)]
    pub reason: String,
}

/// What a plugin that fails writes to its standard error.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginError {
    /// One of the protocol's codes.
    pub error_code: String,
    /// In words.
    #[serde(default)]
    pub error_message: String,
}

/// A member that is absent or `null`: Go writes a list without elements so.
pub fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(input: D) -> Result<T, D::Error> {
    Option::deserialize(input).map(Option::unwrap_or_default)
}
