//! What we ask of items, one method a step of the trait's calls: read, made, deleted.

use std::collections::BTreeMap;

use super::{
    answer::{accepted, error, is_no_collection, is_no_object, property},
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
    /// Seconds since 1970; 0 where no other item has its key.
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
        self.queue_get(items.iter().map(String::as_str), "Attributes");
        let replies = self.answers()?;
        let (secrets, attributes) = replies.split_at(items.len());
        let (mut found, mut their_secrets) = (Vec::new(), Vec::new());
        let mut malformed = false;
        for ((item, secret), attributes) in items.iter().zip(secrets).zip(attributes) {
            if is_no_object(secret) {
                continue;
            }
            if let Err(fault) = accepted(secret, "GetSecret", "(oayays)")
                && fault.kind == ErrorKind::Locked
            {
                return Err(fault);
            }
            let Some(properties) = read_attributes(key.kind(), item, attributes)? else { continue };
            if properties.label.as_ref().is_some_and(|label| label.key() == key) {
                found.push(properties);
                their_secrets.push(secret);
            } else {
                malformed = true;
            }
        }
        self.date_twins(&mut found)?;
        match found.into_iter().zip(their_secrets).max_by_key(|(item, _)| item.modified) {
            Some((Properties { label: Some(label), .. }, secret)) => {
                Ok(Some(Entry { label, secret: read_secret(secret)? }))
            }
            _ if malformed => {
                Err(error(ErrorKind::Damaged, "it lacks attributes that ours have, or is of another version"))
            }
            _ => Ok(None),
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
            self.queue_get(page.iter().map(String::as_str), "Attributes");
            for (item, reply) in page.iter().zip(self.answers()?) {
                read.extend(read_attributes(kind, item, &reply)?);
            }
        }
        Ok(())
    }

    /// Asks when items were last changed, those that share a key: two processes may have put one each.
    pub(super) fn date_twins(&mut self, items: &mut [Properties]) -> Result<(), Error> {
        if items.len() < 2 {
            return Ok(()); // every cached `get`
        }
        let mut of_key: BTreeMap<&Key, Vec<usize>> = BTreeMap::new();
        for (at, item) in items.iter().enumerate() {
            if let Some(label) = &item.label {
                of_key.entry(label.key()).or_default().push(at);
            }
        }
        let twins: Vec<usize> = of_key.into_values().filter(|same| same.len() > 1).flatten().collect();
        for page in twins.chunks(PAGE) {
            self.queue_get(page.iter().map(|at| items[*at].path.as_str()), "Modified");
            for (at, reply) in page.iter().zip(self.answers()?) {
                if !is_no_object(&reply) {
                    items[*at].modified = property(&reply, "Get Modified", "t")?.u64()?;
                }
            }
        }
        Ok(())
    }

    /// Asks for one property of each item. All of an item at once (GetAll) would cost gnome-keyring five times as much:
    /// it goes through all that it holds for each of them.
    fn queue_get<'a>(&mut self, items: impl Iterator<Item = &'a str>, name: &str) {
        for item in items {
            let mut body = Writer::with_capacity(64);
            body.string(ITEM_INTERFACE);
            body.string(name);
            self.queue(item, PROPERTIES_INTERFACE, "Get", "ss", body);
        }
    }

    /// Adds an item, beside what is there: the service's own replacing wants all attributes equal.
    pub(super) fn create(&mut self, entry: &Entry) -> Result<(), Error> {
        let attributes = entry.label.attributes();
        check_texts(&attributes)?;
        for collection in session_collection(entry.label.key().kind()).into_iter().chain(COLLECTIONS) {
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

/// What the attributes of an item of this kind tell; `None` when the item is gone by now.
fn read_attributes(kind: &'static EntryKind, item: &str, reply: &Reply) -> Result<Option<Properties>, Error> {
    if is_no_object(reply) {
        return Ok(None);
    }
    let pairs = property(reply, "Get Attributes", "a{ss}")?.strings()?;
    if pairs.is_empty() {
        return Ok(None); // so KWallet shows an item that is being deleted; ours have some
    }
    let find = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    let label = Label::from_attributes(kind, find).filter(|_| find("service") == Some(SERVICE));
    let attributes = match label {
        Some(_) => BTreeMap::new(),
        None => pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    };
    Ok(Some(Properties { path: item.to_owned(), label, attributes, modified: 0 }))
}
