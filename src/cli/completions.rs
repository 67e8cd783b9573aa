//! `completions`: what a shell needs to complete the commands, generated from the clap types.

use std::process::ExitCode;

use clap_complete::{Generator, Shell};

use crate::{door::Streams, names::PROGRAM, report::Report};

/// Print the completions of a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  source <(docker-credential-ecr-rs completions bash)
  docker-credential-ecr-rs completions fish > \\
    ~/.config/fish/completions/docker-credential-ecr-rs.fish")]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    /// `command` is the clap types as one value.
    pub(super) fn run(
        &self,
        mut command: clap::Command,
        Streams { stdout, .. }: Streams<'_>,
    ) -> Result<ExitCode, Report> {
        command.set_bin_name(PROGRAM);
        command.build();
        // Written whole, because the generators panic when a pipe closes.
        let mut script = Vec::new();
        self.shell.generate(&command, &mut script);
        stdout.write_all(&script)?;
        Ok(ExitCode::SUCCESS)
    }
}
