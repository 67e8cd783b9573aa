//! A keychain in memory: a test double that keeps the contract, and fails when told to.

use std::cell::{Cell, RefCell};

use ecr_rs::{
    keychain::{Entry, EntryKind, Error, ErrorKind, Key, Keychain, Label},
    secret::Secret,
};

/// Keeps entries while it lives.
#[derive(Default)]
pub struct MemoryStore {
    entries: RefCell<Vec<(Label, String)>>,
    /// When set, every call fails this way.
    pub fault: Cell<Option<ErrorKind>>,
}

impl MemoryStore {
    fn check(&self) -> Result<(), Error> {
        match self.fault.get() {
            Some(kind) => Err(Error { store: self.name(), kind, detail: "told to fail".into() }),
            None => Ok(()),
        }
    }
}

impl Keychain for MemoryStore {
    fn name(&self) -> &'static str {
        "memory keychain"
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, Error> {
        self.check()?;
        let entries = self.entries.borrow();
        let found = entries.iter().find(|(label, _)| label.key() == key);
        Ok(found.map(|(label, secret)| Entry { label: label.clone(), secret: Secret::from(secret.clone()) }))
    }

    fn put(&self, entry: &Entry) -> Result<(), Error> {
        self.remove(entry.label.key())?;
        self.entries.borrow_mut().push((entry.label.clone(), entry.secret.expose().to_owned()));
        Ok(())
    }

    fn remove(&self, key: &Key) -> Result<(), Error> {
        self.check()?;
        self.entries.borrow_mut().retain(|(label, _)| label.key() != key);
        Ok(())
    }

    fn list(&self, kind: &'static EntryKind) -> Result<Vec<Label>, Error> {
        self.check()?;
        let labels = self.entries.borrow().iter().map(|(label, _)| label.clone()).collect::<Vec<_>>();
        Ok(labels.into_iter().filter(|label| label.key().kind() == kind).collect())
    }
}
