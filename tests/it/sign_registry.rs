//! Registries of ill will and of other habits: what they ask for, list and say while their images are signed.

use crate::support::{
    loopback::Loopback,
    registry::PLAIN_USER,
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
