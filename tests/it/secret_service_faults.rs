//! What goes wrong with a Secret Service, and what is left untouched then.

use std::{
    os::unix::net::UnixStream,
    thread,
    time::{Duration, UNIX_EPOCH},
};

use crate::support::bus::{FakeBus, Knob};
use ecr_rs::{
    docker::logins::LOGIN,
    keychain::{
        Entry, Error,
        ErrorKind::{self, Absent, Damaged, Locked, Malformed, NoPlace, Refused, Timeout, Unavailable},
        Key, Keychain, Label, SERVICE,
        linux::SecretServiceStore,
    },
    registry::Server,
    secret::Secret,
    token::{
        Token,
        cache::{self, TOKEN},
    },
};

const CANARY: &str = "canary-4711";

fn entry() -> Entry {
    let label = Label::new(Key::new(&LOGIN, &["ghcr.io"]), &["https://ghcr.io", "someone"]);
    Entry { label, secret: Secret::from(CANARY.to_owned()) }
}

fn key() -> Key {
    entry().label.key().clone()
}

fn client(bus: &FakeBus) -> SecretServiceStore {
    SecretServiceStore::new(Some(&bus.address()), None, false)
}

/// The calls of the trait, each with how it fails.
type Call = fn(&SecretServiceStore) -> Option<Error>;
const CALLS: [(&str, Call); 4] = [
    ("get", |keychain| keychain.get(&key()).err()),
    ("put", |keychain| keychain.put(&entry()).err()),
    ("remove", |keychain| keychain.remove(&key()).err()),
    ("list", |keychain| keychain.list(&LOGIN).err()),
];

#[track_caller]
fn check(fault: Option<&Error>, expected: Option<ErrorKind>, words: &str, why: &str) {
    assert_eq!(fault.map(|fault| fault.kind), expected, "{why}: {fault:?}");
    if let Some(fault) = fault {
        assert!(fault.detail.contains(words), "{why}: {words:?} is not in {:?}", fault.detail);
        let printed = format!("{fault} {fault:?} {}", fault.hint());
        assert!(!printed.contains(CANARY) && !printed.contains('\n'), "{why}: {printed}");
    }
}

#[test]
fn a_bus_or_service_that_is_not_well() {
    let all = |kind| [Some(kind); 4];
    // A row may wait as long as the contract lets it, so the rows wait side by side.
    thread::scope(|scope| {
        for (knob, expected, words, why) in [
            (Knob::Normal, [None; 4], "", "nothing is wrong"),
            (Knob::NoService, all(Unavailable), "ServiceUnknown: The name org.freedesktop.secrets", "one that sleeps"),
            (Knob::NoDaemon, all(Absent), "ServiceUnknown: The name org.freedesktop.secrets", "no daemon"),
            (Knob::Locked, all(Locked), "", "a locked gnome-keyring"),
            (Knob::LockedAndBlind, all(Locked), "", "a locked KWallet"),
            (Knob::LockedWithWindow, all(Locked), "", "a locked KeePassXC, which nobody is to see"),
            (Knob::EmptyPassword, [None; 4], "", "gnome-keyring of who logs in without a password"),
            (Knob::OpenedByPam, [None; 4], "", "KWallet after a login"),
            (Knob::PromptsForAll, [None; 4], "", "an open KeePassXC"),
            (Knob::NoCollection, [None, Some(NoPlace), None, None], "no default collection", "a fresh keyring"),
            (Knob::NoDatabase, all(NoPlace), "no database is open", "KeePassXC, which asks for one in a window"),
            (Knob::NoAlias, [None; 4], "", "no alias, but a login collection"),
            (Knob::PromptOnCreate, [None, Some(Locked), None, None], "would ask a person", "the prompt stays unasked"),
            (Knob::PromptOnDelete, [None, None, Some(Locked), None], "would ask a person", "the prompt stays unasked"),
            (Knob::Refuses, all(Refused), "AccessDenied: Rejected send message, matched", "on one line"),
            (Knob::RejectsUser, all(Refused), "REJECTED EXTERNAL", "another user's bus"),
            (Knob::Closes, all(Unavailable), "", "a bus that hangs up"),
            (Knob::HalfMessage, all(Malformed), "cut short", "a bus that dies"),
            (Knob::HugeLength, all(Malformed), "longer than 1 MiB", "a length nobody means"),
            (Knob::Garbage, all(Malformed), "byte order", "something else listens there"),
            (Knob::WrongTypes, all(Malformed), "another type", "a service of another kind"),
            (Knob::Mute, all(Timeout), "waiting", "a bus that hangs"),
            (Knob::Silent, all(Timeout), "waiting", "a daemon that hangs"),
            (Knob::Trickle, all(Timeout), "waiting", "a byte now and then is no progress"),
            (Knob::Flood, all(Timeout), "waiting", "signals are no progress"),
        ] {
            for ((name, call), expected) in CALLS.into_iter().zip(expected) {
                let why = format!("{name}: {why} ({knob:?})");
                let bus = FakeBus::start();
                bus.add("not ours", &[("service", "other"), ("server", "ghcr.io")], b"x");
                client(&bus).put(&entry()).expect("the service is well so far");
                scope.spawn(move || {
                    let before = bus.items();
                    bus.set(knob);
                    check(call(&client(&bus)).as_ref(), expected, words, &why);
                    let after = bus.items();
                    assert!(after.contains(&before[0]), "another program's item is as it was: {why}");
                    assert!(expected.is_none() || after == before, "a fault changes nothing: {why}");
                });
            }
        }
    });
}

#[test]
fn f7_what_opens_without_a_person_is_opened() {
    for (knob, unlocks, prompts, why) in [
        (Knob::Normal, 0, 0, "it is open"),
        (Knob::EmptyPassword, 1, 0, "Unlock asks for nothing"),
        (Knob::OpenedByPam, 1, 1, "the wallet is open, and its prompt asks nobody"),
        (Knob::PromptsForAll, 0, 2, "one item is made, and the one before deleted"),
    ] {
        let bus = FakeBus::start();
        client(&bus).put(&entry()).unwrap();
        bus.set(knob);
        client(&bus).put(&entry()).unwrap_or_else(|fault| panic!("{why}: {fault}"));
        assert_eq!((bus.calls("Unlock"), bus.calls("Prompt"), bus.calls("Dismiss")), (unlocks, prompts, 0), "{why}");
        assert_eq!(client(&bus).get(&key()).unwrap().unwrap().secret.expose(), CANARY, "{why}");
        assert_eq!(bus.items().len(), 1, "in place of the one before: {why}");
        client(&bus).remove(&key()).unwrap();
        assert_eq!(bus.items(), [], "{why}");
    }
}

/// KeePassXC may show a window before it deletes, and a `get` that renews a token must not.
#[test]
fn f7_a_token_is_renewed_without_a_window() {
    let key = Key::new(&TOKEN, &["111122223333.dkr.ecr.eu-west-1.amazonaws.com", "f00d"]);
    let label = Label::new(key.clone(), &["111122223333", "eu-west-1", "1900000000"]);
    let token = Entry { label, secret: Secret::from(CANARY.to_owned()) };
    let bus = FakeBus::start();
    bus.set(Knob::PromptsForAll);
    client(&bus).put(&token).unwrap();
    client(&bus).put(&token).unwrap();
    assert_eq!((bus.calls("Prompt"), bus.calls("Dismiss")), (2, 1), "two are made, and none deleted");
    assert!(client(&bus).get(&key).unwrap().is_some(), "the newest counts");
}

#[test]
fn f7_nobody_is_asked_and_the_hint_names_the_daemon() {
    for (knob, daemon, words) in [
        (Knob::Locked, "the Secret Service is locked", "gnome-keyring-daemon --unlock"),
        (Knob::LockedAndBlind, "the Secret Service of KWallet is locked", "KWalletManager"),
        (Knob::LockedWithWindow, "the Secret Service of KeePassXC is locked", "in KeePassXC"),
    ] {
        let bus = FakeBus::start();
        client(&bus).put(&entry()).unwrap();
        bus.set(knob);
        for (name, call) in CALLS {
            let fault = call(&client(&bus)).expect("it is locked");
            assert!(fault.to_string().contains(daemon) && fault.hint().contains(words), "{name}: {fault}");
        }
        assert_eq!((bus.calls("Prompt"), bus.calls("Dismiss")), (0, CALLS.len()), "{daemon}");
    }
}

/// What `put` would say, without one: nothing is made, no window opens.
#[test]
fn f7_8_whether_an_entry_could_be_kept() {
    for (knob, expected, words) in [
        (Knob::Normal, None, ""),
        (Knob::EmptyPassword, None, ""),
        (Knob::OpenedByPam, None, ""),
        (Knob::PromptsForAll, None, ""),
        (Knob::NoAlias, None, ""),
        (Knob::Locked, Some(Locked), "gnome-keyring-daemon --unlock"),
        (Knob::LockedAndBlind, Some(Locked), "KWalletManager"),
        (Knob::LockedWithWindow, Some(Locked), "in KeePassXC"),
        (Knob::NoCollection, Some(NoPlace), "make a default keyring"),
        (Knob::NoDatabase, Some(NoPlace), "open and unlock a database in KeePassXC"),
        (Knob::NoDaemon, Some(Absent), "start a keychain"),
        (Knob::Silent, Some(Timeout), "restart the keychain's daemon"),
    ] {
        let bus = FakeBus::start();
        bus.set(knob);
        let fault = client(&bus).check().err();
        assert_eq!(fault.as_ref().map(|fault| fault.kind), expected, "{knob:?}: {fault:?}");
        assert!(fault.is_none_or(|fault| fault.hint().contains(words)), "{knob:?}");
        for member in ["CreateItem", "SearchItems", "GetSecret"] {
            assert_eq!(bus.calls(member), 0, "{knob:?}: {member}");
        }
        let put = client(&bus).put(&entry()).map_err(|fault| fault.kind);
        assert_eq!(put.err(), expected, "{knob:?}: as it was said");
    }
}

#[test]
fn f7_5_an_item_that_is_being_deleted_is_gone() {
    let bus = FakeBus::start();
    client(&bus).put(&entry()).unwrap();
    bus.set(Knob::BeingDeleted);
    assert!(client(&bus).get(&key()).unwrap().is_none(), "neither found nor damaged");
}

/// What is made again for the asking goes to memory, what a person would have to type again to the disk.
#[test]
fn a_cached_token_goes_to_the_collection_in_memory() {
    let key = Key::new(&TOKEN, &["111122223333.dkr.ecr.eu-west-1.amazonaws.com", "f00d"]);
    let label = Label::new(key, &["111122223333", "eu-west-1", "1900000000"]);
    let token = Entry { label, secret: Secret::from(CANARY.to_owned()) };
    for (knob, entry, collection, why) in [
        (Knob::SessionCollection, &token, "collection/session/", "gnome-keyring: a token"),
        (Knob::SessionCollection, &entry(), "collection/login/", "gnome-keyring: a login"),
        (Knob::Normal, &token, "collection/login/", "a service without such a collection"),
    ] {
        let bus = FakeBus::start();
        bus.set(knob);
        for round in 1..=2 {
            client(&bus).put(entry).unwrap();
            let items = bus.items();
            assert_eq!(items.len(), 1, "{why}: the one before is replaced, round {round}");
            assert!(items[0].path.contains(collection), "{why}: {}", items[0].path);
        }
        assert!(client(&bus).get(entry.label.key()).unwrap().is_some(), "{why}: it is found again");
    }
}

#[test]
fn no_bus_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let in_folder = |name: &str| format!("unix:path={}", folder.path().join(name).display());
    std::fs::write(folder.path().join("file"), "").unwrap();
    // A listener that never accepts, and a queue that is full: connecting would wait for ever.
    let full = rustix::net::socket(rustix::net::AddressFamily::UNIX, rustix::net::SocketType::STREAM, None).unwrap();
    rustix::net::bind(&full, &rustix::net::SocketAddrUnix::new(folder.path().join("full")).unwrap()).unwrap();
    rustix::net::listen(&full, 0).unwrap();
    let _waiting = UnixStream::connect(folder.path().join("full")).unwrap();
    for (address, runtime, expected, words, why) in [
        (None, None, Absent, "DBUS_SESSION_BUS_ADDRESS", "neither variable, as in a container"),
        (None, Some(folder.path()), Absent, "No such file", "a runtime folder without a bus"),
        (Some("tcp:host=127.0.0.1,port=1".into()), None, Unavailable, "no unix socket", "no transport for us"),
        (Some(in_folder("none")), None, Absent, "No such file", "a bus that has ended"),
        (Some(in_folder("file")), None, Absent, "Connection refused", "no socket"),
        (Some(format!("{};{}", in_folder("none"), in_folder("file"))), None, Absent, "refused", "the last one's cause"),
        (
            Some(format!("{};{}", in_folder(&"x".repeat(200)), in_folder("none"))),
            None,
            Unavailable,
            "too long",
            "one that may be there is enough",
        ),
        (Some(in_folder(&"x".repeat(200))), None, Unavailable, "too long", "longer than a socket's name can be"),
        (Some("unix:abstract=ecr-rs-test-nobody".into()), None, Absent, "ecr-rs-test-nobody", "an abstract name"),
        (Some(in_folder("full")), None, Timeout, "connecting", "a bus that does not accept"),
    ] {
        let keychain = SecretServiceStore::new(address.as_deref(), runtime, false);
        check(keychain.get(&key()).err().as_ref(), Some(expected), words, why);
    }
}

#[test]
fn addresses_are_tried_in_order() {
    let bus = FakeBus::start();
    client(&bus).put(&entry()).unwrap();
    for (address, runtime, why) in [
        (None, Some(bus.runtime_folder()), "the runtime folder's bus"),
        (Some(format!("tcp:host=h,port=1;unix:path=/nonexistent;{}", bus.address())), None, "the third one works"),
    ] {
        let keychain = SecretServiceStore::new(address.as_deref(), runtime.as_deref(), false);
        assert_eq!(keychain.get(&key()).unwrap().unwrap().secret.expose(), CANARY, "{why}");
    }
}

#[test]
fn a_token_is_read_in_two_round_trips() {
    let key = Key::new(&TOKEN, &["111122223333.dkr.ecr.eu-west-1.amazonaws.com", "f00d"]);
    let label = Label::new(key, &["111122223333", "eu-west-1", "1900000000"]);
    let entry = Entry { label, secret: Secret::from(CANARY.to_owned()) };
    for (knob, expected, why) in [
        (Knob::SessionCollection, 2, "gnome-keyring, oo7: it is in the collection in memory"),
        (Knob::NeighbourHangs, 2, "who is not the service may hang"),
        (Knob::OpenedByPam, 2, "KWallet has none, and is asked for the other one by its own name"),
        (Knob::PromptsForAll, 2, "KeePassXC, too"),
        (Knob::Normal, 3, "what is no daemon that we know is asked for the one, then for the other"),
    ] {
        let bus = FakeBus::start();
        bus.set(knob);
        client(&bus).put(&entry).unwrap();
        let before = bus.round_trips();
        assert_eq!(client(&bus).get(entry.label.key()).unwrap().unwrap().secret.expose(), CANARY, "{why}");
        assert_eq!(bus.round_trips() - before, expected, "{why}");
    }
}

#[test]
fn a_login_that_is_not_there_opens_no_session() {
    let bus = FakeBus::start();
    assert!(client(&bus).get(&key()).unwrap().is_none());
    assert_eq!((bus.calls("SearchItems"), bus.calls("OpenSession")), (2, 0));
    client(&bus).put(&entry()).unwrap();
    assert_eq!(client(&bus).get(&key()).unwrap().unwrap().secret.expose(), CANARY);
}

#[test]
fn one_connection_serves_all_calls_of_a_process() {
    let bus = FakeBus::start();
    let keychain = client(&bus);
    keychain.put(&entry()).unwrap();
    for _ in 0..3 {
        assert!(keychain.get(&key()).unwrap().is_some());
    }
    assert_eq!((bus.connections(), bus.calls("OpenSession")), (1, 1));
    // A connection that met a fault is not used again: an answer may still be on its way.
    bus.set(Knob::Garbage);
    assert_eq!(keychain.get(&key()).unwrap_err().kind, Malformed);
    bus.set(Knob::Normal);
    assert!(keychain.get(&key()).unwrap().is_some(), "the next call starts anew");
}

#[test]
fn a_daemon_is_started_for_a_person_only() {
    let bus = FakeBus::start();
    bus.set(Knob::NoService); // starting it never ends
    for (interactive, expected, why) in
        [(false, Unavailable, "the bus may not start it"), (true, Timeout, "the bus starts it, within bounds")]
    {
        let keychain = SecretServiceStore::new(Some(&bus.address()), None, interactive);
        check(keychain.list(&LOGIN).err().as_ref(), Some(expected), "", why);
    }
}

#[test]
fn what_lies_in_the_keyring() {
    let ours = [("service", SERVICE), ("kind", "login"), ("server", "ghcr.io")];
    let whole = [("spelled", "ghcr.io"), ("username", "u")];
    for (attributes, secret, expected, why) in [
        (ours.iter().chain(&whole).copied().collect::<Vec<_>>(), &b"s"[..], Ok(Some("s")), "an entry of ours"),
        (ours.to_vec(), b"s", Err(Damaged), "attributes are missing"),
        (ours.iter().chain(&whole).copied().collect(), b"\xff", Err(Damaged), "a secret that is no text"),
        (ours[1..].iter().chain(&whole).copied().collect(), b"s", Ok(None), "without our service it is not ours"),
    ] {
        let bus = FakeBus::start();
        bus.add("by hand", &attributes, secret);
        let found = client(&bus).get(&key()).map_err(|fault| fault.kind);
        assert_eq!(
            found.map(|entry| entry.map(|entry| entry.secret.expose().to_owned())),
            expected.map(|text| text.map(String::from)),
            "{why}"
        );
        client(&bus).put(&entry()).expect(why);
        assert_eq!(client(&bus).get(&key()).unwrap().unwrap().secret.expose(), CANARY, "put mends it: {why}");
        assert_eq!(client(&bus).list(&LOGIN).unwrap(), [entry().label], "{why}");
    }
}

#[test]
fn items_are_as_they_were_first_stored() {
    let schema = ("xdg:schema", "docker-credential-ecr-rs.Entry");
    let ecr = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";
    for (label, title, attributes) in [
        (
            entry().label,
            "Registry login for https://ghcr.io",
            vec![("kind", "login"), ("server", "ghcr.io"), ("spelled", "https://ghcr.io"), ("username", "someone")],
        ),
        (
            Label::new(Key::new(&TOKEN, &[ecr, "f00d"]), &["111122223333", "eu-west-1", "1900000000"]),
            "ECR token for 111122223333.dkr.ecr.eu-west-1.amazonaws.com",
            vec![
                ("kind", "token"),
                ("host", ecr),
                ("identity", "f00d"),
                ("account", "111122223333"),
                ("region", "eu-west-1"),
                ("expires", "1900000000"),
            ],
        ),
    ] {
        let bus = FakeBus::start();
        client(&bus).put(&Entry { label, secret: Secret::from(CANARY.to_owned()) }).unwrap();
        let item = bus.items().remove(0);
        let expected = attributes.into_iter().chain([schema, ("service", SERVICE)]);
        assert_eq!(item.attributes, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).collect());
        assert_eq!((&*item.label, &*item.secret), (title, CANARY.as_bytes()));
    }
}

#[test]
fn a_list_reads_items_of_its_kind_only() {
    let bus = FakeBus::start();
    let token = Label::new(Key::new(&TOKEN, &["public.ecr.aws", "f00d"]), &["", "us-east-1", "1900000000"]);
    for label in [token.clone(), entry().label] {
        client(&bus).put(&Entry { label, secret: Secret::from(CANARY.to_owned()) }).unwrap();
    }
    let before = bus.calls("Get Attributes");
    assert_eq!(client(&bus).list(&TOKEN).unwrap(), [token]);
    assert_eq!(bus.calls("Get Attributes") - before, 1, "a machine may have a thousand logins");
    assert_eq!(bus.calls("GetSecret"), 0);
}

#[test]
fn a_token_whose_end_is_no_number() {
    let Some(Server::Ecr(registry)) = Server::parse("public.ecr.aws", |_| None) else { panic!("it is ECR's") };
    let bus = FakeBus::start();
    let ours = [("service", SERVICE), ("kind", "token"), ("host", "public.ecr.aws"), ("identity", "f00d")];
    let further = [("account", ""), ("region", "us-east-1"), ("expires", "soon")];
    bus.add("by hand", &[&ours[..], &further[..]].concat(), b"s");
    let keychain = client(&bus);
    assert_eq!(cache::load(&keychain, &registry, "f00d").unwrap_err().kind, Damaged);
    assert_eq!(cache::inventory(&keychain, None).unwrap().tokens, [], "it is passed over");
    let token = Token { password: Secret::from(CANARY.to_owned()), expires_at: UNIX_EPOCH + Duration::from_secs(9) };
    cache::keep(&keychain, &registry, "f00d", &token).unwrap();
    let mended = cache::load(&keychain, &registry, "f00d").unwrap().unwrap();
    assert_eq!((mended.password.expose(), mended.expires_at), (CANARY, token.expires_at), "put mends it");
}

#[test]
fn f1_14_more_than_a_keychain_can_have_is_refused() {
    let ours = [("service", SERVICE), ("kind", "login"), ("server", "ghcr.io")];
    let whole = [("spelled", "ghcr.io"), ("username", "u")];
    let attributes = [&ours[..], &whole[..]].concat();
    let bus = FakeBus::start();
    for _ in 0..10_001 {
        bus.add("too many", &attributes, b"s");
    }
    for (name, call) in CALLS {
        check(call(&client(&bus)).as_ref(), Some(Refused), "10001 entries", name);
    }
    assert_eq!((bus.calls("Get Attributes"), bus.calls("GetSecret")), (0, 0), "none of them is asked for");

    let bus = FakeBus::start();
    let long = "x".repeat(900_000);
    for _ in 0..40 {
        bus.add("too long", &[&attributes[..], &[("more", &long)]].concat(), b"s");
    }
    for fault in [client(&bus).get(&key()).err(), client(&bus).list(&LOGIN).err()] {
        check(fault.as_ref(), Some(Malformed), "more than 16 MiB", "each of them is short enough");
    }
}

#[test]
fn two_of_a_kind() {
    let bus = FakeBus::start();
    for (username, secret) in [("older", "1"), ("newer", "2")] {
        let label = [("spelled", "ghcr.io"), ("username", username)];
        let ours = [("service", SERVICE), ("kind", "login"), ("server", "ghcr.io")];
        bus.add("at the same time", &[&ours[..], &label[..]].concat(), secret.as_bytes());
    }
    assert_eq!(client(&bus).get(&key()).unwrap().unwrap().secret.expose(), "2", "the newest counts");
    let labels = client(&bus).list(&LOGIN).unwrap();
    assert_eq!(labels.len(), 1, "one line a key");
    assert_eq!(labels[0].attribute("username"), Some("newer"));
    client(&bus).remove(&key()).unwrap();
    assert_eq!(bus.items(), [], "all of them are forgotten");
}

#[test]
fn a_name_that_d_bus_cannot_carry() {
    let bus = FakeBus::start();
    let label = Label::new(Key::new(&LOGIN, &["ghcr.io"]), &["ghcr.io", "a\0b"]);
    let fault = client(&bus).put(&Entry { label, secret: Secret::from(CANARY.to_owned()) }).unwrap_err();
    check(Some(&fault), Some(Refused), "NUL", "the bus would hang up");
    let server = Key::new(&LOGIN, &["ghcr\0.io"]);
    assert_eq!(client(&bus).get(&server).unwrap_err().kind, Refused);
    assert_eq!(client(&bus).remove(&server).unwrap_err().kind, Refused);
}

#[test]
fn fifty_at_once() {
    let bus = FakeBus::start();
    thread::scope(|scope| {
        for at in 0..50 {
            let bus = &bus;
            scope.spawn(move || {
                let keychain = client(bus);
                keychain.put(&entry()).unwrap();
                assert!(keychain.get(&key()).unwrap().is_some(), "client {at}: an entry is there at every moment");
            });
        }
    });
    assert!(!bus.items().is_empty(), "the last one put is never deleted");
    client(&bus).put(&entry()).unwrap();
    assert_eq!(bus.items().len(), 1, "what is left over goes with the next one");
}
