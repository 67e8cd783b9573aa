//! An entry as items.
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
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use keyring_core::{CredentialStore, Entry as Item, Error as OsError};

use super::{
    super::{Damaged, Entry, Error, ErrorKind, Inventory, Key, Label, SERVICE, Selection, record, split},
    quirks::{Quirks, words},
};
use crate::secret::Wiped;

/// The most bytes of an entry: four times the longest secret promised.
const MAX_ENTRY: usize = 64 << 10;

/// What the names of an entry's items tell.
#[derive(Default)]
struct Pieces {
    label: BTreeMap<usize, String>,
    has_parts: bool,
}

/// The items of an open store.
pub(super) struct Items {
    pub(super) store: Arc<CredentialStore>,
    pub(super) quirks: Quirks,
}

impl Items {
    pub(super) fn get(&self, key: &Key) -> Result<Option<Entry>, Error> {
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
    fn parts(&self, name: &str) -> keyring_core::Result<Option<Vec<Wiped<Vec<u8>>>>> {
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

    pub(super) fn put(&self, label: &Label, bytes: &[u8]) -> Result<(), Error> {
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
    pub(super) fn remove(&self, users: &[String], names: &HashSet<String>) -> Result<(), Error> {
        let ours = |user: &&String| user.split_once('.').is_some_and(|(name, _)| names.contains(name));
        // In order of name: the label first, then the first part, so that what is left is no entry.
        users.iter().filter(ours).try_for_each(|user| self.delete(user))
    }

    pub(super) fn inventory(&self, users: &[String], which: &Selection) -> Result<Inventory, Error> {
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
    pub(super) fn users(&self) -> Result<Vec<String>, Error> {
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

    fn secret(&self, user: &str) -> keyring_core::Result<Option<Wiped<Vec<u8>>>> {
        match self.item(user)?.get_secret() {
            Ok(bytes) => Ok(Some(Wiped::new(bytes))),
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
