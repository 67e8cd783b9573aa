//! `setup`: names our helper in the clients' configuration, shows it first, or takes it out again.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::SystemTime,
};

use super::{confirm::confirm, import, output::write_lines, setup_rules};
use crate::{
    app::App,
    aws::signing_profile::SigningProfile,
    config::{Config, LoginStore},
    docker::logins::LOGIN,
    door::{Start, Streams},
    environment::Environment,
    identity::{self, Finder, SharedAccount},
    keychain::{self, ErrorKind},
    log::Log,
    names::PROGRAM,
    report::{Level, Report},
    setup::{NewRule, NodeRequest, Plan, PluginRequest, Request, Target},
    token::cache::TOKEN,
};

/// Make docker, notation, helm and podman ask this helper, or containerd before each pull.
///
/// Every file is kept beside itself as it was, and `--undo` brings it back. A `credsStore` that was
/// there goes on keeping the logins of other registries.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Setup {
    /// The clients to set up [default: docker, and the others of a user that are installed]
    #[arg(value_enum)]
    clients: Vec<Client>,
    /// Serve these registries only (`credHelpers`) instead of every one (`credsStore`)
    #[arg(long, value_name = "HOST", num_args = 1.., value_delimiter = ',')]
    registry: Vec<String>,
    /// With containerd: trust this signing profile, by its ARN
    #[arg(long, value_name = "ARN", conflicts_with = "undo")]
    signing_profile: Option<String>,
    /// With containerd: the root of the node's disk, where it is mounted here
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
    /// Make this program Notation's plugin for AWS Signer, too; for the client `notation`
    #[arg(long, conflicts_with = "undo")]
    plugin: bool,
    /// Take the place of another plugin of that name, AWS's own, which is kept beside it
    #[arg(long, requires = "plugin")]
    replace: bool,
    /// Move logins that stand in clear text in the clients' files into the keychain; asked about, too
    #[arg(long, conflicts_with = "undo")]
    import: bool,
    /// Do not ask: without named clients, what would change is shown and asked about
    #[arg(short, long)]
    yes: bool,
    /// Show what would change and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Bring the files back as they were; what others changed in them since stays
    #[arg(long, conflicts_with = "registry")]
    undo: bool,
}

/// The end of the help text.
const EXAMPLES: &str = "Examples:
  docker-credential-ecr-rs setup
  docker-credential-ecr-rs setup docker --registry \\
    111122223333.dkr.ecr.eu-west-1.amazonaws.com
  docker-credential-ecr-rs setup --import
  docker-credential-ecr-rs setup containerd --signing-profile \\
    arn:aws:signer:REGION:ACCOUNT:/signing-profiles/NAME
  docker-credential-ecr-rs setup --undo";

/// Who asks this program: a user's client, or the machine's containerd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Client {
    /// Docker's config.json, which buildx, compose, crane, oras and helm read too.
    Docker,
    /// Notation's config.json.
    Notation,
    /// Helm's own config.json, where `helm registry login` writes.
    Helm,
    /// registries.conf or auth.json, which podman, skopeo and buildah read.
    Podman,
    /// The verifiers of containerd, which it asks before each pull.
    Containerd,
}

impl Client {
    fn of_user(self) -> Option<Target> {
        match self {
            Client::Docker => Some(Target::Docker),
            Client::Notation => Some(Target::Notation),
            Client::Helm => Some(Target::Helm),
            Client::Podman => Some(Target::Podman),
            Client::Containerd => None,
        }
    }
}

impl Setup {
    /// What was done goes to stdout, what to know to stderr.
    pub(super) fn run(&self, start: Start, Streams { stdin, stdout, stderr }: Streams<'_>) -> Result<ExitCode, Report> {
        let of_node = self.clients.contains(&Client::Containerd);
        let (program, terminals, now) = ((start.executable)(), (start.terminals)(), start.now);
        let environment = if of_node { start.environment.under(&self.root) } else { start.environment };
        let log = Log::new(stderr, false);
        // Who names a client, or goes back, has said what is to be done.
        let whole = self.clients.is_empty() && !self.undo && !self.dry_run;
        let asks = (whole || self.import) && !self.dry_run && !self.yes;
        let accounts = if self.clients.is_empty() && !self.undo { shared_accounts(&environment) } else { Vec::new() };
        let rules = match asks && whole && terminals.stdin && terminals.stderr {
            true => setup_rules::ask(&accounts, stdin, &log),
            false => Vec::new(),
        };
        let without_rule = setup_rules::without_rule(&accounts, &rules);
        let mut plan = match of_node {
            true => self.node(program, &environment)?,
            false => self.of_user(program, rules, &environment)?,
        };
        let changes = plan.changed_keys()?;
        let mut warnings = std::mem::take(&mut plan.warnings);
        let tell = |warning: &Report| log.report(Level::Warning, warning);
        warnings.extend(without_rule);
        let app = if of_node || self.dry_run { None } else { self.app(&plan, environment, now)? };
        match &app {
            Some(app) if self.undo => warnings.extend(import::left_behind(&*app.logins, &plan.released)),
            Some(app) => warnings.extend(self.no_keychain(app)),
            None => {}
        }
        if asks && !changes.is_empty() {
            write_lines(&changes, stdout).and_then(|()| stdout.flush()).ok();
            warnings.drain(..).for_each(|warning| tell(&warning));
            confirm("change these files?", false, terminals.stderr, stdin, &log)?;
        }
        if !self.dry_run {
            if let Some(app) = &app {
                import::keep(&*app.logins, &plan.logins)?;
            }
            plan.apply(&mut |_, _| Ok(()))?;
        }
        let lines = if self.dry_run && !changes.is_empty() { &changes } else { &plan.notes };
        write_lines(lines, stdout).ok(); // a closed pipe is no failure: the work is done, and nobody is left to read of it
        warnings.iter().for_each(tell);
        if whole {
            writeln!(stdout, "try: {PROGRAM} doctor").ok();
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Setup {
    /// The plan for a user's clients.
    fn of_user(
        &self,
        program: Option<PathBuf>,
        rules: Vec<NewRule>,
        environment: &Environment,
    ) -> Result<Plan, Report> {
        if self.signing_profile.is_some() || self.root != Path::new("/") {
            return Err(Report::new("--signing-profile and --root are for containerd")
                .hint("docker-credential-ecr-rs setup containerd --signing-profile ARN"));
        }
        let targets: Vec<Target> = self.clients.iter().filter_map(|client| client.of_user()).collect();
        if self.plugin && !targets.contains(&Target::Notation) {
            return Err(Report::new("--plugin is for the client `notation`").hint("run: setup notation --plugin"));
        }
        let plugin = self.plugin.then_some(PluginRequest { program, replace: self.replace });
        let request = Request { targets, registries: self.registry.clone(), import: self.import, rules, plugin };
        match self.undo {
            true => Plan::undo(&request, environment),
            false => Plan::setup(&request, environment),
        }
    }

    /// The plan for the machine's containerd, or that of a node's disk.
    fn node(&self, program: Option<PathBuf>, environment: &Environment) -> Result<Plan, Report> {
        if self.clients.len() > 1 || !self.registry.is_empty() || self.plugin || self.import {
            return Err(Report::new("containerd is the machine's, and the other clients are a user's")
                .hint("docker-credential-ecr-rs setup containerd, in a run of its own"));
        }
        let request = NodeRequest {
            root: self.root.clone(),
            profile: self.signing_profile.as_deref().map(SigningProfile::parse).transpose()?,
            program,
        };
        match self.undo {
            true => Plan::undo_node(&request, environment),
            false => Plan::node(&request, environment),
        }
    }
}

impl Setup {
    /// The stores as they are once the plan is applied; before an undo, as they are.
    fn app(&self, plan: &Plan, environment: Environment, now: SystemTime) -> Result<Option<App>, Report> {
        let config = match self.undo {
            true => Config::load(&environment).ok(), // who goes back need not mend it first
            false => Some(plan.config(&environment)?),
        };
        Ok(config.map(|config| App::open(environment, config, now)))
    }

    /// What it means that this machine has no keychain, where config.toml names no other store.
    fn no_keychain(&self, app: &App) -> Option<Report> {
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

/// The accounts that `setup` offers rules for. AWS files that cannot be read are `doctor`'s to tell of.
fn shared_accounts(environment: &Environment) -> Vec<SharedAccount> {
    let Ok(config) = Config::load(environment) else { return Vec::new() };
    let finder = Finder { environment, config: &config, chosen: None, instance: identity::is_ec2 };
    finder.shared_accounts().unwrap_or_default()
}
