//! One run of a program: started, fed, read to its end, and ended where it passes a limit.

use std::{
    io::{self, Read, Write},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    thread,
    time::{Duration, Instant},
};

use thiserror::Error;

use super::running::{Group, POLL_INTERVAL, Running, end, has_ended, is_in_foreground};
use crate::secret::Wiped;

/// What a run may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Time from its start to its end.
    pub(crate) time: Duration,
    /// Bytes of its standard output, and as many of its standard error where that is captured.
    pub(crate) output: usize,
}

/// Where a program's standard error goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stderr {
    /// To our own: a person may read it while the program runs.
    Inherit,
    /// Into [`Output`].
    Capture,
    /// Nowhere.
    Discard,
}

/// What a program that ended by itself left behind.
pub(crate) struct Output {
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// Its standard output, which may hold a secret.
    pub(crate) stdout: Wiped<Vec<u8>>,
    /// Its standard error, where that was captured.
    pub(crate) stderr: Wiped<Vec<u8>>,
}

/// Why a program left nothing to go by. Whatever runs of it has been ended, except after [`Error::Start`].
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The system does not start it.
    #[error("it cannot be started")]
    Start(#[source] io::Error),
    /// It did not end in [`Limits::time`].
    #[error("it did not end within {} s", .0.as_secs())]
    Timeout(Duration),
    /// It printed more than [`Limits::output`].
    #[error("it printed more than {0} bytes")]
    TooLong(usize),
    /// Its output cannot be read, or the system does not say how it ended.
    #[error("its output cannot be read")]
    Read(#[source] io::Error),
}

/// Runs a program to its end, with `stdin` as its standard input, which is wiped after.
///
/// What it was given may go unread: that is its own affair. A program that it leaves behind and that
/// holds its output open keeps nobody waiting: what was printed until the end of the program itself
/// is the output. The environment, the arguments and the folder are `command`'s.
///
/// On unix it runs in a process group of its own, and where a limit is passed all that is in the
/// group is ended. Not so where a person at a terminal may interrupt us: what we started must then
/// be interrupted with us, and may ask at that terminal, and only our own group has both; at a limit
/// the program alone is ended. So it is on Windows, where a group would be a job object, which std
/// does not have.
///
/// # Errors
/// One of [`Error`]. An unsuccessful exit status is none.
pub(crate) fn run(
    command: &mut Command,
    stdin: Wiped<Vec<u8>>,
    limits: Limits,
    stderr: Stderr,
) -> Result<Output, Error> {
    run_in(if is_in_foreground() { Group::Ours } else { Group::Own }, command, stdin, limits, stderr)
}

fn run_in(
    group: Group,
    command: &mut Command,
    stdin: Wiped<Vec<u8>>,
    limits: Limits,
    stderr: Stderr,
) -> Result<Output, Error> {
    let deadline = Instant::now() + limits.time;
    #[cfg(unix)]
    if group == Group::Own {
        std::os::unix::process::CommandExt::process_group(command, 0);
    }
    command.stdin(if stdin.is_empty() { Stdio::null() } else { Stdio::piped() }).stdout(Stdio::piped());
    command.stderr(match stderr {
        Stderr::Inherit => Stdio::inherit(),
        Stderr::Capture => Stdio::piped(),
        Stderr::Discard => Stdio::null(),
    });
    let mut child = Running::start(command, group).map_err(Error::Start)?;
    let outcome = attend(&mut child, stdin, limits, deadline);
    let mut running = Running::lock();
    running.forget(&child);
    match outcome {
        Ok(taken) => {
            let status = child.wait().map_err(Error::Read)?; // it has ended
            Ok(Output { status, stdout: taken.stdout, stderr: taken.stderr })
        }
        Err(err) => {
            end(&mut child, group);
            Err(err)
        }
    }
}

/// How often a program that has not closed its output is looked at: it may have ended and have left
/// the output to another.
const EXIT_POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How long the rest of an ended program's output is waited for. It lies in a pipe on this machine, but our thread that
/// reads it may be kept waiting by a busy one.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// Bytes that are read at once. Most answers are shorter.
const CHUNK: usize = 8 << 10;

/// One of the two streams that are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream {
    Stdout,
    Stderr,
}

/// A part of a stream, empty at its end.
type Part = (Stream, io::Result<Wiped<Vec<u8>>>);

/// Feeds and reads a program until it has ended, or a limit is passed.
fn attend(child: &mut Child, stdin: Wiped<Vec<u8>>, limits: Limits, deadline: Instant) -> Result<Taken, Error> {
    // All on threads: a program may neither read nor write. A thread that is still held up when the
    // run is over ends with its pipe.
    if let Some(mut input) = child.stdin.take() {
        background(move || input.write_all(&stdin).is_ok())?; // a broken pipe: it did not want it
    }
    let (sender, parts) = mpsc::sync_channel(1); // no more in memory than has been taken
    let mut open = 0;
    if let Some(stdout) = child.stdout.take() {
        open += 1;
        pass_on(Stream::Stdout, stdout, sender.clone())?;
    }
    if let Some(stderr) = child.stderr.take() {
        open += 1;
        pass_on(Stream::Stderr, stderr, sender)?;
    }

    let mut taken = Taken { stdout: Wiped::default(), stderr: Wiped::default(), open, limit: limits.output };
    let mut until = None; // once it has ended
    while taken.open > 0 {
        let now = Instant::now();
        let wait = match until {
            None if now >= deadline => return Err(Error::Timeout(limits.time)),
            None => EXIT_POLL_INTERVAL.min(deadline - now),
            // Another holds the output: what the program itself printed is here.
            Some(until) if now >= until => break,
            Some(until) => until - now,
        };
        if !taken.part(&parts, wait)? && until.is_none() && has_ended(child).map_err(Error::Read)? {
            until = Some(Instant::now() + DRAIN_TIMEOUT);
        }
    }
    while !has_ended(child).map_err(Error::Read)? {
        if Instant::now() >= deadline {
            return Err(Error::Timeout(limits.time));
        }
        thread::sleep(POLL_INTERVAL);
    }
    Ok(taken)
}

/// What has been read so far.
struct Taken {
    stdout: Wiped<Vec<u8>>,
    stderr: Wiped<Vec<u8>>,
    /// How many streams have not come to their end.
    open: usize,
    limit: usize,
}

impl Taken {
    /// Takes one more part; `false` when none came in this time.
    fn part(&mut self, parts: &Receiver<Part>, wait: Duration) -> Result<bool, Error> {
        let (stream, part) = match parts.recv_timeout(wait) {
            Ok(part) => part,
            Err(RecvTimeoutError::Timeout) => return Ok(false),
            Err(RecvTimeoutError::Disconnected) => {
                self.open = 0;
                return Ok(true);
            }
        };
        let part = part.map_err(Error::Read)?;
        let whole = if stream == Stream::Stdout { &mut self.stdout } else { &mut self.stderr };
        match part.len() {
            0 => self.open -= 1,
            more if more > self.limit - whole.len() => return Err(Error::TooLong(self.limit)),
            _ => append(whole, &part),
        }
        Ok(true)
    }
}

/// Adds to a buffer that leaves no copies behind when it grows.
fn append(whole: &mut Wiped<Vec<u8>>, part: &[u8]) {
    let length = whole.len() + part.len();
    if length > whole.capacity() {
        let mut wider = Wiped::new(Vec::with_capacity(length.max(2 * whole.capacity()).max(CHUNK)));
        wider.extend_from_slice(whole);
        *whole = wider;
    }
    whole.extend_from_slice(part);
}

/// Reads a stream on a thread until it ends or nobody wants more.
fn pass_on(stream: Stream, mut output: impl Read + Send + 'static, parts: SyncSender<Part>) -> Result<(), Error> {
    background(move || {
        loop {
            let mut part = Wiped::new(vec![0; CHUNK]);
            let read = output.read(&mut part);
            if read.as_ref().is_err_and(|err| err.kind() == io::ErrorKind::Interrupted) {
                continue;
            }
            let is_last = !matches!(read, Ok(1..));
            let part = read.map(|length| {
                part.truncate(length);
                part
            });
            if parts.send((stream, part)).is_err() || is_last {
                return false;
            }
        }
    })
}

fn background(work: impl FnOnce() -> bool + Send + 'static) -> Result<(), Error> {
    thread::Builder::new().spawn(work).map(drop).map_err(Error::Read)
}

#[cfg(all(test, unix))]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    const LIMITS: Limits = Limits { time: Duration::from_secs(20), output: 100_000 };

    fn shell(script: &str, stdin: &[u8], limits: Limits) -> Result<Output, Error> {
        let mut command = Command::new("/bin/sh");
        // Whether the tests run at a terminal must make no difference.
        let input = Wiped::new(stdin.to_vec());
        run_in(Group::Own, command.args(["-c", script]), input, limits, Stderr::Capture)
    }

    /// Whether a process is there and no mere entry of one that nobody has waited for.
    fn lives(number: &str) -> bool {
        let state = if cfg!(target_os = "linux") {
            let printed = fs::read_to_string(format!("/proc/{}/stat", number.trim())).unwrap_or_default();
            printed.rsplit(") ").next().unwrap_or_default().to_owned()
        } else {
            let printed = Command::new("ps").args(["-o", "stat=", "-p", number.trim()]).output().unwrap();
            String::from_utf8_lossy(&printed.stdout).trim().to_owned()
        };
        !state.is_empty() && !state.starts_with('Z')
    }

    /// A process takes its moment to die.
    #[track_caller]
    fn assert_gone(number: &str) {
        assert!(!number.trim().is_empty(), "the script printed its number");
        let until = Instant::now() + Duration::from_secs(10);
        while lives(number) {
            assert!(Instant::now() < until, "{number} still runs");
            thread::sleep(POLL_INTERVAL);
        }
    }

    #[test]
    fn what_a_program_leaves_behind() {
        let long = "x".repeat(LIMITS.output);
        for (script, stdin, code, stdout, stderr, why) in [
            ("cat; echo two >&2; exit 3", "one", 3, "one", "two\n", "both streams and the status"),
            ("cat", long.as_str(), 0, long.as_str(), "", "more than a pipe holds, just within the bound"),
            ("exec < /dev/null; echo deaf", long.as_str(), 0, "deaf\n", "", "a program that reads nothing"),
            (
                "echo early; exec > /dev/null 2>&1; sleep 0.1; exit 4",
                "",
                4,
                "early\n",
                "",
                "it closes its output first",
            ),
            ("cat", "", 0, "", "", "nothing to read"),
            ("kill -TERM $$", "", -1, "", "", "a signal is no code"),
        ] {
            let output = shell(script, stdin.as_bytes(), LIMITS).unwrap_or_else(|err| panic!("{why}: {err}"));
            assert_eq!(output.status.code().unwrap_or(-1), code, "{why}");
            assert_eq!(*output.stdout, stdout.as_bytes(), "{why}");
            assert_eq!(*output.stderr, stderr.as_bytes(), "{why}");
        }
        let discarded =
            run(Command::new("/bin/sh").args(["-c", "echo x >&2"]), Wiped::default(), LIMITS, Stderr::Discard);
        assert!(discarded.unwrap().stderr.is_empty());
    }

    #[test]
    fn at_the_limit_all_that_it_started_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let printed = folder.path().join("number");
        let limits = Limits { time: Duration::from_millis(500), output: 1000 };
        for (script, expected, why) in [
            ("sleep 600 & echo $! > FILE; wait", "within", "a child of its own hangs"),
            ("sleep 600 & echo $! > FILE; kill -STOP $$", "within", "it is stopped itself"),
            ("exec >&- 2>&-; sleep 600 & echo $! > FILE; wait", "within", "it has closed its output"),
            ("sleep 600 & echo $! > FILE; yes", "more than 1000 bytes", "it prints without end"),
            ("sleep 600 & echo $! > FILE; yes >&2", "more than 1000 bytes", "on its standard error"),
            (
                "sleep 600 & echo $! > FILE; head -c 1001 /dev/zero",
                "more than 1000 bytes",
                "it has ended before it is read",
            ),
        ] {
            let started = Instant::now();
            let err = shell(&script.replace("FILE", &printed.display().to_string()), &[b'x'; 200_000], limits)
                .err()
                .unwrap_or_else(|| panic!("{why}: it went through"));
            assert!(err.to_string().contains(expected), "{why}: {err}");
            assert!(started.elapsed() < Duration::from_secs(10), "{why}");
            assert_gone(&fs::read_to_string(&printed).unwrap());
        }
    }

    #[test]
    fn in_our_own_group_the_program_alone_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let told = folder.path().join("numbers");
        let script = format!("sleep 600 & echo $! $$ > {}; wait", told.display());
        let limits = Limits { time: Duration::from_millis(500), output: 1000 };
        let mut command = Command::new("/bin/sh");
        let outcome = run_in(Group::Ours, command.args(["-c", &script]), Wiped::default(), limits, Stderr::Capture);
        assert!(matches!(outcome, Err(Error::Timeout(_))));
        let told = fs::read_to_string(&told).unwrap();
        let (left, program) = told.trim().split_once(' ').unwrap();
        assert_gone(program);
        assert!(lives(left), "we are not ended ourselves, nor is what is beside us");
        Command::new("kill").arg(left).status().unwrap();
    }

    #[test]
    fn what_it_leaves_behind_with_its_pipes_holds_nobody() {
        let started = Instant::now();
        let output = shell("sleep 600 & echo $!", &[b'x'; 200_000], LIMITS).unwrap();
        assert!(output.status.success() && started.elapsed() < LIMITS.time / 2, "{:?}", started.elapsed());
        let number = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(lives(&number), "it is not ended: a program may well start one that stays");
        Command::new("kill").arg(number.trim()).status().unwrap();
    }

    #[test]
    fn what_cannot_be_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "#!/nowhere/interpreter\n").unwrap();
        for mode in [0o644, 0o755] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            for path in [&file, folder.path(), &folder.path().join("absent")] {
                let outcome = run(&mut Command::new(path), Wiped::default(), LIMITS, Stderr::Inherit);
                assert!(matches!(outcome, Err(Error::Start(_))), "{}", path.display());
            }
        }
    }

    #[test]
    fn a_buffer_grows_without_losing_anything() {
        let mut whole = Wiped::default();
        for part in [&[1; 5][..], &[2; CHUNK], &[3; 3 * CHUNK], &[]] {
            append(&mut whole, part);
        }
        assert_eq!(*whole, [vec![1; 5], vec![2; CHUNK], vec![3; 3 * CHUNK]].concat());
    }
}
