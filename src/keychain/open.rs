//! Which store holds what: the one place that turns configuration into keychains.

use super::{Keychain, file::FileStore, helper::HelperStore, none::NoStore, unavailable::UnavailableStore};
use crate::{
    config::{CacheStore, Config, LoginStore},
    environment::Environment,
};

/// Where ECR tokens are kept.
///
/// `AWS_ECR_DISABLE_CACHE` (any text) turns the cache off. `AWS_ECR_CACHE_DIR` names the folder of
/// the clear-text store and, where `config.toml` names no store, asks for it, as with
/// amazon-ecr-credential-helper, whose only cache it is.
pub fn cache(environment: &Environment, config: &Config) -> Box<dyn Keychain> {
    if environment.text("AWS_ECR_DISABLE_CACHE").is_some() {
        return Box::new(NoStore);
    }
    let folder = environment.path("AWS_ECR_CACHE_DIR");
    let store = config.cache.unwrap_or(if folder.is_some() { CacheStore::File } else { CacheStore::Keychain });
    match store {
        CacheStore::Keychain => native(environment),
        CacheStore::Keyutils => keyutils(),
        CacheStore::None => Box::new(NoStore),
        CacheStore::File => {
            let usual = || Some(environment.cache_folder.as_ref()?.join("docker-credential-ecr-rs").join("tokens"));
            match folder.or_else(usual) {
                Some(folder) => Box::new(FileStore::new(folder)),
                None => Box::new(NoStore), // no home folder: nowhere to keep a file
            }
        }
    }
}

/// Where other registries' logins are kept.
pub fn logins(environment: &Environment, config: &Config) -> Box<dyn Keychain> {
    match &config.logins {
        LoginStore::Keychain => native(environment),
        LoginStore::Helper(suffix) => {
            match HelperStore::find(suffix, &(environment.variable)("PATH").unwrap_or_default()) {
                Ok(helper) => Box::new(helper),
                Err(err) => Box::new(UnavailableStore(err)),
            }
        }
    }
}

#[cfg(target_os = "linux")]
fn native(environment: &Environment) -> Box<dyn Keychain> {
    let address = environment.text("DBUS_SESSION_BUS_ADDRESS");
    let runtime_folder = environment.path("XDG_RUNTIME_DIR");
    Box::new(super::linux::SecretServiceStore::new(
        address.as_deref(),
        runtime_folder.as_deref(),
        environment.interactive,
    ))
}

#[cfg(target_os = "macos")]
fn native(_: &Environment) -> Box<dyn Keychain> {
    super::macos::open()
}

#[cfg(windows)]
fn native(_: &Environment) -> Box<dyn Keychain> {
    super::windows::open()
}

#[cfg(target_os = "linux")]
fn keyutils() -> Box<dyn Keychain> {
    Box::new(super::keyutils::KeyutilsStore::new())
}

/// The kernel's key store is Linux's alone: elsewhere its choice keeps nothing.
#[cfg(not(target_os = "linux"))]
fn keyutils() -> Box<dyn Keychain> {
    Box::new(NoStore)
}
