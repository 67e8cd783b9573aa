//! Can clients start this program, and is it this one that they start?

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::finding::Finding;
use crate::{environment::Environment, names::PROGRAM, process};

const CHECK: &str = "program";

/// Which file a client starts for `ecr-rs`. `running` is the file of this very program.
pub(super) fn on_path(environment: &Environment, running: Option<&Path>) -> Finding {
    let path = environment.search_path();
    let Some(first) = process::find(PROGRAM, &path) else {
        let not_executable = process::files(PROGRAM, &path).next();
        return Finding::failed(
            CHECK,
            match &not_executable {
                Some(file) => format!("{} may not be run", file.display()),
                None => format!("{PROGRAM} is not on PATH, so no client can start it"),
            },
            match (&not_executable, running.and_then(Path::parent)) {
                (Some(file), _) => format!("chmod +x {}", file.display()),
                (None, Some(folder)) => {
                    format!("add {} to PATH, or move the program into /usr/local/bin", folder.display())
                }
                (None, None) => "move the program into a folder of PATH, such as /usr/local/bin".into(),
            },
        );
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
