//! `config`: is config.toml in order, and what can stand in it?

use std::{path::PathBuf, process::ExitCode};

use crate::{
    app::App,
    aws::signing_profile::SigningProfile,
    config::{Config, LoginStore, ProfileChoice, Rule, schema},
    door::{Start, Streams},
    log::Log,
    names::HELPER_PREFIX,
    registry::{Server, look_alike},
    report::{Level, Report, fold, nearest},
};

/// Check config.toml, or print its JSON schema
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  docker-credential-ecr-rs config check
  docker-credential-ecr-rs config schema > config.schema.json")]
pub(super) enum ConfigCommand {
    Check(Check),
    Schema(Schema),
}

/// Say what is wrong with config.toml: file, line, what, and what to write
///
/// Without FILE the one that is in force. The exit code is 0 where the file can be used.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  docker-credential-ecr-rs config check
  docker-credential-ecr-rs config check ./config.toml")]
pub(super) struct Check {
    /// Another file
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Print the JSON schema of config.toml, for editors
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  docker-credential-ecr-rs config schema > config.schema.json")]
pub(super) struct Schema {}

impl ConfigCommand {
    pub(super) fn run(&self, start: Start, streams: Streams<'_>) -> Result<ExitCode, Report> {
        match self {
            ConfigCommand::Check(check) => check.run(start, streams),
            ConfigCommand::Schema(_) => {
                writeln!(streams.stdout, "{:#}", schema())?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

impl Check {
    fn run(&self, start: Start, Streams { stdout, stderr, .. }: Streams<'_>) -> Result<ExitCode, Report> {
        let config = match &self.file {
            Some(file) => Config::read(file)?,
            None => Config::load(&start.environment)?,
        };
        let Some(path) = config.path.clone() else {
            writeln!(stdout, "there is no config.toml, and none is needed")?;
            return Ok(ExitCode::SUCCESS);
        };
        let app = App::open(start.environment, config, start.now);
        let log = Log::new(stderr, false);
        let mut usable = true;
        for (level, report) in findings(&app) {
            usable &= level != Level::Error;
            log.report(level, &report);
        }
        if !usable {
            return Ok(ExitCode::FAILURE);
        }
        let path = path.display().to_string();
        writeln!(stdout, "{}: in order, registry rules: {}", fold(&path), app.config.rules.len())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What the reader takes and the machine does not know, or what can have no effect.
fn findings(app: &App) -> Vec<(Level, Report)> {
    let config = &app.config;
    let path = config.path.as_deref().unwrap_or(std::path::Path::new("config.toml")).display();
    let at = |rule: &Rule, what: String| Report::new(format!("{path}:{}: {what}", rule.line));
    let mut findings = Vec::new();
    let unknown = |choice: Option<&ProfileChoice>| match choice {
        Some(ProfileChoice::Named(name)) if !app.identities().has_profile(name) => Some(name.clone()),
        _ => None,
    };
    let names = app.identities().profile_names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let hint = |name: &str| match &*names {
        [] => "there are no AWS profiles here: `aws configure sso` makes one".to_owned(),
        names => nearest(name, names),
    };
    if let Some(name) = unknown(config.default_profile.as_ref()) {
        let report = Report::new(format!("{path}: [defaults] profile = {name:?}: there is no such AWS profile"));
        findings.push((Level::Warning, report.hint(hint(&name))));
    }
    if let LoginStore::Helper(suffix) = &config.logins {
        let helper = format!("{HELPER_PREFIX}{suffix}");
        if app.environment.program(&helper).is_none() {
            let report = Report::new(format!("{path}: [other-registries] store = {suffix:?}: {helper} is not on PATH"));
            findings.push((Level::Warning, report.hint("install it, or write \"keychain\"")));
        }
    }
    for rule in &config.rules {
        let host = rule.hosts.as_str();
        if let Some(name) = unknown(rule.profile.as_ref()) {
            let report = at(rule, format!("profile = {name:?}: there is no such AWS profile"));
            findings.push((Level::Warning, report.hint(hint(&name))));
        }
        if let Some(Err(report)) = rule.signing_profile.as_deref().map(SigningProfile::parse) {
            findings
                .push((Level::Error, report.under(format!("{path}:{}: signing-profile cannot be used", rule.line))));
        }
        let other = rule.hosts.is_literal()
            && matches!(Server::parse(host, |host| config.custom(host)), Some(Server::Other(_)));
        if other && let Some(wrong) = look_alike(host) {
            let report = at(rule, format!("match = {host:?} is no registry of Amazon ECR")).cause(wrong);
            findings.push((Level::Warning, report.hint("correct the host")));
        } else if other && rule.signing_profile.is_none() {
            let report = at(rule, format!("match = {host:?} is no registry of Amazon ECR: the rule has no effect"));
            findings.push((Level::Warning, report.hint("if it is a custom domain of ECR, add account and region")));
        }
    }
    findings
}
