//! ECR tokens in the keychain: one entry for each registry and identity.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Token;
use crate::{
    keychain::{Entry, Fault, Key, Keychain, Label, TokenLabel},
    registry::Registry,
    secret::Secret,
};

/// The identity of a token that a person brought with `docker login`, not minted by us. No
/// fingerprint reads like this.
pub const BROUGHT: &str = "brought by docker login";

/// The cached token of a registry and identity, fresh, stale or expired.
pub fn load(keychain: &dyn Keychain, registry: &Registry, identity: &str) -> Result<Option<Token>, Fault> {
    let key = Key::Token { host: registry.host.clone(), identity: identity.into() };
    Ok(keychain.get(&key)?.and_then(|entry| match entry.label {
        Label::Token(label) => Some(Token { password: entry.secret, expires_at: time(label.expires) }),
        Label::Login(_) => None,
    }))
}

/// Keeps a token in place of the one before, and drops tokens of any registry that have ended: a
/// machine whose identities change every hour must not fill the keychain.
pub fn keep(
    keychain: &dyn Keychain,
    registry: &Registry,
    identity: &str,
    token: &Token,
    now: SystemTime,
) -> Result<(), Fault> {
    let label = TokenLabel {
        host: registry.host.clone(),
        identity: identity.into(),
        account: registry.account().into(),
        region: registry.region.clone(),
        expires: token.expires_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
    };
    keychain.put(&Entry { label: Label::Token(label), secret: Secret::from(token.password.expose().to_owned()) })?;
    for label in tokens(keychain)?.into_iter().filter(|label| time(label.expires) <= now) {
        keychain.remove(&Label::Token(label).key())?;
    }
    Ok(())
}

/// Drops a registry's tokens of every identity.
pub fn forget(keychain: &dyn Keychain, registry: &Registry) -> Result<(), Fault> {
    for label in tokens(keychain)?.into_iter().filter(|label| label.host == registry.host) {
        keychain.remove(&Label::Token(label).key())?;
    }
    Ok(())
}

/// The labels of all cached tokens, those that have ended too.
pub fn tokens(keychain: &dyn Keychain) -> Result<Vec<TokenLabel>, Fault> {
    let tokens = keychain.list()?.into_iter().filter_map(|label| match label {
        Label::Token(token) => Some(token),
        Label::Login(_) => None,
    });
    Ok(tokens.collect())
}

/// When a label says that its token ends.
pub fn time(expires: u64) -> SystemTime {
    // An absurd number in an entry must not panic: it counts as ended.
    UNIX_EPOCH.checked_add(Duration::from_secs(expires)).unwrap_or(UNIX_EPOCH)
}
