//! `setup`: names our helper in the clients' configuration, shows it first, or takes it out again.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use crate::{
    door::{Start, Streams},
    report::{Level, Report, fold},
    setup::{Plan, Request, Target},
};

/// Make docker, notation and podman ask this helper.
///
/// Every file is kept beside itself as it was, and `--undo` brings it back. A `credsStore` that was
/// there goes on keeping the logins of other registries.
#[derive(Debug, clap::Args)]
pub(super) struct Setup {
    /// The clients to set up [default: docker, and the others that are installed]
    #[arg(value_enum)]
    clients: Vec<Target>,
    /// Serve these registries only (`credHelpers`) instead of every one (`credsStore`)
    #[arg(long, value_name = "HOST", num_args = 1.., value_delimiter = ',')]
    registry: Vec<String>,
    /// Show what would change and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Bring the files back as they were; what others changed in them since stays
    #[arg(long, conflicts_with = "registry")]
    undo: bool,
}

impl Setup {
    /// What was done goes to stdout, what to know to stderr.
    pub(super) fn run(&self, start: Start, Streams { stdout, stderr, .. }: Streams<'_>) -> Result<ExitCode, Report> {
        let request = Request { targets: self.clients.clone(), registries: self.registry.clone() };
        let plan = match self.undo {
            true => Plan::undo(&request, &start.environment)?,
            false => Plan::setup(&request, &start.environment)?,
        };
        let changes = plan.changed_keys()?;
        if !self.dry_run {
            plan.apply(&mut |_, _| Ok(()))?;
        }
        let lines = if self.dry_run && !changes.is_empty() { &changes } else { &plan.notes };
        print(lines, stdout).ok(); // a closed pipe is no failure: the work is done, and nobody is left to read of it
        plan.warnings.iter().for_each(|warning| warning.print(Level::Warning, stderr));
        Ok(ExitCode::SUCCESS)
    }
}

fn print(lines: &[String], stdout: &mut dyn Write) -> io::Result<()> {
    lines.iter().try_for_each(|line| match line.strip_prefix("  ") {
        Some(key) => writeln!(stdout, "  {}", fold(key)),
        None => writeln!(stdout, "{}", fold(line)),
    })
}
