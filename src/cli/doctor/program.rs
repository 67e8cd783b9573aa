//! Can clients start this program, and is it this one that they start?

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::finding::{Finding, Verdict};
use crate::{environment::Environment, names::PROGRAM, process, setup::warning};

const CHECK: &str = "program";

/// Which file a client starts for `ecr-rs`. `running` is the file of this very program.
pub(super) fn on_path(environment: &Environment, running: Option<&Path>) -> Finding {
    let first = match warning::file_that_clients_start(environment, running) {
        Ok(file) => file,
        Err(report) => return Finding::reported(CHECK, Verdict::Failed, &report),
    };
    if let Some(running) = running
        && real(&first) != real(running)
    {
        return Finding::warning(
            CHECK,
            format!("clients start {}, not {}, which runs now", first.display(), running.display()),
            format!("remove the one that is not wanted, or put its folder later on PATH: {}", first.display()),
        );
    }
    let path = (environment.variable)("PATH").unwrap_or_default();
    match process::files(PROGRAM, &path).find(|other| real(other) != real(&first)) {
        Some(other) => Finding::warning(
            CHECK,
            format!("clients start {}; another copy is {}", first.display(), other.display()),
            format!("remove {}: a client with another PATH would start that one", other.display()),
        ),
        None => Finding::ok(CHECK, format!("clients start {}", first.display())),
    }
}

/// Links followed: one file under two names is one program.
fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.into())
}
