//! Where each client keeps its configuration, and which clients are here. Paths only.

use std::path::{Path, PathBuf};

use super::request::Target;
use crate::{
    config::Config, environment::Environment, names::PROGRAM, report::Report, verify::places::notation_folder,
};

/// Docker's file: `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json` (docker/cli `config.Dir`).
pub fn docker(environment: &Environment) -> Result<PathBuf, Report> {
    // Not `Environment::path`: docker does not expand `~` in it.
    let named = (environment.variable)("DOCKER_CONFIG").filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = named.or_else(|| Some(environment.home.as_ref()?.join(".docker")));
    Ok(folder.ok_or_else(|| no_home("docker", "set HOME or DOCKER_CONFIG"))?.join("config.json"))
}

/// Notation's file: `config.json` in its folder.
pub fn notation(environment: &Environment) -> Result<PathBuf, Report> {
    let folder = notation_folder(environment);
    Ok(folder.ok_or_else(|| no_home("notation", "set HOME or NOTATION_CONFIG"))?.join("config.json"))
}

/// Helm's file: `$HELM_REGISTRY_CONFIG`, else `registry/config.json` in its configuration folder (helm
/// `pkg/cli/environment.go`, `pkg/helmpath/lazypath_*.go`).
pub(super) fn helm(environment: &Environment) -> Result<PathBuf, Report> {
    let named = |name: &str| (environment.variable)(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(file) = named("HELM_REGISTRY_CONFIG") {
        return Ok(file);
    }
    let usual = || match (cfg!(windows), cfg!(target_os = "macos")) {
        (true, _) => named("APPDATA"),
        (_, true) => Some(environment.home.as_ref()?.join("Library").join("Preferences")),
        _ => Some(environment.home.as_ref()?.join(".config")),
    };
    let folder = || Some(named("XDG_CONFIG_HOME").or_else(usual)?.join("helm"));
    let folder = named("HELM_CONFIG_HOME").or_else(folder);
    let folder = folder.ok_or_else(|| no_home("helm", "set HOME or HELM_REGISTRY_CONFIG"))?;
    Ok(folder.join("registry").join("config.json"))
}

/// A client's JSON file.
pub(super) fn json(target: Target, environment: &Environment) -> Result<PathBuf, Report> {
    match target {
        Target::Docker => docker(environment),
        Target::Notation => notation(environment),
        Target::Helm => helm(environment),
        Target::Podman => podman_logins(environment),
    }
}

/// Our own file, [`Config::location`].
pub(super) fn ours(environment: &Environment) -> Result<PathBuf, Report> {
    Config::location(environment).ok_or_else(|| no_home(PROGRAM, "set HOME or ECR_RS_CONFIG"))
}

/// Podman's two places for helpers that are asked for every registry (containers/image
/// `sysregistriesv2`): the user's registries.conf and a drop-in beside it.
///
/// A new registries.conf would hide the system's whole; a drop-in adds to it.
pub(super) fn podman_registries(environment: &Environment) -> Result<(PathBuf, PathBuf), Report> {
    let home = environment.home.as_ref().ok_or_else(|| no_home("podman", "set HOME"))?;
    let folder = home.join(".config").join("containers");
    Ok((folder.join("registries.conf"), folder.join("registries.conf.d").join("ecr-rs.conf")))
}

/// The auth.json that keeps `credHelpers`: `$REGISTRY_AUTH_FILE`, else the one in the user's config
/// folder. Podman writes logins to the one in `$XDG_RUNTIME_DIR`, which is gone after a restart.
pub(super) fn podman_logins(environment: &Environment) -> Result<PathBuf, Report> {
    if let Some(named) = (environment.variable)("REGISTRY_AUTH_FILE").filter(|value| !value.is_empty()) {
        return Ok(named.into());
    }
    let named = (environment.variable)("XDG_CONFIG_HOME").filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = named.or_else(|| Some(environment.home.as_ref()?.join(".config")));
    Ok(folder.ok_or_else(|| no_home("podman", "set HOME or REGISTRY_AUTH_FILE"))?.join("containers").join("auth.json"))
}

/// The auth.json that podman reads before that one, with logins until the next restart.
pub(super) fn podman_runtime_logins(environment: &Environment) -> Option<PathBuf> {
    let named = |name: &str| (environment.variable)(name).filter(|value| !value.is_empty());
    match named("REGISTRY_AUTH_FILE") {
        Some(_) => None,
        None => Some(Path::new(&named("XDG_RUNTIME_DIR")?).join("containers").join("auth.json")),
    }
}

/// The auth.json files that podman reads, in its order.
pub fn podman_auth_files(environment: &Environment) -> Vec<PathBuf> {
    podman_runtime_logins(environment).into_iter().chain(podman_logins(environment).ok()).collect()
}

/// The clients that are here: docker always, the others if they have a configuration or are on PATH.
pub(super) fn present(environment: &Environment) -> Vec<Target> {
    let exists = |path: Result<PathBuf, Report>| path.is_ok_and(|path| path.exists());
    let runs = |names: &[&str]| names.iter().any(|name| environment.program(name).is_some());
    let mut targets = vec![Target::Docker];
    if exists(notation(environment)) || runs(&["notation"]) {
        targets.push(Target::Notation);
    }
    if exists(helm(environment)) || runs(&["helm"]) {
        targets.push(Target::Helm);
    }
    let registries = podman_registries(environment).is_ok_and(|(file, drop_in)| file.exists() || drop_in.exists());
    if registries || exists(podman_logins(environment)) || runs(&["podman", "skopeo", "buildah"]) {
        targets.push(Target::Podman);
    }
    targets
}

fn no_home(client: &str, hint: &str) -> Report {
    Report::new(format!("cannot tell where {client} keeps its configuration: there is no home folder")).hint(hint)
}
