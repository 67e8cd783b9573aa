//! What `config.toml` says, checked.

use std::{path::PathBuf, time::Duration};

use serde::Deserialize;

use super::glob::Glob;
use crate::registry::{Custom, TOKEN_LIFETIME};

/// The part of its life that a token must still have to be handed out without a new one, unless the
/// file says another: a push that starts now can finish.
pub const REFRESH_BEFORE: Duration = Duration::from_secs(TOKEN_LIFETIME.as_secs() / 4);

/// Where `[defaults]` is, for people.
pub const DEFAULTS_PLACE: &str = "[defaults] of config.toml";

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
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
    /// Clear-text files, mode 0600, in a folder of their own.
    File,
    /// Nowhere: no login is kept or known.
    None,
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
    /// `signing-profile`: the ARN of the profile whose signatures the images there have.
    pub signing_profile: Option<String>,
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

impl Default for Config {
    fn default() -> Config {
        Config {
            path: None,
            cache: None,
            refresh_before: REFRESH_BEFORE,
            logins: LoginStore::Keychain,
            default_profile: None,
            rules: Vec::new(),
        }
    }
}

impl Config {
    /// The rule for a host: the first that matches.
    pub fn rule_for(&self, host: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.hosts.matches(host))
    }

    /// The private registry behind a custom domain.
    pub fn custom(&self, host: &str) -> Option<Custom> {
        self.rule_for(host)?.custom.clone()
    }
}

impl Rule {
    /// Where the rule is, for people.
    pub fn place(&self) -> String {
        format!("the rule for {:?} in config.toml, line {}", self.hosts.as_str(), self.line)
    }
}
