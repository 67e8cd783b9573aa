//! What a person sees, 80 columns wide, and its recording as an asciicast (version 2).

use std::{
    env,
    io::{self, IsTerminal, Write},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::json;

const COLUMNS: usize = 80;
/// What a player shows at a time.
const ROWS: usize = 24;

/// How a line looks: the parameter of its escape sequence (ECMA-48, SGR).
#[derive(Clone, Copy)]
pub(crate) enum Look {
    /// What a program prints.
    Plain,
    /// What a person types.
    Typed,
    /// The title of a scene.
    Title,
    /// What the sandbox says.
    Said,
}

impl Look {
    fn parameter(self) -> &'static str {
        match self {
            Look::Plain => "",
            Look::Typed => "1",
            Look::Title => "1;36",
            Look::Said => "2",
        }
    }
}

/// The screen. It keeps what it showed, and when.
pub(crate) struct Screen {
    began: Instant,
    date: SystemTime,
    colours: bool,
    shown: Vec<(f64, String)>,
}

impl Screen {
    pub(crate) fn new() -> Screen {
        let colours = io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Screen { began: Instant::now(), date: SystemTime::now(), colours, shown: Vec::new() }
    }

    /// Shows a line, folded between its words.
    pub(crate) fn line(&mut self, look: Look, text: &str) {
        for line in fold(text) {
            let parameter = look.parameter();
            let styled = match parameter.is_empty() || line.is_empty() {
                true => line.clone(),
                false => format!("\x1b[{parameter}m{line}\x1b[0m"),
            };
            // Nobody is left to tell that the output is closed.
            writeln!(io::stdout(), "{}", if self.colours { &styled } else { &line }).ok();
            self.shown.push((self.began.elapsed().as_secs_f64(), format!("{styled}\r\n")));
        }
    }

    /// The recording: a header, then `[SECONDS, "o", TEXT]` for each line, at the time when it was shown
    /// (<https://docs.asciinema.org/manual/asciicast/v2/>).
    pub(crate) fn recording(&self) -> String {
        let date = self.date.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let header = json!({
            "version": 2, "width": COLUMNS, "height": ROWS, "timestamp": date,
            "title": concat!(env!("CARGO_PKG_NAME"), " in a sandbox"),
        });
        let lines = self.shown.iter().map(|(time, text)| format!("[{time:.6}, \"o\", {}]\n", json!(text)));
        format!("{header}\n{}", lines.collect::<String>())
    }
}

/// A line in pieces of at most 80 characters, broken between words where that is possible; all but the first are
/// indented.
fn fold(text: &str) -> Vec<String> {
    let indent = " ".repeat(text.len() - text.trim_start().len() + 2);
    let mut lines = vec![String::new()];
    for word in text.split_inclusive(' ') {
        let mut word: Vec<char> = word.chars().collect();
        loop {
            let line = lines.last_mut().expect("there is always one");
            let room = COLUMNS - line.chars().count().min(COLUMNS);
            let length = word.iter().rposition(|letter| *letter != ' ').map_or(0, |last| last + 1);
            if length <= room {
                line.extend(word);
                break;
            }
            if line.trim().is_empty() {
                line.extend(word.drain(..room)); // a word that fits nowhere
            }
            lines.push(indent.clone());
        }
    }
    lines.into_iter().map(|line| line.trim_end().to_owned()).collect()
}
