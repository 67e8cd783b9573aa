//! Names our helper in the clients' configuration, and takes it out again; writes Notation's trust policy; has a
//! node's containerd ask this program.
//!
//! A run first reads every file it may touch and plans every change ([`Plan`]); what is wrong with
//! any of them stops it before the first byte is written. Then each file is replaced in one step,
//! with what it was kept beside it ([`backup_path`]). The order makes every moment safe: our own
//! config.toml learns which helper keeps the other registries' logins before a client is pointed at us.

mod backup;
mod change;
mod clear_text;
mod client;
mod containerd;
mod containerd_config;
mod containerd_lines;
mod file;
mod json_object;
mod places;
mod plan;
mod plugin;
mod previous;
mod request;
mod rules;
mod tables;
mod trust;
mod undo;
pub(crate) mod warning;
mod write;

pub use backup::copy_path as backup_path;
pub use clear_text::ClearLogin;
pub(crate) use client::Logins;
pub use containerd::NodeRequest;
pub(crate) use containerd::{SET_UP, is_our_name, node_command};
pub(crate) use containerd_config::ContainerdConfig;
pub use places::{docker as docker_path, notation as notation_path, podman_auth_files};
pub use plan::Plan;
pub use request::{NewRule, PluginRequest, Request, Target};
pub(crate) use tables::podman_helpers;
pub use trust::TrustRequest;
pub use write::{Step, Watch};
