//! The person's stream, stderr: warnings, failures, and with `ECR_RS_LOG` each decision.

use std::{cell::RefCell, fmt::Display, io::Write};

use crate::report::{Level, Report, print};

/// Lines on stderr, which every client passes to the terminal.
pub struct Log<'a> {
    stderr: RefCell<&'a mut dyn Write>,
    verbose: bool,
    printed: RefCell<Vec<String>>,
}

impl<'a> Log<'a> {
    /// Writes to `stderr`; decisions too when `verbose`.
    pub fn new(stderr: &'a mut dyn Write, verbose: bool) -> Log<'a> {
        Log { stderr: RefCell::new(stderr), verbose, printed: RefCell::default() }
    }

    /// Something did not work and the answer came all the same.
    pub fn warn(&self, what: impl Display) {
        self.line(Level::Warning, &what);
    }

    /// The same, printed once however often it happens: a broken keychain is met at each step.
    pub fn warn_once(&self, what: impl Display) {
        let text = what.to_string();
        if !self.printed.borrow().contains(&text) {
            self.warn(&text);
            self.printed.borrow_mut().push(text);
        }
    }

    /// A decision, for those who asked to see them.
    pub fn note(&self, what: impl Display) {
        if self.verbose {
            self.line(Level::Note, &what);
        }
    }

    /// A failure, or a warning with causes and a hint.
    pub fn report(&self, level: Level, report: &Report) {
        report.print(level, *self.stderr.borrow_mut());
    }

    /// Hands out the stream itself: for progress, questions, and the output of other programs.
    pub fn with_stderr<T>(&self, write: impl FnOnce(&mut dyn Write) -> T) -> T {
        write(*self.stderr.borrow_mut())
    }

    fn line(&self, level: Level, what: &dyn Display) {
        print(level, &what.to_string(), *self.stderr.borrow_mut());
    }
}
