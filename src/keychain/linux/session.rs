//! How a secret crosses the bus: as it is, in a `plain` session.

use super::{
    answer::{accepted, error},
    message::Reply,
    wire::Writer,
};
use crate::{
    keychain::{Error, ErrorKind},
    secret::Secret,
};

/// An open session: the object path that the service gave it.
pub(super) struct Session(String);

impl Session {
    /// The arguments of OpenSession, of types `sv`.
    pub(super) fn request() -> Writer {
        let mut body = Writer::with_capacity(64);
        body.string("plain");
        body.signature("s");
        body.string("");
        body
    }

    /// The session in the service's answer to [`Session::request`].
    pub(super) fn accept(reply: &Reply) -> Result<Session, Error> {
        let mut arguments = accepted(reply, "OpenSession", "vo")?;
        arguments.skip("v")?;
        Ok(Session(arguments.string()?.to_owned()))
    }

    /// Its object path.
    pub(super) fn path(&self) -> &str {
        &self.0
    }

    /// Writes a secret in the struct that the service wants, `(oayays)`.
    pub(super) fn write(&self, body: &mut Writer, secret: &Secret) {
        body.align(8);
        body.string(&self.0);
        body.bytes(&[]); // the algorithm's parameters: `plain` has none
        body.bytes(secret.expose().as_bytes());
        body.string("text/plain"); // to the letter: libsecret reads nothing else as text, KWallet keeps text only
    }
}

/// Reads a secret from the answer of GetSecret.
pub(super) fn read_secret(reply: &Reply) -> Result<Secret, Error> {
    let mut arguments = accepted(reply, "GetSecret", "(oayays)")?;
    arguments.string()?;
    arguments.bytes()?;
    match std::str::from_utf8(arguments.bytes()?) {
        Ok(text) => Ok(Secret::from(text.to_owned())),
        Err(_) => Err(error(ErrorKind::Damaged, "its secret is not UTF-8 text")),
    }
}
