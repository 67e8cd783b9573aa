//! The Secret Service of a Linux desktop (gnome-keyring, KWallet, KeePassXC), over our own small
//! D-Bus connection: two round trips for a read, a bound on everything, and never a prompt.
//!
//! Source: freedesktop.org Secret Service API Draft 0.2.

mod address;
mod answer;
mod bus;
mod daemon;
mod items;
mod message;
mod service;
mod session;
mod unlock;
mod wire;

use std::{
    cell::Cell,
    collections::BTreeMap,
    path::Path,
    time::{Duration, SystemTime},
};

use self::{
    address::Address,
    answer::{NAME, error},
    bus::{Bus, Deadline},
    items::Properties,
    message::NO_AUTO_START,
    service::Connection,
};
use super::{
    CALL_TIMEOUT, Damaged, Entry, EntryKind, Error, ErrorKind, Inventory, Key, Keychain, Label, MAX_TIDIED, Selection,
    TIDY_TIMEOUT, turned,
};

/// How long a call that reads or removes a selection may take in all. gnome-keyring tells of 5,000
/// entries in a few seconds on a slow machine; nobody waits for longer than this for a list.
const SELECTION_TIMEOUT: Duration = Duration::from_secs(30);

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

    /// Runs one call of the trait, within its bound. A connection that met an error is not used again.
    fn connected<T>(
        &self,
        deadline: Deadline,
        mut work: impl FnMut(&mut Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut connection = match self.connection.take() {
            Some(mut connection) => {
                connection.begin(deadline);
                connection
            }
            None => {
                let addresses = self.addresses.as_ref().map_err(Clone::clone)?;
                Connection::new(Bus::connect(addresses, deadline)?, self.flags, deadline)
            }
        };
        let outcome = match work(&mut connection) {
            // What opens without a person is opened, once.
            Err(fault) if fault.kind == ErrorKind::Locked => match connection.unlock() {
                Ok(true) => work(&mut connection),
                Ok(false) | Err(_) => Err(fault),
            },
            outcome => outcome,
        };
        match outcome {
            Err(fault) if fault.kind == ErrorKind::Locked => Err(Error { store: connection.daemon(), ..fault }),
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

    fn check(&self) -> Result<(), Error> {
        self.connected(call(), Connection::check)
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, Error> {
        // What is cached is there more often than not; a login is not: clients ask for one with every
        // image that anybody may pull. A session that nothing is read through costs gnome-keyring 0.3 ms.
        let expected = key.kind().restored_by.is_none();
        self.connected(call(), |connection| {
            loop {
                let found = connection.find(key.kind(), &key.attributes(), expected)?;
                if found.unlocked.is_empty() {
                    return found.nothing().map(|()| None);
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
        let key = entry.label.key();
        self.connected(call(), |connection| {
            let older = connection.all(key.kind(), &key.attributes())?;
            connection.open()?;
            connection.create(entry)?;
            // Only what was there before: an entry that another process creates meanwhile stays.
            connection.delete(&older.unlocked, key.kind().restored_by.is_some())?;
            Ok(())
        })
    }

    fn remove(&self, key: &Key) -> Result<(), Error> {
        self.connected(call(), |connection| {
            let found = connection.all(key.kind(), &key.attributes())?;
            if connection.delete(&found.unlocked, true)? {
                return Err(error(ErrorKind::Locked, "deleting an entry would ask a person"));
            }
            found.nothing()
        })
    }

    fn inventory(&self, which: &Selection) -> Result<Inventory, Error> {
        let mut items = Vec::new();
        let read = self.connected(selection(), |connection| {
            let found = connection.select(which)?;
            connection.properties(which.kind(), &found, &mut items)?;
            connection.date_twins(&mut items)
        });
        match read {
            Err(fault) if items.is_empty() => Err(fault),
            read => Ok(Inventory { incomplete: read.err(), ..inventory(which.kind(), items) }),
        }
    }

    fn remove_all(&self, which: &Selection) -> Result<Inventory, Error> {
        self.connected(selection(), |connection| {
            let found = connection.select(which)?;
            let mut items = Vec::new();
            connection.properties(which.kind(), &found, &mut items)?;
            match connection.delete(&found, true)? {
                true => Err(error(ErrorKind::Locked, "deleting an entry would ask a person")),
                false => Ok(inventory(which.kind(), items)),
            }
        })
    }

    fn tidy(&self, kind: &'static EntryKind, now: SystemTime) -> Result<(), Error> {
        self.connected(Deadline::after(TIDY_TIMEOUT, TIDY_TIMEOUT), |connection| {
            let found = connection.all(kind, &Selection::all(kind).attributes())?;
            let found: Vec<String> = turned(found.unlocked, now).take(MAX_TIDIED).collect();
            let mut items = Vec::new();
            connection.properties(kind, &found, &mut items)?;
            items.retain(|item| item.label.as_ref().is_some_and(|label| label.has_ended(now)));
            let ended: Vec<String> = items.into_iter().map(|item| item.path).collect();
            connection.delete(&ended, false).map(drop)
        })
    }
}

/// The bound of a call for one entry.
fn call() -> Deadline {
    Deadline::after(CALL_TIMEOUT, CALL_TIMEOUT)
}

/// The bound of a call for a selection.
fn selection() -> Deadline {
    Deadline::after(CALL_TIMEOUT, SELECTION_TIMEOUT)
}

/// What items of a kind are: of two of one key the newest counts, as in `get`.
fn inventory(kind: &'static EntryKind, mut items: Vec<Properties>) -> Inventory {
    items.sort_by_key(|item| item.modified);
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
    Inventory { labels: newest.into_values().collect(), damaged, incomplete: None }
}
