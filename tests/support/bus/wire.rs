//! The fake bus's side of the D-Bus wire: calls in, answers out.

use std::io::{self, Read};

use serde::{Serialize, de::DeserializeOwned};
use zvariant::{LE, OwnedObjectPath, OwnedValue, Type, Value, serialized::Context, serialized::Data};

pub const UNKNOWN_METHOD: &str = "org.freedesktop.DBus.Error.UnknownMethod";
pub const INVALID_ARGS: &str = "org.freedesktop.DBus.Error.InvalidArgs";

/// An error answer: its name and its text.
pub type Failure = (&'static str, String);

pub fn failure(name: &'static str, text: &str) -> Failure {
    (name, text.to_owned())
}

/// A method's answer: its types and its bytes.
pub struct Answer {
    pub signature: String,
    pub body: Vec<u8>,
}

/// A call as it was read.
pub struct Call {
    pub serial: u32,
    pub flags: u8,
    pub path: String,
    pub interface: String,
    pub member: String,
    pub destination: String,
    pub signature: String,
    pub body: Vec<u8>,
}

impl Call {
    /// The method; of the reading of a property, with the property.
    pub fn method(&self) -> String {
        match self.arguments::<(String, String)>() {
            Ok((_, property)) if self.member == "Get" => format!("Get {property}"),
            _ => self.member.clone(),
        }
    }

    pub fn arguments<T: DeserializeOwned + Type>(&self) -> Result<T, Failure> {
        if T::SIGNATURE.to_string_no_parens() != self.signature {
            return Err(failure(INVALID_ARGS, &format!("{} is no {}", self.signature, T::SIGNATURE)));
        }
        let data = Data::new(&self.body[..], Context::new_dbus(LE, 0));
        data.deserialize().map(|(value, _)| value).map_err(|err| failure(INVALID_ARGS, &err.to_string()))
    }
}

/// A header field's value.
pub enum Field<'a> {
    Number(u32),
    Text(&'a str),
    Path(&'a str),
    Types(&'a str),
}

/// A whole message.
pub fn message(kind: u8, fields: &[(u8, Field<'_>)], body: &[u8]) -> Vec<u8> {
    let number = |value: usize| u32::try_from(value).expect("a small message").to_le_bytes();
    let mut header = vec![b'l', kind, 1, 1];
    header.extend(number(body.len()));
    header.extend(number(77)); // a serial of the bus's own
    header.extend(number(0));
    for (code, field) in fields {
        header.resize(header.len().next_multiple_of(8), 0);
        match field {
            Field::Number(value) => {
                header.extend([*code, 1, b'u', 0]);
                header.extend(number(*value as usize));
            }
            Field::Text(text) | Field::Path(text) => {
                let kind = if matches!(field, Field::Path(_)) { b'o' } else { b's' };
                header.extend([*code, 1, kind, 0]);
                header.extend(number(text.len()));
                header.extend(text.bytes().chain([0]));
            }
            Field::Types(types) => {
                header.extend([*code, 1, b'g', 0, u8::try_from(types.len()).expect("few types")]);
                header.extend(types.bytes().chain([0]));
            }
        }
    }
    let length = number(header.len() - 16);
    header[12..16].copy_from_slice(&length);
    header.resize(header.len().next_multiple_of(8), 0);
    header.extend(body);
    header
}

pub fn signal(member: &str, text: &str) -> Vec<u8> {
    let fields = [(3, Field::Text(member)), (7, Field::Text("org.freedesktop.DBus")), (8, Field::Types("s"))];
    message(4, &fields, &answer(&(text,)).body)
}

/// The signal that a prompt is over, and was not dismissed.
pub fn completed(prompt: &str) -> Vec<u8> {
    let fields = [
        (1, Field::Path(prompt)),
        (2, Field::Text("org.freedesktop.Secret.Prompt")),
        (3, Field::Text("Completed")),
        (8, Field::Types("bv")),
    ];
    message(4, &fields, &answer(&(false, Value::from(""))).body)
}

/// Reads one method call; an error means that the client left.
pub fn read_call(input: &mut impl Read) -> io::Result<Call> {
    let mut bytes = vec![0; 16];
    input.read_exact(&mut bytes)?;
    assert_eq!((bytes[0], bytes[1], bytes[3]), (b'l', 1, 1), "a method call in little-endian order, version 1");
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let (body, serial, fields) = (number(4) as usize, number(8), number(12) as usize);
    let header = 16 + fields.next_multiple_of(8);
    assert!(header + body <= 128 << 20, "the specification's limit");
    bytes.resize(header + body, 0);
    input.read_exact(&mut bytes[16..])?;
    let data = Data::new(&bytes[..header], Context::new_dbus(LE, 0));
    type Header<'a> = (u8, u8, u8, u8, u32, u32, Vec<(u8, Value<'a>)>);
    let (values, _): (Header<'_>, _) = data.deserialize().expect("a header as the specification has it");
    let text = |code: u8| {
        values.6.iter().find(|(found, _)| *found == code).map_or(String::new(), |(_, value)| match value {
            Value::Str(text) => text.to_string(),
            Value::ObjectPath(path) => path.to_string(),
            Value::Signature(types) => types.to_string_no_parens(),
            other => panic!("header field {code} is {other:?}"),
        })
    };
    Ok(Call {
        serial,
        flags: values.2,
        path: text(1),
        interface: text(2),
        member: text(3),
        destination: text(6),
        signature: text(8),
        body: bytes[header..].to_vec(),
    })
}

/// Arguments, always a tuple, as an answer.
pub fn answer<T: Serialize + Type>(arguments: &T) -> Answer {
    let body = zvariant::to_bytes(Context::new_dbus(LE, 0), arguments).expect("arguments of our own");
    Answer { signature: T::SIGNATURE.to_string_no_parens(), body: body.to_vec() }
}

pub fn owned(value: Value<'_>) -> OwnedValue {
    value.try_to_owned().expect("no file descriptors")
}

pub fn object_path(path: &str) -> OwnedObjectPath {
    OwnedObjectPath::try_from(path).expect("a path of our own")
}
