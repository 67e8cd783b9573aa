//! Trust in one signing profile: the policy and the trust store that Notation and this program read.
//!
//! The policy is the one that AWS documents (AWS Signer developer guide, "Verify an image"). One that
//! is there already gains a statement, or one of its statements the profile; all else of it stays.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value, json, ser::PrettyFormatter};

use super::{
    backup::{self, Before},
    change::{Backup, Change, FileKind},
    file::UserFile,
    plan::Plan,
};
use crate::{
    aws::{
        signer_roots::{AWS_ROOTS, AwsRoot, of_partition},
        signing_profile::SigningProfile,
    },
    environment::Environment,
    notary::certificate::Certificate,
    oci::reference::canonical_name,
    report::Report,
    verify::{
        places::{POLICY_FILES, notation_folder, present},
        policy::{EVERYTHING, Level, Policy, Statement, StoreKind, StoreName, TrustedIdentity},
        trust_store::TrustStore,
    },
};

/// Who is to be trusted, and for what.
#[derive(Debug, Clone)]
pub struct TrustRequest {
    /// A profile, a version or an alias, by its ARN.
    pub profile: SigningProfile,
    /// The root of `--root`, in place of AWS Signer's own.
    pub root: Option<(PathBuf, Vec<Certificate>)>,
    /// The repositories; none for every one that no other statement names.
    pub scopes: Vec<String>,
}

/// The name of AWS's documented statement.
const STATEMENT: &str = "aws-signer-tp";

/// The store of roots that are not AWS's.
const OWN_STORE: &str = "own-signer-ts";

impl Plan {
    /// What trusting this profile takes, and what to ask before a statement that is there is changed.
    /// Reads, and writes nothing.
    pub fn trust(request: &TrustRequest, environment: &Environment) -> Result<(Plan, Option<String>), Report> {
        Plan::trust_in(request, folder(environment)?, present(environment).first().map(PathBuf::as_path))
    }

    /// The same in this folder; `hidden` is the policy that is in force where there is none in it.
    pub(super) fn trust_in(
        request: &TrustRequest,
        folder: PathBuf,
        hidden: Option<&Path>,
    ) -> Result<(Plan, Option<String>), Report> {
        // The same rule, whatever a profile is named for: its ARN, so that no other account's is meant.
        Policy::for_profile(&request.profile)?;
        let mut plan = Plan::default();
        let store = plan.store(request, &folder.join("truststore"))?;
        let file = UserFile::read(&policy_path(&folder))?;
        if let (None, Some(hidden)) = (&file.text, hidden) {
            let what = format!("{} is no longer read where {} is", hidden.display(), file.path.display());
            plan.warnings.push(Report::new(what).hint("set NOTATION_CONFIG to its folder to add to it instead"));
        }
        let question = plan.policy(file, request, &store)?;
        Ok((plan, question))
    }

    /// What bringing the policy back takes: it changes places with the copy beside it, so that nothing
    /// is lost, whoever changed it since. Reads, and writes nothing.
    pub fn undo_trust(environment: &Environment) -> Result<Plan, Report> {
        Plan::undo_trust_in(&folder(environment)?)
    }

    /// The same in this folder.
    pub(super) fn undo_trust_in(folder: &Path) -> Result<Plan, Report> {
        let path = policy_path(folder);
        let mut plan = Plan::default();
        let Some(before) = backup::load(&path)? else {
            plan.notes.push(format!("trust: nothing to undo in {}", path.display()));
            return Ok(plan);
        };
        let after = match before {
            Before::Text(text) => Some(text),
            Before::Nothing => None,
        };
        let done = if after.is_some() { "is as it was" } else { "is gone, as it was" };
        let kept = backup::copy_path(&path);
        plan.notes.push(format!("trust: {} {done}; what was there is kept in {}", path.display(), kept.display()));
        plan.changes.push(Change { kind: FileKind::Policy, file: UserFile::read(&path)?, after, backup: Backup::Keep });
        Ok(plan)
    }

    /// Plans the trust store, and names it.
    fn store(&mut self, request: &TrustRequest, truststore: &Path) -> Result<StoreName, Report> {
        let home = request.profile.home.as_ref().map_or("", |home| &home.partition);
        let root = of_partition(home);
        let (name, file, certificates) = match &request.root {
            None => (root.store, root.partition, Certificate::read_file(root.pem.as_bytes()).map_err(Report::new)?),
            Some((path, certificates)) => {
                let place = path.display();
                if let Some(other) = certificates.iter().find(|one| !one.is_self_signed()) {
                    return Err(Report::new(format!("`{}` of {place} is no root certificate", other.subject))
                        .hint("give the certificate that signs itself"));
                }
                let known = |one: &Certificate| AWS_ROOTS.iter().find(|root| root.fingerprint == one.fingerprint());
                let pins: Vec<Option<&AwsRoot>> = certificates.iter().map(known).collect();
                if let Some(other) = pins.iter().flatten().find(|pin| pin.partition != root.partition) {
                    let what = format!("{place} has AWS Signer's root of the partition {}", other.partition);
                    return Err(Report::new(format!("{what}, and {} is of {home}", request.profile))
                        .hint("leave --root out: AWS Signer's roots are built in"));
                }
                if pins.contains(&None) {
                    let what = format!(
                        "{place} is NOT a root of AWS Signer: whoever has its key can sign as {}",
                        request.profile
                    );
                    self.warnings.push(Report::new(what).hint("leave --root out to trust AWS Signer's own root"));
                    (OWN_STORE, "own", certificates.clone())
                } else {
                    (root.store, root.partition, certificates.clone())
                }
            }
        };
        let name = StoreName { kind: StoreKind::SigningAuthority, name: name.into() };
        let store = TrustStore::Folder(truststore.into());
        let folder = store.folder(&name).unwrap_or_default();
        let present = match folder.symlink_metadata() {
            Err(_) => Vec::new(), // what keeps us from looking keeps us from writing, which says so
            Ok(found) if found.is_dir() && folder.read_dir().is_ok_and(|mut files| files.next().is_none()) => {
                Vec::new()
            }
            Ok(_) => store.read(&name)?.certificates,
        };
        for (file, other) in present.iter().filter(|(_, other)| certificates.iter().all(|one| one.der != other.der)) {
            let what = format!("the trust store {name} also holds `{}` in {}", other.subject, file.display());
            self.warnings.push(Report::new(what).hint("remove the file if signatures under it are not to pass"));
        }
        if certificates.iter().all(|one| present.iter().any(|(_, other)| one.der == other.der)) {
            self.notes.push(format!("trust: the trust store {name} has the root already"));
            return Ok(name);
        }
        let file = UserFile::read(&folder.join(format!("{file}-signer-notation-root.pem")))?;
        self.notes.push(format!("trust: {} holds the root", file.path.display()));
        let pem: String = certificates.iter().map(Certificate::pem).collect();
        self.changes.push(Change { kind: FileKind::Certificates, file, after: Some(pem), backup: Backup::Leave });
        Ok(name)
    }

    /// Plans the policy.
    fn policy(&mut self, file: UserFile, request: &TrustRequest, store: &StoreName) -> Result<Option<String>, Report> {
        let (origin, mut question) = (file.path.display().to_string(), None);
        let mut scopes: Vec<String> = request.scopes.iter().map(|scope| canonical_name(scope)).collect();
        if scopes.is_empty() {
            scopes.push(EVERYTHING.into());
        }
        let mut document = match &file.text {
            None => json!({ "version": "1.0", "trustPolicies": [] }),
            Some(text) => {
                let policy = Policy::parse(text.as_bytes(), &origin)
                    .map_err(|report| report.under("the policy that is there breaks a rule, and is left as it is"))?;
                match found(&policy, &scopes)? {
                    None => {}
                    Some(statement) if is_met(statement, request, store) => {
                        self.notes.push(format!("trust: {origin} trusts {} already", request.profile));
                        self.weaker(statement, &origin);
                        return Ok(None);
                    }
                    Some(statement) => question = Some(self.may_gain(statement, request, store, &origin)?),
                }
                serde_json::from_str(text).map_err(|err| Report::new(format!("{origin} is no JSON")).cause(err))?
            }
        };
        let statements = document["trustPolicies"].as_array_mut();
        let statements = statements.ok_or_else(|| Report::new(format!("{origin} has no list of statements")))?;
        let (profile, store) = (request.profile.to_string(), store.to_string());
        match statements.iter_mut().find(|statement| names_one_of(statement, &scopes)) {
            Some(Value::Object(statement)) => {
                add(statement, "trustStores", &store);
                add(statement, "trustedIdentities", &profile);
            }
            _ => {
                let name = free_name(statements);
                statements.push(json!({
                    "name": name,
                    "registryScopes": scopes,
                    "signatureVerification": { "level": "strict" },
                    "trustStores": [store],
                    "trustedIdentities": [profile],
                }));
            }
        }
        let after = spell(&document, file.text())?;
        Policy::parse(after.as_bytes(), &origin)?; // no policy is written that would be refused
        self.notes.push(format!("trust: {origin} trusts {profile} for {}", for_people(&scopes)));
        self.changes.push(Change { kind: FileKind::Policy, file, after: Some(after), backup: Backup::Keep });
        Ok(question)
    }

    /// What to ask before a statement gains a profile, where it may.
    fn may_gain(
        &mut self,
        statement: &Statement,
        request: &TrustRequest,
        store: &StoreName,
        origin: &str,
    ) -> Result<String, Report> {
        let (name, profile) = (&statement.name, &request.profile);
        let refused = |why: &str| {
            Report::new(format!(
                "{origin}: the statement `{name}` is for {} already, and {why}",
                for_people(&statement.scopes)
            ))
            .hint("change it by hand, or name other repositories with --scope REGISTRY/REPOSITORY")
        };
        if statement.level == Level::Skip {
            return Err(refused("skips every check"));
        }
        if statement.identities.contains(&TrustedIdentity::Any) {
            return Err(refused("trusts whoever has a certificate of its stores"));
        }
        self.weaker(statement, origin);
        let gains = match statement.stores.contains(store) {
            true => format!("{profile}"),
            false => format!("{profile} and the trust store {store}"),
        };
        Ok(format!("{origin}: let the statement `{name}`, for {}, trust {gains}, too?", for_people(&statement.scopes)))
    }

    /// Says that a statement lets through what AWS's policy would not.
    fn weaker(&mut self, statement: &Statement, origin: &str) {
        if statement.actions != Level::Strict.actions() {
            let what = format!("{origin}: the statement `{}` does not enforce every check", statement.name);
            self.warnings
                .push(Report::new(what).hint("`trust show` prints what it does; the level strict enforces all"));
        }
    }
}

fn folder(environment: &Environment) -> Result<PathBuf, Report> {
    notation_folder(environment).ok_or_else(|| {
        Report::new("cannot tell where Notation keeps its trust policy: there is no home folder")
            .hint("set HOME or NOTATION_CONFIG")
    })
}

/// The policy that Notation reads, or the name that every version of it reads.
fn policy_path(folder: &Path) -> PathBuf {
    let [first, second] = POLICY_FILES.map(|name| folder.join(name));
    if first.symlink_metadata().is_ok() { first } else { second }
}

/// The one statement for these scopes, if any of them has one.
fn found<'p>(policy: &'p Policy, scopes: &[String]) -> Result<Option<&'p Statement>, Report> {
    let of = |scope: &String| policy.statements.iter().find(|statement| statement.scopes.contains(scope));
    let first = scopes.iter().find_map(of);
    match first {
        Some(statement) if scopes.iter().any(|scope| !statement.scopes.contains(scope)) => {
            let what =
                format!("{}: the statement `{}` is for some of these repositories only", policy.origin, statement.name);
            Err(Report::new(what).hint("run it once for those, and once for the others"))
        }
        first => Ok(first),
    }
}

fn is_met(statement: &Statement, request: &TrustRequest, store: &StoreName) -> bool {
    let wanted = TrustedIdentity::SigningProfile(request.profile.clone());
    statement.identities.contains(&wanted) && statement.stores.contains(store)
}

fn names_one_of(statement: &Value, scopes: &[String]) -> bool {
    let listed = statement["registryScopes"].as_array().into_iter().flatten().filter_map(Value::as_str);
    listed.map(canonical_name).any(|one| scopes.contains(&one))
}

/// Adds a text to a list of a statement, where it is not in it.
fn add(statement: &mut Map<String, Value>, member: &str, text: &str) {
    if let Some(Value::Array(listed)) = statement.get_mut(member)
        && !listed.iter().any(|one| one == text)
    {
        listed.push(text.into());
    }
}

/// AWS's name for the statement, with a number where it is taken.
fn free_name(statements: &[Value]) -> String {
    let numbered = (2..).map(|number| format!("{STATEMENT}-{number}"));
    let mut names = std::iter::once(STATEMENT.to_owned()).chain(numbered);
    let is_free = |name: &String| statements.iter().all(|statement| statement["name"] != **name);
    names.find(is_free).unwrap_or_default() // there is always another number
}

fn for_people(scopes: &[String]) -> String {
    match scopes {
        [one] if one == EVERYTHING => "every repository that no other statement names".into(),
        scopes => scopes.join(", "),
    }
}

/// A document in the style of a text that it takes the place of: its indentation, and its last newline.
fn spell(document: &Value, before: &str) -> Result<String, Report> {
    let mut lines = before.lines().skip(1).filter(|line| !line.trim().is_empty());
    let lead = lines.next().map(|line| &line[..line.len() - line.trim_start().len()]);
    let indent = match lead {
        _ if before.is_empty() => Some("    "),
        Some(indent) if !indent.is_empty() => Some(indent),
        Some(_) => Some("    "),
        None => None,
    };
    let mut bytes = Vec::new();
    let written = match indent {
        None => serde_json::to_writer(&mut bytes, document),
        Some(indent) => {
            let formatter = PrettyFormatter::with_indent(indent.as_bytes());
            document.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, formatter))
        }
    };
    written.map_err(|err| Report::new("the policy cannot be written as JSON").cause(err))?;
    if before.is_empty() || before.ends_with('\n') {
        bytes.push(b'\n');
    }
    String::from_utf8(bytes).map_err(|err| Report::new("the policy cannot be written as JSON").cause(err))
}
