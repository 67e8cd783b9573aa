//! The library behind `docker-credential-ecr-rs`; its interface is the program's own and may change
//! with any version. Modules from the ground up: each uses only what stands before it (ARCHITECTURE.md,
//! "Floors").

// Ground.
pub mod crash;
pub mod digest;
pub mod door;
pub mod environment;
pub mod log;
pub(crate) mod names;
pub mod private_fs;
pub(crate) mod process;
pub mod report;
pub mod secret;

// Material: what is read and written.
pub mod config;
pub mod identity;
pub mod keychain;
pub mod notary;
pub mod oci;
pub mod registry;

// What they do.
pub mod aws;
pub mod setup;
pub mod sign;
pub mod token;
pub mod verify;

// The doors, and what they open.
pub mod app;
pub mod cli;
pub mod containerd;
pub mod docker;
pub mod kubelet;
pub mod notation_plugin;
