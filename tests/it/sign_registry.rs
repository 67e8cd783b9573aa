//! Registries of ill will and of other habits: what they ask for, list and say while their images are signed.

use std::time::SystemTime;

use crate::support::{
    loopback::{ACCOUNT, Loopback, REGION},
    registry::{PLAIN_USER, digest},
    signer::envelope::Draft,
    signing_fixture::{INDEX, MANIFEST, SigningFixture},
};
use serde_json::{Value, json};

/// How often an operation was asked for.
fn asked(loopback: &Loopback, operation: &str) -> usize {
    loopback.calls().iter().filter(|call| call.operation == operation).count()
}

#[test]
fn f2_9_a_list_without_end_is_refused() {
    let fixture = SigningFixture::new();
    fixture.push("app", "v1");
    let image = format!("{}/app:v1", fixture.host());
    for (entries, bytes, pages, why) in [
        (6_000, 0, 2, "more than 10,000 entries"),
        (900, 4_000, 9, "more than 32 MiB"),
        (0, 0, 100, "pages with nothing on them"),
    ] {
        fixture.aws.registry.behave(|registry| registry.flood = Some((entries, bytes)));
        let before = asked(&fixture.aws, "GetReferrers");
        let ran = fixture.run(&["signatures", "list", &image]).exits(1, why);
        assert!(ran.stderr.contains("caused by: the list has more than"), "{why}: {}", ran.stderr);
        assert_eq!(asked(&fixture.aws, "GetReferrers") - before, pages, "{why}");
    }
    fixture.aws.registry.behave(|registry| registry.flood = None);
    let digest = fixture.push("app", "v2");
    let entry = json!({ "mediaType": MANIFEST, "size": fixture.stored("app", &digest).len(), "digest": digest });
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": vec![entry; 10_001] });
    fixture.push_manifest("app", &digest.replace(':', "-"), INDEX, &index);
    let ran = fixture.run(&["signatures", "list", &format!("{}/app:v2", fixture.host())]).exits(1, "a long tag");
    assert!(ran.stderr.contains("the list has more than 10000 entries"), "{}", ran.stderr);
}

#[test]
fn f2_9_a_refusal_is_cut_and_folded() {
    let fixture = SigningFixture::new();
    fixture.push("app", "v1");
    let words = format!("no\u{1b}[2J\r\nhint: run this\n{}", "long ".repeat(800_000));
    fixture.aws.registry.behave(|registry| registry.refusal = Some(words));
    let ran = fixture.sign(&[&format!("{}/app:v1", fixture.host())]).exits(1, "refused");
    let cause = ran.stderr.lines().find(|line| line.contains("answered 403")).expect("the cause");
    assert!(cause.contains("DENIED no [2J hint: run this long long") && cause.ends_with('…'), "{cause}");
    assert!(cause.chars().count() < 500, "{} characters", cause.chars().count());
    assert!(!ran.stderr.lines().any(|line| line.starts_with("hint: run this")), "{}", ran.stderr);
}

#[test]
fn f2_10_an_ecr_password_goes_to_its_own_registry_alone() {
    let fixture = SigningFixture::without_login();
    fixture.push("app", "v1");
    let login = json!({ "ServerURL": fixture.host(), "Username": "AWS", "Secret": "canary-password" });
    fixture.program().run(&["store"], login.to_string()).exits(0, "docker login");
    let other = Loopback::start();
    for (realm, why) in [
        (format!("http://{}/token/", other.address()), "another port of the host"),
        (format!("http://localhost:{}/token/", fixture.aws.address().port()), "another name of the host"),
        (format!("https://{}/token/", other.address()), "another scheme and port"),
    ] {
        fixture.aws.registry.behave(|registry| registry.challenge = Some(format!("Bearer realm=\"{realm}\"")));
        let ran = fixture.run(&["signatures", "list", &format!("{}/app:v1", fixture.host())]).exits(1, why);
        assert!(ran.stderr.contains("sends its ECR password elsewhere"), "{why}: {}", ran.stderr);
        assert!(!ran.stderr.contains("canary"), "{why}: {}", ran.stderr);
    }
    assert!(other.calls().is_empty(), "{:?}", other.calls());
    assert_eq!(asked(&fixture.aws, "PublicToken"), 0, "nobody was asked for a token");
    // Its own registry may ask for it in exchange for a token: ECR Public does.
    let realm = format!("http://{}/token/", fixture.host());
    fixture.aws.registry.behave(|registry| registry.challenge = Some(format!("Bearer realm=\"{realm}\"")));
    fixture.run(&["signatures", "list", &format!("{}/app:v1", fixture.host())]).exits(1, "no such password");
    assert_eq!(asked(&fixture.aws, "PublicToken"), 1, "the same origin");
}

#[test]
fn f2_11_the_challenge_that_can_be_met_is_met() {
    let fixture = SigningFixture::without_login();
    fixture.push("app", "v1");
    let image = format!("{}/app:v1", fixture.host());
    let realm = format!("http://{}/token/", fixture.host());
    for (challenge, why) in [
        (format!("Bearer realm=\"{realm}\""), "alone"),
        (format!("Basic realm=\"a, Bearer b\", Bearer realm=\"{realm}\",service=\"s\""), "behind Basic"),
        (format!("Negotiate, bearer REALM = \"{realm}\" , Basic realm=\"r\""), "between others"),
    ] {
        fixture.aws.registry.behave(|registry| registry.challenge = Some(challenge));
        fixture.run(&["signatures", "list", &image]).exits(0, why);
    }
    // A login in the keychain, and a registry that asks for it behind something else.
    let known = SigningFixture::new();
    known.push("app", "v1");
    known.aws.registry.behave(|registry| registry.challenge = Some("Negotiate, Basic realm=\"loopback\"".into()));
    known.run(&["signatures", "list", &format!("{}/app:v1", known.host())]).exits(0, PLAIN_USER);
}

#[test]
fn f2_18_somebody_elses_list_keeps_what_it_holds() {
    let fixture = SigningFixture::new();
    fixture.aws.registry.behave(|registry| registry.referrers = false);
    let digest = fixture.push("app", "v1");
    let (image, tag) = (format!("{}/app@{digest}", fixture.host()), digest.replace(':', "-"));
    let other = fixture.push("app", "other");
    let size = fixture.stored("app", &other).len();
    let index = json!({
        "schemaVersion": 2, "mediaType": INDEX, "artifactType": "application/vnd.example.list",
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": other, "size": size,
            "urls": ["https://mirror.example/x"], "artifactType": "application/vnd.example.sbom", "x-note": { "z": 1, "a": [] },
        }],
        "subject": { "mediaType": "m", "digest": other, "size": size },
        "annotations": { "maintainer": "somebody else" }, "x-more": true,
    });
    fixture.push_manifest("app", &tag, INDEX, &index);
    fixture.sign(&[&image]).exits(0, "sign");
    let mut stored: Value = serde_json::from_slice(&fixture.stored("app", &tag)).unwrap();
    let ours = stored["manifests"].as_array_mut().unwrap().pop().expect("our own entry");
    assert_eq!(ours["artifactType"], "application/vnd.cncf.notary.signature");
    assert_eq!(stored.to_string(), index.to_string(), "all else, and its order");

    let signature = ours["digest"].as_str().unwrap();
    fixture.run(&["signatures", "delete", &image, "--signature", signature, "--yes"]).exits(0, "delete");
    assert_eq!(String::from_utf8(fixture.stored("app", &tag)).unwrap(), index.to_string(), "out again");
}

/// Notation compares what a signature signs by media type, digest and size.
#[test]
fn f2_15_a_signature_of_the_same_digest_is_not_yet_one_of_the_image() {
    let fixture = SigningFixture::new();
    let image_digest = fixture.push("app", "v1");
    let size = fixture.stored("app", &image_digest).len();
    let version = fixture.signer.version_arn(ACCOUNT, REGION, "app").unwrap();
    let chain = &fixture.signer.chain;
    let image = json!({ "mediaType": MANIFEST, "digest": image_digest, "size": size });
    fixture.push_blob("app", b"{}");
    for (member, value, refused, why) in [
        ("size", json!(size), false, "as it is"),
        ("size", json!(size + 1), true, "another size"),
        ("mediaType", json!(INDEX), true, "another media type"),
    ] {
        let mut target = image.clone();
        target[member] = value;
        let payload = json!({ "targetArtifact": target }).to_string();
        let job = "arn:aws:signer:eu-west-1:111122223333:/signing-jobs/6d1d0d3f-0000-0000-0000-000000000000";
        let envelope = Draft::aws(chain, payload.as_bytes(), &version, job, SystemTime::now()).jws(chain);
        fixture.push_blob("app", &envelope);
        let part = |of: &str, bytes: &[u8]| json!({ "mediaType": of, "digest": digest(bytes), "size": bytes.len() });
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.cncf.notary.signature",
            "config": part("application/vnd.oci.empty.v1+json", b"{}"),
            "layers": [part("application/jose+json", &envelope)],
            "subject": image,
        });
        let pushed = fixture.push_manifest("app", &digest(manifest.to_string().as_bytes()), MANIFEST, &manifest);
        let listed = fixture.run(&["signatures", "list", &format!("{}/app:v1", fixture.host())]);
        assert_eq!(listed.status, Some(i32::from(refused)), "{why}: {listed:?}");
        let line = listed.stdout.lines().find(|line| line.contains(&pushed)).expect(why);
        assert_eq!(line.contains("cannot be read: it signs"), refused, "{why}: {line}");
        fixture.run(&["signatures", "delete", &format!("{}/app:v1", fixture.host()), "--all", "--yes"]).exits(0, why);
    }
}

#[test]
fn f2_15_metadata_without_a_value_is_refused_before_any_call() {
    let fixture = SigningFixture::new();
    fixture.push("app", "v1");
    let ran = fixture.sign(&[&format!("{}/app:v1", fixture.host()), "-m", "a="]).exits(1, "no value");
    assert!(ran.stderr.contains("user metadata `a` has no value"), "{ran:?}");
    assert!(ran.stderr.contains("hint: write -m a=VALUE, or leave it out"), "{ran:?}");
    assert_eq!(asked(&fixture.aws, "SignPayload"), 0);
}
