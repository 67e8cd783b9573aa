//! How a secret crosses the bus: as it is, or encrypted.

use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::{
    dh::{self, AesKey, KeyPair},
    fault,
    message::Reply,
    service::accepted,
    wire::{Malformed, Writer},
};
use crate::{
    keychain::{Fault, FaultKind, Session},
    secret::Secret,
};

/// What we ask for in OpenSession.
pub(super) enum Offer {
    Plain,
    Dh(Box<KeyPair>),
}

/// An open session.
pub(super) struct Open {
    /// Its object path.
    pub(super) path: String,
    key: Option<AesKey>,
}

impl Offer {
    pub(super) fn new(session: Session) -> Result<Offer, Fault> {
        match session {
            Session::Plain => Ok(Offer::Plain),
            Session::Dh => match KeyPair::generate(&SystemRandom::new()) {
                Some(pair) => Ok(Offer::Dh(Box::new(pair))),
                None => Err(no_random_bytes()),
            },
        }
    }

    /// The arguments of OpenSession, of types `sv`.
    pub(super) fn to_body(&self) -> Writer {
        let mut body = Writer::with_capacity(256);
        match self {
            Offer::Plain => {
                body.string("plain");
                body.signature("s");
                body.string("");
            }
            Offer::Dh(pair) => {
                body.string("dh-ietf1024-sha256-aes128-cbc-pkcs7");
                body.signature("ay");
                body.bytes(&pair.public);
            }
        }
        body
    }

    /// The service's answer.
    pub(super) fn accept(self, reply: &Reply) -> Result<Open, Fault> {
        let mut arguments = accepted(reply, "OpenSession", "vo")?;
        let key = match self {
            Offer::Plain => {
                arguments.skip("v")?;
                None
            }
            Offer::Dh(pair) => {
                if arguments.signature()? != "ay" {
                    return Err(Fault::from(Malformed("a public key of another type")));
                }
                let theirs = arguments.bytes()?;
                Some(pair.agree(theirs).ok_or_else(|| Fault::from(Malformed("a public key that makes no sense")))?)
            }
        };
        Ok(Open { path: arguments.string()?.to_owned(), key })
    }
}

impl Open {
    /// Writes a secret in the struct that the service wants, `(oayays)`.
    pub(super) fn write(&self, body: &mut Writer, secret: &Secret) -> Result<(), Fault> {
        body.align(8);
        body.string(&self.path);
        match &self.key {
            None => {
                body.bytes(&[]);
                body.bytes(secret.expose().as_bytes());
            }
            Some(key) => {
                let mut iv = [0; dh::BLOCK];
                SystemRandom::new().fill(&mut iv).map_err(|_| no_random_bytes())?;
                body.bytes(&iv);
                body.bytes(&dh::encrypt(key, &iv, secret.expose().as_bytes()));
            }
        }
        body.string("text/plain; charset=utf8"); // as libsecret writes it: KWallet keeps text only
        Ok(())
    }

    /// Reads a secret from the answer of GetSecret.
    pub(super) fn read(&self, reply: &Reply) -> Result<Secret, Fault> {
        let mut arguments = accepted(reply, "GetSecret", "(oayays)")?;
        arguments.string()?;
        let parameters = arguments.bytes()?;
        let value = arguments.bytes()?;
        let bytes = match &self.key {
            None => Zeroizing::new(value.to_vec()),
            Some(key) => dh::decrypt(key, parameters, value)
                .ok_or_else(|| Fault::from(Malformed("a secret that cannot be decrypted")))?,
        };
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Secret::from(text.to_owned())),
            Err(_) => Err(Fault::from(Malformed("a secret that is not UTF-8 text"))),
        }
    }
}

fn no_random_bytes() -> Fault {
    fault(FaultKind::Refused, "the system has no random bytes for an encrypted session")
}
