//! What a run will change, worked out before anything is written.

use super::{
    backup,
    change::{Backup, Change, FileKind},
    client::{self, Edit, Logins},
    file::{self, UserFile},
    places,
    plugin::PluginChange,
    previous::Previous,
    request::{PluginRequest, Request, Target},
    tables, warning,
    write::{self, Watch},
};
use crate::{
    config::{Config, LoginStore},
    environment::Environment,
    names::{DOCKER_HUB, HELPER, REPLACED_HELPER},
    registry::{Kind, Registry, Server},
    report::Report,
};

/// Every change of a run, with what to report to the user.
#[derive(Default)]
pub struct Plan {
    pub(super) changes: Vec<Change>,
    /// What becomes of Notation's plugin.
    pub(super) plugin: Option<PluginChange>,
    /// One line for each client: what was done, or that nothing was to be done.
    pub notes: Vec<String>,
    /// What may keep a client from asking us, or a login from being found.
    pub warnings: Vec<Report>,
}

impl Plan {
    /// What naming our helper takes. Reads, and writes nothing.
    pub fn setup(request: &Request, environment: &Environment) -> Result<Plan, Report> {
        let mut plan = Plan::default();
        let hosts = request.registries.iter().map(|host| registry(host)).collect::<Result<Vec<_>, _>>()?;
        let targets = match &*request.targets {
            [] => places::present(environment),
            targets => targets.to_vec(),
        };
        let mut previous = Vec::new();
        for target in [Target::Docker, Target::Notation, Target::Helm, Target::Podman] {
            match target {
                _ if !targets.contains(&target) => {}
                Target::Docker | Target::Notation | Target::Helm => {
                    previous.extend(plan.client(target, &targets, &hosts, environment)?);
                }
                Target::Podman if hosts.is_empty() => plan.podman(environment)?,
                Target::Podman => plan.podman_hosts(&hosts, environment)?,
            }
        }
        if let Some(PluginRequest { program, replace }) = &request.plugin {
            let (change, note) = PluginChange::install(program.as_deref(), *replace, environment)?;
            plan.plugin = change;
            plan.notes.push(note);
        }
        plan.adopt_previous_store(&previous, environment)?;
        plan.warnings.extend(warning::of_machine(&hosts, environment));
        Ok(plan)
    }

    /// Plans docker's, notation's or helm's file. Gives the helper that our own configuration must take over.
    fn client(
        &mut self,
        target: Target,
        targets: &[Target],
        hosts: &[String],
        environment: &Environment,
    ) -> Result<Option<Previous>, Report> {
        let path = places::json(target, environment)?;
        let file = UserFile::read(&path)?;
        let logins = Logins::of(&path, file.text())?;
        let mut store = logins.store.clone();
        let mut named_in = path.clone();
        // Notation looks at docker's file only while its own says nothing about logins
        // (notation `internal/auth`: the first configured file wins whole).
        if target == Target::Notation && !logins.has_any {
            let docker = places::docker(environment)?;
            let dockers = Logins::of(&docker, &file::read_if_there(&docker)?.unwrap_or_default())?;
            if !hosts.is_empty() && targets.contains(&Target::Docker) {
                self.notes
                    .push(format!("notation: reads {}, its own file says nothing about logins", docker.display()));
                return Ok(None);
            }
            if !hosts.is_empty() && dockers.has_any {
                self.warnings.push(warning::docker_hidden_from_notation(&docker, &path));
            }
            store = dockers.store;
            named_in = docker;
        }
        let edits: Vec<Edit> = match hosts {
            [] => [Edit::Store].into_iter().chain(logins.replaced().map(Edit::Host)).collect(),
            hosts => hosts.iter().cloned().map(Edit::Host).collect(),
        };
        self.warnings.extend(warning::of_client(target, &file, &logins, hosts));
        self.json(target, file, &edits)?;
        let other = store.filter(|store| hosts.is_empty() && store != HELPER);
        Ok(other.map(|store| Previous { store, path: named_in }))
    }

    /// Plans these edits of a JSON file.
    fn json(&mut self, target: Target, file: UserFile, edits: &[Edit]) -> Result<(), Report> {
        let after = client::edit(&file.path, file.text(), edits)?;
        let applied = Logins::of(&file.path, file.text())?.has_ours();
        let hosts: Vec<&str> =
            edits.iter().filter_map(|edit| if let Edit::Host(host) = edit { Some(&**host) } else { None }).collect();
        let what = if edits.contains(&Edit::Store) { "every registry".into() } else { hosts.join(", ") };
        self.change(target, FileKind::Client, file, after, applied, &what)
    }

    /// Adds a change if there is one, with a note of it.
    fn change(
        &mut self,
        target: Target,
        kind: FileKind,
        file: UserFile,
        after: String,
        applied: bool,
        what: &str,
    ) -> Result<(), Report> {
        let path = file.path.display();
        if file.text() == after {
            self.notes.push(format!("{target}: already set up in {path}"));
            return Ok(());
        }
        // While it is applied the first copy is the one to come back to.
        let kept = applied && backup::load(&file.path)?.is_some();
        let backup = if kept { Backup::Leave } else { Backup::Keep };
        self.notes.push(format!("{target}: {path} names {HELPER} for {what}"));
        self.changes.push(Change { kind, file, after: Some(after), backup });
        Ok(())
    }

    fn podman(&mut self, environment: &Environment) -> Result<(), Report> {
        let (file, drop_in) = places::podman_registries(environment)?;
        let mut registries = UserFile::read(&file)?;
        let usable = registries.text.is_some() && !tables::is_first_version(&file, registries.text())?;
        if !usable || drop_in.exists() {
            registries = UserFile::read(&drop_in)?;
        }
        let after = tables::add_helper(&registries.path, registries.text())?;
        let applied = after == registries.text();
        self.change(Target::Podman, FileKind::Registries, registries, after, applied, "every registry")
    }

    fn podman_hosts(&mut self, hosts: &[String], environment: &Environment) -> Result<(), Report> {
        let path = places::json(Target::Podman, environment)?;
        // Podman calls the Hub `docker.io` (containers/image `docker/reference`).
        let name = |host: &String| if host == DOCKER_HUB { "docker.io".into() } else { host.clone() };
        let hosts: Vec<String> = hosts.iter().map(name).collect();
        self.warnings.extend(warning::of_podman(&hosts, environment));
        let edits: Vec<Edit> = hosts.into_iter().map(Edit::Host).collect();
        self.json(Target::Podman, UserFile::read(&path)?, &edits)
    }

    /// Makes the helper that kept logins until now the store for other registries, so that none is
    /// lost. Our file is written first: no client asks us before we know whom to ask.
    fn adopt_previous_store(&mut self, previous: &[Previous], environment: &Environment) -> Result<(), Report> {
        let config = config(environment)?;
        // Amazon's helper answers for ECR alone and keeps no logins: there is nothing to take over.
        let others = previous.iter().filter(|previous| previous.store != REPLACED_HELPER);
        let (ours, keepers): (Vec<_>, Vec<_>) = others.partition(|previous| previous.leads_to_us(environment));
        self.warnings.extend(ours.into_iter().map(Previous::not_taken_over));
        let Some(first) = keepers.first() else { return Ok(()) };
        self.warnings.extend(first.missing(environment));
        let path = places::ours(environment)?;
        let configured = match &config.logins {
            LoginStore::Keychain => None,
            LoginStore::File => Some(("file", &path)),
            LoginStore::None => Some(("none", &path)),
            LoginStore::Helper(store) => Some((store.as_str(), &path)),
        };
        let named: Vec<_> = configured.into_iter().chain(keepers.iter().map(|p| (p.store.as_str(), &p.path))).collect();
        if let Some((store, other)) = named.iter().find(|(store, _)| *store != named[0].0) {
            let (one, by, another) = (named[0].0, named[0].1.display(), other.display());
            let hint = "name one of them in both files, or remove `credsStore` from";
            return Err(Report::new(format!(
                "two helpers keep logins, and only one can be asked after us: `{one}` by {by}, `{store}` by {another}"
            ))
            .hint(format!("{hint} {}, then run it again", first.path.display())));
        }
        if configured.is_none() {
            let file = UserFile::read(&path)?;
            let after = tables::set_store(&path, file.text(), &first.store)?;
            Config::parse(&after, path.clone())?;
            let backup = if backup::load(&path)?.is_some() { Backup::Leave } else { Backup::Keep };
            self.notes.push(format!("other registries: logins stay in `{}`, by {}", first.store, path.display()));
            self.changes.insert(0, Change { kind: FileKind::Ours, file, after: Some(after), backup });
        }
        Ok(())
    }

    /// What changes, line by line: each file, and below it its keys with both values.
    pub fn changed_keys(&self) -> Result<Vec<String>, Report> {
        let mut lines = Vec::new();
        for change in &self.changes {
            let keys = change.keys()?;
            if !keys.is_empty() {
                let state = match (&change.file.text, &change.after) {
                    (None, _) => " (new)",
                    (_, None) => " (removed)",
                    _ => "",
                };
                lines.push(format!("{}{state}", change.file.path.display()));
                lines.extend(keys.iter().map(|key| format!("  {key}")));
            }
        }
        lines.extend(self.plugin.iter().flat_map(PluginChange::lines));
        Ok(lines)
    }

    /// Does what was planned. Each file is replaced whole or not at all; a run that is cut short is
    /// finished by the next one.
    pub fn apply(&self, watch: Watch<'_>) -> Result<(), Report> {
        for Change { file, .. } in &self.changes {
            if !matches!(file.is_unchanged(), Ok(true)) {
                return Err(write::changed(&file.path));
            }
        }
        for Change { file, after, backup, .. } in &self.changes {
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
        self.plugin.as_ref().map_or(Ok(()), |plugin| plugin.apply(watch))
    }
}

/// Our own configuration. With a broken one every `get` would fail, so no client is pointed at us.
fn config(environment: &Environment) -> Result<Config, Report> {
    match Config::location(environment).filter(|path| path.exists()) {
        Some(_) => Config::load(environment),
        None => Ok(Config::default()),
    }
}

/// The name under which a client asks for a registry that the user typed.
fn registry(typed: &str) -> Result<String, Report> {
    let bad = |hint: &str| Err(Report::new(format!("`{typed}` is no registry's host")).hint(hint));
    if matches!(typed, "docker" | "notation" | "podman") {
        return bad("name the clients before `--registry`: setup docker --registry HOST");
    }
    match Server::parse(typed, |_| None) {
        None => bad("name a host such as 123456789012.dkr.ecr.eu-west-1.amazonaws.com"),
        // The one registry with two hosts; its tokens are kept under the other.
        Some(Server::Ecr(Registry { kind: Kind::Public, dual_stack: true, .. })) => Ok("ecr-public.aws.com".into()),
        Some(Server::Ecr(registry)) => Ok(registry.host),
        Some(Server::Other(key)) if key == DOCKER_HUB => Ok(key),
        Some(Server::Other(key))
            if key.contains(['/', '*', ' ']) || !key.contains(['.', ':']) && key != "localhost" =>
        {
            bad("clients look for the exact host, without path or wildcard; leave `--registry` out to serve every host")
        }
        Some(Server::Other(key)) => Ok(key),
    }
}
