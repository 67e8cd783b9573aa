//! A `get` that fails: once for all who ask the same thing at that moment, and with words that are true.

use std::process::Child;

use crate::support::{
    aws::faults::Fault,
    loopback::{OTHER_ACCESS_KEY_ID, OTHER_SECRET_ACCESS_KEY},
    machine::Machine,
    program::{Outcome, finish},
};
use std::time::Duration;

const ECR: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";

#[test]
fn f6_12_who_waits_in_line_takes_over_the_failure() {
    for (fault, words, why) in [
        (Fault::AccessDenied, "AWS denied ecr:GetAuthorizationToken", "denied"),
        (Fault::SessionExpired, "have expired", "an expired session"),
        (Fault::Garbage, "no usable answer", "garbage"),
    ] {
        let machine = Machine::new();
        machine.aws.faults.always("GetAuthorizationToken", fault);
        machine.aws.faults.delay("GetAuthorizationToken", Duration::from_millis(500));
        let children: Vec<Child> = (0..10).map(|_| machine.program().spawn(&["get"])).collect();
        let outcomes: Vec<Outcome> = children.into_iter().map(|child| finish(child, ECR.as_bytes())).collect();
        assert_eq!(machine.minted(), 1, "{why}: one call for ten");
        assert!(outcomes[0].status == Some(1) && outcomes[0].stderr.contains(words), "{why}: {:?}", outcomes[0]);
        assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{why}: all are told the same: {outcomes:?}");
    }
}

#[test]
fn f6_12_a_failure_answers_the_same_question_for_a_moment() {
    let machine = Machine::new();
    machine.aws.faults.always("GetAuthorizationToken", Fault::AccessDenied);
    let program = machine.program();
    let first = program.run(&["get"], ECR).exits(1, "denied");
    machine.aws.faults.clear();
    assert_eq!(program.run_at_once(&["get"], ECR), first, "a client that repeats it at once");
    assert_eq!(machine.minted(), 1, "nobody was asked");
    for (server, program, why) in [
        ("444455556666.dkr.ecr.eu-west-1.amazonaws.com", program.clone(), "another registry"),
        (
            ECR,
            program
                .clone()
                .with("AWS_ACCESS_KEY_ID", OTHER_ACCESS_KEY_ID)
                .with("AWS_SECRET_ACCESS_KEY", OTHER_SECRET_ACCESS_KEY),
            "another identity",
        ),
    ] {
        program.run_at_once(&["get"], server).exits(0, why);
    }
    let before = machine.minted();
    program.run(&["get"], ECR).exits(0, "some seconds later");
    assert_eq!(machine.minted(), before + 1);
    program.run_at_once(&["erase"], ECR).exits(0, "forgotten");
    program.run_at_once(&["get"], ECR).exits(0, "a token ended the failure");
}

/// A token that still lives is handed out under a failure that somebody else met, with the same words.
#[test]
fn f6_12_a_noted_failure_keeps_nobody_from_a_token_that_lives() {
    let machine = Machine::new();
    machine.aws.tokens.set_life(Duration::from_secs(2 * 60 * 60)); // less than a quarter of 12 hours
    let first = machine.program().run(&["get"], ECR).exits(0, "minted").json();
    machine.aws.faults.always("GetAuthorizationToken", Fault::AccessDenied);
    let told = machine.program().run(&["get"], ECR).exits(0, "it lives");
    let again = machine.program().run_at_once(&["get"], ECR).exits(0, "it still does");
    assert_eq!((told.json(), told.stderr.as_str()), (first, again.stderr.as_str()));
    assert_eq!(machine.minted(), 2, "the second time nobody was asked");
}

/// With this many tries the SDK would go on until the end of all time.
#[test]
fn f6_12_a_refused_connection_is_tried_once() {
    let machine = Machine::new();
    let nobody = "http://127.0.0.1:1"; // tests get their ports above 1024
    let program = machine.program_with(machine.aws.proxy_variables()).with("AWS_MAX_ATTEMPTS", "50");
    for (program, why) in [
        (program.clone().with("AWS_ENDPOINT_URL", nobody), "no endpoint"),
        (program.with("HTTPS_PROXY", nobody), "no proxy"),
    ] {
        let outcome = program.run(&["get"], ECR).exits(1, why);
        assert!(outcome.stderr.contains("cannot reach") && outcome.stderr.contains("refused"), "{why}: {outcome:?}");
    }
}

#[test]
fn f6_10_a_clock_is_blamed_only_where_aws_itself_answered() {
    const CLOCK: &str = "set this machine's clock; it seems to be ahead";
    let machine = Machine::new();
    machine.aws.faults.always("GetAuthorizationToken", Fault::ExpiredToken);
    for (program, clock, why) in [
        (machine.program(), false, "an endpoint of one's own"),
        (machine.program_with(machine.aws.proxy_variables()), true, "AWS's own endpoint"),
    ] {
        let outcome = program.run(&["get"], ECR).exits(1, why);
        assert!(outcome.stderr.contains("has already ended"), "{why}: {outcome:?}");
        assert_eq!(outcome.stderr.contains(CLOCK), clock, "{why}: {outcome:?}");
        assert!(clock || outcome.stderr.contains("at the endpoint that AWS_ENDPOINT_URL"), "{why}: {outcome:?}");
    }
}

#[test]
fn f6_10_token_says_why_ecr_public_gave_none() {
    let machine = Machine::new();
    let program = machine.program().with("AWS_MAX_ATTEMPTS", "1");
    for (fault, words) in [
        (Fault::Garbage, "AWS gave no usable answer"),
        (Fault::AccessDenied, "AWS denied ecr-public:GetAuthorizationToken"),
        (Fault::Cut, "cut the connection"),
    ] {
        machine.aws.faults.always("GetAuthorizationToken", fault.clone());
        let outcome = program.run(&["token", "public.ecr.aws"], "").exits(1, format!("{fault:?}"));
        assert!(outcome.stderr.contains(words), "{fault:?}: {outcome:?}");
        assert!(!outcome.stderr.contains("no AWS credentials"), "{fault:?}: {outcome:?}");
        machine.aws.faults.clear();
    }
    let poor = machine.without_keys().run(&["token", "public.ecr.aws"], "").exits(1, "no credentials");
    assert!(poor.stderr.contains("no token for public.ecr.aws: no AWS credentials"), "{poor:?}");
    assert!(poor.stderr.contains("hint: its images can be pulled without a login"), "{poor:?}");
}
