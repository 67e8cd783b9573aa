//! The commands around a signature: many images, profiles, lists, deletion.

use crate::support::{
    aws::faults::Fault,
    loopback::{ACCOUNT, REGION},
    registry,
    signing_fixture::{INDEX, MANIFEST, SigningFixture},
};
use serde_json::{Value, json};

#[test]
fn an_index_is_signed_with_everything_that_it_lists() {
    let fixture = SigningFixture::new();
    let children = ["amd64", "arm64", "attestation"].map(|name| fixture.push("app", name));
    let listed: Vec<(&str, String)> = children.iter().map(|digest| (MANIFEST, digest.clone())).collect();
    let inner = fixture.push_index("app", "inner", &listed);
    let outer = fixture.push_index("app", "v1", &[(INDEX, inner.clone()), (MANIFEST, children[0].clone())]);
    let image = format!("{}/app", fixture.host());
    let told = fixture.sign(&[&format!("{image}:v1"), "--recursive", "--output", "json"]).exits(0, "signed").json();
    let images: Vec<&str> =
        told["images"].as_array().unwrap().iter().map(|one| one["image"].as_str().unwrap()).collect();
    let expected: Vec<String> =
        [&outer, &inner, &children[0], &children[1], &children[2]].map(|digest| format!("{image}@{digest}")).into();
    assert_eq!(images, expected, "an index before what it lists, and each once");
    let dry = ["--recursive", "--dry-run"];
    for (more, blocks, words, why) in [
        (&[][..], 1, "\nand 4 more, which --verbose names\n", "a summary"),
        (&["--verbose"], 5, "would sign", "every one"),
    ] {
        let text = fixture.sign(&[&[format!("{image}:v1").as_str()], &dry[..], more].concat()).exits(0, why).stdout;
        assert_eq!(text.matches("would sign ").count(), blocks, "{why}: {text}");
        assert!(text.contains(words), "{why}: {text}");
    }
    assert_eq!(fixture.aws.count("SignPayload"), 5);

    let again = fixture.sign(&[&format!("{image}:v1"), "--recursive", "--if-unsigned", "--output", "json"]);
    let again = again.exits(0, "again").json();
    assert!(again["images"].as_array().unwrap().iter().all(|one| one["status"] == "already-signed"), "{again}");
    assert_eq!(fixture.aws.count("SignPayload"), 5, "nothing was signed twice");
    let other = fixture.sign(&[&format!("{image}@{outer}"), "--if-unsigned", "-m", "build=1", "--output", "json"]);
    assert_eq!(other.json()["images"][0]["status"], "signed", "other metadata is another signature");
}

#[test]
fn one_bad_image_fails_the_run_and_no_other() {
    let fixture = SigningFixture::new();
    fixture.push("app", "v1");
    fixture.push("app", "v2");
    let image = |tag: &str| format!("{}/app:{tag}", fixture.host());
    let ran = fixture.sign(&[&image("v1"), &image("absent"), &image("v2"), &image("v1")]).exits(1, "one is not there");
    assert_eq!(ran.stdout.matches("signed 127").count(), 2, "{ran:?}");
    assert!(ran.stderr.contains(&format!("error: {} was not signed", image("absent"))), "{ran:?}");
    assert!(ran.stderr.contains("2 of 3 images done, 1 failed"), "{ran:?}");
    assert!(ran.stdout.contains("  tag:       v1 (it can move; the digest is what is signed)\n"), "{ran:?}");
    let profile = format!("    --signing-profile {}\n", fixture.profile);
    assert!(ran.stdout.contains("to verify:\n  docker-credential-ecr-rs verify --signer-root "), "{ran:?}");
    assert!(ran.stdout.ends_with(&profile), "how to go on: {ran:?}");
    let quiet = fixture.sign(&[&image("v2"), "--quiet"]).exits(0, "quiet");
    assert!(quiet.stderr.is_empty(), "{quiet:?}");
    assert_eq!(quiet.stdout.lines().count(), 1, "{quiet:?}");
    let json = fixture.sign(&[&image("absent"), "--output", "json"]).exits(1, "it is not there").json();
    assert!(json["images"][0]["status"] == "failed" && json["images"][0]["hint"].is_string(), "{json}");
}

#[test]
fn a_dry_run_calls_nobody_who_signs_or_stores() {
    let fixture = SigningFixture::new();
    let digest = fixture.push("app", "v1");
    let before = fixture.pushes();
    let image = format!("{}/app:v1", fixture.host());
    let ran = fixture.sign(&[&image, "--dry-run", "-m", "a=b", "--output", "json"]).exits(0, "a dry run");
    let told = &ran.json()["images"][0];
    assert_eq!(told["payload"]["targetArtifact"]["digest"], digest);
    assert_eq!(told["payload"]["targetArtifact"]["annotations"], json!({ "a": "b" }));
    assert_eq!(told["manifest"]["subject"]["digest"], digest);
    let text = fixture.sign(&[&image, "--dry-run"]);
    assert!(
        text.stdout.contains("would sign ") && text.stdout.contains("payload (") && text.stdout.contains("manifest: {")
    );
    assert_eq!((fixture.aws.count("SignPayload"), fixture.pushes()), (0, before));
}

#[test]
fn a_build_tools_file_names_the_images() {
    let fixture = SigningFixture::new();
    let digest = fixture.push("app", "v1");
    fixture.push("app", "v2");
    let file = fixture.home.path().join("metadata.json");
    let image = format!("{}/app", fixture.host());
    let metadata = json!({ "containerimage.digest": digest, "image.name": format!("{image}:v2") });
    std::fs::write(&file, metadata.to_string()).unwrap();
    let ran = fixture.sign(&["--digest-file", file.to_str().unwrap(), "--output", "json"]).exits(0, "signed");
    assert_eq!(
        ran.json()["images"][0]["image"],
        format!("{image}@{digest}"),
        "the digest counts, wherever the tag is now"
    );
    let absent = fixture.sign(&["--digest-file", "/absent"]).exits(1, "no file");
    assert!(absent.stderr.contains("cannot read /absent"), "{absent:?}");
    let usage = fixture.sign(&[]).exits(2, "neither image nor file");
    assert!(usage.stderr.contains("IMAGE"), "{usage:?}");
}

#[test]
fn a_profile_has_a_life() {
    let fixture = SigningFixture::new();
    fixture.push("app", "v1");
    let image = format!("{}/app:v1", fixture.host());
    let create = ["profile", "create", "fresh", "--validity", "90days", "--tag", "team=blue"];
    let created = fixture.run(&create).exits(0, "created");
    let version = fixture.signer.version_arn(ACCOUNT, REGION, "fresh").unwrap();
    assert_eq!(created.stdout.trim(), version);
    let twice = fixture.run(&["profile", "create", "fresh"]).exits(1, "created twice");
    assert!(twice.stderr.contains("already"), "{twice:?}");
    let shown = fixture.run(&["profile", "show", "fresh", "--output", "json"]).exits(0, "show").json();
    assert_eq!(shown["version_arn"], version);
    assert_eq!(shown["validity"], "90 DAYS");
    assert_eq!(shown["tags"], json!({ "team": "blue" }));
    let listed = fixture.run(&["profile", "list", "--output", "json"]).exits(0, "list").json();
    let names: Vec<&Value> = listed["profiles"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["app", "fresh"]);

    let lost = fixture.run(&["sign", &image, "--signing-profile", "nowhere"]).exits(1, "there is none");
    assert!(lost.stderr.contains(&format!("profile create nowhere --region {REGION}")), "{lost:?}");
    let text = std::fs::read_to_string(fixture.home.path().join("aws")).unwrap();
    let file = fixture.write("regionless", &text.replace(&format!("region = {REGION}\n"), ""));
    let regionless = fixture.program().with("AWS_CONFIG_FILE", file).without("AWS_REGION");
    let nowhere = regionless.run(&["profile", "create", "nowhere"], "").exits(1, "a profile stays where it is");
    assert!(nowhere.stderr.contains("no region is chosen") && nowhere.stderr.contains("--region"), "{nowhere:?}");
    let there = format!("{ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com/app:v1");
    regionless.run(&["profile", "create", "there", "--for", &there], "").exits(0, "the image's own region");
    assert!(fixture.signer.version_arn(ACCOUNT, "eu-central-1", "there").is_some());

    let cancel = ["profile", "cancel", "fresh"];
    let asked = fixture.run(&cancel).exits(1, "no terminal, no yes");
    assert!(asked.stderr.contains("add --yes"), "{asked:?}");
    let (status, screen) = fixture.run_at_terminal(&cancel, "n\n");
    assert!(status == 1 && screen.contains("[y/N]") && screen.contains("nothing was done"), "{screen}");
    let (status, screen) = fixture.run_at_terminal(&cancel, "y\n");
    assert!(status == 0, "{screen}");
    let root = fixture.root();
    let sign_with_it = ["sign", &image, "--signing-profile", "fresh", "--signer-root", &root];
    let canceled = fixture.run(&sign_with_it).exits(1, "canceled");
    assert!(canceled.stderr.contains("is canceled"), "{canceled:?}");
    assert!(fixture.run(&["profile", "list", "--all"]).exits(0, "list").stdout.contains("fresh  canceled"));

    let revoked = fixture.run(&["profile", "revoke", "app", "--reason", "leaked", "--yes"]).exits(0, "revoked");
    assert!(revoked.stdout.starts_with("revoked arn:aws:signer:"), "{revoked:?}");
    let unknown = fixture.run(&["profile", "show", "absent"]).exits(1, "there is none");
    assert!(unknown.stderr.contains("there is no signing profile absent in eu-west-1"), "{unknown:?}");

    let sign = ["sign", &image, "--signing-profile", "made_now", "--signer-root", &root, "--create-profile"];
    let signed = fixture.run(&sign).exits(0, "created and used");
    assert!(signed.stderr.contains("created the signing profile arn:"), "{signed:?}");
    assert!(!fixture.run(&sign).exits(0, "again").stderr.contains("created"), "the second run finds it");
    for number in 0..30 {
        fixture.signer.add_profile(ACCOUNT, REGION, &format!("many_{number}"));
    }
    let all = fixture.run(&["profile", "list", "--output", "json"]).exits(0, "list").json();
    assert_eq!(all["profiles"].as_array().map(Vec::len), Some(31), "every page is read");
    fixture.aws.faults.always("ListSigningProfiles", Fault::AccessDenied);
    let denied = fixture.run(&["profile", "list"]).exits(1, "denied");
    assert!(denied.stderr.contains("allow signer:ListSigningProfiles"), "{denied:?}");
}

#[test]
fn signatures_are_listed_inspected_and_deleted() {
    for referrers in [true, false] {
        let fixture = SigningFixture::new();
        fixture.aws.registry.behave(|personality| personality.referrers = referrers);
        let digest = fixture.push("app", "v1");
        let image = format!("{}/app@{digest}", fixture.host());
        assert!(fixture.run(&["signatures", "list", &image]).exits(0, "list").stdout.contains("no signatures"));
        let first =
            fixture.sign(&[&image, "--output", "json"]).json()["images"][0]["signature"].as_str().unwrap().to_owned();
        let second =
            fixture.sign(&[&image, "--output", "json"]).json()["images"][0]["signature"].as_str().unwrap().to_owned();
        let inspect = ["signatures", "inspect", &image, "--signer-root", &fixture.root()];
        let tree = fixture.run(&inspect).exits(0, "inspect").stdout;
        for part in
            ["signing profile version: arn:", "signing job: arn:", "expiry: ", "certificates", "sha256: ", "AWS Signer"]
        {
            assert!(tree.contains(part), "{part}: {tree}");
        }
        let delete = |arguments: &[&str]| fixture.run(&[&["signatures", "delete", &image], arguments].concat());
        let asked = delete(&["--signature", &first]).exits(1, "no terminal, no yes");
        assert!(asked.stderr.contains("add --yes"), "{asked:?}");
        let foreign = delete(&["--signature", &digest, "--yes"]).exits(1, "the image itself stays");
        assert!(foreign.stderr.contains("is no signature of"), "{foreign:?}");
        delete(&["--signature", &first, "--yes"]).exits(0, "one of two");
        let left = fixture.run(&["signatures", "list", &image]).exits(0, "list").stdout;
        assert!(left.contains(&second) && !left.contains(&first), "{left}");
        delete(&["--all", "--yes"]).exits(0, "the other");
        assert!(fixture.run(&["signatures", "list", &image]).exits(0, "list").stdout.contains("no signatures"));
    }
}

#[test]
fn a_signature_that_cannot_be_read_is_told() {
    let fixture = SigningFixture::new();
    let digest = fixture.push("app", "v1");
    let image = format!("{}/app@{digest}", fixture.host());
    fixture.sign(&[&image]).exits(0, "a good one");
    fixture.push_blob("app", b"{}");
    fixture.push_blob("app", b"not an envelope");
    let descriptor = |media_type: &str, bytes: &[u8]| json!({ "mediaType": media_type, "digest": registry::digest(bytes), "size": bytes.len() });
    let broken = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.cncf.notary.signature",
        "config": descriptor("application/vnd.oci.empty.v1+json", b"{}"),
        "layers": [descriptor("application/jose+json", b"not an envelope")],
        "subject": { "mediaType": MANIFEST, "digest": digest, "size": fixture.stored("app", &digest).len() },
    });
    let bytes = broken.to_string();
    let name = registry::digest(bytes.as_bytes());
    fixture.push_manifest("app", &name, MANIFEST, &broken);
    let ran = fixture.run(&["signatures", "list", &image]).exits(1, "a broken one");
    assert!(ran.stdout.contains("cannot be read: the JWS envelope"), "{ran:?}");
    assert!(ran.stdout.contains(&fixture.profile), "the good one is told all the same: {ran:?}");
}
