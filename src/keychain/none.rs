//! `store = "none"` and `AWS_ECR_DISABLE_CACHE`: nothing is kept.

use std::time::SystemTime;

use super::{Entry, EntryKind, Error, ErrorKind, Inventory, Key, Keychain, Selection};

/// A store that has nothing, and what it does with an entry that it is given.
#[derive(Debug, Clone, Copy)]
pub enum NoStore {
    /// Forgets it, without an error: a token can be had again.
    Forgets,
    /// Refuses it: a login that is given to it must not vanish unseen.
    Refuses,
}

impl Keychain for NoStore {
    fn name(&self) -> &'static str {
        match self {
            NoStore::Forgets => "no cache",
            NoStore::Refuses => "no store",
        }
    }

    fn keeps(&self) -> bool {
        false
    }

    fn get(&self, _: &Key) -> Result<Option<Entry>, Error> {
        Ok(None)
    }

    fn put(&self, _: &Entry) -> Result<(), Error> {
        match self {
            NoStore::Forgets => Ok(()),
            NoStore::Refuses => {
                let detail = "config.toml says `[other-registries] store = \"none\"`: no login is kept".into();
                Err(Error { store: self.name(), kind: ErrorKind::Unavailable, detail })
            }
        }
    }

    fn remove(&self, _: &Key) -> Result<(), Error> {
        Ok(())
    }

    fn inventory(&self, _: &Selection) -> Result<Inventory, Error> {
        Ok(Inventory::default())
    }

    fn remove_all(&self, _: &Selection) -> Result<Inventory, Error> {
        Ok(Inventory::default())
    }

    fn tidy(&self, _: &'static EntryKind, _: SystemTime) -> Result<(), Error> {
        Ok(())
    }
}
