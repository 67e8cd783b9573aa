//! A store that was chosen and cannot be had: every call says why.

use super::{Entry, EntryKind, Error, Key, Keychain, Label};

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

    fn list(&self, _: &'static EntryKind) -> Result<Vec<Label>, Error> {
        Err(self.0.clone())
    }
}
