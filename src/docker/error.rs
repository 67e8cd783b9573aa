//! Every failure of a verb, and how it is told to Docker and to people.

use std::io::{self, Write};

use crate::{
    crash::Crash,
    keychain,
    names::{ASKED_AGAIN, NOT_FOUND},
    report::{Level, Report, fold},
    token,
};

/// Why a verb has no answer.
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
        /// Why.
        cause: keychain::Error,
    },
    /// The helper that we asked for a login has started us in its turn.
    Circle {
        /// Its program, as the mark in the environment names it.
        helper: String,
    },
    /// There is no token of an ECR registry.
    Token(token::Error),
    /// `config.toml` cannot be used.
    Config(Report),
    /// The arguments are not one verb; the text is what Docker's own helpers print.
    Usage(&'static str),
    /// The answer could not be written.
    Output(io::Error),
    /// This program itself is at fault.
    Crash(Crash),
}

impl From<Error> for Report {
    fn from(err: Error) -> Report {
        match err {
            Error::NotFound => Report::new(NOT_FOUND),
            // The next two sentences are Docker's own: clients compare them
            // (docker-credential-helpers, credentials/error.go).
            Error::MissingServerUrl => Report::new("no credentials server URL"),
            Error::MissingUsername => Report::new("no credentials username"),
            Error::Input { what } => Report::new(format!("cannot read standard input: {what}"))
                .hint("Docker writes this input itself: run `docker login` rather than this helper"),
            Error::Keychain { doing, cause } => cause.report(&doing),
            Error::Circle { helper } => Report::new(format!("{helper} was asked for a login and {ASKED_AGAIN}"))
                .hint("name another helper, or \"keychain\", as `[other-registries] store` of config.toml"),
            Error::Token(err) => err.into(),
            Error::Config(report) => report,
            Error::Usage(text) => Report::new(text),
            Error::Output(err) => err.into(),
            Error::Crash(crash) => crash.into(),
        }
    }
}

impl Error {
    /// Whether the sentence is part of Docker's protocol, so that nobody needs to read more.
    fn is_protocol(&self) -> bool {
        match self {
            Error::NotFound | Error::MissingServerUrl | Error::MissingUsername | Error::Usage(_) => true,
            Error::Input { .. }
            | Error::Keychain { .. }
            | Error::Circle { .. }
            | Error::Token(_)
            | Error::Config(_)
            | Error::Output(_)
            | Error::Crash(_) => false,
        }
    }

    /// Tells its two readers: one line for Docker on stdout; what, causes and hint for the person on
    /// stderr, which every client passes to the terminal.
    pub fn print(self, stdout: &mut dyn Write, stderr: &mut dyn Write) {
        let is_protocol = self.is_protocol();
        let report = Report::from(self);
        // A closed pipe must not turn into a second error: nobody is left to read it.
        writeln!(stdout, "{}", fold(report.what())).ok();
        if !is_protocol {
            report.print(Level::Error, stderr);
        }
    }
}
