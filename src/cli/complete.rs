//! `complete`: what can stand where a person types. The scripts of `completions` ask it, and nobody else.
//!
//! One walk over the clap types serves every shell, and knows what is known here: nothing in the scripts has to
//! be kept in step with the commands.

use std::process::ExitCode;

use clap::{Arg, Command};

use super::known;
use crate::{
    app::App,
    config::Config,
    door::{Start, Streams},
    report::{Report, fold},
    token::cache,
};

/// Print what can stand where the last word is
#[derive(Debug, clap::Args)]
pub(super) struct Complete {
    /// A new word begins behind those that are given
    #[arg(long)]
    next: bool,
    /// The words behind the program's name, the last one as far as it is typed
    #[arg(last = true)]
    words: Vec<String>,
}

impl Complete {
    /// A line for each candidate, and what it is behind a tab. `top` is the clap types as one value.
    pub(super) fn run(
        mut self,
        mut top: Command,
        start: Start,
        Streams { stdout, .. }: Streams<'_>,
    ) -> Result<ExitCode, Report> {
        if self.next {
            self.words.push(String::new());
        }
        top.build();
        let mut environment = start.environment;
        environment.interactive = false; // nobody is asked for a password while they type
        let config = Config::load(&environment).unwrap_or_default(); // one that is broken names nothing
        let app = App::open(environment, config, start.now);
        let mut lines = candidates(&top, &self.words, &|kind| names(&app, kind));
        lines.dedup();
        for (name, about) in lines {
            let tab = if about.is_empty() { "" } else { "\t" };
            writeln!(stdout, "{}{tab}{}", fold(&name), fold(&about))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What an argument names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A registry.
    Host,
    /// An image, which begins with its registry.
    Image,
    /// An AWS profile.
    AwsProfile,
    /// A signing profile of AWS Signer.
    SigningProfile,
}

impl Kind {
    /// `None` for what nobody can know, or a file.
    fn of(argument: &Arg) -> Option<Kind> {
        let value = argument.get_value_names().and_then(|names| names.first()).map(|name| name.as_str());
        match (argument.get_long(), value) {
            (Some("profile"), _) => Some(Kind::AwsProfile),
            (Some("signing-profile"), _) | (None, Some("PROFILE")) => Some(Kind::SigningProfile),
            (_, Some("HOST")) => Some(Kind::Host),
            (_, Some("IMAGE")) => Some(Kind::Image),
            _ => None,
        }
    }
}

/// What is known here of a kind.
fn names(app: &App, kind: Kind) -> Vec<String> {
    match kind {
        Kind::Host | Kind::Image => {
            let labels = cache::inventory(&*app.cache, None).unwrap_or_default().tokens;
            let hosts = known::registries(app, &labels).into_iter().map(|(host, _)| host);
            let end = if kind == Kind::Image { "/" } else { "" };
            hosts.map(|host| host + end).collect()
        }
        Kind::AwsProfile => app.identities().profile_names(),
        Kind::SigningProfile => known::signing_profiles(app),
    }
}

/// The candidates for the last word, each with what it is.
fn candidates(top: &Command, words: &[String], names: &dyn Fn(Kind) -> Vec<String>) -> Vec<(String, String)> {
    let (current, before) = words.split_last().map_or(("", &[][..]), |(last, before)| (last.as_str(), before));
    let mut command = top;
    let mut positionals = 0;
    let mut awaiting = None;
    for word in before {
        if awaiting.take().is_some() {
            continue;
        }
        match word.strip_prefix('-') {
            Some("") | Some("-") => positionals += usize::from(word == "-"),
            Some(option) => awaiting = if word.contains('=') { None } else { valued(command, option) },
            None => match command.find_subcommand(word).filter(|_| positionals == 0) {
                Some(below) => command = below,
                None => positionals += 1,
            },
        }
    }
    let mut all = Vec::new();
    if let Some(argument) = awaiting {
        all = values(argument, names);
    } else if let Some((option, _)) = current.split_once('=').filter(|_| current.starts_with("--")) {
        let argument = valued(command, &option[1..]);
        let of_option = argument.map(|argument| values(argument, names)).unwrap_or_default();
        all.extend(of_option.into_iter().map(|(value, about)| (format!("{option}={value}"), about)));
    } else if current.starts_with('-') {
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            let about = argument.get_help().map(ToString::to_string).unwrap_or_default();
            all.extend(argument.get_long().map(|long| (format!("--{long}"), about)));
        }
    } else {
        let below = command.get_subcommands().filter(|below| !below.is_hide_set() && positionals == 0);
        let about = |below: &Command| below.get_about().map(ToString::to_string).unwrap_or_default();
        all.extend(below.map(|below| (below.get_name().to_owned(), about(below))));
        // One that takes several goes on.
        let argument = command.get_positionals().nth(positionals).or_else(|| {
            let last = command.get_positionals().last()?;
            last.get_num_args().is_some_and(|number| number.max_values() > 1).then_some(last)
        });
        all.extend(argument.into_iter().flat_map(|argument| values(argument, names)));
    }
    all.retain(|(candidate, _)| candidate.starts_with(current));
    all
}

/// The option of this name, without its first hyphen, where it takes a value.
fn valued<'a>(command: &'a Command, option: &str) -> Option<&'a Arg> {
    let is_it = |argument: &&Arg| match option.strip_prefix('-') {
        Some(long) => argument.get_long() == Some(long),
        None => argument.get_short().is_some_and(|short| option.ends_with(short)),
    };
    command.get_arguments().find(is_it).filter(|argument| argument.get_action().takes_values())
}

/// The values of an argument that can be told.
fn values(argument: &Arg, names: &dyn Fn(Kind) -> Vec<String>) -> Vec<(String, String)> {
    let possible = argument.get_possible_values();
    if !possible.is_empty() && argument.get_action().takes_values() {
        let about =
            |value: &clap::builder::PossibleValue| value.get_help().map(ToString::to_string).unwrap_or_default();
        return possible.iter().map(|value| (value.get_name().to_owned(), about(value))).collect();
    }
    Kind::of(argument).into_iter().flat_map(names).map(|name| (name, String::new())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli;

    #[test]
    fn what_can_stand_there() {
        let mut top = cli::command();
        top.build();
        let names = |kind: Kind| match kind {
            Kind::Host => vec!["a.example".into(), "b.example".into()],
            Kind::Image => vec!["a.example/".into()],
            Kind::AwsProfile => vec!["dev".into()],
            Kind::SigningProfile => vec!["arn:aws:signer:x".into()],
        };
        for (line, some, none, why) in [
            ("", &["setup", "sign", "help"][..], &["get", "complete", "--help"][..], "commands, not the protocol's"),
            ("sig", &["sign", "signatures"], &["setup"], "what begins so"),
            ("signatures ", &["list", "delete"], &["setup"], "below a command"),
            ("signatures list ", &["a.example/"], &["list"], "an image"),
            ("doctor ", &["a.example", "b.example"], &[], "a registry"),
            ("doctor a.example ", &[], &["a.example"], "there is one"),
            ("doctor --o", &["--offline", "--output"], &["--root"], "options"),
            ("doctor --output ", &["text", "json"], &["a.example"], "a choice"),
            ("doctor --output=j", &["--output=json"], &["json"], "the same in one word"),
            ("doctor --output json ", &["a.example"], &["json"], "behind an option with its value"),
            ("doctor --offline ", &["a.example"], &[], "behind one without"),
            ("token --profile ", &["dev"], &["a.example"], "an AWS profile"),
            ("sign --signing-profile ", &["arn:aws:signer:x"], &["dev"], "a signing profile"),
            ("sign a/b:c ", &["a.example/"], &[], "several images"),
            ("profile show ", &["arn:aws:signer:x"], &["show"], "a signing profile by itself"),
            ("setup docker ", &["podman"], &[], "several clients"),
            ("setup --registry ", &["b.example"], &["docker"], "a registry of an option"),
            ("verify --policy ", &[], &["a.example/"], "a file is the shell's to complete"),
            ("completions ", &["bash", "zsh", "fish"], &[], "shells"),
            ("nothing such ", &[], &["setup"], "no command"),
        ] {
            let mut words: Vec<String> = line.split(' ').map(String::from).collect();
            if line.is_empty() {
                words = vec![String::new()];
            }
            let found: Vec<String> = candidates(&top, &words, &names).into_iter().map(|(name, _)| name).collect();
            for name in some {
                assert!(found.iter().any(|one| one == name), "{why}: {name}: {found:?}");
            }
            for name in none {
                assert!(!found.iter().any(|one| one == name), "{why}: {name}: {found:?}");
            }
        }
    }
}
