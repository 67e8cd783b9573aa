//! Where `config.toml` is: the user's, else the machine's.

use std::{
    io::{
        self,
        ErrorKind::{NotADirectory, NotFound, PermissionDenied},
    },
    path::{Path, PathBuf},
};

use super::model::Config;
use crate::{environment::Environment, names::PROGRAM, private_fs, report::Report};

impl Config {
    /// Where the user's file is: `$ECR_RS_CONFIG`, else `docker-credential-ecr-rs/config.toml` in the
    /// user's config folder.
    pub fn location(environment: &Environment) -> Option<PathBuf> {
        let default = || Some(below(environment.config_folder.as_ref()?));
        environment.path("ECR_RS_CONFIG").or_else(default)
    }

    /// Reads the file that is in force: the user's, else the machine's. None at the usual places is an empty
    /// configuration; one that `ECR_RS_CONFIG` names must be there.
    ///
    /// A file counts whole: of two that pick credentials, parts of both would be nobody's choice.
    pub fn load(environment: &Environment) -> Result<Config, Report> {
        if let Some(named) = environment.path("ECR_RS_CONFIG") {
            let text = read(&named).map_err(|err| unreadable(&named, &err, "correct or unset ECR_RS_CONFIG"))?;
            return Config::parse(&text, named);
        }
        // On Windows every user may make a folder in %ProgramData%, and choose credentials for the others there.
        let machines = (!cfg!(windows)).then(|| below(&environment.system_folder));
        let places = Config::location(environment).into_iter().chain(machines);
        for path in places {
            match read(&path) {
                Ok(text) => return Config::parse(&text, path),
                // Without access to the folder there is no configuration for this user in it either.
                Err(err) if matches!(err.kind(), NotFound | NotADirectory | PermissionDenied) => {}
                Err(err) => return Err(unreadable(&path, &err, "make it a readable text file, or move it away")),
            }
        }
        Ok(Config::default())
    }

    /// Reads one file, wherever it is.
    pub fn read(path: &Path) -> Result<Config, Report> {
        let text = read(path).map_err(|err| unreadable(path, &err, "name a config.toml that is there"))?;
        Config::parse(&text, path.to_owned())
    }
}

fn below(folder: &Path) -> PathBuf {
    folder.join(PROGRAM).join("config.toml")
}

fn read(path: &Path) -> io::Result<String> {
    private_fs::read_to_string(path, private_fs::MAX_FILE_SIZE)
}

fn unreadable(path: &Path, err: &io::Error, hint: &str) -> Report {
    Report::new(format!("{}: cannot be read: {err}", path.display())).hint(hint)
}

#[cfg(all(test, not(windows)))]
mod tests {
    use std::fs;

    use super::*;

    /// A machine whose folders are below this one.
    fn environment(root: &Path, named: Option<&str>) -> Environment {
        let named = named.map(|name| root.join(name).into_os_string());
        Environment {
            variable: Box::new(move |name| if name == "ECR_RS_CONFIG" { named.clone() } else { None }),
            home: Some(root.join("home")),
            config_folder: Some(root.join("home/.config")),
            cache_folder: None,
            system_folder: root.join("etc"),
            runtime_folder: root.join("run"),
            temporary_folder: root.join("tmp"),
            interactive: false,
        }
    }

    #[test]
    fn the_users_file_counts_before_the_machines() {
        const USERS: &str = "home/.config/docker-credential-ecr-rs/config.toml";
        const MACHINES: &str = "etc/docker-credential-ecr-rs/config.toml";
        for (files, named, expected, why) in [
            (&[][..], None, Ok(None), "none"),
            (&[USERS], None, Ok(Some(USERS)), "the user's"),
            (&[MACHINES], None, Ok(Some(MACHINES)), "the machine's"),
            (&[USERS, MACHINES], None, Ok(Some(USERS)), "both"),
            (&[USERS, MACHINES, "mine.toml"], Some("mine.toml"), Ok(Some("mine.toml")), "one that is named"),
            (&[USERS, MACHINES], Some("mine.toml"), Err("cannot be read"), "one that is named and is not there"),
        ] {
            let root = tempfile::tempdir().expect("a folder");
            for file in files {
                let path = root.path().join(file);
                fs::create_dir_all(path.parent().expect("it has one")).expect("a folder");
                fs::write(&path, format!("[defaults]\nprofile = \"{file}\"\n")).expect("a file");
            }
            let loaded = Config::load(&environment(root.path(), named));
            let path = |name: &str| root.path().join(name);
            match expected {
                Ok(expected) => assert_eq!(loaded.expect(why).path, expected.map(path), "{why}"),
                Err(words) => assert!(loaded.expect_err(why).what().contains(words), "{why}"),
            }
        }
        let root = tempfile::tempdir().expect("a folder");
        let machines = root.path().join(MACHINES);
        fs::create_dir_all(machines.parent().expect("it has one")).expect("a folder");
        fs::write(&machines, "[cahce]\n").expect("a file");
        let err = Config::load(&environment(root.path(), None)).expect_err("a broken one is not passed over");
        assert!(err.what().starts_with(&format!("{}:1: ", machines.display())), "{err}");
    }
}
