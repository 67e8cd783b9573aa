//! A user's machine: a home folder, a keychain on a fake session bus, and AWS on loopback.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{aws::Service, bus::FakeBus, loopback::Loopback, program::Program};

/// The machine; everything on it ends with it.
pub struct Machine {
    /// The home folder.
    pub home: tempfile::TempDir,
    /// The keychain.
    pub bus: FakeBus,
    /// AWS.
    pub aws: Loopback,
}

impl Machine {
    /// A machine whose user is `alice`, with her keys in the environment.
    pub fn new() -> Machine {
        Machine::with(Vec::new())
    }

    /// The same with more services of AWS.
    pub fn with(services: Vec<Arc<dyn Service>>) -> Machine {
        Machine { home: tempfile::tempdir().unwrap(), bus: FakeBus::start(), aws: Loopback::with(services) }
    }

    /// The program with AWS at the end of its endpoint URLs.
    pub fn program(&self) -> Program {
        self.program_with(self.aws.endpoint_variables())
    }

    /// The program with these variables and those of the machine.
    pub fn program_with(&self, variables: Vec<(&'static str, String)>) -> Program {
        let program = Program::at(Machine::binary(), self.home.path())
            .with("DBUS_SESSION_BUS_ADDRESS", self.bus.address())
            .with("TMPDIR", self.home.path());
        variables.into_iter().fold(program, |program, (name, value)| program.with(name, value))
    }

    /// The program without keys in the environment: its identity is in the files.
    pub fn without_keys(&self) -> Program {
        self.program().without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY")
    }

    /// The built binary.
    pub fn binary() -> &'static Path {
        Path::new(env!("CARGO_BIN_EXE_docker-credential-ecr-rs"))
    }

    /// Writes a file in the home folder, with the folders above it, and gives back its path.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Writes `config.toml` at its usual place.
    pub fn configure(&self, text: &str) -> PathBuf {
        self.write(".config/docker-credential-ecr-rs/config.toml", text)
    }

    /// How often AWS was asked for a token.
    pub fn minted(&self) -> usize {
        self.aws.count("GetAuthorizationToken")
    }
}
