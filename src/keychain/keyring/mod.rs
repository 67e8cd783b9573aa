//! Our keychain over the keyring project's stores, which know items by service and user only.
//!
//! Its calls run on one thread; `items` says what they are, `quirks` what differs between the stores.

mod items;
mod quirks;

use std::{
    cell::RefCell,
    collections::HashSet,
    mem,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, SystemTime},
};

use keyring_core::CredentialStore;

pub use self::quirks::Quirks;

use self::items::Items;
use super::{
    CALL_TIMEOUT, Entry, EntryKind, Error, Inventory, Key, Keychain, MAX_TIDIED, Selection, TIDY_TIMEOUT, record,
};

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
