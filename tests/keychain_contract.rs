//! The contract in the doc of `Keychain`, one list of cases, run against every store.
//!
//! A store is one function that makes an empty keychain; see the list of tests at the end.
#![cfg(target_os = "linux")] // elsewhere the keychain is the user's own
#![allow(clippy::disallowed_methods, clippy::print_stdout)]

mod support;

use ecr_rs::{
    docker::logins::LOGIN,
    keychain::{Entry, Key, Keychain, Label},
    secret::Secret,
    token::cache::TOKEN,
};

fn login(server: &str, username: &str) -> Label {
    Label::new(Key::new(&LOGIN, &[server]), &[&format!("https://{server}"), username])
}

fn token(host: &str, identity: &str, expires: u64) -> Label {
    let account = if host.starts_with("public.") { "" } else { "123456789012" };
    Label::new(Key::new(&TOKEN, &[host, identity]), &[account, "eu-west-1", &expires.to_string()])
}

fn put(keychain: &dyn Keychain, label: &Label, secret: &str) {
    let entry = Entry { label: label.clone(), secret: Secret::from(secret.to_owned()) };
    keychain.put(&entry).unwrap_or_else(|fault| panic!("put {label:?}: {fault}"));
}

/// What `get` gives back, with the secret in the open.
fn get(keychain: &dyn Keychain, key: &Key) -> Option<(Label, String)> {
    let entry = keychain.get(key).unwrap_or_else(|fault| panic!("get {key:?}: {fault}"))?;
    Some((entry.label, entry.secret.expose().to_owned()))
}

fn listed(keychain: &dyn Keychain) -> Vec<Label> {
    let mut all = Vec::new();
    for kind in [&LOGIN, &TOKEN] {
        let labels = keychain.list(kind).unwrap_or_else(|fault| panic!("list {}: {fault}", kind.name));
        assert!(labels.iter().all(|label| label.key().kind() == kind), "of this kind only: {labels:?}");
        all.extend(labels);
    }
    all.sort();
    all
}

fn forget(keychain: &dyn Keychain, key: &Key) {
    keychain.remove(key).unwrap_or_else(|fault| panic!("remove {key:?}: {fault}"));
}

/// The longest secret that the contract speaks of, in bytes.
const MAX_SECRET: usize = 16 * 1024;

/// Every case of the contract on one empty keychain, which is empty again at the end.
fn keeps_the_contract(keychain: &dyn Keychain) {
    keeps_the_contract_up_to(MAX_SECRET, keychain);
}

/// The same for a machine that gives a store less room.
fn keeps_the_contract_up_to(longest: usize, keychain: &dyn Keychain) {
    let hub = login("https://index.docker.io/v1/", "someone");
    assert_eq!(get(keychain, hub.key()), None, "none is a value, not a fault");
    forget(keychain, hub.key()); // of nothing
    assert_eq!(listed(keychain), [], "an empty keychain");

    let long = "0123456789abcdef".repeat(MAX_SECRET / 16);
    let up_to = |length: usize| long[..length.min(longest)].to_owned();
    let entries = [
        (hub.clone(), "dckr_pat_1".to_owned(), "an ordinary login"),
        (login("https://index.docker.io/v1/access-token", "someone"), up_to(5000), "a web login's token"),
        (login("ghcr.io", "<token>"), "t".into(), "an identity token"),
        (login("r.example:5000", ""), String::new(), "an empty name and an empty secret"),
        (login("ünï.example", "naïve \"q\"\n名"), "pä\"ß\\wörd\r\n\t😀".into(), "unicode, quotes and newlines"),
        (token("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "f00d", 1), up_to(2714), "an ECR token"),
        (token("public.ecr.aws", "f00d", u64::MAX), up_to(MAX_SECRET), "ECR Public has no account; 16 KiB"),
    ];
    for (label, secret, why) in &entries {
        put(keychain, label, secret);
        assert_eq!(get(keychain, label.key()), Some((label.clone(), secret.clone())), "{why}");
    }
    let mut labels: Vec<Label> = entries.iter().map(|(label, ..)| label.clone()).collect();
    labels.sort();
    assert_eq!(listed(keychain), labels, "list names every entry once");
    for (label, secret, why) in &entries {
        assert_eq!(get(keychain, label.key()), Some((label.clone(), secret.clone())), "still there: {why}");
    }

    // Neighbours: a key is met whole or not at all.
    let ecr = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
    for (label, why) in [
        (login("index.docker.io", ""), "another spelling of the Hub is another key"),
        (login("GHCR.IO", ""), "keys are not folded"),
        (login(ecr, "AWS"), "a login is no token"),
        (token(ecr, "beef", 1), "two identities never share a token"),
        (token(ecr, "", 1), "no identity is not any identity"),
    ] {
        assert_eq!(get(keychain, label.key()), None, "{why}");
    }

    // Replacing.
    for (label, secret, why) in [
        (hub.clone(), "dckr_pat_2", "the same login, another password"),
        (hub.clone(), "dckr_pat_2", "all the same"),
        (login("https://index.docker.io/v1/", "other"), "p", "another user name"),
        (token(ecr, "f00d", 2), "t2", "a newer token"),
        (token(ecr, "f00d", 1), "t1", "an older expiry again: the last one put counts"),
    ] {
        put(keychain, &label, secret);
        assert_eq!(get(keychain, label.key()), Some((label.clone(), secret.into())), "{why}");
        assert_eq!(listed(keychain).len(), entries.len(), "in place of the old one: {why}");
    }
    put(keychain, &token(ecr, "beef", 1), "other");
    assert_eq!(get(keychain, token(ecr, "f00d", 1).key()).expect("it was put").1, "t1", "identities side by side");
    forget(keychain, token(ecr, "beef", 1).key());

    // Forgetting, one at a time.
    for (at, (label, _, why)) in entries.iter().enumerate() {
        forget(keychain, label.key());
        assert_eq!(get(keychain, label.key()), None, "forgotten: {why}");
        forget(keychain, label.key()); // twice is once
        assert_eq!(listed(keychain).len(), entries.len() - at - 1, "the others stay: {why}");
    }
}

mod linux {
    use std::os::unix::process::CommandExt;

    use ecr_rs::{
        keychain::{
            Entry, ErrorKind, Key, Keychain, Label, Selection, helper::HelperStore, keyutils::KeyutilsStore,
            linux::SecretServiceStore,
        },
        secret::Secret,
    };
    use linux_keyutils::{KeyRing, KeyRingIdentifier, LinkNode};

    use super::{
        LOGIN, MAX_SECRET, TOKEN, forget, get, keeps_the_contract, keeps_the_contract_up_to, put,
        support::{
            bus::{FakeBus, Item},
            damage::{Damage, is_healed},
        },
    };

    #[test]
    fn f1_3_damaged_items_of_the_secret_service() {
        let bus = FakeBus::start();
        let store = SecretServiceStore::new(Some(&bus.address()), None, false);
        for label in [super::login("ghcr.io", "me"), super::token("public.ecr.aws", "f00d", 1)] {
            let kind = label.key().kind();
            let entry = Entry { label, secret: Secret::from(String::from("canary")) };
            let further = kind.further[0];
            for (spoil, is_listed, why) in [
                (&(|item: &mut Item| drop(item.attributes.remove(further))) as &dyn Fn(&mut Item), false, "cut short"),
                (&|item: &mut Item| item.secret = vec![0xff, 0xfe], true, "its secret is no text"),
                (
                    &|item: &mut Item| {
                        let old = item.attributes.remove(further).unwrap_or_default();
                        item.attributes.insert(format!("{further}2"), old);
                    },
                    false,
                    "of a newer version",
                ),
            ] {
                is_healed(&store, &entry, &Damage { why, spoil: &|| bus.change(spoil), is_listed });
            }
        }
        let label = super::token("public.ecr.aws", "f00d", 1);
        let entry = Entry { label, secret: Secret::from(String::from("canary")) };
        let spoil = || bus.change(&|item| drop(item.attributes.insert("expires".into(), "soon".into())));
        is_healed(&store, &entry, &Damage { why: "an end that is no number", spoil: &spoil, is_listed: false });
    }

    #[test]
    fn f1_3_damaged_kernel_keys() {
        let service = format!("docker-credential-ecr-rs-damaged-{}", std::process::id());
        let store = KeyutilsStore::for_service(&service);
        if let Err(fault) = store.list(&TOKEN) {
            println!("no kernel keys on this machine: {fault}");
            assert_eq!(fault.kind, ErrorKind::Unavailable, "{fault}");
            return;
        }
        let change = |payload: &dyn Fn(Vec<u8>) -> Vec<u8>| {
            let keyring = KeyRing::get_persistent(KeyRingIdentifier::Process).expect("the store has it");
            for link in keyring.get_links(4096).expect("it can be listed").iter() {
                let LinkNode::Key(key) = link else { continue };
                if key.metadata().is_ok_and(|data| data.get_description().starts_with(&service)) {
                    key.update(&payload(key.read_to_vec().expect("it is ours"))).expect("it is ours");
                }
            }
        };
        for label in [super::login("ghcr.io", "me"), super::token("public.ecr.aws", "f00d", 1)] {
            let entry = Entry { label, secret: Secret::from(String::from("canary")) };
            for (spoil, why) in [
                (
                    &(|mut payload: Vec<u8>| {
                        payload.truncate(40);
                        payload
                    }) as &dyn Fn(Vec<u8>) -> Vec<u8>,
                    "cut short",
                ),
                (&|_| b"{\"later\":2}\ncanary".to_vec(), "of a newer version"),
                (&|_| b"canary".to_vec(), "of another's making"),
                (
                    &|mut payload| {
                        payload.push(0xff);
                        payload
                    },
                    "no text",
                ),
            ] {
                is_healed(&store, &entry, &Damage { why, spoil: &|| change(spoil), is_listed: false });
            }
        }
    }

    #[test]
    fn secret_service() {
        let bus = FakeBus::start();
        let foreign = bus.add("not ours", &[("service", "other"), ("server", "ghcr.io")], b"x");
        keeps_the_contract(&SecretServiceStore::new(Some(&bus.address()), None, false));
        let left: Vec<String> = bus.items().into_iter().map(|item| item.path).collect();
        assert_eq!(left, [foreign], "another program's item is as it was");
    }

    /// A real service, with a keyring made for the test: tests/keychains.sh starts one, names its bus and says
    /// whether it is open.
    #[test]
    fn real_secret_service() {
        let Some(bus) = std::env::var("ECR_RS_TEST_BUS").ok() else {
            println!("ECR_RS_TEST_BUS is not set: no real Secret Service here");
            return;
        };
        let (expected, keeps_tokens) = match std::env::var("ECR_RS_TEST_KEYCHAIN").as_deref() {
            Ok("gnome_keyring_locked") => (ErrorKind::Locked, true), // it keeps them in memory
            Ok("keepassxc_locked") => (ErrorKind::Locked, false),
            Ok("keepassxc_without_database") => (ErrorKind::NoPlace, false),
            _ => return keeps_the_contract(&SecretServiceStore::new(Some(&bus), None, true)),
        };
        let store = SecretServiceStore::new(Some(&bus), None, false);
        for label in [super::login("ghcr.io", "me"), super::token("public.ecr.aws", "f00d", 1)] {
            let (key, kind) = (label.key().clone(), label.key().kind());
            let entry = Entry { label, secret: Secret::from(String::from("canary")) };
            let expected = if keeps_tokens && kind.name == TOKEN.name { Ok(()) } else { Err(expected) };
            for (verb, outcome) in [
                ("put", store.put(&entry)),
                ("get", store.get(&key).map(drop)),
                ("list", store.list(kind).map(drop)),
                ("remove", store.remove(&key)),
            ] {
                // A window would be a wait for a person, and that a timeout.
                assert_eq!(outcome.map_err(|fault| fault.kind), expected, "{verb} {key:?}");
            }
        }
        assert_eq!(store.check().map_err(|fault| fault.kind), Err(expected));
    }

    /// Another credential helper, with nothing in it: tests/keychains.sh makes one for the test, and names it.
    #[test]
    fn real_helper() {
        let Ok(suffix) = std::env::var("ECR_RS_TEST_HELPER") else {
            println!("ECR_RS_TEST_HELPER is not set: no real helper here");
            return;
        };
        let path = std::env::var_os("PATH").expect("the helper is on it");
        let store = HelperStore::find(&suffix, &path).expect("it is installed");
        // Helpers know one spelling of a server, the key.
        let login = |server: &str, username: &str| Label::new(Key::new(&LOGIN, &[server]), &[server, username]);
        let hub = login("https://index.docker.io/v1/", "someone");
        let entries = [
            (hub.clone(), "dckr_pat_1".to_owned(), "an ordinary login"),
            (login("https://index.docker.io/v1/access-token", "someone"), "0123456789".repeat(500), "a web login's"),
            (login("r.example:5000", "<token>"), "t".into(), "an identity token"),
            (login("ghcr.io", "naïve \"q\" 名"), "pä\"ß\\wörd $(id) `id` %s 😀".into(), "unicode and quotes"),
        ];
        forget(&store, hub.key()); // of nothing
        for (label, secret, why) in &entries {
            assert_eq!(get(&store, label.key()), None, "{why}");
            put(&store, label, secret);
            assert_eq!(get(&store, label.key()), Some((label.clone(), secret.clone())), "{why}");
        }
        let listed = || {
            let mut labels = store.list(&LOGIN).expect("it can be listed");
            labels.sort();
            labels
        };
        let mut labels = entries.each_ref().map(|(label, ..)| label.clone());
        labels.sort();
        assert_eq!(listed(), labels);
        for (username, why) in [("someone", "another password"), ("zoe", "a later name"), ("amy", "an earlier one")] {
            let label = login("https://index.docker.io/v1/", username);
            put(&store, &label, why);
            assert_eq!(get(&store, label.key()), Some((label.clone(), why.into())), "{why}");
            assert_eq!(listed().len(), entries.len(), "in place of the old one: {why}");
        }
        for (at, (label, _, why)) in entries.iter().enumerate() {
            forget(&store, label.key());
            assert_eq!(get(&store, label.key()), None, "forgotten: {why}");
            forget(&store, label.key()); // twice is once
            assert_eq!(listed().len(), entries.len() - at - 1, "the others stay: {why}");
        }
    }

    /// As an ordinary user, whose quota is small: root gives its place up in a process of its own.
    #[test]
    fn f7_8_a_quota_that_is_used_up() {
        const NOBODY: u32 = 65534;
        const NAME: &str = "linux::f7_8_a_quota_that_is_used_up";
        if !rustix::process::getuid().is_root() {
            if std::env::var_os("ECR_RS_TEST_QUOTA").is_some() {
                fills_the_quota();
            } else {
                println!("not root: the quota of this user is left alone");
            }
            return;
        }
        let mut child = std::process::Command::new("/proc/self/exe");
        child.args(["--exact", NAME, "--nocapture"]).env("ECR_RS_TEST_QUOTA", "1").uid(NOBODY).gid(NOBODY);
        let outcome = child.output().expect("it runs");
        let said = String::from_utf8_lossy(&outcome.stdout);
        println!("{said}");
        assert!(outcome.status.success(), "{said}{}", String::from_utf8_lossy(&outcome.stderr));
        assert!(said.contains("1 passed"), "the test was run: {said}");
    }

    fn fills_the_quota() {
        let store = KeyutilsStore::for_service(&format!("docker-credential-ecr-rs-quota-{}", std::process::id()));
        match store.check() {
            Err(fault) if fault.kind == ErrorKind::Unavailable => return println!("no kernel keys here: {fault}"),
            outcome => outcome.expect("nobody has keys"),
        }
        let token = |number: u32| {
            let label = super::token(&format!("{number:012}.dkr.ecr.eu-west-1.amazonaws.com"), "f00d", u64::MAX);
            Entry { label, secret: Secret::from("0123456789".repeat(270)) }
        };
        let kept = (0..1000).map_while(|number| store.put(&token(number)).ok()).count();
        println!("tokens that an ordinary user can keep: {kept}");
        let faults = [store.put(&token(2000)).expect_err("it is full"), store.check().expect_err("it is full")];
        let found = store.list(&TOKEN).map(|labels| labels.len());
        store.remove_all(&Selection::all(&TOKEN)).expect("they are ours");
        assert_eq!(found.expect("they can be read"), kept);
        for fault in faults {
            assert_eq!(fault.kind, ErrorKind::NoPlace, "{fault}");
            for words in [" of 20000 bytes", "/proc/sys/kernel/keys/maxbytes", "clear --all"] {
                assert!(fault.to_string().contains(words), "{words}: {fault}");
            }
            assert!(fault.hint().contains("kernel.keys.maxbytes"), "{fault}");
        }
    }

    #[test]
    fn kernel_keyring() {
        // Apart from the user's own entries, and from those of another run.
        let keychain = KeyutilsStore::for_service(&format!("docker-credential-ecr-rs-test-{}", std::process::id()));
        match keychain.list(&TOKEN) {
            Ok(labels) => assert_eq!(labels, []),
            Err(fault) => {
                println!("no kernel keys on this machine: {fault}");
                assert_eq!(fault.kind, ErrorKind::Unavailable, "{fault}");
                return;
            }
        }
        // An ordinary user has 20,000 bytes for all keys, and deleted ones count for a moment.
        let root = rustix::process::getuid().is_root();
        keeps_the_contract_up_to(if root { MAX_SECRET } else { 512 }, &keychain);
    }
}
