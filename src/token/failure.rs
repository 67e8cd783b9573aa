//! The last failure of a mint, for those who ask the same thing at the same moment: a client that repeats a
//! failed `get` at once, and whoever stood in line behind it. It holds what a person was told: no secrets.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use super::source::{MintError, MintErrorKind};
use crate::{
    digest::sha256,
    private_fs::{self, Replacement},
    report::Report,
};

/// How long a failure answers for a new try: longer than a client takes to repeat one, shorter than a person
/// takes to mend the cause.
pub(super) const LIFE: Duration = Duration::from_secs(3);

/// Longest note that is read.
const MAX_NOTE: u64 = 64 * 1024;

/// The place of the failures of one registry and identity, in the folder of the locks.
pub(super) struct Place(PathBuf);

/// What is noted.
#[derive(Serialize, Deserialize)]
struct Note {
    /// In milliseconds since 1970.
    at: u64,
    kind: MintErrorKind,
    what: String,
    causes: Vec<String>,
    hint: Option<String>,
}

impl Place {
    /// `folder` is the user's alone.
    pub(super) fn of(folder: &Path, host: &str, identity: &str) -> Place {
        Place(folder.join(format!("{}.failed", sha256(format!("{host}\0{identity}").as_bytes()))))
    }

    /// The failure that answers a `get` that started at one time and looks at another, if there is one: it
    /// came while that `get` waited, or just before. What cannot be read is none.
    pub(super) fn read(&self, started: SystemTime, now: SystemTime) -> Option<MintError> {
        let file = private_fs::open_no_link(&self.0).ok()?;
        let bytes = private_fs::read_all(&file, MAX_NOTE).ok()?;
        let note: Note = serde_json::from_slice(&bytes).ok()?;
        let at = UNIX_EPOCH.checked_add(Duration::from_millis(note.at))?;
        // A note from the future is from before the clock was set back.
        let (latest, earliest) = (now + Duration::from_secs(1), started - LIFE);
        if at > latest || at < earliest {
            return None;
        }
        let report = note.causes.iter().fold(Report::new(note.what), Report::cause);
        let report = note.hint.into_iter().fold(report, Report::hint);
        Some(MintError { kind: note.kind, report })
    }

    /// Notes a failure. One that cannot be noted costs the next `get` a call of its own, no more.
    pub(super) fn write(&self, failure: &MintError, now: SystemTime) {
        let report = &failure.report;
        let note = Note {
            at: u64::try_from(now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or_default(),
            kind: failure.kind,
            what: report.what().into(),
            causes: report.causes().to_vec(),
            hint: report.advice().map(String::from),
        };
        let write = || -> io::Result<()> {
            let mut replacement = Replacement::of(&self.0)?;
            replacement.write(&serde_json::to_vec(&note)?)?;
            replacement.rename()
        };
        write().unwrap_or_default();
    }

    /// Ends the failure: there is a token.
    pub(super) fn forget(&self) {
        fs::remove_file(&self.0).ok(); // usually there is none
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f6_12_a_failure_answers_for_a_moment() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::of(folder.path(), "host", "identity");
        let at = UNIX_EPOCH + Duration::from_secs(1_900_000_000);
        assert!(place.read(at, at).is_none(), "nothing is noted");
        let report = || Report::new("no").cause("first").cause("second").hint("do");
        place.write(&MintError { kind: MintErrorKind::Denied, report: report() }, at);
        let seconds = Duration::from_secs;
        for (started, now, told, why) in [
            (at, at, true, "at once"),
            (at - seconds(15), at + seconds(1), true, "who stood in line while it failed"),
            (at + seconds(3), at + seconds(3), true, "three seconds later"),
            (at + seconds(4), at + seconds(4), false, "later than that"),
            (at - seconds(9), at - seconds(2), false, "before it: the clock was set back"),
        ] {
            let read = place.read(started, now).map(|failure| (failure.kind, failure.report));
            assert_eq!(read, told.then(|| (MintErrorKind::Denied, report())), "{why}");
        }
        for (host, identity) in [("other", "identity"), ("host", "other")] {
            assert!(Place::of(folder.path(), host, identity).read(at, at).is_none(), "{host} {identity}");
        }
        place.forget();
        assert!(place.read(at, at).is_none(), "there is a token");
        for (text, why) in [("", "empty"), ("{}", "no members"), ("\0", "no JSON")] {
            fs::write(&place.0, text).unwrap();
            assert!(place.read(at, at).is_none(), "{why}");
        }
        let absurd = r#"{"at":18446744073709551615,"kind":"Denied","what":"","causes":[],"hint":null}"#;
        fs::write(&place.0, absurd).unwrap();
        assert!(place.read(at, at).is_none(), "an absurd time");
    }
}
