//! A token of ECR from the loopback AWS: what is sent, what is believed, and how every failure is told.
//! Sources and settings that live in the environment are in `aws_sources.rs`.

mod credentials;
mod network;
mod refusals;

use std::{fs, time::Duration};

use crate::support::{
    aws::{faults::Fault, tokens::epoch},
    loopback::{
        ACCESS_KEY_ID, ACCOUNT, EXTERNAL_ID, GUARDED_ROLE, OTHER_ACCOUNT, OTHER_ROLE, REGION, ROLE, SECRET_ACCESS_KEY,
    },
    machine::Machine,
    program::{Outcome, Program},
    tls::Certificates,
};

const HOST: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";

/// The program of a user whose AWS profile is `p`, in a config file of her own; nothing is cached.
fn program(machine: &Machine, config: &str) -> Program {
    machine.write(".aws/config", config);
    machine
        .program_with(Vec::new())
        .with("AWS_PROFILE", "p")
        .with("AWS_REGION", REGION)
        .with("AWS_EC2_METADATA_DISABLED", "true")
        .with("AWS_MAX_ATTEMPTS", "2")
        .with("AWS_ECR_DISABLE_CACHE", "1")
        .with("PATH", "/usr/bin:/bin") // `credential_process` is run by a shell
}

/// The profile `p` of `alice`, who reaches AWS at an endpoint.
fn alice(endpoint: &str) -> String {
    format!(
        "[profile p]\naws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n\
         endpoint_url = {endpoint}\n"
    )
}

/// The program as `alice`.
fn as_alice(machine: &Machine) -> Program {
    program(machine, &alice(&machine.aws.endpoint()))
}

/// The password that `get` answers without a word on stderr.
#[track_caller]
fn password(outcome: &Outcome, why: &str) -> String {
    assert_eq!((outcome.status, outcome.stderr.as_str()), (Some(0), ""), "{why}: {outcome:?}");
    outcome.json()["Secret"].as_str().expect(why).to_owned()
}

/// The causes that `get` tells for a registry's missing token: one line each, without a secret, and
/// without the SDK's inside.
#[track_caller]
fn check(outcome: &Outcome, host: &str, what: &str, hint: &str, why: &str) -> Vec<String> {
    let Outcome { status, stdout, stderr } = outcome;
    let what = format!("no token for {host}: {what}");
    assert_eq!((*status, stdout.as_str()), (Some(1), format!("{what}\n").as_str()), "{why}: {stderr}");
    let mut lines = stderr.lines();
    assert_eq!(lines.next(), Some(format!("docker-credential-ecr-rs: error: {what}").as_str()), "{why}: {stderr}");
    assert_eq!(lines.next_back(), Some(format!("  hint: {hint}").as_str()), "{why}: {stderr}");
    assert!(!stderr.contains(SECRET_ACCESS_KEY) && !stderr.contains("CANARY"), "{why}: a secret: {stderr}");
    assert!(!stderr.contains("unhandled") && !stderr.contains("Response {"), "{why}: the SDK's inside: {stderr}");
    let cause = |line: &str| line.strip_prefix("  caused by: ").map(str::to_owned);
    lines.map(|line| cause(line).unwrap_or_else(|| panic!("{why}: not one line: {line:?}"))).collect()
}

/// What ECR Public, which serves anybody, makes of the same trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Public {
    /// The pull goes on anonymously, and nobody need know: AWS would not serve this user.
    Silent,
    /// It goes on anonymously, and the user is told: AWS might have served her.
    Told,
    /// It gets a token: this is no trouble to it.
    Token,
}

#[track_caller]
fn check_public(program: &Program, expected: Public, why: &str) {
    let Outcome { status, stdout, stderr } =
        program.clone().with("AWS_MAX_ATTEMPTS", "1").run(&["get"], "public.ecr.aws");
    let anonymous = (status, stdout.as_str()) == (Some(1), "credentials not found in native keychain\n");
    match expected {
        Public::Silent => assert!(anonymous && stderr.is_empty(), "{why}: {stdout}{stderr}"),
        Public::Told => assert!(anonymous && stderr.contains("going on anonymously"), "{why}: {stdout}{stderr}"),
        Public::Token => assert!(status == Some(0) && stderr.is_empty(), "{why}: {stdout}{stderr}"),
    }
}

#[test]
fn a_token_comes_whole_and_is_the_one_that_was_minted() {
    let machine = Machine::new();
    machine.configure(&format!(
        "[[registry]]\nmatch = \"docker.example.com\"\naccount = \"{ACCOUNT}\"\nregion = \"ap-south-1\"\n"
    ));
    let program = as_alice(&machine).without("AWS_ECR_DISABLE_CACHE");
    // Less than ECR's 12 hours, to which the program cuts a life by its own, earlier clock.
    machine.aws.tokens.set_life(Duration::from_secs(11 * 60 * 60));
    for (host, service, why) in [
        (HOST, "ecr", "a private registry"),
        ("444455556666.dkr.ecr.cn-north-1.amazonaws.com.cn", "ecr", "another account's, in another partition"),
        ("docker.example.com", "ecr", "a custom domain"),
        ("public.ecr.aws", "ecr-public", "ECR Public"),
    ] {
        let password = password(&program.run(&["get"], host), why);
        let minted = machine.aws.tokens.valid(&password).expect(why);
        assert_eq!(minted.public, service == "ecr-public", "{why}");
        let kept = machine.bus.items().pop().expect(why);
        // AWS's, but never later than 12 hours after the start of the program, which came before the mint.
        let (kept, minted) = (kept.attributes["expires"].parse::<u64>().expect(why), epoch(minted.expires_at));
        assert!(kept <= minted && minted - kept < 60, "its end is AWS's: {why}: {kept}, {minted}");
        let call = machine.aws.calls().pop().expect(why);
        assert_eq!((call.service.as_str(), call.operation.as_str()), (service, "GetAuthorizationToken"), "{why}");
        assert!(call.user_agent.contains("lib/docker-credential-ecr-rs/"), "{why}: {}", call.user_agent);
    }
    assert_eq!(machine.aws.calls().len(), 4, "one call a token");
}

#[test]
fn settings_come_from_the_environment() {
    let machine = Machine::new();
    let tls = alice(&format!("https://{}", machine.aws.address()));
    machine.write("ca.pem", &fs::read_to_string(machine.aws.tls.bundle()).unwrap());
    let bundle = program(&machine, &tls).with("AWS_CA_BUNDLE", "~/ca.pem");
    password(&bundle.run(&["get"], HOST), "the home folder");

    machine.aws.faults.always("GetAuthorizationToken", Fault::Cut);
    for (attempts, calls, why) in
        [(None, 3, "nothing"), (Some("4"), 4, "a number"), (Some("1"), 1, "one"), (Some("-1"), 3, "no number")]
    {
        let before = machine.minted();
        let alice = as_alice(&machine).without("AWS_MAX_ATTEMPTS");
        let alice = attempts.map_or(alice.clone(), |attempts| alice.with("AWS_MAX_ATTEMPTS", attempts));
        alice.run(&["get"], HOST).exits(1, why);
        assert_eq!(machine.minted() - before, calls, "{why}");
    }

    let [a, b] = ["127.0.0.1:1", "127.0.0.1:2"]; // nobody listens there
    let without_endpoint = alice("").replace("endpoint_url = \n", "");
    for (variables, shown, why) in [
        (
            vec![("https_proxy", format!("http://{b}")), ("HTTPS_PROXY", format!("http://{a}"))],
            format!("http://{a}"),
            "upper case wins",
        ),
        (vec![("ALL_PROXY", format!("http://u:CANARY@{a}/"))], format!("http://{a}/"), "no password in an error"),
        (vec![("ALL_PROXY", format!("u:CANARY@{a}"))], a.into(), "nor in a proxy without a scheme"),
    ] {
        let program = variables
            .into_iter()
            .fold(program(&machine, &without_endpoint), |program, (name, value)| program.with(name, value));
        let outcome = program.with("AWS_MAX_ATTEMPTS", "1").run(&["get"], HOST);
        let what = "cannot reach api.ecr.eu-west-1.amazonaws.com for a token of account 111122223333 in eu-west-1";
        check(&outcome, HOST, what, &format!("check the proxy {shown} and NO_PROXY"), why);
    }
}
