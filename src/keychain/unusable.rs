//! A store that was chosen and cannot be had: every call says why.

use super::{Entry, Fault, Key, Keychain, Label};

/// Stands for a store whose opening failed, so that only commands that need it fail.
pub(crate) struct Unusable(pub(crate) Fault);

impl Keychain for Unusable {
    fn name(&self) -> &'static str {
        self.0.store
    }

    fn get(&self, _: &Key) -> Result<Option<Entry>, Fault> {
        Err(self.0.clone())
    }

    fn put(&self, _: &Entry) -> Result<(), Fault> {
        Err(self.0.clone())
    }

    fn remove(&self, _: &Key) -> Result<(), Fault> {
        Err(self.0.clone())
    }

    fn list(&self) -> Result<Vec<Label>, Fault> {
        Err(self.0.clone())
    }
}
