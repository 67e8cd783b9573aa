//! Linux's kernel keys (`cache.store = "keyutils"`): memory that is never swapped to a file and
//! ends with the machine. For servers, where no desktop keyring runs.
//!
//! Source: keyrings(7), persistent-keyring(7), keyctl(2). Entries are `user` keys in the user's
//! persistent keyring, which outlives a login session and ends three days after its last use.

use std::{fmt, time::SystemTime};

use linux_keyutils::{Key as KernelKey, KeyError, KeyRing, KeyRingIdentifier, LinkNode};

use super::{
    Damaged, Entry, EntryKind, Error, ErrorKind, Inventory, Key, Keychain, Label, MAX_TIDIED, SERVICE, Selection,
    error::KERNEL_KEYS as NAME, record,
};
use crate::{
    private_fs,
    secret::{Secret, Wiped},
};

/// More keys than a keyring is listed for; the kernel allows an ordinary user 200.
const MAX_KEYS: usize = 4096;

/// What an ECR token takes of the quota at most, with its label: its password has up to 2,714 characters.
const TYPICAL: u64 = 3000;

/// Ends the label in a key's payload, before the secret: a label's text is one line.
const SEPARATOR: char = '\n';

/// The user's persistent keyring in the kernel.
pub struct KeyutilsStore {
    /// What the descriptions of our keys start with.
    service: String,
}

impl KeyutilsStore {
    /// The store for [`SERVICE`].
    pub(crate) fn new() -> KeyutilsStore {
        KeyutilsStore::for_service(SERVICE)
    }

    /// A store apart from the user's own entries, for tests.
    pub fn for_service(service: &str) -> KeyutilsStore {
        KeyutilsStore { service: service.to_owned() }
    }

    /// What finds a key: everyone on the machine may see descriptions, so it names no host.
    fn description(&self, key: &Key) -> String {
        format!("{}:{}", self.service, &record::name(key)[..32])
    }
}

impl Keychain for KeyutilsStore {
    fn name(&self) -> &'static str {
        NAME
    }

    fn check(&self) -> Result<(), Error> {
        keyring()?;
        match Quota::now() {
            Some(quota) if !quota.has_room() => Err(Error {
                store: NAME,
                kind: ErrorKind::NoPlace,
                detail: format!("there is no room for another ECR token: {quota}"),
            }),
            _ => Ok(()), // nobody knows without /proc
        }
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, Error> {
        let found = keyring()?.search(&self.description(key));
        let Some(payload) = existing(found.and_then(read)).map_err(|err| error("reading a key", err))? else {
            return Ok(None);
        };
        match parse(key.kind(), &payload).filter(|(label, _)| label.key() == key) {
            Some((label, secret)) => Ok(Some(Entry { label, secret: Secret::from(secret.to_owned()) })),
            None => Err(Error { store: NAME, kind: ErrorKind::Damaged, detail: NOT_OURS.into() }),
        }
    }

    fn put(&self, entry: &Entry) -> Result<(), Error> {
        let (label, secret) = (entry.label.to_text(), entry.secret.expose());
        let mut payload = Wiped::new(String::with_capacity(label.len() + 1 + secret.len()));
        payload.push_str(&label);
        payload.push(SEPARATOR);
        payload.push_str(secret);
        // A key of the same description is updated in place.
        let added = keyring()?.add_key(&self.description(entry.label.key()), payload.as_bytes());
        added.map(drop).map_err(|err| error("storing a key", err))
    }

    fn remove(&self, key: &Key) -> Result<(), Error> {
        unlink([self.description(key)])
    }

    /// A key's payload is read whole, with the secret, which is wiped unseen.
    fn inventory(&self, which: &Selection) -> Result<Inventory, Error> {
        let prefix = format!("{}:", self.service);
        let links = keyring()?.get_links(MAX_KEYS).map_err(|err| error("listing keys", err))?;
        let ours = links.iter().filter_map(|node| match node {
            LinkNode::Key(key) => {
                let description = key.metadata().ok()?.get_description().to_owned();
                description.starts_with(&prefix).then_some((*key, description))
            }
            _ => None,
        });
        let mut inventory = Inventory::default();
        for (key, description) in ours {
            let Some(payload) = existing(read(key)).map_err(|err| error("reading a key", err))? else { continue };
            match parse(which.kind(), &payload).map(|(label, _)| label) {
                Some(label) if self.description(label.key()) == description => {
                    inventory.labels.extend(which.has(&label).then_some(label));
                }
                _ => inventory.damaged.extend(damaged(which, description, &payload)),
            }
        }
        Ok(inventory)
    }

    fn remove_all(&self, which: &Selection) -> Result<Inventory, Error> {
        let found = self.inventory(which)?;
        let keys = found.labels.iter().map(|label| self.description(label.key()));
        unlink(keys.chain(found.damaged.iter().map(|damaged| damaged.name.clone())))?;
        Ok(found)
    }

    fn tidy(&self, kind: &'static EntryKind, now: SystemTime) -> Result<(), Error> {
        let found = self.inventory(&Selection::all(kind))?.labels;
        let ended = found.iter().filter(|label| label.has_ended(now)).take(MAX_TIDIED);
        unlink(ended.map(|label| self.description(label.key())))
    }
}

/// Forgets the keys of these descriptions, as far as they are there.
fn unlink(descriptions: impl IntoIterator<Item = String>) -> Result<(), Error> {
    let keyring = keyring()?;
    for description in descriptions {
        let unlinked = keyring.search(&description).and_then(|key| keyring.unlink_key(key));
        existing(unlinked).map_err(|err| error("deleting a key", err))?;
    }
    Ok(())
}

/// What is wrong with a payload that makes no entry.
const NOT_OURS: &str = "a key's payload is cut short, of another version, or not an entry of ours";

/// A key of ours whose payload makes no entry; `None` when that is none of the selected.
fn damaged(which: &Selection, name: String, payload: &[u8]) -> Option<Damaged> {
    let label = payload.split(|byte| *byte == SEPARATOR as u8).next().unwrap_or_default();
    let mut attributes = record::label_attributes(label);
    if !which.may_have(&attributes) {
        return None;
    }
    attributes.retain(|name, _| which.kind().key.contains(&name.as_str()));
    Some(Damaged { name, why: NOT_OURS.into(), attributes })
}

/// The user's keyring, linked to this process's own: only what a process's keyrings lead to may
/// be read, and without a PAM session (in a container, in CI) nothing leads to it.
fn keyring() -> Result<KeyRing, Error> {
    KeyRing::get_persistent(KeyRingIdentifier::Process)
        .or_else(|_| {
            // A kernel without persistent keyrings: the user's other one ends with the last login.
            let keyring = KeyRing::from_special_id(KeyRingIdentifier::User, true)?;
            KeyRing::from_special_id(KeyRingIdentifier::Process, true)?.link_keyring(keyring)?;
            Ok(keyring)
        })
        .map_err(|err| error("opening the user's keyring", err))
}

fn read(key: KernelKey) -> Result<Wiped<Vec<u8>>, KeyError> {
    key.read_to_vec().map(Wiped::new)
}

fn parse<'p>(kind: &'static EntryKind, payload: &'p [u8]) -> Option<(Label, &'p str)> {
    let (label, secret) = std::str::from_utf8(payload).ok()?.split_once(SEPARATOR)?;
    Some((Label::from_text(kind, label)?, secret))
}

/// Tells "there is no such key" from an error. A key may end between two calls.
fn existing<T>(outcome: Result<T, KeyError>) -> Result<Option<T>, KeyError> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(KeyError::KeyDoesNotExist | KeyError::KeyExpired | KeyError::KeyRevoked) => Ok(None),
        Err(err) => Err(err),
    }
}

/// What the kernel gives this user for keys, and how much of it is taken: keyrings(7), "/proc/key-users".
#[derive(Debug, PartialEq, Eq)]
struct Quota {
    /// Keys that are there, and how many there may be.
    keys: (u64, u64),
    /// Their bytes, and how many there may be.
    bytes: (u64, u64),
}

impl Quota {
    /// That of this user now; `None` where the kernel does not tell.
    fn now() -> Option<Quota> {
        const MOST: u64 = 1 << 20;
        let users = private_fs::read_to_string("/proc/key-users".as_ref(), MOST).ok()?;
        Quota::of(rustix::process::geteuid().as_raw(), &users)
    }

    /// That of a user in the text of `/proc/key-users`: `UID: COUNT KEYS/KEYS KEYS/MOST BYTES/MOST`.
    fn of(user: u32, users: &str) -> Option<Quota> {
        let user = user.to_string();
        let line = users.lines().find_map(|line| line.trim_start().strip_prefix(&*user)?.strip_prefix(':'))?;
        let mut pairs = line.split_whitespace().skip(2).map(|pair| {
            let (taken, most) = pair.split_once('/')?;
            Some((taken.parse().ok()?, most.parse().ok()?))
        });
        Some(Quota { keys: pairs.next()??, bytes: pairs.next()?? })
    }

    /// Whether another ECR token may fit.
    fn has_room(&self) -> bool {
        let left = |(taken, most): (u64, u64)| most.saturating_sub(taken);
        left(self.keys) > 0 && left(self.bytes) >= TYPICAL
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Quota { keys, bytes } = self;
        write!(
            f,
            "the user's keys take {} of {} bytes (/proc/sys/kernel/keys/maxbytes) and are {} of {}; `clear --all` makes room",
            bytes.0, bytes.1, keys.0, keys.1
        )
    }
}

fn error(doing: &str, err: KeyError) -> Error {
    /// errno of a system call that a kernel or a seccomp profile does not know.
    const ENOSYS: i32 = 38;
    if err == KeyError::QuotaExceeded {
        let quota = Quota::now().map(|quota| format!(": {quota}")).unwrap_or_default();
        let detail = format!("{doing}: the user's quota of keys is used up{quota}");
        return Error { store: NAME, kind: ErrorKind::NoPlace, detail };
    }
    let (kind, words) = match err {
        KeyError::PermissionDenied | KeyError::OperationNotSupported | KeyError::Unknown(ENOSYS) => {
            (ErrorKind::Unavailable, "the kernel does not allow keys here, as in most containers")
        }
        KeyError::AccessDenied => (ErrorKind::Refused, "the kernel denies access to the keyring"),
        KeyError::InvalidArguments => (ErrorKind::Refused, "an entry is longer than a key can be (32,767 bytes)"),
        _ => (ErrorKind::Refused, "the kernel says no"),
    };
    Error { store: NAME, kind, detail: format!("{doing}: {words} ({err:?})") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keychain::entry::kinds::{self, LOGIN, TOKEN};

    #[test]
    fn kernel_errors_in_words() {
        for (err, kind, words) in [
            (KeyError::PermissionDenied, ErrorKind::Unavailable, "containers"), // Docker's seccomp profile
            (KeyError::Unknown(38), ErrorKind::Unavailable, "containers"),
            (KeyError::OperationNotSupported, ErrorKind::Unavailable, "containers"),
            (KeyError::AccessDenied, ErrorKind::Refused, "denies access"),
            (KeyError::QuotaExceeded, ErrorKind::NoPlace, "the user's quota of keys is used up"),
            (KeyError::InvalidArguments, ErrorKind::Refused, "32,767"),
            (KeyError::OutOfMemory, ErrorKind::Refused, "OutOfMemory"),
        ] {
            let error = error("storing a key", err);
            assert_eq!(error.kind, kind, "{err:?}");
            assert!(error.detail.starts_with("storing a key: ") && error.detail.contains(words), "{}", error.detail);
        }
        for err in [KeyError::KeyDoesNotExist, KeyError::KeyExpired, KeyError::KeyRevoked] {
            assert_eq!(existing::<()>(Err(err)), Ok(None), "gone is none: {err:?}");
        }
    }

    #[test]
    fn f7_8_the_users_quota() {
        const USERS: &str = "    0:    11 10/10 3/1000000 40/25000000\n 1000:     9 9/9 7/200 19810/20000\n10000: 1 1/1 200/200 9/20000\nnonsense\n   70: 1 1/1 1\n";
        for (user, expected, has_room, why) in [
            (0, Some(((3, 1_000_000), (40, 25_000_000))), true, "root"),
            (1000, Some(((7, 200), (19810, 20000))), false, "too few bytes are left"),
            (10000, Some(((200, 200), (9, 20000))), false, "no key is left"),
            (100, None, true, "the beginning of another's number"),
            (70, None, true, "a line cut short"),
        ] {
            let quota = Quota::of(user, USERS);
            assert_eq!(quota, expected.map(|(keys, bytes)| Quota { keys, bytes }), "{why}");
            assert_eq!(quota.is_none_or(|quota| quota.has_room()), has_room, "{why}");
        }
        let words = Quota::of(1000, USERS).expect("it is there").to_string();
        assert!(words.contains("19810 of 20000 bytes") && words.contains("7 of 200"), "{words}");
    }

    #[test]
    fn descriptions_tell_keys_apart_and_no_host() {
        let store = KeyutilsStore::new();
        let login = |server: &str| store.description(&Key::new(&LOGIN, &[server]));
        let token = |host: &str, identity: &str| store.description(&Key::new(&TOKEN, &[host, identity]));
        let all = [login("a"), login("b"), token("a", "b"), token("ab", ""), token("", "ab")];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[..at].contains(one), "two keys share {one}");
        }
        assert_eq!(login("ghcr.io"), "docker-credential-ecr-rs:60e8398c8e8710cecf93784557262f56", "as first stored");
        assert!(all.iter().all(|one| one.len() == SERVICE.len() + 1 + 32));
    }

    #[test]
    fn payloads_that_are_ours_and_that_are_not() {
        let payload = "{\"kind\":\"login\",\"server\":\"ghcr.io\",\"spelled\":\"ghcr.io\",\"username\":\"u\"}\np\nw";
        assert_eq!(
            parse(&LOGIN, payload.as_bytes()),
            Some((kinds::login("ghcr.io", "ghcr.io", "u"), "p\nw")),
            "a secret may have lines"
        );
        assert_eq!(parse(&TOKEN, payload.as_bytes()), None, "another kind");
        for (payload, why) in [
            (&b""[..], "nothing"),
            (b"secret", "no label"),
            (b"{}\nsecret", "an empty label"),
            (b"\xff\nsecret", "no text"),
        ] {
            assert!(parse(&LOGIN, payload).is_none(), "{why}");
        }
    }
}
