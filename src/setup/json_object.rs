//! A JSON object whose members stay as they are spelt, in their order.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// The members of a JSON object in their order, duplicates too.
#[derive(Default)]
pub(super) struct Object<'a>(pub(super) Vec<Member<'a>>);

/// A member as it is spelt.
pub(super) struct Member<'a> {
    /// The name with its escapes resolved; the spelling where they make no text (`"\ud800"`).
    pub(super) name: String,
    /// The name's spelling, quotes and all.
    pub(super) key: Cow<'a, str>,
    /// The value's spelling.
    pub(super) value: Cow<'a, str>,
}

impl Object<'_> {
    /// The value of this name: of duplicates the last, as Go's encoding/json reads them.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rfind(|member| member.name == name).map(|member| &*member.value)
    }

    /// Gives this name a value, in its place where it is there, else after the last; `None` takes it out.
    pub(super) fn set(&mut self, name: &str, value: Option<String>) {
        match (self.0.iter().rposition(|member| member.name == name), value) {
            (Some(at), Some(value)) => self.0[at].value = value.into(),
            (Some(at), None) => drop(self.0.remove(at)),
            (None, Some(value)) => {
                self.0.push(Member { name: name.into(), key: quote(name).into(), value: value.into() });
            }
            (None, None) => {}
        }
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                    let name = serde_json::from_str(key.get()).unwrap_or_else(|_| key.get().into());
                    members.push(Member { name, key: key.get().into(), value: value.get().into() });
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// A text as JSON.
pub(super) fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The line and column, from 1, of a part that borrows from `text`.
pub(super) fn position(text: &str, part: &str) -> (usize, usize) {
    let before = &text[..part.as_ptr() as usize - text.as_ptr() as usize];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before.len() - line_start + 1)
}
