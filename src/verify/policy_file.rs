//! From the text of a trust policy to a checked [`Policy`]: every rule of the Notary Project's
//! specification (trust-store-trust-policy.md, "Trust Policy"), and those that Notation adds
//! (notation-go, `verifier/trustpolicy`).
//!
//! Unknown members are refused, which Notation passes over: a misspelt `override` beside the level
//! `audit` would leave checks out that somebody asked for.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::{
    distinguished_name::DistinguishedName,
    policy::{
        Action, Actions, EVERYTHING, Level, Policy, SUBJECT_PREFIX, Statement, StoreKind, StoreName, TrustedIdentity,
        VerifyTimestamp,
    },
};
use crate::{
    aws::signing_profile::SigningProfile,
    notary::envelope::json,
    oci::reference::{canonical_name, check_name},
    report::{Report, nearest},
};

/// Most identities of one statement: each is compared with each.
const MAX_IDENTITIES: usize = 1000;

/// Said of what this program refuses and Notation does not.
const NOTATION_ACCEPTS: &str = "Notation accepts this";

/// The one version of policies.
const VERSION: &str = "1.0";

impl Policy {
    /// Reads a policy. `origin` says in errors where it comes from: its path.
    ///
    /// # Errors
    /// The first rule that is broken, with the statement that breaks it.
    pub fn parse(bytes: &[u8], origin: &str) -> Result<Policy, Report> {
        Policy::check(bytes, origin).map_err(|mut broken| broken.swap_remove(0))
    }

    /// Reads a policy as [`Policy::parse`] does.
    ///
    /// # Errors
    /// Every rule that is broken, at least one.
    pub fn check(bytes: &[u8], origin: &str) -> Result<Policy, Vec<Report>> {
        let document = json::object(bytes).map_err(|why| {
            vec![
                Report::new(format!("{origin} is no trust policy: {why}"))
                    .hint("correct the JSON; `trust init --signing-profile ARN` writes a policy where there is none"),
            ]
        })?;
        let mut rules = Rules { origin, broken: Vec::new() };
        let statements = rules.document(&document);
        match rules.broken.is_empty() {
            true => Ok(Policy { origin: origin.into(), statements }),
            false => Err(rules.broken),
        }
    }
}

/// The rules on their way through a document, with those that it breaks.
struct Rules<'a> {
    origin: &'a str,
    broken: Vec<Report>,
}

impl Rules<'_> {
    fn refuse(&mut self, place: &str, what: impl AsRef<str>, hint: impl Into<String>) {
        let place = if place.is_empty() { String::new() } else { format!(" {place}:") };
        self.broken.push(Report::new(format!("{}:{place} {}", self.origin, what.as_ref())).hint(hint));
    }

    /// Refuses what Notation lets through.
    fn refuse_unlike_notation(&mut self, place: &str, what: impl AsRef<str>, hint: impl Into<String>) {
        self.refuse(place, what, hint);
        if let Some(last) = self.broken.pop() {
            self.broken.push(last.cause(NOTATION_ACCEPTS));
        }
    }

    fn document(&mut self, document: &Map<String, Value>) -> Vec<Statement> {
        self.known("", document, &["version", "trustPolicies"]);
        match document.get("version") {
            Some(Value::String(version)) if version == VERSION => {}
            None => self.refuse("", "`version` is missing", "write \"version\": \"1.0\""),
            Some(other) => self.refuse("", format!("`version` is {other}, not \"1.0\""), "write \"version\": \"1.0\""),
        }
        let listed = match document.get("trustPolicies") {
            Some(Value::Array(listed)) if !listed.is_empty() => &**listed,
            _ => {
                self.refuse("", "`trustPolicies` is no list of at least one statement", "add a statement");
                &[]
            }
        };
        let statements: Vec<Statement> =
            listed.iter().enumerate().filter_map(|(at, value)| self.statement(at, value)).collect();
        self.unique(&statements);
        statements
    }

    /// Names and scopes belong to one statement each.
    fn unique(&mut self, statements: &[Statement]) {
        let (mut names, mut owners) = (HashSet::new(), HashMap::new());
        for (at, statement) in statements.iter().enumerate() {
            let place = place(&statement.name);
            if !statement.name.is_empty() && !names.insert(&statement.name) {
                self.refuse(&place, "another statement has this name", "give each statement a name of its own");
            }
            for scope in &statement.scopes {
                match owners.insert(scope, (at, &statement.name)) {
                    None => {}
                    Some((before, _)) if before == at => {
                        self.refuse(&place, format!("the scope `{scope}` is there twice"), "remove one of them");
                    }
                    Some((_, other)) => {
                        let what = format!("the scope `{scope}` is in the statement `{other}`, too");
                        self.refuse(&place, what, "leave each scope in one statement");
                    }
                }
            }
        }
    }

    /// Reads a statement as far as it can be read, so that everything that is wrong is told at once.
    fn statement(&mut self, at: usize, value: &Value) -> Option<Statement> {
        let numbered = format!("statement {}", at + 1);
        let Value::Object(members) = value else {
            self.refuse(&numbered, "it is no JSON object", "write {\"name\": …}");
            return None;
        };
        let name = match members.get("name") {
            Some(Value::String(name)) if !name.is_empty() => name.clone(),
            _ => {
                self.refuse(&numbered, "`name` is no text that says something", "give the statement a name");
                String::new()
            }
        };
        let place = if name.is_empty() { numbered } else { place(&name) };
        self.known(
            &place,
            members,
            &["name", "registryScopes", "signatureVerification", "trustStores", "trustedIdentities"],
        );
        let (level, actions, verify_timestamp) = self.verification(&place, members.get("signatureVerification"));
        let scopes = self.scopes(&place, members.get("registryScopes"), level);
        let (stores, identities) = (members.get("trustStores"), members.get("trustedIdentities"));
        let (stores, identities) =
            (self.texts(&place, "trustStores", stores), self.texts(&place, "trustedIdentities", identities));
        if level == Level::Skip {
            if !stores.is_empty() || !identities.is_empty() {
                let hint = "remove trustStores and trustedIdentities, or name another level";
                self.refuse(&place, "the level `skip` has no trust stores and no trusted identities", hint);
            }
        } else {
            for (member, empty) in [("trustStores", stores.is_empty()), ("trustedIdentities", identities.is_empty())] {
                if empty {
                    let what = format!("`{member}` must name at least one with the level `{}`", level.name());
                    self.refuse(&place, what, "name who is trusted");
                }
            }
        }
        let stores = stores.iter().filter_map(|store| self.store(&place, store)).collect();
        let identities = self.identities(&place, &identities);
        Some(Statement { name, scopes, level, actions, verify_timestamp, stores, identities })
    }

    /// `signatureVerification`; where it cannot be read, as if it were strict.
    fn verification(&mut self, place: &str, value: Option<&Value>) -> (Level, Actions, VerifyTimestamp) {
        let strict = (Level::Strict, Level::Strict.actions(), VerifyTimestamp::Always);
        let Some(Value::Object(members)) = value else {
            let hint = "write \"signatureVerification\": {\"level\": \"strict\"}";
            self.refuse(place, "`signatureVerification` is no object with a level", hint);
            return strict;
        };
        self.known(place, members, &["level", "override", "verifyTimestamp"]);
        let wanted = members.get("level").and_then(Value::as_str);
        let Some(level) = Level::ALL.into_iter().find(|level| Some(level.name()) == wanted) else {
            let given = members.get("level").map_or("missing".into(), Value::to_string);
            let what = format!("`level` is {given}, none of strict, permissive, audit and skip");
            self.refuse(place, what, "write \"level\": \"strict\"");
            return strict;
        };
        let verify_timestamp = match members.get("verifyTimestamp") {
            None => VerifyTimestamp::Always,
            Some(Value::String(text)) if text == "always" => VerifyTimestamp::Always,
            Some(Value::String(text)) if text == "afterCertExpiry" => VerifyTimestamp::AfterCertExpiry,
            Some(other) => {
                let what = format!("`verifyTimestamp` is {other}, neither always nor afterCertExpiry");
                self.refuse(place, what, "write \"always\", or leave it out, which means the same");
                VerifyTimestamp::Always
            }
        };
        let actions = match members.get("override") {
            None => level.actions(),
            Some(Value::Object(overrides)) => self.overrides(place, level, overrides),
            Some(_) => {
                self.refuse(place, "`override` is no object", "write \"override\": {\"expiry\": \"log\"}");
                level.actions()
            }
        };
        (level, actions, verify_timestamp)
    }

    fn overrides(&mut self, place: &str, level: Level, overrides: &Map<String, Value>) -> Actions {
        let mut actions = level.actions();
        if level == Level::Skip && !overrides.is_empty() {
            let hint = "name the level audit, and override that";
            self.refuse(place, "the level `skip` checks nothing that `override` could change", hint);
            return actions;
        }
        for (check, value) in overrides {
            let place = format!("{place}: override");
            let slot = match check.as_str() {
                "authenticity" => &mut actions.authenticity,
                "authenticTimestamp" => &mut actions.authentic_timestamp,
                "expiry" => &mut actions.expiry,
                "revocation" => &mut actions.revocation,
                "integrity" => {
                    self.refuse(&place, "`integrity` is always enforced", "remove it");
                    continue;
                }
                _ => {
                    let what = format!("`{check}` is no check");
                    self.refuse(
                        &place,
                        what,
                        nearest(check, &["authenticity", "authenticTimestamp", "expiry", "revocation"]),
                    );
                    continue;
                }
            };
            match value.as_str() {
                Some("enforce") => *slot = Action::Enforce,
                Some("log") => *slot = Action::Log,
                Some("skip") if check == "revocation" => *slot = Action::Skip,
                Some("skip") => {
                    let what = format!("`{check}` cannot be skipped, only revocation can");
                    self.refuse(&place, what, "write \"log\": a failure is told, and the signature counts");
                }
                _ => {
                    let what = format!("`{check}` is {value}, no action");
                    self.refuse(&place, what, "write \"enforce\" or \"log\", or \"skip\" for revocation");
                }
            }
        }
        actions
    }

    fn scopes(&mut self, place: &str, value: Option<&Value>, level: Level) -> Vec<String> {
        let scopes = self.texts(place, "registryScopes", value);
        if scopes.is_empty() {
            let hint = "name REGISTRY/REPOSITORY, or \"*\" for every repository that no other statement names";
            self.refuse(place, "`registryScopes` must name at least one", hint);
        }
        let wide = scopes.iter().any(|scope| scope == EVERYTHING);
        if wide && scopes.len() > 1 {
            self.refuse(
                place,
                "the scope `*` stands alone",
                "remove the others, or give them a statement of their own",
            );
        }
        if wide && level == Level::Skip {
            // trust-store-trust-policy.md, "Signature Verification details"
            let hint = "name the repositories whose images nobody signs; for the others use the level audit";
            self.refuse_unlike_notation(place, "the level `skip` for the scope `*` would trust every image", hint);
        }
        for scope in scopes.iter().filter(|scope| *scope != EVERYTHING) {
            if scope.contains('*') {
                let hint = "name each repository whole, or use \"*\" alone";
                self.refuse(place, format!("the scope `{scope}` has a `*`, which cannot be a part of one"), hint);
            } else if let Err(why) = check_name(scope) {
                let hint = "write REGISTRY/REPOSITORY without scheme, tag and digest, as docker.io/library/alpine";
                self.refuse(place, format!("the scope `{scope}` is no repository: {why}"), hint);
            }
        }
        scopes.iter().map(|scope| canonical_name(scope)).collect()
    }

    fn store(&mut self, place: &str, text: &str) -> Option<StoreName> {
        let (kind, name) = text.split_once(':').unwrap_or((text, ""));
        let known = StoreKind::ALL.into_iter().find(|known| known.name() == kind);
        if known.is_none() {
            let hint = "write ca:NAME, signingAuthority:NAME or tsa:NAME";
            self.refuse(place, format!("the trust store `{text}` is of no known kind"), hint);
        } else if !StoreName::is_name(name) {
            let hint = "a store's name has letters, digits, `_`, `.` and `-`; each store is a text of its own";
            self.refuse(place, format!("the trust store `{text}` has no name of a folder"), hint);
        }
        Some(StoreName { kind: known?, name: name.into() })
    }

    fn identities(&mut self, place: &str, texts: &[String]) -> Vec<TrustedIdentity> {
        if texts.len() > 1 && texts.iter().any(|text| text == EVERYTHING) {
            self.refuse(place, "the identity `*` stands alone", "remove it, or the others");
        }
        if texts.len() > MAX_IDENTITIES {
            self.refuse(
                place,
                format!("it has more than {MAX_IDENTITIES} identities"),
                "make several statements of it",
            );
            return Vec::new();
        }
        let identities: Vec<TrustedIdentity> = texts.iter().filter_map(|text| self.identity(place, text)).collect();
        let names = || {
            identities.iter().filter_map(|one| if let TrustedIdentity::Subject(name) = one { Some(name) } else { None })
        };
        for (at, name) in names().enumerate() {
            if let Some(other) = names().take(at).find(|other| other.overlaps(name)) {
                // "overlapping if there exists a certificate for which multiple DNs evaluate true";
                // Notation asks only whether one has all attributes of the other.
                let what =
                    format!("one certificate could be both `{SUBJECT_PREFIX}{other}` and `{SUBJECT_PREFIX}{name}`");
                let hint = "remove one of them, or give both an attribute in which they differ";
                match other.matches(name.attributes()) || name.matches(other.attributes()) {
                    true => self.refuse(place, what, hint),
                    false => self.refuse_unlike_notation(place, what, hint),
                }
            }
        }
        identities
    }

    fn identity(&mut self, place: &str, text: &str) -> Option<TrustedIdentity> {
        if text == EVERYTHING {
            return Some(TrustedIdentity::Any);
        }
        if !text.contains(':') {
            let hint = "write the ARN of a signing profile, x509.subject: and a name, or \"*\"";
            self.refuse(place, format!("the identity `{text}` has no kind before a `:`"), hint);
            return None;
        }
        if let Some(name) = text.strip_prefix(SUBJECT_PREFIX) {
            return match DistinguishedName::parse(name) {
                Ok(name) => Some(TrustedIdentity::Subject(name)),
                Err(why) => {
                    let hint = "write x509.subject: C=US, ST=WA, O=example.com, and what else it must have";
                    self.refuse(place, format!("the identity `{text}`: {why}"), hint);
                    None
                }
            };
        }
        let profile = text.starts_with("arn:").then(|| SigningProfile::parse(text).ok()).flatten();
        Some(profile.map_or_else(|| TrustedIdentity::Other(text.into()), TrustedIdentity::SigningProfile))
    }

    /// A list of texts that may be absent, each of which says something.
    fn texts(&mut self, place: &str, member: &str, value: Option<&Value>) -> Vec<String> {
        let Some(value) = value.filter(|value| !value.is_null()) else { return Vec::new() };
        let texts = value.as_array().and_then(|listed| {
            listed.iter().map(|one| one.as_str().filter(|text| !text.is_empty()).map(str::to_owned)).collect()
        });
        texts.unwrap_or_else(|| {
            self.refuse(place, format!("`{member}` is no list of texts"), format!("write \"{member}\": [\"…\"]"));
            Vec::new()
        })
    }

    /// Refuses members that nobody reads.
    fn known(&mut self, place: &str, members: &Map<String, Value>, known: &[&str]) {
        for name in members.keys().filter(|name| !known.contains(&name.as_str())) {
            self.refuse_unlike_notation(place, format!("`{name}` means nothing here"), nearest(name, known));
        }
    }
}

fn place(name: &str) -> String {
    format!("statement `{name}`")
}
