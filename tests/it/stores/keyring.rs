//! `KeyringStore` over a store in memory that behaves like those of Windows and macOS.

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard},
};

use ecr_rs::{
    docker::logins::LOGIN,
    keychain::{
        self, ErrorKind, Keychain, SERVICE, Selection,
        keyring::{KeyringStore, Quirks},
    },
    token::cache::TOKEN,
};
use keyring_core::{
    Credential, Entry as Item, Error, Result,
    api::{CredentialApi, CredentialStoreApi},
};

use super::contract::{self, FirstStored, assert_kept, listed, login, token};
use crate::support::damage::{Damage, is_healed};

const HOST: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

/// Windows' limits: CRED_MAX_CREDENTIAL_BLOB_SIZE and CRED_MAX_USERNAME_LENGTH.
const BLOB: usize = 2560;
const USER: usize = 513;

/// Items by service and user. Clones share them, as processes share a keychain.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    items: BTreeMap<(String, String), Vec<u8>>,
    /// Users of items whose access list names another program.
    closed: BTreeSet<String>,
    /// The error of every call.
    fault: Option<fn() -> Error>,
    /// Whether secrets were read.
    read: bool,
}

impl Shelf {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panicked inside")
    }

    fn working(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.state();
        match state.fault {
            Some(fault) => Err(fault()),
            None => Ok(state),
        }
    }

    fn keychain(&self) -> KeyringStore {
        let store = self.clone();
        KeyringStore::new(quirks(BLOB), move || Ok(Arc::new(store)))
    }

    fn users(&self) -> Vec<String> {
        self.state().items.keys().map(|(_, user)| user.clone()).collect()
    }
}

fn quirks(max_secret: usize) -> Quirks {
    Quirks {
        name: "shelf",
        max_secret,
        max_label: max_secret / 25,
        search: &[("service", SERVICE)],
        modifiers: &[("persistence", "Local")],
        access_denied: |err| matches!(err, Error::PlatformFailure(cause) if cause.to_string() == "closed"),
    }
}

fn closed() -> Error {
    Error::PlatformFailure("closed".into())
}

impl CredentialStoreApi for Shelf {
    fn vendor(&self) -> String {
        "shelf".into()
    }

    fn id(&self) -> String {
        "shelf".into()
    }

    fn build(&self, service: &str, user: &str, modifiers: Option<&HashMap<&str, &str>>) -> Result<Item> {
        assert_eq!(modifiers, Some(&HashMap::from([("persistence", "Local")])), "nothing roams");
        if user.len() > USER {
            return Err(Error::TooLong("user".into(), USER as u32));
        }
        Ok(Item::new_with_credential(Arc::new(Spot { shelf: self.clone(), name: (service.into(), user.into()) })))
    }

    /// Narrows by less than it was asked for: other programs' items must not matter.
    fn search(&self, _: &HashMap<&str, &str>) -> Result<Vec<Item>> {
        let state = self.working()?;
        let spot = |name: &(String, String)| Spot { shelf: self.clone(), name: name.clone() };
        Ok(state.items.keys().map(|name| Item::new_with_credential(Arc::new(spot(name)))).collect())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

struct Spot {
    shelf: Shelf,
    name: (String, String),
}

impl CredentialApi for Spot {
    fn set_secret(&self, secret: &[u8]) -> Result<()> {
        let mut state = self.shelf.working()?;
        if secret.len() > BLOB {
            return Err(Error::TooLong("secret".into(), BLOB as u32));
        }
        if state.closed.contains(&self.name.1) {
            return Err(closed());
        }
        // Windows' names know no upper and lower case: the item keeps the name it has.
        let twin = state.items.keys().find(|(_, user)| user.eq_ignore_ascii_case(&self.name.1)).cloned();
        state.items.insert(twin.unwrap_or_else(|| self.name.clone()), secret.to_vec());
        Ok(())
    }

    fn get_secret(&self) -> Result<Vec<u8>> {
        let mut state = self.shelf.working()?;
        state.read = true;
        if state.closed.contains(&self.name.1) {
            return Err(closed());
        }
        state.items.get(&self.name).cloned().ok_or(Error::NoEntry)
    }

    fn delete_credential(&self) -> Result<()> {
        let mut state = self.shelf.working()?;
        state.closed.remove(&self.name.1);
        state.items.remove(&self.name).map(drop).ok_or(Error::NoEntry)
    }

    fn get_credential(&self) -> Result<Option<Arc<Credential>>> {
        Ok(None)
    }

    fn get_specifiers(&self) -> Option<(String, String)> {
        Some(self.name.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn debug_fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("spot")
    }
}

#[track_caller]
fn fault<T>(outcome: std::result::Result<T, keychain::Error>) -> keychain::Error {
    outcome.err().expect("this must be a fault")
}

#[test]
fn keeps_the_promises_of_a_keychain() {
    let shelf = Shelf::default();
    contract::check(&shelf.keychain());
    assert_eq!(shelf.users(), [""; 0], "no item is left behind");
}

#[test]
fn an_unlimited_store_has_one_item_for_a_secret() {
    let shelf = Shelf::default();
    let store = shelf.clone();
    let keychain = KeyringStore::new(quirks(usize::MAX), move || Ok(Arc::new(store)));
    keychain.put(&token(HOST, "a", 1, &"p".repeat(2000))).expect("it is kept");
    assert_eq!(shelf.users().len(), 2, "and one for its label");
}

#[test]
fn items_are_as_they_were_first_stored() {
    for FirstStored { entry, name, label, record } in contract::first_stored() {
        let shelf = Shelf::default();
        let store = shelf.clone();
        let keychain = KeyringStore::new(quirks(usize::MAX), move || Ok(Arc::new(store)));
        keychain.put(&entry).expect("it is kept");
        assert_eq!(shelf.users(), [format!("{name}.label.0.{label}"), format!("{name}.part.0")]);
        let part = shelf.state().items[&(SERVICE.to_owned(), format!("{name}.part.0"))].clone();
        assert!(part.ends_with(record.as_bytes()), "behind the part's header");
    }
}

#[test]
fn another_process_reads_what_one_wrote() {
    let shelf = Shelf::default();
    let entry = token(HOST, "a", 1, &"p".repeat(2714));
    shelf.keychain().put(&entry).expect("it is kept");
    assert_kept(&shelf.keychain(), &entry);
}

#[test]
fn list_reads_no_secret() {
    let shelf = Shelf::default();
    shelf.keychain().put(&token(HOST, "a", 1, "x")).expect("it is kept");
    shelf.keychain().put(&login("ghcr.io", "me", "x")).expect("it is kept");
    shelf.state().read = false;
    assert_eq!(listed(&shelf.keychain()).len(), 2);
    assert!(!shelf.state().read);
}

#[test]
fn items_of_other_programs_are_neither_listed_nor_touched() {
    let shelf = Shelf::default();
    let foreign: Vec<_> = [
        ("another-service", "me"),
        ("docker-credential-ecr-rs-but-not", "me"),
        (SERVICE, "me"),
        (SERVICE, "00.label.0.{}"),
        (SERVICE, "00.label.x.{}"),
        (SERVICE, r#"00.label.0.{"kind":"login","server":"a","spelled":"a","username":"u"}"#),
    ]
    .map(|(service, user)| (service.to_owned(), user.to_owned()))
    .into();
    shelf.state().items = foreign.iter().map(|name| (name.clone(), b"theirs".to_vec())).collect();
    contract::check(&shelf.keychain());
    let left = shelf.state().items.clone();
    assert!(foreign.iter().all(|name| left.get(name).is_some_and(|secret| secret == b"theirs")), "{left:?}");
    assert_eq!(left.len(), foreign.len());
}

#[test]
fn an_entry_that_is_not_whole_is_garbled_until_it_is_written_again() {
    for (spoil, why) in [
        (
            (|items| items.retain(|(_, user), _| !user.ends_with("part.1")))
                as fn(&mut BTreeMap<(String, String), Vec<u8>>),
            "the writer was killed between the parts",
        ),
        (
            |items| {
                for ((_, user), secret) in items {
                    if user.ends_with("part.1") {
                        secret[20] ^= 1;
                    }
                }
            },
            "parts of two writers",
        ),
        (|items| items.values_mut().for_each(|secret| *secret = b"canary".to_vec()), "another program's content"),
        (|items| items.values_mut().for_each(Vec::clear), "emptied"),
    ] {
        let shelf = Shelf::default();
        let entry = token(HOST, "a", 1, &"canary".repeat(600));
        shelf.keychain().put(&entry).expect("it is kept");
        spoil(&mut shelf.state().items);
        let fault = fault(shelf.keychain().get(entry.label.key()));
        assert_eq!(fault.kind, ErrorKind::Damaged, "{why}");
        assert!(!fault.to_string().contains("canary"), "{why}: {fault}");
        shelf.keychain().put(&entry).expect("it is written anew");
        assert_kept(&shelf.keychain(), &entry);
    }
}

#[test]
fn f1_3_half_of_a_split_value_is_told_replaced_and_removed() {
    type Items = BTreeMap<(String, String), Vec<u8>>;
    let parts = |items: &mut Items| items.retain(|(_, user), _| !user.ends_with("part.1"));
    let header = |items: &mut Items| {
        items.values_mut().for_each(|secret| secret.truncate(9));
    };
    let labels = |items: &mut Items| {
        parts(items);
        items.retain(|(_, user), _| !user.contains(".label."));
    };
    let later = |items: &mut Items| {
        parts(items);
        let all = std::mem::take(items);
        let renamed = |user: String| user.replace("\"server\":", "\"host2\":").replace("\"identity\":", "\"id2\":");
        items.extend(all.into_iter().map(|((service, user), secret)| ((service, renamed(user)), secret)));
    };
    for entry in [token(HOST, "a", 1, &"canary".repeat(600)), login("ghcr.io", "me", &"canary".repeat(600))] {
        for (spoil, is_listed, why) in [
            (&parts as &dyn Fn(&mut Items), true, "its last part is missing"),
            (&header, true, "parts shorter than their header"),
            (&labels, false, "its writer was killed before the label"),
            (&later, false, "a label of a later version"),
        ] {
            let shelf = Shelf::default();
            let spoil = || spoil(&mut shelf.state().items);
            is_healed(&shelf.keychain(), &entry, &Damage { why, spoil: &spoil, is_listed });
        }
    }
}

/// It may be a login: `docker login` and `docker logout` reach it by its key, no command does by the way.
#[test]
fn f1_3_an_item_of_a_kind_that_cannot_be_told_is_left_alone() {
    let shelf = Shelf::default();
    let entry = login("ghcr.io", "me", "canary");
    shelf.keychain().put(&entry).expect("it is kept");
    shelf.state().items.retain(|(_, user), _| user.ends_with("part.0"));
    shelf.state().items.values_mut().for_each(|secret| secret.truncate(20));
    for kind in [&LOGIN, &TOKEN] {
        assert_eq!(shelf.keychain().inventory(&Selection::all(kind)).expect("asked").damaged, []);
    }
    assert_eq!(fault(shelf.keychain().get(entry.label.key())).kind, ErrorKind::Damaged);
    shelf.keychain().remove(entry.label.key()).expect("it is removed");
    assert_eq!(shelf.users(), [""; 0]);
}

#[test]
fn two_labels_of_two_writers_are_one_entry_with_the_later_end() {
    let shelf = Shelf::default();
    let (old, new) = (token(HOST, "a", 1_800_000_000, "x"), token(HOST, "a", 1_800_000_001, "y"));
    shelf.keychain().put(&old).expect("it is kept");
    let of_the_first = shelf.state().items.clone();
    shelf.keychain().put(&new).expect("it is kept");
    let clean = shelf.users().len();
    for (name, secret) in of_the_first {
        shelf.state().items.entry(name).or_insert(secret);
    }
    assert_eq!(shelf.users().len(), clean + 1, "a label with two ends");
    assert_eq!(listed(&shelf.keychain()), std::slice::from_ref(&new.label));
    shelf.keychain().remove(new.label.key()).expect("it is removed");
    assert_eq!(shelf.users(), [""; 0]);
}

/// macOS closes an item to a binary that was built anew.
#[test]
fn a_closed_item_is_a_missing_token_but_never_a_missing_login() {
    let shelf = Shelf::default();
    let (token, login) = (token(HOST, "a", 1, "x"), login("ghcr.io", "me", "x"));
    for entry in [&token, &login] {
        shelf.keychain().put(entry).expect("it is kept");
    }
    let users = shelf.users();
    shelf.state().closed.extend(users);

    assert!(shelf.keychain().get(token.label.key()).expect("a token is minted anew").is_none());
    let fault = fault(shelf.keychain().get(login.label.key()));
    assert_eq!(fault.kind, ErrorKind::Locked);
    assert!(fault.detail.contains("ghcr.io") && fault.detail.contains("log in again"), "{fault}");
    assert_eq!(listed(&shelf.keychain()).len(), 2);
    for entry in [&token, &login] {
        shelf.keychain().put(entry).expect("it is deleted and written anew");
        assert_kept(&shelf.keychain(), entry);
    }
}

#[test]
fn faults_have_their_kind_and_never_the_secret() {
    for (error, kind, words, why) in [
        (
            (|| Error::NoStorageAccess("-25291 no keychain is available".into())) as fn() -> Error,
            ErrorKind::Locked,
            "-25291",
            "the store's own words",
        ),
        (|| Error::PlatformFailure("error 5".into()), ErrorKind::Refused, "error 5", "the store's own words"),
        (|| Error::BadEncoding(b"canary".to_vec()), ErrorKind::Malformed, "malformed", "it carries the secret"),
        (
            || Error::BadDataFormat(b"canary".to_vec(), "canary".into()),
            ErrorKind::Malformed,
            "malformed",
            "so may its cause",
        ),
        (|| Error::BadStoreFormat("canary".into()), ErrorKind::Malformed, "store", "its words may quote the store"),
        (|| Error::Invalid("canary".into(), "canary".into()), ErrorKind::Refused, "item", "so may these"),
        (|| Error::TooLong("secret".into(), 2560), ErrorKind::Refused, "2560", "the limit"),
        (|| Error::Ambiguous(Vec::new()), ErrorKind::Malformed, "same name", "which of them is ours"),
        (|| Error::NoDefaultStore, ErrorKind::Unavailable, "no store", "there is none"),
        (|| Error::NotSupportedByStore("search".into()), ErrorKind::Unavailable, "search", "it cannot do this"),
    ] {
        let shelf = Shelf::default();
        shelf.state().fault = Some(error);
        let keychain = shelf.keychain();
        let entry = login("ghcr.io", "me", "canary");
        let key = entry.label.key().clone();
        for fault in [
            fault(keychain.get(&key)),
            fault(keychain.put(&entry)),
            fault(keychain.remove(&key)),
            fault(keychain.list(&LOGIN)),
            // A store that cannot even be opened says the same at every call.
            fault(KeyringStore::new(quirks(BLOB), move || Err(error())).get(&key)),
        ] {
            assert_eq!((fault.store, fault.kind), ("shelf", kind), "{why}: {fault}");
            assert!(fault.detail.contains(words), "{why}: {fault}");
            assert!(!format!("{fault} {fault:?}").contains("canary"), "{why}: {fault}");
        }
    }
}

#[test]
fn too_long_a_login_is_refused_before_anything_is_written() {
    let shelf = Shelf::default();
    let fault = fault(shelf.keychain().put(&login("ghcr.io", "me", &"p".repeat(70_000))));
    assert_eq!(fault.kind, ErrorKind::Refused);
    assert!(fault.detail.contains("65536"), "{fault}");
    assert_eq!(shelf.users(), [""; 0]);
}

/// Takes `CALL_TIMEOUT` once, by design.
#[test]
fn a_call_that_never_returns_is_given_up_and_not_repeated() {
    let shelf = Shelf::default();
    let keychain = shelf.keychain();
    let key = login("ghcr.io", "me", "x").label.key().clone();
    assert!(keychain.get(&key).expect("it works at first").is_none());
    let hung = shelf.state(); // Every call of the store now waits for this guard.
    assert_eq!(fault(keychain.get(&key)).kind, ErrorKind::Timeout);
    let again = fault(keychain.list(&LOGIN));
    assert_eq!(again.kind, ErrorKind::Timeout);
    assert!(again.detail.contains("an earlier call"), "nobody waits twice: {again}");
    drop(hung);
}
