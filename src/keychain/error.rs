//! Why a store could not do what it was asked.

use std::env::consts::OS;

use crate::report::Report;

/// The name of every other credential helper as a store, in messages.
pub(super) const HELPER_STORE: &str = "credential helper";

/// The daemons of the Secret Service that are told apart, in messages.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
pub(super) const GNOME_KEYRING: &str = "Secret Service of gnome-keyring";
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
pub(super) const KWALLET: &str = "Secret Service of KWallet";
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
pub(super) const KEEPASSXC: &str = "Secret Service of KeePassXC";

/// The name of the kernel's keys as a store, in messages.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
pub(super) const KERNEL_KEYS: &str = "kernel keyring";

/// A store's failure, with the words that a person needs.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: {detail}", .kind.words(.store))]
pub struct Error {
    /// The store's name, as its `Keychain::name` gives it, or that of the daemon that keeps it.
    pub store: &'static str,
    /// The sort of failure, which decides the hint.
    pub kind: ErrorKind,
    /// The store's own words, or which step failed; never a secret.
    pub detail: String,
}

/// The sorts of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// This machine has no such keychain: no D-Bus, or nobody on it who is one or could be started as
    /// one. There is nothing in it, so "there is no login" is the truth.
    Absent,
    /// It is there, or was chosen, and cannot be used: it does not run, the connection broke off, there
    /// is no such helper.
    Unavailable,
    /// It is there but locked, and opening it would need a person.
    Locked,
    /// It is there, and nothing can be kept in it: it has no default collection, no database is open in it,
    /// the user's quota is used up.
    NoPlace,
    /// It did not answer within `CALL_TIMEOUT`, or within the longer bound of another helper.
    Timeout,
    /// It answered with a refusal.
    Refused,
    /// It answered with something that is not what it should be.
    Malformed,
    /// The store works, and this one entry cannot be used: cut short, of a newer version, of another's
    /// making, or open to others. `put` replaces it, `remove` removes it.
    Damaged,
}

impl ErrorKind {
    fn words(self, store: &str) -> String {
        match self {
            ErrorKind::Absent => format!("this machine has no {store}"),
            ErrorKind::Unavailable => format!("no usable {store}"),
            ErrorKind::Locked => format!("the {store} is locked"),
            ErrorKind::NoPlace => format!("the {store} has no place for an entry"),
            ErrorKind::Timeout => format!("the {store} did not answer in time"),
            ErrorKind::Refused => format!("the {store} refused"),
            ErrorKind::Malformed => format!("the {store} returned malformed data"),
            ErrorKind::Damaged => format!("an entry of the {store} cannot be used"),
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
        match (self.kind, self.store) {
            (_, HELPER_STORE) => of_helper(self.kind),
            (ErrorKind::Locked, GNOME_KEYRING) => {
                "unlock the keychain (log in to the desktop, or run `gnome-keyring-daemon --unlock`), then try again"
            }
            (ErrorKind::Locked, KWALLET) => {
                "open the wallet (in KWalletManager, or by logging in to the desktop), then try again"
            }
            (ErrorKind::Locked, KEEPASSXC) => {
                "unlock the database in KeePassXC, and turn off \"Confirm\" in its Secret Service settings, then try again"
            }
            (ErrorKind::NoPlace, KEEPASSXC) => {
                "open and unlock a database in KeePassXC, and choose a group of it under Secret Service Integration in the database's settings, then try again"
            }
            (ErrorKind::NoPlace, KERNEL_KEYS) => {
                "`docker-credential-ecr-rs clear --all` makes room; `sysctl kernel.keys.maxbytes=200000`, as root, gives every user more; or name another `[cache] store` in config.toml"
            }
            _ => of_keychain(self.kind, OS),
        }
    }
}

/// What to do about another credential helper.
fn of_helper(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Absent | ErrorKind::Unavailable => {
            "install that helper, or name another one, \"keychain\" or \"file\" as `[other-registries] store` of config.toml"
        }
        ErrorKind::Locked | ErrorKind::NoPlace | ErrorKind::Refused => "the line above is that helper's own answer",
        ErrorKind::Timeout => {
            "run that helper's `list` in a terminal: it may be waiting for a password, a smart card or its own program; or name another `[other-registries] store` in config.toml"
        }
        ErrorKind::Malformed | ErrorKind::Damaged => {
            "run that helper's `list` in a terminal to see its answer; a newer version of it may help"
        }
    }
}

/// What to do about a keychain on this system, with no program's name that this system has not.
fn of_keychain(kind: ErrorKind, os: &str) -> &'static str {
    match (kind, os) {
        (ErrorKind::Absent | ErrorKind::Unavailable, "linux") => {
            "start a keychain (gnome-keyring or KWallet, in a D-Bus session), or name another store in config.toml: `[cache] store` for tokens, `[other-registries] store` for logins (\"file\": clear text, mode 0600)"
        }
        (ErrorKind::Absent | ErrorKind::Unavailable, _) => {
            "name another store in config.toml: `[cache] store` for tokens, `[other-registries] store` for logins (\"file\": clear text)"
        }
        (ErrorKind::Locked, "linux") => {
            "unlock the keychain (log in to the desktop, or with its own program: gnome-keyring's is `gnome-keyring-daemon --unlock`), then try again"
        }
        (ErrorKind::Locked, "macos") => "run `security unlock-keychain`, then try again",
        (ErrorKind::Locked, _) => "log in to the desktop, then try again",
        (ErrorKind::NoPlace, "linux") => {
            "make a default keyring in the keychain's own program (in Seahorse: a new password keyring, then \"Set as default\"), then try again"
        }
        (ErrorKind::NoPlace, _) => "make room in the keychain, then try again",
        (ErrorKind::Timeout, "linux") => "restart the keychain's daemon; a prompt of it may be waiting for an answer",
        (ErrorKind::Timeout, _) => "try again; a window of the system may be waiting for an answer",
        (ErrorKind::Refused, _) => "the line above is the keychain's own answer",
        (ErrorKind::Malformed, _) => "restart what keeps the keychain; another program may stand in its place",
        (ErrorKind::Damaged, _) => "`docker login` writes the entry anew, `docker logout` removes it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [ErrorKind; 8] = [
        ErrorKind::Absent,
        ErrorKind::Unavailable,
        ErrorKind::Locked,
        ErrorKind::NoPlace,
        ErrorKind::Timeout,
        ErrorKind::Refused,
        ErrorKind::Malformed,
        ErrorKind::Damaged,
    ];

    #[test]
    fn f4_6_hints_name_programs_of_this_system_alone() {
        for (os, foreign) in [
            ("linux", &["security ", "Credential Manager"][..]),
            ("macos", &["gnome", "KWallet", "D-Bus", "daemon", "keyutils", "Seahorse"]),
            ("windows", &["gnome", "KWallet", "D-Bus", "daemon", "keyutils", "security ", "0600", "Seahorse"]),
        ] {
            for kind in KINDS {
                let hint = of_keychain(kind, os);
                assert!(foreign.iter().all(|word| !hint.contains(word)), "{os}, {kind:?}: {hint}");
            }
        }
    }

    #[test]
    fn f4_6_a_delegate_is_told_of_the_delegate() {
        for kind in KINDS {
            let hint = Error { store: HELPER_STORE, kind, detail: String::new() }.hint();
            assert!(hint.contains("helper") && !hint.contains("gnome"), "{kind:?}: {hint}");
        }
    }
}
