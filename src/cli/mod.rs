//! The commands for people: clap types and one file for each command.
//!
//! Data goes to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 usage.

mod aws_args;
mod clear;
mod clients;
mod complete;
mod completions;
mod config;
mod confirm;
mod doctor;
mod help;
mod import;
mod known;
mod man;
mod man_text;
mod managed_signing;
mod output;
mod pairs;
mod profile;
mod profile_rule;
mod progress;
mod root_args;
mod setup;
mod setup_rules;
mod sign;
mod sign_report;
mod signatures;
mod status;
mod token;
mod trust;
mod trust_report;
mod verify;
mod verify_report;
mod version;

use std::{io::Write, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, error::ErrorKind};

use output::Style;

use crate::{
    door::{Door, Start, Streams},
    names::PROGRAM,
    report::{Level, Report, fold},
};

/// The command line's door: whatever is left.
pub const DOOR: Door = Door { claims: |_| true, run };

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
    #[command(subcommand)]
    Config(config::ConfigCommand),
    Status(status::Status),
    Clear(clear::Clear),
    Token(token::Token),
    Sign(Box<sign::Sign>),
    Verify(Box<verify::Verify>),
    #[command(subcommand)]
    Signatures(Box<signatures::Signatures>),
    #[command(subcommand)]
    Trust(Box<trust::Trust>),
    #[command(subcommand)]
    Profile(Box<profile::Profile>),
    #[command(subcommand)]
    ManagedSigning(Box<managed_signing::ManagedSigning>),
    Completions(completions::Completions),
    #[command(hide = true)]
    Complete(complete::Complete),
    Man(man::Man),
    Version(version::Version),
}

fn run(mut start: Start, streams: Streams<'_>) -> ExitCode {
    if start.arguments.is_empty() {
        start.arguments.push("--help".into());
    }
    let terminals = (start.terminals)();
    start.environment.interactive = terminals.stdin && terminals.stderr;
    // Only help and errors take the whole of the command. What cannot be read is quoted: the error is that of the words
    // as they may be printed.
    let parsed = parse(Cli::command(), &start.arguments).map_err(|err| {
        let folded: Vec<String> = start.arguments.iter().map(|word| fold(word)).collect();
        parse(command(), &folded).err().unwrap_or(err)
    });
    let Streams { stdin, stdout, stderr } = streams;
    match parsed {
        Ok(cli) => cli.command.run(start, Streams { stdin, stdout, stderr: &mut *stderr }).unwrap_or_else(|report| {
            report.print(Level::Error, stderr);
            ExitCode::FAILURE
        }),
        Err(refused) => {
            let (stream, terminal, code): (&mut dyn Write, _, _) = match refused.use_stderr() {
                true => (stderr, terminals.stderr, ExitCode::from(USAGE)),
                false => (stdout, terminals.stdout, ExitCode::SUCCESS),
            };
            let text = refused.render();
            let text = match Style::of(terminal, &start.environment).colour {
                true => text.ansi().to_string(),
                false => text.to_string(),
            };
            let is_help = refused.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
            let text = if refused.use_stderr() && !is_help { as_ours(&text) } else { text };
            // A closed pipe must not turn into a second error: nobody is left to read it.
            write!(stream, "{text}").ok();
            code
        }
    }
}

/// An error of clap's as all others look: behind the program's name, its tips as hints.
fn as_ours(text: &str) -> String {
    // Whatever colours the word.
    let is_tip = |line: &str| {
        line.split_once("tip:").is_some_and(|(before, _)| before.trim().is_empty() || before.contains('\x1b'))
    };
    let lines = text.split_inclusive('\n');
    let lines: String =
        lines.map(|line| if is_tip(line) { line.replacen("tip:", "hint:", 1) } else { line.to_owned() }).collect();
    format!("{PROGRAM}: {lines}")
}

fn parse(command: clap::Command, arguments: &[String]) -> Result<Cli, clap::Error> {
    let words = std::iter::once(PROGRAM).chain(arguments.iter().map(String::as_str));
    // Never dropped: to take it apart takes longer than to read the words.
    let command = Box::leak(Box::new(command));
    Cli::from_arg_matches(&command.try_get_matches_from_mut(words)?)
}

impl Command {
    fn run(self, start: Start, streams: Streams<'_>) -> Result<ExitCode, Report> {
        match self {
            Command::Setup(setup) => setup.run(start, streams),
            Command::Doctor(doctor) => doctor.run(start, streams),
            Command::Config(command) => command.run(start, streams),
            Command::Status(status) => status.run(start, streams),
            Command::Clear(clear) => clear.run(start, streams),
            Command::Token(token) => token.run(start, streams),
            Command::Sign(sign) => sign.run(start, streams),
            Command::Verify(verify) => verify.run(start, streams),
            Command::Signatures(command) => command.run(start, streams),
            Command::Trust(command) => command.run(start, streams),
            Command::Profile(command) => command.run(start, streams),
            Command::ManagedSigning(command) => command.run(start, streams),
            Command::Completions(completions) => completions.run(streams),
            Command::Complete(complete) => complete.run(command(), start, streams),
            Command::Man(man) => man.run(command(), streams),
            Command::Version(version) => version.run(start, streams),
        }
    }
}

/// The widest that a help text is; on a narrower terminal it is as wide as that.
const WIDEST: usize = 100;

/// The clap types as one value, with the help that lists the commands by task. The verbs of Docker's protocol are
/// among them to be explained, and to be found by who misspells one: Docker's door runs them.
fn command() -> clap::Command {
    let command = Cli::command().max_term_width(WIDEST);
    let help = help::overview(&command);
    let verb = |(name, about): &(&'static str, &'static str)| clap::Command::new(*name).about(*about).hide(true);
    command.override_help(help).subcommands(help::VERBS.iter().map(verb))
}
