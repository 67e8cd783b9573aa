//! What every command works with: built in `main.rs`, from fakes in tests.

use std::time::SystemTime;

use crate::{
    aws::TokenSource, config::Config, environment::Environment, identity::Instance, journal::Journal,
    keychain::Keychain,
};

/// The machine, the configuration and the seams.
pub struct World<'a> {
    /// Variables and folders.
    pub environment: &'a Environment,
    /// Our configuration.
    pub config: &'a Config,
    /// Whether this is an EC2 instance.
    pub instance: Instance,
    /// When the program started.
    pub now: SystemTime,
    /// Where ECR tokens are kept.
    pub cache: &'a dyn Keychain,
    /// Where other registries' logins are kept.
    pub logins: &'a dyn Keychain,
    /// Who mints ECR tokens.
    pub tokens: &'a dyn TokenSource,
    /// Where warnings go.
    pub journal: &'a Journal<'a>,
}
