//! The Secret Service of a Linux desktop (gnome-keyring, KWallet, KeePassXC), over our own small
//! D-Bus connection: two round trips for a read, a bound on everything, and never a prompt.
//!
//! Source: freedesktop.org Secret Service API Draft 0.2.

mod address;
mod bus;
mod message;
mod wire;

use std::{cell::Cell, path::Path, time::Duration};

use self::{
    address::Address,
    bus::{Bus, Deadline, garbled},
    message::{Call, NO_AUTO_START, Reply},
    wire::{Malformed, Writer},
};
use super::{Entry, Fault, FaultKind, Key, Keychain, Label, PATIENCE, SERVICE};
use crate::secret::Secret;

const NAME: &str = "Secret Service";

const DESTINATION: &str = "org.freedesktop.secrets";
const ROOT: &str = "/org/freedesktop/secrets";
/// The collection that new entries go to: the user's choice, else the one that logging in opens.
const COLLECTIONS: [&str; 2] =
    ["/org/freedesktop/secrets/aliases/default", "/org/freedesktop/secrets/collection/login"];
const SERVICE_INTERFACE: &str = "org.freedesktop.Secret.Service";
const COLLECTION_INTERFACE: &str = "org.freedesktop.Secret.Collection";
const ITEM_INTERFACE: &str = "org.freedesktop.Secret.Item";
const PROPERTIES_INTERFACE: &str = "org.freedesktop.DBus.Properties";

/// The attribute that tells which program's rules an item follows, as libsecret writes it.
const SCHEMA: (&str, &str) = ("xdg:schema", "docker-credential-ecr-rs.Entry");

/// "No object": an answer in place of a path, or of a prompt's path.
const NO_PATH: &str = "/";

/// How the secret crosses the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Session {
    /// As it is, through the user's own socket. Any program of the same user may ask the service
    /// for it anyway.
    Plain,
}

/// The user's Secret Service. It connects on the first call and stays connected for later ones.
pub struct SecretService {
    addresses: Vec<Address>,
    session: Session,
    flags: u8,
    patience: Duration,
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
            patience: PATIENCE,
            link: Cell::new(None),
        }
    }

    /// Runs one call of the trait. A connection that met a fault is not used again.
    fn with_link<T>(&self, work: impl FnOnce(&mut Link) -> Result<T, Fault>) -> Result<T, Fault> {
        let deadline = Deadline::after(self.patience);
        let mut link = match self.link.take() {
            Some(link) => Link { deadline, ..link },
            None => Link { bus: Bus::connect(&self.addresses, self.flags, deadline)?, deadline, session: None },
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
        self.with_link(|link| {
            let found = link.search(&key.attributes(), Some(self.session))?;
            if found.is_empty() {
                return link.nothing(&found).map(|()| None);
            }
            link.newest(&found.unlocked, key)
        })
    }

    fn put(&self, entry: &Entry) -> Result<(), Fault> {
        let attributes = entry.label.attributes();
        if attributes.iter().any(|(_, value)| value.contains('\0')) {
            return Err(fault(FaultKind::Refused, "a NUL byte cannot be stored in a name"));
        }
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
            if found.is_empty() || !found.locked.is_empty() { link.nothing(&found) } else { Ok(()) }
        })
    }

    fn list(&self) -> Result<Vec<Label>, Fault> {
        self.with_link(|link| {
            let found = link.search(&[], None)?;
            if found.is_empty() {
                link.nothing(&found)?;
            }
            // An entry that a later version wrote may not make sense to this one: it is passed over.
            Ok(link.properties(&found.unlocked)?.into_iter().filter_map(|item| item.label).collect())
        })
    }
}

/// A connection with what has been agreed on it.
struct Link {
    bus: Bus,
    deadline: Deadline,
    /// The path of the open session.
    session: Option<String>,
}

/// Our items that have the attributes asked for.
struct Found {
    unlocked: Vec<String>,
    locked: Vec<String>,
}

impl Found {
    fn is_empty(&self) -> bool {
        self.unlocked.is_empty()
    }
}

/// What an item tells without its secret.
struct Properties {
    label: Option<Label>,
    /// Seconds since 1970.
    modified: u64,
}

impl Link {
    /// Finds our items. The session is opened in the same round trip.
    fn search(&mut self, attributes: &[(&str, &str)], session: Option<Session>) -> Result<Found, Fault> {
        let open = match (session, &self.session) {
            (Some(Session::Plain), None) => {
                let mut body = Writer::with_capacity(32);
                body.string("plain");
                body.signature("s");
                body.string("");
                Some(self.queue(ROOT, SERVICE_INTERFACE, "OpenSession", "sv", body))
            }
            _ => None,
        };
        let mut body = Writer::with_capacity(512);
        body.strings([("service", SERVICE)].into_iter().chain(attributes.iter().copied()));
        let search = self.queue(ROOT, SERVICE_INTERFACE, "SearchItems", "a{ss}", body);
        let serials: Vec<u32> = open.into_iter().chain([search]).collect();
        let mut replies = self.bus.answers(&serials, self.deadline)?;
        let search = replies.pop().expect("an answer for each serial");
        if let Some(open) = replies.pop() {
            let mut arguments = accepted(&open, "OpenSession", "vo")?;
            arguments.skip("v").map_err(garbled)?;
            self.session = Some(arguments.string().map_err(garbled)?.to_owned());
        }
        let mut arguments = accepted(&search, "SearchItems", "aoao")?;
        Ok(Found { unlocked: arguments.paths().map_err(garbled)?, locked: arguments.paths().map_err(garbled)? })
    }

    /// Tells "there is none" from "it cannot be seen": a locked KWallet finds nothing at all.
    fn nothing(&mut self, found: &Found) -> Result<(), Fault> {
        if !found.locked.is_empty() {
            return Err(fault(FaultKind::Locked, "it holds the entry, and opening it would ask a person"));
        }
        let mut body = Writer::with_capacity(64);
        body.string(COLLECTION_INTERFACE);
        body.string("Locked");
        let call = self.queue(COLLECTIONS[0], PROPERTIES_INTERFACE, "Get", "ss", body);
        let reply = self.answer(call)?;
        if reply.error.as_deref().is_some_and(is_no_object) {
            return Ok(()); // no collection, no entry
        }
        let mut arguments = accepted(&reply, "Get Locked", "v")?;
        match (arguments.signature(), arguments.u32()) {
            (Ok("b"), Ok(0)) => Ok(()),
            (Ok("b"), Ok(1)) => Err(fault(FaultKind::Locked, "its default collection cannot be searched")),
            _ => Err(garbled(Malformed("a property of another type"))),
        }
    }

    /// The newest of these items, for two processes may have stored one at the same time. `None`
    /// when another process has deleted them all meanwhile.
    fn newest(&mut self, items: &[String], key: &Key) -> Result<Option<Entry>, Fault> {
        let session = self.session.clone().unwrap_or_default();
        let mut serials = Vec::new();
        for item in items {
            let mut body = Writer::with_capacity(128);
            body.string(&session);
            serials.push(self.queue(item, ITEM_INTERFACE, "GetSecret", "o", body));
        }
        serials.extend(self.queue_properties(items));
        let replies = self.bus.answers(&serials, self.deadline)?;
        let (secrets, properties) = replies.split_at(items.len());
        let mut newest: Option<(u64, Label, &Reply)> = None;
        let mut senseless = false;
        for (secret, properties) in secrets.iter().zip(properties) {
            if secret.error.as_deref().is_some_and(is_no_object) {
                continue;
            }
            let Some(properties) = read_properties(properties)? else { continue };
            match properties.label.filter(|label| label.key() == *key) {
                None => senseless = true,
                Some(label) if newest.as_ref().is_none_or(|(best, ..)| properties.modified >= *best) => {
                    newest = Some((properties.modified, label, secret));
                }
                Some(_) => {}
            }
        }
        match newest {
            Some((_, label, secret)) => Ok(Some(Entry { label, secret: read_secret(secret)? })),
            None if senseless => Err(garbled(Malformed("the entry's attributes make no sense"))),
            None => Ok(None),
        }
    }

    fn properties(&mut self, items: &[String]) -> Result<Vec<Properties>, Fault> {
        let serials = self.queue_properties(items);
        let replies = self.bus.answers(&serials, self.deadline)?;
        replies.iter().filter_map(|reply| read_properties(reply).transpose()).collect()
    }

    fn queue_properties(&mut self, items: &[String]) -> Vec<u32> {
        let mut serials = Vec::new();
        for item in items {
            let mut body = Writer::with_capacity(64);
            body.string(ITEM_INTERFACE);
            serials.push(self.queue(item, PROPERTIES_INTERFACE, "GetAll", "s", body));
        }
        serials
    }

    /// Adds an item, beside what is there: the service's own replacing wants all attributes equal.
    fn create(&mut self, entry: &Entry, attributes: &[(&'static str, String)]) -> Result<(), Fault> {
        let session = self.session.clone().unwrap_or_default();
        for collection in COLLECTIONS {
            let secret = entry.secret.expose();
            let mut body = Writer::with_capacity(secret.len() + 4096);
            write_item(&mut body, &session, entry, attributes);
            let call = self.queue(collection, COLLECTION_INTERFACE, "CreateItem", "a{sv}(oayays)b", body);
            let reply = self.answer(call)?;
            if reply.error.as_deref().is_some_and(is_no_object) {
                continue;
            }
            let mut arguments = accepted(&reply, "CreateItem", "oo")?;
            arguments.string().map_err(garbled)?; // the item, or no path when there is a prompt
            let prompt = arguments.string().map_err(garbled)?;
            if prompt != NO_PATH {
                return Err(fault(FaultKind::Locked, "storing an entry would ask a person"));
            }
            return Ok(());
        }
        Err(fault(FaultKind::Absent, "it has no default collection to store an entry in"))
    }

    /// Deletes items; says whether a person would be asked about one, which then stays.
    fn delete(&mut self, items: &[String]) -> Result<bool, Fault> {
        let serials: Vec<u32> =
            items.iter().map(|item| self.queue(item, ITEM_INTERFACE, "Delete", "", Writer::with_capacity(0))).collect();
        let mut prompts = false;
        for reply in self.bus.answers(&serials, self.deadline)? {
            if reply.error.as_deref().is_some_and(is_no_object) {
                continue; // another process was faster
            }
            prompts |= accepted(&reply, "Delete", "o")?.string().map_err(garbled)? != NO_PATH;
        }
        Ok(prompts)
    }

    fn queue(&mut self, path: &str, interface: &str, member: &str, signature: &str, body: Writer) -> u32 {
        self.bus.queue(Call { destination: DESTINATION, path, interface, member }, signature, &body.into_bytes())
    }

    fn answer(&mut self, serial: u32) -> Result<Reply, Fault> {
        Ok(self.bus.answers(&[serial], self.deadline)?.pop().expect("an answer for each serial"))
    }
}

/// The arguments of CreateItem: properties, secret, and whether to replace.
fn write_item(body: &mut Writer, session: &str, entry: &Entry, attributes: &[(&'static str, String)]) {
    let title = match &entry.label {
        Label::Login(login) => format!("Registry login for {}", login.spelled),
        Label::Token(token) => format!("ECR token for {}", token.host),
    };
    body.array(8, |properties| {
        properties.align(8);
        properties.string("org.freedesktop.Secret.Item.Label");
        properties.signature("s");
        properties.string(&title);
        properties.align(8);
        properties.string("org.freedesktop.Secret.Item.Attributes");
        properties.signature("a{ss}");
        let own = [SCHEMA, ("service", SERVICE)];
        properties.strings(own.into_iter().chain(attributes.iter().map(|(name, value)| (*name, value.as_str()))));
    });
    body.align(8);
    body.string(session);
    body.bytes(&[]);
    body.bytes(entry.secret.expose().as_bytes());
    body.string("text/plain; charset=utf8");
    body.u32(0); // replace: no
}

/// The answer of GetSecret: a struct of session, parameters, value and content type.
fn read_secret(reply: &Reply) -> Result<Secret, Fault> {
    let mut arguments = accepted(reply, "GetSecret", "(oayays)")?;
    arguments.string().map_err(garbled)?;
    arguments.bytes().map_err(garbled)?;
    let value = arguments.bytes().map_err(garbled)?;
    match std::str::from_utf8(value) {
        Ok(text) => Ok(Secret::from(text.to_owned())),
        Err(_) => Err(garbled(Malformed("a secret that is not UTF-8 text"))),
    }
}

/// The answer of GetAll; `None` when the item is gone by now.
fn read_properties(reply: &Reply) -> Result<Option<Properties>, Fault> {
    if reply.error.as_deref().is_some_and(is_no_object) {
        return Ok(None);
    }
    let read = || {
        let mut entries = accepted(reply, "GetAll", "a{sv}")?.array(8).map_err(garbled)?;
        let mut properties = Properties { label: None, modified: 0 };
        while !entries.is_at_end() {
            entries.align(8).map_err(garbled)?;
            let name = entries.string().map_err(garbled)?;
            let mut peek = entries.clone();
            match (name, peek.signature().map_err(garbled)?) {
                ("Attributes", "a{ss}") => {
                    let attributes = peek.strings().map_err(garbled)?;
                    let find = |name: &str| attributes.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
                    properties.label = Label::from_attributes(find).filter(|_| find("service") == Some(SERVICE));
                }
                ("Modified", "t") => properties.modified = peek.u64().map_err(garbled)?,
                _ => {}
            }
            entries.skip("v").map_err(garbled)?;
        }
        Ok(properties)
    };
    read().map(Some)
}

/// The answer's arguments; an error answer becomes a fault with the service's own words.
fn accepted<'r>(reply: &'r Reply, member: &str, signature: &str) -> Result<wire::Reader<'r>, Fault> {
    let Some(name) = reply.error.as_deref() else {
        return reply.arguments(signature).map_err(garbled);
    };
    let kind = match name {
        "org.freedesktop.DBus.Error.ServiceUnknown" | "org.freedesktop.DBus.Error.NameHasNoOwner" => FaultKind::Absent,
        "org.freedesktop.Secret.Error.IsLocked" => FaultKind::Locked,
        "org.freedesktop.DBus.Error.NoReply"
        | "org.freedesktop.DBus.Error.Timeout"
        | "org.freedesktop.DBus.Error.TimedOut" => FaultKind::Silent,
        name if name.starts_with("org.freedesktop.DBus.Error.Spawn.") => FaultKind::Absent,
        _ => FaultKind::Refused,
    };
    Err(fault(kind, format!("{member}: {name}: {}", reply.error_text())))
}

/// Whether the object that was called does not exist. Services differ in how they say so.
fn is_no_object(error: &str) -> bool {
    matches!(
        error,
        "org.freedesktop.Secret.Error.NoSuchObject"
            | "org.freedesktop.DBus.Error.UnknownObject"
            | "org.freedesktop.DBus.Error.UnknownMethod"
            | "org.freedesktop.DBus.Error.UnknownInterface"
    )
}

/// A fault with its words on one line, for a daemon may answer with pages.
fn fault(kind: FaultKind, detail: impl Into<String>) -> Fault {
    const MAX_DETAIL: usize = 400;
    let detail = detail.into().chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_DETAIL).collect();
    Fault { store: NAME, kind, detail }
}
