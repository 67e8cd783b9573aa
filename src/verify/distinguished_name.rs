//! Distinguished names as trust policies write them: `C=US, ST=WA, O=example.com`. Pure.
//!
//! The text is RFC 4514's, with the rules that Notation adds (notation-go, `internal/pkix`, over
//! go-ldap's `ParseDN`): country, state and organization must be there, each type once, one
//! attribute between commas, no values in hexadecimal.

use std::fmt;

/// Attributes of a subject that a certificate must have. Each type is there once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DistinguishedName(Vec<(String, String)>);

/// The attributes that every identity must have.
const MANDATORY: [&str; 3] = ["C", "ST", "O"];

impl DistinguishedName {
    /// Reads what follows `x509.subject:`.
    ///
    /// # Errors
    /// The rule that is broken, in words.
    pub fn parse(text: &str) -> Result<DistinguishedName, String> {
        let mut attributes: Vec<(String, String)> = Vec::new();
        for part in split(text)? {
            let (kind, value) = part.split_once('=').ok_or_else(|| format!("`{}` has no `=`", part.trim()))?;
            let kind = match kind.trim_matches(' ') {
                "S" => "ST", // as Windows writes it, and notation-go reads it
                kind if is_type(kind) => kind,
                kind => return Err(format!("`{kind}` is no attribute type")),
            };
            let value = unescape(value).map_err(|why| format!("the value of `{kind}` {why}"))?;
            if attributes.iter().any(|(known, _)| known == kind) {
                return Err(format!("`{kind}` is there twice"));
            }
            attributes.push((kind.into(), value));
        }
        match MANDATORY.iter().find(|wanted| !attributes.iter().any(|(kind, _)| kind == *wanted)) {
            None => Ok(DistinguishedName(attributes)),
            Some(missing) => Err(format!("`{missing}` is missing: it must have C, ST and O")),
        }
    }

    /// Whether a subject, as type and value pairs, has all of these attributes. Types and values are
    /// compared letter by letter, as Notation does.
    pub fn matches(&self, subject: &[(String, String)]) -> bool {
        self.0.iter().all(|attribute| subject.contains(attribute))
    }

    /// Whether some subject could match both: they agree on every type that both have.
    pub fn overlaps(&self, other: &DistinguishedName) -> bool {
        let agree = |kind: &str, value: &str| other.0.iter().all(|(known, theirs)| known != kind || theirs == value);
        self.0.iter().all(|(kind, value)| agree(kind, value))
    }

    /// The types and values, in the order in which they were written.
    pub fn attributes(&self) -> &[(String, String)] {
        &self.0
    }
}

impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(at, (kind, value))| {
            f.write_str(if at == 0 { " " } else { ", " })?;
            write!(f, "{kind}={}", escape(value))
        })
    }
}

/// Cuts at the commas that no backslash stands before.
fn split(text: &str) -> Result<Vec<&str>, String> {
    let (mut parts, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b',' => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            b'+' => return Err("a `+` joins attributes, which is not supported; in a value write `\\+`".into()),
            _ => {}
        }
    }
    parts.push(&text[start..]);
    Ok(parts)
}

/// A short name or a dotted number (RFC 4512, 1.4).
fn is_type(text: &str) -> bool {
    let word = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    word(text) || text.contains('.') && text.split('.').all(number)
}

/// The characters that stand in a value behind a backslash only (RFC 4514, 2.4).
const SPECIAL: &str = "\"+,;<>\\";

/// A value without its escapes, and without the blanks around it that are not escaped.
fn unescape(text: &str) -> Result<String, String> {
    let text = text.trim_start_matches(' ');
    if text.starts_with('#') {
        return Err("begins with `#`: values in hexadecimal are not supported".into());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut kept = 0; // up to here no blank may be cut off
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            if SPECIAL.contains(c) || c == '\0' {
                return Err(format!("has `{}`, which must be written `\\{}`", c.escape_default(), c.escape_default()));
            }
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            if c != ' ' {
                kept = bytes.len();
            }
            continue;
        }
        match rest.next() {
            Some(c) if SPECIAL.contains(c) || matches!(c, ' ' | '#' | '=') => bytes.push(c as u8), // all ASCII
            Some(high) => {
                let digits = high.to_digit(16).zip(rest.next().and_then(|low| low.to_digit(16)));
                let (high, low) = digits.ok_or("has a backslash before what needs none")?;
                bytes.push((high << 4 | low) as u8); // two digits make a byte
            }
            None => return Err("ends in a backslash".into()),
        }
        kept = bytes.len();
    }
    bytes.truncate(kept);
    match String::from_utf8(bytes) {
        Ok(value) if value.is_empty() => Err("is empty".into()),
        Ok(value) => Ok(value),
        Err(_) => Err("is not UTF-8".into()),
    }
}

/// A value as [`DistinguishedName::parse`] reads it.
fn escape(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut text = String::with_capacity(value.len());
    for (at, c) in value.chars().enumerate() {
        if SPECIAL.contains(c) || at == 0 && matches!(c, ' ' | '#') || at == last && c == ' ' {
            text.push('\\');
        }
        text.push(c);
    }
    text
}
