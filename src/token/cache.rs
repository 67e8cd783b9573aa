//! ECR tokens in the keychain: one entry for each registry and identity.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Token;
use crate::{
    keychain::{Damaged, Entry, EntryKind, Error, ErrorKind, Inventory, Key, Keychain, Label, Selection},
    registry::{Registry, TOKEN_LIFETIME},
    secret::Secret,
};

/// The entries of cached tokens: two identities never share one.
pub static TOKEN: EntryKind = EntryKind {
    name: "token",
    key: &["host", "identity"],
    further: &["account", "region", "expires"],
    title: "ECR token for",
    titled_by: "host",
    ends: Some("expires"),
    restored_by: None,
};

/// The identity of a token that a person supplied with `docker login`, not minted by us. No
/// fingerprint reads like this.
pub const USER_SUPPLIED: &str = "supplied by docker login";

/// A cached token without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenLabel {
    /// The registry's host, lower-case, without port.
    pub host: String,
    /// The fingerprint of the AWS identity that minted it, or [`USER_SUPPLIED`].
    pub identity: String,
    /// The registry's 12-digit AWS account; empty for ECR Public.
    pub account: String,
    /// The registry's AWS region.
    pub region: String,
    /// When the token ends, in seconds since 1970.
    pub expires: u64,
}

impl TokenLabel {
    /// Reads a label of the kind [`TOKEN`]; `None` when its end is no number.
    fn read(label: &Label) -> Option<TokenLabel> {
        let text = |name: &str| label.attribute(name).map(String::from);
        Some(TokenLabel {
            host: text("host")?,
            identity: text("identity")?,
            account: text("account")?,
            region: text("region")?,
            expires: label.attribute("expires")?.parse().ok()?,
        })
    }

    /// When the token ends as far as that can be: an entry that claims more than the life of a token
    /// ends after that life.
    pub fn ends(&self, now: SystemTime) -> SystemTime {
        capped(time(self.expires), now)
    }
}

/// The end of a token, at most [`TOKEN_LIFETIME`] from now.
pub(super) fn capped(end: SystemTime, now: SystemTime) -> SystemTime {
    end.min(now + TOKEN_LIFETIME)
}

/// What finds the token of a registry's host and an identity.
fn key(host: &str, identity: &str) -> Key {
    Key::new(&TOKEN, &[host, identity])
}

/// The cached token of a registry and identity, fresh, stale or expired.
pub fn load(keychain: &dyn Keychain, registry: &Registry, identity: &str) -> Result<Option<Token>, Error> {
    let Some(entry) = keychain.get(&key(&registry.host, identity))? else { return Ok(None) };
    match TokenLabel::read(&entry.label) {
        Some(label) => Ok(Some(Token { password: entry.secret, expires_at: time(label.expires) })),
        None => {
            let detail = "a token's end is no number of seconds".into();
            Err(Error { store: keychain.name(), kind: ErrorKind::Damaged, detail })
        }
    }
}

/// Keeps a token in place of the one before.
///
/// # Errors
/// That the token is not kept.
pub fn keep(keychain: &dyn Keychain, registry: &Registry, identity: &str, token: &Token) -> Result<(), Error> {
    let expires = token.expires_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().to_string();
    let label = Label::new(key(&registry.host, identity), &[registry.account(), &registry.region, &expires]);
    keychain.put(&Entry { label, secret: Secret::from(token.password.expose().to_owned()) })
}

/// What is cached: the tokens, and the entries that cannot be used.
#[derive(Debug, Default)]
pub struct Cached {
    /// The labels of the tokens, those that have ended too. One that cannot be read is passed over.
    pub tokens: Vec<TokenLabel>,
    /// The damaged entries. The next `get` for their registry and identity replaces them.
    pub damaged: Vec<Damaged>,
    /// Why there may be more than these.
    pub incomplete: Option<Error>,
}

impl From<Inventory> for Cached {
    fn from(Inventory { labels, damaged, incomplete }: Inventory) -> Cached {
        Cached { tokens: labels.iter().filter_map(TokenLabel::read).collect(), damaged, incomplete }
    }
}

/// Drops the tokens of every identity, of one host or of all, and gives back what was dropped. Entries
/// that cannot be used go too, but for those that say they are of another host. `identity` is the one
/// whose entry of the host goes in any case, whatever the store can tell of it.
pub fn forget(keychain: &dyn Keychain, host: Option<&str>, identity: Option<&str>) -> Result<Cached, Error> {
    let forgotten = keychain.remove_all(&selection(host))?;
    if let Some(key) = host.zip(identity).map(|(host, identity)| key(host, identity))
        && !forgotten.labels.iter().any(|label| *label.key() == key)
    {
        keychain.remove(&key)?;
    }
    Ok(forgotten.into())
}

/// All that is cached, of one host or of all.
pub fn inventory(keychain: &dyn Keychain, host: Option<&str>) -> Result<Cached, Error> {
    keychain.inventory(&selection(host)).map(Cached::from)
}

fn selection(host: Option<&str>) -> Selection {
    let all = Selection::all(&TOKEN);
    match host {
        Some(host) => all.with("host", host),
        None => all,
    }
}

/// When a label says that its token ends.
pub fn time(expires: u64) -> SystemTime {
    // An absurd number in an entry must not panic: it counts as ended.
    UNIX_EPOCH.checked_add(Duration::from_secs(expires)).unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_back() {
        for (expires, expected, why) in [
            ("1900000000", Some(1_900_000_000), "seconds since 1970"),
            ("18446744073709551615", Some(u64::MAX), "an absurd end is still one"),
            ("soon", None, "no number"),
            ("-1", None, "before 1970"),
            ("", None, "nothing"),
        ] {
            let label = Label::new(key("public.ecr.aws", "f00d"), &["", "us-east-1", expires]);
            let read = TokenLabel::read(&label);
            assert_eq!(read.as_ref().map(|label| label.expires), expected, "{why}");
            if let Some(TokenLabel { host, identity, account, region, .. }) = read {
                assert_eq!((&*host, &*identity, &*account, &*region), ("public.ecr.aws", "f00d", "", "us-east-1"));
            }
        }
        let now = time(1_900_000_000);
        for (expires, expected, why) in [
            (1_900_000_001, 1_900_000_001, "in a second"),
            (1_899_999_999, 1_899_999_999, "ended"),
            (1_902_592_000, 1_900_043_200, "in 30 days"),
            (9_000_000_000_000_000_000, 1_900_043_200, "an absurd end"),
        ] {
            assert_eq!(capped(time(expires), now), time(expected), "F1.5: {why}");
        }
        assert_eq!(time(u64::MAX), UNIX_EPOCH, "beyond what the clock can say");
    }
}
