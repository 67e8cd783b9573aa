//! A node whose containerd asks this program before each pull: the policy of the machine, a link in the
//! folder of verifiers, and where they are needed lines of containerd's config.toml.

use std::path::{Path, PathBuf};

use toml_edit::Value;

use super::{
    backup::{self, Before},
    change::{Backup, Change, FileKind},
    containerd_config::{ContainerdConfig, VerifierTable},
    containerd_lines::{LINES, with_lines, without_lines},
    file::UserFile,
    plan::Plan,
    trust::TrustRequest,
};
use crate::{
    aws::signing_profile::SigningProfile,
    config::Config,
    environment::Environment,
    names::{HELPER, PROGRAM},
    process,
    report::Report,
    verify::places,
};

/// What is asked for a node.
#[derive(Debug, Default)]
pub struct NodeRequest {
    /// The root of the node's disk; `/` for this machine.
    pub root: PathBuf,
    /// Whom to trust; none where a policy is there.
    pub profile: Option<SigningProfile>,
    /// This program's file, to which the link leads.
    pub program: Option<PathBuf>,
}

/// Seconds that a verifier must have at least: ours answers within 8.
const SECONDS: f64 = 10.0;

impl Plan {
    /// What it takes that containerd asks this program. Reads, and writes nothing.
    pub fn node(request: &NodeRequest, environment: &Environment) -> Result<Plan, Report> {
        let folder = environment.system_folder.join(PROGRAM);
        let mut plan = match &request.profile {
            Some(profile) => {
                let wanted = TrustRequest { profile: profile.clone(), root: None, scopes: Vec::new() };
                let (plan, question) = Plan::trust_in(&wanted, folder.clone(), None)?;
                if question.is_some() {
                    let (folder, what) = (folder.display(), "has a trust policy that trusts others");
                    let then = node_command("setup containerd", &request.root);
                    return Err(Report::new(format!("{folder} {what}, and it is left as it is")).hint(format!(
                        "NOTATION_CONFIG={folder} {PROGRAM} trust init --signing-profile {profile}, which asks; \
                         then {then}"
                    )));
                }
                plan
            }
            None if is_trusting(environment)? => Plan::default(),
            None => {
                let what = format!("there is no trust policy in {}: every pull would be blocked", folder.display());
                return Err(Report::new(what).hint(node_command(SET_UP, &request.root)));
            }
        };
        let config = ContainerdConfig::read(environment, &request.root)?;
        let table = config.verifier();
        plan.lines(&config, &table, request, environment)?;
        plan.link(request, &config, &table.bin_dir)?;
        Ok(plan)
    }

    /// What it takes that containerd no longer asks it. The link goes first. Reads, and writes nothing.
    pub fn undo_node(request: &NodeRequest, environment: &Environment) -> Result<Plan, Report> {
        let mut plan = Plan::default();
        let config = ContainerdConfig::read(environment, &request.root)?;
        let link = config.under_root(&config.verifier().bin_dir).join(PROGRAM);
        match UserFile::read_link(&link) {
            Ok(file) if file.text.is_some() => {
                plan.notes.push(format!("containerd: {} is gone", link.display()));
                plan.changes.push(Change { kind: FileKind::Link, file, after: None, backup: Backup::Leave });
            }
            _ => plan.notes.push(format!("containerd: there is no link {}", link.display())),
        }
        for path in config.paths() {
            let Some(before) = backup::load(path)? else { continue };
            let file = UserFile::read(path)?;
            let after = match without_lines(path, file.text(), before.text())? {
                text if before == Before::Nothing && text.trim().is_empty() => None,
                text => Some(text),
            };
            plan.notes.push(format!("containerd: {} is without our lines", path.display()));
            plan.changes.push(Change { kind: FileKind::Verifier, file, after, backup: Backup::Forget });
        }
        let trust = Plan::undo_trust_in(&environment.system_folder.join(PROGRAM))?;
        plan.changes.extend(trust.changes);
        plan.notes.extend(trust.notes);
        Ok(plan)
    }

    /// Plans the lines that are needed: containerd's own defaults serve. A line goes into the file that has the
    /// last word on its key, for no other would count.
    fn lines(
        &mut self,
        config: &ContainerdConfig,
        table: &VerifierTable,
        request: &NodeRequest,
        environment: &Environment,
    ) -> Result<(), Report> {
        let short = table.seconds.is_none_or(|seconds| seconds < SECONDS);
        let few = table.max_verifiers == 0;
        let mut edits: Vec<(PathBuf, Vec<(&str, Value)>)> = Vec::new();
        for (needed, (key, text)) in [short, few].into_iter().zip(LINES) {
            let Some(path) = config.decides(key).filter(|_| needed) else { continue };
            let line = (key, text.parse::<i64>().map_or_else(|_| text.into(), Value::from));
            match edits.iter_mut().find(|(known, _)| known == path) {
                Some((_, lines)) => lines.push(line),
                None => edits.push((path.into(), vec![line])),
            }
        }
        for (path, lines) in edits {
            let file = UserFile::read(&path)?;
            let after = with_lines(&path, file.text(), &lines)?;
            let keys: Vec<&str> = lines.iter().map(|(key, _)| *key).collect();
            self.notes.push(format!(
                "containerd: {} gives verifiers what they need: {}",
                path.display(),
                keys.join(", ")
            ));
            let kept = if backup::load(&path)?.is_some() { Backup::Leave } else { Backup::Keep };
            self.changes.push(Change { kind: FileKind::Verifier, file, after: Some(after), backup: kept });
        }
        for (path, key) in config.bypasses() {
            let what = format!("with {key} in {} the kubelet's pulls are not verified", path.display());
            let again = node_command("doctor containerd", &request.root);
            self.warnings.push(Report::new(what).hint(format!("take it out; {again} looks again")));
        }
        if ContainerdConfig::path(environment).exists() && !self.changes.is_empty() {
            self.notes.push("containerd: reads config.toml when it starts: systemctl restart containerd".into());
        }
        Ok(())
    }

    /// Plans the link. It has no copy beside it: whatever lies in that folder is run as a verifier.
    fn link(&mut self, request: &NodeRequest, config: &ContainerdConfig, bin_dir: &Path) -> Result<(), Report> {
        let folder = config.under_root(bin_dir);
        let program = request.program.as_deref().ok_or_else(|| Report::new("this program cannot tell its own file"))?;
        let target = match program.strip_prefix(&request.root) {
            Ok(inside) => Path::new("/").join(inside),
            Err(_) => program.into(),
        };
        let there = config.under_root(&target);
        if !process::is_executable(&there) {
            return Err(Report::new(format!("{} is no program, and the link would lead there", there.display()))
                .hint(format!("install -D {} {}", program.display(), there.display())));
        }
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            if !process::is_executable(&config.real(&entry.path())) {
                let what = format!("{} is no program: containerd runs it all the same", entry.path().display());
                self.warnings.push(Report::new(what).hint("move it away, or every pull of this node is blocked"));
            }
        }
        let path = folder.join(PROGRAM);
        let file = UserFile::read_link(&path)?;
        let target = target.display().to_string();
        if file.text.as_ref() == Some(&target) {
            self.notes.push(format!("containerd: {} leads to {target} already", path.display()));
            return Ok(());
        }
        self.notes.push(format!("containerd: asks {target} before each pull, by the link in {}", bin_dir.display()));
        self.changes.push(Change { kind: FileKind::Link, file, after: Some(target), backup: Backup::Leave });
        Ok(())
    }
}

/// What sets a node up on which nobody is trusted yet.
pub(crate) const SET_UP: &str = "setup containerd --signing-profile ARN";

/// A command of ours about the node whose disk is at this root, for a hint.
pub(crate) fn node_command(command: &str, root: &Path) -> String {
    match root == Path::new("/") {
        true => format!("{PROGRAM} {command}"),
        false => format!("{PROGRAM} {command} --root {}", root.display()),
    }
}

/// Whether anything of the machine says whom to trust.
fn is_trusting(environment: &Environment) -> Result<bool, Report> {
    if let Some(found) = places::machine(environment) {
        return found.read().map(|_| true);
    }
    let path = environment.system_folder.join(PROGRAM).join("config.toml");
    let config = match super::file::read_if_there(&path)? {
        Some(text) => Config::parse(&text, path)?,
        None => Config::default(),
    };
    Ok(config.rules.iter().any(|rule| rule.signing_profile.is_some()))
}

/// Whether a file name is one of this program's.
pub(crate) fn is_our_name(name: &str) -> bool {
    name == PROGRAM || name == HELPER
}
