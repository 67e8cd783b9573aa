//! Why a command failed, as a person reads it.

use std::{io, io::Write};

use crate::{
    error::{Error, PROGRAM, one_line},
    report::Report,
};

/// A command that failed: what, why, and one thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What failed and to what, in one line.
    pub what: String,
    /// The causes, outermost first.
    pub causes: Vec<String>,
    /// One thing to do.
    pub hint: Option<String>,
}

impl Problem {
    /// A failure without a cause below it.
    pub fn new(what: impl Into<String>, hint: impl Into<String>) -> Problem {
        Problem { what: what.into(), causes: Vec::new(), hint: Some(hint.into()) }
    }

    /// Tells it on stderr, without control characters: a part may be what a server or a file said.
    pub fn report(&self, stderr: &mut dyn Write) {
        // A closed pipe must not turn into a second error: nobody is left to read it.
        writeln!(stderr, "{PROGRAM}: error: {}", one_line(&self.what)).ok();
        for cause in &self.causes {
            writeln!(stderr, "  caused by: {}", one_line(cause)).ok();
        }
        if let Some(hint) = &self.hint {
            writeln!(stderr, "  hint: {}", one_line(hint)).ok();
        }
    }
}

impl From<Error> for Problem {
    fn from(err: Error) -> Problem {
        Problem { what: err.to_string(), causes: err.causes(), hint: err.hint() }
    }
}

impl From<Report> for Problem {
    fn from(report: Report) -> Problem {
        let (causes, hint) = (report.causes().to_vec(), report.advice().map(Into::into));
        Problem { what: report.to_string(), causes, hint }
    }
}

/// Standard output that cannot be written.
impl From<io::Error> for Problem {
    fn from(err: io::Error) -> Problem {
        Error::Output(err).into()
    }
}
