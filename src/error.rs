//! Every failure of a command, its words and its hint; and how it is told to Docker and to people.

use std::{
    error::Error as _,
    fmt,
    io::{self, Write},
};

use crate::{
    aws::Failure,
    config::ConfigError,
    docker::NOT_FOUND,
    identity::IdentityError,
    keychain::{self, ErrorKind},
};

/// The name that messages begin with.
pub const PROGRAM: &str = "docker-credential-ecr-rs";

/// What went wrong, to what.
#[derive(Debug)]
pub enum Error {
    /// There is no login, and going on anonymously can be what the user wants.
    NotFound,
    /// Standard input held no server.
    MissingServerUrl,
    /// What is to be stored has no user name.
    MissingUsername,
    /// Standard input was not what the protocol says.
    Input {
        /// What is wrong with it, without its content: it may hold a password.
        what: String,
    },
    /// The keychain failed, and nothing else can answer.
    Keychain {
        /// What was tried: "read the login for ghcr.io".
        doing: String,
        /// The keychain's trouble.
        fault: keychain::Error,
    },
    /// No AWS identity could be chosen for a registry.
    Identity {
        /// The registry's host.
        host: String,
        /// Why.
        cause: IdentityError,
    },
    /// AWS gave no token for a registry.
    Aws {
        /// The registry's host.
        host: String,
        /// Why.
        failure: Failure,
    },
    /// `config.toml` cannot be used.
    Config(ConfigError),
    /// The arguments were none that we know; the text is what Docker's own helpers print.
    Usage(String),
    /// The answer could not be written.
    Output(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NotFound => f.write_str(NOT_FOUND),
            // The next two sentences are Docker's own: clients compare them
            // (docker-credential-helpers, credentials/error.go).
            Error::MissingServerUrl => f.write_str("no credentials server URL"),
            Error::MissingUsername => f.write_str("no credentials username"),
            Error::Input { what } => write!(f, "cannot read standard input: {what}"),
            Error::Keychain { doing, fault } => write!(f, "cannot {doing}: {fault}"),
            Error::Identity { host, cause } => write!(f, "no AWS identity for {host}: {cause}"),
            Error::Aws { host, failure } => write!(f, "no token for {host}: {failure}"),
            Error::Config(err) => write!(f, "{err}"),
            Error::Usage(text) => f.write_str(text),
            Error::Output(err) => write!(f, "cannot write the answer: {err}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Identity { cause, .. } => cause.source(),
            _ => None,
        }
    }
}

impl Error {
    /// One next step the reader can take.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Input { .. } => {
                Some("Docker writes this input itself: run `docker login` rather than this helper".into())
            }
            // A delegate helper's refusal is its own, and speaks for itself.
            Error::Keychain { fault: keychain::Error { kind: ErrorKind::Refused, .. }, .. } => None,
            Error::Keychain { fault, .. } => Some(fault.hint().into()),
            Error::Identity { cause, .. } => Some(cause.hint()),
            Error::Aws { failure, .. } => failure.hint.clone(),
            Error::Config(err) => Some(err.hint.clone()),
            Error::NotFound | Error::MissingServerUrl | Error::MissingUsername | Error::Usage(_) | Error::Output(_) => {
                None
            }
        }
    }

    /// The causes below the first line, outermost first.
    pub fn causes(&self) -> Vec<String> {
        if let Error::Aws { failure, .. } = self {
            return failure.causes.clone();
        }
        let mut causes = Vec::new();
        let mut cause = self.source();
        while let Some(inner) = cause {
            causes.push(inner.to_string());
            cause = inner.source();
        }
        causes
    }

    /// Whether the sentence is part of Docker's protocol, so that nobody needs to read more.
    fn is_protocol(&self) -> bool {
        match self {
            Error::NotFound | Error::MissingServerUrl | Error::MissingUsername | Error::Usage(_) => true,
            Error::Input { .. }
            | Error::Keychain { .. }
            | Error::Identity { .. }
            | Error::Aws { .. }
            | Error::Config(_)
            | Error::Output(_) => false,
        }
    }
}

/// Tells an error to its two readers: one line for Docker on stdout, causes and hint for the person
/// on stderr, which every client passes to the terminal.
pub fn report(err: &Error, stdout: &mut dyn Write, stderr: &mut dyn Write) {
    // A closed pipe must not turn into a second error: nobody is left to read it.
    writeln!(stdout, "{}", one_line(&err.to_string())).ok();
    if err.is_protocol() {
        return;
    }
    writeln!(stderr, "{PROGRAM}: error: {}", one_line(&err.to_string())).ok();
    for cause in err.causes() {
        writeln!(stderr, "  caused by: {}", one_line(&cause)).ok();
    }
    if let Some(hint) = err.hint() {
        writeln!(stderr, "  hint: {}", one_line(&hint)).ok();
    }
}

/// Folds a text to one line without control characters: it may hold what a server or a file said.
pub fn one_line(text: &str) -> String {
    let visible: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}
