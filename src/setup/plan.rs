//! What a run will change, worked out before anything is written.

use std::path::PathBuf;

use super::{
    Error, HELPER, Request, Target, backup,
    client::{self, Client, Edit},
    diff,
    file::{self, UserFile},
    places, tables,
    warning::{self, Warning},
    write::{self, Watch},
};
use crate::{
    config::{Config, LoginStore},
    environment::Environment,
    registry::Server,
};

/// Every change of a run, with what to tell the user.
#[derive(Debug, Default)]
pub struct Plan {
    pub(super) changes: Vec<Change>,
    /// One line for each client: what was done, or that nothing was to be done.
    pub notes: Vec<String>,
    /// What may keep a client from asking us, or a login from being found.
    pub warnings: Vec<Warning>,
}

/// A file with what becomes of it.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) file: UserFile,
    /// Its text afterwards; `None` removes it.
    pub(super) after: Option<String>,
    pub(super) backup: Backup,
}

/// What becomes of the copy beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Backup {
    /// It stays as it is.
    Leave,
    /// What the file is now is kept.
    Keep,
    /// It is removed.
    Forget,
}

/// Another helper that kept logins until now, and the file that named it.
struct Previous {
    store: String,
    path: PathBuf,
}

impl Plan {
    /// What naming our helper takes. Reads, and writes nothing.
    pub fn setup(request: &Request, environment: &Environment) -> Result<Plan, Error> {
        let mut plan = Plan::default();
        let hosts = request.registries.iter().map(|host| registry(host)).collect::<Result<Vec<_>, _>>()?;
        let targets = match &*request.targets {
            [] => places::present(environment),
            targets => targets.to_vec(),
        };
        let mut previous = Vec::new();
        for target in [Target::Docker, Target::Notation, Target::Podman] {
            match target {
                _ if !targets.contains(&target) => {}
                Target::Docker | Target::Notation => {
                    previous.extend(plan.client(target, &targets, &hosts, environment)?);
                }
                Target::Podman if hosts.is_empty() => plan.podman(environment)?,
                Target::Podman => plan.podman_hosts(&hosts, environment)?,
            }
        }
        plan.carry(&previous, environment)?;
        plan.warnings.extend(warning::of_machine(environment));
        Ok(plan)
    }

    /// Plans docker's or notation's file. Gives the helper that our own configuration must take over.
    fn client(
        &mut self,
        target: Target,
        targets: &[Target],
        hosts: &[String],
        environment: &Environment,
    ) -> Result<Option<Previous>, Error> {
        let path = match target {
            Target::Notation => places::notation(environment)?,
            _ => places::docker(environment)?,
        };
        let file = UserFile::read(&path)?;
        let client = Client::of(&path, file.text())?;
        let mut store = client.store.clone();
        let mut named_in = path.clone();
        // Notation looks at docker's file only while its own says nothing about logins
        // (notation `internal/auth`: the first configured file wins whole).
        if target == Target::Notation && !client.has_logins() {
            let docker = places::docker(environment)?;
            let docker_text = if docker.exists() { file::read_text(&docker, &docker)? } else { String::new() };
            let docker_client = Client::of(&docker, &docker_text)?;
            if !hosts.is_empty() && targets.contains(&Target::Docker) {
                self.notes
                    .push(format!("notation: reads {}, its own file says nothing about logins", docker.display()));
                return Ok(None);
            }
            if !hosts.is_empty() && docker_client.has_logins() {
                self.warnings.push(warning::docker_hidden_from_notation(&docker, &path));
            }
            store = docker_client.store.clone();
            named_in = docker;
        }
        let edits = match hosts {
            [] => vec![Edit::Store],
            hosts => hosts.iter().cloned().map(Edit::Host).collect(),
        };
        self.warnings.extend(warning::of_client(target, &path, &client, hosts, file.text()));
        self.json(target, file, &edits)?;
        let other = store.filter(|store| hosts.is_empty() && store != HELPER);
        Ok(other.map(|store| Previous { store, path: named_in }))
    }

    /// Plans these edits of a JSON file.
    fn json(&mut self, target: Target, file: UserFile, edits: &[Edit]) -> Result<(), Error> {
        let after = client::edit(&file.path, file.text(), edits)?;
        let applied = Client::of(&file.path, file.text())?.has_any();
        let hosts: Vec<&str> =
            edits.iter().filter_map(|edit| if let Edit::Host(host) = edit { Some(&**host) } else { None }).collect();
        let what = if hosts.is_empty() { "every registry".into() } else { hosts.join(", ") };
        self.change(target, file, after, applied, &what)
    }

    /// Adds a change if there is one, and says which.
    fn change(
        &mut self,
        target: Target,
        file: UserFile,
        after: String,
        applied: bool,
        what: &str,
    ) -> Result<(), Error> {
        let path = file.path.display();
        if file.text() == after {
            self.notes.push(format!("{target}: already set up in {path}"));
            return Ok(());
        }
        // While it is applied the first copy is the one to come back to.
        let kept = applied && backup::load(&file.path)?.is_some();
        let backup = if kept { Backup::Leave } else { Backup::Keep };
        self.notes.push(format!("{target}: {path} names {HELPER} for {what}"));
        self.changes.push(Change { file, after: Some(after), backup });
        Ok(())
    }

    fn podman(&mut self, environment: &Environment) -> Result<(), Error> {
        let (file, drop_in) = places::podman_registries(environment)?;
        let mut registries = UserFile::read(&file)?;
        let usable = registries.text.is_some() && !tables::is_first_version(&file, registries.text())?;
        if !usable || drop_in.exists() {
            registries = UserFile::read(&drop_in)?;
        }
        let after = tables::add_helper(&registries.path, registries.text())?;
        let applied = after == registries.text();
        self.change(Target::Podman, registries, after, applied, "every registry")
    }

    fn podman_hosts(&mut self, hosts: &[String], environment: &Environment) -> Result<(), Error> {
        let path = places::podman_logins(environment)?;
        let hosts: Vec<String> = hosts.iter().map(|host| podman_host(host)).collect();
        self.warnings.extend(warning::of_podman(&hosts, environment));
        let edits: Vec<Edit> = hosts.into_iter().map(Edit::Host).collect();
        self.json(Target::Podman, UserFile::read(&path)?, &edits)
    }

    /// Makes the helper that kept logins until now the store for other registries, so that none is
    /// lost. Our file is written first: no client asks us before we know whom to ask.
    fn carry(&mut self, previous: &[Previous], environment: &Environment) -> Result<(), Error> {
        let config = config(environment)?;
        // Amazon's helper answers for ECR alone and keeps no logins: there is nothing to take over.
        let keepers: Vec<_> = previous.iter().filter(|previous| previous.store != "ecr-login").collect();
        let Some(first) = keepers.first() else { return Ok(()) };
        let path = places::ours(environment)?;
        let configured = match &config.logins {
            LoginStore::Helper(store) => Some((store, &path)),
            LoginStore::Keychain => None,
        };
        let named: Vec<_> = configured.into_iter().chain(keepers.iter().map(|p| (&p.store, &p.path))).collect();
        if let Some((store, other)) = named.iter().find(|(store, _)| *store != named[0].0) {
            return Err(Error::new(
                format!(
                    "two helpers keep logins, and only one can be asked after us: `{}` by {}, `{store}` by {}",
                    named[0].0,
                    named[0].1.display(),
                    other.display()
                ),
                format!(
                    "name one of them in both files, or remove `credsStore` from {}, then run it again",
                    first.path.display()
                ),
            ));
        }
        if configured.is_none() {
            let file = UserFile::read(&path)?;
            let after = tables::set_store(&path, file.text(), &first.store)?;
            Config::parse(&after, path.clone()).map_err(unusable)?;
            let backup = if backup::load(&path)?.is_some() { Backup::Leave } else { Backup::Keep };
            self.notes.push(format!("other registries: logins stay in `{}`, by {}", first.store, path.display()));
            self.changes.insert(0, Change { file, after: Some(after), backup });
        }
        Ok(())
    }

    /// The changes as a unified diff, values that may be secrets blotted out.
    pub fn diff(&self) -> String {
        self.changes.iter().map(|change| diff::of(&change.file, change.after.as_deref())).collect()
    }

    /// Does what was planned. Each file is replaced whole or not at all; a run that is cut short is
    /// finished by the next one.
    pub fn apply(&self, watch: Watch<'_>) -> Result<(), Error> {
        for Change { file, .. } in &self.changes {
            if !matches!(file.is_unchanged(), Ok(true)) {
                return Err(write::changed(&file.path));
            }
        }
        for Change { file, after, backup } in &self.changes {
            if *backup == Backup::Keep {
                backup::keep(file, watch)?;
            }
            match after {
                Some(text) if file.text.as_ref() != Some(text) => write::replace(file, text, watch)?,
                None if file.text.is_some() => write::remove(file, watch)?,
                _ => {}
            }
        }
        // Last to first: what tells our own file's edit from the user's lies in the clients' copies.
        for Change { file, .. } in self.changes.iter().rev().filter(|change| change.backup == Backup::Forget) {
            backup::forget(&file.path, watch)?;
        }
        Ok(())
    }
}

/// Our own configuration. With a broken one every `get` would fail, so no client is pointed at us.
fn config(environment: &Environment) -> Result<Config, Error> {
    match Config::location(environment).filter(|path| path.exists()) {
        Some(_) => Config::load(environment).map_err(unusable),
        None => Ok(Config::default()),
    }
}

fn unusable(err: crate::report::Report) -> Error {
    Error::new(err.to_string(), err.advice().unwrap_or_default())
}

/// The name under which a client asks for a registry that the user typed.
fn registry(typed: &str) -> Result<String, Error> {
    let bad = |hint: &str| Err(Error::new(format!("`{typed}` is no registry's host"), hint));
    if matches!(typed, "docker" | "notation" | "podman") {
        return bad("name the clients before `--registry`: setup docker --registry HOST");
    }
    match Server::parse(typed, |_| None) {
        None => bad("name a host such as 123456789012.dkr.ecr.eu-west-1.amazonaws.com"),
        Some(Server::Ecr(_)) => Ok(host(typed)),
        Some(Server::Other(key)) if key == HUB => Ok(key),
        Some(Server::Other(key))
            if key.contains(['/', '*', ' ']) || !key.contains(['.', ':']) && key != "localhost" =>
        {
            bad("clients look for the exact host, without path or wildcard; leave `--registry` out to serve every host")
        }
        Some(Server::Other(key)) => Ok(key),
    }
}

/// The Hub's name in docker's files (docker/cli `registry.IndexServer`).
const HUB: &str = "https://index.docker.io/v1/";

/// The bare host of an ECR registry, in lower case, as clients look it up.
fn host(typed: &str) -> String {
    let text = typed.trim().to_ascii_lowercase();
    let text = text.split_once("://").map_or(&*text, |(_, rest)| rest);
    let text = text.split(['/', '?', '#']).next().unwrap_or(text);
    let text = text.rsplit('@').next().unwrap_or(text);
    text.strip_suffix(":443").unwrap_or(text).into()
}

/// Podman calls the Hub `docker.io` (containers/image `docker/reference`).
fn podman_host(host: &str) -> String {
    if host == HUB { "docker.io".into() } else { host.into() }
}
