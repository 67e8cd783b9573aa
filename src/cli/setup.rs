//! `setup`: names our helper in the clients' configuration, shows it first, or takes it out again.

use std::{process::ExitCode, time::SystemTime};

use super::output::write_lines;
use crate::{
    app::App,
    config::{Config, LoginStore},
    docker::logins::LOGIN,
    door::{Start, Streams},
    environment::Environment,
    keychain::{self, ErrorKind},
    report::{Level, Report},
    setup::{Plan, PluginRequest, Request, Target},
    token::cache::TOKEN,
};

/// Make docker, notation and podman ask this helper.
///
/// Every file is kept beside itself as it was, and `--undo` brings it back. A `credsStore` that was
/// there goes on keeping the logins of other registries.
#[derive(Debug, clap::Args)]
pub(super) struct Setup {
    /// The clients to set up [default: docker, and the others that are installed]
    #[arg(value_enum)]
    clients: Vec<Target>,
    /// Serve these registries only (`credHelpers`) instead of every one (`credsStore`)
    #[arg(long, value_name = "HOST", num_args = 1.., value_delimiter = ',')]
    registry: Vec<String>,
    /// Make this program Notation's plugin for AWS Signer, too; for the client `notation`
    #[arg(long, conflicts_with = "undo")]
    plugin: bool,
    /// Take the place of another plugin of that name, AWS's own, which is kept beside it
    #[arg(long, requires = "plugin")]
    replace: bool,
    /// Show what would change and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Bring the files back as they were; what others changed in them since stays
    #[arg(long, conflicts_with = "registry")]
    undo: bool,
}

impl Setup {
    /// What was done goes to stdout, what to know to stderr.
    pub(super) fn run(&self, start: Start, Streams { stdout, stderr, .. }: Streams<'_>) -> Result<ExitCode, Report> {
        if self.plugin && !self.clients.contains(&Target::Notation) {
            return Err(Report::new("--plugin is for the client `notation`").hint("run: setup notation --plugin"));
        }
        let plugin = PluginRequest { program: (start.executable)(), replace: self.replace };
        let request = Request {
            targets: self.clients.clone(),
            registries: self.registry.clone(),
            plugin: self.plugin.then_some(plugin),
        };
        let plan = match self.undo {
            true => Plan::undo(&request, &start.environment)?,
            false => Plan::setup(&request, &start.environment)?,
        };
        let changes = plan.changed_keys()?;
        if !self.dry_run {
            plan.apply(&mut |_, _| Ok(()))?;
        }
        let lines = if self.dry_run && !changes.is_empty() { &changes } else { &plan.notes };
        write_lines(lines, stdout).ok(); // a closed pipe is no failure: the work is done, and nobody is left to read of it
        plan.warnings.iter().for_each(|warning| warning.print(Level::Warning, stderr));
        if !self.undo
            && !self.dry_run
            && let Some(warning) = self.no_keychain(start.environment, start.now)
        {
            warning.print(Level::Warning, stderr);
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Setup {
    /// What it means that this machine has no keychain, where config.toml names no other store.
    fn no_keychain(&self, environment: Environment, now: SystemTime) -> Option<Report> {
        let config = Config::load(&environment).ok()?; // one that is broken has stopped the plan
        let app = App::open(environment, config, now);
        let is_absent = |fault: &keychain::Error| fault.kind == ErrorKind::Absent;
        let tokens = app.cache.list(&TOKEN).err().filter(is_absent);
        // Single registries of ECR need no login; one of another sort does, and finds its cause then.
        let serves_all = self.registry.is_empty() && app.config.logins == LoginStore::Keychain;
        let logins = if serves_all { app.logins.list(&LOGIN).err().filter(is_absent) } else { None };
        let (fault, means, hint) = match (tokens, logins) {
            (None, None) => return None,
            (Some(fault), None) => (
                fault,
                "each pull from ECR asks AWS for a token",
                "set `[cache] store = \"file\"` (clear text, mode 0600) in config.toml to keep them",
            ),
            (None, Some(fault)) => (
                fault,
                "other registries are pulled from without a login, and `docker login` of them fails",
                "serve ECR alone with `setup --registry HOST`, or set `[other-registries] store = \"file\"` (clear text, mode 0600) in config.toml",
            ),
            (Some(fault), Some(_)) => (
                fault,
                "each pull from ECR asks AWS for a token, other registries are pulled from without a login, and `docker login` of them fails",
                "serve ECR alone with `setup --registry HOST`, or set `[cache] store = \"file\"` and `[other-registries] store = \"file\"` (clear text, mode 0600) in config.toml",
            ),
        };
        Some(Report::new(format!("{fault}: {means}")).hint(hint))
    }
}
