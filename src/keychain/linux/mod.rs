//! The Secret Service of a Linux desktop (gnome-keyring, KWallet, KeePassXC), over our own small
//! D-Bus connection: two round trips for a read, a bound on everything, and never a prompt.
//!
//! Source: freedesktop.org Secret Service API Draft 0.2.

mod address;
mod answer;
mod bus;
mod message;
mod service;
mod session;
mod wire;

use std::{cell::Cell, collections::BTreeMap, path::Path};

use self::{
    address::Address,
    answer::{NAME, error},
    bus::{Bus, Deadline},
    message::NO_AUTO_START,
    service::{Connection, Properties},
};
use super::{CALL_TIMEOUT, Damaged, Entry, EntryKind, Error, ErrorKind, Inventory, Key, Keychain, Label};

/// The user's Secret Service. It connects on the first call and stays connected for later ones.
pub struct SecretServiceStore {
    addresses: Result<Vec<Address>, Error>,
    flags: u8,
    connection: Cell<Option<Connection>>,
}

impl SecretServiceStore {
    /// A store behind the session bus at `address` (the text of `DBUS_SESSION_BUS_ADDRESS`), else
    /// at `bus` in `runtime_folder` (`XDG_RUNTIME_DIR`).
    ///
    /// Only when `interactive` may the bus start the service: a daemon that is started without a
    /// person is locked, and one that cannot start holds the call for half a minute.
    pub fn new(address: Option<&str>, runtime_folder: Option<&Path>, interactive: bool) -> SecretServiceStore {
        SecretServiceStore {
            addresses: addresses(address, runtime_folder),
            flags: if interactive { 0 } else { NO_AUTO_START },
            connection: Cell::new(None),
        }
    }

    /// Runs one call of the trait. A connection that met an error is not used again.
    fn connected<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T, Error>) -> Result<T, Error> {
        let deadline = Deadline::after(CALL_TIMEOUT);
        let mut connection = match self.connection.take() {
            Some(mut connection) => {
                connection.deadline = deadline;
                connection
            }
            None => {
                let addresses = self.addresses.as_ref().map_err(Clone::clone)?;
                Connection::new(Bus::connect(addresses, self.flags, deadline)?, deadline)
            }
        };
        match work(&mut connection) {
            // Nobody answers for it now. Where the bus could start somebody, there may well be logins.
            Err(fault) if fault.kind == ErrorKind::Absent => Err(connection.absent_or_asleep(fault)),
            Err(fault) if fault.kind != ErrorKind::Damaged => Err(fault),
            outcome => {
                self.connection.set(Some(connection));
                outcome
            }
        }
    }
}

/// Where the bus may be. Without any address there is no bus here; with one that is not understood
/// there may be.
fn addresses(text: Option<&str>, runtime_folder: Option<&Path>) -> Result<Vec<Address>, Error> {
    let addresses = address::parse(text, runtime_folder);
    match (addresses.is_empty(), text.is_some_and(|text| !text.trim().is_empty())) {
        (false, _) => Ok(addresses),
        (true, true) => Err(error(ErrorKind::Unavailable, "DBUS_SESSION_BUS_ADDRESS names no unix socket")),
        (true, false) => Err(error(
            ErrorKind::Absent,
            "there is no D-Bus session (neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set)",
        )),
    }
}

impl Keychain for SecretServiceStore {
    fn name(&self) -> &'static str {
        NAME
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, Error> {
        // What is cached is there more often than not; a login is not: clients ask for one with every
        // image that anybody may pull. A session that nothing is read through costs gnome-keyring 0.3 ms.
        let expected = key.kind().restored_by.is_none();
        self.connected(|connection| {
            loop {
                let found = connection.search(&key.attributes(), expected)?;
                if found.unlocked.is_empty() {
                    return connection.nothing(&found).map(|()| None);
                }
                connection.open()?;
                if let Some(entry) = connection.newest(&found.unlocked, key)? {
                    return Ok(Some(entry));
                }
                // Another process put a newer one and deleted what we found: look again.
            }
        })
    }

    fn put(&self, entry: &Entry) -> Result<(), Error> {
        self.connected(|connection| {
            let older = connection.search(&entry.label.key().attributes(), true)?;
            connection.create(entry)?;
            // Only what was there before: an entry that another process creates meanwhile stays.
            connection.delete(&older.unlocked)?;
            Ok(())
        })
    }

    fn remove(&self, key: &Key) -> Result<(), Error> {
        self.connected(|connection| {
            let found = connection.search(&key.attributes(), false)?;
            if connection.delete(&found.unlocked)? {
                return Err(error(ErrorKind::Locked, "deleting an entry would ask a person"));
            }
            if found.unlocked.is_empty() || !found.locked.is_empty() { connection.nothing(&found) } else { Ok(()) }
        })
    }

    fn inventory(&self, kind: &'static EntryKind) -> Result<Inventory, Error> {
        self.connected(|connection| {
            let found = connection.search(&[("kind", kind.name)], false)?;
            if found.unlocked.is_empty() {
                connection.nothing(&found)?;
            }
            let mut items = connection.properties(kind, &found.unlocked)?;
            items.sort_by_key(|item| item.modified); // the newest of a key counts, as in `get`
            let mut newest: BTreeMap<Key, Label> = BTreeMap::new();
            let mut damaged = Vec::new();
            for Properties { path, label, mut attributes, .. } in items {
                match label {
                    Some(label) => drop(newest.insert(label.key().clone(), label)),
                    None => {
                        attributes.retain(|name, _| kind.key.contains(&name.as_str()));
                        let why = "it lacks attributes that ours have, or is of another version".into();
                        damaged.push(Damaged { name: path, why, attributes });
                    }
                }
            }
            Ok(Inventory { labels: newest.into_values().collect(), damaged })
        })
    }

    fn remove_all(&self, keys: &[&Key], damaged: &[Damaged]) -> Result<(), Error> {
        self.connected(|connection| {
            let mut items: Vec<String> = damaged.iter().map(|damaged| damaged.name.clone()).collect();
            for key in keys {
                let found = connection.search(&key.attributes(), false)?;
                if found.unlocked.is_empty() {
                    connection.nothing(&found)?;
                }
                items.extend(found.unlocked);
            }
            match connection.delete(&items)? {
                true => Err(error(ErrorKind::Locked, "deleting an entry would ask a person")),
                false => Ok(()),
            }
        })
    }
}
