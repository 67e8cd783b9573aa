//! Where tokens are kept: the keychain, the lock, and the token of this registry.

use std::{rc::Rc, time::SystemTime};

use super::finding::Finding;
use crate::{
    app::{self, App},
    cli::output,
    config::LoginStore,
    docker::logins::LOGIN,
    environment::Environment,
    keychain::{Damaged, Error, ErrorKind, Inventory, Selection},
    names::{HELPER_PREFIX, PROGRAM},
    token::{
        cache::{self, Cached, TokenLabel},
        single_flight,
    },
};

const CHECK: &str = "cache";

/// What is known of the tokens.
pub(super) struct Tokens {
    /// Whether they can be had and kept.
    pub(super) finding: Finding,
    /// Those that are kept.
    pub(super) labels: Vec<TokenLabel>,
    /// Why nothing more is asked of the store, which keeps the logins of other registries too: it did not answer.
    pub(super) silence: Option<Error>,
}

/// Whether tokens can be had and kept: no secret is read and nothing is written.
pub(super) fn store(app: &App) -> Tokens {
    let keychain = &*app.cache;
    let name = keychain.name();
    let silence = |fault: &Error| {
        let shared = fault.kind == ErrorKind::Timeout && Rc::ptr_eq(&app.cache, &app.logins);
        shared.then(|| fault.clone())
    };
    let also = |silence: &Option<Error>| match silence {
        Some(_) => ", and the logins of other registries cannot be had",
        None => "",
    };
    match cache::inventory(keychain, None) {
        Ok(Cached { incomplete: Some(fault), tokens, .. }) => {
            let silence = silence(&fault);
            let what = format!("not all tokens can be listed{}: {fault}", also(&silence));
            Tokens { finding: Finding::warning(CHECK, what, fault.hint()), labels: tokens, silence }
        }
        Ok(Cached { tokens, damaged, incomplete: None }) => {
            let what = format!("{name}, tokens in it: {}", tokens.len());
            let finding = match (keychain.check(), damaged.is_empty()) {
                (Err(fault), _) => full(CHECK, &what, &fault),
                (Ok(()), true) => Finding::ok(CHECK, what),
                (Ok(()), false) => Finding::warning(
                    CHECK,
                    format!("{what}; entries that cannot be used: {}", named(&damaged)),
                    format!("the next `get` replaces its own; `{PROGRAM} clear --all` removes them"),
                ),
            };
            Tokens { finding, labels: tokens, silence: None }
        }
        // An ECR `get` works all the same: it asks AWS each time.
        Err(fault) => {
            let hint = match fault.kind {
                ErrorKind::Absent | ErrorKind::Unavailable if cfg!(target_os = "linux") => {
                    "start a keychain (gnome-keyring or KWallet, in a D-Bus session), or set [cache] store = \"keyutils\" (until reboot) or \"file\" (clear text) in config.toml"
                }
                _ => fault.hint(),
            };
            let silence = silence(&fault);
            let what = format!("every `get` asks AWS{}: {fault}", also(&silence));
            Tokens { finding: Finding::warning(CHECK, what, hint), labels: Vec::new(), silence }
        }
    }
}

/// A store that can be read, and in which nothing more can be kept.
fn full(check: &'static str, what: &str, fault: &Error) -> Finding {
    Finding::warning(check, format!("{what}; no other can be kept: {fault}"), fault.hint())
}

/// Entries with what is wrong with them.
fn named(damaged: &[Damaged]) -> String {
    damaged.iter().map(|Damaged { name, why, .. }| format!("{name} ({why})")).collect::<Vec<_>>().join(", ")
}

/// Where other registries' logins are kept: can they be had?
pub(super) fn logins(app: &App) -> Finding {
    const CHECK: &str = "logins";
    let keeper = match &app.config.logins {
        LoginStore::None => return Finding::ok(CHECK, "none is kept: [other-registries] store = \"none\""),
        LoginStore::Keychain => app.logins.name().to_owned(),
        LoginStore::File => match app::login_folder(&app.environment) {
            Some(folder) => format!("{} (clear text)", folder.display()),
            None => app.logins.name().to_owned(),
        },
        LoginStore::Helper(suffix) => format!("{HELPER_PREFIX}{suffix}"),
    };
    match app.logins.inventory(&Selection::all(&LOGIN)) {
        Ok(Inventory { incomplete: Some(fault), .. }) => {
            Finding::warning(CHECK, format!("not all logins in {keeper} can be listed: {fault}"), fault.hint())
        }
        Ok(Inventory { labels, damaged, incomplete: None }) => {
            let what = format!("{keeper} keeps those of other registries: {}", labels.len());
            match (app.logins.check(), damaged.is_empty()) {
                (Err(fault), _) => full(CHECK, &what, &fault),
                (Ok(()), true) => Finding::ok(CHECK, what),
                (Ok(()), false) => Finding::warning(
                    CHECK,
                    format!("{what}; entries that cannot be used: {}", named(&damaged)),
                    "`docker login` writes an entry anew, `docker logout` removes it",
                ),
            }
        }
        Err(fault) if fault.kind == ErrorKind::Absent => Finding::warning(
            CHECK,
            format!("other registries are pulled from without a login, and `docker login` of them fails: {fault}"),
            fault.hint(),
        ),
        Err(fault) => Finding::warning(
            CHECK,
            format!("the logins of other registries cannot be had from {keeper}: {fault}"),
            match app.config.logins {
                LoginStore::Helper(_) => "install that helper, or correct [other-registries] store in config.toml",
                _ => fault.hint(),
            },
        ),
    }
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
