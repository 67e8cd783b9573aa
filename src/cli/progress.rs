//! One line on the terminal while a run goes on: how far it is, and for how long it has been running.

use std::{
    cell::Cell,
    future::Future,
    pin::pin,
    time::{Duration, Instant},
};

use futures_util::future::{Either, select};

use crate::log::Log;

/// How often the line is drawn. What is done sooner draws none.
const TICK: Duration = Duration::from_millis(500);

/// The length of the bar, in characters.
const BAR: usize = 20;

/// A run that can be watched.
pub(super) struct Progress<'a> {
    doing: &'static str,
    draw: bool,
    log: &'a Log<'a>,
    /// How many images are done, of how many.
    count: Cell<(usize, usize)>,
}

impl<'a> Progress<'a> {
    /// `doing` is one word: "signing".
    pub(super) fn new(doing: &'static str, draw: bool, log: &'a Log<'a>) -> Progress<'a> {
        Progress { doing, draw, log, count: Cell::default() }
    }

    /// How far it is.
    pub(super) fn of(&self, done: usize, total: usize) {
        self.count.set((done, total));
    }

    /// Draws while the work goes on, and leaves an empty line.
    pub(super) async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let mut work = pin!(work);
        let mut drawn = false;
        loop {
            match select(work, pin!(tokio::time::sleep(TICK))).await {
                Either::Left((done, _)) => {
                    if drawn {
                        self.write("\r\x1b[K");
                    }
                    return done;
                }
                Either::Right(((), rest)) => {
                    work = rest;
                    drawn = self.draw;
                    if drawn {
                        self.write(&format!("\r{}\x1b[K", line(self.doing, self.count.get(), begun.elapsed())));
                    }
                }
            }
        }
    }

    fn write(&self, text: &str) {
        // A terminal that is gone is no reason to stop.
        self.log.with_stderr(|stderr| stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush())).ok();
    }
}

/// The line; a bar only where there is more than one image.
fn line(doing: &str, (done, total): (usize, usize), time: Duration) -> String {
    let seconds = time.as_secs();
    if total < 2 {
        return format!("{doing}, {seconds} s");
    }
    let full = BAR * done.min(total) / total;
    let bar = format!("{}{}", "█".repeat(full), "░".repeat(BAR - full));
    format!("{doing} {bar} {done} of {total} images, {seconds} s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_fits_a_terminal() {
        for (count, expected, why) in [
            ((0, 0), "signing, 3 s", "before the images are known"),
            ((0, 1), "signing, 3 s", "one slow image"),
            ((0, 4), "signing ░░░░░░░░░░░░░░░░░░░░ 0 of 4 images, 3 s", "none"),
            ((2, 4), "signing ██████████░░░░░░░░░░ 2 of 4 images, 3 s", "half"),
            ((4, 4), "signing ████████████████████ 4 of 4 images, 3 s", "all"),
        ] {
            let drawn = line("signing", count, Duration::from_millis(3900));
            assert_eq!(drawn, expected, "{why}");
        }
        let longest = line("verifying", (99_999, 99_999), Duration::from_secs(9999));
        assert!(longest.chars().count() < 80, "{longest}");
    }
}
