//! A store that was chosen and cannot be had: every call says why.

use super::{Damaged, Entry, EntryKind, Error, Inventory, Key, Keychain};

/// Stands for a store whose opening failed, so that only commands that need it fail.
pub(crate) struct UnavailableStore(pub(crate) Error);

impl Keychain for UnavailableStore {
    fn name(&self) -> &'static str {
        self.0.store
    }

    fn get(&self, _: &Key) -> Result<Option<Entry>, Error> {
        Err(self.0.clone())
    }

    fn put(&self, _: &Entry) -> Result<(), Error> {
        Err(self.0.clone())
    }

    fn remove(&self, _: &Key) -> Result<(), Error> {
        Err(self.0.clone())
    }

    fn inventory(&self, _: &'static EntryKind) -> Result<Inventory, Error> {
        Err(self.0.clone())
    }

    fn remove_all(&self, _: &[&Key], _: &[Damaged]) -> Result<(), Error> {
        Err(self.0.clone())
    }
}
