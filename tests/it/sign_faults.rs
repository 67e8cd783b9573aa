//! Registries and AWS in trouble: what can be retried is, the rest is told whole, and a second run completes.

use crate::support::{
    aws::{REQUEST_ID, faults::Fault},
    loopback::{ACCOUNT, OTHER_ACCOUNT, REGION},
    registry::{self, PLAIN_PASSWORD},
    signing_fixture::{MANIFEST, SigningFixture},
};
use serde_json::json;

#[test]
fn short_troubles_of_a_registry_are_survived() {
    let fixture = SigningFixture::new();
    let digest = fixture.push("app", "v1");
    let image = format!("{}/app@{digest}", fixture.host());
    for (operation, fault, why) in [
        ("GetManifest", Fault::Internal, "a 500 at the start"),
        ("GetManifest", Fault::Throttled, "a 429 at the start"),
        ("GetManifest", Fault::Cut, "an answer that breaks off"),
        ("PostUpload", Fault::Throttled, "an upload that may not begin yet"),
        ("PutUpload", Fault::Internal, "an upload that fails"),
        ("PutUpload", Fault::NotFound, "an upload that was forgotten"),
        ("PutUpload", Fault::Cut, "an upload that is cut"),
        ("PutManifest", Fault::Internal, "a manifest that is not taken at once"),
        ("GetBlob", Fault::Cut, "a read-back that is cut"),
        ("GetReferrers", Fault::Throttled, "a list that may not be read yet"),
    ] {
        fixture.aws.faults.times(operation, fault, 1);
        fixture.sign(&[&image]).exits(0, why);
        fixture.aws.faults.clear();
    }
    let listed = fixture.run(&["signatures", "list", &image, "--output", "json"]).exits(0, "list").json();
    assert_eq!(listed["signatures"].as_array().map(Vec::len), Some(10), "each run left one signature");
}

#[test]
fn lasting_troubles_are_told_and_a_second_run_completes() {
    let fixture = SigningFixture::new();
    let digest = fixture.push("app", "v1");
    let image = format!("{}/app@{digest}", fixture.host());
    for (operation, fault, cause, hint) in [
        ("GetManifest", Fault::Unauthorized, "answered 401", "run: docker login 127.0.0.1"),
        ("GetManifest", Fault::NotFound, "answered 404", "was the image pushed?"),
        ("GetManifest", Fault::WrongDigest, "its header names the digest", ""),
        ("GetManifest", Fault::Throttled, "answered 429", "throttling"),
        ("GetManifest", Fault::Garbage, "cannot be trusted", ""),
        ("PutUpload", Fault::Cut, "failed", "check the network"),
        ("PutUpload", Fault::Internal, "answered 500", "in trouble"),
        ("PutManifest", Fault::Internal, "answered 500", "in trouble"),
        ("PutManifest", Fault::Unauthorized, "answered 401", "docker login"),
    ] {
        fixture.aws.faults.always(operation, fault.clone());
        let ran = fixture.sign(&[&image]).exits(1, format!("{operation} {fault:?}"));
        assert!(ran.stderr.contains(cause), "{operation} {fault:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(hint), "{operation} {fault:?}: {}", ran.stderr);
        assert!(!ran.stdout.contains("signed"), "{operation} {fault:?}: nothing half done is called signed");
        assert!(!ran.stderr.contains(PLAIN_PASSWORD), "{operation} {fault:?}: no secret in a message");
        fixture.aws.faults.clear();
    }
    fixture.sign(&[&image]).exits(0, "the second run");
    let listed = fixture.run(&["signatures", "list", &image, "--output", "json"]).exits(0, "list").json();
    assert_eq!(listed["signatures"].as_array().map(Vec::len), Some(1), "broken runs left no signature");
}

#[test]
fn a_manifest_over_the_cap_is_refused() {
    let fixture = SigningFixture::new();
    let config = json!({}).to_string();
    fixture.push_blob("app", config.as_bytes());
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "layers": [],
        "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": registry::digest(config.as_bytes()), "size": 2 },
        "annotations": { "long": "x".repeat(4 * 1024 * 1024) },
    });
    fixture.push_manifest("app", "big", MANIFEST, &manifest);
    let ran = fixture.sign(&[&format!("{}/app:big", fixture.host())]).exits(1, "too long");
    assert!(ran.stderr.contains("longer than 4194304 bytes"), "{ran:?}");
}

#[test]
fn a_registry_without_login_says_what_to_do() {
    let fixture = SigningFixture::without_login();
    fixture.push("app", "v1");
    let ran = fixture.sign(&[&format!("{}/app:v1", fixture.host())]).exits(1, "no login");
    assert!(ran.stderr.contains("answered 401"), "{ran:?}");
    assert!(ran.stderr.contains("hint: run: docker login 127.0.0.1"), "{ran:?}");
}

#[test]
fn aws_is_quoted_whole() {
    let fixture = SigningFixture::new();
    fixture.push("app", "v1");
    let image = format!("{}/app:v1", fixture.host());
    let before = fixture.pushes();
    for (fault, code, hint) in [
        (Fault::AccessDenied, "AccessDeniedException", "allow signer:SignPayload on arn:aws:signer"),
        (Fault::Throttled, "ThrottlingException: Rate exceeded", "wait a little"),
        (Fault::Internal, "InternalFailure", ""),
        (Fault::SessionExpired, "ExpiredTokenException", "get new credentials"),
    ] {
        fixture.aws.faults.always("SignPayload", fault.clone());
        let ran = fixture.sign(&[&image]).exits(1, format!("{fault:?}"));
        for part in [code, hint, REQUEST_ID, &fixture.profile, REGION] {
            assert!(ran.stderr.contains(part), "{fault:?} lacks {part:?}: {}", ran.stderr);
        }
        fixture.aws.faults.clear();
    }
    for (fault, why) in [
        (Fault::Cut, "cut"),
        (Fault::Truncated, "half the JSON"),
        (Fault::Html, "a proxy's page"),
        (Fault::Garbage, "no text"),
        (Fault::WrongContent, "JSON about something else"),
        (Fault::Without("signature"), "no signature"),
    ] {
        fixture.aws.faults.always("SignPayload", fault);
        let ran = fixture.sign(&[&image]).exits(1, why);
        assert!(ran.stderr.contains("AWS Signer"), "{why}: {}", ran.stderr);
        fixture.aws.faults.clear();
    }
    assert_eq!(fixture.pushes(), before, "nothing was pushed");
    fixture.aws.faults.times("SignPayload", Fault::Throttled, 1);
    fixture.sign(&[&image]).exits(0, "one throttled call is retried");
}

#[test]
fn f6_9_an_answer_of_someone_else_in_the_place_of_aws_signer_is_told_with_its_status() {
    let fixture = SigningFixture::new();
    fixture.push("app", "v1");
    let image = format!("{}/app:v1", fixture.host());
    let hint = "hint: check that no proxy or endpoint_url answers in place of AWS";
    for (fault, status, why) in [
        (Fault::Html, "403", "a proxy's page"),
        (Fault::Garbage, "200", "no text"),
        (Fault::Truncated, "200", "half the JSON"),
    ] {
        for (operation, arguments) in [
            ("SignPayload", &["sign", &image, "--signing-profile", &fixture.profile][..]),
            ("GetSigningProfile", &["profile", "show", &fixture.profile]),
            ("ListSigningProfiles", &["profile", "list", "--region", REGION]),
        ] {
            fixture.aws.faults.always(operation, fault.clone());
            let ran = fixture.run(arguments).exits(1, why);
            let told = format!("the answer has HTTP status {status}");
            assert!(ran.stderr.contains(&told) && ran.stderr.contains(hint), "{operation}, {why}: {}", ran.stderr);
            assert!(!ran.stderr.contains("unnamed error"), "{operation}, {why}: {}", ran.stderr);
            fixture.aws.faults.clear();
        }
    }
}

#[test]
fn an_answer_that_never_comes_is_waited_for_so_long_and_no_longer() {
    let fixture = SigningFixture::new();
    fixture.push("app", "v1");
    let before = fixture.pushes();
    fixture.aws.faults.always("SignPayload", Fault::Silent);
    let (image, root) = (format!("{}/app:v1", fixture.host()), fixture.root());
    let sign = ["sign", &image, "--signing-profile", &fixture.profile, "--signer-root", &root];
    let ran = fixture.program().with("AWS_MAX_ATTEMPTS", "1").run(&sign, "").exits(1, "no answer");
    assert!(ran.stderr.contains("AWS Signer"), "{ran:?}");
    assert_eq!(fixture.pushes(), before, "nothing was pushed");
}

#[test]
fn profiles_that_cannot_sign_are_explained() {
    let fixture = SigningFixture::new();
    fixture.push("app", "v1");
    let image = format!("{}/app:v1", fixture.host());
    let lambda = fixture.signer.add_profile_for(ACCOUNT, REGION, "lambda", "AWSLambda-SHA384-ECDSA");
    let others = fixture.signer.add_profile(OTHER_ACCOUNT, REGION, "theirs");
    let root = fixture.root();
    let sign = |profile: &str| fixture.run(&["sign", &image, "--signing-profile", profile, "--signer-root", &root]);
    for (profile, expected) in [
        (lambda.as_str(), "is for the platform `AWSLambda-SHA384-ECDSA`, not for container images"),
        ("absent", "ResourceNotFoundException: Signing profile absent does not exist"),
        (&others, "AccessDeniedException"),
        (&format!("{}/0000000000", fixture.profile), "AWS Signer signs with a profile's newest version"),
        ("arn:aws:kms:x", "fewer than six parts"),
    ] {
        let ran = sign(profile).exits(1, profile);
        assert!(ran.stderr.contains(expected), "{profile}: {}", ran.stderr);
    }
    assert!(sign("absent").stderr.contains("profile create absent"), "the hint can be followed");
    fixture.signer.share(OTHER_ACCOUNT, ACCOUNT);
    for profile in [
        &others,
        "app",
        &fixture.profile.replace("profiles", "profile"),
        &fixture.signer.version_arn(ACCOUNT, REGION, "app").unwrap(),
    ] {
        sign(profile).exits(0, profile);
    }
}

/// Each try that reaches AWS Signer is a signing job there.
#[test]
fn f2_16_a_slow_signature_is_one_job() {
    let fixture = SigningFixture::new();
    let image = format!("{}/app@{}", fixture.host(), fixture.push("app", "v1"));
    fixture.aws.faults.delay("SignPayload", std::time::Duration::from_secs(12));
    fixture.sign(&[&image]).exits(0, "an answer after 12 s");
    assert_eq!(fixture.aws.count("SignPayload"), 1);
}

#[test]
fn f2_16_only_what_made_no_job_is_tried_again() {
    for (fault, calls, status) in [
        (Fault::Throttled, 2, 0),
        (Fault::Internal, 1, 1),
        (Fault::Cut, 1, 1),
        (Fault::Garbage, 1, 1),
        (Fault::AccessDenied, 1, 1),
    ] {
        let fixture = SigningFixture::new();
        let image = format!("{}/app@{}", fixture.host(), fixture.push("app", "v1"));
        fixture.aws.faults.times("SignPayload", fault.clone(), 1);
        fixture.sign(&[&image]).exits(status, format!("{fault:?}"));
        assert_eq!(fixture.aws.count("SignPayload"), calls, "{fault:?}");
    }
}

/// What is prepared while AWS Signer signs, and what became of it.
#[test]
fn f2_6_what_was_prepared_and_fails_is_told_or_made_up_for() {
    for (operation, fault, status, said, why) in [
        ("PostUpload", Fault::AccessDenied, 1, "cannot start an upload", "an upload that is refused"),
        ("HeadBlob", Fault::AccessDenied, 0, "", "a look that is refused: the config is uploaded"),
        ("HeadBlob", Fault::Internal, 0, "", "a look that fails for a while"),
        ("PutUpload", Fault::NotFound, 0, "", "a session that has ended before it was used"),
    ] {
        let fixture = SigningFixture::new();
        let image = format!("{}/app@{}", fixture.host(), fixture.push("app", "v1"));
        match status {
            0 => fixture.aws.faults.times(operation, fault, 1),
            _ => fixture.aws.faults.always(operation, fault),
        }
        let ran = fixture.sign(&[&image]).exits(status, why);
        assert!(ran.stderr.contains(said), "{why}: {}", ran.stderr);
        let signed = usize::from(status == 0);
        assert_eq!(fixture.aws.count("PutManifest"), 1 + signed, "{why}: the image, and its signature");
    }
    // Nobody listens where AWS Signer should be: the early connection fails, and the call tells of it.
    let fixture = SigningFixture::new();
    let image = format!("{}/app@{}", fixture.host(), fixture.push("app", "v1"));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    let before = fixture.pushes();
    let (root, profile) = (fixture.root(), fixture.profile.clone());
    let sign = ["sign", &image, "--signing-profile", &profile, "--signer-root", &root];
    let program = fixture.program().with("AWS_ENDPOINT_URL_SIGNER", format!("http://{nobody}"));
    let ran = program.run(&sign, "").exits(1, "AWS Signer is not there");
    assert!(ran.stderr.contains("AWS Signer") && ran.stderr.contains(&nobody.to_string()[..9]), "{}", ran.stderr);
    assert_eq!(fixture.pushes(), before, "nothing was pushed");
}
