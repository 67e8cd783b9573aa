//! What went wrong while signing, in words a person can act on.

use std::fmt;

/// A failure: what was tried and with what, the causes, one thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    what: String,
    causes: Vec<String>,
    hint: Option<String>,
}

impl Error {
    /// A failure in one line, without a full stop.
    pub fn new(what: impl Into<String>) -> Error {
        Error { what: what.into(), causes: Vec::new(), hint: None }
    }

    /// The same failure with one more cause below those it has.
    #[must_use]
    pub fn cause(mut self, cause: impl fmt::Display) -> Error {
        self.causes.push(cause.to_string());
        self
    }

    /// The same failure with the one thing to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.hint = Some(hint.into());
        self
    }

    /// Puts this failure below a wider one: `self` becomes the first cause, its hint stays.
    #[must_use]
    pub fn under(self, what: impl Into<String>) -> Error {
        let causes = std::iter::once(self.what).chain(self.causes).collect();
        Error { what: what.into(), causes, hint: self.hint }
    }

    /// What failed, in one line.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The causes, outermost first.
    pub fn causes(&self) -> &[String] {
        &self.causes
    }

    /// One thing to do.
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Everything in one text: for a report's line and for tests.
    pub fn full(&self) -> String {
        let mut text = self.what.clone();
        for cause in &self.causes {
            text.push_str(": ");
            text.push_str(cause);
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Error {}
