//! What may keep a client from asking us after `setup`, or a login from being found.
//!
//! Docker's order (docker/cli `ConfigFile.GetCredentialsStore`, `nativeStore.Get`): a `credHelpers`
//! entry of exactly this host, else `credsStore`, else `auths`. Once a helper serves a host, the
//! user name and password in `auths` are not read any more, also when the helper has no login.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{client::Logins, file::UserFile, places, request::Target};
use crate::{
    environment::Environment,
    names::{HELPER, PROGRAM, REPLACED_HELPER},
    process,
    registry::Server,
    report::Report,
};

/// The logins in clear text that can go into the keychain.
pub(super) struct Movable<'a> {
    /// Their servers, as the file has them.
    pub(super) spelled: Vec<&'a str>,
    /// Whether they go there now.
    pub(super) moved: bool,
}

/// What is to be known of docker's or notation's file. `hosts` are the registries that are set up;
/// none means every one.
pub(super) fn of_client(
    target: Target,
    file: &UserFile,
    logins: &Logins,
    hosts: &[String],
    movable: &Movable<'_>,
) -> Vec<Report> {
    let mut warnings = Vec::new();
    let path = file.path.display();
    if file.text().starts_with('\u{feff}') {
        warnings.push(
            Report::new(format!("{path} begins with a byte order mark, and {target} refuses such a file whole"))
                .hint("save the file as UTF-8 without a byte order mark"),
        );
    }
    if hosts.is_empty() {
        let others = logins.helpers.iter().filter(|(_, helper)| helper != HELPER && helper != REPLACED_HELPER);
        for (host, helper) in others.filter(|(host, _)| is_ecr(host)) {
            let first = format!("gives {host} to docker-credential-{helper}, which goes before `credsStore`");
            warnings.push(
                Report::new(format!("`credHelpers` of {path} {first}"))
                    .hint(format!("{PROGRAM} setup {target} --registry {host}")),
            );
        }
    }
    let here = |host: &&String| !(movable.moved && movable.spelled.contains(&host.as_str()));
    let staying = logins.clear_text.iter().filter(here);
    warnings.extend(staying.filter_map(|host| clear_text(target, &file.path, logins, hosts, movable, host)));
    let names_desktop = |text: &Option<String>| text.as_ref().is_some_and(|text| text.starts_with("desktop"));
    if target == Target::Docker && hosts.is_empty() && (names_desktop(&logins.store) || names_desktop(&logins.context))
    {
        warnings.push(
            Report::new(format!("Docker Desktop may write its own `credsStore` into {path} when it starts or updates"))
                .hint(format!("if ECR asks for a login again, run `{PROGRAM} setup docker` once more; entries of `setup --registry HOST` are left alone")),
        );
    }
    warnings
}

/// A login that stands in the file itself: who reads it now?
fn clear_text(
    target: Target,
    path: &Path,
    logins: &Logins,
    hosts: &[String],
    movable: &Movable<'_>,
    host: &str,
) -> Option<Report> {
    let (name, ecr) = match Server::parse(host, |_| None)? {
        Server::Ecr(registry) => (registry.host, true),
        Server::Other(key) => (key, false),
    };
    let file = path.display();
    let other_helper = logins.own_helper(&name).is_some_and(|helper| helper != HELPER);
    match (logins.are_asked_of_us(hosts, &name), ecr) {
        (true, true) => Some(
            Report::new(format!("an old token of {name} stays in clear text in `auths` of {file}; {target} asks {HELPER} and no longer reads it"))
                .hint(format!("{} {host}", login_command(target).replace("login", "logout"))),
        ),
        // One that another helper hid already was not read before either.
        (true, false) if logins.store.as_ref().is_none_or(|store| store == HELPER) => {
            let mover = match movable.spelled.contains(&host) {
                true => format!("{PROGRAM} setup {target} --import"),
                false => format!("{} {host}", login_command(target)),
            };
            let what = format!("the login of {name} stays in clear text in `auths` of {file}, and {target} no longer reads it: it asks {HELPER}");
            Some(Report::new(what).hint(format!("{mover}, which moves it into the keychain")))
        }
        (false, true) if !other_helper && logins.store.is_none() => Some(
            Report::new(format!("{name} is served by a token in `auths` of {file}, which ends 12 hours after it was made"))
                .hint(format!("{PROGRAM} setup {target} --registry {name}")),
        ),
        _ => None,
    }
}

/// A login that stays in podman's own file, which it goes on reading.
pub(super) fn in_clear_text(target: Target, path: &Path, host: &str) -> Report {
    Report::new(format!("the login of {host} stays in clear text in `auths` of {}", path.display()))
        .hint(format!("{PROGRAM} setup {target} --import, which moves it into the keychain"))
}

/// How a client keeps a login.
fn login_command(target: Target) -> String {
    match target {
        Target::Helm => "helm registry login".into(),
        target => format!("{target} login"),
    }
}

/// Podman reads the auth.json of this session before the one that names us.
pub(super) fn of_podman(hosts: &[String], environment: &Environment) -> Vec<Report> {
    let Some(path) = places::podman_runtime_logins(environment) else { return Vec::new() };
    let Ok(Some(logins)) = Logins::read(&path) else { return Vec::new() };
    let read_first = logins.clear_text.into_iter().filter(|host| hosts.contains(host));
    let warning = |host: String| {
        Report::new(format!("podman reads the login of {host} in {} first", path.display()))
            .hint(format!("podman logout {host}"))
    };
    read_first.map(warning).collect()
}

/// Notation reads one file only.
pub(super) fn docker_hidden_from_notation(docker: &Path, notation: &Path) -> Report {
    let (docker, notation) = (docker.display(), notation.display());
    Report::new(format!("notation no longer reads the logins of {docker}: its own {notation} comes first, whole"))
        .hint(format!("{PROGRAM} setup notation serves the other registries too; setup --undo notation goes back"))
}

/// What is to be known of the machine when these registries are set up; none means every one.
pub(super) fn of_machine(hosts: &[String], environment: &Environment) -> Vec<Report> {
    let concerns = |host: &str| hosts.is_empty() || hosts.iter().any(|asked| asked == host);
    let found = [
        logins_in_variable(environment, concerns),
        file_that_clients_start(environment, None).err(),
        docker_is_a_snap(environment),
        run_with_sudo(environment),
    ];
    found.into_iter().flatten().collect()
}

/// Docker takes the logins in `DOCKER_AUTH_CONFIG` before it asks any helper (docker/cli
/// `ConfigFile.GetCredentialsStore`). `concerns` tells which hosts are asked about.
pub(crate) fn logins_in_variable(environment: &Environment, concerns: impl Fn(&str) -> bool) -> Option<Report> {
    let value: Value = serde_json::from_str(&environment.text("DOCKER_AUTH_CONFIG")?).ok()?;
    let host = value.get("auths")?.as_object()?.keys().find(|host| concerns(host))?;
    let what = format!("DOCKER_AUTH_CONFIG holds a login of {host}, which docker takes before it asks a helper");
    Some(Report::new(what).hint("unset DOCKER_AUTH_CONFIG, or take the registry out of it"))
}

/// The file that clients start for this program, or why they cannot. `running` is the file that runs
/// now, where that is known.
pub(crate) fn file_that_clients_start(environment: &Environment, running: Option<&Path>) -> Result<PathBuf, Report> {
    let path = environment.search_path();
    if let Some(file) = process::find(PROGRAM, &path) {
        return Ok(file);
    }
    if let Some(file) = process::files(PROGRAM, &path).next() {
        let file = file.display();
        return Err(Report::new(format!("{file} may not be run")).hint(format!("chmod +x {file}")));
    }
    let add = running.and_then(Path::parent).map(|folder| match cfg!(windows) {
        true => format!("add {} to PATH, or ", folder.display()),
        false => format!("add it to PATH with `export PATH=\"$PATH:{}\"`, or ", folder.display()),
    });
    let example = if cfg!(windows) { "" } else { ", such as /usr/local/bin" };
    let hint = format!(
        "{}move the program into a folder of PATH{example}; editors and services may have a shorter PATH than your shell",
        add.unwrap_or_default()
    );
    Err(Report::new(format!("{PROGRAM} is not on PATH, so no client can start it")).hint(hint))
}

/// Docker from the snap store runs confined: it reads another home and starts no helper outside of it.
pub(crate) fn docker_is_a_snap(environment: &Environment) -> Option<Report> {
    let docker = environment.program("docker").filter(|docker| docker.to_string_lossy().contains("/snap/"))?;
    let what =
        "is a snap: it reads ~/snap/docker/current/.docker/config.json and cannot start helpers outside of the snap";
    Some(
        Report::new(format!("{} {what}", docker.display()))
            .hint("install docker from its own packages (https://docs.docker.com/engine/install)"),
    )
}

/// Under sudo, HOME is root's on most systems, and root has no profiles and no keychain.
pub(crate) fn run_with_sudo(environment: &Environment) -> Option<Report> {
    let user = environment.text("SUDO_USER").filter(|user| user != "root")?;
    let home = environment.home.as_deref().unwrap_or(Path::new("/")).display();
    Some(Report::new(format!("run with sudo: the files of {home} and root's keychain are used, not {user}'s")).hint(
        format!("run docker and this as {user} without sudo (add {user} to the group docker), or set it up for root"),
    ))
}

fn is_ecr(host: &str) -> bool {
    matches!(Server::parse(host, |_| None), Some(Server::Ecr(_)))
}
