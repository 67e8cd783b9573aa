//! What taking our helper out again takes: the files as they were, or, where others changed them
//! since, without our edits alone.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    backup::{self, Before},
    change::{Backup, Change, FileKind},
    client::{self, Edit, Logins},
    file::{self, UserFile},
    places,
    plan::Plan,
    plugin::PluginChange,
    request::{Request, Target},
    rules, tables,
};
use crate::{environment::Environment, names::HELPER, report::Report};

impl Plan {
    /// What taking our helper out takes. Reads, and writes nothing.
    pub fn undo(request: &Request, environment: &Environment) -> Result<Plan, Report> {
        let targets = match &*request.targets {
            [] => places::present(environment),
            targets => targets.to_vec(),
        };
        let mut plan = Plan::default();
        for target in &targets {
            if *target == Target::Podman {
                let (file, drop_in) = places::podman_registries(environment)?;
                plan.undo_file(*target, FileKind::Registries, &file, environment)?;
                plan.undo_file(*target, FileKind::Registries, &drop_in, environment)?;
            }
            plan.undo_file(*target, FileKind::Client, &places::json(*target, environment)?, environment)?;
        }
        if targets.contains(&Target::Notation)
            && let Some((change, note)) = PluginChange::undo(environment)
        {
            plan.plugin = Some(change);
            plan.notes.push(note);
        }
        plan.release_previous_store(&targets, environment)?;
        Ok(plan)
    }

    fn undo_file(
        &mut self,
        target: Target,
        kind: FileKind,
        path: &Path,
        environment: &Environment,
    ) -> Result<(), Report> {
        let kept = backup::load(path)?;
        if !is_there(path) && kept.is_none() {
            return Ok(());
        }
        let file = UserFile::read(path)?;
        let before = match &kept {
            Some(before) => before.text().into(),
            None => guess_before(target, environment)?,
        };
        let reverted = match kind {
            FileKind::Registries => tables::remove_helper(path, file.text(), &before)?,
            FileKind::Client | FileKind::Ours => client::revert(path, file.text(), &before)?,
            // `Plan::undo_trust` and `Plan::undo_node` are theirs.
            FileKind::Policy | FileKind::Certificates | FileKind::Verifier | FileKind::Link => None,
        };
        let empty = |text: &str| text.trim().is_empty() || kind == FileKind::Client && client::is_empty(text);
        let is_gone = kept == Some(Before::Nothing) && reverted.as_deref().is_some_and(empty);
        let path = file.path.display();
        match &reverted {
            Some(_) if is_gone => self.notes.push(format!("{target}: {path} is gone, as it was")),
            None => self.notes.push(format!("{target}: nothing to undo in {path}")),
            Some(text) if kept.as_ref().is_some_and(|kept| kept.text() == text) => {
                self.notes.push(format!("{target}: {path} is as it was"));
            }
            Some(_) => {
                self.notes.push(format!("{target}: {path} no longer names {HELPER}, what else changed since stays"))
            }
        }
        if let (FileKind::Client, Some(text)) = (kind, &reverted) {
            let logins = Logins::of(&file.path, text)?;
            let left = logins.named.iter().filter(|host| logins.helper(host).is_none());
            self.released.extend(left.map(|host| (target, host.clone())));
        }
        let after = match reverted {
            None => file.text.clone(),
            Some(_) if is_gone => None,
            Some(text) => Some(text),
        };
        let backup = if kept.is_some() { Backup::Forget } else { Backup::Leave };
        self.changes.push(Change { kind, file, after, backup });
        Ok(())
    }

    /// Takes the store for other registries out of our own file again, unless the user chose another
    /// since or a client still needs it.
    fn release_previous_store(&mut self, targets: &[Target], environment: &Environment) -> Result<(), Report> {
        let Ok(path) = places::ours(environment) else { return Ok(()) };
        let Some(kept) = backup::load(&path)? else { return Ok(()) };
        let mut clients: Vec<(Target, PathBuf)> = vec![(Target::Docker, places::docker(environment)?)];
        clients.extend(places::notation(environment).ok().map(|path| (Target::Notation, path)));
        clients.extend(places::helm(environment).ok().map(|path| (Target::Helm, path)));
        let mut adopted = Vec::new();
        for (target, client_path) in clients {
            let file = UserFile::read(&client_path)?;
            if !targets.contains(&target) && Logins::of(&client_path, file.text())?.has(&Edit::Store) {
                self.notes
                    .push(format!("other registries: {} stays as it is, {target} still needs it", path.display()));
                return Ok(());
            }
            let before = backup::load(&client_path)?;
            adopted.extend(Logins::of(&client_path, before.as_ref().map_or("", Before::text))?.store);
        }
        let file = UserFile::read(&path)?;
        let store = tables::store(&path, file.text())?;
        let ours = store.as_ref().is_some_and(|store| adopted.is_empty() || adopted.contains(store));
        let added = rules::added(&path, file.text())?;
        let with_store = match &store {
            Some(store) if ours => tables::set_store(&path, kept.text(), store)?,
            _ => kept.text().to_owned(),
        };
        let with_both = added.iter().try_fold(with_store, |text, rule| rules::add(&path, &text, rule))?;
        let text = if with_both == file.text() {
            kept.text().to_owned()
        } else {
            let rest = rules::remove(&path, file.text())?;
            if ours { tables::unset_store(&path, &rest, kept.text())? } else { rest }
        };
        let after = (kept != Before::Nothing || !text.trim().is_empty()).then_some(text);
        self.changes.push(Change { kind: FileKind::Ours, file, after, backup: Backup::Forget });
        Ok(())
    }
}

/// What a client's file was where no copy is left: the helper that our own file names came from it.
fn guess_before(target: Target, environment: &Environment) -> Result<String, Report> {
    let Ok(path) = places::ours(environment) else { return Ok(String::new()) };
    if target == Target::Podman || !is_there(&path) {
        return Ok(String::new());
    }
    let store = tables::store(&path, &file::read_text(&path)?)?.filter(|store| store != "keychain");
    Ok(store.map(|store| serde_json::json!({ "credsStore": store }).to_string()).unwrap_or_default())
}

/// Whether there is anything at a path, a dangling link too.
fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}
