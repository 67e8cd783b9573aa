//! `doctor containerd`: whether a pull on a node would be verified at all, and by what.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use semver::Version;

use super::finding::{Finding, Verdict};
use crate::{
    environment::Environment,
    names::PROGRAM,
    private_fs::{self, Untrusted},
    process::{self, Limits, Stderr},
    report::{Level, Report, excerpt},
    secret::Wiped,
    setup::{ContainerdConfig, SET_UP, is_our_name, node_command},
    verify::{
        lint,
        places::{self, Found},
        trusted::Trusted,
    },
};

const CONTAINERD: &str = "containerd";
const PULLS: &str = "pulls";
const VERIFIERS: &str = "verifiers";
const POLICY: &str = "policy";

/// The first version whose CRI asks verifiers.
const FIRST: Version = Version::new(2, 1, 0);

/// What a verifier may take before it loses its sentence; ours answers within 8 s.
const SECONDS: f64 = 9.0;

/// What keeps pulls from being verified, in containerd's program and configuration.
pub(super) fn containerd(environment: &Environment, root: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    // A program of another disk may be for another machine: it is not run.
    findings.extend((root == Path::new("/")).then(|| version(environment)));
    let config = match ContainerdConfig::read(environment, root) {
        Ok(config) => config,
        Err(err) => {
            let report = err.under("containerd's configuration cannot be read");
            findings.push(Finding::reported(PULLS, Verdict::Failed, &report));
            return findings;
        }
    };
    for (path, plugin) in config.disabled() {
        let what = format!("`disabled_plugins` of {} switches {plugin} off: no pull is verified", path.display());
        findings.push(Finding::failed(PULLS, what, format!("take {plugin} out of {}", path.display())));
    }
    for (path, key) in config.bypasses() {
        let what = format!("{key} in {}: the kubelet's pulls go past every verifier", path.display());
        findings.push(Finding::failed(
            PULLS,
            what,
            format!("take it out of {} and restart containerd", path.display()),
        ));
    }
    if findings.iter().all(|finding| finding.check != PULLS) {
        findings.push(Finding::ok(PULLS, "nothing in containerd's configuration goes past the verifiers"));
    }
    findings.extend(verifiers(&config, root));
    findings
}

fn version(environment: &Environment) -> Finding {
    let Some(program) = environment.program(CONTAINERD) else {
        return Finding::warning(CONTAINERD, "containerd is not on PATH", "install containerd 2.1 or newer");
    };
    let limits = Limits { time: Duration::from_secs(5), output: 64 << 10 };
    let printed = process::run(Command::new(&program).arg("--version"), Wiped::default(), limits, Stderr::Discard);
    let printed = match printed {
        Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Err(err) => {
            let what = format!("{} does not run: {}", program.display(), Report::of(&err).full());
            return Finding::failed(CONTAINERD, what, "install containerd 2.1 or newer");
        }
    };
    // `containerd github.com/containerd/containerd/v2 v2.1.4 REVISION`; Debian's has `1.6.20~ds1` there.
    let found = printed.split_whitespace().find_map(|word| {
        let word = word.trim_start_matches('v');
        let end = word.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(word.len());
        Version::parse(&word[..end]).ok()
    });
    match found {
        Some(found) if found >= FIRST => Finding::ok(CONTAINERD, format!("{} {found}", program.display())),
        Some(found) => Finding::failed(
            CONTAINERD,
            format!("{} is {found}: the kubelet's pulls ask verifiers from {FIRST} on", program.display()),
            "install containerd 2.1 or newer",
        ),
        None => Finding::warning(
            CONTAINERD,
            format!("{} says no version: {:?}", program.display(), excerpt(&printed)),
            "the kubelet's pulls ask verifiers from containerd 2.1 on",
        ),
    }
}

/// The folder of the verifiers, and everything in it.
fn verifiers(config: &ContainerdConfig, root: &Path) -> Vec<Finding> {
    let table = config.verifier();
    let folder = config.under_root(&table.bin_dir);
    let listed = match folder.read_dir() {
        Ok(listed) => Some(listed),
        Err(err) if err.kind() == ErrorKind::NotFound => None,
        Err(err) => {
            let what = format!("{} cannot be listed, and every pull is blocked: {err}", folder.display());
            let hint = format!("make {} a folder that root can read", folder.display());
            return vec![Finding::failed(VERIFIERS, what, hint)];
        }
    };
    let mut entries: Vec<PathBuf> =
        listed.into_iter().flatten().flatten().take(1000).map(|entry| entry.path()).collect();
    entries.sort();
    let mut findings = Vec::new();
    let mut ours = false;
    for (place, path) in entries.iter().enumerate() {
        let shown = path.display();
        let file = config.real(path);
        let is_ours = file.file_name().and_then(|name| name.to_str()).is_some_and(is_our_name);
        if !process::is_executable(&file) {
            let what = format!("{shown} is no program: containerd runs it all the same, and every pull is blocked");
            findings.push(Finding::failed(VERIFIERS, what, format!("move {shown} away")));
        } else if i64::try_from(place).is_ok_and(|place| table.max_verifiers >= 0 && place >= table.max_verifiers) {
            let what = format!("{shown} is not asked: max_verifiers is {}", table.max_verifiers);
            findings.push(Finding::failed(VERIFIERS, what, "raise max_verifiers, or take other verifiers away"));
        } else if is_ours {
            ours = true;
            findings.push(Finding::ok(VERIFIERS, format!("{shown} is this program")));
        } else {
            let what = format!("{shown} is asked before each pull, too, and a no of it blocks the pull");
            findings.push(Finding::warning(VERIFIERS, what, format!("take {shown} away where it is no verifier")));
        }
    }
    if !ours {
        let what = match entries.is_empty() {
            true => format!("{} has no verifier: every image is allowed", folder.display()),
            false => format!("nothing in {} is this program", folder.display()),
        };
        findings.push(Finding::failed(VERIFIERS, what, node_command(SET_UP, root)));
    }
    if table.seconds.is_none_or(|seconds| seconds < SECONDS) {
        let what = "per_verifier_timeout is shorter than an answer may take: a slow one blocks the pull without a word";
        findings.push(Finding::warning(VERIFIERS, what, "set it to 10s, or leave it out"));
    }
    findings
}

/// Who is trusted there, and the policy that says so.
pub(super) fn policy(
    environment: &Environment,
    root: &Path,
    now: chrono::DateTime<chrono::Utc>,
) -> (Vec<Finding>, Option<Trusted>) {
    let Some(found) = places::machine(environment) else {
        let what = format!("there is no trust policy in {}", environment.system_folder.join(PROGRAM).display());
        return (vec![Finding::failed(POLICY, what, node_command(SET_UP, root))], None);
    };
    let Found { policy: path, .. } = found.clone();
    let trusted = match Trusted::found(found) {
        Ok(trusted) => trusted,
        Err(err) => return (vec![Finding::reported(POLICY, Verdict::Failed, &err)], None),
    };
    let mut findings: Vec<Finding> = trusted
        .policy
        .statements
        .iter()
        .map(|statement| Finding::ok(POLICY, format!("{}: {statement}", path.display())))
        .collect();
    // Whoever can write to the folder can put another file in the policy's place.
    for place in path.parent().into_iter().chain([path.as_path()]) {
        if place.symlink_metadata().is_ok_and(|found| private_fs::check_trusted(&found) == Err(Untrusted::Open)) {
            let what = format!("others can write to {}, and decide who is trusted", place.display());
            findings.push(Finding::failed(POLICY, what, format!("chmod go-w {}", place.display())));
        }
    }
    for lint::Finding { gravity, report } in lint::findings(&trusted.policy, &trusted.stores, now) {
        let verdict = if gravity == Level::Error { Verdict::Failed } else { Verdict::Warning };
        let check =
            || format!("NOTATION_CONFIG={} {PROGRAM} trust check", environment.system_folder.join(PROGRAM).display());
        let report = if report.advice().is_some() { report } else { report.hint(check()) };
        findings.push(Finding::reported(POLICY, verdict, &report));
    }
    (findings, Some(trusted))
}
