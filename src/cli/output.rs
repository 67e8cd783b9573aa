//! How data looks: text or JSON, with colour or without, and times for people.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use chrono::{DateTime, Local, SecondsFormat, Utc};
use serde_json::{Map, Value};

use crate::{
    environment::Environment,
    report::{fold, is_hidden},
};

/// `--output`, as in the AWS CLI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum OutputFormat {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// How text may look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    /// A person looks at it: bars are fine.
    pub(super) terminal: bool,
    /// Colour is fine too.
    pub(super) colour: bool,
}

/// The exit code of a command that prints its failures itself.
pub(super) fn exit_code(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The version of all JSON: it goes up when a member changes its meaning or goes.
const JSON_VERSION: u8 = 1;

/// Writes the members of an object for programs, behind the version. Characters that would do something to a
/// terminal are escaped, which means the same to every reader of JSON.
pub(super) fn write_json(data: &Value, stdout: &mut dyn Write) -> io::Result<()> {
    let mut whole = Map::from_iter([("version".into(), JSON_VERSION.into())]);
    whole.extend(data.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
    let mut text = String::new();
    for c in format!("{:#}", Value::from(whole)).chars() {
        match c {
            '\n' => text.push(c), // only between values: in a text it is escaped
            c if is_hidden(c) => text += &format!("\\u{:04x}", u32::from(c)), // none is beyond U+FFFF
            c => text.push(c),
        }
    }
    writeln!(stdout, "{text}")
}

/// Writes lines that may name files and what is in them; those below another stay indented.
pub(super) fn write_lines(lines: &[String], stream: &mut dyn Write) -> io::Result<()> {
    lines.iter().try_for_each(|line| match line.strip_prefix("  ") {
        Some(below) => writeln!(stream, "  {}", fold(below)),
        None => writeln!(stream, "{}", fold(line)),
    })
}

/// How wide a text for people is on a terminal.
const WIDTH: usize = 80;

/// A text that begins in this column, broken between words, its further lines in that column too.
pub(super) fn hanging(text: &str, column: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if column + line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.into()),
        }
    }
    lines.join(&format!("\n{:column$}", ""))
}

/// The colours in use (ECMA-48, "select graphic rendition").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    Red = 31,
    Green = 32,
    Yellow = 33,
}

impl Style {
    /// Colour only on a terminal that can show it, and not with `NO_COLOR` (no-color.org: any value
    /// that is not empty).
    pub(super) fn of(terminal: bool, environment: &Environment) -> Style {
        let plain = (environment.variable)("NO_COLOR").is_some_and(|value| !value.is_empty())
            || environment.text("TERM").is_some_and(|terminal| terminal == "dumb");
        Style { terminal, colour: terminal && !plain }
    }

    /// The text in a colour, if there may be one.
    pub(super) fn paint(self, colour: Colour, text: &str) -> String {
        if self.colour { format!("\x1b[{}m{text}\x1b[0m", colour as u8) } else { text.into() }
    }
}

/// A point in time for programs: RFC 3339 in UTC.
pub(super) fn timestamp(time: SystemTime) -> String {
    utc(time).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A point in time for people, in their own time zone.
pub(super) fn local(time: SystemTime) -> String {
    utc(time).with_timezone(&Local).format("%Y-%m-%d %H:%M").to_string()
}

/// A point in time as the calendar has it, from 1970 to the end of 9998: what files and keychains say is
/// printed and never a reason to stop.
fn utc(time: SystemTime) -> DateTime<Utc> {
    const LAST: i64 = 253_370_764_799;
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    DateTime::from_timestamp(i64::try_from(seconds).unwrap_or(LAST).min(LAST), 0).unwrap_or_default()
}

/// A length of time in its two largest units.
pub(super) fn length(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    match (minutes / (24 * 60), minutes / 60, minutes) {
        (0, 0, 0) => format!("{} s", time.as_secs()),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {} min", minutes % 60),
        (days, hours, _) => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_short() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3599, "59 min"),
            (3600, "1 h 0 min"),
            (43_199, "11 h 59 min"),
            (90_000, "1 d 1 h"),
        ] {
            assert_eq!(length(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn texts_are_broken_between_words() {
        for (text, column, expected, why) in [
            ("a b", 10, "a b", "short"),
            (
                "word ".repeat(15).trim_end(),
                10,
                &format!("{}\n          word", "word ".repeat(14).trim_end()),
                "too long",
            ),
            (
                &format!("a {}", "x".repeat(90)),
                2,
                &format!("a\n  {}", "x".repeat(90)),
                "a word that is too long for any line",
            ),
        ] {
            assert_eq!(hanging(text, column), expected, "{why}");
        }
    }

    #[test]
    fn f1_5_no_time_is_too_absurd_to_print() {
        for (seconds, expected, why) in [
            (0, "1970-01-01T00:00:00Z", "the beginning"),
            (1_900_000_000, "2030-03-17T17:46:40Z", "a time"),
            (253_370_764_799, "9998-12-31T23:59:59Z", "the last that is told"),
            (9_000_000_000_000_000_000, "9998-12-31T23:59:59Z", "beyond every calendar"),
        ] {
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(timestamp(time), expected, "{why}");
            assert!(!local(time).is_empty(), "{why}");
        }
        assert_eq!(timestamp(UNIX_EPOCH - Duration::from_secs(1)), "1970-01-01T00:00:00Z", "before it");
    }

    #[test]
    fn colour_is_for_terminals_that_want_it() {
        let style = |terminal: bool, name: &'static str, value: &'static str| {
            let variable = Box::new(move |asked: &str| (asked == name).then(|| value.into()));
            let environment = Environment {
                variable,
                home: None,
                config_folder: None,
                cache_folder: None,
                system_folder: "/etc".into(),
                runtime_folder: "/run".into(),
                temporary_folder: "/tmp".into(),
                interactive: false,
            };
            Style::of(terminal, &environment).paint(Colour::Red, "x")
        };
        for (terminal, name, value, text, why) in [
            (true, "TERM", "xterm", "\x1b[31mx\x1b[0m", "a terminal"),
            (false, "TERM", "xterm", "x", "a pipe"),
            (true, "NO_COLOR", "1", "x", "not wanted"),
            (true, "NO_COLOR", "", "\x1b[31mx\x1b[0m", "empty is unset"),
            (true, "TERM", "dumb", "x", "not possible"),
        ] {
            assert_eq!(style(terminal, name, value), text, "{why}");
        }
    }
}
