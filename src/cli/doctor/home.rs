//! Whose files are read: HOME, sudo, services, snaps.

use std::path::Path;

use super::finding::Finding;
use crate::environment::Environment;

const CHECK: &str = "home";

/// What makes clients and this program read other files than a person expects.
pub(super) fn traps(environment: &Environment) -> Vec<Finding> {
    let mut findings = vec![home(environment)];
    findings.extend(sudo(environment));
    findings.extend(snap(environment));
    findings
}

fn home(environment: &Environment) -> Finding {
    let set = (environment.variable)("HOME").filter(|home| !home.is_empty());
    match (&environment.home, set) {
        (None, _) => Finding::failed(
            CHECK,
            "there is no home folder: neither docker's configuration nor the AWS files can be found",
            "set HOME",
        ),
        (Some(home), None) if cfg!(unix) => Finding::warning(
            CHECK,
            format!(
                "HOME is not set, as in a systemd service; {} is taken, and not every client does so",
                home.display()
            ),
            "set HOME: in a systemd unit, `Environment=HOME=…` or `User=`",
        ),
        (Some(home), _) if !home.is_dir() => Finding::warning(
            CHECK,
            format!("the home folder {} does not exist", home.display()),
            "create it or correct HOME: no configuration can be found there",
        ),
        (Some(home), _) => Finding::ok(CHECK, format!("files are looked for in {}", home.display())),
    }
}

/// Under sudo, HOME is root's on most systems, and root has no profiles and no keychain.
fn sudo(environment: &Environment) -> Option<Finding> {
    let user = environment.text("SUDO_USER").filter(|user| user != "root")?;
    let home = environment.home.as_deref().unwrap_or(Path::new("/")).display();
    Some(Finding::warning(
        CHECK,
        format!("run with sudo: the files of {home} and root's keychain are used, not {user}'s"),
        format!("run docker as {user} without sudo (add {user} to the group docker), or set it up for root"),
    ))
}

/// Docker from the snap store runs confined: it reads another home and starts no helper outside of it.
fn snap(environment: &Environment) -> Option<Finding> {
    let docker = environment.program("docker")?;
    docker.to_string_lossy().contains("/snap/").then(|| {
        Finding::warning(
            CHECK,
            format!("{} is a snap: it reads ~/snap/docker/current/.docker/config.json and cannot start helpers outside of the snap", docker.display()),
            "install docker from its own packages (https://docs.docker.com/engine/install)",
        )
    })
}
