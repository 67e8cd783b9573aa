//! `setup`: names our helper in the clients' configuration, shows it first, or takes it out again.

use std::io::{self, Write};

use crate::{
    environment::Environment,
    setup::{Error, Plan, Request, Target},
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
) -> Result<(), Error> {
    let request = Request { targets: setup.clients.clone(), registries: setup.registry.clone() };
    let plan = match setup.undo {
        true => Plan::undo(&request, environment)?,
        false => Plan::setup(&request, environment)?,
    };
    if !setup.dry_run {
        plan.apply(&mut |_, _| Ok(()))?;
    }
    // A closed pipe is no failure: the work is done, and nobody is left to read of it.
    report(setup, &plan, stdout, stderr).ok();
    Ok(())
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
