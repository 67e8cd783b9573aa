//! A user's machine in a temporary folder: a home, a PATH with our helper on it, variables.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use ecr_rs::{
    environment::Environment,
    report::Report,
    setup::{Plan, Request, Target},
};
use tempfile::TempDir;

use crate::support::{bus::FakeBus, program::Program};

pub(crate) struct World {
    root: PathBuf,
    /// Removes it in the end; a world of another process does not.
    _folder: Option<TempDir>,
    /// The user's keychain, which has its own messages where there is none.
    _bus: Option<FakeBus>,
    variables: BTreeMap<String, OsString>,
    /// Whether the user has a home folder.
    pub(crate) homeless: bool,
}

/// What a run printed.
#[derive(Debug)]
pub(crate) struct Printed {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl World {
    pub(crate) fn new() -> World {
        let folder = TempDir::new().unwrap();
        let root = folder.path().to_owned();
        let bus = FakeBus::start();
        let mut world = World { _folder: Some(folder), ..World::at(&root) };
        world.set("DBUS_SESSION_BUS_ADDRESS", bus.address());
        world._bus = Some(bus);
        fs::create_dir(world.home()).unwrap();
        world.install("docker-credential-ecr-rs");
        world
    }

    /// The world that another process made.
    pub(crate) fn at(root: &Path) -> World {
        let variables = BTreeMap::from([("PATH".into(), root.join("bin").into())]);
        World { root: root.into(), _folder: None, _bus: None, variables, homeless: false }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.path("home")
    }

    /// Docker's config.json.
    pub(crate) fn docker(&self) -> PathBuf {
        self.home().join(".docker").join("config.json")
    }

    pub(crate) fn notation(&self) -> PathBuf {
        self.home().join(".config").join("notation").join("config.json")
    }

    /// Our own config.toml.
    pub(crate) fn ours(&self) -> PathBuf {
        self.home().join(".config").join("docker-credential-ecr-rs").join("config.toml")
    }

    pub(crate) fn containers(&self, name: &str) -> PathBuf {
        self.home().join(".config").join("containers").join(name)
    }

    pub(crate) fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.variables.insert(name.into(), value.into());
    }

    /// Puts a program on PATH.
    pub(crate) fn install(&self, name: &str) {
        self.install_in("bin", name);
    }

    pub(crate) fn install_in(&self, folder: &str, name: &str) {
        let file = self.path(folder).join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        write(&file, "");
        #[cfg(unix)]
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }

    pub(crate) fn environment(&self) -> Environment {
        let variables = self.variables.clone();
        let home = (!self.homeless).then(|| self.home());
        Environment {
            variable: Box::new(move |name| variables.get(name).cloned()),
            config_folder: home.as_ref().map(|home| home.join(".config")),
            cache_folder: home.as_ref().map(|home| home.join(".cache")),
            home,
            system_folder: self.path("etc"),
            runtime_folder: "/run".into(),
            temporary_folder: self.path("tmp"),
            interactive: false,
        }
    }

    /// The built program on this machine.
    pub(crate) fn program(&self) -> Program {
        let binary = env!("CARGO_BIN_EXE_docker-credential-ecr-rs");
        let program = Program::at(binary, &self.home()).with("TMPDIR", self.path("tmp"));
        self.variables.iter().fold(program, |program, (name, value)| program.with(name, value))
    }

    /// Runs the built program's `setup` with these arguments. What it prints when it fails is read back.
    ///
    /// A machine without a home folder is one on which the password database has none either: it is
    /// asked in process.
    pub(crate) fn setup(&self, arguments: &str) -> Result<Printed, Report> {
        if self.homeless {
            return self.setup_in_process(arguments);
        }
        let words: Vec<&str> = ["setup", "--yes"].into_iter().chain(arguments.split_whitespace()).collect();
        let outcome = self.program().run(&words, "");
        match outcome.status {
            Some(0) => Ok(Printed { stdout: outcome.stdout, stderr: outcome.stderr }),
            Some(1) => Err(printed_report(&outcome.stderr)),
            _ => panic!("{words:?}: {outcome:?}"),
        }
    }

    fn setup_in_process(&self, arguments: &str) -> Result<Printed, Report> {
        let mut request = Request::default();
        let words: Vec<&str> = arguments.split_whitespace().collect();
        for word in words.iter().filter(|word| !word.starts_with("--")) {
            let targets = [Target::Docker, Target::Notation, Target::Podman];
            match targets.into_iter().find(|target| target.to_string() == **word) {
                Some(target) => request.targets.push(target),
                None => request.registries.push((*word).to_owned()),
            }
        }
        let environment = self.environment();
        let plan = match words.contains(&"--undo") {
            true => Plan::undo(&request, &environment)?,
            false => Plan::setup(&request, &environment)?,
        };
        plan.apply(&mut |_, _| Ok(()))?;
        Ok(Printed { stdout: plan.notes.join("\n"), stderr: String::new() })
    }

    /// Every file below the home folder with what it holds: nothing more, nothing less, nothing torn.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.home()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                match entry.file_type().unwrap().is_dir() {
                    true => folders.push(entry.path()),
                    false => {
                        let name = entry.path().strip_prefix(self.home()).unwrap().display().to_string();
                        files.insert(name, fs::read(entry.path()).unwrap());
                    }
                }
            }
        }
        files
    }
}

/// The report whose lines these are.
fn printed_report(stderr: &str) -> Report {
    let mut lines = stderr.lines();
    let first = lines.next().and_then(|line| line.strip_prefix("docker-credential-ecr-rs: error: "));
    let report = Report::new(first.unwrap_or_else(|| panic!("no error: {stderr:?}")));
    lines.fold(report, |report, line| match (line.strip_prefix("  caused by: "), line.strip_prefix("  hint: ")) {
        (Some(cause), _) => report.cause(cause),
        (_, Some(hint)) => report.hint(hint),
        _ => panic!("neither a cause nor a hint: {stderr:?}"),
    })
}

/// Writes a file and its folders.
pub(crate) fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// The secret of every login in the shapes, in its spellings.
pub(crate) fn assert_no_secret(text: &str) {
    use base64::{Engine, prelude::BASE64_STANDARD};
    assert!(!text.contains("canary"), "leaked: {text}");
    for user in ["ci", "bot", "AWS", "me", "someone"] {
        assert!(!text.contains(&BASE64_STANDARD.encode(format!("{user}:canary-secret"))), "leaked: {text}");
    }
}
