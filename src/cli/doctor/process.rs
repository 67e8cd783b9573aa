//! Runs another program within a bound.

use std::{
    io::{Read, Write},
    path::Path,
    process::{ChildStdout, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// How long a program may take to tell its version.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most that is read of what it prints.
const LONGEST: u64 = 64 * 1024;

/// How often a program that closed its output is looked at until it has ended.
const POLL: Duration = Duration::from_millis(1);

/// What the program prints on stdout; an error in a few words otherwise. It is ended when the time is over.
pub(super) fn output(program: &Path, arguments: &[&str], stdin: &[u8]) -> Result<String, String> {
    let deadline = Instant::now() + PATIENCE;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|err| err.to_string())?;
    // A few bytes, which a pipe holds; it may end without reading them.
    child.stdin.take().map(|mut input| input.write_all(stdin).ok());
    let text = child.stdout.take().map(read);
    let status = loop {
        match child.try_wait() {
            Ok(None) if Instant::now() < deadline => thread::sleep(POLL),
            Ok(Some(status)) => break status,
            Ok(None) | Err(_) => {
                child.kill().ok(); // it may have ended by itself just now
                child.wait().ok();
                return Err(format!("it did not end within {} s", PATIENCE.as_secs()));
            }
        }
    };
    // A child of its own may hold the output open.
    let left = deadline.saturating_duration_since(Instant::now());
    match text.and_then(|text| text.recv_timeout(left).ok()) {
        Some(text) if status.success() => Ok(text),
        Some(_) => Err(format!("it ended with {status}")),
        None => Err("its output cannot be read".into()),
    }
}

/// Reads beside the waiting, so that a full pipe holds nobody up.
fn read(output: ChildStdout) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if output.take(LONGEST).read_to_end(&mut bytes).is_ok() {
            sender.send(String::from_utf8_lossy(&bytes).into_owned()).ok(); // nobody waits after the bound
        }
    });
    receiver
}
