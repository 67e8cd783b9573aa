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

pub use entry::{Damaged, Entry, EntryKind, Inventory, Key, Label, Selection};
pub use error::{Error, ErrorKind};

use std::time::{Duration, SystemTime};

/// The service name of every entry that is ours. Entries without it are never listed or touched.
pub const SERVICE: &str = "docker-credential-ecr-rs";

/// How long a keychain call may take, all its round trips together; of one that reads or removes a
/// selection of any length, how long the store may be silent.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(3);

/// How long `tidy` may take in all: the client has its answer, and still waits for our end.
const TIDY_TIMEOUT: Duration = Duration::from_secs(1);

/// How many entries `tidy` looks at. Each token that is kept makes one, and is followed by one `tidy`.
const MAX_TIDIED: usize = 32;

/// All of `found`, beginning at another place each second: of what `tidy` has no time for, each has its turn.
fn turned<T>(mut found: Vec<T>, now: SystemTime) -> impl Iterator<Item = T> {
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let start = seconds.checked_rem(found.len() as u64).unwrap_or_default();
    found.rotate_left(usize::try_from(start).unwrap_or_default());
    found.into_iter()
}

/// The user's keychain, as much of it as we need.
///
/// Contract, run against every implementation by `tests/keychain_contract.rs`:
/// - `get` after `put` returns the same label and the same bytes, up to 16 KiB (ECR passwords
///   reach 2,714 characters, Docker Hub's web login 5,000).
/// - `Ok(None)` means "asked, and there is none"; a locked, absent or silent keychain is an [`Error`].
/// - An entry that is there and cannot be used (cut short, of a newer version, of another's making,
///   open to others) is [`ErrorKind::Damaged`]: what that means is said by who asked.
/// - `check` keeps, changes and asks nothing that a person sees. Who cannot tell says nothing.
/// - `put` replaces the entry of the same key, also when its further attributes differ or it is damaged.
/// - `remove` of nothing is `Ok(())`. A damaged entry is removed as any other.
/// - `inventory` names the selected entries only, never prompts, and reads no secret of an entry that is
///   whole. A damaged entry that does not tell its kind or key may be among those of any selection.
///   Where the store fails in the middle, what was read is told with the reason that it is not all.
/// - `remove_all` removes what `inventory` names, and gives it back. An error may leave a part of it.
/// - `tidy` removes entries of a kind that have ended, and no more than 32 at once (`MAX_TIDIED`). A
///   store that must ask for each entry looks at so many, beginning elsewhere each second: a later
///   `tidy` finds what this one leaves. It takes no longer than 1 s (`TIDY_TIMEOUT`).
/// - No other call takes longer than 3 s (`CALL_TIMEOUT`), but for `inventory` and `remove_all` of a store
///   that answers entry by entry: there the bound is for silence, and 30 s for all.
///   None waits for a person.
/// - The cost of a call grows with the entries that it names, not with those of other keys, kinds or
///   programs, as far as the store can search.
pub trait Keychain {
    /// What people call this store, for messages: "Secret Service", "macOS Keychain".
    fn name(&self) -> &'static str;
    /// Whether it keeps what it is given; one that does not answers no later question.
    fn keeps(&self) -> bool {
        true
    }
    /// Whether an entry could be kept now, as far as that can be told without keeping one.
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }
    /// The entry of exactly this key.
    fn get(&self, key: &Key) -> Result<Option<Entry>, Error>;
    /// Keeps an entry, in place of the one with the same key.
    fn put(&self, entry: &Entry) -> Result<(), Error>;
    /// Forgets the entry of this key.
    fn remove(&self, key: &Key) -> Result<(), Error>;
    /// The selected entries, the damaged ones apart.
    fn inventory(&self, which: &Selection) -> Result<Inventory, Error>;

    /// The labels of all our entries of a kind that can be read, in no particular order; an error where
    /// there may be more.
    fn list(&self, kind: &'static EntryKind) -> Result<Vec<Label>, Error> {
        let Inventory { labels, incomplete, .. } = self.inventory(&Selection::all(kind))?;
        incomplete.map_or(Ok(labels), Err)
    }

    /// Forgets the selected entries, the damaged ones too, and gives back what they were.
    fn remove_all(&self, which: &Selection) -> Result<Inventory, Error>;
    /// Forgets some of the entries that have ended by `now`, for the room they take.
    fn tidy(&self, kind: &'static EntryKind, now: SystemTime) -> Result<(), Error>;
}
