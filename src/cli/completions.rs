//! `completions`: what a shell needs to complete the commands, generated from the clap types.

use std::process::ExitCode;

use clap_complete::{Generator, Shell};

use super::command;
use crate::{
    door::{Start, Streams},
    names::PROGRAM,
    report::Report,
};

/// Print the completions of a shell
#[derive(Debug, clap::Args)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self, _: Start, Streams { stdout, .. }: Streams<'_>) -> Result<ExitCode, Report> {
        let mut command = command();
        command.set_bin_name(PROGRAM);
        command.build();
        // Written whole, because the generators panic when a pipe closes.
        let mut script = Vec::new();
        self.shell.generate(&command, &mut script);
        stdout.write_all(&script)?;
        Ok(ExitCode::SUCCESS)
    }
}
