//! The machine as `main.rs` found it, and what a command opens of it.

use std::{ffi::OsString, io::Write, path::PathBuf, time::SystemTime};

use super::{Problem, output::Style};
use crate::{
    aws::{Aws, Settings},
    config::Config,
    environment::Environment,
    error::Error,
    identity::{IdentityError, Instance},
    journal::Journal,
    keychain::{Keychain, open},
    world::World,
};

/// What `main.rs` knows of the machine.
pub struct Machine {
    /// Variables and folders.
    pub environment: Environment,
    /// Whether this is an EC2 instance.
    pub instance: Instance,
    /// When the program started.
    pub now: SystemTime,
    /// The file of this program, where the OS tells it.
    pub executable: Option<PathBuf>,
    /// Which standard streams are terminals.
    pub terminals: Terminals,
}

/// Which standard streams are terminals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminals {
    /// Standard output.
    pub stdout: bool,
    /// Standard error.
    pub stderr: bool,
}

/// Whose AWS credentials a command takes.
#[derive(Debug, Default, clap::Args)]
pub(super) struct AwsArguments {
    /// Use this AWS profile, over config.toml and the keys in the environment
    #[arg(long, value_name = "NAME")]
    pub(super) profile: Option<String>,
}

/// The variables that hold credentials which `--profile` puts out of force, as in the AWS CLI
/// (user guide, "Configuration settings and precedence": command line, then environment).
const KEYS: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

impl AwsArguments {
    /// The environment as if the profile had been named in it and nothing else.
    pub(super) fn environment(&self, environment: Environment) -> Environment {
        let Some(profile) = self.profile.clone() else { return environment };
        let outer = environment.variable;
        let variable = move |name: &str| match name {
            "AWS_PROFILE" => Some(OsString::from(&profile)),
            name if KEYS.contains(&name) => None,
            name => outer(name),
        };
        Environment { variable: Box::new(variable), ..environment }
    }

    /// The configuration without the profiles that it would choose. The roles of its rules stay:
    /// they belong to the registry.
    pub(super) fn config(&self, mut config: Config) -> Config {
        if self.profile.is_some() {
            config.default_profile = None;
            config.rules.iter_mut().for_each(|rule| rule.profile = None);
        }
        config
    }

    /// What chose an identity, in the words of the command line.
    pub(super) fn chooser<'a>(&self, why: &'a str) -> &'a str {
        if self.profile.is_some() && why == "AWS_PROFILE" { "--profile" } else { why }
    }

    /// An error in the words of the command line: what named the profile is the option.
    pub(super) fn blame(&self, err: Error) -> Error {
        match err {
            Error::Identity { host, cause: IdentityError::UnknownProfile { profile, known, .. } }
                if self.profile.is_some() =>
            {
                let cause = IdentityError::UnknownProfile { profile, known, asked_by: "--profile".into() };
                Error::Identity { host, cause }
            }
            err => err,
        }
    }
}

/// Configuration and stores. Nothing is asked of a store until a command does.
pub(super) struct Opened {
    pub(super) environment: Environment,
    pub(super) config: Config,
    pub(super) cache: Box<dyn Keychain>,
    pub(super) logins: Box<dyn Keychain>,
    pub(super) aws: Aws,
    instance: Instance,
    now: SystemTime,
}

impl Machine {
    /// Reads the configuration and opens what it names.
    pub(super) fn open(self, aws: &AwsArguments) -> Result<Opened, Problem> {
        let config = Config::load(&self.environment).map_err(Error::Config)?;
        Ok(self.open_with(config, aws))
    }

    /// Opens what a configuration names.
    pub(super) fn open_with(self, config: Config, aws: &AwsArguments) -> Opened {
        let environment = aws.environment(self.environment);
        let config = aws.config(config);
        Opened {
            cache: open::cache(&environment, &config),
            logins: open::logins(&environment, &config),
            aws: Aws::new(Settings::read(&environment, self.now)),
            environment,
            config,
            instance: self.instance,
            now: self.now,
        }
    }

    /// How stdout may look.
    pub(super) fn style(&self) -> Style {
        Style::of(self.terminals.stdout, &self.environment)
    }
}

impl Opened {
    /// Where the decisions and warnings of a command go.
    pub(super) fn journal<'a>(&self, stderr: &'a mut dyn Write) -> Journal<'a> {
        Journal::new(stderr, self.environment.text("ECR_RS_LOG").is_some())
    }

    /// What every command works with.
    pub(super) fn world<'a>(&'a self, journal: &'a Journal<'a>) -> World<'a> {
        World {
            environment: &self.environment,
            config: &self.config,
            instance: self.instance,
            now: self.now,
            cache: &*self.cache,
            logins: &*self.logins,
            tokens: &self.aws,
            journal,
        }
    }
}
