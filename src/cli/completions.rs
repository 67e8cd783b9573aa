//! `completions`: what a shell needs to complete the commands, generated from the clap types.

use std::io::Write;

use clap_complete::{
    Generator,
    shells::{Bash, Elvish, Fish, PowerShell, Zsh},
};

use super::{Problem, command};
use crate::error::PROGRAM;

/// Print the completions of a shell
#[derive(Debug, clap::Args)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Shell {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

impl Completions {
    pub(super) fn run(&self, stdout: &mut dyn Write) -> Result<(), Problem> {
        let mut command = command();
        command.set_bin_name(PROGRAM);
        command.build();
        // Written whole, because the generators panic when a pipe closes.
        let mut script = Vec::new();
        match self.shell {
            Shell::Bash => Bash.generate(&command, &mut script),
            Shell::Elvish => Elvish.generate(&command, &mut script),
            Shell::Fish => Fish.generate(&command, &mut script),
            Shell::Powershell => PowerShell.generate(&command, &mut script),
            Shell::Zsh => Zsh.generate(&command, &mut script),
        }
        Ok(stdout.write_all(&script)?)
    }
}
