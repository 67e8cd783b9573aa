//! The contract of every store, whatever it keeps its entries in.

use ecr_rs::{
    keychain::{Entry, Key, Keychain, Label, LoginLabel, TokenLabel, none::NoStore},
    secret::Secret,
};

pub(crate) fn login(server: &str, username: &str, secret: &str) -> Entry {
    let label = LoginLabel { server: server.into(), spelled: format!("https://{server}"), username: username.into() };
    Entry { label: Label::Login(label), secret: Secret::from(secret.to_owned()) }
}

pub(crate) fn token(host: &str, identity: &str, expires: u64, secret: &str) -> Entry {
    let label = TokenLabel {
        host: host.into(),
        identity: identity.into(),
        account: "123456789012".into(),
        region: "eu-west-1".into(),
        expires,
    };
    Entry { label: Label::Token(label), secret: Secret::from(secret.to_owned()) }
}

#[track_caller]
pub(crate) fn assert_kept(store: &dyn Keychain, entry: &Entry) {
    let found = store.get(&entry.label.key()).expect("the store works").expect("the entry is there");
    assert_eq!(found.label, entry.label);
    assert_eq!(found.secret.expose(), entry.secret.expose(), "secret of {:?}", entry.label);
}

/// Walks through the promises of `Keychain` with an empty store.
#[track_caller]
pub(crate) fn check(store: &dyn Keychain) {
    let unknown = Key::Login { server: "unknown.example".into() };
    assert!(store.get(&unknown).expect("asked").is_none(), "there is none");
    store.remove(&unknown).expect("removing nothing is fine");
    assert_eq!(store.list().expect("asked"), [], "nothing yet");

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
    let sorted = |mut labels: Vec<Label>| {
        labels.sort_by_key(Label::to_text);
        labels
    };
    let expected = sorted(entries.iter().map(|(entry, _)| entry.label.clone()).collect());
    assert_eq!(sorted(store.list().expect("asked")), expected, "all entries, nothing twice");

    // The same keys with other labels and shorter secrets: each replaces, none is added.
    let newer =
        [login("long.example", "U", "y"), token(host, "b", 1_900_000_000, "short"), login("ghcr.io", "ME", "z")];
    for entry in &newer {
        store.put(entry).expect("it is replaced");
        assert_kept(store, entry);
    }
    let labels = store.list().expect("asked");
    assert_eq!(labels.len(), entries.len(), "{labels:?}");
    assert!(newer.iter().all(|entry| labels.contains(&entry.label)), "{labels:?}");

    for (entry, _) in &entries {
        store.remove(&entry.label.key()).expect("it is removed");
        assert!(store.get(&entry.label.key()).expect("asked").is_none(), "it is gone");
    }
    assert_eq!(store.list().expect("asked"), [], "all gone");
}

#[test]
fn no_store_keeps_nothing_and_never_fails() {
    let entry = login("ghcr.io", "me", "hunter2");
    NoStore.put(&entry).expect("never fails");
    assert!(NoStore.get(&entry.label.key()).expect("never fails").is_none());
    NoStore.remove(&entry.label.key()).expect("never fails");
    assert_eq!(NoStore.list().expect("never fails"), []);
}
