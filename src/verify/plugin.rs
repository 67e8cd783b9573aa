//! Another verification plugin: found where Notation finds it, and called by its protocol.

use std::{
    env::consts::EXE_SUFFIX,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

use super::{
    places,
    plugin_protocol::{PluginAnswer, PluginRequest},
    plugin_wire::{PluginError, PluginMetadata, Verified},
    policy::StoreName,
};
use crate::{
    environment::Environment,
    process::{self, Limits, Stderr},
    report::{Report, excerpt},
    secret::Wiped,
};

/// Time for one command. Notation has no bound; a plugin may ask a service on the network.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Most bytes of an answer. Notation takes 64 MiB; an answer is some sentences and names.
const MAX_OUTPUT: usize = 1 << 20;

/// What belongs to Notation's own login: it hides it from plugins, too.
const NOTATIONS_OWN: [&str; 2] = ["NOTATION_USERNAME", "NOTATION_PASSWORD"];

/// Where plugins are.
#[derive(Debug, Clone, Default)]
pub struct Plugins {
    folder: Option<PathBuf>,
}

impl Plugins {
    /// Notation's own place: `plugins` below `$NOTATION_LIBEXEC`, else below Notation's folder (notation-go,
    /// `dir/path.go`).
    pub fn of(environment: &Environment) -> Plugins {
        let above = environment.path("NOTATION_LIBEXEC").or_else(|| places::notation_folder(environment));
        Plugins { folder: above.map(|folder| folder.join("plugins")) }
    }

    /// Where the program of a plugin belongs; `None` without a home folder.
    pub fn place(&self, name: &str) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(name).join(format!("notation-{name}{EXE_SUFFIX}")))
    }

    /// What an installed plugin says of itself. Blocks until it has answered, half a minute at most.
    ///
    /// # Errors
    /// It is not installed, cannot be run, or does not answer as the protocol has it.
    pub fn metadata(&self, name: &str) -> Result<PluginMetadata, Report> {
        let metadata: PluginMetadata = call(&self.find(name)?, "get-plugin-metadata", &json!({ "pluginConfig": {} }))?;
        metadata.check(name)?;
        Ok(metadata)
    }

    /// Asks a plugin what it makes of a signature. Blocks until it has answered, a minute at most.
    ///
    /// # Errors
    /// It is not installed, cannot be run, or does not answer as the protocol has it.
    pub fn ask(&self, request: &PluginRequest) -> Result<PluginAnswer, Report> {
        let metadata = self.metadata(&request.name)?;
        let program = self.find(&request.name)?;
        let asked = request.asked_of(&metadata);
        let answer: Verified = call(&program, "verify-signature", &request.verify_signature(&asked))?;
        Ok(PluginAnswer::new(metadata, &asked, answer))
    }

    /// The program of a plugin. Its name is a signature's word: it names a folder, and nothing else.
    fn find(&self, name: &str) -> Result<PathBuf, Report> {
        let absent = |place: String| {
            Report::new(format!("it is not installed: {place}"))
                .hint("install that plugin as its maker says, or trust signatures that need none")
        };
        if !StoreName::is_name(name) {
            return Err(Report::new("that is no plugin's name"));
        }
        let Some(program) = self.place(name) else { return Err(absent("there is no folder for plugins".into())) };
        match process::is_executable(&program) {
            true => Ok(program),
            false => Err(absent(format!("there is no program {}", program.display()))),
        }
    }
}

fn call<T: DeserializeOwned>(program: &Path, command: &str, request: &impl Serialize) -> Result<T, Report> {
    let failed = || Report::new(format!("`{} {command}` failed", program.display()));
    let mut run = Command::new(program);
    run.arg(command);
    for name in NOTATIONS_OWN {
        run.env_remove(name);
    }
    let limits = Limits { time: TIMEOUT, output: MAX_OUTPUT };
    let stdin = Wiped::new(serde_json::to_vec(request).map_err(|err| failed().cause(err))?);
    let output = process::run(&mut run, stdin, limits, Stderr::Capture)
        .map_err(|err| failed().cause(Report::of(&err).full()))?;
    if !output.status.success() {
        return Err(failed().cause(refusal(&output.stderr)));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|err| failed().cause(format!("its answer is not the protocol's: {err}")))
}

/// A plugin's own words for why it failed.
fn refusal(stderr: &[u8]) -> String {
    match serde_json::from_slice::<PluginError>(stderr) {
        Ok(PluginError { error_code, error_message }) => excerpt(&format!("{error_code}: {error_message}")),
        Err(_) => excerpt(&String::from_utf8_lossy(stderr)),
    }
}
