//! A helper that keeps other registries' logins and leads back to this program: a script that sets
//! `AWS_PROFILE` and starts it, as people write them.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

use crate::support::{
    machine::Machine,
    program::{Outcome, Program},
};

/// The program with a helper of this suffix and script on PATH; `PROGRAM` in it is this program's file.
fn with_helper(machine: &Machine, suffix: &str, script: &str) -> Program {
    let script = script.replace("PROGRAM", &Machine::binary().display().to_string());
    let file = machine.write(&format!("bin/docker-credential-{suffix}"), &format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    let folders = [machine.home.path().join("bin"), Machine::binary().parent().unwrap().into()];
    let path = std::env::join_paths(
        folders.iter().map(|folder| folder.as_path()).chain(["/usr/bin".as_ref(), "/bin".as_ref()]),
    );
    machine.program().with("PATH", path.unwrap())
}

/// How often the helper was started.
fn starts(machine: &Machine) -> usize {
    fs::read_to_string(machine.home.path().join("starts")).unwrap_or_default().lines().count()
}

const WRAPPER: &str = "echo \"$1\" >> \"$HOME/starts\"; AWS_PROFILE=prod exec PROGRAM \"$@\"";

#[test]
fn f1_2_a_helper_that_leads_back_to_us_is_one_process_and_an_error() {
    let machine = Machine::new();
    machine.configure("[other-registries]\nstore = \"prod\"\n");
    let program = with_helper(&machine, "prod", WRAPPER);
    let login = r#"{"ServerURL":"ghcr.io","Username":"me","Secret":"canary"}"#;
    for (at, (verb, stdin)) in [("get", "ghcr.io"), ("store", login), ("erase", "ghcr.io")].into_iter().enumerate() {
        let started = Instant::now();
        let outcome = program.run(&[verb], stdin).exits(1, verb);
        assert_eq!(starts(&machine), at + 1, "{verb}: it is started once");
        assert!(started.elapsed() < Duration::from_secs(10), "{verb}: at once");
        let Outcome { stdout, stderr, .. } = &outcome;
        assert_ne!(stdout, "credentials not found in native keychain\n", "{verb}");
        let words = "docker-credential-prod was asked for a login and asks docker-credential-ecr-rs again";
        assert!(stdout.contains(words), "{verb}: {outcome:?}");
        assert!(stderr.contains("hint: ") && stderr.contains("[other-registries] store"), "{verb}: {outcome:?}");
        assert!(!format!("{outcome:?}").contains("canary"), "{verb}: {outcome:?}");
    }
    let list = program.run(&["list"], "").exits(0, "list never fails");
    assert!(list.stderr.contains("what is stored is not listed"), "{list:?}");
    assert_eq!(starts(&machine), 4);
}

#[test]
fn f1_2_the_mark_stops_every_verb_but_version() {
    let machine = Machine::new();
    let program = machine.program().with("ECR_RS_DELEGATE", "docker-credential-prod");
    for verb in ["get", "store", "erase", "list"] {
        let outcome = program.run(&[verb], "111122223333.dkr.ecr.eu-west-1.amazonaws.com").exits(1, verb);
        assert!(outcome.stdout.starts_with("docker-credential-prod was asked"), "{verb}: {outcome:?}");
    }
    program.run(&["version"], "").exits(0, "version");
    assert_eq!((machine.bus.connections(), machine.aws.calls().len()), (0, 0), "nobody is asked");
}

#[test]
fn f1_2_setup_takes_over_no_helper_that_is_us() {
    let rows = [
        (WRAPPER, false, "a wrapper"),
        ("exec PROGRAM \"$@\"", false, "the plainest one"),
        ("echo 'docker-credential-prod (github.com/docker/docker-credential-helpers) v0.9.3'", true, "another helper"),
        ("exit 1", true, "one that does not know the verb"),
        ("exec sleep 600", true, "one that hangs: it is given up"),
        ("exec yes", true, "one that prints without end"),
    ];
    for (script, is_taken_over, why) in rows {
        let machine = Machine::new();
        let program = with_helper(&machine, "prod", script);
        machine.write(".docker/config.json", r#"{"credsStore": "prod"}"#);
        let started = Instant::now();
        let outcome = program.run(&["setup", "docker"], "").exits(0, why);
        assert!(started.elapsed() < Duration::from_secs(15), "{why}");
        let config = fs::read_to_string(machine.home.path().join(".config/docker-credential-ecr-rs/config.toml"));
        assert_eq!(config.is_ok_and(|text| text.contains("\"prod\"")), is_taken_over, "{why}: {outcome:?}");
        assert_eq!(outcome.stderr.contains("it is not taken over"), !is_taken_over, "{why}: {outcome:?}");
        assert!(is_taken_over || outcome.stderr.contains("[defaults]"), "{why}: {outcome:?}");
        let docker = fs::read_to_string(machine.home.path().join(".docker/config.json")).unwrap();
        assert!(docker.contains("\"ecr-rs\""), "{why}: {docker}");
    }
}
