//! `--help`: the commands by task, one line each.

use std::fmt::Write;

use super::output::hanging;
use crate::names::PROGRAM;

/// The commands by task. Every command stands in one of them; a test keeps it so.
const TASKS: &[(&str, &[&str])] = &[
    ("Set up and check", &["setup", "doctor", "config"]),
    ("Tokens of ECR", &["token", "status", "clear"]),
    ("Signatures", &["sign", "verify", "signatures", "trust", "profile", "managed-signing"]),
    ("Shell and manual", &["completions", "man", "version", "help"]),
];

/// The verbs of Docker's protocol (docker-credential-helpers), each with what it does.
pub(super) const VERBS: &[(&str, &str)] = &[
    ("get", "Docker's protocol: answer with the login of the server on standard input, as JSON"),
    ("store", "Docker's protocol: keep the login on standard input"),
    ("erase", "Docker's protocol: forget the login of the server on standard input"),
    ("list", "Docker's protocol: answer with all servers that have a login, as JSON"),
];

/// Where the second column of the overview begins.
const COLUMN: usize = 19;

/// The text of `--help`, from the clap types. Colours are taken out where none are wanted.
pub(super) fn overview(command: &clap::Command) -> String {
    let about = |name: &str| {
        let about = command.find_subcommand(name).and_then(|command| command.get_about());
        about.map_or_else(|| "Explain a command".into(), ToString::to_string)
    };
    let heading = command.get_styles().get_header();
    let mut text = format!(
        "{}: tokens in the OS keychain, renewed by\nthemselves.\n\n{heading}Usage:{heading:#} {PROGRAM} COMMAND [OPTIONS]\n",
        command.get_about().map(ToString::to_string).unwrap_or_default()
    );
    for (task, names) in TASKS {
        write!(text, "\n{heading}{task}:{heading:#}\n").expect("text grows");
        for name in *names {
            writeln!(text, "  {name:<16} {}", hanging(&about(name), COLUMN)).expect("text grows");
        }
    }
    text += "\nDocker's protocol, which clients speak: get, store, erase, list, version\n";
    text += "The kubelet's: kubelet, whose --help tells more\n";
    text += "containerd, before each pull: -name IMAGE -digest DIGEST (`setup containerd`)\n\n";
    writeln!(text, "`{PROGRAM} COMMAND --help` explains a command.").expect("text grows");
    text
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn every_command_has_its_task_and_its_line() {
        let command = Cli::command();
        let listed: Vec<&str> = TASKS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let shown: Vec<_> = command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()).collect();
        for subcommand in &shown {
            assert!(listed.contains(&subcommand.get_name()), "{} has a task", subcommand.get_name());
            assert!(subcommand.get_about().is_some(), "{} has a line", subcommand.get_name());
        }
        assert_eq!(listed.len(), shown.len() + 1, "all of them exist, and `help` is clap's own");
        command.debug_assert();
    }
}
