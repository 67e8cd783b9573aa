//! Why a store could not do what it was asked.

use crate::report::Report;

/// A store's failure, with the words that a person needs.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: {detail}", .kind.words(.store))]
pub struct Error {
    /// The store's name, as its `Keychain::name` gives it.
    pub store: &'static str,
    /// The sort of failure, which decides the hint.
    pub kind: ErrorKind,
    /// The store's own words, or which step failed; never a secret.
    pub detail: String,
}

/// The sorts of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// There is no keychain here: no D-Bus, no daemon, no such helper.
    Unavailable,
    /// It is there but locked, and opening it would need a person.
    Locked,
    /// It did not answer within `CALL_TIMEOUT`, or within the longer bound of another helper.
    Timeout,
    /// It answered with a refusal.
    Refused,
    /// It answered with something that is not what it should be.
    Malformed,
}

impl ErrorKind {
    fn words(self, store: &str) -> String {
        match self {
            ErrorKind::Unavailable => format!("no usable {store}"),
            ErrorKind::Locked => format!("the {store} is locked"),
            ErrorKind::Timeout => format!("the {store} did not answer in time"),
            ErrorKind::Refused => format!("the {store} refused"),
            ErrorKind::Malformed => format!("the {store} returned malformed data"),
        }
    }
}

impl Error {
    /// The report of what could not be done because of it: "read the login for ghcr.io".
    pub fn report(&self, doing: &str) -> Report {
        let report = Report::new(format!("cannot {doing}: {self}"));
        match self.kind {
            ErrorKind::Refused => report, // a refusal is the store's own, and speaks for itself
            _ => report.hint(self.hint()),
        }
    }

    /// One next step the reader can take.
    pub fn hint(&self) -> &'static str {
        match self.kind {
            ErrorKind::Unavailable => {
                "start a keychain (on Linux gnome-keyring or KWallet, with a D-Bus session), or name another store in config.toml: `[cache] store` for tokens, `[other-registries] store` for logins"
            }
            ErrorKind::Locked => {
                "unlock the keychain (log in to the desktop, or run `gnome-keyring-daemon --unlock`, `security unlock-keychain`), then try again"
            }
            ErrorKind::Timeout => "restart the keychain's daemon; a prompt of it may be waiting for an answer",
            ErrorKind::Refused => "the line above is the keychain's own answer",
            ErrorKind::Malformed => {
                "the entry may have been written by another program or cut short: `docker logout` and `docker login` write it anew"
            }
        }
    }
}
