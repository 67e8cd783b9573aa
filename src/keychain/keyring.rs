//! Our keychain over the keyring project's stores, which know items by service and user only.
//!
//! One entry is several items, all of service [`SERVICE`]. Their user starts with the SHA-256 of
//! the key, so that `get` reads items by name and searches nothing:
//!
//! ```text
//! DIGEST.label.0.{"kind":"token",…}   the label itself, in names: readable without the secret
//! DIGEST.part.0                         label and secret (record.rs), cut to the store's limit (split.rs)
//! DIGEST.part.1
//! ```
//!
//! The label stands in a name because macOS asks a person before it shows a secret, but never
//! before it shows a name. It changes with every put (`expires`), so a put removes the old one.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap, HashSet},
    mem,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, SystemTime},
};

use keyring_core::{CredentialStore, Entry as Item, Error as OsError};
use zeroize::Zeroizing;

use super::{
    CALL_TIMEOUT, Damaged, Entry, EntryKind, Error, ErrorKind, Inventory, Key, Keychain, Label, MAX_TIDIED, SERVICE,
    Selection, TIDY_TIMEOUT, record, split,
};

/// What differs between the operating systems' stores.
#[derive(Clone, Copy)]
pub struct Quirks {
    /// What people call the store.
    pub name: &'static str,
    /// The most bytes that one item's secret may have.
    pub max_secret: usize,
    /// The most bytes of a label that one item's name may carry.
    pub max_label: usize,
    /// What a search for items is narrowed by; it must find all of ours.
    pub search: &'static [(&'static str, &'static str)],
    /// How items are made.
    pub modifiers: &'static [(&'static str, &'static str)],
    /// Whether an error says that this one item is closed to us, while others may be open.
    pub access_denied: fn(&OsError) -> bool,
}

/// The most bytes of an entry: four times the longest secret promised.
const MAX_ENTRY: usize = 64 << 10;

/// A keychain of the operating system.
///
/// Its calls cannot be cancelled, so they run on a thread of their own and are waited for at most
/// `CALL_TIMEOUT` each. After one that did not come back nothing is asked again.
pub struct KeyringStore {
    quirks: Quirks,
    worker: RefCell<Worker>,
}

type Opened = keyring_core::Result<Arc<CredentialStore>>;
type Job = Box<dyn FnOnce(&Opened) + Send>;

enum Worker {
    NotStarted(Box<dyn FnOnce() -> Opened + Send>),
    Running(mpsc::Sender<Job>),
    Stuck,
}

impl KeyringStore {
    /// Opens nothing yet: `open` is run by the first call, within its bound.
    pub fn new(
        quirks: Quirks,
        open: impl FnOnce() -> keyring_core::Result<Arc<CredentialStore>> + Send + 'static,
    ) -> KeyringStore {
        KeyringStore { quirks, worker: RefCell::new(Worker::NotStarted(Box::new(open))) }
    }

    /// Runs `work` on the store's thread and waits for it, but not for longer than `timeout`.
    fn run<T: Send + 'static>(
        &self,
        timeout: Duration,
        work: impl FnOnce(&Items) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let quirks = self.quirks;
        let (answer, answered) = mpsc::channel();
        let job: Job = Box::new(move |opened| {
            let outcome = match opened {
                Ok(store) => work(&Items { store: store.clone(), quirks }),
                Err(err) => Err(quirks.error(err)),
            };
            drop(answer.send(outcome)); // Nobody waits for it any more: it came too late.
        });
        let mut worker = self.worker.borrow_mut();
        *worker = match mem::replace(&mut *worker, Worker::Stuck) {
            Worker::NotStarted(open) => Worker::Running(start(open)),
            started => started,
        };
        match &*worker {
            Worker::Running(jobs) if jobs.send(job).is_ok() => {}
            _ => return Err(quirks.timeout("an earlier call is still waiting for it")),
        }
        answered.recv_timeout(timeout).unwrap_or_else(|err| {
            *worker = Worker::Stuck;
            match err {
                mpsc::RecvTimeoutError::Timeout => {
                    Err(quirks.timeout(&format!("the operating system's call took over {} s", timeout.as_secs())))
                }
                mpsc::RecvTimeoutError::Disconnected => Err(quirks.timeout("its library stopped in the middle")),
            }
        })
    }
}

/// Starts the one thread that calls the operating system.
fn start(open: Box<dyn FnOnce() -> Opened + Send>) -> mpsc::Sender<Job> {
    let (jobs, todo) = mpsc::channel::<Job>();
    // Not joined: a call that never returns must not keep the program from ending.
    thread::spawn(move || {
        let store = open();
        for job in todo {
            job(&store);
        }
    });
    jobs
}

impl Keychain for KeyringStore {
    fn name(&self) -> &'static str {
        self.quirks.name
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, Error> {
        let key = key.clone();
        self.run(CALL_TIMEOUT, move |items| items.get(&key))
    }

    fn put(&self, entry: &Entry) -> Result<(), Error> {
        let (label, bytes) = (entry.label.clone(), record::encode(entry));
        self.run(CALL_TIMEOUT, move |items| items.put(&label, &bytes))
    }

    fn remove(&self, key: &Key) -> Result<(), Error> {
        let name = record::name(key);
        self.run(CALL_TIMEOUT, move |items| items.remove(&items.users()?, &HashSet::from([name])))
    }

    fn inventory(&self, which: &Selection) -> Result<Inventory, Error> {
        let which = which.clone();
        self.run(CALL_TIMEOUT, move |items| items.inventory(&items.users()?, &which))
    }

    fn remove_all(&self, which: &Selection) -> Result<Inventory, Error> {
        let which = which.clone();
        self.run(CALL_TIMEOUT, move |items| {
            let users = items.users()?; // once: Windows reads every credential of the user for it
            let found = items.inventory(&users, &which)?;
            let keys = found.labels.iter().map(|label| record::name(label.key()));
            items.remove(&users, &keys.chain(found.damaged.iter().map(|damaged| damaged.name.clone())).collect())?;
            Ok(found)
        })
    }

    fn tidy(&self, kind: &'static EntryKind, now: SystemTime) -> Result<(), Error> {
        self.run(TIDY_TIMEOUT, move |items| {
            let users = items.users()?;
            let found = items.inventory(&users, &Selection::all(kind))?.labels;
            let ended = found.iter().filter(|label| label.has_ended(now)).take(MAX_TIDIED);
            items.remove(&users, &ended.map(|label| record::name(label.key())).collect())
        })
    }
}

/// What the names of an entry's items tell.
#[derive(Default)]
struct Pieces {
    label: BTreeMap<usize, String>,
    has_parts: bool,
}

/// The items of an open store.
struct Items {
    store: Arc<CredentialStore>,
    quirks: Quirks,
}

impl Items {
    fn get(&self, key: &Key) -> Result<Option<Entry>, Error> {
        let name = record::name(key);
        // A writer may be half-way through its parts: the second look sees it done, or stopped.
        for _ in 0..2 {
            let parts = match self.parts(&name) {
                Ok(Some(parts)) => parts,
                Ok(None) => return Ok(None),
                Err(err) if (self.quirks.access_denied)(&err) => return self.denied(key, &err),
                Err(err) => return Err(self.quirks.error(&err)),
            };
            if let Some(entry) = split::join(&parts).and_then(|bytes| record::decode(key.kind(), &bytes))
                && entry.label.key() == key
            {
                return Ok(Some(entry));
            }
        }
        let detail = "the entry is not one of ours, or was cut short while it was written".into();
        Err(Error { store: self.quirks.name, kind: ErrorKind::Damaged, detail })
    }

    /// All parts that can be found; `None` when there is no first one.
    fn parts(&self, name: &str) -> keyring_core::Result<Option<Vec<Zeroizing<Vec<u8>>>>> {
        let Some(first) = self.secret(&part(name, 0))? else { return Ok(None) };
        let count = split::count(&first).unwrap_or(1);
        let mut parts = vec![first];
        for number in 1..count {
            parts.extend(self.secret(&part(name, number))?);
            if parts.len() != usize::from(number) + 1 {
                break; // `join` will say that it is not whole.
            }
        }
        Ok(Some(parts))
    }

    /// What is lost of a cache is made again, and the put that follows replaces the item. Any other
    /// entry is the person's own: "there is none" would be a lie that makes a client go on without.
    fn denied(&self, key: &Key, err: &OsError) -> Result<Option<Entry>, Error> {
        let Some(restored_by) = key.kind().restored_by else { return Ok(None) };
        let values: Vec<&str> = key.attributes().into_iter().skip(1).map(|(_, value)| value).collect();
        let detail = format!(
            "it does not show the {} of {} to this program ({}); {restored_by} to write it anew",
            key.kind().name,
            values.join(", "),
            words(err)
        );
        Err(Error { store: self.quirks.name, kind: ErrorKind::Locked, detail })
    }

    fn put(&self, label: &Label, bytes: &[u8]) -> Result<(), Error> {
        if bytes.len() > MAX_ENTRY {
            let detail = format!("the entry is {} bytes long, and {MAX_ENTRY} are kept", bytes.len());
            return Err(Error { store: self.quirks.name, kind: ErrorKind::Refused, detail });
        }
        let name = record::name(label.key());
        let before = self.of(&name)?;
        let parts = split::split(bytes, self.quirks.max_secret);
        let parts: Vec<(String, _)> = (0..).map(|number| part(&name, number)).zip(parts).collect();
        let labels = label_users(&name, label, self.quirks.max_label);
        // Secret first, label last: what `list` names, `get` can answer.
        for (user, bytes) in &parts {
            self.write(user, bytes)?;
        }
        // Old labels go before the new one comes: Windows' names know no upper and lower case.
        for stale in before.iter().filter(|user| !labels.contains(user) && !parts.iter().any(|(part, _)| part == *user))
        {
            self.delete(stale)?;
        }
        for user in labels.iter().filter(|user| !before.contains(user)) {
            self.write(user, b"label")?;
        }
        Ok(())
    }

    /// Forgets entries by the names of their keys; `users` are those of all our items.
    fn remove(&self, users: &[String], names: &HashSet<String>) -> Result<(), Error> {
        let ours = |user: &&String| user.split_once('.').is_some_and(|(name, _)| names.contains(name));
        // In order of name: the label first, then the first part, so that what is left is no entry.
        users.iter().filter(ours).try_for_each(|user| self.delete(user))
    }

    fn inventory(&self, users: &[String], which: &Selection) -> Result<Inventory, Error> {
        let mut entries: BTreeMap<String, Pieces> = BTreeMap::new();
        for user in users {
            let mut fields = user.splitn(4, '.');
            let (Some(name), Some(what), Some(number)) = (fields.next(), fields.next(), fields.next()) else {
                continue;
            };
            // A name that is none of ours was not left by us.
            if name.len() != 64 || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                continue;
            }
            let (Ok(number), piece) = (number.parse::<usize>(), fields.next()) else { continue };
            let entry = entries.entry(name.to_owned()).or_default();
            match (what, piece) {
                // Two puts at once may leave two labels; the users are sorted, so the later `expires` wins.
                ("label", Some(piece)) => drop(entry.label.insert(number, piece.to_owned())),
                ("part", None) => entry.has_parts = true,
                _ => {}
            }
        }
        let mut inventory = Inventory::default();
        for (name, Pieces { label, has_parts }) in entries {
            let text = label.into_values().collect::<String>();
            match Label::from_text(which.kind(), &text) {
                Some(label) if record::name(label.key()) == name => {
                    inventory.labels.extend(which.has(&label).then_some(label));
                }
                _ => inventory.damaged.extend(self.damaged(which, name, &text, has_parts)),
            }
        }
        Ok(inventory)
    }

    /// An entry whose label is not whole, or that has none, since its writer was killed before that.
    /// `None` when it is none of the selected, or of a kind that cannot be told: it may be a login, which no
    /// command may drop by the way.
    fn damaged(&self, which: &Selection, name: String, text: &str, has_parts: bool) -> Option<Damaged> {
        let mut attributes = record::label_attributes(text.as_bytes());
        if text.is_empty() && has_parts {
            // It is damaged already, so its content is read: behind the header of its first part.
            let first = self.secret(&part(&name, 0)).ok().flatten()?;
            attributes = record::attributes(split::piece(&first)?);
        }
        if !attributes.contains_key("kind") || !which.may_have(&attributes) {
            return None;
        }
        attributes.retain(|name, _| which.kind().key.contains(&name.as_str()));
        Some(Damaged { name, why: "its label is cut short, or of another version".into(), attributes })
    }

    /// The users of our items, sorted.
    fn users(&self) -> Result<Vec<String>, Error> {
        let spec: HashMap<&str, &str> = self.quirks.search.iter().copied().collect();
        let found = self.store.search(&spec).map_err(|err| self.quirks.error(&err))?;
        let ours = |(service, user): (String, String)| (service == SERVICE).then_some(user);
        let mut users: Vec<String> = found.iter().filter_map(Item::get_specifiers).filter_map(ours).collect();
        users.sort_unstable();
        Ok(users)
    }

    /// The users of the items of one entry, sorted.
    fn of(&self, name: &str) -> Result<Vec<String>, Error> {
        let ours = |user: &String| user.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        Ok(self.users()?.into_iter().filter(ours).collect())
    }

    fn item(&self, user: &str) -> keyring_core::Result<Item> {
        self.store.build(SERVICE, user, Some(&self.quirks.modifiers.iter().copied().collect()))
    }

    fn secret(&self, user: &str) -> keyring_core::Result<Option<Zeroizing<Vec<u8>>>> {
        match self.item(user)?.get_secret() {
            Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
            Err(OsError::NoEntry) => Ok(None),
            Err(err) => Err(err),
        }
    }

    /// Writes an item; one that is closed to us is deleted and written anew, once.
    fn write(&self, user: &str, bytes: &[u8]) -> Result<(), Error> {
        let write = || self.item(user)?.set_secret(bytes);
        match write() {
            Err(err) if (self.quirks.access_denied)(&err) => {
                self.delete(user).and_then(|()| self.quirks.check(write()))
            }
            outcome => self.quirks.check(outcome),
        }
    }

    fn delete(&self, user: &str) -> Result<(), Error> {
        match self.item(user).and_then(|item| item.delete_credential()) {
            Err(OsError::NoEntry) => Ok(()),
            outcome => self.quirks.check(outcome),
        }
    }
}

fn part(name: &str, number: u16) -> String {
    format!("{name}.part.{number}")
}

/// The label as names of items, at most `limit` bytes of it in each.
fn label_users(name: &str, label: &Label, limit: usize) -> Vec<String> {
    let text = label.to_text();
    let mut users = Vec::new();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(limit));
        users.push(format!("{name}.label.{}.{piece}", users.len()));
        rest = after;
    }
    users
}

impl Quirks {
    fn check<T>(&self, outcome: keyring_core::Result<T>) -> Result<T, Error> {
        outcome.map_err(|err| self.error(&err))
    }

    fn timeout(&self, detail: &str) -> Error {
        Error { store: self.name, kind: ErrorKind::Timeout, detail: detail.into() }
    }

    fn error(&self, err: &OsError) -> Error {
        let kind = match err {
            OsError::NoStorageAccess(_) => ErrorKind::Locked,
            _ if (self.access_denied)(err) => ErrorKind::Locked,
            OsError::BadEncoding(_)
            | OsError::BadDataFormat(..)
            | OsError::BadStoreFormat(_)
            | OsError::Ambiguous(_) => ErrorKind::Malformed,
            OsError::NoDefaultStore | OsError::NotSupportedByStore(_) => ErrorKind::Unavailable,
            _ => ErrorKind::Refused,
        };
        Error { store: self.name, kind, detail: words(err) }
    }
}

/// An error's words. Never its `Debug`, and no field that may carry the secret or a whole entry.
fn words(err: &OsError) -> String {
    match err {
        OsError::PlatformFailure(cause) | OsError::NoStorageAccess(cause) => cause.to_string(),
        OsError::NoEntry => "the item went away in the middle".into(),
        OsError::BadEncoding(_) | OsError::BadDataFormat(..) => "an item's content is malformed".into(),
        OsError::BadStoreFormat(_) => "the store itself is malformed".into(),
        OsError::TooLong(what, limit) => format!("the {what} is longer than its limit of {limit}"),
        OsError::Invalid(..) => "it does not take such an item".into(),
        OsError::Ambiguous(_) => "several items have the same name".into(),
        OsError::NoDefaultStore => "no store was opened".into(),
        OsError::NotSupportedByStore(what) => what.clone(),
        _ => "an error that is unknown to this version".into(),
    }
}
