//! One file with what becomes of it.

use std::{collections::BTreeSet, fmt, path::Path};

use super::{client::Logins, containerd_lines::told, file::UserFile, rules, tables};
use crate::{
    notary::certificate::Certificate,
    report::Report,
    verify::policy::{Policy, Statement},
};

/// A file with what becomes of it.
pub(super) struct Change {
    pub(super) kind: FileKind,
    pub(super) file: UserFile,
    /// Its text afterwards; `None` removes it.
    pub(super) after: Option<String>,
    pub(super) backup: Backup,
}

/// What kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    /// config.json of docker and notation, auth.json.
    Client,
    /// registries.conf.
    Registries,
    /// Our own config.toml.
    Ours,
    /// A trust policy.
    Policy,
    /// Certificates of a trust store.
    Certificates,
    /// config.toml of containerd.
    Verifier,
    /// A link to this program.
    Link,
}

/// What becomes of the copy beside it.
#[derive(PartialEq, Eq)]
pub(super) enum Backup {
    /// It stays as it is.
    Leave,
    /// What the file is now is kept.
    Keep,
    /// This is kept in place of what the file is now, or of what was kept before.
    KeepText(String),
    /// It is removed.
    Forget,
}

impl Change {
    /// The keys that change, each with its value before and after. These are names of helpers: no
    /// other value of the file is near them.
    pub(super) fn keys(&self) -> Result<Vec<String>, Report> {
        let (path, before, after) = (&self.file.path, self.file.text(), self.after.as_deref().unwrap_or_default());
        match self.kind {
            FileKind::Client => {
                let (before, after) = (Logins::of(path, before)?, Logins::of(path, after)?);
                let helpers = before.helpers.iter().chain(&after.helpers);
                let hosts: BTreeSet<&str> = helpers.map(|(host, _)| host.as_str()).collect();
                let store = changed("credsStore", before.store.as_ref(), after.store.as_ref());
                let helper = |host: &str| {
                    changed(&format!("credHelpers.{host:?}"), before.own_helper(host), after.own_helper(host))
                };
                // Never more of a login than that it is there.
                let gone = before.clear_text.iter().filter(|host| !after.clear_text.contains(host));
                let gone = gone.map(|host| format!("auths.{host:?}: clear text -> the keychain"));
                Ok(store.into_iter().chain(hosts.into_iter().filter_map(helper)).chain(gone).collect())
            }
            FileKind::Registries => {
                let (before, after) = (tables::helpers(path, before)?, tables::helpers(path, after)?);
                Ok(changed("credential-helpers", before, after).into_iter().collect())
            }
            FileKind::Ours => {
                let stores = (tables::store(path, before)?, tables::store(path, after)?);
                let (before, after) = (rules::told(path, before)?, rules::told(path, after)?);
                let gone = before.iter().filter(|rule| !after.contains(rule)).map(|rule| format!("- {rule}"));
                let new = after.iter().filter(|rule| !before.contains(rule)).map(|rule| format!("+ {rule}"));
                Ok(changed("[other-registries] store", stores.0, stores.1).into_iter().chain(gone).chain(new).collect())
            }
            FileKind::Policy => {
                let (before, after) = (statements(path, before)?, statements(path, after)?);
                let gone = before.iter().filter(|line| !after.contains(line)).map(|line| format!("- {line}"));
                let new = after.iter().filter(|line| !before.contains(line)).map(|line| format!("+ {line}"));
                Ok(gone.chain(new).collect())
            }
            FileKind::Verifier => {
                let (before, after) = (told(path, before)?, told(path, after)?);
                let pairs = before.into_iter().zip(after);
                Ok(pairs.filter_map(|((key, before), (_, after))| changed(key, before, after)).collect())
            }
            FileKind::Link => {
                Ok(changed("link", self.file.text.as_deref(), self.after.as_deref()).into_iter().collect())
            }
            FileKind::Certificates => {
                let certificates = Certificate::read_file(after.as_bytes()).map_err(Report::new)?;
                Ok(certificates.iter().map(|one| format!("{} (SHA-256 {})", one.subject, one.fingerprint())).collect())
            }
        }
    }
}

/// The statements of a policy, a line each; none of a file that is not there.
fn statements(path: &Path, text: &str) -> Result<Vec<String>, Report> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let policy = Policy::parse(text.as_bytes(), &path.display().to_string())?;
    Ok(policy.statements.iter().map(Statement::to_string).collect())
}

fn changed<T: fmt::Debug + PartialEq>(key: &str, before: Option<T>, after: Option<T>) -> Option<String> {
    let text = |value: &Option<T>| value.as_ref().map_or("(none)".into(), |value| format!("{value:?}"));
    (before != after).then(|| format!("{key}: {} -> {}", text(&before), text(&after)))
}
