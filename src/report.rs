//! What a person is told: what failed, why, and one thing to do; and the one printer, which folds.

use std::{
    error::Error,
    fmt,
    io::{self, Write},
};

use crate::names::PROGRAM;

/// A failure or a warning in words that a person can act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    what: String,
    causes: Vec<String>,
    hint: Option<String>,
}

/// How grave a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// What was asked for did not happen.
    Error,
    /// It happened, and something is worth knowing.
    Warning,
    /// A decision on the way, for those who asked to see them.
    Note,
}

impl Report {
    /// A report in one line, without a full stop: what failed, and to what.
    pub fn new(what: impl Into<String>) -> Report {
        Report { what: bounded(what.into()), causes: Vec::new(), hint: None }
    }

    /// The report of an error: its text, and the texts of all the errors below it.
    pub fn of(error: &dyn Error) -> Report {
        let mut report = Report::new(error.to_string());
        let mut below = error.source();
        while let Some(cause) = below {
            report.causes.push(bounded(cause.to_string()));
            below = cause.source();
        }
        report
    }

    /// The same report with one more cause below those it has.
    #[must_use]
    pub fn cause(mut self, cause: impl fmt::Display) -> Report {
        self.causes.push(bounded(cause.to_string()));
        self
    }

    /// The same report with the one thing to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Report {
        self.hint = Some(bounded(hint.into()));
        self
    }

    /// Puts this report below a wider one: `self` becomes the first cause, its hint stays.
    #[must_use]
    pub fn under(self, what: impl Into<String>) -> Report {
        let causes = std::iter::once(self.what).chain(self.causes).collect();
        Report { what: bounded(what.into()), causes, hint: self.hint }
    }

    /// The same report about a wider thing, named before it: `no token for HOST: …`.
    #[must_use]
    pub fn prefixed(mut self, wider: &str) -> Report {
        self.what = format!("{wider}: {}", self.what);
        self
    }

    /// What failed, in one line.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The causes, outermost first.
    pub fn causes(&self) -> &[String] {
        &self.causes
    }

    /// One thing to do.
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// What failed and its causes in one text, where there is room for one line only.
    pub fn full(&self) -> String {
        let mut text = self.what.clone();
        for cause in &self.causes {
            text.push_str(": ");
            text.push_str(cause);
        }
        text
    }

    /// All of it in one line, for a log.
    pub fn line(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{}; {hint}", self.full()),
            None => self.full(),
        }
    }

    /// Prints it to the person.
    pub fn print(&self, level: Level, stderr: &mut dyn Write) {
        print(level, &self.what, stderr);
        for cause in &self.causes {
            // A closed pipe must not turn into a second error: nobody is left to read it.
            writeln!(stderr, "  caused by: {}", fold(cause)).ok();
        }
        if let Some(hint) = &self.hint {
            writeln!(stderr, "  hint: {}", fold(hint)).ok(); // the same
        }
    }
}

/// Most bytes of one sentence of a report. Some repeat a word of others, who may have written millions.
const MAX_SENTENCE: usize = 16 * 1024;

fn bounded(mut sentence: String) -> String {
    if sentence.len() > MAX_SENTENCE {
        sentence.truncate(sentence.floor_char_boundary(MAX_SENTENCE));
        sentence.push('…');
        sentence.shrink_to_fit();
    }
    sentence
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for Report {}

/// The one I/O error that a command passes on with `?`: standard output that cannot be written.
impl From<io::Error> for Report {
    fn from(err: io::Error) -> Report {
        Report::new(format!("cannot write the answer: {err}"))
    }
}

/// Prints one line to the person, behind the program's name: every client passes a helper's stderr on.
pub fn print(level: Level, what: &str, stderr: &mut dyn Write) {
    let level = match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    };
    // A closed pipe must not turn into a second error: nobody is left to read it.
    writeln!(stderr, "{PROGRAM}: {level}: {}", fold(what)).ok();
}

/// Folds a text to one printable line. What servers, files, signatures and arguments say goes through
/// here before it reaches a terminal: it cannot move the cursor, begin a line of its own, or change
/// the order in which it is read.
pub fn fold(text: &str) -> String {
    let visible: String = text.chars().map(|c| if is_hidden(c) { ' ' } else { c }).collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a character shows as nothing and does something: controls, zero-width and direction marks,
/// line and paragraph separators (Unicode 15; UAX 9 and 14).
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The hint for a word that is not known: the nearest that is, or all.
pub fn nearest(word: &str, known: &[&str]) -> String {
    let word = word.to_lowercase();
    let near = known.iter().map(|known| (strsim::levenshtein(&word, &known.to_lowercase()), known)).min();
    match near {
        Some((distance, candidate)) if distance <= 2.max(candidate.len() / 3) => format!("did you mean {candidate:?}?"),
        _ => format!("known here: {}", known.join(", ")),
    }
}

/// Most characters that are repeated of what a server said.
const MAX_EXCERPT: usize = 400;

/// What a server said, folded and cut: whoever it is, it does not fill a person's screen.
pub fn excerpt(text: &str) -> String {
    let mut line = fold(text);
    if let Some((end, _)) = line.char_indices().nth(MAX_EXCERPT) {
        line.truncate(end);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_sentence_is_endless() {
        let long = "ü".repeat(MAX_SENTENCE);
        let report = Report::new(&*long).cause(&long).hint(&*long).under(&*long);
        let sentences = [report.what(), &report.causes()[0], &report.causes()[1], report.advice().unwrap()];
        for sentence in sentences {
            assert!(sentence.len() <= MAX_SENTENCE + 3 && sentence.ends_with("ü…"), "{} bytes", sentence.len());
        }
        assert_eq!(Report::new("ü").what(), "ü");
    }

    #[test]
    fn nothing_that_is_printed_leaves_its_line() {
        for (text, expected, why) in [
            ("as it is", "as it is", "plain text"),
            ("  two\n lines\r\n", "two lines", "line breaks and blanks around"),
            ("a\u{1b}[31mb\u{9b}2Jc", "a [31mb 2Jc", "terminal sequences of 7 and 8 bits"),
            ("a\u{202e}b\u{2066}c", "a b c", "direction marks"),
            ("a\u{2028}b\u{200b}c\u{feff}", "a b c", "a line separator, zero width"),
            ("größe 5 µs", "größe 5 µs", "letters of every language stay"),
        ] {
            assert_eq!(fold(text), expected, "{why}");
        }
    }

    #[test]
    fn f2_9_what_a_server_said_is_cut() {
        for (text, expected, why) in [
            ("ü".repeat(400), "ü".repeat(400), "just short enough, in characters"),
            ("ü".repeat(401), format!("{}…", "ü".repeat(400)), "one too many"),
            ("a\n\tb\u{1b}[2J".into(), "a b [2J".into(), "folded"),
        ] {
            assert_eq!(excerpt(&text), expected, "{why}");
        }
    }

    #[test]
    fn causes_survive_and_are_folded() {
        let below = Report::new("cannot read x").cause("no such\nfile").hint("look\u{1b}[2Jthere");
        let mut printed = Vec::new();
        below.under("not done").print(Level::Warning, &mut printed);
        assert_eq!(
            String::from_utf8(printed).unwrap(),
            "docker-credential-ecr-rs: warning: not done\n  caused by: cannot read x\n  caused by: no such file\n  \
             hint: look [2Jthere\n"
        );
    }
}
