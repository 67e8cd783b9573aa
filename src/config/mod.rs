//! Our own configuration, `config.toml`: which identity serves which registry, and where things are kept.
//!
//! Strict on purpose: a misspelt key in a file that picks credentials must not be passed over. Every
//! error names the file, the line and, for a key, the nearest one that exists.

mod glob;
mod read;

use std::{fmt, fs, io, path::PathBuf, time::Duration};

use crate::{environment::Environment, registry::Custom, token};

pub use glob::Glob;

/// The configuration, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The file it was read from; `None` when there is none.
    pub path: Option<PathBuf>,
    /// `[cache] store`: where ECR tokens are kept; `None` when the file does not say.
    pub cache: Option<CacheStore>,
    /// `[cache] refresh-before`: the life a cached token must still have.
    pub refresh_before: Duration,
    /// `[other-registries] store`: where other registries' logins are kept.
    pub logins: LoginStore,
    /// `[defaults] profile`: for registries without a rule.
    pub default_profile: Option<ProfileChoice>,
    /// The `[[registry]]` rules in their order; the first that matches wins.
    pub rules: Vec<Rule>,
}

/// Where ECR tokens are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheStore {
    /// The OS keychain.
    Keychain,
    /// The Linux kernel's key store, until reboot.
    Keyutils,
    /// Clear-text files, mode 0600.
    File,
    /// Nowhere: every `get` asks AWS.
    None,
}

/// Where other registries' logins are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginStore {
    /// The OS keychain, by us.
    Keychain,
    /// Another credential helper, by the suffix of its name.
    Helper(String),
}

/// Which AWS profile a rule takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProfileChoice {
    /// This one.
    Named(String),
    /// The one whose account is the registry's.
    Auto,
}

/// A `[[registry]]` rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// `match`: the hosts it is for.
    pub hosts: Glob,
    /// `profile`.
    pub profile: Option<ProfileChoice>,
    /// `role-arn` with what belongs to it.
    pub role: Option<AssumedRole>,
    /// `account` and `region`: the host is a custom domain in front of this registry.
    pub custom: Option<Custom>,
    /// Its line in the file, from 1.
    pub line: usize,
}

/// A role that a rule assumes on top of its credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssumedRole {
    /// `role-arn`.
    pub arn: String,
    /// `external-id`.
    pub external_id: Option<String>,
    /// `session-name`.
    pub session_name: Option<String>,
}

/// A configuration that cannot be used.
#[derive(Debug)]
pub struct ConfigError {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1; `None` when the file could not be read at all.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
    /// One thing to do.
    pub hint: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path.display(), self.what),
            None => write!(f, "{}: {}", self.path.display(), self.what),
        }
    }
}

impl std::error::Error for ConfigError {}

impl Default for Config {
    fn default() -> Config {
        Config {
            path: None,
            cache: None,
            refresh_before: token::REFRESH_BEFORE,
            logins: LoginStore::Keychain,
            default_profile: None,
            rules: Vec::new(),
        }
    }
}

impl Config {
    /// Where the file is: `$ECR_RS_CONFIG`, else `docker-credential-ecr-rs/config.toml` in the
    /// user's config folder.
    pub fn location(environment: &Environment) -> Option<PathBuf> {
        let default = || Some(environment.config_folder.as_ref()?.join("docker-credential-ecr-rs").join("config.toml"));
        environment.path("ECR_RS_CONFIG").or_else(default)
    }

    /// Reads the file. None at the usual place is an empty configuration; one that `ECR_RS_CONFIG`
    /// names must be there.
    pub fn load(environment: &Environment) -> Result<Config, ConfigError> {
        let Some(path) = Config::location(environment) else { return Ok(Config::default()) };
        let named = environment.path("ECR_RS_CONFIG").is_some();
        let absent = |err: &io::Error| matches!(err.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
        match fs::read_to_string(&path) {
            Ok(text) => Config::parse(&text, path),
            // Without access to the home folder there is no configuration of this user's either.
            Err(err) if !named && (absent(&err) || err.kind() == io::ErrorKind::PermissionDenied) => {
                Ok(Config::default())
            }
            Err(err) => {
                let hint = if named {
                    "correct or unset ECR_RS_CONFIG"
                } else {
                    "make it a readable text file, or move it away"
                };
                Err(ConfigError { what: format!("cannot be read: {err}"), path, line: None, hint: hint.into() })
            }
        }
    }

    /// Reads the file's text.
    pub fn parse(text: &str, path: PathBuf) -> Result<Config, ConfigError> {
        read::config(text, &path)
    }

    /// The rule for a host: the first that matches.
    pub fn rule_for(&self, host: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.hosts.matches(host))
    }

    /// The private registry behind a custom domain.
    pub fn custom(&self, host: &str) -> Option<Custom> {
        self.rule_for(host)?.custom.clone()
    }

    /// Where `[defaults]` is, for people.
    pub fn defaults_place(&self) -> String {
        "[defaults] of config.toml".into()
    }
}

impl Rule {
    /// Where the rule is, for people.
    pub fn place(&self) -> String {
        format!("the rule for {:?} in config.toml, line {}", self.hosts.as_str(), self.line)
    }
}
