//! What may keep a client from asking us after `setup`, or a login from being found.
//!
//! Docker's order (docker/cli `ConfigFile.GetCredentialsStore`, `nativeStore.Get`): a `credHelpers`
//! entry of exactly this host, else `credsStore`, else `auths`. Once a helper serves a host, the
//! user name and password in `auths` are not read any more, also when the helper has no login.

use std::{fmt, path::Path};

use super::{HELPER, Target, client::Client, file, places};
use crate::{environment::Environment, names::PROGRAM, registry::Server};

/// Something to know, with one thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What is so, in one line.
    pub what: String,
    /// One thing to do.
    pub hint: String,
}

impl Warning {
    fn new(what: impl Into<String>, hint: impl Into<String>) -> Warning {
        Warning { what: what.into(), hint: hint.into() }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// What is to be known of docker's or notation's file. `hosts` are the registries that are set up;
/// none means every one.
pub(super) fn of_client(
    target: Target,
    path: &Path,
    client: &Client<'_>,
    hosts: &[String],
    text: &str,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let file = path.display();
    if text.starts_with('\u{feff}') {
        warnings.push(Warning::new(
            format!("{file} begins with a byte order mark, and {target} refuses such a file whole"),
            "save the file as UTF-8 without a byte order mark",
        ));
    }
    if hosts.is_empty() {
        for (host, helper) in client.helpers.iter().filter(|(host, helper)| is_ecr(host) && helper != HELPER) {
            warnings.push(Warning::new(
                format!(
                    "`credHelpers` of {file} gives {host} to docker-credential-{helper}, which goes before `credsStore`"
                ),
                format!("{PROGRAM} setup {target} --registry {host}"),
            ));
        }
    }
    for host in client.clear_text_logins() {
        warnings.extend(clear_text(target, path, client, hosts, &host));
    }
    let desktop = client.store.as_deref().is_some_and(|store| store.starts_with("desktop"))
        || client.text("currentContext").is_some_and(|context| context.starts_with("desktop"));
    if target == Target::Docker && hosts.is_empty() && desktop {
        warnings.push(Warning::new(
            format!("Docker Desktop may write its own `credsStore` into {file} when it starts or updates"),
            format!("if ECR asks for a login again, run `{PROGRAM} setup docker` once more; entries of `setup --registry HOST` are left alone"),
        ));
    }
    warnings
}

/// A login that stands in the file itself: who reads it now?
fn clear_text(target: Target, path: &Path, client: &Client<'_>, hosts: &[String], host: &str) -> Option<Warning> {
    let (name, ecr) = match Server::parse(host, |_| None)? {
        Server::Ecr(registry) => (registry.host, true),
        Server::Other(key) => (key, false),
    };
    let file = path.display();
    let other_helper = client.helper(&name).is_some_and(|helper| helper != HELPER);
    let served = client.helper(&name) == Some(HELPER) || hosts.contains(&name) || (hosts.is_empty() && !other_helper);
    match (served, ecr) {
        (true, true) => Some(Warning::new(
            format!(
                "an old token of {name} stays in clear text in `auths` of {file}; {target} asks {HELPER} and no longer reads it"
            ),
            format!("{target} logout {host}"),
        )),
        // One that another helper hid already was not read before either.
        (true, false) if client.store.is_none() => Some(Warning::new(
            format!(
                "the login of {name} stays in clear text in `auths` of {file}, and {target} no longer reads it: it asks {HELPER}"
            ),
            format!("{target} login {host}, which moves it into the keychain"),
        )),
        (false, true) if !other_helper && client.store.is_none() => Some(Warning::new(
            format!("{name} is served by a token in `auths` of {file}, which ends 12 hours after it was made"),
            format!("{PROGRAM} setup {target} --registry {name}"),
        )),
        _ => None,
    }
}

/// Podman reads the auth.json of this session before the one that names us.
pub(super) fn of_podman(hosts: &[String], environment: &Environment) -> Vec<Warning> {
    let Some(path) = places::podman_runtime_logins(environment) else { return Vec::new() };
    let Ok(text) = file::read_text(&path, &path) else { return Vec::new() };
    let Ok(client) = Client::of(&path, &text) else { return Vec::new() };
    let logins = client.clear_text_logins().into_iter().filter(|host| hosts.contains(host));
    let warning = |host: String| {
        Warning::new(
            format!("podman reads the login of {host} in {} first", path.display()),
            format!("podman logout {host}"),
        )
    };
    logins.map(warning).collect()
}

/// Notation reads one file only.
pub(super) fn docker_hidden_from_notation(docker: &Path, notation: &Path) -> Warning {
    Warning::new(
        format!(
            "notation no longer reads the logins of {}: its own {} comes first, whole",
            docker.display(),
            notation.display()
        ),
        format!("{PROGRAM} setup notation serves the other registries too; setup --undo notation goes back"),
    )
}

/// What is to be known of the machine.
pub(super) fn of_machine(environment: &Environment) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if environment.text("DOCKER_AUTH_CONFIG").is_some() {
        warnings.push(Warning::new(
            "DOCKER_AUTH_CONFIG is set: docker takes the logins in it before it asks any helper",
            "unset DOCKER_AUTH_CONFIG, or take ECR's hosts out of it",
        ));
    }
    if places::program(environment, PROGRAM).is_none() {
        warnings.push(Warning::new(
            format!("{PROGRAM} is not on PATH, so clients cannot start it"),
            "move it into a folder of PATH, such as /usr/local/bin; editors and services may have a shorter PATH than your shell",
        ));
    }
    // docker from the snap store runs confined, with a home of its own.
    if places::program(environment, "docker").is_some_and(|docker| docker.to_string_lossy().contains("/snap/bin/")) {
        warnings.push(Warning::new(
            "docker is a snap: it reads ~/snap/docker/current/.docker/config.json and cannot start helpers outside of the snap",
            "install docker from its own packages (https://docs.docker.com/engine/install)",
        ));
    }
    if let Some(user) = environment.text("SUDO_USER").filter(|user| user != "root") {
        warnings.push(Warning::new(
            format!("run with sudo: this sets up the user who runs it now, not {user}"),
            format!("if {user} runs the clients, run it as {user} without sudo"),
        ));
    }
    warnings
}

fn is_ecr(host: &str) -> bool {
    matches!(Server::parse(host, |_| None), Some(Server::Ecr(_)))
}
