//! A keychain in memory: the test double, with every fault as a switch.

use std::cell::{Cell, RefCell};

use super::{Entry, Fault, FaultKind, Key, Keychain, Label};
use crate::secret::Secret;

/// Keeps entries while it lives. It behaves as the contract says, and fails when told to.
#[derive(Default)]
pub struct MemoryKeychain {
    entries: RefCell<Vec<(Label, String)>>,
    /// When set, every call fails this way.
    pub fault: Cell<Option<FaultKind>>,
}

impl MemoryKeychain {
    fn check(&self) -> Result<(), Fault> {
        match self.fault.get() {
            Some(kind) => Err(Fault { store: self.name(), kind, detail: "told to fail".into() }),
            None => Ok(()),
        }
    }
}

impl Keychain for MemoryKeychain {
    fn name(&self) -> &'static str {
        "memory keychain"
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, Fault> {
        self.check()?;
        let entries = self.entries.borrow();
        Ok(entries
            .iter()
            .find(|(label, _)| label.key() == *key)
            .map(|(label, secret)| Entry { label: label.clone(), secret: Secret::from(secret.clone()) }))
    }

    fn put(&self, entry: &Entry) -> Result<(), Fault> {
        self.remove(&entry.label.key())?;
        self.entries.borrow_mut().push((entry.label.clone(), entry.secret.expose().to_owned()));
        Ok(())
    }

    fn remove(&self, key: &Key) -> Result<(), Fault> {
        self.check()?;
        self.entries.borrow_mut().retain(|(label, _)| label.key() != *key);
        Ok(())
    }

    fn list(&self) -> Result<Vec<Label>, Fault> {
        self.check()?;
        Ok(self.entries.borrow().iter().map(|(label, _)| label.clone()).collect())
    }
}
