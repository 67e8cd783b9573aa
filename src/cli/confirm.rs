//! A question before something that cannot be undone.

use std::io::BufRead;

use crate::{
    log::Log,
    report::{Report, fold},
};

/// Asks. Without a terminal only `--yes` is a yes.
pub(super) fn confirm(
    question: &str,
    yes: bool,
    terminal: bool,
    stdin: &mut dyn BufRead,
    log: &Log<'_>,
) -> Result<(), Report> {
    if yes {
        return Ok(());
    }
    if !terminal {
        return Err(Report::new(format!("needs confirmation: {question}")).hint("add --yes"));
    }
    let mut answer = String::new();
    let asked = log.with_stderr(|stderr| write!(stderr, "{} [y/N] ", fold(question)).and_then(|()| stderr.flush()));
    match asked.and_then(|()| stdin.read_line(&mut answer)) {
        Ok(_) if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") => Ok(()),
        _ => Err(Report::new("nothing was done")),
    }
}
