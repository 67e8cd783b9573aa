//! What a store keeps: a kind, the attributes that find an entry, further attributes, a secret. No I/O.
//!
//! A store that has attributes (Secret Service) writes [`Label::attributes`] one by one; a store
//! that has a single text (Windows, macOS, keyutils) writes [`Label::to_text`].

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::Error;
use crate::secret::Secret;

/// A kind of entries: what its entries consist of, and what it means to lose one. Stores know no
/// more of what they keep.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryKind {
    /// The value of the attribute `kind`. It is stored, so it never changes.
    pub name: &'static str,
    /// The attributes that find an entry, in their order. They are stored under these names.
    pub key: &'static [&'static str],
    /// The attributes that tell more of it, in their order. They are stored under these names.
    pub further: &'static [&'static str],
    /// How the title begins that a person sees in a keychain's own program: "ECR token for".
    pub title: &'static str,
    /// The attribute whose value ends that title.
    pub titled_by: &'static str,
    /// The attribute that tells when an entry ends, in seconds since 1970, in decimal digits. An entry
    /// with no number there is damaged, as one is that lacks an attribute. `None` when entries do not end.
    pub ends: Option<&'static str>,
    /// What a person does to get a lost entry back: "log in again". `None` for a cache: its entries
    /// are there more often than not, and what is lost is made again without a person.
    pub restored_by: Option<&'static str>,
}

/// What finds an entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    kind: &'static EntryKind,
    /// One for each of the kind's `key`.
    values: Vec<String>,
}

/// An entry without its secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    key: Key,
    /// One for each of the kind's `further`.
    further: Vec<String>,
}

/// Which entries are meant: those of a kind whose keys have the values that are asked for.
#[derive(Debug, Clone)]
pub struct Selection {
    kind: &'static EntryKind,
    key: Vec<(&'static str, String)>,
}

/// A label with its secret.
#[derive(Debug)]
pub struct Entry {
    /// Everything but the secret.
    pub label: Label,
    /// The password or token, to the letter.
    pub secret: Secret,
}

impl Key {
    /// The key with these values of the kind's key attributes, in the kind's order.
    ///
    /// # Panics
    ///
    /// When there are not as many values as the kind has key attributes.
    pub fn new(kind: &'static EntryKind, values: &[&str]) -> Key {
        Key { kind, values: owned(kind.key, values) }
    }

    /// The kind of the entry.
    pub fn kind(&self) -> &'static EntryKind {
        self.kind
    }

    /// The value of one attribute; `None` when it is no part of the key.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        value(self.kind.key, &self.values, name)
    }

    /// The attributes that find the entry, `kind` first; each is a part of [`Label::attributes`].
    pub(super) fn attributes(&self) -> Vec<(&'static str, &str)> {
        [("kind", self.kind.name)].into_iter().chain(pairs(self.kind.key, &self.values)).collect()
    }
}

impl Label {
    /// The label of an entry with these values of the kind's further attributes, in the kind's order.
    ///
    /// # Panics
    ///
    /// When there are not as many values as the kind has further attributes.
    pub fn new(key: Key, further: &[&str]) -> Label {
        Label { further: owned(key.kind.further, further), key }
    }

    /// What finds this entry.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The value of one attribute; `None` when entries of this kind have none of that name.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.key.attribute(name).or_else(|| value(self.key.kind.further, &self.further, name))
    }

    /// Everything, as named attributes; [`Label::from_attributes`] is the way back.
    pub(super) fn attributes(&self) -> Vec<(&'static str, &str)> {
        self.key.attributes().into_iter().chain(pairs(self.key.kind.further, &self.further)).collect()
    }

    /// Whether the entry has ended. An end beyond what the clock can say is none that a token has.
    pub(super) fn has_ended(&self, now: SystemTime) -> bool {
        let end = self.key.kind.ends.and_then(|name| self.attribute(name)?.parse().ok());
        end.is_some_and(|end| UNIX_EPOCH.checked_add(Duration::from_secs(end)).is_none_or(|end| end <= now))
    }

    /// Reads a label of this kind back; `None` when it is of another, an attribute is missing, or its end
    /// is no number.
    pub(super) fn from_attributes<'a>(
        kind: &'static EntryKind,
        attribute: impl Fn(&str) -> Option<&'a str>,
    ) -> Option<Label> {
        if attribute("kind")? != kind.name {
            return None;
        }
        if kind.ends.is_some_and(|name| attribute(name).is_none_or(|value| value.parse::<u64>().is_err())) {
            return None;
        }
        let values =
            |names: &[&str]| names.iter().map(|name| attribute(name).map(String::from)).collect::<Option<Vec<_>>>();
        Some(Label { key: Key { kind, values: values(kind.key)? }, further: values(kind.further)? })
    }

    /// All attributes as one JSON object on one line.
    pub(super) fn to_text(&self) -> String {
        let object: serde_json::Map<_, _> =
            self.attributes().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        serde_json::Value::Object(object).to_string()
    }

    /// Reads [`Label::to_text`] back, with the same rules as [`Label::from_attributes`].
    pub(super) fn from_text(kind: &'static EntryKind, text: &str) -> Option<Label> {
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).ok()?;
        Label::from_attributes(kind, |name| object.get(name)?.as_str())
    }
}

impl Selection {
    /// All entries of a kind.
    pub fn all(kind: &'static EntryKind) -> Selection {
        Selection { kind, key: Vec::new() }
    }

    /// Those of them whose key has this value, under one of the kind's key attributes.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Selection {
        debug_assert!(self.kind.key.contains(&name), "{name} is no part of the key");
        self.key.push((name, value.to_owned()));
        self
    }

    /// Their kind.
    pub(super) fn kind(&self) -> &'static EntryKind {
        self.kind
    }

    /// The attributes that all of them have, `kind` first.
    pub(super) fn attributes(&self) -> Vec<(&'static str, &str)> {
        let key = self.key.iter().map(|(name, value)| (*name, value.as_str()));
        [("kind", self.kind.name)].into_iter().chain(key).collect()
    }

    /// Whether an entry is one of them.
    pub(super) fn has(&self, label: &Label) -> bool {
        self.attributes().into_iter().skip(1).all(|(name, value)| label.key.attribute(name) == Some(value))
    }

    /// Whether a damaged entry may be one of them: it does not say that it is another.
    pub(super) fn may_have(&self, attributes: &BTreeMap<String, String>) -> bool {
        self.attributes().into_iter().all(|(name, value)| attributes.get(name).is_none_or(|found| found == value))
    }
}

fn owned(names: &[&str], values: &[&str]) -> Vec<String> {
    assert_eq!(names.len(), values.len(), "a value for each of {names:?}");
    values.iter().map(|value| (*value).to_owned()).collect()
}

fn value<'a>(names: &[&str], values: &'a [String], name: &str) -> Option<&'a str> {
    names.iter().position(|one| *one == name).map(|at| values[at].as_str())
}

fn pairs<'a>(names: &'static [&'static str], values: &'a [String]) -> impl Iterator<Item = (&'static str, &'a str)> {
    names.iter().copied().zip(values.iter().map(String::as_str))
}

/// What a store holds of a selection.
#[derive(Debug, Default)]
pub struct Inventory {
    /// The labels of the entries that can be read, in no particular order.
    pub labels: Vec<Label>,
    /// The entries that cannot.
    pub damaged: Vec<Damaged>,
    /// Why there may be more than these: the store failed in the middle. `None` when they are all.
    pub incomplete: Option<Error>,
}

/// An entry that is there and cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damaged {
    /// What its store calls it: a file's path, an item's. Not a secret.
    pub name: String,
    /// What is wrong with it, in a few words.
    pub why: String,
    /// What it says of itself, as far as that can be read. Nobody vouches for it.
    pub attributes: BTreeMap<String, String>,
}

/// Two kinds for the unit tests of this room.
#[cfg(test)]
pub(super) mod kinds {
    use super::{EntryKind, Key, Label};

    pub(in super::super) static LOGIN: EntryKind = EntryKind {
        name: "login",
        key: &["server"],
        further: &["spelled", "username"],
        title: "Registry login for",
        titled_by: "spelled",
        ends: None,
        restored_by: Some("log in again"),
    };

    pub(in super::super) static TOKEN: EntryKind = EntryKind {
        name: "token",
        key: &["host", "identity"],
        further: &["account", "region", "expires"],
        title: "ECR token for",
        titled_by: "host",
        ends: Some("expires"),
        restored_by: None,
    };

    pub(in super::super) fn login(server: &str, spelled: &str, username: &str) -> Label {
        Label::new(Key::new(&LOGIN, &[server]), &[spelled, username])
    }

    pub(in super::super) fn token(host: &str, identity: &str) -> Label {
        Label::new(Key::new(&TOKEN, &[host, identity]), &["", "us-east-1", "18446744073709551615"])
    }
}

#[cfg(test)]
mod tests {
    use super::{
        kinds::{LOGIN, TOKEN, login, token},
        *,
    };

    #[test]
    fn labels_survive_attributes_and_text() {
        for (label, why) in [
            (login("ghcr.io", "https://ghcr.io", "<token>"), "an identity token's user name"),
            (login("r.example:5000", "r.example:5000", "ünï \"q\"\n"), "unicode, quotes and a newline"),
            (token("public.ecr.aws", "f00d"), "ECR Public has no account"),
        ] {
            let kind = label.key().kind();
            let attributes = label.attributes();
            let find = |name: &str| attributes.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
            assert_eq!(Label::from_attributes(kind, find).as_ref(), Some(&label), "{why}");
            assert_eq!(Label::from_text(kind, &label.to_text()).as_ref(), Some(&label), "{why}");
            for (name, value) in label.key().attributes() {
                assert_eq!(find(name), Some(value), "the key is a part of the label: {why}");
            }
        }
    }

    #[test]
    fn what_is_not_a_whole_label_of_the_kind_is_none() {
        for (kind, text, why) in [
            (&LOGIN, "", "nothing"),
            (&LOGIN, "{}", "no kind"),
            (&LOGIN, r#"{"kind":"login","server":"a","spelled":"a"}"#, "no user name"),
            (&LOGIN, r#"{"kind":"login","server":"a","spelled":"a","username":7}"#, "a user name that is no text"),
            (&TOKEN, r#"{"kind":"token","identity":"i","account":"","region":"r","expires":"1"}"#, "half a key"),
            (&TOKEN, r#"{"kind":"other"}"#, "a kind of a later version"),
            (
                &TOKEN,
                r#"{"kind":"token","host":"h","identity":"i","account":"","region":"r","expires":"soon"}"#,
                "an end that is no number",
            ),
            (&TOKEN, &login("a", "a", "u").to_text(), "another kind"),
        ] {
            assert_eq!(Label::from_text(kind, text), None, "{why}");
        }
        let later = r#"{"kind":"login","server":"a","spelled":"a","username":"u","since":"1"}"#;
        assert_eq!(Label::from_text(&LOGIN, later), Some(login("a", "a", "u")), "an attribute of a later version");
    }

    #[test]
    fn attributes_by_name() {
        let label = login("ghcr.io", "https://ghcr.io", "me");
        for (name, expected, why) in [
            ("server", Some("ghcr.io"), "of the key"),
            ("username", Some("me"), "a further one"),
            ("kind", None, "the kind is no value of its own"),
            ("expires", None, "of another kind"),
        ] {
            assert_eq!(label.attribute(name), expected, "{why}");
        }
    }
}
