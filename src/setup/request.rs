//! What is asked of `setup`.

use std::{fmt, path::PathBuf};

/// A client whose configuration is edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Docker's config.json, which buildx, compose, crane, oras and helm read too.
    Docker,
    /// Notation's config.json.
    Notation,
    /// Helm's own config.json of registries. Helm reads docker's too, and writes logins into its own alone.
    Helm,
    /// registries.conf or auth.json, which podman, skopeo and buildah read.
    Podman,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Target::Docker => "docker",
            Target::Notation => "notation",
            Target::Helm => "helm",
            Target::Podman => "podman",
        })
    }
}

/// The clients and the registries.
#[derive(Debug, Default)]
pub struct Request {
    /// The clients; none means all that are here, docker always.
    pub targets: Vec<Target>,
    /// The registries' hosts; none means every registry (`credsStore`).
    pub registries: Vec<String>,
    /// Whether logins in clear text go from the clients' files into the keychain.
    pub import: bool,
    /// The rules that config.toml gets.
    pub rules: Vec<NewRule>,
    /// Whether this program is to be Notation's plugin for AWS Signer, too.
    pub plugin: Option<PluginRequest>,
}

/// A rule of config.toml: which AWS profile pulls from an account's registries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRule {
    /// The 12-digit account.
    pub account: String,
    /// `match`: its registries, of every region.
    pub pattern: String,
    /// `profile`.
    pub profile: String,
}

/// The plugin that is asked for.
#[derive(Debug)]
pub struct PluginRequest {
    /// This program's file, where the system tells it.
    pub program: Option<PathBuf>,
    /// Whether it may take the place of another plugin of that name.
    pub replace: bool,
}
