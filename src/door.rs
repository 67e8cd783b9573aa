//! What a door of the program is, and what `main.rs` hands to the one that it picks.

use std::{
    io::{BufRead, Read, Write},
    path::PathBuf,
    process::ExitCode,
    time::SystemTime,
};

use crate::{environment::Environment, secret::Wiped};

/// One of the contracts that the program answers: Docker's protocol, the command line.
///
/// `main.rs` lists them; the first that claims a start runs it.
#[derive(Clone, Copy)]
pub struct Door {
    /// Whether a start is for this door, by the name the program was started under and its arguments.
    pub claims: fn(&Start) -> bool,
    /// Answers.
    pub run: fn(Start, Streams<'_>) -> ExitCode,
}

/// How the program was started, and what `main.rs` knows of the machine.
pub struct Start {
    /// The name it was started under: the file name of `argv[0]`, without `.exe`.
    pub name: String,
    /// The arguments after the name.
    pub arguments: Vec<String>,
    /// Variables and folders.
    pub environment: Environment,
    /// When it was started.
    pub now: SystemTime,
    /// Tells the time, for what may run longer than the time of its start is true.
    pub clock: fn() -> SystemTime,
    /// Finds the file of this program, where the OS tells it.
    pub executable: fn() -> Option<PathBuf>,
    /// Finds out which standard streams are terminals.
    pub terminals: fn() -> Terminals,
}

/// Which standard streams are terminals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminals {
    /// Standard input.
    pub stdin: bool,
    /// Standard output.
    pub stdout: bool,
    /// Standard error.
    pub stderr: bool,
}

/// The standard streams.
pub struct Streams<'a> {
    /// Standard input. A thread may wait for it, which nobody waits for.
    pub stdin: &'static mut (dyn BufRead + Send),
    /// Standard output: answers and data.
    pub stdout: &'a mut dyn Write,
    /// Standard error: everything else.
    pub stderr: &'a mut dyn Write,
}

/// Reads all of standard input, some `usual` bytes, wiped when dropped.
///
/// # Errors
/// What is wrong with it, in words: it cannot be read, or has more than `limit` bytes.
pub fn read_input(stdin: &mut dyn Read, usual: usize, limit: usize) -> Result<Wiped<Vec<u8>>, String> {
    let mut bytes = Wiped::new(Vec::with_capacity(usual));
    stdin.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(|err| err.to_string())?;
    if bytes.len() > limit {
        return Err(format!("it is longer than {limit} bytes"));
    }
    Ok(bytes)
}
