//! The name of the helper that we replace, as its users have it in their configurations: a link
//! `docker-credential-ecr-login` to this program (amazon-ecr-credential-helper, `README.md` and `ecr-login/ecr.go`).

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
    process::Command,
};

use serde_json::json;

use crate::support::{
    aws::faults::Fault,
    machine::Machine,
    program::{Outcome, Program},
};

const ECR: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";
const NOT_FOUND: &str = "credentials not found in native keychain\n";

/// The link in a folder of its own, which is all of PATH.
fn link(machine: &Machine) -> PathBuf {
    let folder = machine.home.path().join("bin");
    fs::create_dir_all(&folder).unwrap();
    let link = folder.join("docker-credential-ecr-login");
    symlink(Machine::binary(), &link).unwrap();
    link
}

/// The program under that name.
fn linked(machine: &Machine) -> Program {
    let link = link(machine);
    let variables = machine.program().with("PATH", link.parent().unwrap()).variables();
    let program = Program::at(&link, machine.home.path());
    variables.into_iter().fold(program, |program, (name, value)| program.with(name.to_str().unwrap(), value))
}

fn login(server: &str, username: &str, secret: &str) -> String {
    json!({ "ServerURL": server, "Username": username, "Secret": secret }).to_string()
}

#[test]
fn every_verb_answers_and_login_and_logout_work() {
    let machine = Machine::new();
    let program = linked(&machine);
    let answer = program.run(&["get"], ECR).exits(0, "get").json();
    assert_eq!((&answer["ServerURL"], &answer["Username"]), (&json!(ECR), &json!("AWS")));
    let token = answer["Secret"].as_str().unwrap();
    let url = program.run(&["get"], format!("https://{ECR}")).exits(0, "as its `list` spells it").json();
    assert_eq!(url["Secret"], token);
    let public = program.run(&["get"], "public.ecr.aws").exits(0, "ECR Public").json();
    assert_eq!(public["Username"], "AWS");
    // The program that is replaced fails here with "not implemented", and so does `docker login`.
    program.run(&["store"], login(ECR, "AWS", token)).exits(0, "docker login of what `get` gave");
    assert_eq!(program.run(&["list"], "").exits(0, "list").json(), json!({ ECR: "AWS", "public.ecr.aws": "AWS" }));
    program.run(&["erase"], ECR).exits(0, "docker logout");
    program.run(&["erase"], "ghcr.io").exits(0, "of a server that nobody knows");
    assert_eq!(program.run(&["list"], "").json(), json!({ "public.ecr.aws": "AWS" }));
    let minted = machine.minted();
    program.run(&["get"], ECR).exits(0, "get again");
    assert_eq!(machine.minted(), minted + 1, "what was erased is minted anew");
    for flag in ["version", "-v"] {
        assert!(program.run(&[flag], "").exits(0, flag).stdout.starts_with("docker-credential-ecr-rs "), "{flag}");
    }
}

#[test]
fn what_is_no_ecr_registry_is_not_found_and_no_error() {
    let machine = Machine::new();
    let program = linked(&machine);
    for server in
        ["ghcr.io", "https://index.docker.io/v1/", "111122223333.dkr.ecr.eu-west-1.amazonaws.com.evil.example"]
    {
        let Outcome { status, stdout, stderr } = program.run(&["get"], server);
        assert_eq!((status, stdout.as_str(), stderr.as_str()), (Some(1), NOT_FOUND, ""), "{server}");
    }
    program.run(&["store"], login("ghcr.io", "me", "secret")).exits(0, "as `credsStore` it keeps other logins, too");
    assert_eq!(program.run(&["get"], "ghcr.io").exits(0, "and has them").json()["Secret"], "secret");
    machine.aws.faults.always("GetAuthorizationToken", Fault::AccessDenied);
    let denied = program.run(&["get"], ECR).exits(1, "denied");
    assert!(denied.stdout.contains("AWS denied ecr:GetAuthorizationToken"), "where it says nothing: {denied:?}");
    assert_eq!(program.run(&["get"], "public.ecr.aws").stdout, NOT_FOUND, "which can be pulled from without a login");
}

#[test]
fn its_variables_mean_what_they_mean_there() {
    let machine = Machine::new();
    let folder = machine.home.path().join("tokens");
    let program = linked(&machine).with("AWS_ECR_CACHE_DIR", &folder);
    program.run(&["get"], ECR).exits(0, "a folder for the cache");
    program.run(&["get"], ECR).exits(0, "which is read");
    assert_eq!((machine.minted(), machine.bus.connections()), (1, 0), "one call, no keychain");
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700, "nobody else reads it");
    let uncached = program.clone().with("AWS_ECR_DISABLE_CACHE", "true");
    uncached.run(&["get"], ECR).exits(0, "no cache");
    uncached.run(&["get"], ECR).exits(0, "no cache, again");
    assert_eq!(machine.minted(), 3);
    for (value, kept) in [("true", false), ("false", true), ("", true)] {
        let machine = Machine::new();
        let program = linked(&machine).with("AWS_ECR_IGNORE_CREDS_STORAGE", value);
        program.run(&["store"], login("ghcr.io", "me", "secret")).exits(0, value);
        program.run(&["erase"], "quay.io").exits(0, value);
        assert_eq!(program.run(&["get"], "ghcr.io").status == Some(0), kept, "{value:?}");
    }
}

#[test]
fn setup_takes_its_entries_over_and_gives_them_back() {
    for (config, why) in [
        (json!({ "credsStore": "ecr-login" }), "for every registry"),
        (
            json!({ "credHelpers": { ECR: "ecr-login", "public.ecr.aws": "ecr-login", "gcr.io": "gcloud" } }),
            "for hosts",
        ),
        (json!({ "credsStore": "ecr-login", "credHelpers": { ECR: "ecr-login" } }), "both"),
    ] {
        let machine = Machine::new();
        let program = linked(&machine);
        // Not as we would write it: what comes back is what was there.
        let before = config.to_string().replace(':', " : ") + "\n\n";
        let file = machine.write(".docker/config.json", &before);
        let ours = machine.home.path().join(".config/docker-credential-ecr-rs/config.toml");
        program.run(&["setup", "docker"], "").exits(0, why);
        let now: serde_json::Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        assert!(!now.to_string().contains("ecr-login"), "{why}: {now}");
        assert_eq!(now["credsStore"], "ecr-rs", "{why}");
        for (host, helper) in config["credHelpers"].as_object().into_iter().flatten() {
            let expected = if helper == "ecr-login" { "ecr-rs" } else { "gcloud" };
            assert_eq!(now["credHelpers"][host], expected, "{why}: {host}");
        }
        assert!(!ours.exists(), "{why}: it keeps no logins of other registries, and is this program itself");
        let Outcome { status, stdout, .. } = program.run(&["get"], "ghcr.io");
        assert_eq!((status, stdout.as_str()), (Some(1), NOT_FOUND), "{why}: nobody asks in a circle");
        program.run(&["setup", "--undo", "docker"], "").exits(0, why);
        assert_eq!(fs::read_to_string(&file).unwrap(), before, "{why}: byte for byte");
    }
}

#[test]
fn it_is_never_asked_for_other_registries_while_it_is_us() {
    let machine = Machine::new();
    machine.configure("[other-registries]\nstore = \"ecr-login\"\n");
    let program = linked(&machine);
    let linked = program.run(&["get"], "ghcr.io").exits(1, "a link");
    assert!(linked.stdout.contains("docker-credential-ecr-login is this program itself"), "{linked:?}");
    let link = machine.home.path().join("bin/docker-credential-ecr-login");
    fs::remove_file(&link).unwrap();
    // Not by this process: what another test starts meanwhile would hold the file open for writing, and it could not
    // be run.
    let copied = Command::new("cp").arg(Machine::binary()).arg(&link).status().unwrap();
    assert!(copied.success());
    let copied = program.run(&["get"], "ghcr.io").exits(1, "a copy");
    assert!(copied.stdout.contains("asks docker-credential-ecr-rs again"), "{copied:?}");
    program.run(&["get"], ECR).exits(0, "ECR needs nobody");
}
