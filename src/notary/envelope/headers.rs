//! The signed headers that JWS and COSE have in common, and the rules about them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::signed::{Attribute, Scheme};

/// Which plugin must take part in verifying; AWS Signer names its own.
pub const VERIFICATION_PLUGIN: &str = "io.cncf.notary.verificationPlugin";
/// The oldest version of that plugin that will do.
pub const VERIFICATION_PLUGIN_VERSION: &str = "io.cncf.notary.verificationPluginMinVersion";
/// The specification's own protected headers, read from either kind of envelope.
#[derive(Debug, Default)]
pub(super) struct Headers {
    pub(super) scheme: Option<String>,
    pub(super) signing_time: Option<DateTime<Utc>>,
    pub(super) authentic_time: Option<DateTime<Utc>>,
    pub(super) expiry: Option<DateTime<Utc>>,
    pub(super) extended: BTreeMap<String, serde_json::Value>,
    pub(super) critical: Vec<String>,
}

/// What the headers say once every rule about them holds.
pub(super) struct Signed {
    pub(super) scheme: Scheme,
    pub(super) at: DateTime<Utc>,
    pub(super) until: Option<DateTime<Utc>>,
    pub(super) extended: BTreeMap<String, Attribute>,
}

pub(super) const SCHEME: &str = "io.cncf.notary.signingScheme";
pub(super) const SIGNING_TIME: &str = "io.cncf.notary.signingTime";
pub(super) const AUTHENTIC_TIME: &str = "io.cncf.notary.authenticSigningTime";
pub(super) const EXPIRY: &str = "io.cncf.notary.expiry";
pub(super) const AGENT: &str = "io.cncf.notary.signingAgent";
pub(super) const TIMESTAMP: &str = "io.cncf.notary.timestampSignature";

impl Headers {
    /// The rules that hold for JWS and COSE alike (specifications, signature-envelope-jws.md;
    /// notation-core-go, `signature/jws/jws.go`). `present` says whether any header has a name.
    pub(super) fn check(self, present: impl Fn(&str) -> bool) -> Result<Signed, String> {
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
