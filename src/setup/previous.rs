//! The helper that a client's file names until now: does it keep logins, or is it this program again?

use std::{path::PathBuf, process::Command, time::Duration};

use crate::{
    environment::Environment,
    names::{DELEGATE_MARK, HELPER_PREFIX, PROGRAM},
    process::{self, Limits, Stderr},
    report::Report,
    secret::Wiped,
};

/// Another helper that kept logins until now, and the file that named it.
pub(super) struct Previous {
    pub(super) store: String,
    pub(super) path: PathBuf,
}

/// How long the helper may take to say its version.
const VERSION_TIMEOUT: Duration = Duration::from_secs(5);

/// The most bytes of its version.
const MAX_VERSION: usize = 64 << 10;

impl Previous {
    /// Whether the helper leads to this program: a script that sets `AWS_PROFILE` and starts it, or a
    /// link. Such a one keeps no logins of its own, and would ask us as we ask it.
    ///
    /// Its `version` tells, which every helper answers at once and without touching a login. One that
    /// is not there or does not answer is another one: `get` finds out, and the mark stops a circle.
    pub(super) fn leads_to_us(&self, environment: &Environment) -> bool {
        let name = format!("{HELPER_PREFIX}{}", self.store);
        let Some(program) = environment.program(&name) else { return false };
        let limits = Limits { time: VERSION_TIMEOUT, output: MAX_VERSION };
        let mut command = Command::new(program);
        command.arg("version").env(DELEGATE_MARK, name);
        match process::run(&mut command, Wiped::default(), limits, Stderr::Discard) {
            Ok(output) => String::from_utf8_lossy(&output.stdout).split_whitespace().next() == Some(PROGRAM),
            Err(_) => false,
        }
    }

    /// What to know of a helper that is not there: it is taken over all the same, since a client may have another
    /// PATH, or it may come back.
    pub(super) fn missing(&self, environment: &Environment) -> Option<Report> {
        let program = format!("{HELPER_PREFIX}{}", self.store);
        if environment.program(&program).is_some() {
            return None;
        }
        let path = self.path.display();
        let what = format!(
            "{program}, which {path} names for the logins of other registries, is not on PATH: until it is, they cannot be pulled from"
        );
        let cure = "or write `[other-registries]` with `store = \"keychain\"` into config.toml and log in again";
        Some(Report::new(what).hint(format!("put {program} into a folder of PATH, {cure}")))
    }

    /// What to know of a helper that leads to us and is no longer asked.
    pub(super) fn not_taken_over(&self) -> Report {
        let (store, path) = (&self.store, self.path.display());
        Report::new(format!("{HELPER_PREFIX}{store}, which {path} names, starts {PROGRAM} and keeps no logins of its own: it is not taken over"))
            .hint("if it sets AWS_PROFILE, write `[defaults]` with `profile = \"NAME\"` into config.toml")
    }
}
