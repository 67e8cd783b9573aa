//! What an answer of the service or the bus means: its arguments, or an error in the service's words.

use super::{
    message::Reply,
    wire::{Malformed, Reader},
};
use crate::keychain::{Error, ErrorKind};

/// The store's name in messages.
pub(super) const NAME: &str = "Secret Service";

/// An error with its words on one line, for a daemon may answer with pages.
pub(super) fn error(kind: ErrorKind, detail: impl Into<String>) -> Error {
    const MAX_DETAIL: usize = 400;
    let detail = detail.into().chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_DETAIL).collect();
    Error { store: NAME, kind, detail }
}

impl From<Malformed> for Error {
    fn from(Malformed(rule): Malformed) -> Error {
        error(ErrorKind::Malformed, rule)
    }
}

/// The answer's arguments; an error answer becomes an [`Error`] with the service's own words.
pub(super) fn accepted<'r>(reply: &'r Reply, member: &str, signature: &str) -> Result<Reader<'r>, Error> {
    let Some(name) = reply.error.as_deref() else {
        return Ok(reply.arguments(signature)?);
    };
    let kind = match name {
        "org.freedesktop.DBus.Error.ServiceUnknown" | "org.freedesktop.DBus.Error.NameHasNoOwner" => ErrorKind::Absent,
        "org.freedesktop.Secret.Error.IsLocked" => ErrorKind::Locked,
        "org.freedesktop.DBus.Error.NoReply"
        | "org.freedesktop.DBus.Error.Timeout"
        | "org.freedesktop.DBus.Error.TimedOut" => ErrorKind::Timeout,
        name if name.starts_with("org.freedesktop.DBus.Error.Spawn.") => ErrorKind::Unavailable,
        _ => ErrorKind::Refused,
    };
    Err(error(kind, format!("{member}: {name}: {}", reply.error_text())))
}

/// The answer of `Get`: the value of a property, which must be of this type.
pub(super) fn property<'r>(reply: &'r Reply, member: &str, signature: &str) -> Result<Reader<'r>, Error> {
    let mut value = accepted(reply, member, "v")?;
    match value.signature()? == signature {
        true => Ok(value),
        false => Err(Error::from(Malformed("a property of another type"))),
    }
}

/// Whether the collection that was called does not exist; KWallet and KeePassXC have words of their own for an alias.
pub(super) fn is_no_collection(reply: &Reply) -> bool {
    is_no_object(reply) || reply.error.as_deref() == Some("org.freedesktop.DBus.Error.InvalidArgs")
}

/// Whether the object that was called does not exist. Services differ in how they say so.
pub(super) fn is_no_object(reply: &Reply) -> bool {
    matches!(
        reply.error.as_deref(),
        Some(
            "org.freedesktop.Secret.Error.NoSuchObject"
                | "org.freedesktop.DBus.Error.UnknownObject"
                | "org.freedesktop.DBus.Error.UnknownMethod"
                | "org.freedesktop.DBus.Error.UnknownInterface"
        )
    )
}
