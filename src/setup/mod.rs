//! Names our helper in the clients' configuration, and takes it out again.
//!
//! A run first reads every file it may touch and plans every change ([`Plan`]); what is wrong with
//! any of them stops it before the first byte is written. Then each file is replaced in one step,
//! with what it was kept beside it ([`backup_path`]). The order makes every moment safe: our own
//! config.toml learns which helper keeps the other registries' logins before a client is pointed at us.

mod backup;
mod client;
mod diff;
mod error;
mod file;
mod json;
mod places;
mod plan;
pub(crate) mod reading;
mod tables;
mod undo;
mod warning;
mod write;

use std::fmt;

pub use backup::copy_path as backup_path;
pub use error::Error;
pub use file::LARGEST;
pub use places::{docker as docker_path, notation as notation_path};
pub use plan::Plan;
pub use warning::Warning;
pub use write::{Step, Watch};

/// Our name in a client's configuration: the program's name without `docker-credential-`.
pub const HELPER: &str = "ecr-rs";

/// A client whose configuration is edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Target {
    /// Docker's config.json, which buildx, compose, crane, oras and helm read too.
    Docker,
    /// Notation's config.json.
    Notation,
    /// registries.conf or auth.json, which podman, skopeo and buildah read.
    Podman,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Target::Docker => "docker",
            Target::Notation => "notation",
            Target::Podman => "podman",
        })
    }
}

/// What is asked for.
#[derive(Debug, Default)]
pub struct Request {
    /// The clients; none means all that are here, docker always.
    pub targets: Vec<Target>,
    /// The registries' hosts; none means every registry (`credsStore`).
    pub registries: Vec<String>,
}
