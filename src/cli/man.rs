//! `man`: the manual pages, generated from the clap types.

use std::io::Write;

use super::{Problem, command};
use crate::error::PROGRAM;

/// Print the manual page, or that of a command
#[derive(Debug, clap::Args)]
pub(super) struct Man {
    /// The command
    command: Option<String>,
}

impl Man {
    pub(super) fn run(&self, stdout: &mut dyn Write) -> Result<(), Problem> {
        let mut top = command();
        top.build();
        let page = match &self.command {
            None => top,
            Some(name) => top.find_subcommand(name).cloned().ok_or_else(|| {
                Problem::new(format!("there is no command {name:?}"), format!("`{PROGRAM} --help` lists them"))
            })?,
        };
        clap_mangen::Man::new(page).render(stdout)?;
        Ok(())
    }
}
