//! JSON in which no object has a member twice.
//!
//! Readers differ in which of two equal members they believe (RFC 8259, 4); what is signed must
//! mean the same to all of them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Most values of a document. Two bytes can make one, which takes some seventy in memory.
const MAX_VALUES: usize = 100_000;

/// Reads one JSON object; a repeated member at any depth is an error, and so is a document of too many values.
pub(crate) fn object(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    // Each value but the first stands behind one of these; those in texts are counted, too.
    let values = bytes.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
    if values > MAX_VALUES {
        return Err(format!("it has more than {MAX_VALUES} values"));
    }
    match serde_json::from_slice::<Unique>(bytes).map_err(|err| err.to_string())?.0 {
        Value::Object(members) => Ok(members),
        _ => Err("it is not a JSON object".into()),
    }
}

struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Unique, D::Error> {
        input.deserialize_any(Reader).map(Unique)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Unique(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(array.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Unique(value))) = members.next_entry::<String, Unique>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format_args!("the member `{name}` is there twice")));
            }
            object.insert(name, value);
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_members_are_refused_at_any_depth() {
        for (text, expected) in [
            (r#"{"a":1,"b":[{"c":null,"d":true}],"e":-1.5,"f":"x"}"#, None),
            (r#"{"a":1,"a":1}"#, Some("`a` is there twice")),
            (r#"{"a":1,"\u0061":1}"#, Some("`a` is there twice")),
            (r#"{"a":[{"b":{"c":1,"c":2}}]}"#, Some("`c` is there twice")),
            (r#"[1]"#, Some("not a JSON object")),
            (r#"{"a":1} x"#, Some("trailing")),
            (r#"{"a":1"#, Some("EOF")),
            (&format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200)), Some("recursion limit")),
            (&format!("{{\"a\":[{}1]}}", "1,".repeat(MAX_VALUES - 2)), None),
            (&format!("{{\"a\":[{}1]}}", "1,".repeat(MAX_VALUES - 1)), Some("more than 100000 values")),
        ] {
            match (object(text.as_bytes()), expected) {
                (Ok(members), None) => {
                    assert_eq!(Value::Object(members), serde_json::from_str::<Value>(text).unwrap());
                }
                (Err(err), Some(expected)) => assert!(err.contains(expected), "{text}: {err}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }
}
