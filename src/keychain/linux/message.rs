//! D-Bus messages: calls out, replies in. No I/O.
//!
//! Source: D-Bus specification 0.43, "Message Format".

use zeroize::Zeroizing;

use super::wire::{Malformed, Reader, Writer, length_on_wire};

/// What every message starts with: eight bytes, two numbers and the length of the header's fields.
pub(super) const PREFIX: usize = 16;

/// The longest message we read: 1 MiB. The list of a thousand entries takes a tenth of it.
pub(super) const MAX_MESSAGE: usize = 1 << 20;

/// Header flag: the bus must not start the service for this call.
pub(super) const NO_AUTO_START: u8 = 2;

const METHOD_CALL: u8 = 1;
const METHOD_RETURN: u8 = 2;
const ERROR: u8 = 3;

/// Who is called.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) destination: &'a str,
    pub(super) path: &'a str,
    pub(super) interface: &'a str,
    pub(super) member: &'a str,
}

impl Call<'_> {
    /// The call as bytes; `body` is of type `signature`.
    pub(super) fn to_bytes(self, serial: u32, flags: u8, signature: &str, body: &[u8]) -> Zeroizing<Vec<u8>> {
        let texts = [self.destination, self.path, self.interface, self.member, signature];
        // Each field costs at most 16 bytes besides its text, and the body starts at a multiple of 8.
        let mut writer = Writer::with_capacity(
            PREFIX + 16 * 5 + 8 + texts.iter().map(|text| text.len()).sum::<usize>() + body.len(),
        );
        for byte in [b'l', METHOD_CALL, flags, 1] {
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
        let mut bytes = writer.into_bytes();
        bytes.extend_from_slice(body);
        bytes
    }
}

/// A message that answers one of our calls.
pub(super) struct Reply {
    /// The serial of the call.
    pub(super) to: u32,
    /// The error's name, when the call failed.
    pub(super) error: Option<String>,
    signature: String,
    big_endian: bool,
    body: Zeroizing<Vec<u8>>,
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

/// Reads a whole message. `None` for what answers no call: a signal, or a call to us.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<Reply>, Malformed> {
    let big_endian = endianness(*bytes.first().ok_or(Malformed("an empty message"))?)?;
    let mut reader = Reader::new(bytes, big_endian);
    reader.byte()?;
    let kind = reader.byte()?;
    reader.align(4)?;
    let body_length = usize::try_from(reader.u32()?).map_err(|_| Malformed("a message longer than 1 MiB"))?;
    reader.u32()?;
    let (mut to, mut error, mut signature) = (None, None, "");
    let mut fields = reader.array(8)?;
    while !fields.is_at_end() {
        fields.align(8)?;
        let code = fields.byte()?;
        match (code, fields.signature()?) {
            (4, "s") => error = Some(fields.string()?.to_owned()),
            (5, "u") => to = Some(fields.u32()?),
            (8, "g") => signature = fields.signature()?,
            (_, other) => fields.skip(other)?,
        }
    }
    let (error, to) = match (kind, to, error) {
        (METHOD_RETURN, Some(to), _) => (None, to),
        (ERROR, Some(to), Some(error)) => (Some(error), to),
        (METHOD_RETURN | ERROR, _, _) => return Err(Malformed("an answer to nothing")),
        _ => return Ok(None),
    };
    reader.align(8)?;
    let body = reader.take(body_length)?;
    Ok(Some(Reply { to, error, signature: signature.to_owned(), big_endian, body: Zeroizing::new(body.to_vec()) }))
}

fn endianness(mark: u8) -> Result<bool, Malformed> {
    match mark {
        b'l' => Ok(false),
        b'B' => Ok(true),
        _ => Err(Malformed("neither byte order")),
    }
}
