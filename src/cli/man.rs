//! `man`: the manual pages, generated from the clap types.

use std::process::ExitCode;

use super::command;
use crate::{
    door::{Start, Streams},
    names::PROGRAM,
    report::Report,
};

/// Print the manual page, or that of a command
#[derive(Debug, clap::Args)]
pub(super) struct Man {
    /// The command
    command: Option<String>,
}

impl Man {
    pub(super) fn run(&self, _: Start, Streams { stdout, .. }: Streams<'_>) -> Result<ExitCode, Report> {
        let mut top = command();
        top.build();
        let page = match &self.command {
            None => top,
            Some(name) => top.find_subcommand(name).cloned().ok_or_else(|| {
                Report::new(format!("there is no command {name:?}")).hint(format!("`{PROGRAM} --help` lists them"))
            })?,
        };
        clap_mangen::Man::new(page).render(&mut &mut *stdout)?;
        Ok(ExitCode::SUCCESS)
    }
}
