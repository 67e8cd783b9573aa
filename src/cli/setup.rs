//! `setup`: names our helper in the clients' configuration, shows it first, or takes it out again.

use std::io::{self, Write};

use crate::{
    environment::Environment,
    report::{Level, Report, fold},
    setup::{Plan, Request, Target},
};

/// Make docker, notation and podman ask this helper.
///
/// Every file is kept beside itself as it was, and `--undo` brings it back. A `credsStore` that was
/// there goes on keeping the logins of other registries.
#[derive(Debug, clap::Args)]
pub struct Setup {
    /// The clients to set up [default: docker, and the others that are installed]
    #[arg(value_enum)]
    pub clients: Vec<Target>,
    /// Serve these registries only (`credHelpers`) instead of every one (`credsStore`)
    #[arg(long, value_name = "HOST", num_args = 1.., value_delimiter = ',')]
    pub registry: Vec<String>,
    /// Show what would change and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Bring the files back as they were; what others changed in them since stays
    #[arg(long, conflicts_with = "registry")]
    pub undo: bool,
}

/// Runs it: what was done goes to `stdout`, what to know to `stderr`.
pub fn run(
    setup: &Setup,
    environment: &Environment,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> Result<(), Report> {
    let request = Request { targets: setup.clients.clone(), registries: setup.registry.clone() };
    let plan = match setup.undo {
        true => Plan::undo(&request, environment)?,
        false => Plan::setup(&request, environment)?,
    };
    let changes = plan.changed_keys()?;
    if !setup.dry_run {
        plan.apply(&mut |_, _| Ok(()))?;
    }
    let lines = if setup.dry_run && !changes.is_empty() { &changes } else { &plan.notes };
    // A closed pipe is no failure: the work is done, and nobody is left to read of it.
    print(lines, stdout).ok();
    plan.warnings.iter().for_each(|warning| warning.print(Level::Warning, stderr));
    Ok(())
}

fn print(lines: &[String], stdout: &mut dyn Write) -> io::Result<()> {
    lines.iter().try_for_each(|line| match line.strip_prefix("  ") {
        Some(key) => writeln!(stdout, "  {}", fold(key)),
        None => writeln!(stdout, "{}", fold(line)),
    })
}
