//! What goes wrong with a Secret Service, and what is left untouched then.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods)]

mod support;

use std::{os::unix::net::UnixStream, thread};

use ecr_rs::{
    keychain::{
        Entry, Fault,
        FaultKind::{self, Absent, Garbled, Locked, Refused, Silent},
        Key, Keychain, Label, LoginLabel, SERVICE, TokenLabel,
        linux::SecretService,
    },
    secret::Secret,
};
use support::bus::{FakeBus, Knob};

const CANARY: &str = "canary-4711";

fn entry() -> Entry {
    let label = Label::Login(LoginLabel {
        server: "ghcr.io".into(),
        spelled: "https://ghcr.io".into(),
        username: "someone".into(),
    });
    Entry { label, secret: Secret::from(CANARY.to_owned()) }
}

fn key() -> Key {
    entry().label.key()
}

fn client(bus: &FakeBus) -> SecretService {
    SecretService::new(Some(&bus.address()), None, false)
}

/// The calls of the trait, each with how it fails.
type Call = fn(&SecretService) -> Option<Fault>;
const CALLS: [(&str, Call); 4] = [
    ("get", |keychain| keychain.get(&key()).err()),
    ("put", |keychain| keychain.put(&entry()).err()),
    ("remove", |keychain| keychain.remove(&key()).err()),
    ("list", |keychain| keychain.list().err()),
];

#[track_caller]
fn check(fault: Option<&Fault>, expected: Option<FaultKind>, words: &str, why: &str) {
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
            (Knob::NoService, all(Absent), "ServiceUnknown: The name org.freedesktop.secrets", "no daemon"),
            (Knob::Locked, all(Locked), "", "a locked gnome-keyring"),
            (Knob::LockedAndBlind, all(Locked), "", "a locked KWallet"),
            (Knob::NoCollection, [None, Some(Absent), None, None], "no default collection", "a fresh keyring"),
            (Knob::NoAlias, [None; 4], "", "no alias, but a login collection"),
            (Knob::PromptOnCreate, [None, Some(Locked), None, None], "would ask a person", "the prompt stays unasked"),
            (Knob::PromptOnDelete, [None, None, Some(Locked), None], "would ask a person", "the prompt stays unasked"),
            (Knob::Refuses, all(Refused), "AccessDenied: Rejected send message, matched", "on one line"),
            (Knob::RejectsUser, all(Refused), "REJECTED EXTERNAL", "another user's bus"),
            (Knob::Closes, all(Absent), "", "a bus that hangs up"),
            (Knob::HalfMessage, all(Garbled), "cut short", "a bus that dies"),
            (Knob::HugeLength, all(Garbled), "longer than 1 MiB", "a length nobody means"),
            (Knob::Garbage, all(Garbled), "byte order", "something else listens there"),
            (Knob::WrongTypes, all(Garbled), "another type", "a service of another kind"),
            (Knob::Mute, all(Silent), "waiting", "a bus that hangs"),
            (Knob::Silent, all(Silent), "waiting", "a daemon that hangs"),
            (Knob::Trickle, all(Silent), "waiting", "a byte now and then is no progress"),
            (Knob::Flood, all(Silent), "waiting", "signals are no progress"),
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
        (Some("tcp:host=127.0.0.1,port=1".into()), None, Absent, "no unix socket", "no transport for us"),
        (Some(in_folder("none")), None, Absent, "No such file", "a bus that has ended"),
        (Some(in_folder("file")), None, Absent, "Connection refused", "no socket"),
        (Some(format!("{};{}", in_folder("none"), in_folder("file"))), None, Absent, "refused", "the last one's cause"),
        (Some(in_folder(&"x".repeat(200))), None, Absent, "too long", "longer than a socket's name can be"),
        (Some("unix:abstract=ecr-rs-test-nobody".into()), None, Absent, "ecr-rs-test-nobody", "an abstract name"),
        (Some(in_folder("full")), None, Silent, "connecting", "a bus that does not accept"),
    ] {
        let keychain = SecretService::new(address.as_deref(), runtime, false);
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
        let keychain = SecretService::new(address.as_deref(), runtime.as_deref(), false);
        assert_eq!(keychain.get(&key()).unwrap().unwrap().secret.expose(), CANARY, "{why}");
    }
}

#[test]
fn a_token_is_read_in_two_round_trips() {
    let label = Label::Token(TokenLabel {
        host: "111122223333.dkr.ecr.eu-west-1.amazonaws.com".into(),
        identity: "f00d".into(),
        account: "111122223333".into(),
        region: "eu-west-1".into(),
        expires: 1_900_000_000,
    });
    let entry = Entry { label, secret: Secret::from(CANARY.to_owned()) };
    let bus = FakeBus::start();
    client(&bus).put(&entry).unwrap();
    bus.set(Knob::Withholds); // who asks one thing at a time is never answered
    let keychain = client(&bus);
    assert_eq!(keychain.get(&entry.label.key()).unwrap().unwrap().secret.expose(), CANARY);
    assert_eq!(keychain.list().unwrap(), [entry.label]);
}

#[test]
fn a_login_that_is_not_there_opens_no_session() {
    let bus = FakeBus::start();
    assert!(client(&bus).get(&key()).unwrap().is_none());
    assert_eq!((bus.calls("SearchItems"), bus.calls("OpenSession")), (1, 0));
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
    assert_eq!(keychain.get(&key()).unwrap_err().kind, Garbled);
    bus.set(Knob::Normal);
    assert!(keychain.get(&key()).unwrap().is_some(), "the next call starts anew");
}

#[test]
fn a_daemon_is_started_for_a_person_only() {
    let bus = FakeBus::start();
    bus.set(Knob::NoService); // starting it never ends
    for (interactive, expected, why) in
        [(false, Absent, "the bus may not start it"), (true, Silent, "the bus starts it, within bounds")]
    {
        let keychain = SecretService::new(Some(&bus.address()), None, interactive);
        check(keychain.list().err().as_ref(), Some(expected), "", why);
    }
}

#[test]
fn what_lies_in_the_keyring() {
    let ours = [("service", SERVICE), ("kind", "login"), ("server", "ghcr.io")];
    let whole = [("spelled", "ghcr.io"), ("username", "u")];
    for (attributes, secret, expected, why) in [
        (ours.iter().chain(&whole).copied().collect::<Vec<_>>(), &b"s"[..], Ok(Some("s")), "an entry of ours"),
        (ours.to_vec(), b"s", Err(Garbled), "attributes are missing"),
        (ours.iter().chain(&whole).copied().collect(), b"\xff", Err(Garbled), "a secret that is no text"),
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
        assert_eq!(client(&bus).list().unwrap(), [entry().label], "{why}");
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
    let Label::Login(login) = &client(&bus).list().unwrap()[..][0] else { panic!("a login was put") };
    assert_eq!(login.username, "newer");
    assert_eq!(client(&bus).list().unwrap().len(), 1, "one line a key");
    client(&bus).remove(&key()).unwrap();
    assert_eq!(bus.items(), [], "all of them are forgotten");
}

#[test]
fn a_name_that_d_bus_cannot_carry() {
    let bus = FakeBus::start();
    let label =
        Label::Login(LoginLabel { server: "ghcr.io".into(), spelled: "ghcr.io".into(), username: "a\0b".into() });
    let fault = client(&bus).put(&Entry { label, secret: Secret::from(CANARY.to_owned()) }).unwrap_err();
    check(Some(&fault), Some(Refused), "NUL", "the bus would hang up");
    let server = Key::Login { server: "ghcr\0.io".into() };
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
