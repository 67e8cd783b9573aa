//! Edits a JSON text where it stands: only the bytes of the member at hand change, so that key
//! order, indentation, escapes, number spellings and duplicates of everything else stay.
//!
//! serde_json parses; its raw values borrow from the text, and where they lie is where we cut.

use std::{fmt, ops::Range};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// What is wrong with a text, and where: line and column from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Defect {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) what: String,
}

/// An object of the text with the places of its members.
#[derive(Debug)]
pub(super) struct Object<'a> {
    text: &'a str,
    /// Between the braces; `None` for a blank text, which clients read as an object without members.
    inside: Option<Range<usize>>,
    pub(super) members: Vec<Member<'a>>,
}

/// A member as it is spelt.
#[derive(Debug)]
pub(super) struct Member<'a> {
    /// The name with its escapes resolved; the spelling where they make no text (`"\ud800"`).
    pub(super) name: String,
    /// The name's spelling, quotes and all.
    pub(super) key: &'a str,
    /// The value's spelling.
    pub(super) value: &'a str,
}

/// The members of a map in their order, duplicates and all, by their spelling.
struct Spelling<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de> Deserialize<'de> for Spelling<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Spelling<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Spelling(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

impl<'a> Object<'a> {
    /// Reads a whole text, which may begin with a byte order mark and may be blank.
    pub(super) fn of(text: &'a str) -> Result<Object<'a>, Defect> {
        let body = text.strip_prefix('\u{feff}').unwrap_or(text);
        if body.trim().is_empty() {
            return Ok(Object { text, inside: None, members: Vec::new() });
        }
        // First as any value: a number at the top is another mistake than a missing comma.
        let whole: &RawValue = serde_json::from_str(body).map_err(|err| {
            let words = err.to_string();
            let what = words.rsplit_once(" at line ").map_or(&*words, |(what, _)| what);
            Defect { line: err.line(), column: err.column(), what: what.into() }
        })?;
        Object::within(text, whole.get())
    }

    /// Reads an object that is a part of `text`.
    pub(super) fn within(text: &'a str, part: &'a str) -> Result<Object<'a>, Defect> {
        let kind = match part.as_bytes().first() {
            Some(b'{') => None,
            Some(b'[') => Some("an array"),
            Some(b'"') => Some("a string"),
            Some(b't' | b'f') => Some("a boolean"),
            Some(b'n') => Some("null"),
            _ => Some("a number"),
        };
        let spelling: Spelling<'a> = match kind {
            None => serde_json::from_str(part).map_err(|err| defect(text, part, &err.to_string()))?,
            Some(kind) => return Err(defect(text, part, &format!("expected an object, found {kind}"))),
        };
        let members = spelling.0.into_iter().map(|(key, value)| {
            let (key, value) = (key.get(), value.get());
            Member { name: serde_json::from_str(key).unwrap_or_else(|_| key.into()), key, value }
        });
        let at = place(text, part);
        Ok(Object { text, inside: Some(at.start + 1..at.end - 1), members: members.collect() })
    }

    /// The whole text that the object is in.
    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// The member of this name that counts: of duplicates the last, as Go's encoding/json reads them.
    pub(super) fn member(&self, name: &str) -> Option<&Member<'a>> {
        self.members.iter().rfind(|member| member.name == name)
    }

    /// The text with this member set to a value: in its place where it exists, else after the last.
    ///
    /// `depth` is how many objects are around the members: 1 at the top.
    pub(super) fn set(&self, name: &str, value: &str, layout: &Layout, depth: usize) -> String {
        if let Some(member) = self.member(name) {
            return splice(self.text, place(self.text, member.value), value);
        }
        let quoted = serde_json::Value::from(name).to_string();
        let (Some(inside), Some(last)) = (&self.inside, self.members.last()) else {
            let inside = layout.wrap(&format!("{quoted}{}{value}", layout.colon), depth);
            return match &self.inside {
                Some(range) => splice(self.text, range.clone(), &inside),
                None => format!("{}{{{inside}}}{}", self.text, layout.newline),
            };
        };
        let (lead, colon) = (self.lead(self.members.len() - 1, inside.start), self.colon(last));
        let end = place(self.text, last.value).end;
        splice(self.text, end..end, &format!(",{lead}{quoted}{colon}{value}"))
    }

    /// The text without this member (of duplicates the last), its comma and its line.
    pub(super) fn without(&self, name: &str) -> String {
        let found = self.members.iter().rposition(|member| member.name == name);
        let (Some(index), Some(inside)) = (found, self.inside.clone()) else { return self.text.into() };
        let key = |index: usize| place(self.text, self.members[index].key).start;
        let value = |index: usize| place(self.text, self.members[index].value).end;
        let cut = match (index, index + 1 == self.members.len()) {
            (0, true) => inside,
            (_, true) => value(index - 1)..value(index),
            (_, false) => key(index)..key(index + 1),
        };
        splice(self.text, cut, "")
    }

    /// The blanks before a member, after the comma or brace.
    fn lead(&self, index: usize, inside: usize) -> &'a str {
        let from = index.checked_sub(1).map_or(inside, |before| place(self.text, self.members[before].value).end);
        let gap = &self.text[from..place(self.text, self.members[index].key).start];
        gap.split_once(',').map_or(gap, |(_, lead)| lead)
    }

    fn colon(&self, member: &Member<'a>) -> &'a str {
        &self.text[place(self.text, member.key).end..place(self.text, member.value).start]
    }
}

/// How a text is laid out, learnt from its last member at the top.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    newline: &'static str,
    /// One step of indentation; `None` where all is on one line.
    indent: Option<String>,
    colon: String,
}

impl Layout {
    /// The layout of a text; docker's own (a tab, docker/cli `ConfigFile.SaveToWriter`) where it shows none.
    pub(super) fn of(top: &Object<'_>) -> Layout {
        let newline = if top.text.contains("\r\n") { "\r\n" } else { "\n" };
        let (Some(inside), Some(last)) = (&top.inside, top.members.last()) else {
            return Layout { newline, indent: Some("\t".into()), colon: ": ".into() };
        };
        let lead = top.lead(top.members.len() - 1, inside.start);
        let indent = lead.rsplit_once('\n').map(|(_, indent)| indent.into());
        Layout { newline, indent, colon: top.colon(last).into() }
    }

    /// The one member of an object at `depth` with the blanks around it.
    pub(super) fn wrap(&self, member: &str, depth: usize) -> String {
        match &self.indent {
            Some(indent) => {
                let newline = self.newline;
                format!("{newline}{}{member}{newline}{}", indent.repeat(depth), indent.repeat(depth - 1))
            }
            None => member.into(),
        }
    }

    /// An object with one member, whose members stand at `depth`.
    pub(super) fn object(&self, name: &str, value: &str, depth: usize) -> String {
        let quoted = serde_json::Value::from(name).to_string();
        format!("{{{}}}", self.wrap(&format!("{quoted}{}{value}", self.colon), depth))
    }
}

/// A defect at a part of the text.
pub(super) fn defect(text: &str, part: &str, what: &str) -> Defect {
    let before = &text[..place(text, part).start];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Defect {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].trim_start_matches('\u{feff}').len() + 1,
        what: what.into(),
    }
}

/// Where a part that borrows from `text` lies in it.
fn place(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - text.as_ptr() as usize;
    start..start + part.len()
}

fn splice(text: &str, range: Range<usize>, new: &str) -> String {
    format!("{}{new}{}", &text[..range.start], &text[range.end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str, name: &str, value: &str) -> String {
        let top = Object::of(text).unwrap();
        top.set(name, value, &Layout::of(&top), 1)
    }

    #[test]
    fn members_are_set_in_the_layout_of_the_text() {
        for (text, expected, why) in [
            ("{}", "{\n\t\"k\": 1\n}", "nothing to learn from: docker's layout"),
            ("", "{\n\t\"k\": 1\n}\n", "an empty file"),
            ("{ \n }\n", "{\n\t\"k\": 1\n}\n", "blanks between the braces"),
            ("{\n  \"a\": 2\n}", "{\n  \"a\": 2,\n  \"k\": 1\n}", "two spaces, no final newline"),
            ("{\r\n\t\"a\":2\r\n}\r\n", "{\r\n\t\"a\":2,\r\n\t\"k\":1\r\n}\r\n", "CRLF and a tight colon"),
            ("{\"a\":2}", "{\"a\":2,\"k\":1}", "one line"),
            ("{\"a\":2, \"b\": [,]}", "", "not JSON"),
            ("{\"a\": 2, \"b\": {}}", "{\"a\": 2, \"b\": {}, \"k\": 1}", "one line with blanks"),
            ("\u{feff}{\"k\":0}", "\u{feff}{\"k\":1}", "a byte order mark"),
            ("{\"k\":0,\"k\":2,\"a\":3}", "{\"k\":0,\"k\":1,\"a\":3}", "of duplicates the last counts"),
            ("{\"\\u006b\": 0}", "{\"\\u006b\": 1}", "a name in escapes"),
        ] {
            match Object::of(text) {
                Ok(_) => assert_eq!(set(text, "k", "1"), expected, "{why}: {text}"),
                Err(_) => assert_eq!(expected, "", "{why}: {text}"),
            }
        }
    }

    #[test]
    fn removing_is_the_inverse_of_setting() {
        for text in ["{\n  \"a\": 2\n}", "{\"a\":2}", "{ \"a\": 2 , \"b\":3 }", "{\r\n\t\"a\": {}\r\n}"] {
            assert_eq!(Object::of(&set(text, "k", "1")).unwrap().without("k"), text);
        }
        let top = "{\"k\":1, \"a\":2}";
        assert_eq!(Object::of(top).unwrap().without("k"), "{\"a\":2}", "the first of two");
        assert_eq!(Object::of("{ \"k\":1 }").unwrap().without("k"), "{}", "the only one");
    }

    #[test]
    fn defects_name_their_place() {
        for (text, line, column, what) in [
            ("{\n  \"a\": 1\n  \"b\": 2\n}", 3, 3, "expected `,` or `}`"),
            ("[1]", 1, 1, "expected an object, found an array"),
            ("\n\n\"x\"", 3, 1, "expected an object, found a string"),
            ("\u{feff}7", 1, 1, "expected an object, found a number"),
            ("{", 1, 1, "EOF while parsing an object"),
            ("{} {}", 1, 4, "trailing characters"),
        ] {
            let defect = Object::of(text).unwrap_err();
            assert_eq!((defect.line, defect.column, &*defect.what), (line, column, what), "{text}");
        }
    }
}
