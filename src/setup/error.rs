//! Why `setup` changed nothing, or stopped.

use std::{fmt, io};

use crate::report::Report;

/// A setup that could not be done. The file it is about is as it was.
#[derive(Debug)]
pub struct Error {
    /// What failed and to which file, in one line without a full stop. Never a value out of the file.
    pub what: String,
    /// The operating system's own reason, where there is one.
    pub cause: Option<io::Error>,
    /// One thing to do.
    pub hint: String,
}

impl Error {
    /// A failure that has no cause below it.
    pub(super) fn new(what: impl Into<String>, hint: impl Into<String>) -> Error {
        Error { what: what.into(), cause: None, hint: hint.into() }
    }

    /// One thing to do.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}

impl From<Error> for Report {
    fn from(err: Error) -> Report {
        Report::of(&err).hint(err.hint)
    }
}
