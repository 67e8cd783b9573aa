//! The contract of every store, whatever it keeps its entries in.

use ecr_rs::{
    docker::logins::LOGIN,
    keychain::{Entry, Key, Keychain, Label, none::NoStore},
    secret::Secret,
    token::cache::TOKEN,
};

pub(crate) fn login(server: &str, username: &str, secret: &str) -> Entry {
    let label = Label::new(Key::new(&LOGIN, &[server]), &[&format!("https://{server}"), username]);
    Entry { label, secret: Secret::from(secret.to_owned()) }
}

pub(crate) fn token(host: &str, identity: &str, expires: u64, secret: &str) -> Entry {
    let key = Key::new(&TOKEN, &[host, identity]);
    let label = Label::new(key, &["123456789012", "eu-west-1", &expires.to_string()]);
    Entry { label, secret: Secret::from(secret.to_owned()) }
}

/// An entry as the first builds stored it, to the letter: users' keychains are full of them.
pub(crate) struct FirstStored {
    pub(crate) entry: Entry,
    /// The name of its key.
    pub(crate) name: &'static str,
    /// Its label in one text.
    pub(crate) label: &'static str,
    /// All of it in one text.
    pub(crate) record: &'static str,
}

pub(crate) fn first_stored() -> [FirstStored; 2] {
    let key = Key::new(&TOKEN, &["111122223333.dkr.ecr.eu-west-1.amazonaws.com", "f00d"]);
    let label = Label::new(key, &["111122223333", "eu-west-1", "1900000000"]);
    [
        FirstStored {
            entry: login("ghcr.io", "me", "s\"1"),
            name: "60e8398c8e8710cecf93784557262f56e37f1a7ec381b4efdcd53a750a7e31d9",
            label: r#"{"kind":"login","server":"ghcr.io","spelled":"https://ghcr.io","username":"me"}"#,
            record: r#"{"version":1,"label":{"kind":"login","server":"ghcr.io","spelled":"https://ghcr.io","username":"me"},"secret":"s\"1"}"#,
        },
        FirstStored {
            entry: Entry { label, secret: Secret::from(String::from("s\"1")) },
            name: "6ef3d114abc5ee8df29c69c1169ae5e4af7ab13eaf4e348c04bf81c288d11eeb",
            label: r#"{"kind":"token","host":"111122223333.dkr.ecr.eu-west-1.amazonaws.com","identity":"f00d","account":"111122223333","region":"eu-west-1","expires":"1900000000"}"#,
            record: r#"{"version":1,"label":{"account":"111122223333","expires":"1900000000","host":"111122223333.dkr.ecr.eu-west-1.amazonaws.com","identity":"f00d","kind":"token","region":"eu-west-1"},"secret":"s\"1"}"#,
        },
    ]
}

/// The labels of both kinds, sorted.
#[track_caller]
pub(crate) fn listed(store: &dyn Keychain) -> Vec<Label> {
    let mut labels: Vec<Label> = [&LOGIN, &TOKEN]
        .into_iter()
        .flat_map(|kind| {
            let labels = store.list(kind).expect("asked");
            assert!(labels.iter().all(|label| label.key().kind() == kind), "of this kind only: {labels:?}");
            labels
        })
        .collect();
    labels.sort();
    labels
}

#[track_caller]
pub(crate) fn assert_kept(store: &dyn Keychain, entry: &Entry) {
    let found = store.get(entry.label.key()).expect("the store works").expect("the entry is there");
    assert_eq!(found.label, entry.label);
    assert_eq!(found.secret.expose(), entry.secret.expose(), "secret of {:?}", entry.label);
}

/// Walks through the promises of `Keychain` with an empty store.
#[track_caller]
pub(crate) fn check(store: &dyn Keychain) {
    let unknown = Key::new(&LOGIN, &["unknown.example"]);
    assert!(store.get(&unknown).expect("asked").is_none(), "there is none");
    store.remove(&unknown).expect("removing nothing is fine");
    assert_eq!(listed(store), [], "nothing yet");

    let host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
    let entries = [
        (login("ghcr.io", "me", "hunter2"), "a plain login"),
        (login("ghcr.io/a", "me", ""), "an empty secret; a key that starts like another one"),
        (login("https://index.docker.io/v1/", "<token>", &"t".repeat(5000)), "an identity token of Docker Hub"),
        (login("r.example:5000", "ünï \"q\"\n@.*", "☃ \"\\\n\u{1}"), "unicode, quotes, newlines, patterns"),
        (login("long.example", &"u".repeat(2000), "x"), "a long user name"),
        (token(host, "a", 1_800_000_000, &"p".repeat(2714)), "the longest ECR password reported"),
        (token(host, "b", 1_800_000_000, &"p".repeat(16384)), "another identity; the longest secret promised"),
    ];
    for (entry, why) in &entries {
        store.put(entry).unwrap_or_else(|fault| panic!("{why}: {fault}"));
    }
    for (entry, _) in &entries {
        assert_kept(store, entry);
    }
    let mut expected: Vec<Label> = entries.iter().map(|(entry, _)| entry.label.clone()).collect();
    expected.sort();
    assert_eq!(listed(store), expected, "all entries, nothing twice");

    // The same keys with other labels and shorter secrets: each replaces, none is added.
    let newer =
        [login("long.example", "U", "y"), token(host, "b", 1_900_000_000, "short"), login("ghcr.io", "ME", "z")];
    for entry in &newer {
        store.put(entry).expect("it is replaced");
        assert_kept(store, entry);
    }
    let labels = listed(store);
    assert_eq!(labels.len(), entries.len(), "{labels:?}");
    assert!(newer.iter().all(|entry| labels.contains(&entry.label)), "{labels:?}");

    for (entry, _) in &entries {
        store.remove(entry.label.key()).expect("it is removed");
        assert!(store.get(entry.label.key()).expect("asked").is_none(), "it is gone");
    }
    assert_eq!(listed(store), [], "all gone");
}

#[test]
fn no_store_keeps_nothing_and_never_fails() {
    let entry = login("ghcr.io", "me", "hunter2");
    NoStore::Forgets.put(&entry).expect("never fails");
    assert!(NoStore::Forgets.get(entry.label.key()).expect("never fails").is_none());
    NoStore::Forgets.remove(entry.label.key()).expect("never fails");
    assert_eq!(listed(&NoStore::Forgets), []);
}
