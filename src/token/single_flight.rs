//! Single flight across processes: many cold `get`s at once make one call to AWS.

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant, SystemTime},
};

use crate::{digest::sha256, environment::Environment, private_fs};

/// How long a `get` waits for another process's call to AWS before it makes its own: a second longer than
/// that call may take, so that its outcome is known.
pub const WAIT_TIMEOUT: Duration = Duration::from_secs(21);

/// How often a waiting process looks. Its wait ends at most this long after the holder's.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// How much earlier than the clock says a file may seem to have changed: the kernel's ticks, FAT's two seconds.
const CLOCK_GRAIN: Duration = Duration::from_secs(2);

/// The right to be the one process that asks AWS; waiting ones find its token cached.
///
/// The kernel releases it when the file closes, so a killed process leaves no stale lock behind.
/// The file itself stays: removing it would let two holders in.
#[must_use = "dropping it lets the next process go"]
pub struct Turn {
    file: File,
}

impl Turn {
    /// Whether nobody before has had a turn with an outcome since this time: then it has been seen already. A clock
    /// that is not this machine's alone, as of a file on a network, costs at worst a call to AWS.
    pub fn is_first_since(&self, time: SystemTime) -> bool {
        let ended = self.file.metadata().and_then(|metadata| metadata.modified());
        ended.is_ok_and(|ended| ended + CLOCK_GRAIN < time)
    }

    /// Tells those behind that there is an outcome now.
    pub fn tell(&self, now: SystemTime) {
        self.file.set_modified(now).ok(); // then one of them asks AWS once more
    }
}

/// What standing in line came to.
pub enum Line {
    /// It is this process's turn.
    Turn(Turn),
    /// Another process had its turn meanwhile: what came of it can be looked for.
    Passed,
    /// The time is up. A second call to AWS is cheaper than a pull that fails over a stranger's hung process.
    Late,
}

/// Stands in line for one registry and identity until `deadline`.
///
/// Who waits does so for a lock that all who wait get at once: one after another, two hundred would each hold up
/// those behind them with a look at the cache.
///
/// # Errors
/// The system's: there is no line here.
pub fn stand(folder: &Path, host: &str, identity: &str, deadline: Instant) -> io::Result<Line> {
    let path = folder.join(format!("{}.lock", sha256(format!("{host}\0{identity}").as_bytes())));
    let file = private_fs::open_lock(&path)?;
    match file.try_lock() {
        Ok(()) => return Ok(Line::Turn(Turn { file })),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(err)) => return Err(err),
    }
    while Instant::now() < deadline {
        match file.try_lock_shared() {
            Ok(()) => return Ok(Line::Passed),
            Err(TryLockError::WouldBlock) => thread::sleep(POLL_INTERVAL),
            Err(TryLockError::Error(err)) => return Err(err),
        }
    }
    Ok(Line::Late)
}

/// The folder of the lock files, made when it is missing: in the user's cache folder, else, where
/// that is not the user's alone or cannot be written, one in the temporary folder.
pub fn folder(environment: &Environment) -> io::Result<PathBuf> {
    let usual = environment.cache_folder.as_ref().map(|cache| cache.join("docker-credential-ecr-rs").join("locks"));
    // Anyone may have made a folder of that name, to make us wait or to see us write.
    if let Some(folder) = usual
        && private_fs::own_folder(&folder).is_ok()
    {
        return Ok(folder);
    }
    // Windows gives each user a temporary folder of their own.
    let user = private_fs::user().map_or("locks".into(), |user| user.to_string());
    let folder = environment.temporary_folder.join(format!("docker-credential-ecr-rs-{user}"));
    private_fs::own_folder(&folder)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_at_a_time_and_the_next_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let stand = |host: &str, wait| stand(folder.path(), host, "identity", Instant::now() + wait).unwrap();
        let holder = stand("a", Duration::ZERO);
        assert!(matches!(holder, Line::Turn(_)), "nobody holds it");
        assert!(matches!(stand("a", Duration::ZERO), Line::Late), "a second process goes on without in the end");
        assert!(matches!(stand("b", Duration::ZERO), Line::Turn(_)), "another registry is another turn");
        thread::scope(|scope| {
            let waiting = [(); 2].map(|()| scope.spawn(|| stand("a", WAIT_TIMEOUT)));
            thread::sleep(POLL_INTERVAL);
            drop(holder);
            for one in waiting {
                let line = one.join().unwrap();
                assert!(matches!(line, Line::Passed | Line::Turn(_)), "whoever waited goes on");
            }
        });
        assert!(matches!(stand("a", Duration::ZERO), Line::Turn(_)), "free again");
    }

    #[test]
    fn what_came_of_a_turn_is_looked_for_by_those_who_were_there() {
        let folder = tempfile::tempdir().unwrap();
        let turn = || match stand(folder.path(), "a", "identity", Instant::now()).unwrap() {
            Line::Turn(turn) => turn,
            Line::Passed | Line::Late => panic!("nobody holds it"),
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        turn().tell(now);
        let minute = Duration::from_secs(60);
        for (started, first, why) in [
            (now - minute, false, "it started before, and may have looked before"),
            (now + Duration::from_secs(1), false, "a file's time is not as exact"),
            (now + minute, true, "what was kept then was there when it looked"),
        ] {
            assert_eq!(turn().is_first_since(started), first, "{why}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_others_can_write_is_refused() {
        use std::{fs, os::unix::fs::PermissionsExt};
        let temporary = tempfile::tempdir().unwrap();
        let environment = |cache: Option<PathBuf>| Environment {
            variable: Box::new(|_| None),
            home: None,
            config_folder: None,
            cache_folder: cache,
            system_folder: temporary.path().into(),
            runtime_folder: "/run".into(),
            temporary_folder: temporary.path().into(),
            interactive: false,
        };
        let cache = temporary.path().join("cache");
        let usual = folder(&environment(Some(cache.clone()))).unwrap();
        assert!(usual.starts_with(&cache), "the user's cache folder");
        fs::set_permissions(&usual, fs::Permissions::from_mode(0o770)).unwrap();
        let own = folder(&environment(Some(cache.clone()))).unwrap();
        assert!(!own.starts_with(&cache), "a cache folder that is shared with others");
        let own = folder(&environment(Some("/dev/null/x".into()))).unwrap();
        assert!(own.starts_with(temporary.path()), "a cache folder that cannot be");
        fs::set_permissions(&own, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(folder(&environment(None)).is_err(), "anyone could have made it");
    }
}
