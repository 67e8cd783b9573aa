//! ECR tokens: the rules about their time, their place in the keychain, and one call for many.

pub mod cache;
mod failure;
mod service;
pub mod single_flight;
mod source;

pub use service::{Error, Service};
pub use source::{MintError, MintErrorKind, TokenSource};

use std::time::{Duration, SystemTime};

use crate::secret::Secret;

/// A password for one registry, with its end.
#[derive(Debug)]
pub struct Token {
    /// What a client sends as the password.
    pub password: Secret,
    /// Set by AWS (`expiresAt` of GetAuthorizationToken), 12 hours ahead when minted.
    pub expires_at: SystemTime,
}

impl Token {
    /// How long it still lives; zero when it has ended.
    pub fn remaining(&self, now: SystemTime) -> Duration {
        self.expires_at.duration_since(now).unwrap_or_default()
    }
}
