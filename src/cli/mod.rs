//! The commands for people: clap types and one file for each command.
//!
//! Data goes to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 usage.

mod clear;
mod completions;
mod doctor;
mod help;
mod machine;
mod man;
mod output;
mod problem;
pub mod profile;
pub mod setup;
pub mod sign;
mod sign_report;
pub mod signatures;
pub mod signing;
mod status;
mod token;

pub use machine::{Machine, Terminals};
pub use problem::Problem;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::error::PROGRAM;

/// The exit code of arguments that cannot be read.
const USAGE: u8 = 2;

#[derive(Debug, Parser)]
#[command(name = PROGRAM, version, about = "Docker credential helper for Amazon ECR", disable_version_flag = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Setup(setup::Setup),
    Doctor(doctor::Doctor),
    Status(status::Status),
    Clear(clear::Clear),
    Token(token::Token),
    Sign(Box<sign::Sign>),
    #[command(subcommand)]
    Signatures(Box<signatures::Signatures>),
    #[command(subcommand)]
    Profile(Box<profile::Profile>),
    Completions(completions::Completions),
    Man(man::Man),
}

/// Whether the arguments are for people: they begin with the name of a command, or ask for help.
///
/// The rest is answered as Docker's own helpers answer it.
pub fn claims(arguments: &[String]) -> bool {
    let Some(first) = arguments.first() else { return false };
    ["help", "--help", "-h"].contains(&first.as_str()) || Cli::command().find_subcommand(first).is_some()
}

/// Runs a command.
pub fn run(arguments: &[String], machine: Machine, stdout: &mut dyn Write, stderr: &mut dyn Write) -> ExitCode {
    let words = std::iter::once(PROGRAM).chain(arguments.iter().map(String::as_str));
    let parsed = command().try_get_matches_from(words).and_then(|matches| Cli::from_arg_matches(&matches));
    let outcome = match parsed {
        Ok(cli) => cli.command.run(machine, stdout, stderr),
        Err(refused) => {
            let (stream, code): (&mut dyn Write, _) =
                if refused.use_stderr() { (stderr, ExitCode::from(USAGE)) } else { (stdout, ExitCode::SUCCESS) };
            // A closed pipe must not turn into a second error: nobody is left to read it.
            write!(stream, "{}", refused.render()).ok();
            return code;
        }
    };
    outcome.unwrap_or_else(|problem| {
        problem.report(stderr);
        ExitCode::FAILURE
    })
}

impl Command {
    fn run(self, machine: Machine, stdout: &mut dyn Write, stderr: &mut dyn Write) -> Result<ExitCode, Problem> {
        match self {
            Command::Setup(setup) => setup::run(&setup, &machine.environment, stdout, stderr)?,
            Command::Doctor(doctor) => return doctor.run(machine, stdout, stderr),
            Command::Status(status) => status.run(machine, stdout, stderr)?,
            Command::Clear(clear) => clear.run(machine, stdout, stderr)?,
            Command::Token(token) => token.run(machine, stdout, stderr)?,
            Command::Sign(sign) => return sign.start(machine, stdout, stderr).map(code),
            Command::Signatures(command) => {
                return command.start(machine, &mut io::stdin().lock(), stdout, stderr).map(code);
            }
            Command::Profile(command) => command.start(machine, &mut io::stdin().lock(), stdout, stderr)?,
            Command::Completions(completions) => completions.run(stdout)?,
            Command::Man(man) => man.run(stdout)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The exit code of a command that tells its failures itself.
fn code(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The clap types as one value, with the help that lists the commands by task.
fn command() -> clap::Command {
    let command = Cli::command();
    let help = help::overview(&command);
    command.override_help(help)
}
