//! containerd's image verifier: one image in, one sentence out, allowed or blocked.
//!
//! Source of the contract: containerd, `docs/image-verification.md` and `pkg/imageverifier/bindir/bindir.go`.

mod cache;
mod request;
mod stage;
mod trust;
mod verdict;

use std::{
    process::ExitCode,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use crate::{
    crash,
    door::{Door, Start, Streams},
    process,
    report::{Report, excerpt, fold},
};
use request::Request;
use stage::Stage;

/// containerd's door, under any name: the programs in its folder are started with their own.
pub const DOOR: Door = Door {
    claims: |start| request::is_one(&start.arguments),
    run: |start, Streams { stdin, stdout, stderr }| {
        let image = match request::spelled(&start.arguments) {
            "" => "an image without a name".to_owned(),
            spelled => excerpt(spelled),
        };
        let stage = Stage::default();
        let (sender, answers) = mpsc::sync_channel(1);
        let working = {
            let stage = stage.clone();
            move || {
                let answer = crash::catch(|| answer(start, stdin, &stage));
                let answer = answer.unwrap_or_else(|crash| Answer::blocked(Err(crash.into())));
                sender.send(answer).ok(); // too late: nobody waits any more
            }
        };
        // What hangs hangs on a thread, which ends with the program.
        let started = thread::Builder::new().stack_size(STACK).spawn(working);
        let received = match &started {
            Ok(_) => answers.recv_timeout(ANSWER_WITHIN),
            Err(_) => Err(RecvTimeoutError::Disconnected),
        };
        let answer = received.unwrap_or_else(|missing| Answer::blocked(Err(no_answer(missing, &stage))));
        process::end_all();
        let sentence = match &answer.verdict {
            Ok(said) => said.clone(),
            Err(why) => why.clone().under(format!("{image} is not verified")).line(),
        };
        let written = writeln!(stdout, "{}", cut(&fold(&sentence))).and_then(|()| stdout.flush());
        stderr.write_all(&answer.log).ok(); // a closed pipe is no failure: it is for those who look for it
        // An answer that nobody got allows nothing.
        if answer.verdict.is_ok() && written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    },
};

/// Time for everything. containerd ends a verifier after 10 s (`per_verifier_timeout`), and then its
/// sentence is lost.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);

/// Bytes of the stack of the thread that judges: as many as the main thread has.
const STACK: usize = 8 << 20;

/// Most bytes of the sentence: containerd reads 32 KiB (bindir.go, `outputLimitBytes`), the line's end among them.
const MAX_SENTENCE: usize = (32 << 10) - 1;

/// Most bytes for stderr: less than a pipe holds, so that a reader who does not come keeps nobody waiting.
const MAX_LOG: usize = 32 << 10;

/// What is said in the end.
struct Answer {
    /// The sentence that allows the image, or why it is blocked.
    verdict: Result<String, Report>,
    /// Warnings and decisions.
    log: Vec<u8>,
}

impl Answer {
    fn blocked(verdict: Result<String, Report>) -> Answer {
        Answer { verdict, log: Vec::new() }
    }
}

/// Reads the request and judges the image.
fn answer(start: Start, stdin: impl std::io::Read + Send + 'static, stage: &Stage) -> Answer {
    let mut log = Vec::new();
    let verdict = Request::read(&start.arguments).and_then(|request| {
        stage.is("reading the descriptor on standard input");
        request.agrees(stdin)?;
        verdict::of(request, start, stage, &mut log)
    });
    log.truncate(MAX_LOG);
    Answer { verdict, log }
}

/// Why there is no answer.
fn no_answer(missing: RecvTimeoutError, stage: &Stage) -> Report {
    let doing = stage.now();
    match missing {
        RecvTimeoutError::Timeout => {
            Report::new(format!("there is no verdict within {} s, while {doing}", ANSWER_WITHIN.as_secs()))
                .hint("pull it again; where this stays, look at the node's way to its registry, AWS and DNS")
        }
        RecvTimeoutError::Disconnected => Report::new("the system starts no thread for the verdict"),
    }
}

/// A text of so many bytes at most, whole characters.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_SENTENCE)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_cut_between_characters() {
        for (text, expected, why) in [
            ("a".repeat(40_000), MAX_SENTENCE, "letters of one byte"),
            ("é".repeat(20_000), MAX_SENTENCE - 1, "of two bytes: the half is left out"),
            ("short".into(), 5, "a short one"),
        ] {
            assert_eq!(cut(&text).len(), expected, "{why}");
        }
    }
}
