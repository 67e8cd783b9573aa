//! Where secrets are kept: one trait, and a file for each kind of store.
//!
//! The project's one joint. Stores know [`EntryKind`]s of entries and nothing of registries: what an
//! entry means is said by the rooms that keep some, `token::cache` and `docker::logins`.

mod entry;
mod error;
pub mod file;
pub mod helper;
pub mod keyring;
#[cfg(target_os = "linux")]
pub mod keyutils;
#[cfg(target_os = "linux")]
pub mod linux;
#[cfg(target_os = "macos")]
pub(crate) mod macos;
pub mod none;
mod record;
mod split;
pub(crate) mod unavailable;
#[cfg(windows)]
pub(crate) mod windows;

pub use entry::{Damaged, Entry, EntryKind, Inventory, Key, Label};
pub use error::{Error, ErrorKind};

use std::time::Duration;

/// The service name of every entry that is ours. Entries without it are never listed or touched.
pub const SERVICE: &str = "docker-credential-ecr-rs";

/// How long any keychain call may take, all its round trips together.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(3);

/// The user's keychain, as much of it as we need.
///
/// Contract, run against every implementation by `tests/keychain_contract.rs`:
/// - `get` after `put` returns the same label and the same bytes, up to 16 KiB (ECR passwords
///   reach 2,714 characters, Docker Hub's web login 5,000).
/// - `Ok(None)` means "asked, and there is none"; a locked, absent or silent keychain is an [`Error`].
/// - An entry that is there and cannot be used (cut short, of a newer version, of another's making,
///   open to others) is [`ErrorKind::Damaged`]: what that means is said by who asked.
/// - `put` replaces the entry of the same key, also when its further attributes differ or it is damaged.
/// - `remove` of nothing is `Ok(())`. A damaged entry is removed as any other.
/// - `inventory` names our entries of one kind only, never prompts, and reads no secret of an entry
///   that is whole. A damaged entry of a kind that cannot be told may be among those of any kind.
/// - No call takes longer than 3 s (`CALL_TIMEOUT`), and none waits for a person.
pub trait Keychain {
    /// What people call this store, for messages: "Secret Service", "macOS Keychain".
    fn name(&self) -> &'static str;
    /// Whether it keeps what it is given; one that does not answers no later question.
    fn keeps(&self) -> bool {
        true
    }
    /// The entry of exactly this key.
    fn get(&self, key: &Key) -> Result<Option<Entry>, Error>;
    /// Keeps an entry, in place of the one with the same key.
    fn put(&self, entry: &Entry) -> Result<(), Error>;
    /// Forgets the entry of this key.
    fn remove(&self, key: &Key) -> Result<(), Error>;
    /// All our entries of a kind, the damaged ones apart.
    fn inventory(&self, kind: &'static EntryKind) -> Result<Inventory, Error>;

    /// The labels of all our entries of a kind that can be read, in no particular order.
    fn list(&self, kind: &'static EntryKind) -> Result<Vec<Label>, Error> {
        Ok(self.inventory(kind)?.labels)
    }

    /// Forgets all of these within the bound of one call. `damaged` are of this store's `inventory`.
    fn remove_all(&self, keys: &[&Key], damaged: &[Damaged]) -> Result<(), Error>;
}
