//! `verify` before those who want it to say yes: by its command line, by a layout that they filled, by a registry of
//! their own.

use serde_json::json;

use crate::support::{
    program::Outcome,
    signing_fixture::{INDEX, MANIFEST, SigningFixture},
};

/// By the profile and the loopback's root.
fn verify(fixture: &SigningFixture, arguments: &[&str]) -> Outcome {
    let root = fixture.root();
    fixture.run(&[&["verify", "--signing-profile", &fixture.profile, "--signer-root", &root], arguments].concat())
}

/// Who adds an option behind those of a script takes none of them back.
#[test]
fn what_must_be_signed_is_not_asked_for_twice() {
    let fixture = SigningFixture::new();
    let image = format!("{}/app@{}", fixture.host(), fixture.push("app", "v1"));
    fixture.sign(&[&image, "-m", "stage=dev"]).exits(0, "signed");
    verify(&fixture, &[&image, "-m", "stage=prod"]).exits(1, "it is not for production");
    let two = ["-m", "stage=prod", "-m", "stage=dev"];
    let ran = verify(&fixture, &[&[image.as_str()], &two[..]].concat()).exits(1, "both cannot hold");
    assert!(ran.stderr.contains("--user-metadata gives `stage` two values, `prod` and `dev`"), "{ran:?}");
    verify(&fixture, &[&image, "-m", "stage=dev", "-m", "stage=dev"]).exits(0, "the same twice");
    let before = fixture.pushes();
    let ran = fixture.sign(&[&[image.as_str()], &two[..]].concat()).exits(1, "nor both be signed");
    assert!(ran.stderr.contains("two values") && fixture.pushes() == before, "{ran:?}");
    let ran = fixture.run(&["profile", "create", "fresh", "--tag", "a=1", "--tag", "a=2"]).exits(1, "tags");
    assert!(ran.stderr.contains("--tag gives `a` two values"), "{ran:?}");
}

/// A list of signatures goes on at its own registry, and nowhere else.
#[test]
fn a_list_leads_to_no_other_host() {
    let fixture = SigningFixture::new();
    let image = format!("{}/app@{}", fixture.host(), fixture.push("app", "v1"));
    fixture.sign(&[&image]).exits(0, "signed");
    let digest = image.split_once('@').unwrap().1;
    let port = fixture.host().split_once(':').unwrap().1.to_owned();
    let listings = || fixture.aws.count("GetReferrers");
    for (page, expected, why) in [
        (format!("http://localhost:{port}/v2/app/referrers/{digest}"), 1, "another name of this machine"),
        (format!("https://127.0.0.1:{port}/v2/app/referrers/{digest}"), 1, "another scheme"),
        (format!("//169.254.169.254/v2/app/referrers/{digest}"), 1, "another host"),
        ("ftp:relative".into(), 1, "no address that a registry has"),
    ] {
        fixture.aws.registry.behave(|personality| personality.next_page = Some(page));
        let before = listings();
        verify(&fixture, &[&image]).exits(0, why);
        assert_eq!(listings() - before, expected, "{why}");
    }
    let same = format!("/v2/app/referrers/{digest}");
    fixture.aws.registry.behave(|personality| personality.next_page = Some(same));
    let before = listings();
    let ran = verify(&fixture, &[&image]).exits(1, "the same page again and again");
    assert!(ran.stderr.contains("the list has more than 100 pages") && listings() - before == 100, "{ran:?}");
}

/// What an index says of what it lists is not believed: each is judged as what it is.
#[test]
fn an_index_lies_about_what_it_lists() {
    let fixture = SigningFixture::new();
    let host = fixture.host();
    let child = fixture.push("app", "v1");
    fixture.sign(&[&format!("{host}/app@{child}")]).exits(0, "the child");
    let size = fixture.stored("app", &child).len();
    let absent = format!("sha256:{}", "0".repeat(64));
    let entry = |media_type: &str, digest: &str, size: usize| json!({ "mediaType": media_type, "digest": digest, "size": size });
    let mut inline = entry(MANIFEST, &absent, 2);
    inline["data"] = "e30=".into();
    for (listed, words, why) in [
        (entry(MANIFEST, &absent, 7), "answered 404", "what is not there"),
        (inline, "answered 404", "content in the list itself"),
        (entry("text/plain", &absent, 7), "answered 404", "a type that is no image's"),
        (
            entry(MANIFEST, "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709", 7),
            "the index cannot be read",
            "a weak digest",
        ),
        (entry(MANIFEST, &child, usize::MAX), "", "the true one, with another size"),
        (entry(INDEX, &child, size), "", "the true one, as an index"),
    ] {
        let index =
            json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [entry(MANIFEST, &child, size), listed] });
        let bytes = index.to_string().into_bytes();
        let index = fixture.aws.registry.plant("127.0.0.1", "app", "lies", INDEX, bytes);
        let image = format!("{host}/app@{index}");
        fixture.sign(&[&image]).exits(0, why);
        let ran = verify(&fixture, &[&image, "--recursive"]).exits(i32::from(!words.is_empty()), why);
        assert!(ran.stderr.contains(words), "{why}: {ran:?}");
    }
}
