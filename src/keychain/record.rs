//! An entry as bytes, for the stores that keep label and secret in one value. No I/O.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Entry, EntryKind, Key, Label};
use crate::{
    digest::sha256,
    secret::{Secret, Wiped},
};

/// The only version so far. A reader that meets another one does not guess.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    label: BTreeMap<&'static str, &'a str>,
    secret: &'a str,
}

#[derive(Deserialize)]
struct Read {
    version: u32,
    label: BTreeMap<String, String>,
    secret: String,
}

/// A record of which only the label is wanted: the secret is skipped, never copied.
#[derive(Deserialize)]
struct ReadLabel {
    version: u32,
    label: BTreeMap<String, String>,
}

/// A name for the key that any store can take: 64 lower-case hexadecimal digits.
pub(super) fn name(key: &Key) -> String {
    // JSON, because no value can then pass for the next one.
    let text = serde_json::json!(key.attributes()).to_string();
    sha256(text.as_bytes())
}

/// The entry as versioned JSON on one line. Wiped when dropped.
pub(super) fn encode(entry: &Entry) -> Wiped<Vec<u8>> {
    let written = Written {
        version: VERSION,
        label: entry.label.attributes().into_iter().collect(),
        secret: entry.secret.expose(),
    };
    // Room for all of it: a buffer that grows leaves copies of the secret behind.
    let mut bytes = Wiped::new(Vec::with_capacity(2 * entry.secret.expose().len() + 4096));
    serde_json::to_writer(&mut *bytes, &written).expect("text and numbers are always JSON");
    bytes
}

/// Reads [`encode`] back; `None` when it is not whole, of another kind or of another version.
pub(super) fn decode(kind: &'static EntryKind, bytes: &[u8]) -> Option<Entry> {
    let Read { version, label, secret } = serde_json::from_slice(bytes).ok()?;
    let secret = Secret::from(secret);
    Some(Entry { label: to_label(kind, version, &label)?, secret })
}

/// The label alone, with the same rules as [`decode`].
pub(super) fn decode_label(kind: &'static EntryKind, bytes: &[u8]) -> Option<Label> {
    let ReadLabel { version, label } = serde_json::from_slice(bytes).ok()?;
    to_label(kind, version, &label)
}

/// What bytes that are no whole entry of ours say of themselves: the attributes of a record of any
/// version, or the kind alone where the record is cut short. Empty when they say nothing.
pub(super) fn attributes(bytes: &[u8]) -> BTreeMap<String, String> {
    #[derive(Deserialize)]
    struct Any {
        label: BTreeMap<String, String>,
    }
    match serde_json::from_slice(bytes) {
        Ok(Any { label }) => label,
        Err(_) => kind_alone(bytes),
    }
}

/// The same of a label in one text ([`Label::to_text`]).
pub(super) fn label_attributes(text: &[u8]) -> BTreeMap<String, String> {
    serde_json::from_slice(text).unwrap_or_else(|_| kind_alone(text))
}

fn kind_alone(bytes: &[u8]) -> BTreeMap<String, String> {
    // Of a record that is cut short, what stands before the secret is asked for its kind: a piece of a
    // login must not pass for a token, which may be dropped.
    let text = String::from_utf8_lossy(bytes);
    let before = text.split("\"secret\"").next().unwrap_or_default();
    let kind = before.split_once("\"kind\":\"").and_then(|(_, rest)| rest.split_once('"'));
    kind.map(|(kind, _)| ("kind".to_owned(), kind.to_owned())).into_iter().collect()
}

fn to_label(kind: &'static EntryKind, version: u32, attributes: &BTreeMap<String, String>) -> Option<Label> {
    if version != VERSION {
        return None;
    }
    Label::from_attributes(kind, |name| attributes.get(name).map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::{super::Selection, *};
    use crate::keychain::entry::kinds::{self, LOGIN, TOKEN};

    fn entry() -> Entry {
        Entry { label: kinds::login("ghcr.io", "ghcr.io", "ünï"), secret: Secret::from(String::from("p\"w\n☃")) }
    }

    #[test]
    fn an_entry_survives() {
        let bytes = encode(&entry());
        let read = decode(&LOGIN, &bytes).expect("it was just written");
        assert_eq!((read.label, read.secret.expose()), (entry().label, "p\"w\n☃"));
        assert_eq!(decode_label(&LOGIN, &bytes), Some(entry().label));
    }

    #[test]
    fn what_makes_no_sense_is_none() {
        let label = r#"{"kind":"login","server":"a","spelled":"a","username":"u"}"#;
        for (text, why) in [
            (String::new(), "nothing"),
            ("{}".into(), "no fields"),
            (format!(r#"{{"version":2,"label":{label},"secret":"s"}}"#), "a later version"),
            (format!(r#"{{"version":1,"label":{label},"secret":"s""#), "cut short"),
            (format!(r#"{{"version":1,"label":{label},"secret":"s"}}x"#), "something behind it"),
            (r#"{"version":1,"label":{"kind":"login"},"secret":"s"}"#.into(), "half a label"),
            (format!(r#"{{"version":1,"label":{label},"secret":7}}"#), "the secret is no text"),
        ] {
            assert!(decode(&LOGIN, text.as_bytes()).is_none(), "{why}");
        }
        assert!(decode(&LOGIN, b"\xff\xfe").is_none(), "not UTF-8");
        assert!(decode(&TOKEN, &encode(&entry())).is_none(), "another kind");
        assert!(decode_label(&TOKEN, &encode(&entry())).is_none(), "another kind");
    }

    #[test]
    fn f1_3_what_a_damaged_record_says_of_itself() {
        let whole = String::from_utf8(encode(&entry()).to_vec()).expect("JSON");
        let later = whole.replace(":1,", ":2,");
        for (text, kind, server, why) in [
            (later.as_str(), Some("login"), Some("ghcr.io"), "a later version"),
            (&whole[..whole.len() - 1], Some("login"), None, "cut short"),
            (&whole[..40], Some("login"), None, "half of its label"),
            (&whole[..20], None, None, "nothing of it"),
            (r#"{"version":1,"secret":"\"kind\":\"token\"#, None, None, "a secret says nothing"),
        ] {
            let attributes = attributes(text.as_bytes());
            let found = |name: &str| attributes.get(name).map(String::as_str);
            assert_eq!((found("kind"), found("server")), (kind, server), "{why}");
            assert!(Selection::all(&LOGIN).may_have(&attributes), "{why}");
            assert_eq!(Selection::all(&TOKEN).may_have(&attributes), kind.is_none(), "{why}");
        }
    }

    #[test]
    fn names_differ_where_keys_differ() {
        let login = |server: &str| Key::new(&LOGIN, &[server]);
        let token = |host: &str, identity: &str| Key::new(&TOKEN, &[host, identity]);
        let keys = [login("a"), login("a\",\"b"), token("a", "b"), token("a", "c"), token("b", "a"), token("ab", "")];
        let names: std::collections::BTreeSet<_> = keys.iter().map(name).collect();
        assert_eq!(names.len(), keys.len());
        assert!(names.iter().all(|name| name.len() == 64));
        assert_eq!(name(&login("a")), name(&login("a")), "and are the same in every process");
    }
}
