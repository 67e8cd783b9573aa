//! What `main.rs` read of the machine: variables and folders. Nothing below asks the OS for them.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::process;

/// How one environment variable is read.
pub type Variables = Box<dyn Fn(&str) -> Option<OsString> + Send>;

/// The environment variables and folders of the user, read once in `main.rs`.
///
/// It is a value, so a test hands in its own and no test ever changes the process environment.
pub struct Environment {
    /// Reads one environment variable.
    pub variable: Variables,
    /// The user's home folder: `$HOME`, else the password database's.
    pub home: Option<PathBuf>,
    /// Where configuration lives: `$XDG_CONFIG_HOME`, `~/Library/Application Support`, `%AppData%`.
    pub config_folder: Option<PathBuf>,
    /// Where caches live: `$XDG_CACHE_HOME`, `~/Library/Caches`, `%LocalAppData%`.
    pub cache_folder: Option<PathBuf>,
    /// Where the machine's own configuration lives, for every user: `/etc`, `%ProgramData%`.
    pub system_folder: PathBuf,
    /// Where programs of the machine keep what may be gone after its next start: `/run`, `%ProgramData%`.
    pub runtime_folder: PathBuf,
    /// The folder for temporary files, which is always there.
    pub temporary_folder: PathBuf,
    /// Whether a person sits at a terminal and could answer a prompt. Never true in `get`.
    pub interactive: bool,
}

impl Environment {
    /// The same with the machine's own folders below another root: a node's disk that is mounted here.
    #[must_use]
    pub fn under(self, root: &Path) -> Environment {
        let below = |folder: &Path| root.join(folder.strip_prefix("/").unwrap_or(folder));
        let (system_folder, runtime_folder) = (below(&self.system_folder), below(&self.runtime_folder));
        Environment { system_folder, runtime_folder, ..self }
    }

    /// The text of a variable; `None` when it is unset, empty or not UTF-8, as the AWS SDKs read it.
    pub fn text(&self, name: &str) -> Option<String> {
        (self.variable)(name)?.into_string().ok().filter(|text| !text.trim().is_empty())
    }

    /// A path that a variable names, `~/` expanded to the home folder.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        let path = PathBuf::from((self.variable)(name).filter(|value| !value.is_empty())?);
        Some(match (path.strip_prefix("~"), &self.home) {
            (Ok(rest), Some(home)) => home.join(rest),
            _ => path,
        })
    }

    /// The folders in which programs are found, as `PATH` lists them; empty when it is unset.
    pub fn search_path(&self) -> OsString {
        (self.variable)("PATH").unwrap_or_default()
    }

    /// The program that a client would start by this name, if it is on `PATH` (`process::find`).
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        process::find(name, &self.search_path())
    }

    /// Whether a switch such as `AWS_EC2_METADATA_DISABLED` is set to `true` (any case).
    pub fn is_true(&self, name: &str) -> bool {
        self.text(name).is_some_and(|text| text.trim().eq_ignore_ascii_case("true"))
    }
}
