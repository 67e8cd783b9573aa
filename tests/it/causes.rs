//! No cause gets lost on the way: what `get` tells of a failure, every other command that meets it
//! tells, too, down to the words of AWS and of the system.

use std::{fs, os::unix::fs::symlink};

use serde_json::Value;

use crate::support::{
    aws::{REQUEST_ID, faults::Fault},
    bus::Knob,
    loopback::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY},
    program::{Outcome, Program},
    signing_fixture::SigningFixture,
};

const ECR: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";

/// The causes in a report on stderr.
fn causes(stderr: &str) -> Vec<&str> {
    stderr.lines().filter_map(|line| line.strip_prefix("  caused by: ")).collect()
}

/// What failed, its causes, and what to do, of the one report on stderr.
#[track_caller]
fn report(outcome: &Outcome) -> (&str, Vec<&str>, &str) {
    let what = outcome.stderr.lines().find_map(|line| line.strip_prefix("docker-credential-ecr-rs: error: "));
    let hint = outcome.stderr.lines().find_map(|line| line.strip_prefix("  hint: "));
    (what.expect("an error"), causes(&outcome.stderr), hint.unwrap_or_default())
}

/// `sign`, or another command, tells all that `get` tells of the same failure.
#[track_caller]
fn tells_as_much(outcome: &Outcome, get: &Outcome, why: &str) {
    let (what, below, hint) = report(get);
    let Outcome { stdout, stderr, .. } = outcome;
    for line in [what].iter().chain(&below).chain([&hint]) {
        assert!(format!("{stdout}{stderr}").contains(line), "{why}: lacks {line:?}:\n{stdout}{stderr}");
    }
    if !stderr.is_empty() {
        let found = causes(stderr);
        let missing: Vec<_> = below.iter().filter(|cause| !found.contains(cause)).collect();
        assert!(missing.is_empty(), "{why}: no causes of their own: {missing:?}:\n{stderr}");
    }
}

/// A program that reaches the registries of ECR by their own names, as `alice`.
fn in_ecr(fixture: &SigningFixture) -> Program {
    let variables = fixture.aws.proxy_variables().into_iter();
    variables.fold(fixture.program(), |program, (name, value)| program.with(name, value)).with("AWS_MAX_ATTEMPTS", "1")
}

/// `sign` of an image of a registry.
fn sign(fixture: &SigningFixture, program: &Program, image: &str) -> Outcome {
    let root = fixture.root();
    program.run(&["sign", image, "--signing-profile", &fixture.profile, "--signer-root", &root], "")
}

#[test]
fn a_locked_keychain_is_told_by_every_command_that_needs_the_login() {
    let fixture = SigningFixture::new();
    fixture.push("app", "v1");
    fixture.bus.set(Knob::Locked);
    let program = fixture.program();
    let get = program.run(&["get"], fixture.host()).exits(1, "get");
    assert!(report(&get).0.contains("is locked") && report(&get).2.contains("unlock the keychain"), "{get:?}");
    let image = format!("{}/app:v1", fixture.host());
    tells_as_much(&sign(&fixture, &program, &image).exits(1, "sign"), &get, "sign");
    for command in ["list", "inspect"] {
        tells_as_much(&program.run(&["signatures", command, &image], "").exits(1, command), &get, command);
    }
}

#[test]
fn aws_is_quoted_by_every_command_that_needs_a_token() {
    let fixture = SigningFixture::new();
    for (fault, cause) in [
        (Fault::AccessDenied, "AccessDeniedException: User: arn:aws:iam::111122223333:user/alice is not authorized"),
        (Fault::Throttled, "ThrottlingException: Rate exceeded"),
        (Fault::Garbage, "HTTP status 200"),
    ] {
        fixture.aws.faults.clear();
        fixture.aws.faults.always("GetAuthorizationToken", fault.clone());
        let program = in_ecr(&fixture);
        let get = program.run(&["get"], ECR).exits(1, "get");
        let told = report(&get).1.join("\n");
        assert!(told.contains(cause) && (fault == Fault::Garbage || told.contains(REQUEST_ID)), "{fault:?}: {get:?}");
        let image = format!("{ECR}/app:v1");
        let why = |command: &str| format!("{fault:?} in {command}");
        tells_as_much(&sign(&fixture, &program, &image).exits(1, "sign"), &get, &why("sign"));
        tells_as_much(&program.run(&["signatures", "list", &image], "").exits(1, "list"), &get, &why("list"));
        tells_as_much(&program.run(&["token", ECR], "").exits(1, "token"), &get, &why("token"));
    }
}

#[test]
fn an_aws_config_that_cannot_be_read_keeps_the_systems_words() {
    let fixture = SigningFixture::new();
    fixture.push("app", "v1");
    let loops = fixture.home.path().join("loop");
    symlink(&loops, &loops).unwrap();
    let image = format!("{}/app:v1", fixture.host());
    for (path, words) in
        [("/", "is a folder"), (loops.to_str().unwrap(), "Too many levels of symbolic links (os error 40)")]
    {
        let program = fixture.program().with("AWS_CONFIG_FILE", path).with("AWS_REGION", REGION);
        let get = program.run(&["get"], ECR).exits(1, words);
        assert!(report(&get).1.join("\n").contains(words), "{words}: {get:?}");
        let cannot_read = format!("cannot read {path}");
        for outcome in [
            sign(&fixture, &program, &image),
            program.run(&["signatures", "list", &image], ""),
            program.run(&["profile", "list"], ""),
            program.run(&["profile", "show", "app"], ""),
            program.run(&["token", ECR], ""),
        ] {
            let outcome = outcome.exits(1, words);
            let (what, below, hint) = report(&outcome);
            assert!(what.contains(&cannot_read) || below.join("\n").contains(&cannot_read), "{outcome:?}");
            assert!(below.join("\n").contains(words), "{words}: {outcome:?}");
            assert_eq!(hint, report(&get).2, "{words}: {outcome:?}");
        }
        let doctor = program.run(&["doctor", ECR], "").exits(1, words);
        assert!(doctor.stdout.contains(&cannot_read) && doctor.stdout.contains(words), "{doctor:?}");
    }
}

#[test]
fn files_that_cannot_be_read_keep_the_systems_words() {
    let fixture = SigningFixture::new();
    fixture.push("app", "v1");
    let home = fixture.home.path();
    let loops = home.join("loop");
    symlink(&loops, &loops).unwrap();
    fs::create_dir(home.join(".docker")).unwrap();
    symlink(&loops, home.join(".docker/config.json")).unwrap();
    let (loops, image) = (loops.to_str().unwrap(), format!("{}/app:v1", fixture.host()));
    let words = "Too many levels of symbolic links (os error 40)";
    let program = fixture.program().with("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID);
    let program = program.with("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY).with("AWS_REGION", REGION);
    for (arguments, path) in [
        (&["sign", "--signing-profile", "app", "--digest-file", loops][..], loops),
        (&["sign", "--signing-profile", "app", "--signer-root", loops, &image], loops),
        (&["setup", "docker", "--dry-run"], ".docker/config.json"),
        (&["doctor"], ".docker/config.json"),
    ] {
        let Outcome { stdout, stderr, .. } = program.run(arguments, "").exits(1, arguments[0]);
        let told = stdout + &stderr;
        assert!(told.contains(path) && told.contains(words), "{arguments:?}: {told}");
    }
    let report: Value = program.run(&["doctor", "--output", "json"], "").json();
    assert!(report.to_string().contains(words), "{report:#}");

    for arguments in [&["status"][..], &["clear", "--all"], &["doctor"], &["token", ECR], &["profile", "list"]] {
        let Outcome { stdout, stderr, .. } = program.clone().with("ECR_RS_CONFIG", loops).run(arguments, "");
        let told = stdout + &stderr;
        assert!(told.contains(loops) && told.contains(words), "{arguments:?}: {told}");
    }
}
