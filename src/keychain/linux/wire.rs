//! D-Bus values as bytes: a writer and a reader with every bound checked. No I/O.
//!
//! Written by hand, against the "Marshaling" part of the D-Bus specification 0.43, because we need
//! seven of its types. The `zvariant` crate was tried: it leaves copies of the secret in freed
//! memory, writes a header's signature with parentheses that D-Bus forbids, and lets a NUL byte
//! into a string, for which the bus cuts the connection. It serves as the other side in the tests.

use crate::secret::Wiped;

/// How deep a value may be nested (specification: 32 arrays and 32 structs).
const MAX_DEPTH: u32 = 64;

/// Which rule of the format the bytes break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

/// Appends values in little-endian order. The buffer is wiped when dropped.
pub(super) struct Writer {
    bytes: Wiped<Vec<u8>>,
    /// Where the message begins that values are aligned in.
    start: usize,
}

impl Writer {
    /// An empty buffer. Bytes of an outgrown buffer are not wiped, so a call that carries a secret
    /// says how much it will need.
    pub(super) fn with_capacity(capacity: usize) -> Writer {
        Writer { bytes: Wiped::new(Vec::with_capacity(capacity)), start: 0 }
    }

    /// A message begins here, with room for so many bytes.
    pub(super) fn begin(&mut self, most: usize) {
        self.start = self.bytes.len();
        let length = self.start + most;
        if length > self.bytes.capacity() {
            // A fresh buffer, for growing in place would leave a copy that is not wiped.
            let mut larger = Wiped::new(Vec::with_capacity(length.next_power_of_two()));
            larger.extend_from_slice(&self.bytes);
            self.bytes = larger;
        }
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }

    pub(super) fn align(&mut self, to: usize) {
        let length = self.start + (self.bytes.len() - self.start).next_multiple_of(to);
        self.bytes.resize(length, 0);
    }

    pub(super) fn byte(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.align(4);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// A string or an object path. The caller has made sure that it holds no NUL.
    pub(super) fn string(&mut self, value: &str) {
        self.length(value.len());
        self.bytes.extend_from_slice(value.as_bytes());
        self.bytes.push(0);
    }

    /// A signature; ours are shorter than 256 bytes.
    pub(super) fn signature(&mut self, value: &str) {
        self.bytes.push(u8::try_from(value.len()).expect("our own signatures are short"));
        self.bytes.extend_from_slice(value.as_bytes());
        self.bytes.push(0);
    }

    /// An array of bytes.
    pub(super) fn bytes(&mut self, value: &[u8]) {
        self.length(value.len());
        self.bytes.extend_from_slice(value);
    }

    /// An array whose elements start at multiples of `align`; `fill` writes them.
    pub(super) fn array(&mut self, align: usize, fill: impl FnOnce(&mut Writer)) {
        self.u32(0);
        let length_at = self.bytes.len() - 4;
        self.align(align); // this padding is no part of the length
        let start = self.bytes.len();
        fill(self);
        let length = self.bytes.len() - start;
        self.bytes[length_at..length_at + 4].copy_from_slice(&length_on_wire(length).to_le_bytes());
    }

    /// A dictionary of strings.
    pub(super) fn strings<'a>(&mut self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) {
        self.array(8, |writer| {
            for (name, value) in pairs {
                writer.align(8);
                writer.string(name);
                writer.string(value);
            }
        });
    }

    /// Bytes as they are.
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn length(&mut self, length: usize) {
        self.u32(length_on_wire(length));
    }
}

/// A length as the wire has it.
pub(super) fn length_on_wire(length: usize) -> u32 {
    u32::try_from(length).expect("what we send is far smaller than 4 GiB")
}

/// Reads values from bytes that start at a multiple of eight in their message.
#[derive(Clone)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    big_endian: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], big_endian: bool) -> Reader<'a> {
        Reader { bytes, at: 0, big_endian }
    }

    /// Whether everything is read.
    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub(super) fn align(&mut self, to: usize) -> Result<(), Malformed> {
        self.take(self.at.next_multiple_of(to) - self.at).map(drop)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        self.align(4)?;
        let bytes = self.take(4)?.try_into().expect("four bytes were taken");
        Ok(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    pub(super) fn u64(&mut self) -> Result<u64, Malformed> {
        self.align(8)?;
        let bytes = self.take(8)?.try_into().expect("eight bytes were taken");
        Ok(if self.big_endian { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) })
    }

    /// A string or an object path.
    pub(super) fn string(&mut self) -> Result<&'a str, Malformed> {
        let length = self.length()?;
        self.text(length)
    }

    pub(super) fn signature(&mut self) -> Result<&'a str, Malformed> {
        let length = usize::from(self.byte()?);
        self.text(length)
    }

    /// An array of bytes.
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.length()?;
        self.take(length)
    }

    /// An array whose elements start at multiples of `align`: a reader of just its elements.
    pub(super) fn array(&mut self, align: usize) -> Result<Reader<'a>, Malformed> {
        let length = self.length()?;
        self.align(align)?;
        let start = self.at;
        self.take(length)?;
        Ok(Reader { bytes: &self.bytes[..self.at], at: start, big_endian: self.big_endian })
    }

    /// A dictionary of strings.
    pub(super) fn strings(&mut self) -> Result<Vec<(&'a str, &'a str)>, Malformed> {
        let mut entries = self.array(8)?;
        let mut pairs = Vec::new();
        while !entries.is_at_end() {
            entries.align(8)?;
            pairs.push((entries.string()?, entries.string()?));
        }
        Ok(pairs)
    }

    /// An array of object paths.
    pub(super) fn paths(&mut self) -> Result<Vec<String>, Malformed> {
        let mut elements = self.array(4)?;
        let mut paths = Vec::new();
        while !elements.is_at_end() {
            paths.push(elements.string()?.to_owned());
        }
        Ok(paths)
    }

    /// Passes over one value of the first type in `signature`.
    pub(super) fn skip(&mut self, signature: &str) -> Result<(), Malformed> {
        self.skip_type(signature.as_bytes(), 0).map(drop)
    }

    /// Passes over a value of the first type in `signature` and gives back the types after it.
    fn skip_type<'s>(&mut self, signature: &'s [u8], depth: u32) -> Result<&'s [u8], Malformed> {
        if depth > MAX_DEPTH {
            return Err(Malformed("nested too deep"));
        }
        let rest = after_one_type(signature, depth)?;
        match signature[0] {
            b'y' => self.take(1).map(drop)?,
            b'n' | b'q' => {
                self.align(2)?;
                self.take(2)?;
            }
            b'b' | b'i' | b'u' | b'h' => self.u32().map(drop)?,
            b'x' | b't' | b'd' => self.u64().map(drop)?,
            b's' | b'o' => self.string().map(drop)?,
            b'g' => self.signature().map(drop)?,
            b'v' => {
                let inner = self.signature()?;
                self.skip_type(inner.as_bytes(), depth + 1)?;
            }
            b'a' => self.array(alignment(signature.get(1))).map(drop)?,
            _ => {
                self.align(8)?; // a struct: after_one_type knows no other
                let mut fields = &signature[1..signature.len() - rest.len() - 1];
                while !fields.is_empty() {
                    fields = self.skip_type(fields, depth + 1)?;
                }
            }
        }
        Ok(rest)
    }

    fn length(&mut self) -> Result<usize, Malformed> {
        usize::try_from(self.u32()?).map_err(|_| Malformed("a length beyond the address space"))
    }

    fn text(&mut self, length: usize) -> Result<&'a str, Malformed> {
        let text = self.take(length)?;
        if self.byte()? != 0 || text.contains(&0) {
            return Err(Malformed("a NUL in a string, or none at its end"));
        }
        std::str::from_utf8(text).map_err(|_| Malformed("a string that is not UTF-8"))
    }

    /// The next bytes as they are.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(count).ok_or(Malformed("a length beyond the address space"))?;
        let taken = self.bytes.get(self.at..end).ok_or(Malformed("a value longer than its message"))?;
        self.at = end;
        Ok(taken)
    }
}

/// The types of a signature after its first complete one.
fn after_one_type(signature: &[u8], depth: u32) -> Result<&[u8], Malformed> {
    const BROKEN: Malformed = Malformed("a signature that makes no sense");
    if depth > MAX_DEPTH {
        return Err(Malformed("nested too deep"));
    }
    let (&first, rest) = signature.split_first().ok_or(BROKEN)?;
    let (mut inner, end) = match first {
        b'a' if rest.first() == Some(&b'{') => (&rest[1..], b'}'),
        b'a' => return after_one_type(rest, depth + 1),
        b'(' => (rest, b')'),
        b'y' | b'b' | b'n' | b'q' | b'i' | b'u' | b'x' | b't' | b'd' | b's' | b'o' | b'g' | b'v' | b'h' => {
            return Ok(rest);
        }
        _ => return Err(BROKEN),
    };
    while *inner.first().ok_or(BROKEN)? != end {
        inner = after_one_type(inner, depth + 1)?;
    }
    Ok(&inner[1..])
}

/// Where a value of the type that starts with this character may begin.
fn alignment(first: Option<&u8>) -> usize {
    match first {
        Some(b'n' | b'q') => 2,
        Some(b'b' | b'i' | b'u' | b's' | b'o' | b'a' | b'h') => 4,
        Some(b'x' | b't' | b'd' | b'(' | b'{') => 8,
        _ => 1,
    }
}
