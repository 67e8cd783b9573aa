//! The composition root: from configuration and environment to stores, AWS, and the token service.

pub mod clients;

use std::{cell::Cell, io::Write, path::PathBuf, rc::Rc, time::SystemTime};

use crate::{
    aws::{Aws, Settings},
    config::{CacheStore, Config, LoginStore},
    environment::Environment,
    identity::{self, Chosen, Finder},
    keychain::{
        self, ErrorKind, Keychain, file::FileStore, helper::HelperStore, none::NoStore, unavailable::UnavailableStore,
    },
    log::Log,
    names::PROGRAM,
    token::Service,
};

/// What every door works with. Nothing is asked of a store or of AWS until a door does.
pub struct App {
    /// Variables and folders.
    pub environment: Environment,
    /// Our configuration.
    pub config: Config,
    /// Where ECR tokens are kept.
    pub cache: Rc<dyn Keychain>,
    /// Where other registries' logins are kept. The same store, and connection, where both are in the keychain.
    pub logins: Rc<dyn Keychain>,
    /// Amazon.
    pub aws: Aws,
    /// Whose credentials the caller insists on.
    pub chosen: Option<Chosen>,
    /// When the program started.
    pub now: SystemTime,
}

impl App {
    /// Opens what a configuration names.
    pub fn open(environment: Environment, config: Config, now: SystemTime) -> App {
        let keychain = native(&environment);
        App {
            cache: cache(&environment, &config, &keychain),
            logins: logins(&environment, &config, &keychain),
            aws: Aws::new(Settings::read(&environment, now)),
            environment,
            config,
            chosen: None,
            now,
        }
    }

    /// Where warnings and decisions go.
    pub fn log<'a>(&self, stderr: &'a mut dyn Write) -> Log<'a> {
        let log = Log::new(stderr, self.environment.text("ECR_RS_LOG").is_some());
        match &self.config.path {
            Some(path) => log.note(format_args!("configuration: {}", path.display())),
            None => log.note("configuration: there is no config.toml"),
        }
        log
    }

    /// Who finds the identity of a registry.
    pub fn identities(&self) -> Finder<'_> {
        Finder {
            environment: &self.environment,
            config: &self.config,
            chosen: self.chosen.as_ref(),
            instance: identity::is_ec2,
        }
    }

    /// What answers with tokens of ECR.
    pub fn tokens<'a>(&'a self, log: &'a Log<'a>) -> Service<'a> {
        Service {
            identities: self.identities(),
            cache: &*self.cache,
            source: &self.aws,
            now: self.now,
            log,
            kept: Cell::default(),
        }
    }
}

/// Where ECR tokens are kept.
///
/// `AWS_ECR_DISABLE_CACHE` (any text) turns the cache off. `AWS_ECR_CACHE_DIR` names the folder of
/// the clear-text store and, where `config.toml` names no store, asks for it, as with
/// amazon-ecr-credential-helper, whose only cache it is.
fn cache(environment: &Environment, config: &Config, keychain: &Rc<dyn Keychain>) -> Rc<dyn Keychain> {
    if environment.text("AWS_ECR_DISABLE_CACHE").is_some() {
        return Rc::new(NoStore::Forgets);
    }
    let folder = environment.path("AWS_ECR_CACHE_DIR");
    let store = config.cache.unwrap_or(if folder.is_some() { CacheStore::File } else { CacheStore::Keychain });
    match store {
        CacheStore::Keychain => keychain.clone(),
        CacheStore::Keyutils => keyutils(),
        CacheStore::None => Rc::new(NoStore::Forgets),
        CacheStore::File => {
            let usual = || Some(environment.cache_folder.as_ref()?.join(PROGRAM).join("tokens"));
            match folder.or_else(usual) {
                Some(folder) => Rc::new(FileStore::new(folder)),
                None => Rc::new(NoStore::Forgets), // no home folder: nowhere to keep a file
            }
        }
    }
}

/// Where other registries' logins are kept.
fn logins(environment: &Environment, config: &Config, keychain: &Rc<dyn Keychain>) -> Rc<dyn Keychain> {
    match &config.logins {
        LoginStore::Keychain => keychain.clone(),
        LoginStore::None => Rc::new(NoStore::Refuses),
        LoginStore::File => match login_folder(environment) {
            Some(folder) => Rc::new(FileStore::new(folder)),
            None => Rc::new(UnavailableStore(keychain::Error {
                store: "file store",
                kind: ErrorKind::Unavailable,
                detail: "without a home folder there is none to keep logins in".into(),
            })),
        },
        LoginStore::Helper(suffix) => match HelperStore::find(suffix, &environment.search_path()) {
            Ok(helper) => Rc::new(helper),
            Err(err) => Rc::new(UnavailableStore(err)),
        },
    }
}

/// The folder of `[other-registries] store = "file"`, apart from the tokens' cache, which anyone may empty.
pub fn login_folder(environment: &Environment) -> Option<PathBuf> {
    Some(environment.config_folder.as_ref()?.join(PROGRAM).join("logins"))
}

#[cfg(target_os = "linux")]
fn native(environment: &Environment) -> Rc<dyn Keychain> {
    let address = environment.text("DBUS_SESSION_BUS_ADDRESS");
    let runtime_folder = environment.path("XDG_RUNTIME_DIR");
    Rc::new(keychain::linux::SecretServiceStore::new(
        address.as_deref(),
        runtime_folder.as_deref(),
        environment.interactive,
    ))
}

#[cfg(target_os = "macos")]
fn native(_: &Environment) -> Rc<dyn Keychain> {
    keychain::macos::open().into()
}

#[cfg(windows)]
fn native(_: &Environment) -> Rc<dyn Keychain> {
    keychain::windows::open().into()
}

#[cfg(target_os = "linux")]
fn keyutils() -> Rc<dyn Keychain> {
    Rc::new(keychain::keyutils::KeyutilsStore::new())
}

/// The kernel's key store is Linux's alone: elsewhere config.toml refuses its choice.
#[cfg(not(target_os = "linux"))]
fn keyutils() -> Rc<dyn Keychain> {
    Rc::new(NoStore::Forgets)
}
