//! What a person may read beside the answer: warnings, and with `ECR_RS_LOG` each decision.

use std::{cell::RefCell, fmt::Display, io::Write};

use crate::error::{PROGRAM, one_line};

/// Lines on stderr, which every client passes to the terminal.
pub struct Journal<'a> {
    stderr: RefCell<&'a mut dyn Write>,
    verbose: bool,
    said: RefCell<Vec<String>>,
}

impl<'a> Journal<'a> {
    /// Writes to `stderr`; decisions too when `verbose`.
    pub fn new(stderr: &'a mut dyn Write, verbose: bool) -> Journal<'a> {
        Journal { stderr: RefCell::new(stderr), verbose, said: RefCell::default() }
    }

    /// Something did not work and the answer came all the same.
    pub fn warn(&self, what: impl Display) {
        self.line("warning", &what);
    }

    /// The same, said once however often it happens: a broken keychain is met at each step.
    pub fn warn_once(&self, what: impl Display) {
        let text = what.to_string();
        if !self.said.borrow().contains(&text) {
            self.warn(&text);
            self.said.borrow_mut().push(text);
        }
    }

    /// A decision, for those who asked to see them.
    pub fn note(&self, what: impl Display) {
        if self.verbose {
            self.line("note", &what);
        }
    }

    fn line(&self, kind: &str, what: &dyn Display) {
        // A closed terminal must not fail the answer.
        writeln!(self.stderr.borrow_mut(), "{PROGRAM}: {kind}: {}", one_line(&what.to_string())).ok();
    }
}
