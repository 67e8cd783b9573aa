//! The verbs, one after another as clients call them: what is minted, kept, renewed, listed and forgotten.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::STANDARD};
use ecr_rs::{
    docker::logins::LOGIN,
    keychain::{Entry, Key, Label},
    secret::Secret,
    token::Token,
};
use serde_json::{Value, json};

use crate::support::{
    aws::faults::Fault,
    bus::Knob,
    loopback::{OTHER_ACCESS_KEY_ID, OTHER_SECRET_ACCESS_KEY, SECRET_ACCESS_KEY},
    machine::Machine,
    program::{Outcome, Program},
};

const ECR: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";
const NOT_FOUND: &str = "credentials not found in native keychain\n";

fn hours(count: u64) -> Duration {
    Duration::from_secs(count * 60 * 60)
}

/// The password that `get` answers, and what it says besides.
#[track_caller]
fn answered(program: &Program, server: &str) -> (String, String) {
    let outcome = program.run(&["get"], server).exits(0, server);
    let answer = outcome.json();
    assert_eq!(answer["ServerURL"], server, "echoed as asked");
    (answer["Secret"].as_str().unwrap().to_owned(), outcome.stderr)
}

/// The password that `get` answers without a word on stderr.
#[track_caller]
fn password(program: &Program, server: &str) -> String {
    let (password, stderr) = answered(program, server);
    assert_eq!(stderr, "", "all went well: nothing on stderr");
    password
}

/// An error of `get`, which is never "not found".
#[track_caller]
fn refused(program: &Program, server: &str, why: &str) -> Outcome {
    let outcome = program.run(&["get"], server).exits(1, why);
    assert_ne!(outcome.stdout, NOT_FOUND, "{why}");
    outcome
}

fn store(program: &Program, server: &str, username: &str, secret: &str) -> Outcome {
    program.run(&["store"], json!({ "ServerURL": server, "Username": username, "Secret": secret }).to_string())
}

/// The program as `bob`, who is another identity.
fn as_bob(machine: &Machine) -> Program {
    let program = machine.program().with("AWS_ACCESS_KEY_ID", OTHER_ACCESS_KEY_ID);
    program.with("AWS_SECRET_ACCESS_KEY", OTHER_SECRET_ACCESS_KEY)
}

/// The program whose AWS says no to one call and is not asked twice.
fn impatient(machine: &Machine) -> Program {
    machine.program().with("AWS_MAX_ATTEMPTS", "1")
}

#[test]
fn a_token_is_minted_once_and_renewed_when_a_quarter_of_its_life_is_left() {
    let machine = Machine::new();
    let mut tokens = Vec::new();
    for (hours_later, minted, why) in [
        (0, 1, "a miss asks AWS"),
        (0, 1, "a hit does not"),
        (8, 1, "four hours left"),
        (1, 2, "three hours left: a push that starts now might not finish"),
        (0, 2, "and the new one is kept"),
    ] {
        machine.bus.pass(hours(hours_later));
        tokens.push(password(&machine.program(), ECR));
        tokens.dedup();
        assert_eq!((tokens.len(), machine.minted()), (minted, minted), "{why}");
    }
    for spelling in [format!("https://{ECR}"), format!("{ECR}/team/app"), format!("https://{ECR}/v2/")] {
        assert_eq!(password(&machine.program(), &spelling), tokens[1], "every spelling reaches one entry: {spelling}");
    }
}

#[test]
fn refresh_before_moves_the_renewal() {
    let machine = Machine::new();
    machine.configure("[cache]\nrefresh-before = \"11h\"");
    let first = password(&machine.program(), ECR);
    assert_eq!(password(&machine.program(), ECR), first);
    machine.bus.pass(hours(2));
    assert_ne!(password(&machine.program(), ECR), first);
}

#[test]
fn two_identities_never_share_a_token() {
    let machine = Machine::new();
    let first = password(&machine.program(), ECR);
    assert_ne!(password(&as_bob(&machine), ECR), first);
    assert_eq!(password(&machine.program(), ECR), first, "the first one's is still there");
    assert_eq!(machine.minted(), 2);
}

#[test]
fn when_aws_is_down_a_token_that_lives_is_handed_out_and_one_that_ended_never() {
    let machine = Machine::new();
    let first = password(&machine.program(), ECR);
    machine.aws.faults.always("GetAuthorizationToken", Fault::Cut);
    machine.bus.pass(hours(11));
    let (stale, stderr) = answered(&impatient(&machine), ECR);
    assert_eq!(stale, first, "stale, but it lives");
    assert!(stderr.contains("still valid"), "and a person is told: {stderr}");
    machine.bus.pass(hours(1));
    let outcome = refused(&impatient(&machine), ECR, "it has ended");
    assert!(outcome.stdout.contains(&format!("no token for {ECR}: ")), "{outcome:?}");
}

#[test]
fn a_private_registry_without_a_token_tells_the_cause_and_never_not_found() {
    for (fault, what, cause) in [
        (Fault::SessionExpired, "the AWS credentials of", "ExpiredTokenException"),
        (Fault::AccessDenied, "AWS denied ecr:GetAuthorizationToken for", "AccessDeniedException"),
        (Fault::Throttled, "AWS is throttling requests for", "ThrottlingException"),
        (Fault::Garbage, "AWS gave no usable answer for", "HTTP status 200"),
    ] {
        let machine = Machine::new();
        machine.aws.faults.always("GetAuthorizationToken", fault.clone());
        let Outcome { stdout, stderr, .. } = refused(&impatient(&machine), ECR, what);
        assert!(stdout.starts_with(&format!("no token for {ECR}: {what}")), "{fault:?}: {stdout}");
        assert_eq!(stdout.lines().count(), 1, "{fault:?}: {stdout}");
        let causes = stderr.lines().find(|line| line.starts_with("  caused by: ")).unwrap_or_default();
        assert!(causes.contains(cause) && stderr.contains("  hint: "), "{fault:?}: {stderr}");
    }
}

#[test]
fn ecr_public_goes_on_anonymously() {
    #[track_caller]
    fn not_found(program: &Program, why: &str) -> String {
        let outcome = program.run(&["get"], "public.ecr.aws").exits(1, why);
        assert_eq!(outcome.stdout, NOT_FOUND, "{why}");
        outcome.stderr
    }
    let machine = Machine::new();
    for (program, why) in [
        (machine.without_keys(), "no credentials"),
        (machine.program().with("AWS_REGION", "us-gov-west-1"), "GovCloud cannot call it"),
        (machine.program().with("AWS_PROFILE", "gone").with("AWS_ACCESS_KEY_ID", ""), "a profile that is not there"),
    ] {
        assert_eq!(not_found(&program, why), "", "{why}: nothing to tell");
        assert_eq!(machine.aws.calls().len(), 0, "{why}: nobody is asked");
    }
    machine.aws.faults.always("GetAuthorizationToken", Fault::AccessDenied);
    assert_eq!(not_found(&machine.program(), "AccessDenied"), "", "nothing to tell");
    machine.aws.faults.clear();
    machine.aws.faults.always("GetAuthorizationToken", Fault::Cut);
    let stderr = not_found(&impatient(&machine), "AWS is down");
    assert!(stderr.contains("anonymously"), "that is told: {stderr}");
    machine.aws.faults.clear();
    let token = password(&machine.program(), "public.ecr.aws");
    assert_eq!(password(&machine.program(), "ecr-public.aws.com"), token, "one token for both hosts");
}

/// An ECR password: base64 of JSON with its end, so many hours from now.
fn ecr_password(hours_left: u64) -> String {
    let end = SystemTime::now() + hours(hours_left);
    let expiration = end.duration_since(UNIX_EPOCH).unwrap().as_secs();
    STANDARD.encode(format!(r#"{{"payload":"x","version":"2","type":"DATA_KEY","expiration":{expiration}}}"#))
}

#[test]
fn a_token_brought_by_docker_login_serves_until_its_end_where_aws_has_none() {
    let machine = Machine::new();
    let poor = machine.without_keys();
    refused(&poor, ECR, "nothing yet");
    let brought = ecr_password(2);
    store(&poor, ECR, "AWS", &brought).exits(0, "docker login");
    assert_eq!(password(&poor, ECR), brought);
    assert_eq!(poor.run(&["list"], "").stdout, format!("{{\"{ECR}\":\"AWS\"}}\n"));
    assert_ne!(password(&machine.program(), ECR), brought, "credentials that can mint come first");
    assert_eq!(password(&poor, ECR), brought, "without them it is still there");
    machine.bus.pass(hours(2));
    refused(&poor, ECR, "it has ended");

    store(&poor, ECR, "AWS", "not base64 JSON").exits(0, "docker login");
    assert_eq!(password(&poor, ECR), "not base64 JSON");
    machine.bus.pass(hours(12));
    refused(&poor, ECR, "12 hours where the end cannot be read");
}

#[test]
fn f1_5_no_entry_lives_longer_than_a_token_and_none_stops_a_command() {
    let machine = Machine::new();
    let (program, poor) = (machine.program(), machine.without_keys());
    let month = SystemTime::now() + hours(30 * 24);
    let month = month.duration_since(UNIX_EPOCH).unwrap().as_secs();
    for (end, why) in [(month, "30 days"), (9_000_000_000_000_000_000, "absurd"), (u64::MAX, "no time at all")] {
        program.run(&["erase"], ECR).exits(0, why);
        let brought = STANDARD.encode(format!(r#"{{"expiration":{end}}}"#));
        store(&poor, ECR, "AWS", &brought).exits(0, why);
        assert_eq!(password(&poor, ECR), brought, "it lives now: {why}");
        let told = program.run(&["status", "--output", "json"], "").exits(0, why).json();
        assert_eq!(told["tokens"].as_array().map(Vec::len), Some(1), "{why}: {told}");
        let remaining = told["tokens"][0]["remaining_seconds"].as_u64().unwrap();
        assert!((11 * 3600..=12 * 3600).contains(&remaining), "{why}: {told}");
        machine.bus.pass(hours(12));
        refused(&poor, ECR, why);

        // The same in an entry that is there already, as a damaged keychain or an older release may have it.
        let first = password(&program, ECR);
        machine.bus.claim(end);
        program.run(&["status"], "").exits(0, why);
        let doctor = program.run(&["doctor", ECR], "");
        assert!(matches!(doctor.status, Some(0 | 1)), "{why}: {doctor:?}");
        let before = machine.minted();
        let second = password(&program, ECR);
        assert_ne!(second, first, "a claim that cannot be is not believed: {why}");
        assert_eq!(machine.minted(), before + 1, "{why}");
        assert_eq!(password(&program, ECR), second, "and mended: {why}");
    }
}

#[test]
fn f1_16_a_supplied_token_hides_no_denial() {
    let machine = Machine::new();
    let brought = ecr_password(2);
    store(&machine.program(), ECR, "AWS", &brought).exits(0, "docker login");
    for (fault, cause) in [
        (Fault::AccessDenied, "AWS denied ecr:GetAuthorizationToken"),
        (Fault::Cut, "cut the connection"),
        (Fault::Garbage, "AWS gave no usable answer"),
    ] {
        machine.aws.faults.always("GetAuthorizationToken", fault.clone());
        let (secret, stderr) = answered(&impatient(&machine), ECR);
        assert_eq!(secret, brought, "{fault:?}");
        assert!(stderr.contains("using the token of `docker login`") && stderr.contains(cause), "{fault:?}: {stderr}");
        machine.aws.faults.clear();
    }
    machine.aws.faults.always("GetAuthorizationToken", Fault::SessionExpired);
    assert_eq!(password(&impatient(&machine), ECR), brought, "in silence for want of credentials");
}

#[test]
fn f6_13_list_names_the_registries_of_the_configuration() {
    let machine = Machine::new();
    machine.configure(
        r#"
[[registry]]
match = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
profile = "release"

[[registry]]
match = "docker.example.com:8443"
account = "111122223333"
region = "eu-west-1"

[[registry]]
match = "444455556666.dkr.ecr.*.amazonaws.com"
profile = "auto"

[[registry]]
match = "ghcr.io"
profile = "x"
"#,
    );
    let program = machine.program();
    let listed = || program.run(&["list"], "").exits(0, "list").json();
    let expected = json!({ ECR: "AWS", "docker.example.com:8443": "AWS" });
    assert_eq!(listed(), expected, "named whole, and ECR's");
    password(&program, "docker.example.com:8443");
    assert_eq!(listed(), expected, "each once");
    assert_eq!(machine.minted(), 1, "list asks nobody");
}

#[test]
fn docker_login_on_ecr_is_accepted_and_erase_forgets_every_identity() {
    let machine = Machine::new();
    let program = machine.program();
    let minted = password(&program, ECR);
    store(&program, ECR, "AWS", &minted).exits(0, "docker login");
    assert_eq!(machine.bus.items().len(), 1, "what equals our token is not kept twice");
    store(&program, &format!("https://{ECR}"), "AWS", &ecr_password(1)).exits(0, "another token");
    assert_eq!(machine.bus.items().len(), 2, "what was brought is");
    password(&as_bob(&machine), ECR);
    assert_eq!(machine.bus.items().len(), 3, "and so is another identity's");
    for spelling in [ECR.to_owned(), format!("http://{ECR}"), format!("https://{ECR}"), format!("https://{ECR}/v2/")] {
        program.run(&["erase"], &spelling).exits(0, &spelling);
        assert_eq!(machine.bus.items(), [], "{spelling}");
    }
    store(&program, ECR, "someone", "pw").exits(0, "another user name is accepted");
    assert_eq!(machine.bus.items(), [], "and not kept");
}

#[test]
fn tokens_that_ended_leave_the_keychain() {
    let machine = Machine::new();
    password(&machine.program(), ECR);
    machine.bus.pass(hours(13));
    assert_eq!(machine.program().run(&["list"], "").stdout, "{}\n", "not listed");
    password(&machine.program(), "111122223333.dkr.ecr.us-east-1.amazonaws.com");
    assert_eq!(machine.bus.items().len(), 1, "another registry's mint sweeps it away");
}

#[test]
fn other_registries_are_kept_read_listed_and_erased() {
    let machine = Machine::new();
    let program = machine.without_keys();
    let long = "x".repeat(5000);
    for (server, username, secret, why) in [
        ("ghcr.io", "me", "pw", "the usual"),
        ("https://index.docker.io/v1/", "me", "pw", "the Hub"),
        ("https://index.docker.io/v1/access-token", "me", long.as_str(), "web login's second key"),
        ("https://index.docker.io/v1/refresh-token", "me", "rt..1", "web login's third key"),
        ("azure.example", "<token>", "identity", "an identity token"),
        ("r.example:5000", "ünï", "pä\"ss\n", "unicode"),
        ("empty.example", "me", "", "an empty secret"),
    ] {
        store(&program, server, username, secret).exits(0, why);
        let outcome = program.run(&["get"], server).exits(0, why);
        let answer = outcome.json();
        assert_eq!((answer["Username"].as_str(), answer["Secret"].as_str()), (Some(username), Some(secret)), "{why}");
        assert_eq!(outcome.stderr, "", "{why}");
    }
    let list: Value = program.run(&["list"], "").json();
    assert_eq!(list.as_object().unwrap().len(), 7);
    for server in list.as_object().unwrap().keys() {
        program.run(&["erase"], server).exits(0, server);
        assert_eq!(program.run(&["get"], server).exits(1, server).stdout, NOT_FOUND, "{server}");
    }
    program.run(&["erase"], "nobody.example").exits(0, "erasing what is not there is no error");
    assert_eq!(machine.aws.calls().len(), 0, "AWS has no part in this");
}

#[test]
fn storage_can_be_ignored_as_with_the_helper_that_we_replace() {
    let machine = Machine::new();
    let program = machine.program().with("AWS_ECR_IGNORE_CREDS_STORAGE", "true");
    password(&program, ECR);
    let stored = store(&program, "ghcr.io", "me", "pw").exits(0, "accepted");
    assert!(stored.stderr.contains("not kept"), "a login that vanishes is told: {stored:?}");
    assert_eq!(machine.bus.items().len(), 1, "the token alone");
    program.run(&["erase"], ECR).exits(0, "accepted");
    assert_eq!(machine.bus.items().len(), 1, "erase does nothing either");
}

#[test]
fn a_second_login_replaces_the_first_whatever_its_spelling() {
    let machine = Machine::new();
    let program = machine.program();
    store(&program, "https://ghcr.io", "me", "old").exits(0, "the first");
    store(&program, "ghcr.io", "you", "new").exits(0, "the second");
    assert_eq!(password(&program, "ghcr.io"), "new");
    assert_eq!(program.run(&["list"], "").stdout, "{\"ghcr.io\":\"you\"}\n");
}

#[test]
fn nothing_prints_a_secret() {
    const CANARY: &str = "canary";
    let entry =
        Entry { label: Label::new(Key::new(&LOGIN, &["h"]), &["h", "u"]), secret: Secret::from(String::from(CANARY)) };
    let token = Token { password: Secret::from(String::from(CANARY)), expires_at: UNIX_EPOCH };
    let mut printed = vec![format!("{entry:?}"), format!("{token:#?}")];

    let machine = Machine::new();
    let program = machine.program().with("ECR_RS_LOG", "1"); // everything that it has to say
    for stdin in
        ["{\"ServerURL\":\"h\",\"Username\":\"u\",\"Secret\":\"canary\"", "\"canary\"", "{\"Secret\":\"canary\"}"]
    {
        printed.push(format!("{:?}", program.run(&["store"], stdin).exits(1, stdin)));
    }
    printed.push(format!("{:?}", store(&program, "ghcr.io", "AWS", CANARY).exits(0, "kept")));
    machine.bus.set(Knob::Locked);
    machine.aws.faults.always("GetAuthorizationToken", Fault::AccessDenied);
    for server in [ECR, "ghcr.io"] {
        printed.push(format!("{:?}", program.run(&["get"], server).exits(1, server)));
        printed.push(format!("{:?}", store(&program, server, "AWS", CANARY)));
    }
    for text in printed {
        assert!(!text.contains(CANARY) && !text.contains(SECRET_ACCESS_KEY), "leaked in: {text}");
    }
}
