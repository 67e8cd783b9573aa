//! Notation and its AWS Signer plugin: are they there, do they run, in which versions?

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;
use zeroize::Zeroizing;

use super::finding::Finding;
use crate::{
    environment::Environment,
    process::{self, Limits, Stderr},
    report::Report,
};

const CHECK: &str = "notation";

/// The plugin's name in notation (AWS Signer developer guide, "Installing the client components").
const PLUGIN: &str = "com.amazonaws.signer.notation.plugin";

/// Notation, if it is here. `sign` needs neither of them.
pub(super) fn installed(environment: &Environment) -> Vec<Finding> {
    let Some(notation) = environment.program("notation") else { return Vec::new() };
    let mut findings = vec![match printed(&notation, "version", b"") {
        Ok(text) => Finding::ok(CHECK, format!("{} {}", notation.display(), version(&text))),
        Err(why) => Finding::warning(
            CHECK,
            format!("{} does not run: {why}", notation.display()),
            "install notation anew (https://notaryproject.dev/docs); `sign` here does without it",
        ),
    }];
    findings.extend(plugin_file(environment).map(|file| plugin(&file)));
    findings
}

fn plugin(file: &Path) -> Finding {
    if !file.exists() {
        return Finding::ok(CHECK, "the AWS Signer plugin is not installed; `sign` here does without it");
    }
    // The request of notation's plugin contract 1.0; the answer needs a name and a version.
    let answer = printed(file, "get-plugin-metadata", b"{}");
    let metadata = answer.and_then(|text| {
        let value: Value = serde_json::from_str(&text).map_err(|_| "it answers no JSON".to_owned())?;
        let version = value["version"].as_str().ok_or("its answer names no version")?.to_owned();
        if value["name"] == PLUGIN { Ok(version) } else { Err("its answer names another plugin".into()) }
    });
    match metadata {
        Ok(version) => Finding::ok(CHECK, format!("AWS Signer plugin {version}")),
        Err(why) => Finding::warning(
            CHECK,
            format!("the AWS Signer plugin {} cannot be used: {why}", file.display()),
            "install the plugin anew (AWS Signer developer guide); `sign` here does without it",
        ),
    }
}

/// What a program prints; an error in a few words otherwise.
fn printed(program: &Path, verb: &str, stdin: &[u8]) -> Result<String, String> {
    let limits = Limits { time: Duration::from_secs(5), output: 64 << 10 };
    let input = Zeroizing::new(stdin.to_vec());
    match process::run(Command::new(program).arg(verb), input, limits, Stderr::Discard) {
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(output) => Err(format!("it ended with {}", output.status)),
        Err(err) => Err(Report::of(&err).full()),
    }
}

/// Where notation looks for it: `{NOTATION_LIBEXEC or the folder of its configuration}/plugins/NAME/notation-NAME`.
fn plugin_file(environment: &Environment) -> Option<PathBuf> {
    let set = |name: &str| (environment.variable)(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let usual = || Some(environment.config_folder.as_ref()?.join("notation"));
    let folder = set("NOTATION_LIBEXEC").or_else(|| set("NOTATION_CONFIG")).or_else(usual)?;
    let name = format!("notation-{PLUGIN}{}", std::env::consts::EXE_SUFFIX);
    Some(folder.join("plugins").join(PLUGIN).join(name))
}

/// The version in `notation version`: a line `Version:     1.3.2`.
fn version(text: &str) -> &str {
    let line = text.lines().find_map(|line| line.trim().strip_prefix("Version:"));
    line.map_or("of an unknown version", str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        let text = "Notation - a tool to sign and verify artifacts.\n\nVersion:     1.3.2\nGo version:  go1.24\n";
        assert_eq!(version(text), "1.3.2");
        assert_eq!(version("hello"), "of an unknown version");
    }
}
