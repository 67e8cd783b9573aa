//! Where secrets are kept: one trait, and a file for each kind of store.
//!
//! The project's one joint. Two sorts of entries live here: logins of other registries, which a
//! client stored and expects back, and ECR tokens, which are a cache and may be lost at any time.

pub mod file;
pub mod helper;
#[cfg(target_os = "linux")]
pub mod keyutils;
mod label;
#[cfg(target_os = "linux")]
pub mod linux;
#[cfg(target_os = "macos")]
pub(crate) mod macos;
pub mod memory;
pub mod native;
pub mod none;
mod record;
mod split;
pub(crate) mod unusable;
#[cfg(windows)]
pub(crate) mod windows;

pub use label::{Key, Label, LoginLabel, TokenLabel};

use std::{fmt, time::Duration};

use crate::{report::Report, secret::Secret};

/// The service name of every entry that is ours. Entries without it are never listed or touched.
pub const SERVICE: &str = "docker-credential-ecr-rs";

/// How long any keychain call may take, all its round trips together.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// How secrets cross the session bus of a Linux desktop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Session {
    /// As they are, through the user's own socket. Any program of the same user may ask the
    /// service for them anyway.
    Plain,
    /// Encrypted, so that a record of the bus's traffic shows none. A read takes three times as
    /// long.
    Dh,
}

/// A label with its secret.
#[derive(Debug)]
pub struct Entry {
    /// Everything but the secret.
    pub label: Label,
    /// The password or token, as the client gave it or AWS minted it.
    pub secret: Secret,
}

/// The user's keychain, as much of it as we need.
///
/// Contract, run against every implementation by `tests/keychain_contract.rs`:
/// - `get` after `put` returns the same label and the same bytes, up to 16 KiB (ECR passwords
///   reach 2,714 characters, Docker Hub's web login 5,000).
/// - `Ok(None)` means "asked, and there is none"; a locked, absent or silent keychain is a [`Fault`].
/// - `put` replaces the entry of the same key, also when its other attributes differ.
/// - `remove` of nothing is `Ok(())`.
/// - `list` names our entries only, reads no secret and never prompts.
/// - No call takes longer than [`PATIENCE`], and none waits for a person.
pub trait Keychain {
    /// What people call this store, for messages: "Secret Service", "macOS Keychain".
    fn name(&self) -> &'static str;
    /// The entry of exactly this key.
    fn get(&self, key: &Key) -> Result<Option<Entry>, Fault>;
    /// Keeps an entry, in place of the one with the same key.
    fn put(&self, entry: &Entry) -> Result<(), Fault>;
    /// Forgets the entry of this key.
    fn remove(&self, key: &Key) -> Result<(), Fault>;
    /// The labels of all our entries, in no particular order.
    fn list(&self) -> Result<Vec<Label>, Fault>;
}

/// Why a keychain could not do what it was asked.
#[derive(Debug, Clone)]
pub struct Fault {
    /// The store's [`Keychain::name`].
    pub store: &'static str,
    /// The sort of trouble, which decides the hint.
    pub kind: FaultKind,
    /// The store's own words, or which step failed; never a secret.
    pub detail: String,
}

/// The sorts of keychain trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// There is no keychain here: no D-Bus, no daemon, no such helper.
    Absent,
    /// It is there but locked, and opening it would need a person.
    Locked,
    /// It did not answer within [`PATIENCE`], or within the longer bound of another helper.
    Silent,
    /// It answered with a refusal.
    Refused,
    /// It answered with something that makes no sense.
    Garbled,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let store = self.store;
        match self.kind {
            FaultKind::Absent => write!(f, "no usable {store}: {}", self.detail),
            FaultKind::Locked => write!(f, "the {store} is locked: {}", self.detail),
            FaultKind::Silent => write!(f, "the {store} did not answer in time: {}", self.detail),
            FaultKind::Refused => write!(f, "the {store} refused: {}", self.detail),
            FaultKind::Garbled => write!(f, "the {store} answered nonsense: {}", self.detail),
        }
    }
}

impl std::error::Error for Fault {}

impl Fault {
    /// The report of what could not be done because of it: "read the login for ghcr.io".
    pub fn report(&self, doing: &str) -> Report {
        let report = Report::new(format!("cannot {doing}: {self}"));
        match self.kind {
            FaultKind::Refused => report, // a refusal is the store's own, and speaks for itself
            _ => report.hint(self.hint()),
        }
    }

    /// One next step the reader can take.
    pub fn hint(&self) -> &'static str {
        match self.kind {
            FaultKind::Absent => {
                "start a keychain (on Linux gnome-keyring or KWallet, with a D-Bus session), or name another store in config.toml: `[cache] store` for tokens, `[other-registries] store` for logins"
            }
            FaultKind::Locked => {
                "unlock the keychain (log in to the desktop, or run `gnome-keyring-daemon --unlock`, `security unlock-keychain`), then try again"
            }
            FaultKind::Silent => "restart the keychain's daemon; a prompt of it may be waiting for an answer",
            FaultKind::Refused => "the line above is the keychain's own answer",
            FaultKind::Garbled => {
                "the entry may have been written by another program or cut short: `docker logout` and `docker login` write it anew"
            }
        }
    }
}
