//! What a check found, and how it is told.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::{
    cli::output::{Colour, Style},
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

/// All findings, in the order in which a `get` meets them.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// The registry that a finding is about, and the finding.
    findings: Vec<(Option<String>, Finding)>,
}

impl Findings {
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

    /// What to do first: the first hint among the gravest findings.
    fn first(&self) -> Option<&str> {
        let gravest = self.findings.iter().map(|(_, finding)| finding.verdict).max()?;
        let (_, finding) = self.findings.iter().find(|(_, finding)| finding.verdict == gravest)?;
        finding.hint.as_deref()
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
            let word = style.paint(finding.verdict.colour(), &format!("{:<7}", finding.verdict.word()));
            writeln!(stdout, "{word}  {:<11}  {}", finding.check, fold(&finding.what))?;
            if let Some(hint) = &finding.hint {
                writeln!(stdout, "{:22}hint: {}", "", fold(hint))?;
            }
        }
        match self.first() {
            Some(hint) => writeln!(stdout, "\nfirst: {}", fold(hint)),
            None => writeln!(stdout, "\nfirst: nothing to do"),
        }
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
        json!({ "healthy": self.is_healthy(), "findings": findings, "first": self.first().map(fold) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_first_is_the_gravest() {
        let mut report = Findings::default();
        report.add([Finding::ok("a", "fine"), Finding::warning("b", "odd", "look")]);
        assert_eq!((report.is_healthy(), report.first()), (true, Some("look")));
        report.add_for("host", [Finding::failed("c", "broken\nline", "mend"), Finding::failed("d", "too", "later")]);
        assert_eq!((report.is_healthy(), report.first()), (false, Some("mend")));
        let mut text = Vec::new();
        report.text(Style { terminal: false, colour: false }, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(
            text.contains("\nhost\nfailed   c            broken line\n") && text.ends_with("\nfirst: mend\n"),
            "{text}"
        );
    }
}
