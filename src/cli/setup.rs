//! `setup`: names our helper in the clients' configuration, shows it first, or takes it out again.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use crate::{
    door::{Start, Streams},
    report::Report,
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
        if !self.dry_run {
            plan.apply(&mut |_, _| Ok(()))?;
        }
        // A closed pipe is no failure: the work is done, and nobody is left to read of it.
        report(self, &plan, stdout, stderr).ok();
        Ok(ExitCode::SUCCESS)
    }
}

fn report(setup: &Setup, plan: &Plan, stdout: &mut dyn Write, stderr: &mut dyn Write) -> io::Result<()> {
    match plan.diff() {
        diff if setup.dry_run && !diff.is_empty() => write!(stdout, "{diff}")?,
        _ => plan.notes.iter().try_for_each(|note| writeln!(stdout, "{note}"))?,
    }
    for warning in &plan.warnings {
        writeln!(stderr, "warning: {warning}\n  hint: {}", warning.hint)?;
    }
    Ok(())
}
