//! `verify`: from an image to a verdict, with the built program.

use serde_json::{Value, json};

use crate::support::{
    loopback::{ACCOUNT, REGION},
    program::Outcome,
    signing_fixture::{INDEX, MANIFEST, SigningFixture},
};

/// A machine with one image, signed by the profile `app`: the image by digest.
fn signed() -> (SigningFixture, String) {
    let fixture = SigningFixture::new();
    let image = format!("{}/app@{}", fixture.host(), fixture.push("app", "v1"));
    fixture.sign(&[&image]).exits(0, "signed");
    (fixture, image)
}

/// Verifies without files: by the profile and the loopback's root.
fn verify(fixture: &SigningFixture, arguments: &[&str]) -> Outcome {
    let root = fixture.root();
    fixture.run(&[&["verify", "--signing-profile", &fixture.profile, "--signer-root", &root], arguments].concat())
}

/// The result of each check of a signature, and its reason.
fn checks(signature: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let checks = signature["checks"].as_array().unwrap().iter();
    checks.map(|check| (text(&check["name"]), text(&check["result"]), text(&check["reason"]))).collect()
}

/// The first check that keeps a signature from being verified, and its reason.
fn failed(signature: &Value) -> (String, String) {
    let failed = checks(signature).into_iter().find(|(_, result, _)| result == "failed");
    failed.map(|(name, _, reason)| (name, reason)).unwrap_or_default()
}

#[test]
fn without_a_file_an_image_is_verified_by_its_profile() {
    let (fixture, image) = signed();
    let version = fixture.signer.version_arn(ACCOUNT, REGION, "app").unwrap();
    let before = fixture.aws.calls().len();
    let ran = verify(&fixture, &[&image]).exits(0, "verified");
    let calls: Vec<String> = fixture.aws.calls()[before..].iter().map(|call| call.operation.clone()).collect();
    assert!(calls.len() <= 5, "at most five requests for one signature: {calls:?}");
    assert!(ran.stdout.starts_with(&format!("verified {image}\n")), "{ran:?}");
    assert!(ran.stdout.contains(&format!("signed by     {version}\n")), "{ran:?}");
    assert_eq!(ran.stderr, "", "{ran:?}");
    for check in ["integrity", "authenticity", "identity", "expiry", "timestamp", "revocation"] {
        let line = ran.stdout.lines().find(|line| line.trim_start().starts_with(check)).unwrap_or_default();
        assert!(line.contains("  passed  "), "{check}: {ran:?}");
    }
    assert!(!fixture.home.path().join(".config/notation").exists(), "no file was made");
}

#[test]
fn a_tag_is_resolved_once_and_the_digest_told() {
    let (fixture, image) = signed();
    let tag = format!("{}/app:v1", fixture.host());
    let ran = verify(&fixture, &[&tag]).exits(0, "verified");
    assert!(ran.stdout.starts_with(&format!("verified {image}\n")), "{ran:?}");
    assert!(ran.stderr.contains(&format!("{tag} can move; what is verified, and what to run, is {image}")), "{ran:?}");
    let quiet = verify(&fixture, &[&tag, "--quiet"]).exits(0, "verified");
    assert_eq!(quiet.stdout, format!("{image}\n"), "what a script runs");
}

/// The members that programs read.
#[test]
fn the_verdict_for_programs() {
    let (fixture, image) = signed();
    let told = verify(&fixture, &[&image, "--output", "json"]).exits(0, "verified").json();
    assert_eq!(told["version"], 1);
    let one = &told["images"][0];
    assert_eq!(one["reference"], image.as_str());
    assert_eq!(one["digest"], image.split_once('@').unwrap().1);
    assert_eq!(
        (&one["verified"], &one["level"], &one["statement"]),
        (&json!(true), &json!("strict"), &json!("signing-profile"))
    );
    assert_eq!(one["error"], Value::Null);
    let signature = &one["signatures"][0];
    assert_eq!(signature["verified"], true);
    assert!(signature["digest"].as_str().unwrap().starts_with("sha256:"));
    let names: Vec<String> = checks(signature).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(
        names,
        ["integrity", "authenticity", "identity", "expiry", "timestamp", "revocation", "metadata"],
        "the specification's order"
    );
    assert_eq!(checks(signature)[6].1, "skipped");
    assert_eq!(checks(signature)[0].1, "passed");

    let other = format!("{}2", fixture.profile);
    let root = fixture.root();
    let ran = fixture.run(&["verify", &image, "--signing-profile", &other, "--signer-root", &root, "--output", "json"]);
    let told = ran.exits(1, "another profile").json();
    let one = &told["images"][0];
    assert_eq!(one["verified"], false);
    assert!(one["error"].as_str().unwrap().contains("no signature of it satisfies the trust policy"), "{one:#}");
    assert_eq!(failed(&one["signatures"][0]).0, "identity");
    assert_eq!(checks(&one["signatures"][0])[5].1, "not_reached");
}

#[test]
fn who_verifies_says_whom_to_trust() {
    let (fixture, image) = signed();
    let ran = fixture.run(&["verify", &image]).exits(1, "nobody is trusted");
    for part in ["there is no trust policy", "--signing-profile ARN", "trust init"] {
        assert!(ran.stderr.contains(part), "{part}: {ran:?}");
    }
    let ran = fixture.run(&["verify", &image, "--signing-profile", "app"]).exits(1, "a name is anybody's");
    assert!(ran.stderr.contains("arn:aws:signer:REGION:ACCOUNT:/signing-profiles/NAME"), "{ran:?}");
    let ran = fixture.run(&["verify", &image, "--signing-profile", &fixture.profile]).exits(1, "a root of our own");
    assert!(ran.stderr.contains("authenticity: no certificate of its chain is in the trust store"), "{ran:?}");
    assert!(!ran.stdout.contains("\nverified") && ran.stdout.starts_with("not verified "), "{ran:?}");
    let ran = fixture.run(&["verify", &image, "--signing-profile", &fixture.profile, "--policy", "x"]);
    ran.exits(2, "one of the two");
    fixture.run(&["verify"]).exits(2, "no image");
    let help = fixture.run(&["verify", "--help"]).exits(0, "help");
    assert!(help.stdout.trim_end().ends_with("docker run \"$image\""), "it ends with examples: {help:?}");
}

#[test]
fn a_version_is_that_version_alone() {
    let (fixture, image) = signed();
    let (version, root) = (fixture.signer.version_arn(ACCOUNT, REGION, "app").unwrap(), fixture.root());
    let by = |profile: &str| fixture.run(&["verify", &image, "--signer-root", &root, "--signing-profile", profile]);
    by(&version).exits(0, "the version that signed");
    let other = version.replace(&version[version.len() - 10..], "0000000000");
    let ran = by(&other).exits(1, "another version");
    assert!(ran.stderr.contains("identity: it is by") && ran.stderr.contains("0000000000"), "{ran:?}");
}

/// `signing-profile` of config.toml makes the option needless for `sign` and `verify` both.
#[test]
fn a_rule_names_the_profile() {
    let fixture = SigningFixture::new();
    let image = format!("{}/app@{}", fixture.host(), fixture.push("app", "v1"));
    let rule = |profile: &str| {
        fixture.configure(&format!("[[registry]]\nmatch = \"127.0.0.1:*\"\nsigning-profile = \"{profile}\"\n"));
    };
    let root = fixture.root();
    let run = |command: &str| fixture.run(&[command, &image, "--signer-root", &root]);
    rule(&fixture.profile);
    assert!(run("sign").exits(0, "signed").stdout.contains(&fixture.profile));
    assert!(run("verify").exits(0, "verified").stdout.contains("signing-profile (strict)"));
    rule(&format!("{}2", fixture.profile));
    assert!(run("verify").exits(1, "another profile").stderr.contains("identity: it is by"));
    rule("app");
    let ran = run("verify").exits(1, "no ARN");
    assert!(ran.stderr.contains("config.toml:3: signing-profile = \"app\" is no ARN"), "{ran:?}");
    fixture.configure("[[registry]]\nmatch = \"127.0.0.1:*\"\nprofile = \"default\"\n");
    let ran = run("sign").exits(1, "no profile");
    assert!(
        ran.stderr.contains("--signing-profile") && ran.stderr.contains("signing-profile in config.toml"),
        "{ran:?}"
    );
}

/// Notation's own files, and what each level makes of a revoked signature.
#[test]
fn policy_files_decide() {
    let (fixture, image) = signed();
    let repository = image.split_once('@').unwrap().0;
    let policy = |level: &str, scope: &str| {
        let policy = json!({ "version": "1.0", "trustPolicies": [{
            "name": "ours", "registryScopes": [scope], "signatureVerification": { "level": level },
            "trustStores": ["signingAuthority:loopback"], "trustedIdentities": [fixture.profile],
        }] });
        fixture.write(".config/notation/trustpolicy.json", &policy.to_string())
    };
    let path = policy("strict", repository);
    let ran = fixture.run(&["verify", &image]).exits(1, "no such store");
    assert!(ran.stderr.contains("authenticity: the trust store signingAuthority:loopback does not exist"), "{ran:?}");
    let root = fixture.signer.chain.root_pem.clone();
    fixture.write(".config/notation/truststore/x509/signingAuthority/loopback/root.pem", &root);
    let ran = fixture.run(&["verify", &image]).exits(0, "verified");
    assert!(ran.stdout.contains("trust policy  ours (strict)"), "{ran:?}");

    policy("strict", "h.example/other");
    let ran = fixture.run(&["verify", &image]).exits(1, "no statement");
    assert!(ran.stderr.contains(&format!("no statement is for {repository}")), "{ran:?}");

    let version = fixture.signer.version_arn(ACCOUNT, REGION, "app").unwrap();
    fixture.signer.revoke(&version);
    for (level, status) in [("strict", 1), ("permissive", 0), ("audit", 0)] {
        policy(level, "*");
        let ran = fixture.run(&["verify", &image, "--output", "json"]).exits(status, level);
        let check = checks(&ran.json()["images"][0]["signatures"][0])[5].clone();
        assert_eq!(check.1, if status == 0 { "logged" } else { "failed" }, "{level}");
        assert!(check.2.contains(&format!("it is revoked: {version}")), "{check:?}");
        let told = if status == 0 { "revocation does not hold" } else { "revocation: it is revoked" };
        assert!(ran.stderr.contains(told), "{level}: {ran:?}");
    }

    // Named files come first.
    let moved = fixture.write("elsewhere/policy.json", &std::fs::read_to_string(&path).unwrap());
    fixture.write("stores/x509/signingAuthority/loopback/root.pem", &root);
    let stores = fixture.home.path().join("stores").display().to_string();
    std::fs::remove_dir_all(fixture.home.path().join(".config/notation")).unwrap();
    let named = ["verify", &image, "--policy", moved.to_str().unwrap(), "--trust-store", &stores];
    fixture.run(&named).exits(0, "audit");
    fixture.write("elsewhere/policy.json", "{}");
    fixture.run(&named).exits(1, "no policy");
    fixture.write(
        "elsewhere/policy.json",
        &json!({ "version": "1.0", "trustPolicies": [{
        "name": "none", "registryScopes": [repository], "signatureVerification": { "level": "skip" },
    }] })
        .to_string(),
    );
    let ran = fixture.run(&named).exits(0, "skip");
    assert_eq!(ran.stdout, format!("not checked {image}\n"), "and never `verified`");
    assert!(ran.stderr.contains("`none` of the trust policy says skip"), "{ran:?}");
    let told = fixture.run(&[&named[..], &["--output", "json"]].concat()).exits(0, "skip").json();
    assert_eq!((&told["images"][0]["verified"], &told["images"][0]["level"]), (&json!(false), &json!("skip")));
}

#[test]
fn metadata_must_be_signed() {
    let fixture = SigningFixture::new();
    let image = format!("{}/app@{}", fixture.host(), fixture.push("app", "v1"));
    fixture.sign(&[&image, "-m", "team=blue", "-m", "build=7"]).exits(0, "signed");
    for (wanted, expected, why) in [
        (&["team=blue"][..], "", "a part"),
        (&["team=blue", "build=7"], "", "all"),
        (&["team=red"], "the metadata `team` is `blue`, not `red`", "another value"),
        (&["team=blue", "stage=1"], "the metadata `stage` is not signed", "more"),
    ] {
        let options: Vec<&str> = wanted.iter().flat_map(|pair| ["-m", pair]).collect();
        let ran = verify(&fixture, &[&[image.as_str()], &options[..]].concat());
        let ran = ran.exits(i32::from(!expected.is_empty()), why);
        assert!(ran.stderr.contains(expected), "{why}: {ran:?}");
    }
}

/// The first signature that holds decides; where none does, each has its reason.
#[test]
fn one_good_signature_is_enough() {
    let (fixture, image) = signed();
    let digest = image.split_once('@').unwrap().1.to_owned();
    for _ in 0..2 {
        fixture.sign(&[&image]).exits(0, "signed again");
    }
    let told = fixture.run(&["signatures", "list", &image, "--output", "json"]).exits(0, "list").json();
    let signatures = told["signatures"].as_array().unwrap();
    assert_eq!(signatures.len(), 3);
    for (revoked, signature) in signatures.iter().enumerate() {
        verify(&fixture, &[&image]).exits(0, format!("{revoked} of 3 are revoked"));
        fixture.signer.revoke(signature["signing_job"].as_str().unwrap());
    }
    fixture.push_envelope("app", &digest, "application/jose+json", b"not an envelope");
    let ran = verify(&fixture, &[&image, "--output", "json"]).exits(1, "all are revoked");
    let told = ran.json();
    let judged = told["images"][0]["signatures"].as_array().unwrap();
    assert_eq!(judged.len(), 4);
    for signature in signatures {
        let found = judged.iter().find(|judged| judged["digest"] == signature["digest"]).unwrap();
        let (check, reason) = failed(found);
        assert_eq!(check, "revocation");
        assert!(reason.contains(signature["signing_job"].as_str().unwrap()), "{reason}");
    }
    assert_eq!(judged.iter().filter(|judged| failed(judged).0 == "integrity").count(), 1);
    assert_eq!(ran.stderr.matches(": revocation: it is revoked: ").count(), 3, "{ran:?}");

    let ran = verify(&fixture, &[&image, "--max-signatures", "1"]).exits(1, "one of four");
    assert!(ran.stderr.contains("3 more were not judged"), "{ran:?}");
}

/// AWS is asked about nothing that fails without it.
#[test]
fn aws_is_asked_last() {
    let (fixture, image) = signed();
    let (other, root) = (format!("{}2", fixture.profile), fixture.root());
    fixture.run(&["verify", &image, "--signing-profile", &other, "--signer-root", &root]).exits(1, "another profile");
    verify(&fixture, &[&image, "-m", "a=b"]).exits(1, "no such metadata");
    assert_eq!(fixture.aws.count("GetRevocationStatus"), 0);
}

#[test]
fn many_images_and_what_an_index_lists() {
    let (fixture, image) = signed();
    let (host, other) = (fixture.host(), fixture.push("app", "v2"));
    let child = image.split_once('@').unwrap().1.to_owned();
    let index = fixture.push_index("app", "all", &[(MANIFEST, child), (MANIFEST, other.clone())]);
    let [index, other] = [index, other].map(|digest| format!("{host}/app@{digest}"));
    fixture.sign(&[&index]).exits(0, "the index");
    verify(&fixture, &[&index]).exits(0, "its own signature");
    let ran = verify(&fixture, &[&index, "--recursive", "--verbose"]).exits(1, "one of its parts has none");
    assert!(
        ran.stdout.contains(&format!("verified {index}\n")) && ran.stdout.contains(&format!("\nverified {image}\n"))
    );
    assert!(ran.stderr.contains(&format!("{other} is not verified")), "{ran:?}");
    assert!(ran.stderr.contains("caused by: it has no signature"), "{ran:?}");
    fixture.sign(&[&other]).exits(0, "the last part");
    let told = verify(&fixture, &[&index, "--recursive", "--output", "json"]).exits(0, "all").json();
    let verified = told["images"].as_array().unwrap().iter().map(|image| image["verified"] == true);
    assert_eq!(verified.collect::<Vec<_>>(), [true; 3]);

    let absent = format!("{host}/app:absent");
    let ran = verify(&fixture, &[&image, &absent, "--output", "json"]).exits(1, "one is not there");
    let told = ran.json();
    assert_eq!((&told["images"][0]["verified"], &told["images"][1]["verified"]), (&json!(true), &json!(false)));
    assert_eq!(told["images"][1]["digest"], Value::Null);
    assert!(told["images"][1]["error"].as_str().unwrap().contains("answered 404"), "{told:#}");
}

/// What is left of an image once it or a signature is tampered with.
#[test]
fn a_signature_is_for_one_image() {
    let (fixture, image) = signed();
    let (digest, other) = (image.split_once('@').unwrap().1, fixture.push("app", "v2"));
    let mut draft = crate::support::signer::envelope::Draft::aws(
        &fixture.signer.chain,
        &fixture.payload("app", digest),
        &fixture.signer.version_arn(ACCOUNT, REGION, "app").unwrap(),
        "arn:aws:signer:eu-west-1:111122223333:/signing-jobs/6d1d0d3f-0000-4000-8000-000000000000",
        std::time::SystemTime::now(),
    );
    let envelope = draft.jws(&fixture.signer.chain);
    fixture.push_envelope("app", &other, "application/jose+json", &envelope);
    let ran = verify(&fixture, &[&format!("{}/app@{other}", fixture.host())]).exits(1, "another image's signature");
    assert!(ran.stderr.contains("integrity: it signs ") && ran.stderr.contains("not this image"), "{ran:?}");
    draft.header.clear();
    let index = fixture.push_index("app", "all", &[(MANIFEST, digest.to_owned())]);
    let ran = verify(&fixture, &[&format!("{}/app@{index}", fixture.host())])
        .exits(1, "a part's signature is not the index's");
    assert!(ran.stderr.contains("it has no signature"), "{ran:?}");
    assert_eq!(INDEX, "application/vnd.oci.image.index.v1+json");
}

/// A machine without AWS credentials verifies what needs none, and says what it lacks for the rest.
#[test]
fn without_credentials_revocation_is_not_known() {
    let (fixture, image) = signed();
    let policy = |level: &str| {
        let policy = json!({ "version": "1.0", "trustPolicies": [{
            "name": "ours", "registryScopes": ["*"], "signatureVerification": { "level": level },
            "trustStores": ["signingAuthority:loopback"], "trustedIdentities": [fixture.profile],
        }] });
        fixture.write("policy.json", &policy.to_string()).display().to_string()
    };
    let root = fixture.root();
    let program = fixture.program().with("AWS_CONFIG_FILE", "/absent").with("AWS_REGION", REGION);
    let run = |level: &str| program.run(&["verify", &image, "--policy", &policy(level), "--signer-root", &root], "");
    let ran = run("strict").exits(1, "strict");
    assert!(ran.stderr.contains("revocation: it is not known whether it is revoked: "), "{ran:?}");
    assert!(ran.stderr.contains("hint: "), "{ran:?}");
    run("permissive").exits(0, "permissive");
}
