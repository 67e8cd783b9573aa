//! What we ask of items, one method a step of the trait's calls: read, made, deleted.

use std::collections::BTreeMap;

use super::{
    answer::{accepted, error, is_no_collection, is_no_object},
    message::Reply,
    service::{COLLECTION_INTERFACE, COLLECTIONS, Connection, PROPERTIES_INTERFACE, check_texts, session_collection},
    session::read_secret,
    wire::Writer,
};
use crate::keychain::{Entry, EntryKind, Error, ErrorKind, Key, Label, SERVICE};

/// How many calls are under way at once. Other clients of the service get their turn between two pages,
/// and neither side has to keep a whole keyring's answers; a page costs one round trip.
const PAGE: usize = 100;

const ITEM_INTERFACE: &str = "org.freedesktop.Secret.Item";

/// The attribute that tells which program's rules an item follows, as libsecret writes it.
const SCHEMA: (&str, &str) = ("xdg:schema", "docker-credential-ecr-rs.Entry");

/// What an item tells without its secret.
pub(super) struct Properties {
    /// Its object path.
    pub(super) path: String,
    /// `None` when its attributes make no label of ours.
    pub(super) label: Option<Label>,
    /// What it says of itself, where that makes no label.
    pub(super) attributes: BTreeMap<String, String>,
    /// Seconds since 1970.
    pub(super) modified: u64,
}

impl Connection {
    /// The newest of these items, for two processes may have stored one at the same time. `None`
    /// when another process has deleted them all meanwhile.
    pub(super) fn newest(&mut self, items: &[String], key: &Key) -> Result<Option<Entry>, Error> {
        let session = self.session().path().to_owned();
        for item in items {
            let mut body = Writer::with_capacity(128);
            body.string(&session);
            self.queue(item, ITEM_INTERFACE, "GetSecret", "o", body);
        }
        self.queue_properties(items);
        let replies = self.answers()?;
        let (secrets, properties) = replies.split_at(items.len());
        let mut newest: Option<(u64, Label, &Reply)> = None;
        let mut malformed = false;
        for ((item, secret), properties) in items.iter().zip(secrets).zip(properties) {
            if is_no_object(secret) {
                continue;
            }
            if let Err(fault) = accepted(secret, "GetSecret", "(oayays)")
                && fault.kind == ErrorKind::Locked
            {
                return Err(fault);
            }
            let Some(properties) = read_properties(key.kind(), item, properties)? else { continue };
            match properties.label.filter(|label| label.key() == key) {
                None => malformed = true,
                Some(label) if newest.as_ref().is_none_or(|(best, ..)| properties.modified >= *best) => {
                    newest = Some((properties.modified, label, secret));
                }
                Some(_) => {}
            }
        }
        match newest {
            Some((_, label, secret)) => Ok(Some(Entry { label, secret: read_secret(secret)? })),
            None if malformed => {
                Err(error(ErrorKind::Damaged, "it lacks attributes that ours have, or is of another version"))
            }
            None => Ok(None),
        }
    }

    /// Reads what items tell without their secrets, those that are still there, into `read`: what is read
    /// before an error stays in it.
    pub(super) fn properties(
        &mut self,
        kind: &'static EntryKind,
        items: &[String],
        read: &mut Vec<Properties>,
    ) -> Result<(), Error> {
        for page in items.chunks(PAGE) {
            self.queue_properties(page);
            for (item, reply) in page.iter().zip(self.answers()?) {
                read.extend(read_properties(kind, item, &reply)?);
            }
        }
        Ok(())
    }

    fn queue_properties(&mut self, items: &[String]) {
        for item in items {
            let mut body = Writer::with_capacity(64);
            body.string(ITEM_INTERFACE);
            self.queue(item, PROPERTIES_INTERFACE, "GetAll", "s", body);
        }
    }

    /// Adds an item, beside what is there: the service's own replacing wants all attributes equal.
    pub(super) fn create(&mut self, entry: &Entry) -> Result<(), Error> {
        let attributes = entry.label.attributes();
        check_texts(&attributes)?;
        for collection in session_collection(entry.label.key()).into_iter().chain(COLLECTIONS) {
            let texts: usize = attributes.iter().map(|(_, value)| value.len()).sum();
            let mut body = Writer::with_capacity(entry.secret.expose().len() + 2 * texts + 2048);
            write_properties(&mut body, &entry.label, &attributes);
            self.session().write(&mut body, &entry.secret);
            body.u32(0); // replace: no
            self.queue(collection, COLLECTION_INTERFACE, "CreateItem", "a{sv}(oayays)b", body);
            let reply = self.answer()?;
            if is_no_collection(&reply) {
                continue;
            }
            let mut arguments = accepted(&reply, "CreateItem", "oo")?;
            arguments.string()?; // the item, or no path when there is a prompt
            return match self.prompted(arguments.string()?)? {
                true => Ok(()),
                false => Err(error(ErrorKind::Locked, "storing an entry would ask a person")),
            };
        }
        Err(self.no_place())
    }

    /// Deletes items; says whether a person would be asked about one, which then stays.
    ///
    /// KeePassXC shows a window before it deletes where its settings say so, and does not tell beforehand: `by_person`
    /// is whether a person deletes. A `get` that replaces a token leaves the old one there.
    pub(super) fn delete(&mut self, items: &[String], by_person: bool) -> Result<bool, Error> {
        let mut prompts = false;
        for page in items.chunks(PAGE) {
            for item in page {
                self.queue(item, ITEM_INTERFACE, "Delete", "", Writer::with_capacity(0));
            }
            for reply in self.answers()? {
                if is_no_object(&reply) {
                    continue; // another process was faster
                }
                let prompt = accepted(&reply, "Delete", "o")?.string()?.to_owned();
                prompts |= match by_person {
                    true => !self.prompted(&prompt)?,
                    false => !self.unprompted(&prompt)?,
                };
            }
        }
        Ok(prompts)
    }
}

/// The first argument of CreateItem.
fn write_properties(body: &mut Writer, label: &Label, attributes: &[(&str, &str)]) {
    let kind = label.key().kind();
    let title = format!("{} {}", kind.title, label.attribute(kind.titled_by).unwrap_or_default());
    body.array(8, |properties| {
        properties.align(8);
        properties.string("org.freedesktop.Secret.Item.Label");
        properties.signature("s");
        properties.string(&title);
        properties.align(8);
        properties.string("org.freedesktop.Secret.Item.Attributes");
        properties.signature("a{ss}");
        properties.strings([SCHEMA, ("service", SERVICE)].into_iter().chain(attributes.iter().copied()));
    });
}

/// The answer of GetAll for an item of this kind; `None` when the item is gone by now.
fn read_properties(kind: &'static EntryKind, item: &str, reply: &Reply) -> Result<Option<Properties>, Error> {
    if is_no_object(reply) {
        return Ok(None);
    }
    let read = || {
        let mut entries = accepted(reply, "GetAll", "a{sv}")?.array(8)?;
        let mut properties =
            Properties { path: item.to_owned(), label: None, attributes: BTreeMap::new(), modified: 0 };
        while !entries.is_at_end() {
            entries.align(8)?;
            let name = entries.string()?;
            let mut peek = entries.clone();
            match (name, peek.signature()?) {
                ("Attributes", "a{ss}") => {
                    let attributes = peek.strings()?;
                    let find = |name: &str| attributes.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
                    properties.label = Label::from_attributes(kind, find).filter(|_| find("service") == Some(SERVICE));
                    if properties.label.is_none() {
                        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
                        properties.attributes = attributes.iter().map(owned).collect();
                    }
                }
                ("Modified", "t") => properties.modified = peek.u64()?,
                _ => {}
            }
            entries.skip("v")?;
        }
        Ok(properties)
    };
    // KWallet shows an item that is being deleted without attributes; ours have some.
    read().map(|read| Some(read).filter(|read| read.label.is_some() || !read.attributes.is_empty()))
}
