//! A broken machine, and what breaks one.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use crate::support::{
    loopback::{ACCESS_KEY_ID, SECRET_ACCESS_KEY},
    machine::Machine,
    program::Program,
};

/// The registry of most rows.
pub(super) const HOST: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";

/// A broken machine.
pub(super) struct Row {
    /// Why the row is there.
    pub(super) why: &'static str,
    /// Breaks a healthy machine.
    pub(super) breaks: fn(&Machine, Program) -> Program,
    /// The registry that is asked about.
    pub(super) host: &'static str,
    /// Check and verdict of the first of the gravest findings.
    pub(super) first: (&'static str, &'static str),
    /// A part of what is said.
    pub(super) what: &'static str,
    /// A part of the hint.
    pub(super) hint: &'static str,
}

/// A row about [`HOST`].
pub(super) const fn row(
    why: &'static str,
    first: (&'static str, &'static str),
    what: &'static str,
    hint: &'static str,
    breaks: fn(&Machine, Program) -> Program,
) -> Row {
    Row { why, breaks, host: HOST, first, what, hint }
}

/// Puts a shell script at `path` in the home folder, and its folder at the end of PATH.
pub(super) fn install(machine: &Machine, program: Program, path: &str, script: &str) -> Program {
    let file = machine.write(path, &format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    program.with("PATH", format!("{}:{}", folder(Machine::binary()).display(), folder(&file).display()))
}

/// Gives docker this configuration.
pub(super) fn docker_says(machine: &Machine, text: &str) {
    machine.write(".docker/config.json", text);
}

/// A profile of `alice`.
pub(super) fn keys(profile: &str) -> String {
    format!("[{profile}]\naws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n")
}

/// The program without keys in its environment.
pub(super) fn without_keys(program: Program) -> Program {
    program.without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY")
}

/// The folder of a file.
pub(super) fn folder(file: &Path) -> &Path {
    file.parent().unwrap()
}
