//! D-Bus messages: calls out, replies in. No I/O.
//!
//! Source: D-Bus specification 0.43, "Message Format".

use super::wire::{Malformed, Reader, Writer, length_on_wire};
use crate::secret::Wiped;

/// What every message starts with: eight bytes, two numbers and the length of the header's fields.
pub(super) const PREFIX: usize = 16;

/// The longest message we read: 1 MiB. The list of a thousand entries takes a tenth of it.
pub(super) const MAX_MESSAGE: usize = 1 << 20;

/// Header flag: the bus must not start the service for this call.
pub(super) const NO_AUTO_START: u8 = 2;

const METHOD_CALL: u8 = 1;
const METHOD_RETURN: u8 = 2;
const ERROR: u8 = 3;
const SIGNAL: u8 = 4;

/// Who is called.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) destination: &'a str,
    pub(super) path: &'a str,
    pub(super) interface: &'a str,
    pub(super) member: &'a str,
    /// Of the header: [`NO_AUTO_START`] or none.
    pub(super) flags: u8,
}

impl Call<'_> {
    /// Writes the call; `body` is of type `signature`.
    pub(super) fn write(self, writer: &mut Writer, serial: u32, signature: &str, body: &[u8]) {
        let texts = [self.destination, self.path, self.interface, self.member, signature];
        // Each field costs at most 16 bytes besides its text, and the body starts at a multiple of 8.
        writer.begin(PREFIX + 16 * 5 + 8 + texts.iter().map(|text| text.len()).sum::<usize>() + body.len());
        for byte in [b'l', METHOD_CALL, self.flags, 1] {
            writer.byte(byte);
        }
        writer.u32(length_on_wire(body.len()));
        writer.u32(serial);
        writer.array(8, |fields| {
            for (code, kind, value) in
                [(1, "o", self.path), (2, "s", self.interface), (3, "s", self.member), (6, "s", self.destination)]
            {
                fields.align(8);
                fields.byte(code);
                fields.signature(kind);
                fields.string(value);
            }
            if !signature.is_empty() {
                fields.align(8);
                fields.byte(8);
                fields.signature("g");
                fields.signature(signature);
            }
        });
        writer.align(8);
        writer.raw(body);
    }
}

/// A message that answers one of our calls.
pub(super) struct Reply {
    /// The serial of the call; zero, which is no call's, for a signal.
    pub(super) to: u32,
    /// The path of the prompt that is over, where this is the signal that says so.
    pub(super) completed: Option<String>,
    /// The name of the connection that answers, which the bus vouches for.
    pub(super) sender: String,
    /// The error's name, when the call failed.
    pub(super) error: Option<String>,
    signature: String,
    big_endian: bool,
    body: Wiped<Vec<u8>>,
}

impl Reply {
    /// The arguments, when they are of the types we count on.
    pub(super) fn arguments(&self, signature: &str) -> Result<Reader<'_>, Malformed> {
        if self.signature != signature {
            return Err(Malformed("an answer of another type"));
        }
        Ok(Reader::new(&self.body, self.big_endian))
    }

    /// The error's text: the first argument, when it is a string.
    pub(super) fn error_text(&self) -> &str {
        if !self.signature.starts_with('s') {
            return "";
        }
        Reader::new(&self.body, self.big_endian).string().unwrap_or("")
    }
}

/// The whole length of the message that starts with `prefix`.
pub(super) fn length(prefix: &[u8; PREFIX]) -> Result<usize, Malformed> {
    let big_endian = endianness(prefix[0])?;
    if prefix[3] != 1 {
        return Err(Malformed("an unknown version of the protocol"));
    }
    let mut numbers = Reader::new(&prefix[4..], big_endian);
    let body = u64::from(numbers.u32()?);
    numbers.u32()?;
    let fields = u64::from(numbers.u32()?).next_multiple_of(8);
    match usize::try_from(PREFIX as u64 + fields + body) {
        Ok(length) if length <= MAX_MESSAGE => Ok(length),
        _ => Err(Malformed("a message longer than 1 MiB")),
    }
}

/// Reads a whole message. `None` for what answers no call and ends no prompt: another signal, or a call to us.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<Reply>, Malformed> {
    let big_endian = endianness(*bytes.first().ok_or(Malformed("an empty message"))?)?;
    let mut reader = Reader::new(bytes, big_endian);
    reader.byte()?;
    let kind = reader.byte()?;
    reader.align(4)?;
    let body_length = usize::try_from(reader.u32()?).map_err(|_| Malformed("a message longer than 1 MiB"))?;
    reader.u32()?;
    let (mut to, mut error, mut signature) = (None, None, "");
    let (mut path, mut member, mut sender) = ("", "", "");
    let mut fields = reader.array(8)?;
    while !fields.is_at_end() {
        fields.align(8)?;
        let code = fields.byte()?;
        match (code, fields.signature()?) {
            (1, "o") => path = fields.string()?,
            (3, "s") => member = fields.string()?,
            (4, "s") => error = Some(fields.string()?.to_owned()),
            (5, "u") => to = Some(fields.u32()?),
            (7, "s") => sender = fields.string()?,
            (8, "g") => signature = fields.signature()?,
            (_, other) => fields.skip(other)?,
        }
    }
    let (error, to, completed) = match (kind, to, error) {
        (METHOD_RETURN, Some(to), _) => (None, to, None),
        (ERROR, Some(to), Some(error)) => (Some(error), to, None),
        (SIGNAL, ..) if member == "Completed" => (None, 0, Some(path.to_owned())),
        (METHOD_RETURN | ERROR, _, _) => return Err(Malformed("an answer to nothing")),
        _ => return Ok(None),
    };
    reader.align(8)?;
    let body = reader.take(body_length)?;
    let body = Wiped::new(body.to_vec());
    let (sender, signature) = (sender.to_owned(), signature.to_owned());
    Ok(Some(Reply { to, completed, sender, error, signature, big_endian, body }))
}

fn endianness(mark: u8) -> Result<bool, Malformed> {
    match mark {
        b'l' => Ok(false),
        b'B' => Ok(true),
        _ => Err(Malformed("neither byte order")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message of `kind` with these header fields, after "answers call 7, of type `s`".
    fn message(kind: u8, fields: &[u8], body: &[u8]) -> Vec<u8> {
        let mut writer = Writer::with_capacity(256);
        for byte in [b'l', kind, 0, 1] {
            writer.byte(byte);
        }
        writer.u32(length_on_wire(body.len()));
        writer.u32(9);
        writer.array(8, |writer| {
            for part in [&b"\x05\x01u\0\x07\0\0\0\x08\x01g\0\x01s\0"[..], fields] {
                if !part.is_empty() {
                    writer.align(8);
                }
                part.iter().for_each(|&byte| writer.byte(byte));
            }
        });
        writer.align(8);
        body.iter().for_each(|&byte| writer.byte(byte));
        writer.as_bytes().to_vec()
    }

    fn read(bytes: &[u8]) -> Result<Option<Reply>, Malformed> {
        let prefix = bytes.get(..PREFIX).and_then(|prefix| prefix.try_into().ok()).ok_or(Malformed("short"))?;
        let length = length(prefix)?;
        parse(bytes.get(..length).ok_or(Malformed("short"))?)
    }

    const TEXT: &[u8] = b"\x02\0\0\0hi\0";

    #[test]
    fn replies() {
        let reply = read(&message(METHOD_RETURN, &[], TEXT)).unwrap().unwrap();
        assert_eq!((reply.to, reply.error.as_deref()), (7, None));
        assert_eq!(reply.arguments("s").unwrap().string(), Ok("hi"));
        assert_eq!(reply.arguments("o").err(), Some(Malformed("an answer of another type")));

        let name = b"\x04\x01s\0\x05\0\0\0a.b.C\0";
        let reply = read(&message(ERROR, name, TEXT)).unwrap().unwrap();
        assert_eq!((reply.error.as_deref(), reply.error_text()), (Some("a.b.C"), "hi"));

        let big = b"B\x02\0\x01\0\0\0\x04\0\0\0\x09\0\0\0\x0f\x05\x01u\0\0\0\0\x07\x08\x01g\0\x01u\0\0\0\0\0\x2a";
        let reply = read(big).unwrap().unwrap();
        assert_eq!((reply.to, reply.arguments("u").unwrap().u32()), (7, Ok(42)), "the other byte order");

        for (kind, fields, why) in [
            (1, &b""[..], "a call to us"),
            (4, b"", "a signal"),
            (9, b"", "a kind of a later version is to be ignored"),
        ] {
            assert!(read(&message(kind, fields, TEXT)).unwrap().is_none(), "{why}");
        }
        for (fields, why) in [
            (&b"\xc8\x01s\0\x01\0\0\0x\0"[..], "a field of a later version"),
            (b"\xc8\x05a{sv}\0\0\0\0\0\0\0\0\0", "an empty dictionary in it"),
            (b"\xc8\x04(yv)\0\0\x01\x01y\0\x05", "a struct with a variant in it"),
        ] {
            assert!(read(&message(METHOD_RETURN, fields, TEXT)).unwrap().is_some(), "{why}");
        }
    }

    #[test]
    fn hostile_messages() {
        let deep = [b"\xc8\xff".as_slice(), &b"a".repeat(255), b"\0"].concat();
        let structs = [b"\xc8\xc8".as_slice(), &b"(".repeat(100), &b")".repeat(100), b"\0"].concat();
        for (bytes, why) in [
            (b"x\x02\0\x01\0\0\0\0\x09\0\0\0\0\0\0\0".to_vec(), "no byte order"),
            (b"l\x02\0\x02\0\0\0\0\x09\0\0\0\0\0\0\0".to_vec(), "version 2"),
            (b"l\x02\0\x01\xff\xff\xff\xff\x09\0\0\0\0\0\0\0".to_vec(), "a body of 4 GiB"),
            (b"l\x02\0\x01\0\0\0\0\x09\0\0\0\xff\xff\xff\xff".to_vec(), "fields of 4 GiB"),
            (b"l\x02\0\x01\0\0\0\0\x09\0\0\0\0\0\0\0".to_vec(), "an answer to nothing"),
            (message(ERROR, b"", TEXT), "an error without a name"),
            (message(METHOD_RETURN, b"\x04\x01s\0\xff\xff\xff\x7fx\0", TEXT), "a text longer than the message"),
            (message(METHOD_RETURN, b"\x04\x01s\0\x01\0\0\0xx", TEXT), "a text without its NUL"),
            (message(METHOD_RETURN, b"\x04\x01s\0\x02\0\0\0x\0\0", TEXT), "a NUL within a text"),
            (message(METHOD_RETURN, b"\x04\x01s\0\x01\0\0\0\xff\0", TEXT), "a text that is not UTF-8"),
            (message(METHOD_RETURN, b"\xc8\x01z\0\0", TEXT), "an unknown type"),
            (message(METHOD_RETURN, b"\xc8\x00\0", TEXT), "no type"),
            (message(METHOD_RETURN, b"\xc8\x03(ss\0", TEXT), "a struct without an end"),
            (message(METHOD_RETURN, b"\xc8\x01)\0", TEXT), "an end without a struct"),
            (message(METHOD_RETURN, b"\xc8\x01a\0\0\0\0\0", TEXT), "an array of nothing"),
            (message(METHOD_RETURN, &deep, TEXT), "arrays nested 255 deep"),
            (message(METHOD_RETURN, &structs, TEXT), "structs nested 100 deep"),
            (message(METHOD_RETURN, &[b"\xc8".as_slice(), &b"\x01v\0".repeat(100)].concat(), TEXT), "variants nested"),
        ] {
            assert!(read(&bytes).is_err(), "{why}");
        }
    }

    /// Every single byte of good messages replaced by every value that is special to the format.
    #[test]
    fn no_damage_is_a_panic() {
        let fields = b"\xc8\x04(yv)\0\0\x01\x01y\0\x05";
        for good in [message(METHOD_RETURN, fields, TEXT), message(ERROR, b"\x04\x01s\0\x05\0\0\0a.b.C\0", TEXT)] {
            for at in 0..good.len() {
                for value in [0, 1, 4, 7, 8, 0x7f, 0x80, 0xff, b'a', b'(', b')', b'{', b'}', b'v', b's', b'g', b't'] {
                    let mut bad = good.clone();
                    bad[at] = value;
                    for end in [bad.len(), at] {
                        let Ok(Some(reply)) = read(&bad[..end]) else { continue };
                        let mut reader = reply.arguments(&reply.signature).expect("its own types");
                        assert!(reader.paths().is_ok() || reader.strings().is_ok() || reply.error_text().len() < 99);
                    }
                }
            }
        }
    }
}
