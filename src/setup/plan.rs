//! What a run will change, worked out before anything is written.

use super::{
    backup::{self, Before},
    change::{Backup, Change, FileKind},
    clear_text::{self, ClearLogin},
    client::{self, Edit, Logins},
    file::{self, UserFile},
    places,
    plugin::PluginChange,
    previous::Previous,
    request::{NewRule, PluginRequest, Request, Target},
    rules, tables,
    warning::{self, Movable},
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
    /// The logins that the plan takes out of clients' files: they must be in the keychain before it is applied.
    pub logins: Vec<ClearLogin>,
    /// The servers of logins that a client no longer asks our helper for, where it asks no other.
    pub released: Vec<(Target, String)>,
}

/// What is asked, and what it is answered from.
struct Asked<'a> {
    targets: Vec<Target>,
    /// The registries as clients ask for them; none means every one.
    hosts: Vec<String>,
    import: bool,
    config: Config,
    environment: &'a Environment,
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
        let asked = Asked { targets, hosts, import: request.import, config: config(environment)?, environment };
        let mut previous = Vec::new();
        for target in [Target::Docker, Target::Notation, Target::Helm, Target::Podman] {
            match target {
                _ if !asked.targets.contains(&target) => {}
                Target::Docker | Target::Notation | Target::Helm => previous.extend(plan.client(target, &asked)?),
                Target::Podman if asked.hosts.is_empty() => plan.podman(&asked)?,
                Target::Podman => plan.podman_hosts(&asked)?,
            }
        }
        if let Some(PluginRequest { program, replace }) = &request.plugin {
            let (change, note) = PluginChange::install(program.as_deref(), *replace, environment)?;
            plan.plugin = change;
            plan.notes.push(note);
        }
        plan.own_file(&previous, &request.rules, &asked)?;
        plan.warnings.extend(warning::of_machine(&asked.hosts, environment));
        Ok(plan)
    }

    /// Plans docker's, notation's or helm's file. Gives the helper that our own configuration must take over.
    fn client(&mut self, target: Target, asked: &Asked<'_>) -> Result<Option<Previous>, Report> {
        let Asked { targets, hosts, environment, .. } = asked;
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
        let edits: Vec<Edit> = match &**hosts {
            [] => [Edit::Store].into_iter().chain(logins.replaced().map(Edit::Host)).collect(),
            hosts => hosts.iter().cloned().map(Edit::Host).collect(),
        };
        let clear = clear_text::movable(&path, file.text(), hosts, &asked.config)?;
        let spelled: Vec<&str> = clear.iter().map(|login| &*login.spelled).collect();
        self.warnings.extend(warning::of_client(
            target,
            &file,
            &logins,
            hosts,
            &Movable { spelled, moved: asked.import },
        ));
        self.json(target, file, &edits, if asked.import { clear } else { Vec::new() })?;
        let other = store.filter(|store| hosts.is_empty() && store != HELPER);
        Ok(other.map(|store| Previous { store, path: named_in }))
    }

    /// Plans these edits of a JSON file, and that these logins go out of it.
    fn json(&mut self, target: Target, file: UserFile, edits: &[Edit], moved: Vec<ClearLogin>) -> Result<(), Report> {
        let after = client::edit(&file.path, file.text(), edits)?;
        let applied = Logins::of(&file.path, file.text())?.has_ours();
        let hosts: Vec<&str> =
            edits.iter().filter_map(|edit| if let Edit::Host(host) = edit { Some(&**host) } else { None }).collect();
        let what = if edits.contains(&Edit::Store) { "every registry".into() } else { hosts.join(", ") };
        if moved.is_empty() {
            return self.change(target, FileKind::Client, file, after, applied, &what);
        }
        self.note(target, &file, &after, &what);
        self.take_out(target, file, after, applied, moved)
    }

    /// Plans that these logins go out of a file that has this text otherwise. No copy beside it has them.
    fn take_out(
        &mut self,
        target: Target,
        file: UserFile,
        edited: String,
        applied: bool,
        moved: Vec<ClearLogin>,
    ) -> Result<(), Report> {
        let path = &file.path;
        let servers: Vec<&str> = moved.iter().map(|login| &*login.server).collect();
        let without = |text: &str| clear_text::without(path, text, &servers);
        let is_first = edited != file.text() && !applied;
        let backup = match backup::load(path)? {
            Some(Before::Text(copy)) if !is_first => Backup::KeepText(without(&copy)?),
            Some(Before::Nothing) if !is_first => Backup::Leave,
            None if edited == file.text() => Backup::Leave,
            _ => Backup::KeepText(without(file.text())?),
        };
        let after = Some(without(&edited)?);
        let names: Vec<&str> = moved.iter().map(|login| &*login.spelled).collect();
        self.notes.push(format!(
            "{target}: the keychain has the logins that {} had: {}",
            path.display(),
            names.join(", ")
        ));
        self.changes.push(Change { kind: FileKind::Client, file, after, backup });
        self.logins.extend(moved);
        Ok(())
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
        self.note(target, &file, &after, what);
        if file.text() == after {
            return Ok(());
        }
        // While it is applied the first copy is the one to come back to.
        let kept = applied && backup::load(&file.path)?.is_some();
        let backup = if kept { Backup::Leave } else { Backup::Keep };
        self.changes.push(Change { kind, file, after: Some(after), backup });
        Ok(())
    }

    /// Says what becomes of a file.
    fn note(&mut self, target: Target, file: &UserFile, after: &str, what: &str) {
        let path = file.path.display();
        self.notes.push(match file.text() == after {
            true => format!("{target}: already set up in {path}"),
            false => format!("{target}: {path} names {HELPER} for {what}"),
        });
    }

    fn podman(&mut self, asked: &Asked<'_>) -> Result<(), Report> {
        let (file, drop_in) = places::podman_registries(asked.environment)?;
        let mut registries = UserFile::read(&file)?;
        let usable = registries.text.is_some() && !tables::is_first_version(&file, registries.text())?;
        if !usable || drop_in.exists() {
            registries = UserFile::read(&drop_in)?;
        }
        let after = tables::add_helper(&registries.path, registries.text())?;
        let applied = after == registries.text();
        self.change(Target::Podman, FileKind::Registries, registries, after, applied, "every registry")?;
        // The helper is asked first; what it does not have, podman looks up in these.
        for path in places::podman_auth_files(asked.environment).into_iter().filter(|path| path.exists()) {
            let file = UserFile::read(&path)?;
            let clear = clear_text::movable(&path, file.text(), &[], &asked.config)?;
            if !asked.import {
                self.warnings
                    .extend(clear.iter().map(|login| warning::in_clear_text(Target::Podman, &path, &login.spelled)));
            } else if !clear.is_empty() {
                let text = file.text().to_owned();
                self.take_out(Target::Podman, file, text, false, clear)?;
            }
        }
        Ok(())
    }

    fn podman_hosts(&mut self, asked: &Asked<'_>) -> Result<(), Report> {
        let path = places::json(Target::Podman, asked.environment)?;
        // Podman calls the Hub `docker.io` (containers/image `docker/reference`).
        let name = |host: &String| if host == DOCKER_HUB { "docker.io".into() } else { host.clone() };
        let hosts: Vec<String> = asked.hosts.iter().map(name).collect();
        self.warnings.extend(warning::of_podman(&hosts, asked.environment));
        let file = UserFile::read(&path)?;
        let clear = match asked.import {
            true => clear_text::movable(&path, file.text(), &asked.hosts, &asked.config)?,
            false => Vec::new(),
        };
        let edits: Vec<Edit> = hosts.into_iter().map(Edit::Host).collect();
        self.json(Target::Podman, file, &edits, clear)
    }

    /// Plans our own file: the rules that were chosen, and the helper that kept logins until now as the store
    /// for other registries, so that none is lost. It is written first: no client asks us before we know whom
    /// to ask.
    fn own_file(&mut self, previous: &[Previous], rules: &[NewRule], asked: &Asked<'_>) -> Result<(), Report> {
        let store = self.adopted_store(previous, asked)?;
        if store.is_none() && rules.is_empty() {
            return Ok(());
        }
        let path = places::ours(asked.environment)?;
        let file = UserFile::read(&path)?;
        if let (None, Some(machines)) = (&file.text, &asked.config.path) {
            let (machines, path) = (machines.display(), path.display());
            return Err(Report::new(format!(
                "{machines} is in force, and a file of your own would take its place whole"
            ))
            .hint(format!("install -D {machines} {path}, then run it again")));
        }
        let mut after = file.text().to_owned();
        if let Some(store) = store {
            after = tables::set_store(&path, &after, store)?;
            self.notes.push(format!("other registries: logins stay in `{store}`, by {}", path.display()));
        }
        for rule in rules {
            after = rules::add(&path, &after, rule)?;
            self.notes.push(format!(
                "account {}: pulled with the AWS profile {}, by {}",
                rule.account,
                rule.profile,
                path.display()
            ));
        }
        Config::parse(&after, path.clone())?;
        let backup = if backup::load(&path)?.is_some() { Backup::Leave } else { Backup::Keep };
        self.changes.insert(0, Change { kind: FileKind::Ours, file, after: Some(after), backup });
        Ok(())
    }

    /// The store for other registries that our own file must name.
    fn adopted_store<'p>(&mut self, previous: &'p [Previous], asked: &Asked<'_>) -> Result<Option<&'p str>, Report> {
        let Asked { config, environment, .. } = asked;
        // Amazon's helper answers for ECR alone and keeps no logins: there is nothing to take over.
        let others = previous.iter().filter(|previous| previous.store != REPLACED_HELPER);
        let (ours, keepers): (Vec<_>, Vec<_>) = others.partition(|previous| previous.leads_to_us(environment));
        self.warnings.extend(ours.into_iter().map(Previous::not_taken_over));
        let Some(first) = keepers.first() else { return Ok(None) };
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
        Ok(configured.is_none().then_some(first.store.as_str()))
    }

    /// Our configuration once the plan is applied.
    pub fn config(&self, environment: &Environment) -> Result<Config, Report> {
        match self.changes.iter().find(|change| change.kind == FileKind::Ours) {
            Some(Change { file, after: Some(text), .. }) => Config::parse(text, file.path.clone()),
            Some(_) | None => config(environment),
        }
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
            match backup {
                Backup::Keep => backup::keep(file, file.text.as_deref(), watch)?,
                Backup::KeepText(text) => backup::keep(file, Some(text), watch)?,
                Backup::Leave | Backup::Forget => {}
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
    match environment.path("ECR_RS_CONFIG").filter(|path| !path.exists()) {
        Some(_) => Ok(Config::default()), // it is written anew
        None => Config::load(environment),
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
