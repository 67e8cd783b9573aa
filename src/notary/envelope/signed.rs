//! What an envelope says.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::{
    notary::{certificate::Certificate, payload},
    oci::{Descriptor, media},
    report::Report,
};

/// Who vouches for the time of signing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// The signer's own clock (`notary.x509`).
    X509,
    /// The signing authority's clock (`notary.x509.signingAuthority`): AWS Signer.
    SigningAuthority,
}

impl Scheme {
    pub(super) fn parse(text: &str) -> Result<Scheme, String> {
        match text {
            "notary.x509" => Ok(Scheme::X509),
            "notary.x509.signingAuthority" => Ok(Scheme::SigningAuthority),
            other => Err(format!("the signing scheme `{other}` is unknown")),
        }
    }

    /// The scheme as envelopes name it.
    pub fn name(self) -> &'static str {
        match self {
            Scheme::X509 => "notary.x509",
            Scheme::SigningAuthority => "notary.x509.signingAuthority",
        }
    }
}

/// A signed attribute that is not one of the specification's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Whether a verifier that does not know it must refuse the signature.
    pub critical: bool,
    /// Its value.
    pub value: serde_json::Value,
}

/// An envelope. Once its [`Proof`](super::Proof) holds, as of all that [`open`](super::open) gives, everything in it was
/// signed by the leaf's key, except [`agent`](Envelope::agent) and [`timestamp`](Envelope::timestamp), which nobody
/// signed.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// [`media::JWS`] or [`media::COSE`].
    pub media_type: &'static str,
    /// What was signed, byte for byte.
    pub payload: Vec<u8>,
    /// The payload's media type.
    pub content_type: String,
    /// Who vouches for the time.
    pub scheme: Scheme,
    /// The signing time: the authority's under [`Scheme::SigningAuthority`], else the signer's claim.
    pub signed_at: DateTime<Utc>,
    /// When the signature ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// Attributes beyond the specification's own.
    pub extended: BTreeMap<String, Attribute>,
    /// The certificates, leaf first.
    pub chain: Vec<Certificate>,
    /// The program that made it, by its own word.
    pub agent: Option<String>,
    /// An RFC 3161 timestamp, not looked into.
    pub timestamp: Option<Vec<u8>>,
}

impl Envelope {
    /// The descriptor that was signed, and nothing beside it.
    pub fn target(&self) -> Result<Descriptor, Report> {
        if self.content_type != media::PAYLOAD {
            return Err(Report::new(format!("the payload is `{}`, not `{}`", self.content_type, media::PAYLOAD)));
        }
        payload::read(&self.payload)
    }

    /// The text of an extended attribute.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.extended.get(name)?.value.as_str()
    }
}
