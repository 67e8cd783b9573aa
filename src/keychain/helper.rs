//! `other-registries.store = "pass"`, `"desktop"`, …: logins kept by another Docker credential
//! helper, run by its own protocol (docker-credential-helpers, `credentials/credentials.go`).
//!
//! The helper is always asked for the canonical server: `ghcr.io`, `r.example:5000`,
//! `https://index.docker.io/v1/`. That is what Docker itself sends, so logins stored before and
//! after this program came in are the same ones. However a client spells the server, it finds them.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Entry, EntryKind, Error, ErrorKind, Key, Keychain, Label};
use crate::{
    names::{HELPER, HELPER_PREFIX, NOT_FOUND, PROGRAM},
    registry::Server,
    secret::Secret,
};

/// How long the other helper may take. Longer than `CALL_TIMEOUT`: it may wake a smart card
/// or Docker Desktop. It is ended when the time is over.
const HELPER_TIMEOUT: Duration = Duration::from_secs(10);

/// The most bytes that an answer may have. The longest secret is 16 KiB.
const MAX_ANSWER: u64 = 1 << 20;

/// The most characters of the helper's own error text that are passed on.
const MAX_TEXT: usize = 1000;

/// How often a helper that closed its output is looked at until it has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

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

/// What a run of the helper left behind.
struct Outcome {
    status: ExitStatus,
    stdout: Zeroizing<Vec<u8>>,
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
        // A relative folder would run whatever lies in the folder of the moment.
        let found = std::env::split_paths(path)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(format!("{program}{}", std::env::consts::EXE_SUFFIX)))
            .find(|candidate| is_executable(candidate));
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
    fn run(&self, verb: &str, stdin: Zeroizing<Vec<u8>>) -> Result<Outcome, Error> {
        let deadline = Instant::now() + HELPER_TIMEOUT;
        let mut child = Command::new(&self.path)
            .arg(verb)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|err| self.fault(ErrorKind::Unavailable, verb, &format!("cannot be started: {err}")))?;
        let mut input = child.stdin.take().expect("stdin is piped");
        let output = child.stdout.take().expect("stdout is piped");
        // Both on threads: a helper may neither read nor write. One that does not read what it was
        // given may still have answered, so its broken pipe is its own affair.
        thread::spawn(move || input.write_all(&stdin).is_ok());
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || sender.send(read(output)).is_ok());

        let outcome = receiver.recv_timeout(HELPER_TIMEOUT).map_err(|_| None).and_then(|stdout| match stdout {
            Err(err) => Err(Some(format!("its answer cannot be read: {err}"))),
            Ok(stdout) if stdout.len() as u64 > MAX_ANSWER => {
                Err(Some(format!("its answer has over {MAX_ANSWER} bytes")))
            }
            Ok(stdout) => wait(&mut child, deadline).map(|status| Outcome { status, stdout }).ok_or(None),
        });
        outcome.map_err(|trouble| {
            end(child);
            match trouble {
                Some(detail) => self.fault(ErrorKind::Malformed, verb, &detail),
                None => self.fault(ErrorKind::Timeout, verb, &format!("stopped after {} s", HELPER_TIMEOUT.as_secs())),
            }
        })
    }

    /// A run that asks for one server; `None` when the helper does not know it.
    fn ask(&self, verb: &str, server: &str) -> Result<Option<Outcome>, Error> {
        let outcome = self.run(verb, Zeroizing::new(server.as_bytes().to_vec()))?;
        if !outcome.status.success() && outcome.stdout.trim_ascii() == NOT_FOUND.as_bytes() {
            return Ok(None);
        }
        self.check(verb, outcome).map(Some)
    }

    fn check(&self, verb: &str, outcome: Outcome) -> Result<Outcome, Error> {
        if outcome.status.success() {
            return Ok(outcome);
        }
        let status = outcome.status;
        let detail = match one_line(&outcome.stdout) {
            text if text.is_empty() => format!("failed without a word ({status})"),
            // Credentials, or a part of them: not for anybody's eyes.
            text if text.contains("\"Secret\"") => format!("printed an answer and then failed ({status})"),
            text => text,
        };
        Err(self.fault(ErrorKind::Refused, verb, &detail))
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
        NAME
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
        let secret = entry.secret.expose();
        // Room for all of it: a buffer that grows leaves copies of the secret behind.
        let mut stdin = Zeroizing::new(Vec::with_capacity(6 * (server.len() + username.len() + secret.len()) + 64));
        serde_json::to_writer(&mut *stdin, &Stored { server, username, secret }).expect("text is always JSON");
        let mut outcome = self.run("store", stdin)?;
        if !secret.is_empty() {
            // A helper that repeats its input in its error must not make us do so.
            let text = Zeroizing::new(String::from_utf8_lossy(&outcome.stdout).replace(secret, "***"));
            outcome.stdout = Zeroizing::new(text.as_bytes().to_vec());
        }
        self.check("store", outcome).map(drop)
    }

    fn remove(&self, key: &Key) -> Result<(), Error> {
        self.ask("erase", self.server(key)?).map(drop)
    }

    fn list(&self, kind: &'static EntryKind) -> Result<Vec<Label>, Error> {
        if !kind.key.contains(&"server") {
            return Err(self.no_login());
        }
        // Docker's own clients send this word, and helpers that read their input wait for some.
        let outcome = self.run("list", Zeroizing::new(b"unused".to_vec()))?;
        let outcome = self.check("list", outcome)?;
        // `null` is what helpers in Go print for an empty map.
        let found: Option<BTreeMap<String, String>> =
            serde_json::from_slice(&outcome.stdout).map_err(|_| self.malformed("list"))?;
        let label = |(spelled, username): (String, String)| match Server::parse(&spelled, |_| None)? {
            Server::Other(server) => Some(self.label(kind, [&server, &spelled, &username])),
            Server::Ecr(_) => None, // Stored before we came: ECR's tokens are minted now.
        };
        found.unwrap_or_default().into_iter().filter_map(label).collect()
    }
}

const NAME: &str = "credential helper";

fn fault(kind: ErrorKind, detail: String) -> Error {
    Error { store: NAME, kind, detail }
}

/// All of the output, or one byte more than is allowed.
fn read(output: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(32 << 10)); // Most answers fit: no copies are left behind.
    output.take(MAX_ANSWER + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Waits until the deadline for a helper that has closed its output.
fn wait(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => thread::sleep(POLL_INTERVAL),
            _ => return None,
        }
    }
}

/// Ends a helper by its own handle. On a thread, because a process may take its time to die.
fn end(mut child: Child) {
    // It may have ended by itself in the meantime: as good.
    thread::spawn(move || child.kill().and_then(|()| child.wait()).is_ok());
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

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}
