//! What a check found, and how it is told.

use std::{
    cmp::Reverse,
    io::{self, Write},
};

use serde_json::{Value, json};

use crate::{
    cli::output::{Colour, Style, hanging},
    names::PROGRAM,
    report::fold,
};

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and something is worth knowing.
    Warning,
    /// A `get` fails here, or a client cannot ask for one.
    Failed,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Failed => "failed",
        }
    }

    fn colour(self) -> Colour {
        match self {
            Verdict::Ok => Colour::Green,
            Verdict::Warning => Colour::Yellow,
            Verdict::Failed => Colour::Red,
        }
    }
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// The check, in one word.
    pub(super) check: &'static str,
    /// How it ended.
    pub(super) verdict: Verdict,
    /// What is so, in one line without secrets.
    pub(super) what: String,
    /// One thing to do; every finding that is not ok has it.
    pub(super) hint: Option<String>,
}

impl Finding {
    /// As it should be.
    pub(super) fn ok(check: &'static str, what: impl Into<String>) -> Finding {
        Finding { check, verdict: Verdict::Ok, what: what.into(), hint: None }
    }

    /// Worth knowing.
    pub(super) fn warning(check: &'static str, what: impl Into<String>, hint: impl Into<String>) -> Finding {
        Finding { check, verdict: Verdict::Warning, what: what.into(), hint: Some(hint.into()) }
    }

    /// In the way.
    pub(super) fn failed(check: &'static str, what: impl Into<String>, hint: impl Into<String>) -> Finding {
        Finding { check, verdict: Verdict::Failed, what: what.into(), hint: Some(hint.into()) }
    }

    /// What a report says, causes and all.
    pub(super) fn reported(check: &'static str, verdict: Verdict, report: &crate::report::Report) -> Finding {
        Finding { check, verdict, what: report.full(), hint: report.advice().map(Into::into) }
    }
}

/// Where the text of a finding begins.
const COLUMN: usize = 22;

/// The checks by what is broken where they fail, the most first: nobody asks us, nobody is answered, some
/// registries are not answered, what is more than an answer.
const BY_WEIGHT: &[&[&str]] = &[
    &["program", "home", "config.toml"],
    &["docker", "podman", "notation"],
    &["containerd", "verifiers", "policy", "pulls"],
    &["ca bundle", "proxy"],
    &["host", "rule", "identity", "credentials", "ecr", "token"],
    &["cache", "lock"],
    &["logins", "login"],
];

/// Programs whose commands hints tell.
const PROGRAMS: [&str; 9] = [PROGRAM, "aws", "chmod", "docker", "export", "helm", "notation", "podman", "systemctl"];

/// The command that a hint tells: between back quotes, or at its beginning. `None` where a part of it is a
/// placeholder such as ARN.
fn command_in(hint: &str) -> Option<&str> {
    let quoted = hint.split('`').skip(1).step_by(2);
    let whole = hint.split(['`', ';', ',', '(']).next().map(str::trim_end);
    let is_placeholder =
        |word: &str| word.len() > 1 && word != "AWS" && word.chars().all(|c| c.is_ascii_uppercase() || c == '…');
    let is_command = |text: &&str| {
        let mut words = text.split(' ');
        words.next().is_some_and(|word| PROGRAMS.contains(&word))
            && words.next().is_some()
            && !text.split(' ').any(is_placeholder)
    };
    whole.into_iter().chain(quoted).find(is_command)
}

/// All findings, in the order in which a `get` meets them.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// The registry that a finding is about, and the finding.
    findings: Vec<(Option<String>, Finding)>,
    /// The command that looks again, where registries are not what was looked at.
    again: Option<String>,
}

impl Findings {
    /// None yet, where this command looks again.
    pub(super) fn of(again: String) -> Findings {
        Findings { again: Some(again), ..Findings::default() }
    }

    /// Adds findings about the machine.
    pub(super) fn add(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.findings.extend(findings.into_iter().map(|finding| (None, finding)));
    }

    /// Adds findings about one registry.
    pub(super) fn add_for(&mut self, host: &str, findings: impl IntoIterator<Item = Finding>) {
        self.findings.extend(findings.into_iter().map(|finding| (Some(host.to_owned()), finding)));
    }

    /// Whether nothing failed.
    pub(super) fn is_healthy(&self) -> bool {
        self.findings.iter().all(|(_, finding)| finding.verdict != Verdict::Failed)
    }

    /// What to do first: the hint of what breaks most. Of two that break as much, that which a `get` meets first.
    fn first(&self) -> Option<&(Option<String>, Finding)> {
        let troubles = self.findings.iter().filter(|(_, finding)| finding.hint.is_some());
        let weight = |(_, finding): &&(Option<String>, Finding)| {
            let class = BY_WEIGHT.iter().position(|class| class.contains(&finding.check)).unwrap_or(BY_WEIGHT.len());
            // One cure for many registries goes before a cure for one of them.
            let cured = self.findings.iter().filter(|(_, other)| other.hint == finding.hint).count();
            (finding.verdict, Reverse(class), cured)
        };
        troubles.rev().max_by_key(weight) // of equal ones `max_by_key` takes the last
    }

    /// The command to go on with: that of the first hint, or, where that is nothing to be typed, this one again.
    fn command(&self) -> String {
        match self.first() {
            None => format!("{PROGRAM} status"),
            Some((host, finding)) => {
                let registry =
                    || format!("{PROGRAM} doctor {}", host.as_deref().unwrap_or_default()).trim_end().to_owned();
                let again = || self.again.clone().unwrap_or_else(registry);
                finding.hint.as_deref().and_then(command_in).map_or_else(again, str::to_owned)
            }
        }
    }

    /// For people.
    pub(super) fn text(&self, style: Style, stdout: &mut dyn Write) -> io::Result<()> {
        let mut section = &None;
        for (host, finding) in &self.findings {
            match host {
                Some(host) if Some(host) != section.as_ref() => writeln!(stdout, "\n{}", fold(host))?,
                None if section.is_some() => writeln!(stdout)?,
                _ => {}
            }
            section = host;
            // A pipe gets a line for each: who reads it there looks for words.
            let text = |text: &str| if style.terminal { hanging(&fold(text), COLUMN) } else { fold(text) };
            let word = style.paint(finding.verdict.colour(), &format!("{:<7}", finding.verdict.word()));
            writeln!(stdout, "{word}  {:<11}  {}", finding.check, text(&finding.what))?;
            if let Some(hint) = &finding.hint {
                writeln!(stdout, "{:COLUMN$}{}", "", text(&format!("hint: {hint}")))?;
            }
        }
        let hint = self.first().and_then(|(_, finding)| finding.hint.as_deref()).unwrap_or("nothing to do");
        let hint = format!("first: {}", fold(hint));
        writeln!(stdout, "\n{}", if style.terminal { hanging(&hint, 0) } else { hint })?;
        writeln!(stdout, "run: {}", fold(&self.command()))
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let findings: Vec<Value> = self
            .findings
            .iter()
            .map(|(host, finding)| {
                json!({
                    "host": host,
                    "check": finding.check,
                    "verdict": finding.verdict.word(),
                    "what": fold(&finding.what),
                    "hint": finding.hint.as_deref().map(fold),
                })
            })
            .collect();
        let first = self.first().and_then(|(_, finding)| finding.hint.as_deref()).map(fold);
        json!({ "healthy": self.is_healthy(), "findings": findings, "first": first, "run": fold(&self.command()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_first_is_the_gravest() {
        let mut report = Findings::default();
        report.add([Finding::ok("a", "fine"), Finding::warning("b", "odd", "look")]);
        let first = |report: &Findings| report.first().and_then(|(_, finding)| finding.hint.clone());
        assert_eq!((report.is_healthy(), first(&report).as_deref()), (true, Some("look")));
        report.add_for("host", [Finding::failed("c", "broken\nline", "mend"), Finding::failed("d", "too", "later")]);
        assert_eq!((report.is_healthy(), first(&report).as_deref()), (false, Some("mend")));
        let mut text = Vec::new();
        report.text(Style { terminal: false, colour: false }, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(
            text.contains("\nhost\nfailed   c            broken line\n")
                && text.ends_with("\nfirst: mend\nrun: docker-credential-ecr-rs doctor host\n"),
            "{text}"
        );
    }

    #[test]
    fn f3_12_what_breaks_most_comes_first_and_is_a_command() {
        let sso = || Finding::failed("credentials", "ended", "run `aws sso login --profile dev`");
        for (findings, first, command, why) in [
            (
                vec![
                    (Some("a"), Finding::failed("host", "typo", "correct the name")),
                    (Some("b"), sso()),
                    (Some("c"), sso()),
                ],
                "run `aws sso login --profile dev`",
                "aws sso login --profile dev",
                "two registries before one",
            ),
            (
                vec![(Some("b"), sso()), (None, Finding::failed("config.toml", "line 1", "correct the line"))],
                "correct the line",
                "docker-credential-ecr-rs doctor",
                "every registry before one; what cannot be typed is looked at again",
            ),
            (
                vec![
                    (None, Finding::warning("variables", "odd", "unset it")),
                    (None, Finding::warning("docker", "no helper", "docker-credential-ecr-rs setup docker")),
                ],
                "docker-credential-ecr-rs setup docker",
                "docker-credential-ecr-rs setup docker",
                "that nobody asks us before what is odd",
            ),
            (
                vec![(
                    Some("x.io"),
                    Finding::warning("login", "none", "docker login x.io; if it is ECR, write a rule"),
                )],
                "docker login x.io; if it is ECR, write a rule",
                "docker login x.io",
                "the command alone",
            ),
            (
                vec![(
                    None,
                    Finding::failed(
                        "policy",
                        "none",
                        "docker-credential-ecr-rs setup containerd --signing-profile ARN",
                    ),
                )],
                "docker-credential-ecr-rs setup containerd --signing-profile ARN",
                "docker-credential-ecr-rs doctor",
                "a placeholder cannot be run",
            ),
            (
                vec![(None, Finding::ok("home", "fine"))],
                "nothing to do",
                "docker-credential-ecr-rs status",
                "all is well",
            ),
        ] {
            let mut report = Findings::default();
            for (host, finding) in findings {
                match host {
                    Some(host) => report.add_for(host, [finding]),
                    None => report.add([finding]),
                }
            }
            let mut text = Vec::new();
            report.text(Style { terminal: false, colour: false }, &mut text).unwrap();
            let text = String::from_utf8(text).unwrap();
            assert!(text.ends_with(&format!("\nfirst: {first}\nrun: {command}\n")), "{why}: {text}");
        }
    }
}
