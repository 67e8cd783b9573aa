//! Can clients start this program, and is it this one that they start?

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use super::finding::Finding;
use crate::{environment::Environment, names::PROGRAM, setup::reading};

const CHECK: &str = "program";

/// Which file a client starts for `ecr-rs`. `running` is the file of this very program.
pub(super) fn on_path(environment: &Environment, running: Option<&Path>) -> Finding {
    let Some(first) = reading::program(environment, PROGRAM) else {
        return Finding::failed(
            CHECK,
            match not_executable(environment) {
                Some(file) => format!("{} may not be run", file.display()),
                None => format!("{PROGRAM} is not on PATH, so no client can start it"),
            },
            match (not_executable(environment), running.and_then(Path::parent)) {
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
    let others = copies(environment).into_iter().find(|other| real(other) != real(&first));
    match others {
        Some(other) => Finding::warning(
            CHECK,
            format!("clients start {}; another copy is {}", first.display(), other.display()),
            format!("remove {}: a client with another PATH would start that one", other.display()),
        ),
        None => Finding::ok(CHECK, format!("clients start {}", first.display())),
    }
}

/// Every file of that name on PATH.
fn copies(environment: &Environment) -> Vec<PathBuf> {
    let path = (environment.variable)("PATH").unwrap_or_default();
    let name = format!("{PROGRAM}{}", env::consts::EXE_SUFFIX);
    env::split_paths(&path).map(|folder| folder.join(&name)).filter(|file| file.is_file()).collect()
}

/// A file of that name on PATH, of which [`reading::program`] has said that none may be run.
fn not_executable(environment: &Environment) -> Option<PathBuf> {
    copies(environment).into_iter().next()
}

/// Links followed: one file under two names is one program.
fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.into())
}
