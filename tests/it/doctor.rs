//! `doctor` in broken machines: it names the right cause first, with the thing to do, and it never
//! calls a machine healthy on which `get` fails.

mod aws;
mod local;
mod node;
mod row;

use std::thread;

use serde_json::Value;

use crate::support::{
    aws::faults::Fault,
    bus::Knob,
    loopback::{ACCESS_KEY_ID, ACCOUNT, REGION, SECRET_ACCESS_KEY},
    machine::Machine,
    program::Program,
    terminal,
};
use aws::{ECR, IDENTITY, KEYCHAIN, SIGNER};
use local::{CLIENTS, HOME, PROGRAM, SETTINGS};
use row::{HOST, Row, docker_says, folder, keys};

/// A machine on which all is well: the program on PATH, docker set up, keys, keychain and AWS.
fn healthy() -> (Machine, Program) {
    let machine = Machine::new();
    machine.write(".docker/config.json", r#"{"credsStore": "ecr-rs"}"#);
    let program = machine.program().with("PATH", folder(Machine::binary()));
    (machine, program)
}

/// What `doctor` says in JSON, with its exit status.
#[track_caller]
fn examine(program: &Program, arguments: &[&str]) -> (Option<i32>, Value) {
    let outcome = program.run(&[&["doctor", "--output", "json"], arguments].concat(), "");
    let value = serde_json::from_str(&outcome.stdout).unwrap_or_else(|err| panic!("{err}: {outcome:?}"));
    (outcome.status, value)
}

#[test]
fn broken_machines_are_named() {
    let rows: Vec<&Row> =
        [PROGRAM, HOME, CLIENTS, SETTINGS, IDENTITY, KEYCHAIN, ECR, SIGNER].into_iter().flatten().collect();
    assert!(rows.len() >= 25, "{} rows", rows.len());
    for rows in rows.chunks(8) {
        // Side by side, because some of them last until a bound is reached.
        thread::scope(|scope| rows.iter().for_each(|row| drop(scope.spawn(|| check(row)))));
    }
}

fn check(row: &Row) {
    let (machine, program) = healthy();
    let program = (row.breaks)(&machine, program);
    let (status, report) = examine(&program, &[row.host]);
    let findings = report["findings"].as_array().unwrap();
    let is_first = |finding: &&Value| !finding["hint"].is_null() && finding["hint"] == report["first"];
    let mut named = findings.iter().filter(is_first);
    let gravest = named.clone().find(|finding| finding["verdict"] == "failed");
    let first = gravest.or_else(|| named.next()).unwrap_or_else(|| panic!("{}: all is ok: {report:#}", row.why));
    assert_eq!(
        (first["check"].as_str(), first["verdict"].as_str()),
        (Some(row.first.0), Some(row.first.1)),
        "{}: {report:#}",
        row.why
    );
    assert!(first["what"].as_str().unwrap().contains(row.what), "{}: {first:#}", row.why);
    assert!(first["hint"].as_str().unwrap().contains(row.hint), "{}: {first:#}", row.why);
    assert!(report["run"].as_str().is_some_and(|command| command.contains(' ')), "{}: {report:#}", row.why);
    assert_eq!(status, Some(i32::from(row.first.1 == "failed")), "{}", row.why);
    assert!(!report.to_string().contains(SECRET_ACCESS_KEY) && !report.to_string().contains("QVdTOngK"), "{}", row.why);
    if status == Some(0) {
        let answer = program.run(&["get"], row.host);
        let anonymous = answer.stdout == "credentials not found in native keychain\n" && row.host != HOST;
        assert!(answer.status == Some(0) || anonymous, "healthy, and yet: {}: {answer:?}", row.why);
    }
}

#[test]
fn a_healthy_machine_has_nothing_to_do() {
    let (machine, program) = healthy();
    let (status, report) = examine(&program, &[HOST]);
    assert_eq!(status, Some(0), "{report:#}");
    assert!(report["findings"].as_array().unwrap().iter().all(|finding| finding["verdict"] == "ok"), "{report:#}");
    assert_eq!((&report["healthy"], &report["first"]), (&Value::Bool(true), &Value::Null));
    assert_eq!(machine.bus.items(), [], "a check keeps nothing");

    let text = program.run(&["doctor", HOST], "");
    assert_eq!((text.status, text.stderr.as_str()), (Some(0), ""));
    for words in [
        "names ecr-rs",
        &format!("access key {ACCESS_KEY_ID}"),
        "gave a token until",
        "first: nothing to do\nrun: docker-credential-ecr-rs status\n",
    ] {
        assert!(text.stdout.contains(words), "{words}: {}", text.stdout);
    }
    assert!(!text.stdout.contains('\x1b'), "colour is for terminals");
    let (status, screen) = terminal::run(&program, &["doctor", HOST]);
    assert!(status == 0 && screen.contains("\x1b[32mok"), "{screen}");
}

#[test]
fn without_a_registry_those_of_the_configuration_are_checked() {
    let (machine, program) = healthy();
    docker_says(
        &machine,
        &format!(
            r#"{{"credsStore": "ecr-rs", "credHelpers": {{"{HOST}": "ecr-rs", "ghcr.io": "pass"}}, "auths": {{"https://public.ecr.aws/": {{}}}}}}"#
        ),
    );
    let (status, report) = examine(&program, &[]);
    assert_eq!(status, Some(0), "{report:#}");
    let hosts: Vec<&str> = report["findings"].as_array().unwrap().iter().filter_map(|f| f["host"].as_str()).collect();
    assert!(!hosts.is_empty() && hosts.iter().all(|host| *host == HOST), "the ECR registry alone: {report:#}");
    machine.aws.faults.always("GetAuthorizationToken", Fault::AccessDenied);
    assert_eq!(examine(&program, &[]).0, Some(1));
}

#[test]
fn f3_6_without_a_registry_the_identity_is_checked() {
    let (machine, program) = healthy();
    let (status, report) = examine(&program, &[]);
    assert_eq!(status, Some(0), "{report:#}");
    assert!(report.to_string().contains(&format!("access key {ACCESS_KEY_ID}, chosen by")), "{report:#}");
    for (arguments, program, words) in [
        (
            &["--profile", "nope"][..],
            machine.program().with("PATH", folder(Machine::binary())),
            "which --profile names",
        ),
        (&[], row::without_keys(program), "this machine has no AWS credentials"),
    ] {
        let (status, report) = examine(&program, arguments);
        assert_eq!((status, &report["healthy"]), (Some(1), &Value::Bool(false)), "no false all-clear: {report:#}");
        assert!(report.to_string().contains(words), "{report:#}");
    }
}

#[test]
fn f3_5_profiles_without_a_default_are_no_fault() {
    let (machine, program) = healthy();
    machine.write(".aws/config", "[profile ours]\ncredential_process = /bin/tool\naws_account_id = 999988887777\n");
    let (status, report) = examine(&row::without_keys(program), &[]);
    assert_eq!(status, Some(0), "each registry may have its own: {report:#}");
    assert!(report.to_string().contains("no AWS profile is chosen") && report.to_string().contains("--offline"));
}

#[test]
fn f3_5_a_token_that_was_brought_serves_where_two_profiles_fit() {
    let (machine, program) = healthy();
    let profile =
        |name: &str| format!("[profile {name}]\ncredential_process = /bin/tool\naws_account_id = {ACCOUNT}\n");
    machine.write(".aws/config", &(profile("one") + &profile("two")));
    let program = row::without_keys(program);
    let refused = program.run(&["get"], HOST).exits(1, "nobody knows which");
    assert!(refused.stdout.contains("more than one AWS profile of account"), "{refused:?}");
    let brought = format!(r#"{{"ServerURL": "{HOST}", "Username": "AWS", "Secret": "brought"}}"#);
    program.run(&["store"], brought).exits(0, "docker login -u AWS");
    assert!(program.run(&["get"], HOST).exits(0, "what was brought").stdout.contains("brought"));
}

#[test]
fn f3_6_the_hosts_of_rules_and_cache_are_checked() {
    let (machine, program) = healthy();
    let cached = "111122223333.dkr.ecr.eu-central-1.amazonaws.com";
    assert_eq!(program.run(&["get"], cached).status, Some(0));
    machine.configure(&format!(
        "[[registry]]\nmatch = \"{HOST}\"\nprofile = \"nope\"\n[[registry]]\nmatch = \"*.example\"\nprofile = \"x\"\n"
    ));
    docker_says(
        &machine,
        r#"{"credsStore": "ecr-rs", "credHelpers": {"11112222333.dkr.ecr.eu-west-1.amazonaws.com": "ecr-rs"}}"#,
    );
    let (status, report) = examine(&program, &[]);
    assert_eq!(status, Some(1), "{report:#}");
    let findings = report["findings"].as_array().unwrap();
    let failed = |host: &str| findings.iter().any(|one| one["host"] == host && one["verdict"] == "failed");
    assert!(failed(HOST) && failed("11112222333.dkr.ecr.eu-west-1.amazonaws.com"), "{report:#}");
    assert!(findings.iter().any(|one| one["host"] == cached) && !failed(cached), "{report:#}");
}

/// A daemon that never answers is waited for once, and told of once.
#[test]
fn a_silent_keychain_is_asked_once() {
    let (machine, program) = healthy();
    machine.bus.set(Knob::Silent);
    for (host, verdict, told) in [(HOST, Some(0), 1), ("ghcr.io", Some(1), 2)] {
        machine.bus.take_calls();
        let (status, report) = examine(&program, &[host]);
        assert_eq!(machine.bus.take_calls().get("Hello"), Some(&1), "one connection, and one silence: {report:#}");
        assert_eq!(status, verdict, "{report:#}");
        let findings = report["findings"].as_array().unwrap();
        let silent: Vec<&str> =
            findings.iter().filter_map(|one| one["what"].as_str()).filter(|what| what.contains("in time")).collect();
        assert_eq!(silent.len(), told, "{silent:?}");
        assert!(silent[0].contains("and the logins of other registries cannot be had"), "{silent:?}");
    }
    machine.configure("[cache]\nstore = \"file\"\n");
    let (_, report) = examine(&program, &[HOST]);
    assert!(report.to_string().contains("the logins of other registries cannot be had from"), "{report:#}");
}

#[test]
fn offline_says_the_way_and_asks_nobody() {
    let (machine, program) = healthy();
    machine.write(".aws/credentials", &keys("dev"));
    machine.configure("[[registry]]\nmatch = \"111122223333.*\"\nprofile = \"dev\"\n");
    let calls = machine.aws.count("GetAuthorizationToken");
    let (status, report) = examine(&program, &[HOST, "--offline"]);
    assert_eq!(status, Some(0), "{report:#}");
    for words in ["the rule for", "profile dev, chosen by", "for identity ", "would be asked", "none is cached"] {
        assert!(report.to_string().contains(words), "{words}: {report:#}");
    }
    assert_eq!(machine.aws.count("GetAuthorizationToken"), calls);
}

#[test]
fn f3_7_a_misspelt_host_is_told_everywhere() {
    let (_machine, program) = healthy();
    let typo = "11112222333.dkr.ecr.eu-west-1.amazonaws.com";
    let words = "an AWS account has 12";
    let (status, report) = examine(&program, &[typo]);
    assert!(status == Some(1) && report.to_string().contains(words), "{report:#}");
    let image = format!("{typo}/app:1");
    let profile = "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/release";
    for arguments in [
        &["token", typo][..],
        &["clear", typo],
        &["sign", &image, "--signing-profile", profile],
        &["verify", &image, "--signing-profile", profile],
    ] {
        let outcome = program.run(arguments, "");
        assert!(outcome.status == Some(1) && outcome.stderr.contains(words), "{arguments:?}: {outcome:?}");
    }
    let get = program.run(&["get"], typo);
    assert_eq!(get.stdout, "credentials not found in native keychain\n", "the client's own sentence stays");
    assert_eq!(get.stderr.lines().count(), 1, "{get:?}");
    assert!(get.stderr.contains(words), "{get:?}");
}

#[test]
fn the_way_through_a_rule_is_told() {
    let (machine, program) = healthy();
    machine.write(".aws/credentials", &keys("dev"));
    machine.configure(&format!("[[registry]]\nmatch = \"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com\"\nprofile = \"dev\"\nrole-arn = \"arn:aws:iam::{ACCOUNT}:role/puller\"\n"));
    let (status, report) = examine(&program, &[HOST]);
    assert_eq!(status, Some(0), "{report:#}");
    let what = |check: &str| {
        let findings = report["findings"].as_array().unwrap();
        findings.iter().find(|finding| finding["check"] == check).unwrap()["what"].as_str().unwrap().to_owned()
    };
    assert!(what("rule").contains("line 1"), "{report:#}");
    assert!(
        what("identity").contains("profile dev, then role arn:aws:iam::111122223333:role/puller, chosen by the rule"),
        "{report:#}"
    );
    assert!(what("credentials").contains("access key ASIA") && what("credentials").contains("they end "), "{report:#}");
}

#[test]
fn the_profile_option_counts_here_too() {
    let (machine, program) = healthy();
    machine.write(".aws/credentials", &keys("dev"));
    let (status, report) = examine(&program, &[HOST, "--profile", "dev"]);
    assert_eq!(status, Some(0), "{report:#}");
    assert!(report.to_string().contains("profile dev, chosen by --profile"), "{report:#}");
    let (status, report) = examine(&program, &[HOST, "--profile", "prod"]);
    assert_eq!(status, Some(1));
    assert!(report.to_string().contains("which --profile names"), "{report:#}");
}
