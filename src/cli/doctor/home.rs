//! Whose files are read: HOME, sudo, services, snaps.

use super::finding::{Finding, Verdict};
use crate::{environment::Environment, setup::warning};

const CHECK: &str = "home";

/// What makes clients and this program read other files than a person expects.
pub(super) fn checks(environment: &Environment) -> Vec<Finding> {
    let mut findings = vec![home(environment)];
    let warnings = [warning::run_with_sudo(environment), warning::docker_is_a_snap(environment)];
    findings.extend(warnings.iter().flatten().map(|report| Finding::reported(CHECK, Verdict::Warning, report)));
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
