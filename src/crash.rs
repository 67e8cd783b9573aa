//! What a fault of this program or of a library leaves behind: an error in words, no panic text and no
//! core dump, since both can hold a secret.

use std::{
    cell::Cell,
    panic::{self, AssertUnwindSafe, Location, PanicHookInfo},
};

use futures_util::FutureExt;
use thiserror::Error;

use crate::report::Report;

thread_local! {
    /// Where the last panic of this thread was.
    static PLACE: Cell<Option<String>> = const { Cell::new(None) };
}

/// A panic that was caught. Its message is gone: it may quote what it could not handle.
#[derive(Debug, Error)]
#[error("a fault in {place}")]
pub struct Crash {
    /// File and line.
    place: String,
}

/// Switches core dumps off, and keeps panics from printing. Called once, before anything else.
///
/// Both are for the process and what it starts, but a program that is started has its own
/// `PR_SET_DUMPABLE`. A system that allows neither is no reason to give up.
pub fn contain() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let maximum = getrlimit(Resource::Core).maximum;
        setrlimit(Resource::Core, Rlimit { current: Some(0), maximum }).ok(); // lowering is always allowed
    }
    // A `core_pattern` that is a pipe is not bound by the limit (core(5)), but by this (prctl(2)).
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable).ok(); // as above
    panic::set_hook(Box::new(|info: &PanicHookInfo<'_>| PLACE.set(info.location().map(place))));
}

/// Runs work whose panics are errors.
///
/// # Errors
/// When the work panics. What it changed half way must not be used again.
pub fn catch<T>(work: impl FnOnce() -> T) -> Result<T, Crash> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|_| Crash::last())
}

/// The same for async work that runs on one thread.
///
/// # Errors
/// As [`catch`].
pub async fn catch_async<T>(work: impl Future<Output = T>) -> Result<T, Crash> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|_| Crash::last())
}

impl Crash {
    fn last() -> Crash {
        Crash { place: PLACE.take().unwrap_or_else(|| "an unknown place".into()) }
    }
}

impl From<Crash> for Report {
    fn from(crash: Crash) -> Report {
        Report::of(&crash).prefixed("this program failed on its own side").hint(concat!(
            "report it with this line at ",
            env!("CARGO_PKG_REPOSITORY"),
            "/issues"
        ))
    }
}

/// `FILE:LINE`, from the folder above `src` on: what stands before tells of the machine that built it.
fn place(location: &Location<'_>) -> String {
    let file = location.file().replace('\\', "/");
    let file = match file.rsplit_once("/src/") {
        Some((root, rest)) => format!("{}/src/{rest}", root.rsplit('/').next().unwrap_or_default()),
        None => file,
    };
    format!("{file}:{}", location.line())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_without_its_message() {
        let caught = catch(|| -> u32 { panic!("CANARY") }).unwrap_err();
        assert!(!format!("{caught} {caught:?}").contains("CANARY"), "{caught:?}");
        let caught = catch_async(async { [0u8; 1][std::hint::black_box(3)] }).now_or_never().unwrap().unwrap_err();
        assert!(caught.to_string().starts_with("a fault in "), "{caught}");
        assert_eq!(catch(|| 7).unwrap(), 7);
    }

    #[test]
    fn places_do_not_tell_of_the_machine_that_built_it() {
        let line = line!() + 1;
        let here = place(Location::caller());
        assert_eq!(here, format!("src/crash.rs:{line}"));
    }
}
