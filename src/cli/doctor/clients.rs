//! Which configuration each client reads, and whether it asks this program for a registry.
//!
//! Docker's order (docker/cli `ConfigFile.GetCredentialsStore`): `DOCKER_AUTH_CONFIG`, then a
//! `credHelpers` entry of exactly this host, else `credsStore`, else `auths`.

use std::path::Path;

use super::finding::{Finding, Verdict};
use crate::{
    environment::Environment,
    names::{HELPER, PROGRAM},
    registry::Server,
    report::Report,
    setup::{Logins, docker_path, notation_path, podman_auth_files, podman_helpers, warning},
};

const DOCKER: &str = "docker";
const NOTATION: &str = "notation";
const PODMAN: &str = "podman";

/// What every client that is here reads; `host` is the registry that a person asked about.
pub(super) fn all(environment: &Environment, host: Option<&str>) -> Vec<Finding> {
    let mut findings = docker(environment, host);
    findings.extend(notation(environment, host));
    findings.extend(podman(environment, host));
    findings
}

fn docker(environment: &Environment, host: Option<&str>) -> Vec<Finding> {
    let in_variable = host.and_then(|host| warning::logins_in_variable(environment, |login| login == host));
    let mut findings: Vec<Finding> =
        in_variable.iter().map(|report| Finding::reported(DOCKER, Verdict::Warning, report)).collect();
    findings.push(match docker_path(environment).and_then(|path| Ok((Logins::read(&path)?, path))) {
        Err(err) => broken(DOCKER, &err),
        Ok((None, path)) => Finding::warning(
            DOCKER,
            format!("docker has no {}, so it asks no helper", path.display()),
            format!("{PROGRAM} setup docker"),
        ),
        Ok((Some(logins), path)) => named(DOCKER, &logins, &path, host),
    });
    findings
}

/// Notation reads one file: its own, if that says anything of logins, else docker's.
fn notation(environment: &Environment, host: Option<&str>) -> Option<Finding> {
    let path = notation_path(environment).ok()?;
    let installed = environment.program("notation").is_some();
    match Logins::read(&path) {
        Err(err) => Some(broken(NOTATION, &err)),
        Ok(Some(logins)) if logins.has_any => Some(named(NOTATION, &logins, &path, host)),
        Ok(_) if installed => Some(Finding::ok(NOTATION, "notation reads docker's configuration")),
        Ok(_) => None,
    }
}

/// Whether a file of docker's kind names us.
fn named(client: &'static str, logins: &Logins, path: &Path, host: Option<&str>) -> Finding {
    let file = path.display();
    let stale = host.is_some_and(|host| logins.clear_text.iter().any(|login| is_same(login, host)));
    let host_or_any = host.unwrap_or("every registry");
    let of_ecr = host.is_some_and(is_ecr);
    let exact = host.is_some_and(|host| logins.helpers.iter().any(|(name, _)| name == host));
    let helper = match host {
        Some(host) => logins.helper(host),
        None => logins
            .helpers
            .iter()
            .map(|(_, helper)| helper.as_str())
            .find(|helper| *helper == HELPER)
            .or(logins.store.as_deref()),
    };
    let key = if exact { "credHelpers" } else { "credsStore" };
    match helper {
        // It may be the only copy: `docker logout` would forget it here and there.
        Some(HELPER) if stale && !of_ecr => Finding::warning(
            client,
            format!(
                "a login of {host_or_any} is in clear text in `auths` of {file}; {client} asks {PROGRAM} and does not read it"
            ),
            format!("{client} login {host_or_any}, which keeps it in the keychain and takes it out of the file"),
        ),
        Some(HELPER) if stale => Finding::warning(
            client,
            format!(
                "an old token of {host_or_any} is in clear text in `auths` of {file}; {client} asks {PROGRAM} and does not read it"
            ),
            format!("{client} logout {host_or_any}"),
        ),
        Some(HELPER) => Finding::ok(client, format!("{file} names {HELPER}")),
        Some(other) => Finding::warning(
            client,
            format!("`{key}` of {file} gives {host_or_any} to docker-credential-{other}, not to this program"),
            match host {
                Some(host) if exact => format!("{PROGRAM} setup {client} --registry {host}"),
                _ => format!("{PROGRAM} setup {client}"),
            },
        ),
        None if stale && !of_ecr => Finding::ok(
            client,
            format!("{client} takes the login of {host_or_any} from `auths` of {file}, in clear text"),
        ),
        None if stale => Finding::warning(
            client,
            format!(
                "{client} takes a token of {host_or_any} from `auths` of {file}, which ends 12 hours after it was made"
            ),
            format!("{PROGRAM} setup {client}"),
        ),
        None => Finding::warning(
            client,
            format!("{file} names no helper for {host_or_any}"),
            format!("{PROGRAM} setup {client}"),
        ),
    }
}

/// podman, skopeo and buildah read no `credsStore`: registries.conf or `credHelpers` must name us.
fn podman(environment: &Environment, host: Option<&str>) -> Option<Finding> {
    let installed = ["podman", "skopeo", "buildah"].iter().any(|name| environment.program(name).is_some());
    let helpers = match podman_helpers(environment) {
        Err(err) => return Some(broken(PODMAN, &err)),
        Ok(helpers) => helpers,
    };
    if !installed && helpers.is_none() {
        return None;
    }
    for path in podman_auth_files(environment) {
        match Logins::read(&path) {
            Err(err) => return Some(broken(PODMAN, &err)),
            Ok(Some(logins)) => {
                if let Some(host) = host.filter(|host| logins.clear_text.iter().any(|login| is_same(login, host))) {
                    if !is_ecr(host) {
                        let what = format!("podman takes the login of {host} from {}, in clear text", path.display());
                        return Some(Finding::ok(PODMAN, what));
                    }
                    return Some(Finding::warning(
                        PODMAN,
                        format!("podman takes a login of {host} from {} first", path.display()),
                        format!("podman logout {host}"),
                    ));
                }
                if logins.helpers.iter().any(|(name, helper)| helper == HELPER && host.is_none_or(|host| host == name))
                {
                    return Some(Finding::ok(PODMAN, format!("{} names {HELPER}", path.display())));
                }
            }
            Ok(None) => {}
        }
    }
    Some(match helpers {
        Some((path, helpers)) if helpers.iter().any(|helper| helper == HELPER) => {
            Finding::ok(PODMAN, format!("{} names {HELPER}", path.display()))
        }
        _ => Finding::warning(
            PODMAN,
            "podman, skopeo and buildah read no `credsStore`, and nothing else names this program",
            format!("{PROGRAM} setup podman"),
        ),
    })
}

fn broken(client: &'static str, err: &Report) -> Finding {
    let report = err.clone().under(format!("{client} cannot read its configuration"));
    Finding::reported(client, Verdict::Failed, &report)
}

fn is_ecr(host: &str) -> bool {
    matches!(Server::parse(host, |_| None), Some(Server::Ecr(_)))
}

/// Whether a key of `auths` is this host, in whichever way it was written.
fn is_same(login: &str, host: &str) -> bool {
    Server::parse(login, |_| None) == Server::parse(host, |_| None)
}
