//! Notation and its AWS Signer plugin: are they there, do they run, in which versions?

use std::{path::Path, process::Command, time::Duration};

use super::finding::Finding;
use crate::{
    environment::Environment,
    names::{NOTATION_PLUGIN, NOTATION_PLUGIN_URL, PROGRAM},
    process::{self, Limits, Stderr},
    report::Report,
    secret::Wiped,
    verify::{plugin::Plugins, plugin_wire::PluginMetadata},
};

const CHECK: &str = "notation";

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
    findings.push(plugin(environment));
    findings
}

/// Whose plugin is there: this program can be it, under the name of AWS's own.
fn plugin(environment: &Environment) -> Finding {
    let plugins = Plugins::of(environment);
    let place = plugins.place(NOTATION_PLUGIN).filter(|place| place.symlink_metadata().is_ok());
    let Some(place) = place else {
        return Finding::ok(
            CHECK,
            format!(
                "no plugin for AWS Signer is installed; `sign` here does without, `{PROGRAM} setup notation --plugin` installs one"
            ),
        );
    };
    let place = place.display();
    match plugins.metadata(NOTATION_PLUGIN) {
        Ok(metadata) if metadata.url == NOTATION_PLUGIN_URL => {
            Finding::ok(CHECK, format!("the AWS Signer plugin {place} is this program's, {}", metadata.version))
        }
        Ok(metadata) => {
            let PluginMetadata { description, version, .. } = metadata;
            Finding::ok(CHECK, format!("the AWS Signer plugin {place} is not this program's: {description}, {version}"))
        }
        Err(why) => Finding::warning(
            CHECK,
            format!("the AWS Signer plugin {place} cannot be used: {}", why.full()),
            format!(
                "install the plugin anew: {PROGRAM} setup notation --plugin --replace; `sign` here does without it"
            ),
        ),
    }
}

/// What a program prints; an error in a few words otherwise.
fn printed(program: &Path, verb: &str, stdin: &[u8]) -> Result<String, String> {
    let limits = Limits { time: Duration::from_secs(5), output: 64 << 10 };
    let input = Wiped::new(stdin.to_vec());
    match process::run(Command::new(program).arg(verb), input, limits, Stderr::Discard) {
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(output) => Err(format!("it ended with {}", output.status)),
        Err(err) => Err(Report::of(&err).full()),
    }
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
