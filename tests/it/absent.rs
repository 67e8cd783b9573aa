//! A machine without any keychain, and what a person can choose there. Absent is not broken: the rows of
//! keychains that are there and fail are in `get` and `secret_service_faults`.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde_json::json;

use crate::support::{
    bus::Knob,
    loopback::{ACCOUNT, REGION},
    machine::Machine,
    program::{Outcome, Program},
};

const NOT_FOUND: &str = "credentials not found in native keychain\n";

fn ecr() -> String {
    format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com")
}

fn login(server: &str, secret: &str) -> String {
    json!({ "ServerURL": server, "Username": "me", "Secret": secret }).to_string()
}

/// Programs that find no keychain, each with why.
fn absent(machine: &Machine) -> Vec<(Program, &'static str)> {
    machine.bus.set(Knob::NoDaemon);
    let folder = machine.home.path().join("run");
    fs::create_dir_all(&folder).unwrap();
    let no_bus = || machine.program().without("DBUS_SESSION_BUS_ADDRESS");
    vec![
        (no_bus(), "neither variable, as in CI and in containers"),
        (no_bus().with("XDG_RUNTIME_DIR", &folder), "a runtime folder without a bus, as on a server"),
        (
            no_bus().with("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}/bus", folder.display())),
            "a bus that has ended",
        ),
        (machine.program(), "a bus on which no keychain is installed"),
    ]
}

#[track_caller]
fn one_line(outcome: &Outcome, words: &str, why: &str) {
    assert_eq!(outcome.stderr.lines().count(), 1, "{why}: one line says why: {outcome:?}");
    assert!(outcome.stderr.contains(words), "{why}: {words}: {outcome:?}");
}

#[test]
fn f1_4_without_a_keychain_other_registries_are_pulled_from_anonymously() {
    let machine = Machine::new();
    for (program, why) in absent(&machine) {
        let get = program.run(&["get"], "ghcr.io").exits(1, why);
        assert_eq!(get.stdout, NOT_FOUND, "{why}");
        one_line(&get, "this machine has no Secret Service: ", why);
        assert!(get.stderr.contains("ghcr.io"), "{why}: {get:?}");

        let store = program.run(&["store"], login("ghcr.io", "canary")).exits(1, why);
        assert!(store.stdout.contains("cannot keep the login for ghcr.io"), "{why}: {store:?}");
        assert!(store.stderr.contains("  hint: ") && store.stderr.contains("[other-registries] store"), "{store:?}");
        assert!(!format!("{store:?}").contains("canary"));

        for server in ["ghcr.io", &ecr()] {
            let erase = program.run(&["erase"], server).exits(0, why);
            assert_eq!((erase.stdout.as_str(), erase.stderr.as_str()), ("", ""), "{why}: nothing is there: {server}");
        }
        let list = program.run(&["list"], "").exits(0, why);
        assert_eq!(list.stdout, "{}\n", "{why}");
        one_line(&list, "this machine has no Secret Service: ", why);
        let token = program.run(&["get"], ecr()).exits(0, why);
        one_line(&token, "the ECR token is not cached: this machine has no Secret Service: ", why);
    }
}

#[test]
fn f1_4_a_keychain_that_is_there_and_fails_is_never_taken_for_none() {
    let machine = Machine::new();
    let no_bus = || machine.program().without("DBUS_SESSION_BUS_ADDRESS");
    for (program, knob, words, why) in [
        (machine.program(), Knob::NoService, "does not run", "a daemon that nobody has started"),
        (machine.program(), Knob::Locked, "is locked", "a locked one"),
        (machine.program(), Knob::LockedAndBlind, "is locked", "one that shows nothing while it is locked"),
        (machine.program(), Knob::Refuses, "refused", "one that does not let us in"),
        (machine.program(), Knob::RejectsUser, "refused", "another user's bus"),
        (machine.program(), Knob::Closes, "no usable", "a bus that hangs up"),
        (machine.program(), Knob::Garbage, "malformed", "something else in its place"),
        (
            no_bus().with("DBUS_SESSION_BUS_ADDRESS", "tcp:host=127.0.0.1,port=1"),
            Knob::Normal,
            "names no unix socket",
            "an address that we cannot follow",
        ),
    ] {
        machine.bus.set(knob);
        let get = program.run(&["get"], "ghcr.io").exits(1, why);
        assert_ne!(get.stdout, NOT_FOUND, "{why}");
        assert!(get.stdout.contains(words) && get.stderr.contains(words), "{why}: {get:?}");
    }
}

/// The only file of the store of logins.
#[track_caller]
fn kept(machine: &Machine) -> PathBuf {
    let folder = machine.home.path().join(".config/docker-credential-ecr-rs/logins");
    let files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

#[test]
fn f1_4_logins_are_kept_in_files_by_consent() {
    let machine = Machine::new();
    machine.configure("[cache]\nstore = \"file\"\n[other-registries]\nstore = \"file\"\n");
    let program = machine.program().without("DBUS_SESSION_BUS_ADDRESS");
    program.run(&["get"], ecr()).exits(0, "a token");
    program.run(&["store"], login("https://ghcr.io", "canary")).exits(0, "docker login");
    let (file, mode) = (kept(&machine), |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777);
    assert_eq!((mode(file.parent().unwrap()), mode(&file)), (0o700, 0o600));
    assert!(fs::read_to_string(file).unwrap().contains("canary"), "in clear text, as was asked for");
    let get = program.run(&["get"], "ghcr.io").exits(0, "kept");
    assert_eq!((get.json()["Secret"].as_str(), get.stderr.as_str()), (Some("canary"), ""));
    assert_eq!(program.run(&["list"], "").json()["https://ghcr.io"], "me");
    program.run(&["clear", "--all"], "").exits(0, "tokens");
    program.run(&["get"], "ghcr.io").exits(0, "a login is no token");
    program.run(&["erase"], "ghcr.io").exits(0, "docker logout");
    assert_eq!(program.run(&["get"], "ghcr.io").exits(1, "gone").stdout, NOT_FOUND);
    assert_eq!(machine.bus.connections(), 0);
}

#[test]
fn f1_4_none_keeps_no_login_and_says_so() {
    let machine = Machine::new();
    machine.configure("[other-registries]\nstore = \"none\"\n");
    let get = machine.program().run(&["get"], "ghcr.io").exits(1, "there is none");
    assert_eq!((get.stdout.as_str(), get.stderr.as_str()), (NOT_FOUND, ""), "it was asked for");
    let store = machine.program().run(&["store"], login("ghcr.io", "canary")).exits(1, "a login must not vanish");
    assert!(store.stdout.contains("store = \"none\"") && !format!("{store:?}").contains("canary"), "{store:?}");
    assert_eq!(machine.bus.connections(), 0);
}

#[test]
fn f1_3_a_damaged_login_is_an_error_until_it_is_stored_or_erased() {
    let machine = Machine::new();
    machine.configure("[other-registries]\nstore = \"file\"\n");
    let program = machine.program();
    let truncate = |file: PathBuf| {
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, &text[..text.len() - 9]).unwrap();
    };
    let open = |file: PathBuf| fs::set_permissions(file, fs::Permissions::from_mode(0o666)).unwrap();
    for (spoil, words) in [(&truncate as &dyn Fn(PathBuf), "cut short"), (&open, "others can write to it")] {
        for cure in ["store", "erase"] {
            program.run(&["store"], login("ghcr.io", "canary")).exits(0, words);
            spoil(kept(&machine));
            let get = program.run(&["get"], "ghcr.io").exits(1, words);
            assert_ne!(get.stdout, NOT_FOUND, "{words}: it is there");
            assert!(get.stdout.contains(words) && get.stderr.contains("docker login"), "{words}: {get:?}");
            let name = kept(&machine).display().to_string();
            assert!(program.run(&["doctor", "ghcr.io"], "").stdout.contains(&name), "{words}: doctor names it");
            let clear = program.run(&["clear", "--all"], "").exits(0, words);
            assert!(!clear.stdout.contains(&name) && kept(&machine).exists(), "{words}: no token: {clear:?}");
            let stdin = if cure == "store" { login("ghcr.io", "new") } else { "ghcr.io".into() };
            program.run(&[cure], stdin).exits(0, words);
            let healed = program.run(&["get"], "ghcr.io");
            match cure {
                "store" => assert_eq!(healed.json()["Secret"], "new", "{words}"),
                _ => assert_eq!((healed.status, healed.stdout.as_str()), (Some(1), NOT_FOUND), "{words}"),
            }
        }
    }
}

#[test]
fn f1_4_setup_and_doctor_say_what_it_means() {
    let machine = Machine::new();
    let binary = Machine::binary().parent().unwrap();
    for (program, why) in absent(&machine) {
        let program = program.with("PATH", binary);
        let all = program.run(&["setup", "docker"], "").exits(0, why);
        for words in ["has no Secret Service", "asks AWS", "`docker login` of them fails", "--registry HOST"] {
            assert!(all.stderr.contains(words), "{why}: {words}: {all:?}");
        }
        let doctor = program.run(&["doctor", "ghcr.io"], "");
        for words in ["every `get` asks AWS", "`docker login` of them fails", "pulled from without a login"] {
            assert!(doctor.stdout.contains(words), "{why}: {words}: {doctor:?}");
        }
        program.run(&["setup", "--undo", "docker"], "").exits(0, why);
        let single = program.run(&["setup", "docker", "--registry", &ecr()], "").exits(0, why);
        assert!(single.stderr.contains("asks AWS") && !single.stderr.contains("docker login"), "{why}: {single:?}");
        program.run(&["setup", "--undo", "docker"], "").exits(0, why);
    }
    machine.configure("[cache]\nstore = \"file\"\n[other-registries]\nstore = \"none\"\n");
    let program = machine.program().without("DBUS_SESSION_BUS_ADDRESS").with("PATH", binary);
    assert_eq!(program.run(&["setup", "docker"], "").exits(0, "chosen").stderr, "");
    let doctor = program.run(&["doctor", "ghcr.io"], "");
    assert!(doctor.stdout.contains("none is kept: [other-registries] store = \"none\""), "{doctor:?}");
}
