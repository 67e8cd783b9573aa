//! The Secret Service of a Linux desktop (gnome-keyring, KWallet, KeePassXC), over our own small
//! D-Bus connection: two round trips for a read, a bound on everything, and never a prompt.
//!
//! Source: freedesktop.org Secret Service API Draft 0.2.

mod address;
mod bus;
mod dh;
mod message;
mod service;
mod session;
mod wire;

pub use super::Session;

use std::{cell::Cell, collections::BTreeMap, path::Path};

use self::{
    address::Address,
    bus::{Bus, Deadline},
    message::NO_AUTO_START,
    service::Link,
};
use super::{Entry, Fault, FaultKind, Key, Keychain, Label, PATIENCE};

const NAME: &str = "Secret Service";

/// The user's Secret Service. It connects on the first call and stays connected for later ones.
pub struct SecretService {
    addresses: Vec<Address>,
    session: Session,
    flags: u8,
    link: Cell<Option<Link>>,
}

impl SecretService {
    /// A store behind the session bus at `address` (the text of `DBUS_SESSION_BUS_ADDRESS`), else
    /// at `bus` in `runtime_folder` (`XDG_RUNTIME_DIR`).
    ///
    /// Only when `interactive` may the bus start the service: a daemon that is started without a
    /// person is locked, and one that cannot start holds the call for half a minute.
    pub fn new(
        address: Option<&str>,
        runtime_folder: Option<&Path>,
        session: Session,
        interactive: bool,
    ) -> SecretService {
        SecretService {
            addresses: address::parse(address, runtime_folder),
            session,
            flags: if interactive { 0 } else { NO_AUTO_START },
            link: Cell::new(None),
        }
    }

    /// Runs one call of the trait. A connection that met a fault is not used again.
    fn with_link<T>(&self, work: impl FnOnce(&mut Link) -> Result<T, Fault>) -> Result<T, Fault> {
        let deadline = Deadline::after(PATIENCE);
        let mut link = match self.link.take() {
            Some(mut link) => {
                link.deadline = deadline;
                link
            }
            None => Link::new(Bus::connect(&self.addresses, self.flags, deadline)?, deadline),
        };
        let outcome = work(&mut link)?;
        self.link.set(Some(link));
        Ok(outcome)
    }
}

impl Keychain for SecretService {
    fn name(&self) -> &'static str {
        NAME
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, Fault> {
        // A token is there more often than not, a login is not: clients ask for one with every image
        // that anybody may pull. A session that nothing is read through costs gnome-keyring 0.3 ms.
        let expected = match key {
            Key::Token { .. } => Some(self.session),
            Key::Login { .. } => None,
        };
        self.with_link(|link| {
            loop {
                let found = link.search(&key.attributes(), expected)?;
                if found.unlocked.is_empty() {
                    return link.nothing(&found).map(|()| None);
                }
                link.open(self.session)?;
                if let Some(entry) = link.newest(&found.unlocked, key)? {
                    return Ok(Some(entry));
                }
                // Another process put a newer one and deleted what we found: look again.
            }
        })
    }

    fn put(&self, entry: &Entry) -> Result<(), Fault> {
        let attributes = entry.label.attributes();
        self.with_link(|link| {
            let older = link.search(&entry.label.key().attributes(), Some(self.session))?;
            link.create(entry, &attributes)?;
            // Only what was there before: an entry that another process creates meanwhile stays.
            link.delete(&older.unlocked)?;
            Ok(())
        })
    }

    fn remove(&self, key: &Key) -> Result<(), Fault> {
        self.with_link(|link| {
            let found = link.search(&key.attributes(), None)?;
            if link.delete(&found.unlocked)? {
                return Err(fault(FaultKind::Locked, "deleting an entry would ask a person"));
            }
            if found.unlocked.is_empty() || !found.locked.is_empty() { link.nothing(&found) } else { Ok(()) }
        })
    }

    fn list(&self) -> Result<Vec<Label>, Fault> {
        self.with_link(|link| {
            let found = link.search(&[], None)?;
            if found.unlocked.is_empty() {
                link.nothing(&found)?;
            }
            let mut items = link.properties(&found.unlocked)?;
            items.sort_by_key(|item| item.modified); // the newest of a key counts, as in `get`
            // An entry that a later version wrote may make no sense to this one: it is passed over.
            let labels = items.into_iter().filter_map(|item| item.label);
            let newest: BTreeMap<Key, Label> = labels.map(|label| (label.key(), label)).collect();
            Ok(newest.into_values().collect())
        })
    }
}

/// A fault with its words on one line, for a daemon may answer with pages.
fn fault(kind: FaultKind, detail: impl Into<String>) -> Fault {
    const MAX_DETAIL: usize = 400;
    let detail = detail.into().chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_DETAIL).collect();
    Fault { store: NAME, kind, detail }
}
