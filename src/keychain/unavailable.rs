//! A store that was chosen and cannot be had: every call says why.

use std::time::SystemTime;

use super::{Entry, EntryKind, Error, Inventory, Key, Keychain, Selection};

/// Stands for a store whose opening failed, so that only commands that need it fail.
pub(crate) struct UnavailableStore(pub(crate) Error);

impl Keychain for UnavailableStore {
    fn name(&self) -> &'static str {
        self.0.store
    }

    fn check(&self) -> Result<(), Error> {
        Err(self.0.clone())
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

    fn inventory(&self, _: &Selection) -> Result<Inventory, Error> {
        Err(self.0.clone())
    }

    fn remove_all(&self, _: &Selection) -> Result<Inventory, Error> {
        Err(self.0.clone())
    }

    fn tidy(&self, _: &'static EntryKind, _: SystemTime) -> Result<(), Error> {
        Err(self.0.clone())
    }
}
