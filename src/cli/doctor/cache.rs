//! Where tokens are kept: the keychain, the lock, and the token of this registry.

use std::time::SystemTime;

use super::finding::Finding;
use crate::{
    cli::output,
    config::{Config, LoginStore},
    docker::logins,
    environment::Environment,
    keychain::{ErrorKind, Keychain},
    token::{
        cache::{self, TokenLabel},
        single_flight,
    },
};

const CHECK: &str = "cache";

/// Whether tokens can be kept, by listing them and looking for one that is not there: no secret is
/// read and nothing is written. Gives back what is kept.
pub(super) fn store(keychain: &dyn Keychain) -> (Finding, Vec<TokenLabel>) {
    let name = keychain.name();
    // A list passes over locked entries; a look for one that is not found asks the store about its lock.
    let absent = cache::key("doctor.invalid", "");
    match cache::tokens(keychain).and_then(|labels| keychain.get(&absent).map(|_| labels)) {
        Ok(labels) => (Finding::ok(CHECK, format!("{name}, tokens in it: {}", labels.len())), labels),
        // An ECR `get` works all the same: it asks AWS each time.
        Err(fault) => {
            let hint = match fault.kind {
                ErrorKind::Unavailable => {
                    "start a keychain (on Linux gnome-keyring or KWallet, with a D-Bus session), or set [cache] store = \"keyutils\" (until reboot) or \"file\" (clear text) in config.toml"
                }
                _ => fault.hint(),
            };
            (Finding::warning(CHECK, format!("every `get` asks AWS: {fault}"), hint), Vec::new())
        }
    }
}

/// The helper that keeps other registries' logins, where config.toml names one: can it be asked?
pub(super) fn delegate(config: &Config, logins: &dyn Keychain) -> Option<Finding> {
    let LoginStore::Helper(suffix) = &config.logins else { return None };
    Some(match logins::list(logins) {
        Ok(_) => Finding::ok("logins", format!("docker-credential-{suffix} keeps those of other registries")),
        Err(fault) => Finding::warning(
            "logins",
            format!("the logins of other registries cannot be had from docker-credential-{suffix}: {fault}"),
            "install that helper, or correct [other-registries] store in config.toml",
        ),
    })
}

/// Whether many `get`s at once can wait for one of them.
pub(super) fn lock(environment: &Environment) -> Finding {
    match single_flight::folder(environment) {
        Ok(folder) => Finding::ok("lock", format!("in {}", folder.display())),
        Err(err) => Finding::warning(
            "lock",
            format!("many pulls at once make a call to AWS each: {err}"),
            "make the cache folder (XDG_CACHE_HOME) or the temporary folder (TMPDIR) writable",
        ),
    }
}

/// When the cached token of this registry and identity ends; `None` when none lives.
pub(super) fn valid_until(labels: &[TokenLabel], host: &str, identity: &str, now: SystemTime) -> Option<SystemTime> {
    let mine =
        |label: &&TokenLabel| label.host == host && [identity, cache::USER_SUPPLIED].contains(&label.identity.as_str());
    labels.iter().filter(mine).map(|label| label.ends(now)).filter(|end| *end > now).max()
}

/// The cached token of this registry, in words.
pub(super) fn token(valid_until: Option<SystemTime>, now: SystemTime) -> Finding {
    match valid_until {
        Some(end) => {
            let left = output::length(end.duration_since(now).unwrap_or_default());
            Finding::ok("token", format!("one is cached for another {left}, until {}", output::local(end)))
        }
        None => Finding::ok("token", "none is cached for this identity: the next `get` asks AWS"),
    }
}
