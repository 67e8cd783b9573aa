//! The library behind `docker-credential-ecr-rs`. Modules in reading order.

pub mod aws;
pub mod cli;
pub mod environment;
pub mod identity;
pub mod keychain;
pub mod registry;
pub mod secret;
pub mod setup;
pub mod token;
