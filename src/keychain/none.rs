//! `cache.store = "none"` and `AWS_ECR_DISABLE_CACHE`: nothing is kept.

use super::{Entry, EntryKind, Error, Key, Keychain, Label};

/// A store that forgets everything and never fails.
#[derive(Debug, Clone, Copy)]
pub struct NoStore;

impl Keychain for NoStore {
    fn name(&self) -> &'static str {
        "no cache"
    }

    fn get(&self, _: &Key) -> Result<Option<Entry>, Error> {
        Ok(None)
    }

    fn put(&self, _: &Entry) -> Result<(), Error> {
        Ok(())
    }

    fn remove(&self, _: &Key) -> Result<(), Error> {
        Ok(())
    }

    fn list(&self, _: &'static EntryKind) -> Result<Vec<Label>, Error> {
        Ok(Vec::new())
    }
}
