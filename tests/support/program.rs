//! Runs the built binary as Docker runs it: bytes in, bytes out, exit status, an environment of its own.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt, fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

/// A run that takes longer than this hangs: the longest bound of the program but Notation's is 45 s, twice over.
const RUN_TIMEOUT: Duration = Duration::from_secs(90);

/// The program with the environment it will see. Nothing of the test's own environment reaches it.
#[derive(Clone)]
pub struct Program {
    path: PathBuf,
    variables: BTreeMap<OsString, OsString>,
}

/// What a run gave back.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    /// Standard output as text.
    pub stdout: String,
    /// Standard error as text.
    pub stderr: String,
}

impl Outcome {
    /// This outcome, which must have the exit status that it is said to have.
    #[track_caller]
    pub fn exits(self, status: i32, why: impl fmt::Display) -> Outcome {
        assert_eq!(self.status, Some(status), "{why}: {self:?}");
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|err| panic!("{err}: {self:?}"))
    }
}

impl Program {
    /// The binary at `path`, with `home` as its home folder and no other variable.
    pub fn at(path: impl Into<PathBuf>, home: &Path) -> Program {
        Program { path: path.into(), variables: BTreeMap::new() }.with("HOME", home)
    }

    /// The same program with one more variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<OsString>) -> Program {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// The same program without a variable.
    #[must_use]
    pub fn without(mut self, name: &str) -> Program {
        self.variables.remove(&OsString::from(name));
        self
    }

    /// Its whole environment.
    pub fn variables(&self) -> BTreeMap<OsString, OsString> {
        self.variables.clone()
    }

    /// A run that has yet to get its standard streams.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        command.args(arguments).env_clear().envs(&self.variables);
        command
    }

    /// Starts a run whose standard streams are pipes.
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|err| panic!("cannot start {}: {err}", self.path.display()))
    }

    /// Runs to the end.
    ///
    /// It begins some seconds after the run before it: what failed then is asked again. Runs that follow at
    /// once are [`Program::run_at_once`].
    #[track_caller]
    pub fn run(&self, arguments: &[&str], stdin: impl AsRef<[u8]>) -> Outcome {
        self.end_failures();
        self.run_at_once(arguments, stdin)
    }

    /// Runs to the end, without a moment between the run before it and this one.
    #[track_caller]
    pub fn run_at_once(&self, arguments: &[&str], stdin: impl AsRef<[u8]>) -> Outcome {
        finish(self.spawn(arguments), stdin.as_ref())
    }
}

impl Program {
    /// Removes the notes of failures, wherever this program keeps them.
    fn end_failures(&self) {
        let variable = |name: &str| self.variables.get(&OsString::from(name)).map(PathBuf::from);
        let cache = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
        let usual = cache.map(|cache| cache.join("docker-credential-ecr-rs/locks"));
        let temporary = variable("TMPDIR").map(|folder| files(&folder)).unwrap_or_default();
        let folders = temporary.into_iter().filter(|path| path.to_string_lossy().contains("docker-credential-ecr-rs-"));
        for folder in folders.chain(usual) {
            for note in files(&folder).iter().filter(|path| path.extension().is_some_and(|name| name == "failed")) {
                fs::remove_file(note).ok(); // another run may have been faster
            }
        }
    }
}

/// What is in a folder; nothing where there is none.
fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// Feeds a started run and waits for its end; a hang is a failed test, not a stuck one.
#[track_caller]
pub fn finish(child: Child, stdin: &[u8]) -> Outcome {
    finish_within(RUN_TIMEOUT, child, stdin).expect("the program hung")
}

/// The same for a run that has a bound of its own: `None` when it went on for longer and was ended.
#[track_caller]
pub fn finish_within(bound: Duration, mut child: Child, stdin: &[u8]) -> Option<Outcome> {
    let mut input = child.stdin.take().expect("stdin is piped");
    let bytes = stdin.to_vec();
    // The program may answer without reading everything: a broken pipe is its right.
    thread::spawn(move || input.write_all(&bytes).is_ok());
    let stdout = drain(child.stdout.take().expect("stdout is piped"));
    let stderr = drain(child.stderr.take().expect("stderr is piped"));
    let until = Instant::now() + bound;
    let left = || until.saturating_duration_since(Instant::now());
    let (Ok(stdout), Ok(stderr)) = (stdout.recv_timeout(left()), stderr.recv_timeout(left())) else {
        child.kill().expect("the hung program can be ended");
        return None;
    };
    Some(Outcome { status: child.wait().expect("the program ends").code(), stdout, stderr })
}

fn drain(mut stream: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("a pipe can be read");
        sender.send(String::from_utf8_lossy(&bytes).into_owned())
    });
    receiver
}
