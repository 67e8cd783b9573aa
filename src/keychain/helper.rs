//! `other-registries.store = "pass"`, `"desktop"`, …: logins kept by another Docker credential
//! helper, run by its own protocol (docker-credential-helpers, `credentials/credentials.go`).
//!
//! The helper is always asked for the canonical server: `ghcr.io`, `r.example:5000`,
//! `https://index.docker.io/v1/`. That is what Docker itself sends, so logins stored before and
//! after this program came in are the same ones. However a client spells the server, it finds them.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use super::{Entry, EntryKind, Error, ErrorKind, Inventory, Key, Keychain, Label, Selection, error::HELPER_STORE};
use crate::{
    names::{ASKED_AGAIN, DELEGATE_MARK, HELPER, HELPER_PREFIX, NOT_FOUND, PROGRAM},
    process::{self, Limits, Output, Stderr},
    registry::Server,
    secret::{Secret, Wiped},
};

/// How long the other helper may take. Longer than `CALL_TIMEOUT`: it may wake a smart card
/// or Docker Desktop. It is ended when the time is over.
const HELPER_TIMEOUT: Duration = Duration::from_secs(10);

/// The most bytes that an answer may have. The longest secret is 16 KiB.
const MAX_ANSWER: usize = 1 << 20;

/// The most characters of the helper's own error text that are passed on.
const MAX_TEXT: usize = 1000;

/// Another credential helper as the store of logins: of entries that a `server` finds and that have
/// a `username`. It keeps no others.
#[derive(Debug)]
pub struct HelperStore {
    /// `docker-credential-SUFFIX`, for messages.
    program: String,
    /// Where it is.
    path: PathBuf,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Stored<'a> {
    #[serde(rename = "ServerURL")]
    server: &'a str,
    username: &'a str,
    secret: &'a str,
}

/// Docker reads the names of fields in any case (Go's encoding/json); these are the ones in use.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Found {
    #[serde(alias = "username")]
    username: String,
    #[serde(alias = "secret")]
    secret: String,
}

impl HelperStore {
    /// Finds `docker-credential-SUFFIX` in the folders of `path`, a value of `PATH`.
    ///
    /// Fails when the suffix is no plain name, names this program, or no such program is there.
    pub fn find(suffix: &str, path: &OsStr) -> Result<HelperStore, Error> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        if suffix.is_empty() || !suffix.bytes().all(plain) {
            let detail = format!(
                "`{}` is no name of a helper: write `pass` for docker-credential-pass, not a path",
                suffix.escape_debug()
            );
            return Err(fault(ErrorKind::Refused, detail));
        }
        let program = format!("{HELPER_PREFIX}{suffix}");
        let found = process::find(&program, path);
        // Asking ourselves would never end.
        if suffix.eq_ignore_ascii_case(HELPER) || found.as_deref().is_some_and(is_ours) {
            let detail = format!("{program} is this program itself; name another helper or `keychain`");
            return Err(fault(ErrorKind::Refused, detail));
        }
        match found {
            Some(path) => Ok(HelperStore { program, path }),
            None => Err(fault(
                ErrorKind::Unavailable,
                format!(
                    "{program} is not on the PATH; install it, or change `[other-registries] store` in config.toml"
                ),
            )),
        }
    }

    /// Runs one verb to its end. Its stderr is the person's, as when Docker runs it.
    fn run(&self, verb: &str, stdin: Wiped<Vec<u8>>) -> Result<Output, Error> {
        let limits = Limits { time: HELPER_TIMEOUT, output: MAX_ANSWER };
        // The mark stops what this helper may start: us, who would ask it again.
        let mut command = Command::new(&self.path);
        command.arg(verb).env(DELEGATE_MARK, &self.program);
        process::run(&mut command, stdin, limits, Stderr::Inherit).map_err(|err| {
            let (kind, detail) = match err {
                process::Error::Start(err) => (ErrorKind::Unavailable, format!("cannot be started: {err}")),
                process::Error::Timeout(time) => (ErrorKind::Timeout, format!("stopped after {} s", time.as_secs())),
                process::Error::TooLong(bytes) => (ErrorKind::Malformed, format!("its answer has over {bytes} bytes")),
                process::Error::Read(err) => (ErrorKind::Malformed, format!("its answer cannot be read: {err}")),
            };
            self.fault(kind, verb, &detail)
        })
    }

    /// A run that asks for one server; `None` when the helper does not know it.
    fn ask(&self, verb: &str, server: &str) -> Result<Option<Output>, Error> {
        let outcome = self.run(verb, Wiped::new(server.as_bytes().to_vec()))?;
        if !outcome.status.success() && outcome.stdout.trim_ascii() == NOT_FOUND.as_bytes() {
            return Ok(None);
        }
        self.check_success(verb, outcome).map(Some)
    }

    fn check_success(&self, verb: &str, outcome: Output) -> Result<Output, Error> {
        if outcome.status.success() {
            return Ok(outcome);
        }
        let status = outcome.status;
        let detail = match one_line(&outcome.stdout) {
            text if text.is_empty() => format!("failed without a word ({status})"),
            // Credentials, or a part of them: not for anybody's eyes.
            _ if holds_secret(&outcome.stdout) => format!("printed an answer and then failed ({status})"),
            text => text,
        };
        // A helper that leads back to us refuses every verb: nothing else is asked of it.
        let kind = if detail.contains(ASKED_AGAIN) { ErrorKind::Unavailable } else { ErrorKind::Refused };
        Err(self.fault(kind, verb, &detail))
    }

    /// The user names of all servers, each under the name that the helper knows it by.
    fn usernames(&self) -> Result<BTreeMap<String, String>, Error> {
        // Docker's own clients send this word, and helpers that read their input wait for some.
        let outcome = self.run("list", Wiped::new(b"unused".to_vec()))?;
        let outcome = self.check_success("list", outcome)?;
        // `null` is what helpers in Go print for an empty map.
        let found: Option<_> = serde_json::from_slice(&outcome.stdout).map_err(|_| self.malformed("list"))?;
        Ok(found.unwrap_or_default())
    }

    fn store(&self, login: &Stored<'_>) -> Result<(), Error> {
        let Stored { server, username, secret } = login;
        // Room for all of it: a buffer that grows leaves copies of the secret behind.
        let mut stdin = Wiped::new(Vec::with_capacity(6 * (server.len() + username.len() + secret.len()) + 64));
        serde_json::to_writer(&mut *stdin, login).expect("text is always JSON");
        let mut outcome = self.run("store", stdin)?;
        if !secret.is_empty() {
            // A helper that repeats its input in its error must not make us do so.
            let text = Wiped::new(String::from_utf8_lossy(&outcome.stdout).replace(secret, "***"));
            outcome.stdout = Wiped::new(text.as_bytes().to_vec());
        }
        self.check_success("store", outcome).map(drop)
    }

    fn server<'k>(&self, key: &'k Key) -> Result<&'k str, Error> {
        key.attribute("server").ok_or_else(|| self.no_login())
    }

    /// A login's label: its server, the spelling that it is listed by, its user name.
    fn label(&self, kind: &'static EntryKind, [server, spelled, username]: [&str; 3]) -> Result<Label, Error> {
        let label = Label::from_attributes(kind, |name| match name {
            "kind" => Some(kind.name),
            "server" => Some(server),
            "spelled" => Some(spelled),
            "username" => Some(username),
            _ => None,
        });
        label.ok_or_else(|| self.no_login())
    }

    fn no_login(&self) -> Error {
        fault(ErrorKind::Refused, format!("{} keeps logins of other registries, not tokens of ECR", self.program))
    }

    fn malformed(&self, verb: &str) -> Error {
        self.fault(ErrorKind::Malformed, verb, "its answer is not the JSON that Docker's protocol asks for")
    }

    fn fault(&self, kind: ErrorKind, verb: &str, detail: &str) -> Error {
        fault(kind, format!("{} {verb}: {detail}", self.program))
    }
}

impl Keychain for HelperStore {
    fn name(&self) -> &'static str {
        HELPER_STORE
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, Error> {
        let server = self.server(key)?;
        let Some(outcome) = self.ask("get", server)? else { return Ok(None) };
        let Found { username, secret } = serde_json::from_slice(&outcome.stdout).map_err(|_| self.malformed("get"))?;
        let secret = Secret::from(secret);
        if username.is_empty() && secret.expose().is_empty() {
            return Ok(None); // As docker-py reads it (docker/credentials/store.py).
        }
        Ok(Some(Entry { label: self.label(key.kind(), [server, server, &username])?, secret }))
    }

    fn put(&self, entry: &Entry) -> Result<(), Error> {
        let server = self.server(entry.label.key())?;
        let username = entry.label.attribute("username").ok_or_else(|| self.no_login())?;
        let login = Stored { server, username, secret: entry.secret.expose() };
        // docker-credential-pass keeps each user name of a server beside the others, and gives back the first by name.
        // The old ones go when the new one is known to be taken. A helper that cannot list is asked as before.
        let old = match self.usernames() {
            Err(fault) if matches!(fault.kind, ErrorKind::Refused | ErrorKind::Malformed) => None,
            listed => listed?.remove(server),
        };
        self.store(&login)?;
        if old.is_some_and(|old| old != username) {
            self.ask("erase", server)?;
            self.store(&login)?;
        }
        Ok(())
    }

    fn remove(&self, key: &Key) -> Result<(), Error> {
        let server = self.server(key)?;
        match self.ask("erase", server) {
            // docker-credential-pass refuses to erase what is not there.
            Err(fault)
                if fault.kind == ErrorKind::Refused
                    && self.usernames().is_ok_and(|listed| !listed.contains_key(server)) =>
            {
                Ok(())
            }
            erased => erased.map(drop),
        }
    }

    fn inventory(&self, which: &Selection) -> Result<Inventory, Error> {
        let kind = which.kind();
        if !kind.key.contains(&"server") {
            return Err(self.no_login());
        }
        let label = |(spelled, username): (String, String)| match Server::parse(&spelled, |_| None)? {
            Server::Other(server) => Some(self.label(kind, [&server, &spelled, &username])),
            Server::Ecr(_) => None, // Stored before we came: ECR's tokens are minted now.
        };
        let mut labels = self.usernames()?.into_iter().filter_map(label).collect::<Result<Vec<_>, _>>()?;
        labels.retain(|label| which.has(label));
        Ok(Inventory { labels, ..Inventory::default() })
    }

    /// One run for each entry: the protocol knows no other way.
    fn remove_all(&self, which: &Selection) -> Result<Inventory, Error> {
        let found = self.inventory(which)?;
        found.labels.iter().try_for_each(|label| self.remove(label.key()))?;
        Ok(found)
    }

    /// Logins do not end.
    fn tidy(&self, _: &'static EntryKind, _: SystemTime) -> Result<(), Error> {
        Ok(())
    }
}

fn fault(kind: ErrorKind, detail: String) -> Error {
    Error { store: HELPER_STORE, kind, detail }
}

/// Whether what a helper printed may hold a login: a member `secret` in any case, also in an object that
/// is cut short, quoted once more, or no JSON to the letter.
fn holds_secret(stdout: &[u8]) -> bool {
    let text = String::from_utf8_lossy(stdout).to_ascii_lowercase();
    // The last is the escape of an ASCII letter, which can hide the name (`\u0053ecret`) and stands in no
    // words for people.
    ["\"secret\"", "'secret'", "\\\"secret\\\"", "\\u00"].iter().any(|sign| text.contains(sign))
}

/// The helper's own words on one line, without control characters, not endless.
fn one_line(stdout: &[u8]) -> String {
    let text = String::from_utf8_lossy(stdout);
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    words.join(" ").chars().take(MAX_TEXT).collect()
}

/// Whether a helper of another name is a link to this program.
fn is_ours(path: &Path) -> bool {
    path.canonicalize().is_ok_and(|path| path.file_stem().is_some_and(|stem| stem.eq_ignore_ascii_case(PROGRAM)))
}
