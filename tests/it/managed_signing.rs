//! `managed-signing`: the rules by which ECR signs, and how far it is with an image.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::{
    aws::{faults::Fault, managed_signing::ManagedSigning},
    loopback::{ACCOUNT, OTHER_ACCOUNT, REGION},
    machine::Machine,
    program::{Outcome, Program},
    terminal,
};

const RELEASE: &str = "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/release";
const NIGHTLY: &str = "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/nightly";
const IMAGE: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/app:v1";

struct Fixture {
    machine: Machine,
    signing: Arc<ManagedSigning>,
}

impl Fixture {
    fn new() -> Fixture {
        let signing = ManagedSigning::new();
        Fixture { machine: Machine::with(vec![signing.clone()]), signing }
    }

    fn program(&self) -> Program {
        self.machine.program()
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> Outcome {
        self.program().run(&[&["managed-signing"], arguments].concat(), "")
    }

    fn rules(&self) -> Option<Value> {
        self.signing.rules(ACCOUNT, REGION)
    }

    fn calls(&self, operation: &str) -> usize {
        self.machine.aws.count(operation)
    }
}

fn filters(names: &[&str]) -> Value {
    names.iter().map(|name| json!({ "filter": name, "filterType": "WILDCARD_MATCH" })).collect()
}

#[test]
fn a_configuration_has_a_life() {
    let fixture = Fixture::new();
    let none = fixture.run(&["show"]).exits(0, "there is none");
    assert_eq!(none.stdout, "this account in eu-west-1 has no signing rules: ECR signs nothing itself\n");
    let gone = fixture.run(&["delete", "--yes"]).exits(0, "nothing to delete");
    assert_eq!(gone.stdout, "this account in eu-west-1 has no signing rules\n");

    let app = format!("{RELEASE}=app/*,base");
    let set = fixture.run(&["set", &app, NIGHTLY, "--yes"]).exits(0, "the first rules");
    assert_eq!(
        set.stdout,
        format!(
            "+ {RELEASE} signs app/*, base\n+ {NIGHTLY} signs every repository\nset 2 rules for this account in eu-west-1\n"
        )
    );
    let expected = json!([
        { "signingProfileArn": RELEASE, "repositoryFilters": filters(&["app/*", "base"]) },
        { "signingProfileArn": NIGHTLY },
    ]);
    assert_eq!(fixture.rules(), Some(expected), "as AWS has it");
    let shown = fixture.run(&["show"]).exits(0, "show");
    assert_eq!(shown.stdout, format!("{RELEASE} signs app/*, base\n{NIGHTLY} signs every repository\n"));
    let shown = fixture.run(&["show", "--output", "json"]).exits(0, "show").json();
    let expected = json!({ "version": 1, "account": ACCOUNT, "region": REGION, "rules": [
        { "signing_profile_arn": RELEASE, "repositories": ["app/*", "base"] },
        { "signing_profile_arn": NIGHTLY, "repositories": [] },
    ]});
    assert_eq!(shown, expected);

    let again = fixture.run(&["set", NIGHTLY, &app]).exits(0, "the same rules need no question");
    assert_eq!(again.stdout, "the signing rules of account 111122223333 in eu-west-1 are these already\n");
    assert_eq!(fixture.calls("PutSigningConfiguration"), 1, "and no call");
    let changed = fixture.run(&["set", &format!("{RELEASE}=app/*"), NIGHTLY, "--yes"]).exits(0, "a change");
    assert_eq!(
        changed.stdout,
        format!(
            "- {RELEASE} signs app/*, base\n+ {RELEASE} signs app/*\n= {NIGHTLY} signs every repository\n\
             set 2 rules for account 111122223333 in eu-west-1\n"
        )
    );
    // AWS may have a rule twice, which nobody can set here: what is new is new all the same.
    fixture.signing.configure(
        ACCOUNT,
        REGION,
        json!([{ "signingProfileArn": NIGHTLY }, { "signingProfileArn": NIGHTLY }]),
    );
    let set = fixture.run(&["set", NIGHTLY, RELEASE, "--yes"]).exits(0, "beside one that was there twice");
    assert!(set.stdout.contains(&format!("+ {RELEASE} signs every repository")), "{set:?}");
    let deleted = fixture.run(&["delete", "--yes"]).exits(0, "delete");
    assert!(
        deleted.stdout.ends_with("deleted the signing rules of account 111122223333 in eu-west-1\n"),
        "{deleted:?}"
    );
    assert_eq!(fixture.rules(), None);
}

#[test]
fn nothing_changes_without_a_yes() {
    let fixture = Fixture::new();
    fixture.signing.configure(ACCOUNT, REGION, json!([{ "signingProfileArn": NIGHTLY }]));
    let before = fixture.rules();
    for (arguments, question) in [
        (&["set", RELEASE][..], "replace all signing rules of account 111122223333 in eu-west-1 by 1 rule?"),
        (&["delete"], "delete all signing rules of account 111122223333 in eu-west-1?"),
    ] {
        let asked = fixture.run(arguments).exits(1, "no terminal, no yes");
        assert!(asked.stderr.contains(question) && asked.stderr.contains("hint: add --yes"), "{asked:?}");
        assert!(
            asked.stdout.contains(&format!("{NIGHTLY} signs every repository")),
            "what is lost is shown: {asked:?}"
        );
        let words = [&["managed-signing"], arguments].concat();
        let (status, screen) = terminal::run_typing(&fixture.program(), &words, "n\n");
        assert!(status == 1 && screen.contains("[y/N]") && screen.contains("nothing was done"), "{screen}");
        assert_eq!(fixture.rules(), before);
        let (status, screen) = terminal::run_typing(&fixture.program(), &words, "y\n");
        assert_eq!(status, 0, "{screen}");
        assert_ne!(fixture.rules(), before);
        fixture.signing.configure(ACCOUNT, REGION, json!([{ "signingProfileArn": NIGHTLY }]));
    }
}

#[test]
fn what_cannot_be_set_is_refused_before_any_call() {
    let many = vec![RELEASE; 11];
    let long = format!("{RELEASE}={}", vec!["a"; 101].join(","));
    for (rules, words, status) in [
        (vec!["release"], "a rule names its signing profile by the ARN", 1),
        (
            vec!["arn:aws:signer:eu-west-1:111122223333:/signing-profiles/release/0123456789"],
            "no version and no alias",
            1,
        ),
        (vec!["arn:aws:iam::111122223333:role/x"], "is not a signing profile", 1),
        (many, "a registry has at most 10 rules, not 11", 1),
        (vec![RELEASE, RELEASE], "a rule is there twice", 1),
        (vec![RELEASE, "--region", "../eu-west-1"], "\"../eu-west-1\" is not a region", 1),
        (
            vec!["arn:aws:signer:eu-west-1:111122223333:/signing-profiles/release=app, base"],
            "in lower case and without blanks",
            1,
        ),
        (vec![&*long], "a rule has at most 100 filters, not 101", 1),
        (
            vec!["arn:aws:signer:eu-west-1:111122223333:/signing-profiles/release=App"],
            "is no filter of repositories",
            1,
        ),
        (vec![], "RULE", 2),
    ] {
        let fixture = Fixture::new();
        let refused = fixture.run(&[&["set", "--yes"], &rules[..]].concat()).exits(status, words);
        assert!(refused.stderr.contains(words) && refused.stdout.is_empty(), "{refused:?}");
        assert!(fixture.machine.aws.calls().is_empty(), "{words}");
    }
}

#[test]
fn the_registry_is_found_by_host_region_rules_or_credentials() {
    let other = "arn:aws:signer:us-east-1:111122223333:/signing-profiles/release";
    for (arguments, without, region, why) in [
        (&["set", RELEASE, "--yes"][..], true, "eu-west-1", "the region of the rules"),
        (&["set", other, "--yes"], false, "us-east-1", "before that of the environment"),
        (&["set", RELEASE, other, "--yes"], false, "eu-west-1", "rules of two regions name none"),
        (&["set", RELEASE, "--yes", "--region", "ap-south-1"], false, "ap-south-1", "the option first"),
        (
            &["set", RELEASE, "--yes", "--registry", "111122223333.dkr.ecr.eu-central-1.amazonaws.com"],
            false,
            "eu-central-1",
            "a host",
        ),
    ] {
        let fixture = Fixture::new();
        let program = if without { fixture.program().without("AWS_REGION") } else { fixture.program() };
        program.run(&[&["managed-signing"], arguments].concat(), "").exits(0, why);
        assert!(fixture.signing.rules(ACCOUNT, region).is_some(), "{why}");
    }
    let fixture = Fixture::new();
    let nowhere = fixture.program().without("AWS_REGION").run(&["managed-signing", "show"], "").exits(1, "no region");
    assert!(nowhere.stderr.contains("in which AWS region") && nowhere.stderr.contains("--region"), "{nowhere:?}");
    fixture.signing.configure(ACCOUNT, REGION, json!([]));
    let host = format!("{OTHER_ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com");
    let foreign = fixture.run(&["set", RELEASE, "--yes", "--registry", &host]).exits(1, "another account's registry");
    let words = "the credentials are of account 111122223333, and the registry is of 444455556666";
    assert!(foreign.stderr.contains(words), "{foreign:?}");
    // Where there are no rules, AWS does not say whose registry it is: before they are set nobody knows.
    let fixture = Fixture::new();
    let shown = fixture.run(&["show", "--registry", &host]).exits(0, "nobody's rules").stdout;
    assert!(shown.starts_with("this account in eu-west-1 has no signing rules"), "{shown}");
    let foreign = fixture.run(&["set", RELEASE, "--yes", "--registry", &host]).exits(1, "another account's, empty");
    let told = ["the rules were set in another registry", words, "managed-signing delete --region eu-west-1"];
    assert!(told.iter().all(|told| foreign.stderr.contains(told)), "{foreign:?}");
    assert!(!foreign.stdout.contains("set 1 rule"), "{foreign:?}");
    for host in ["ghcr.io", "public.ecr.aws"] {
        let refused = fixture.run(&["show", "--registry", host]).exits(1, host);
        assert!(refused.stderr.contains("is no private registry of Amazon ECR"), "{refused:?}");
    }
    fixture.run(&["show", "--registry", &host, "--region", REGION]).exits(2, "both say the region");
}

#[test]
fn a_status_is_told_for_every_profile() {
    let failing =
        [(NIGHTLY.to_owned(), ("AccessDeniedException".to_owned(), "no\nsigner:SignPayload\u{1b}[2J".to_owned()))];
    let both = json!([{ "signingProfileArn": RELEASE }, { "signingProfileArn": NIGHTLY, "repositoryFilters": filters(&["ap*"]) }]);
    type Knob = fn(&mut crate::support::aws::managed_signing::Knobs);
    let rows: [(Value, Knob, bool, i32, String, &str); 7] = [
        (both.clone(), |_| {}, false, 0, format!("{RELEASE}  complete\n{NIGHTLY}  complete\n"), "both are there"),
        (
            json!([{ "signingProfileArn": RELEASE }, { "signingProfileArn": NIGHTLY, "repositoryFilters": filters(&["x"]) }]),
            |_| {},
            false,
            0,
            format!("{RELEASE}  complete\n"),
            "a rule for another repository",
        ),
        (
            both.clone(),
            |_| {},
            true,
            1,
            format!("{RELEASE}  complete\n{NIGHTLY}  failed: AccessDeniedException: no signer:SignPayload [2J\n"),
            "one failed, told in one line",
        ),
        (
            both.clone(),
            |knobs| knobs.slow = 1,
            false,
            0,
            format!("{RELEASE}  in progress\n{NIGHTLY}  in progress\n"),
            "not yet",
        ),
        (
            both.clone(),
            |knobs| knobs.state = Some("QUARANTINED".into()),
            false,
            1,
            format!("{RELEASE}  QUARANTINED\n{NIGHTLY}  QUARANTINED\n"),
            "a state that came later",
        ),
        (json!([]), |_| {}, false, 1, format!("no signing rule was for {IMAGE} when it was pushed\n"), "no rule"),
        (
            json!([{ "signingProfileArn": NIGHTLY }]),
            |knobs| knobs.slow = 1,
            true,
            0,
            format!("{NIGHTLY}  in progress\n"),
            "it has not failed yet",
        ),
    ];
    for (rules, knob, fails, status, expected, why) in rows {
        let fixture = Fixture::new();
        fixture.signing.configure(ACCOUNT, REGION, rules);
        fixture.signing.push(ACCOUNT, REGION, "app", "v1");
        fixture.signing.behave(knob);
        if fails {
            fixture.signing.behave(|knobs| knobs.failing.extend(failing.clone()));
        }
        assert_eq!(fixture.run(&["status", IMAGE]).exits(status, why).stdout, expected, "{why}");
    }
}

#[test]
fn waiting_ends_when_all_signatures_are_there_or_the_time_is_over() {
    let fixture = Fixture::new();
    fixture.signing.configure(ACCOUNT, REGION, json!([{ "signingProfileArn": RELEASE }]));
    let digest = format!("sha256:{}", "a".repeat(64));
    fixture.signing.push(ACCOUNT, REGION, "app", &digest);
    let image = format!("111122223333.dkr.ecr.eu-west-1.amazonaws.com/app:moved@{digest}");
    fixture.signing.behave(|knobs| knobs.slow = 2);
    let waited = fixture.run(&["status", &image, "--wait", "--output", "json"]).exits(0, "in progress twice");
    let expected = json!({ "version": 1, "image": image, "signatures": [
        { "signing_profile_arn": RELEASE, "status": "complete", "failure_code": null, "failure_reason": null },
    ]});
    assert_eq!(waited.json(), expected, "by the digest, whatever the tag is now");
    assert_eq!(fixture.calls("DescribeImageSigningStatus"), 3);

    fixture.signing.behave(|knobs| {
        knobs.slow = 1;
        knobs.failing.insert(RELEASE.into(), ("ResourceNotFoundException".into(), "no such profile".into()));
    });
    let failed = fixture.run(&["status", &image, "--wait"]).exits(1, "in progress, then failed");
    assert!(failed.stdout.contains("failed: ResourceNotFoundException: no such profile"), "{failed:?}");

    fixture.signing.behave(|knobs| knobs.slow = u32::MAX);
    let over = fixture.run(&["status", &image, "--wait", "--timeout", "1", "--output", "json"]).exits(1, "for ever");
    assert_eq!(over.json()["signatures"][0]["status"], "in_progress", "what is known is told");
    assert!(over.stderr.contains("are not complete after 1 s") && over.stderr.contains("--timeout"), "{over:?}");
    for arguments in [&["--timeout", "5"][..], &["--wait", "--timeout", "0"], &["--wait", "--timeout", "3601"]] {
        fixture.run(&[&["status", &image], arguments].concat()).exits(2, "a wait without bound, or none");
    }
}

#[test]
fn what_aws_refuses_names_the_action_and_the_cure() {
    let status = ["status", IMAGE];
    for (operation, fault, arguments, words, hint) in [
        (
            "GetSigningConfiguration",
            Fault::AccessDenied,
            &["show"][..],
            "ECR cannot read the signing rules in eu-west-1",
            "allow ecr:GetSigningConfiguration on resource * to arn:aws:iam::111122223333:user/alice",
        ),
        (
            "PutSigningConfiguration",
            Fault::AccessDenied,
            &["set", RELEASE, "--yes"],
            "ECR cannot replace the signing rules in eu-west-1",
            "allow ecr:PutSigningConfiguration on resource *",
        ),
        (
            "DeleteSigningConfiguration",
            Fault::AccessDenied,
            &["delete", "--yes"],
            "ECR cannot delete the signing rules in eu-west-1",
            "allow ecr:DeleteSigningConfiguration on resource *",
        ),
        (
            "DescribeImageSigningStatus",
            Fault::AccessDenied,
            &status,
            "ECR cannot tell the signing status of 111122223333.dkr.ecr.eu-west-1.amazonaws.com/app:v1 in eu-west-1",
            "allow ecr:DescribeImageSigningStatus on arn:aws:ecr:eu-west-1:111122223333:repository/app",
        ),
        ("DescribeImageSigningStatus", Fault::Throttled, &status, "Rate exceeded", "wait a little"),
        ("DescribeImageSigningStatus", Fault::SessionExpired, &status, "ExpiredToken", "get new credentials"),
        ("DescribeImageSigningStatus", Fault::Garbage, &status, "ECR cannot tell", "no proxy or endpoint_url"),
        ("GetSigningConfiguration", Fault::Truncated, &["show"], "ECR cannot read", "no proxy or endpoint_url"),
    ] {
        let fixture = Fixture::new();
        fixture.signing.configure(ACCOUNT, REGION, json!([{ "signingProfileArn": NIGHTLY }]));
        fixture.signing.push(ACCOUNT, REGION, "app", "v1");
        fixture.machine.aws.faults.always(operation, fault.clone());
        let refused = fixture.run(arguments).exits(1, format!("{operation} {fault:?}"));
        assert!(refused.stderr.contains(words) && refused.stderr.contains(hint), "{refused:?}");
    }
}

#[test]
fn what_is_not_there_is_named() {
    let fixture = Fixture::new();
    let image = |name: &str| format!("111122223333.dkr.ecr.eu-west-1.amazonaws.com/{name}");
    fixture.signing.push(ACCOUNT, REGION, "app", "v1");
    for (name, words, hint) in [
        (image("app:absent"), "ImageNotFoundException", "push the image first"),
        (image("absent:v1"), "RepositoryNotFoundException", "check account, region and repository"),
        ("ghcr.io/app:v1".into(), "ghcr.io is no private registry of Amazon ECR", "name a host such as"),
        ("public.ecr.aws/x/app:v1".into(), "public.ecr.aws is no private registry of Amazon ECR", ""),
        ("app:".into(), "is not an image", ""),
    ] {
        let refused = fixture.run(&["status", &name]).exits(1, &name);
        assert!(refused.stderr.contains(words) && refused.stderr.contains(hint), "{refused:?}");
        assert!(refused.stdout.is_empty(), "{refused:?}");
    }
    let invalid = "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/release";
    fixture.machine.aws.faults.times("PutSigningConfiguration", Fault::Says("no such profile"), 1);
    let refused = fixture.run(&["set", invalid, "--yes"]).exits(1, "AWS says no");
    assert!(refused.stderr.contains("no such profile"), "{refused:?}");
    fixture.signing.behave(|knobs| knobs.takes = Some(json!([])));
    let other = fixture.run(&["set", invalid, "--yes"]).exits(1, "AWS took something else");
    assert!(other.stderr.contains("AWS took other signing rules than these"), "{other:?}");
    let nobody = fixture.program().with("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:1");
    let refused = nobody.run(&["managed-signing", "show"], "").exits(1, "nobody listens");
    assert!(refused.stderr.contains("ECR cannot read the signing rules"), "{refused:?}");
    assert!(refused.stderr.contains("hint: check the network"), "{refused:?}");
}

#[test]
fn an_answer_that_cannot_be_written_is_none() {
    let fixture = Fixture::new();
    fixture.signing.configure(ACCOUNT, REGION, json!([{ "signingProfileArn": RELEASE }]));
    fixture.signing.push(ACCOUNT, REGION, "app", "v1");
    for arguments in [&["show"][..], &["show", "--output", "json"], &["status", IMAGE]] {
        let mut command = fixture.program().command(&[&["managed-signing"], arguments].concat());
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = command.stdout(full).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && told.contains("cannot write the answer"), "{arguments:?}: {told}");
    }
}
