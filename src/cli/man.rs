//! `man`: the manual pages, generated from the clap types.

use std::process::ExitCode;

use crate::{door::Streams, names::PROGRAM, report::Report};

/// Print the manual page, or that of a command
#[derive(Debug, clap::Args)]
pub(super) struct Man {
    /// The command
    command: Option<String>,
}

impl Man {
    /// `top` is the clap types as one value.
    pub(super) fn run(&self, mut top: clap::Command, Streams { stdout, .. }: Streams<'_>) -> Result<ExitCode, Report> {
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
