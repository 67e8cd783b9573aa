//! Signature envelopes: read, and every rule about them. Pure: no I/O, no clock.

mod aws;
mod certificate;
mod cose;
mod json;
mod jws;
mod key;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;

pub use aws::{Expected, Roots, check_returned};
pub use certificate::{Certificate, check_chain, check_time, rfc3339};
pub use key::{Key, KeyKind};

use super::{Descriptor, Error, media};

/// Largest envelope that is read (notation-go, `registry/repository.go`).
pub const LARGEST: usize = 32 * 1024 * 1024;

/// Which plugin must take part in verifying; AWS Signer names its own.
pub const VERIFICATION_PLUGIN: &str = "io.cncf.notary.verificationPlugin";
/// The oldest version of that plugin that will do.
pub const VERIFICATION_PLUGIN_VERSION: &str = "io.cncf.notary.verificationPluginMinVersion";
/// The profile version that AWS Signer signed with.
pub const PROFILE_VERSION: &str = "com.amazonaws.signer.signingProfileVersion";
/// AWS Signer's job.
pub const SIGNING_JOB: &str = "com.amazonaws.signer.signingJob";

/// Who vouches for the time of signing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// The signer's own clock (`notary.x509`).
    X509,
    /// The signing authority's clock (`notary.x509.signingAuthority`): AWS Signer.
    SigningAuthority,
}

impl Scheme {
    fn parse(text: &str) -> Result<Scheme, String> {
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

/// An envelope whose integrity holds: everything in it was signed by the leaf's key, except
/// [`agent`](Envelope::agent) and [`timestamp`](Envelope::timestamp), which nobody signed.
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
    /// The signature's bytes, which a timestamp covers.
    pub signature: Vec<u8>,
    /// The program that made it, by its own word.
    pub agent: Option<String>,
    /// An RFC 3161 timestamp, not looked into.
    pub timestamp: Option<Vec<u8>>,
}

impl Envelope {
    /// Reads an envelope and checks what holds for every envelope: protected headers and `crit`,
    /// the chain's shape, the algorithm that the leaf's key fixes, the signature, the expiry after
    /// the signing time. Roots, times and identities are for the caller to judge.
    pub fn open(media_type: &str, bytes: &[u8]) -> Result<Envelope, Error> {
        if bytes.len() > LARGEST {
            return Err(Error::new(format!("the signature envelope has {} bytes, more than 32 MiB", bytes.len())));
        }
        let envelope = match media_type {
            media::JWS => jws::open(bytes),
            media::COSE => cose::open(bytes),
            other => return Err(Error::new(format!("`{other}` is not a signature envelope"))),
        }?;
        if envelope.expires_at.is_some_and(|end| end <= envelope.signed_at) {
            return Err(Error::new("the signature expires before it was made"));
        }
        if envelope.scheme == Scheme::SigningAuthority {
            check_time(&envelope.chain, envelope.signed_at)?;
        }
        Ok(envelope)
    }

    /// The descriptor that was signed, and nothing beside it.
    pub fn target(&self) -> Result<Descriptor, Error> {
        if self.content_type != media::PAYLOAD {
            return Err(Error::new(format!("the payload is `{}`, not `{}`", self.content_type, media::PAYLOAD)));
        }
        let bad = |why: String| Error::new(format!("the payload cannot be read: {why}"));
        let mut members = json::object(&self.payload).map_err(bad)?;
        let target = members.shift_remove("targetArtifact").ok_or_else(|| bad("it has no `targetArtifact`".into()))?;
        let inner = target.as_object().ok_or_else(|| bad("`targetArtifact` is not an object".into()))?;
        let known = |name: &&String| !DESCRIPTOR_MEMBERS.contains(&name.as_str());
        let unknown: Vec<&String> = members.keys().chain(inner.keys().filter(known)).collect();
        if !unknown.is_empty() {
            return Err(Error::new(format!("unknown attributes were added to what is signed: {unknown:?}")));
        }
        Descriptor::deserialize(&target).map_err(|err| bad(err.to_string()))
    }

    /// The text of an extended attribute.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.extended.get(name)?.value.as_str()
    }
}

/// Members of a descriptor (image-spec); a signature over any other is refused (notation-go, `signer/plugin.go`).
const DESCRIPTOR_MEMBERS: [&str; 8] =
    ["mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType"];

/// The specification's own protected headers, read from either kind of envelope.
#[derive(Debug, Default)]
struct Headers {
    scheme: Option<String>,
    signing_time: Option<DateTime<Utc>>,
    authentic_time: Option<DateTime<Utc>>,
    expiry: Option<DateTime<Utc>>,
    extended: BTreeMap<String, serde_json::Value>,
    critical: Vec<String>,
}

/// What the headers say once every rule about them holds.
struct Signed {
    scheme: Scheme,
    at: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
    extended: BTreeMap<String, Attribute>,
}

const SCHEME: &str = "io.cncf.notary.signingScheme";
const SIGNING_TIME: &str = "io.cncf.notary.signingTime";
const AUTHENTIC_TIME: &str = "io.cncf.notary.authenticSigningTime";
const EXPIRY: &str = "io.cncf.notary.expiry";
const AGENT: &str = "io.cncf.notary.signingAgent";
const TIMESTAMP: &str = "io.cncf.notary.timestampSignature";

impl Headers {
    /// The rules that hold for JWS and COSE alike (specifications, signature-envelope-jws.md;
    /// notation-core-go, `signature/jws/jws.go`). `present` says whether any header has a name.
    fn check(self, present: impl Fn(&str) -> bool) -> Result<Signed, String> {
        let scheme = Scheme::parse(&self.scheme.ok_or("the signing scheme is missing")?)?;
        let (at, forbidden) = match scheme {
            Scheme::X509 => (self.signing_time.ok_or("the signing time is missing")?, self.authentic_time),
            Scheme::SigningAuthority => {
                (self.authentic_time.ok_or("the authentic signing time is missing")?, self.signing_time)
            }
        };
        if forbidden.is_some() {
            return Err(format!("the scheme `{}` has the other scheme's signing time", scheme.name()));
        }
        let mut must = vec![SCHEME];
        must.extend((scheme == Scheme::SigningAuthority).then_some(AUTHENTIC_TIME));
        must.extend(self.expiry.is_some().then_some(EXPIRY));
        for name in [VERIFICATION_PLUGIN, VERIFICATION_PLUGIN_VERSION] {
            if let Some(value) = self.extended.get(name) {
                if value.as_str().is_none_or(str::is_empty) {
                    return Err(format!("`{name}` is not a text"));
                }
                must.push(name);
            }
        }
        if let Some(missing) = must.into_iter().find(|name| !self.critical.iter().any(|critical| critical == name)) {
            return Err(format!("`{missing}` is not marked critical"));
        }
        if let Some(absent) = self.critical.iter().find(|name| !present(name)) {
            return Err(format!("`{absent}` is marked critical but is not there"));
        }
        let extended = self
            .extended
            .into_iter()
            .map(|(name, value)| {
                let critical = self.critical.contains(&name);
                (name, Attribute { critical, value })
            })
            .collect();
        Ok(Signed { scheme, at, until: self.expiry, extended })
    }
}
