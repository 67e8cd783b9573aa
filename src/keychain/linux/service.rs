//! What we ask of the service and its collections, one method a step of the trait's calls.

use super::{
    answer::{NAME, accepted, error, is_no_collection, property},
    bus::{Bus, Deadline},
    daemon::{self, DESTINATION, without_session_collection},
    message::{Call, NO_AUTO_START, Reply},
    session::Session,
    wire::Writer,
};
use crate::keychain::{EntryKind, Error, ErrorKind, SERVICE, Selection, error::KEEPASSXC};

/// The most entries that are looked at: a keychain of a person's own has a hundredth of it.
const MAX_ITEMS: usize = 10_000;

pub(super) const ROOT: &str = "/org/freedesktop/secrets";
/// Where a cache's new entries go first: gnome-keyring and oo7 keep this collection in memory until the person logs
/// out. Every change of the default collection is a new encryption of all that is in it, tens of milliseconds beside
/// a thousand logins; and what is made again for the asking need not be on the disk.
const SESSION_COLLECTION: &str = "/org/freedesktop/secrets/collection/session";
/// The collection that new entries go to: the user's choice, else the one that logging in opens.
pub(super) const COLLECTIONS: [&str; 2] =
    ["/org/freedesktop/secrets/aliases/default", "/org/freedesktop/secrets/collection/login"];
pub(super) const SERVICE_INTERFACE: &str = "org.freedesktop.Secret.Service";
pub(super) const COLLECTION_INTERFACE: &str = "org.freedesktop.Secret.Collection";
pub(super) const PROPERTIES_INTERFACE: &str = "org.freedesktop.DBus.Properties";

/// "No object": an answer in place of a path, or of a prompt's path.
pub(super) const NO_PATH: &str = "/";

/// A connection with what has been agreed on it.
pub(super) struct Connection {
    pub(super) bus: Bus,
    /// Of the calls to the service: whether the bus may start it.
    flags: u8,
    /// The end of the trait's call that is running.
    pub(super) deadline: Deadline,
    session: Option<Session>,
}

/// Our items that have the attributes asked for.
pub(super) struct Found {
    pub(super) unlocked: Vec<String>,
    pub(super) locked: Vec<String>,
}

impl Connection {
    /// A new connection, on which nothing is sent yet.
    ///
    /// The first call is one that asks for nothing. gnome-keyring (42 to 50 at least) makes its record of a client in
    /// another thread than the one that answers, and ends itself where the first call needs a record that got lost
    /// meanwhile: three loops of a cached `get` ended it within seconds. With each further call it makes a lost one anew,
    /// which is not always soon enough.
    pub(super) fn new(mut bus: Bus, flags: u8, deadline: Deadline) -> Connection {
        let (path, interface) = (ROOT, "org.freedesktop.DBus.Peer");
        bus.queue_first(Call { destination: DESTINATION, path, interface, member: "Ping", flags });
        Connection { bus, flags, deadline, session: None }
    }

    /// The trait's next call begins, on the same connection.
    pub(super) fn begin(&mut self, deadline: Deadline) {
        self.deadline = deadline;
        self.bus.begin();
    }

    /// Finds our items of a kind where they are put, in one round trip, in which a session is opened where one is
    /// wanted. Where that shows none, and cannot tell that there is none, all collections are searched.
    pub(super) fn find(
        &mut self,
        kind: &EntryKind,
        attributes: &[(&str, &str)],
        with_session: bool,
    ) -> Result<Found, Error> {
        match self.glance(kind, attributes, with_session)? {
            Glance { items, is_whole } if is_whole || !items.is_empty() => {
                Ok(Found { unlocked: items, locked: vec![] })
            }
            _ => self.search(attributes),
        }
    }

    /// All our items of a kind that have these attributes. What a cache keeps in memory is found however the default
    /// collection is.
    pub(super) fn all(&mut self, kind: &EntryKind, attributes: &[(&str, &str)]) -> Result<Found, Error> {
        if let Some(collection) = session_collection(kind) {
            check_texts(attributes)?;
            self.queue_search(collection, attributes);
            let reply = self.answer()?;
            if !is_no_collection(&reply) {
                return Ok(Found { unlocked: items(&reply)?, locked: vec![] });
            }
        }
        self.search(attributes)
    }

    /// They may be locked. No search of all collections: for one, KeePassXC opens its window when it is locked.
    fn glance(&mut self, kind: &EntryKind, attributes: &[(&str, &str)], with_session: bool) -> Result<Glance, Error> {
        const ANSWERED: &str = "its answer was waited for";
        check_texts(attributes)?;
        let opens = with_session && self.session.is_none();
        if opens {
            self.queue_open();
        }
        let search = usize::from(opens); // the place of its answer
        let in_memory = session_collection(kind);
        match in_memory {
            Some(collection) => self.queue_session_search(collection, attributes),
            None => self.queue_search(COLLECTIONS[0], attributes),
        }
        // The service's answer under another name. Who has such a name and is not the service may take its time.
        let by_name = |replies: &[Option<Reply>]| {
            let is_of_service = |reply: &Reply| Some(&reply.sender) == replies[search].as_ref().map(|of| &of.sender);
            (search + 1..replies.len()).find(|place| replies[*place].as_ref().is_some_and(is_of_service))
        };
        let mut replies = self.bus.answers_until(&mut self.deadline, |replies| {
            let is_told = |reply: &Reply| !is_no_collection(reply) || by_name(replies).is_some();
            replies[..search].iter().all(Option::is_some) && replies[search].as_ref().is_some_and(is_told)
        })?;
        if opens {
            self.session = Some(Session::accept(replies[0].as_ref().expect(ANSWERED))?);
        }
        let has_collection = !is_no_collection(replies[search].as_ref().expect(ANSWERED));
        let place = if in_memory.is_none() || has_collection { Some(search) } else { by_name(&replies) };
        let reply = match place {
            Some(place) => replies.swap_remove(place).expect(ANSWERED),
            None => {
                self.queue_search(COLLECTIONS[0], attributes);
                self.answer()?
            }
        };
        let items = if is_no_collection(&reply) { Vec::new() } else { items(&reply)? };
        Ok(Glance { items, is_whole: in_memory.is_some() && has_collection })
    }

    fn queue_search(&mut self, collection: &str, attributes: &[(&str, &str)]) {
        self.queue(collection, COLLECTION_INTERFACE, "SearchItems", "a{ss}", wanted(attributes));
    }

    /// Searches the collection in memory, and the default one of daemons that have none.
    ///
    /// To search the default one takes gnome-keyring half a millisecond for a thousand items, and it holds nothing of
    /// a cache there. Others would need a round trip more, so that they are asked at once: each by a name that it
    /// alone has, which tells gnome-keyring nothing. What has no owner is answered by the bus.
    fn queue_session_search(&mut self, collection: &str, attributes: &[(&str, &str)]) {
        let wanted = wanted(attributes);
        let (interface, member, signature) = (COLLECTION_INTERFACE, "SearchItems", "a{ss}");
        let call = Call { destination: DESTINATION, path: collection, interface, member, flags: self.flags };
        self.bus.queue(call, signature, &wanted);
        for destination in without_session_collection() {
            let call = Call { destination, path: COLLECTIONS[0], interface, member, flags: NO_AUTO_START };
            self.bus.queue(call, signature, &wanted);
        }
    }

    /// Finds our items in all collections, if the default one is open.
    fn search(&mut self, attributes: &[(&str, &str)]) -> Result<Found, Error> {
        check_texts(attributes)?;
        self.check_open()?;
        self.queue(ROOT, SERVICE_INTERFACE, "SearchItems", "a{ss}", wanted(attributes));
        let search = self.answer()?;
        let mut arguments = accepted(&search, "SearchItems", "aoao")?;
        let (unlocked, locked) = (arguments.paths()?, arguments.paths()?);
        check_count(unlocked.len() + locked.len())?;
        Ok(Found { unlocked, locked })
    }

    /// The items of a selection. None is a fault where it cannot be seen.
    pub(super) fn select(&mut self, which: &Selection) -> Result<Vec<String>, Error> {
        let found = self.all(which.kind(), &which.attributes())?;
        if found.unlocked.is_empty() {
            found.nothing()?;
        }
        Ok(found.unlocked)
    }

    /// Whether the bus could start a service that nobody answers for: then it is there, and does not run.
    pub(super) fn absent_or_asleep(&mut self, fault: Error) -> Error {
        self.bus.queue_own("ListActivatableNames", "", &Writer::with_capacity(0));
        let names = self.answer().and_then(|reply| {
            let mut names = accepted(&reply, "ListActivatableNames", "as")?.array(4)?;
            let mut found = false;
            while !names.is_at_end() {
                found |= names.string()? == DESTINATION;
            }
            Ok(found)
        });
        match names {
            Ok(false) => fault,
            // Whoever does not say so may have one.
            Ok(true) | Err(_) => Error {
                kind: ErrorKind::Unavailable,
                detail: format!("its daemon is installed and does not run ({})", fault.detail),
                ..fault
            },
        }
    }

    /// Opens the session where none is open.
    pub(super) fn open(&mut self) -> Result<(), Error> {
        if self.session.is_none() {
            self.queue_open();
            self.session = Some(Session::accept(&self.answer()?)?);
        }
        Ok(())
    }

    fn queue_open(&mut self) {
        self.queue(ROOT, SERVICE_INTERFACE, "OpenSession", "sv", Session::request());
    }

    /// Tells "there is none" from "it cannot be seen": of a collection that is locked, KWallet finds nothing.
    /// Not asked for what a glance finds, for it takes gnome-keyring a fifth of a cached `get`.
    fn check_open(&mut self) -> Result<(), Error> {
        match self.has_open(COLLECTIONS[0])? {
            true => Ok(()),
            // No collection, no entry; but KeePassXC shows none of a database that is not open in it, opens its
            // window for a search of all collections, and does not answer until somebody has.
            false => match self.no_place() {
                fault if fault.store == KEEPASSXC => Err(fault),
                _ => Ok(()),
            },
        }
    }

    /// Whether there is such a collection; one that is locked is a fault.
    fn has_open(&mut self, collection: &str) -> Result<bool, Error> {
        let mut body = Writer::with_capacity(64);
        body.string(COLLECTION_INTERFACE);
        body.string("Locked");
        self.queue(collection, PROPERTIES_INTERFACE, "Get", "ss", body);
        let collection = self.answer()?;
        if is_no_collection(&collection) {
            return Ok(false);
        }
        match property(&collection, "Get Locked", "b")?.u32()? {
            0 => Ok(true),
            _ => Err(error(ErrorKind::Locked, "its default collection cannot be searched")),
        }
    }

    /// Whether an entry could be stored in one of [`COLLECTIONS`].
    pub(super) fn check(&mut self) -> Result<(), Error> {
        for collection in COLLECTIONS {
            if self.has_open(collection)? {
                return Ok(());
            }
        }
        Err(self.no_place())
    }

    /// The daemon's name in messages: the service's own where it is none that we know.
    pub(super) fn daemon(&mut self) -> &'static str {
        daemon::owner(&mut self.bus, &mut self.deadline).map_or(NAME, |(_, daemon)| daemon)
    }

    /// Why nothing can be stored where there is no collection for it.
    pub(super) fn no_place(&mut self) -> Error {
        let store = self.daemon();
        let detail = match store {
            KEEPASSXC => "no database is open in it, or the one in front shows no group to the Secret Service",
            _ => "it has no default collection to store an entry in",
        };
        Error { store, ..error(ErrorKind::NoPlace, detail) }
    }

    pub(super) fn session(&self) -> &Session {
        self.session.as_ref().expect("whoever reads or writes a secret has searched with a session")
    }

    pub(super) fn queue(&mut self, path: &str, interface: &str, member: &str, signature: &str, body: Writer) {
        let call = Call { destination: DESTINATION, path, interface, member, flags: self.flags };
        self.bus.queue(call, signature, &body);
    }

    /// The answers to all calls that are queued.
    pub(super) fn answers(&mut self) -> Result<Vec<Reply>, Error> {
        self.bus.answers(&mut self.deadline)
    }

    /// The answer to the one call that is queued.
    pub(super) fn answer(&mut self) -> Result<Reply, Error> {
        Ok(self.answers()?.pop().expect("an answer for each call"))
    }
}

impl Found {
    /// None that is open: there may be one that is not.
    pub(super) fn nothing(&self) -> Result<(), Error> {
        match self.locked.is_empty() {
            true => Ok(()),
            false => Err(error(
                ErrorKind::Locked,
                "the entry is in a locked collection, and opening that would ask a person",
            )),
        }
    }
}

/// What was found at a glance.
struct Glance {
    items: Vec<String>,
    /// Whether there can be no others: the collection in memory has answered, which never is locked.
    is_whole: bool,
}

/// The argument of a search for our items.
fn wanted(attributes: &[(&str, &str)]) -> Writer {
    let mut body = Writer::with_capacity(512);
    body.strings([("service", SERVICE)].into_iter().chain(attributes.iter().copied()));
    body
}

/// What a collection has found.
fn items(reply: &Reply) -> Result<Vec<String>, Error> {
    let items = accepted(reply, "SearchItems", "ao")?.paths()?;
    check_count(items.len()).map(|()| items)
}

/// The collection in memory, for what a cache keeps.
pub(super) fn session_collection(kind: &EntryKind) -> Option<&'static str> {
    kind.restored_by.is_none().then_some(SESSION_COLLECTION)
}

fn check_count(found: usize) -> Result<(), Error> {
    match found > MAX_ITEMS {
        true => Err(error(ErrorKind::Refused, format!("it has {found} entries of ours; {MAX_ITEMS} are looked at"))),
        false => Ok(()),
    }
}

/// The bus hangs up on a string with a NUL in it.
pub(super) fn check_texts(attributes: &[(&str, &str)]) -> Result<(), Error> {
    match attributes.iter().any(|(_, value)| value.contains('\0')) {
        true => Err(error(ErrorKind::Refused, "a name with a NUL byte in it cannot be stored")),
        false => Ok(()),
    }
}
