//! `cache.store = "none"` and `AWS_ECR_DISABLE_CACHE`: nothing is kept.

use super::{Entry, Fault, Key, Keychain, Label};

/// A store that forgets everything and never fails.
#[derive(Debug, Clone, Copy)]
pub struct NoStore;

impl Keychain for NoStore {
    fn name(&self) -> &'static str {
        "no cache"
    }

    fn get(&self, _: &Key) -> Result<Option<Entry>, Fault> {
        Ok(None)
    }

    fn put(&self, _: &Entry) -> Result<(), Fault> {
        Ok(())
    }

    fn remove(&self, _: &Key) -> Result<(), Fault> {
        Ok(())
    }

    fn list(&self) -> Result<Vec<Label>, Fault> {
        Ok(Vec::new())
    }
}
