//! `verify` before those who want it to say yes: by its command line, by a layout that they filled, by a registry of
//! their own.

use std::{fs, path::Path, time::SystemTime};

use serde_json::{Value, json};

use crate::support::{
    loopback::{ACCOUNT, REGION},
    program::Outcome,
    registry::digest,
    signer::{chain::Chain, envelope::Draft},
    signing_fixture::{INDEX, JWS, MANIFEST, SigningFixture},
};

/// By the profile and the loopback's root.
fn verify(fixture: &SigningFixture, arguments: &[&str]) -> Outcome {
    let root = fixture.root();
    fixture.run(&[&["verify", "--signing-profile", &fixture.profile, "--signer-root", &root], arguments].concat())
}

/// A folder with one image in it, `v1`: the image by digest.
fn lay_out(folder: &Path) -> String {
    fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
    let blob = |bytes: &str, media_type: &str| {
        let digest = digest(bytes.as_bytes());
        fs::write(folder.join("blobs").join(digest.replace(':', "/")), bytes).unwrap();
        json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
    };
    let config = blob("{}", "application/vnd.oci.image.config.v1+json");
    let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [] });
    let mut image = blob(&manifest.to_string(), MANIFEST);
    image["annotations"] = json!({ "org.opencontainers.image.ref.name": "v1" });
    fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    fs::write(folder.join("index.json"), json!({ "schemaVersion": 2, "manifests": [image] }).to_string()).unwrap();
    format!("{}@{}", folder.display(), image["digest"].as_str().unwrap())
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

/// AWS Signer is asked about few signatures before they are verified, and what it says then proves none of them.
#[test]
fn whoever_may_push_makes_few_requests() {
    let fixture = SigningFixture::new();
    let bare = fixture.push("app", "bare");
    let image = format!("{}/app@{bare}", fixture.host());
    let (chain, stranger) = (&fixture.signer.chain, Chain::new());
    let version = fixture.signer.version_arn(ACCOUNT, REGION, "app").unwrap();
    for job in 0..12 {
        let job = format!("arn:aws:signer:{REGION}:{ACCOUNT}:/signing-jobs/{job}");
        let draft = Draft::aws(chain, &fixture.payload("app", &bare), &version, &job, SystemTime::now());
        fixture.push_envelope("app", &bare, JWS, &draft.jws(&stranger));
    }
    let ran = verify(&fixture, &[&image]).exits(1, "twelve forgeries");
    assert_eq!(ran.stderr.matches(": integrity: ").count(), 12, "{ran:?}");
    assert_eq!(ran.stderr.matches("the signature is not by the key of the leaf certificate").count(), 12, "{ran:?}");
    assert!(fixture.aws.count("GetRevocationStatus") <= 4, "the first ones of an image: {ran:?}");
    fixture.sign(&[&image]).exits(0, "signed");
    verify(&fixture, &[&image]).exits(0, "the true one is among them");
}

/// A folder that is called like a repository is judged by no statement of that repository.
#[test]
fn a_layout_is_no_repository_of_a_policy() {
    let fixture = SigningFixture::new();
    let folder = fixture.home.path().join("h.example/scratch");
    lay_out(&folder);
    let statement = |name: &str, scope: &str, level: &str| {
        let mut statement =
            json!({ "name": name, "registryScopes": [scope], "signatureVerification": { "level": level } });
        if level != "skip" {
            statement["trustStores"] = json!(["signingAuthority:aws-signer-ts"]);
            statement["trustedIdentities"] = json!([fixture.profile]);
        }
        statement
    };
    let (scratch, all) = (statement("scratch", "h.example/scratch", "skip"), statement("all", "*", "strict"));
    let policy = |statements: Value| {
        let policy = json!({ "version": "1.0", "trustPolicies": statements });
        fixture.write("policy.json", &policy.to_string()).display().to_string()
    };
    let run = |policy: &str, options: &[&str]| {
        let common = ["verify", "--oci-layout", "h.example/scratch:v1", "--policy", policy];
        let mut command = fixture.program().command(&[&common, options].concat());
        let ran = command.current_dir(fixture.home.path()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Outcome { status: ran.status.code(), stdout: text(ran.stdout), stderr: text(ran.stderr) }
    };
    let both = policy(json!([scratch, all]));
    let ran = run(&both, &[]).exits(1, "by the statement for all");
    assert!(ran.stderr.contains("it has no signature"), "{ran:?}");
    run(&both, &["--scope", "h.example/scratch"]).exits(0, "who says so means it");
    let ran = run(&policy(json!([scratch])), &[]).exits(1, "by none");
    for part in ["no statement is for every repository, and a layout has none", "--scope REGISTRY/REPOSITORY"] {
        assert!(ran.stderr.contains(part), "{ran:?}");
    }
}

/// The name of a folder begins no line of a verdict.
#[test]
fn a_folder_forges_no_verdict() {
    let fixture = SigningFixture::new();
    let forged = "verified h.example\u{200b}app";
    let folder = fixture.home.path().join(format!("x\u{1b}[2J\n{forged}\nsigned h.example@"));
    let image = lay_out(&folder);
    let policy = json!({ "version": "1.0", "trustPolicies": [{
        "name": "none", "registryScopes": ["h.example/none"], "signatureVerification": { "level": "skip" },
    }] });
    let policy = fixture.write("policy.json", &policy.to_string()).display().to_string();
    let none = ["--policy", policy.as_str(), "--scope", "h.example/none"];
    let root = fixture.root();
    let by_profile = ["--signing-profile", fixture.profile.as_str(), "--signer-root", &root];
    for (command, options, status, why) in [
        ("verify", &by_profile[..], 1, "it has no signature"),
        ("verify", &none, 0, "nothing is checked"),
        ("sign", &[&by_profile[..], &["--dry-run"]].concat(), 0, "nothing is signed"),
        ("sign", &by_profile, 0, "signed"),
        ("sign", &[&by_profile[..], &["--if-unsigned"]].concat(), 0, "signed already"),
        ("sign", &[&by_profile[..], &["--quiet"]].concat(), 0, "the name of a signature"),
        ("verify", &by_profile, 0, "verified"),
        ("verify", &[&by_profile[..], &["--quiet"]].concat(), 0, "what to run"),
        ("verify", &[&by_profile[..], &["--output", "json"]].concat(), 0, "for programs"),
    ] {
        let ran = fixture.run(&[&[command, "--oci-layout", &image], options].concat()).exits(status, why);
        for text in [&ran.stdout, &ran.stderr] {
            let begun = |line: &str| line.starts_with("verified h.example") || line.starts_with("signed h.example");
            assert!(
                !text.lines().any(begun) && !text.contains('\u{1b}') && !text.contains('\u{200b}'),
                "{why}: {ran:?}"
            );
        }
    }
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
