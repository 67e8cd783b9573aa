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
    collections::{BTreeMap, HashMap},
    mem,
    sync::{Arc, mpsc},
    thread,
};

use keyring_core::{CredentialStore, Entry as Item, Error};
use zeroize::Zeroizing;

use super::{Entry, Fault, FaultKind, Key, Keychain, Label, PATIENCE, SERVICE, record, split};

/// What differs between the operating systems' stores.
#[derive(Clone, Copy)]
pub struct Habits {
    /// What people call the store.
    pub name: &'static str,
    /// The most bytes that one item's secret may have.
    pub limit: usize,
    /// The most bytes of a label that one item's name may carry.
    pub label: usize,
    /// What a search for items is narrowed by; it must find all of ours.
    pub search: &'static [(&'static str, &'static str)],
    /// How items are made.
    pub modifiers: &'static [(&'static str, &'static str)],
    /// Whether an error says that this one item is closed to us, while others may be open.
    pub closed: fn(&Error) -> bool,
}

/// The most bytes of an entry: four times the longest secret promised.
const LONGEST: usize = 64 << 10;

/// A keychain of the operating system.
///
/// Its calls cannot be cancelled, so they run on a thread of their own and are waited for at most
/// [`PATIENCE`]. After one that did not come back nothing is asked again.
pub struct NativeKeychain {
    habits: Habits,
    worker: RefCell<Worker>,
}

type Opened = keyring_core::Result<Arc<CredentialStore>>;
type Job = Box<dyn FnOnce(&Opened) + Send>;

enum Worker {
    NotStarted(Box<dyn FnOnce() -> Opened + Send>),
    Running(mpsc::Sender<Job>),
    Stuck,
}

impl NativeKeychain {
    /// Opens nothing yet: `open` is run by the first call, within its bound.
    pub fn new(
        habits: Habits,
        open: impl FnOnce() -> keyring_core::Result<Arc<CredentialStore>> + Send + 'static,
    ) -> NativeKeychain {
        NativeKeychain { habits, worker: RefCell::new(Worker::NotStarted(Box::new(open))) }
    }

    /// Runs `work` on the store's thread and waits for it, but not for ever.
    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Items) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let habits = self.habits;
        let (answer, answered) = mpsc::channel();
        let job: Job = Box::new(move |opened| {
            let outcome = match opened {
                Ok(store) => work(&Items { store: store.clone(), habits }),
                Err(err) => Err(habits.fault(err)),
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
            _ => return Err(habits.silent("an earlier call is still waiting for it")),
        }
        answered.recv_timeout(PATIENCE).unwrap_or_else(|err| {
            *worker = Worker::Stuck;
            match err {
                mpsc::RecvTimeoutError::Timeout => {
                    Err(habits.silent(&format!("the operating system's call took over {} s", PATIENCE.as_secs())))
                }
                mpsc::RecvTimeoutError::Disconnected => Err(habits.silent("its library stopped in the middle")),
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

impl Keychain for NativeKeychain {
    fn name(&self) -> &'static str {
        self.habits.name
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, Fault> {
        let key = key.clone();
        self.run(move |items| items.get(&key))
    }

    fn put(&self, entry: &Entry) -> Result<(), Fault> {
        let (label, bytes) = (entry.label.clone(), record::encode(entry));
        self.run(move |items| items.put(&label, &bytes))
    }

    fn remove(&self, key: &Key) -> Result<(), Fault> {
        let key = key.clone();
        self.run(move |items| items.remove(&key))
    }

    fn list(&self) -> Result<Vec<Label>, Fault> {
        self.run(|items| items.list())
    }
}

/// The items of an open store.
struct Items {
    store: Arc<CredentialStore>,
    habits: Habits,
}

impl Items {
    fn get(&self, key: &Key) -> Result<Option<Entry>, Fault> {
        let name = record::name(key);
        // A writer may be half-way through its parts: the second look sees it done, or stopped.
        for _ in 0..2 {
            let parts = match self.parts(&name) {
                Ok(Some(parts)) => parts,
                Ok(None) => return Ok(None),
                Err(err) if (self.habits.closed)(&err) => return self.closed(key, &err),
                Err(err) => return Err(self.habits.fault(&err)),
            };
            if let Some(entry) = split::join(&parts).and_then(|bytes| record::decode(&bytes))
                && entry.label.key() == *key
            {
                return Ok(Some(entry));
            }
        }
        let detail = "the entry is not one of ours, or was cut short while it was written".into();
        Err(Fault { store: self.habits.name, kind: FaultKind::Garbled, detail })
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

    /// A token is minted anew, and the put that follows replaces the item. A login is the person's
    /// own: "there is none" would be a lie that makes the client go on anonymously.
    fn closed(&self, key: &Key, err: &Error) -> Result<Option<Entry>, Fault> {
        match key {
            Key::Token { .. } => Ok(None),
            Key::Login { server } => {
                let detail = format!(
                    "it does not show the login of {server} to this program ({}); log in again to write it anew",
                    words(err)
                );
                Err(Fault { store: self.habits.name, kind: FaultKind::Locked, detail })
            }
        }
    }

    fn put(&self, label: &Label, bytes: &[u8]) -> Result<(), Fault> {
        if bytes.len() > LONGEST {
            let detail = format!("the login is {} bytes long, and {LONGEST} are kept", bytes.len());
            return Err(Fault { store: self.habits.name, kind: FaultKind::Refused, detail });
        }
        let name = record::name(&label.key());
        let before = self.of(&name)?;
        let parts = split::split(bytes, self.habits.limit);
        let parts: Vec<(String, _)> = (0..).map(|number| part(&name, number)).zip(parts).collect();
        let labels = label_users(&name, label, self.habits.label);
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

    fn remove(&self, key: &Key) -> Result<(), Fault> {
        // In order of name: the label first, then the first part, so that what is left is no entry.
        self.of(&record::name(key))?.iter().try_for_each(|user| self.delete(user))
    }

    fn list(&self) -> Result<Vec<Label>, Fault> {
        let mut pieces: BTreeMap<String, BTreeMap<usize, String>> = BTreeMap::new();
        for user in self.users()? {
            let mut fields = user.splitn(4, '.');
            let (Some(name), Some("label"), Some(number), Some(piece)) =
                (fields.next(), fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            let Ok(number) = number.parse() else { continue };
            // Two puts at once may leave two labels; the users are sorted, so the later `expires` wins.
            pieces.entry(name.to_owned()).or_default().insert(number, piece.to_owned());
        }
        // What is not whole or not under its own name was not left by us.
        Ok(pieces
            .into_iter()
            .filter_map(|(name, pieces)| {
                let label = Label::from_text(&pieces.into_values().collect::<String>())?;
                (record::name(&label.key()) == name).then_some(label)
            })
            .collect())
    }

    /// The users of our items, sorted.
    fn users(&self) -> Result<Vec<String>, Fault> {
        let spec: HashMap<&str, &str> = self.habits.search.iter().copied().collect();
        let found = self.store.search(&spec).map_err(|err| self.habits.fault(&err))?;
        let ours = |(service, user): (String, String)| (service == SERVICE).then_some(user);
        let mut users: Vec<String> = found.iter().filter_map(Item::get_specifiers).filter_map(ours).collect();
        users.sort_unstable();
        Ok(users)
    }

    /// The users of the items of one entry, sorted.
    fn of(&self, name: &str) -> Result<Vec<String>, Fault> {
        let ours = |user: &String| user.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        Ok(self.users()?.into_iter().filter(ours).collect())
    }

    fn item(&self, user: &str) -> keyring_core::Result<Item> {
        self.store.build(SERVICE, user, Some(&self.habits.modifiers.iter().copied().collect()))
    }

    fn secret(&self, user: &str) -> keyring_core::Result<Option<Zeroizing<Vec<u8>>>> {
        match self.item(user)?.get_secret() {
            Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
            Err(Error::NoEntry) => Ok(None),
            Err(err) => Err(err),
        }
    }

    /// Writes an item; one that is closed to us is deleted and written anew, once.
    fn write(&self, user: &str, bytes: &[u8]) -> Result<(), Fault> {
        let write = || self.item(user)?.set_secret(bytes);
        match write() {
            Err(err) if (self.habits.closed)(&err) => self.delete(user).and_then(|()| self.habits.check(write())),
            outcome => self.habits.check(outcome),
        }
    }

    fn delete(&self, user: &str) -> Result<(), Fault> {
        match self.item(user).and_then(|item| item.delete_credential()) {
            Err(Error::NoEntry) => Ok(()),
            outcome => self.habits.check(outcome),
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

impl Habits {
    fn check<T>(&self, outcome: keyring_core::Result<T>) -> Result<T, Fault> {
        outcome.map_err(|err| self.fault(&err))
    }

    fn silent(&self, detail: &str) -> Fault {
        Fault { store: self.name, kind: FaultKind::Silent, detail: detail.into() }
    }

    fn fault(&self, err: &Error) -> Fault {
        let kind = match err {
            Error::NoStorageAccess(_) => FaultKind::Locked,
            _ if (self.closed)(err) => FaultKind::Locked,
            Error::BadEncoding(_) | Error::BadDataFormat(..) | Error::BadStoreFormat(_) | Error::Ambiguous(_) => {
                FaultKind::Garbled
            }
            Error::NoDefaultStore | Error::NotSupportedByStore(_) => FaultKind::Absent,
            _ => FaultKind::Refused,
        };
        Fault { store: self.name, kind, detail: words(err) }
    }
}

/// An error's words. Never its `Debug`, and no field that may carry the secret or a whole entry.
fn words(err: &Error) -> String {
    match err {
        Error::PlatformFailure(cause) | Error::NoStorageAccess(cause) => cause.to_string(),
        Error::NoEntry => "the item went away in the middle".into(),
        Error::BadEncoding(_) | Error::BadDataFormat(..) => "an item's content is malformed".into(),
        Error::BadStoreFormat(_) => "the store itself is malformed".into(),
        Error::TooLong(what, limit) => format!("the {what} is longer than its limit of {limit}"),
        Error::Invalid(..) => "it does not take such an item".into(),
        Error::Ambiguous(_) => "several items have the same name".into(),
        Error::NoDefaultStore => "no store was opened".into(),
        Error::NotSupportedByStore(what) => what.clone(),
        _ => "an error that is unknown to this version".into(),
    }
}
