//! `store = "none"` and `AWS_ECR_DISABLE_CACHE`: nothing is kept.

use super::{Damaged, Entry, EntryKind, Error, ErrorKind, Inventory, Key, Keychain};

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

    fn inventory(&self, _: &'static EntryKind) -> Result<Inventory, Error> {
        Ok(Inventory::default())
    }

    fn remove_all(&self, _: &[&Key], _: &[Damaged]) -> Result<(), Error> {
        Ok(())
    }
}

/// A store that has nothing and takes nothing: a login that is given to it must not vanish unseen.
#[derive(Debug, Clone, Copy)]
pub struct NoLogins;

impl Keychain for NoLogins {
    fn name(&self) -> &'static str {
        "no store"
    }

    fn get(&self, _: &Key) -> Result<Option<Entry>, Error> {
        Ok(None)
    }

    fn put(&self, _: &Entry) -> Result<(), Error> {
        let detail = "config.toml says `[other-registries] store = \"none\"`: no login is kept".into();
        Err(Error { store: self.name(), kind: ErrorKind::Unavailable, detail })
    }

    fn remove(&self, _: &Key) -> Result<(), Error> {
        Ok(())
    }

    fn inventory(&self, _: &'static EntryKind) -> Result<Inventory, Error> {
        Ok(Inventory::default())
    }

    fn remove_all(&self, _: &[&Key], _: &[Damaged]) -> Result<(), Error> {
        Ok(())
    }
}
