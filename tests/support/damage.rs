//! The part of the contract of `Keychain` that is about damaged entries, for a store and a way to damage
//! what it keeps.

use ecr_rs::keychain::{Entry, ErrorKind, Keychain, Selection};

/// How one entry is damaged: its key, and whether its label still reads, so that it is listed as before.
pub struct Damage<'a> {
    /// What is done, for messages.
    pub why: &'a str,
    /// Damages the only entry of the store.
    pub spoil: &'a dyn Fn(),
    /// Whether the store still tells its label.
    pub is_listed: bool,
}

/// Takes an empty store through: kept, damaged, refused, told, replaced, removed by key and by name.
#[track_caller]
pub fn is_healed(store: &dyn Keychain, entry: &Entry, damage: &Damage<'_>) {
    let Damage { why, spoil, is_listed } = damage;
    let key = entry.label.key();
    let all = Selection::all(key.kind());
    let spoiled = || {
        store.put(entry).unwrap_or_else(|fault| panic!("{why}: put replaces it: {fault}"));
        let kept = store.get(key).unwrap_or_else(|fault| panic!("{why}: {fault}")).expect("it was put");
        assert_eq!((&kept.label, kept.secret.expose()), (&entry.label, entry.secret.expose()), "{why}");
        spoil();
        let fault = store.get(key).err().unwrap_or_else(|| panic!("{why}: it reads as if nothing were"));
        assert_eq!(fault.kind, ErrorKind::Damaged, "{why}: never \"there is none\": {fault}");
        let secret = entry.secret.expose();
        assert!(!format!("{fault} {fault:?}").contains(secret), "{why}: {fault}");
        store.inventory(&all).unwrap_or_else(|fault| panic!("{why}: one entry troubles no other: {fault}"))
    };
    let is_empty = |what: &str| {
        assert!(store.get(key).expect("asked").is_none(), "{why}: {what}");
        let left = store.inventory(&all).expect("asked");
        assert!(left.labels.is_empty() && left.damaged.is_empty(), "{why}: {what}: {left:?}");
    };

    spoiled();
    let found = spoiled(); // the second round's `put` has replaced the damaged one
    let expected = if *is_listed { (1, 0) } else { (0, 1) };
    assert_eq!((found.labels.len(), found.damaged.len()), expected, "{why}: it is told: {found:?}");
    for damaged in &found.damaged {
        assert!(!damaged.name.is_empty() && !damaged.why.is_empty(), "{why}: with its name: {damaged:?}");
        assert!(!format!("{damaged:?}").contains(entry.secret.expose()), "{why}: {damaged:?}");
    }
    store.remove(key).unwrap_or_else(|fault| panic!("{why}: remove: {fault}"));
    is_empty("removed by its key");

    let found = spoiled();
    let removed = store.remove_all(&all).unwrap_or_else(|fault| panic!("{why}: remove_all: {fault}"));
    assert_eq!((&removed.labels, &removed.damaged), (&found.labels, &found.damaged), "{why}: it tells what it was");
    is_empty("removed as it was told");
    store.remove_all(&all).unwrap_or_else(|fault| panic!("{why}: twice is once: {fault}"));
}
