//! Whose a signature is, when one is enough, and what may be deleted.

use serde_json::{Value, json};

use crate::support::{
    aws::faults::Fault,
    loopback::{ACCOUNT, OTHER_ACCOUNT, REGION},
    program::Outcome,
    signer::{chain::Chain, envelope::Draft},
    signing_fixture::{INDEX, JWS, MANIFEST, SigningFixture},
};

const JOB: &str = "arn:aws:signer:eu-west-1:111122223333:/signing-jobs/6d1d0d3f-0000-4000-8000-000000000000";

/// The tag that lists the signatures of an image.
fn tag_of(image: &str) -> String {
    image.replace(':', "-")
}

/// A machine with an image, and a signature of it.
fn signed(referrers: bool) -> (SigningFixture, String, String) {
    let fixture = SigningFixture::new();
    fixture.aws.registry.behave(|personality| personality.referrers = referrers);
    let digest = fixture.push("app", "v1");
    let image = format!("{}/app@{digest}", fixture.host());
    let told = fixture.sign(&[&image, "--output", "json"]).exits(0, "signed").json();
    (fixture, digest, told["images"][0]["signature"].as_str().unwrap().to_owned())
}

/// A signature of the same image by somebody who says he is our profile.
fn forged(fixture: &SigningFixture, digest: &str) -> String {
    let (chain, version) = (Chain::new(), fixture.signer.version_arn(ACCOUNT, REGION, "app").unwrap());
    let payload = fixture.payload("app", digest);
    let draft = Draft::aws(&chain, &payload, &version, JOB, std::time::SystemTime::now());
    fixture.push_envelope("app", digest, JWS, &draft.jws(&chain))
}

#[test]
fn f2_1_what_the_tag_calls_a_signature_is_not_deleted() {
    let (fixture, digest, signature) = signed(false);
    let image = format!("{}/app@{digest}", fixture.host());
    let production = fixture.push("app", "production");
    let platforms = fixture.push_index("app", "platforms", &[(MANIFEST, production.clone())]);
    let other = fixture.push("app", "other");
    let others = fixture.push_envelope("app", &other, JWS, b"whatever it is");
    let entry = |name: &str, media_type: &str| fixture.listed_as_signature("app", name, media_type);
    let list = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [
        entry(&production, MANIFEST), entry(&platforms, INDEX), entry(&digest, MANIFEST), entry(&others, MANIFEST),
        entry(&signature, MANIFEST),
    ] });
    fixture.push_manifest("app", &tag_of(&digest), INDEX, &list);
    let delete = |arguments: &[&str]| fixture.run(&[&["signatures", "delete", &image, "--yes"], arguments].concat());

    let one = delete(&["--signature", &production]).exits(0, "it leaves the list");
    assert_eq!(one.stdout, format!("unlisted {production}\n"));
    assert!(one.stderr.contains("is no signature of this image: it stays, and is listed no more"), "{one:?}");
    let all = delete(&["--all"]).exits(0, "all");
    for name in [&platforms, &digest, &others] {
        assert!(all.stdout.contains(&format!("unlisted {name}\n")), "{all:?}");
    }
    assert!(all.stdout.contains(&format!("deleted {signature}\n")), "{all:?}");
    for (name, what) in [
        (&production, "production"),
        (&platforms, "its index"),
        (&digest, "the image"),
        (&others, "another's signature"),
    ] {
        assert!(!fixture.stored("app", name).is_empty(), "{what} is there");
    }
    let gone = fixture.aws.registry.manifest("127.0.0.1", "app", &signature);
    assert!(gone.is_none(), "the signature is not");
    let left = fixture.run(&["signatures", "list", &image]).exits(0, "list");
    assert!(left.stdout.contains("no signatures"), "{left:?}");
}

#[test]
fn f2_1_what_the_referrers_api_calls_a_signature_is_not_deleted() {
    let (fixture, digest, signature) = signed(true);
    let image = format!("{}/app@{digest}", fixture.host());
    let production = fixture.push("app", "production");
    let lie = fixture.listed_as_signature("app", &production, MANIFEST);
    fixture.aws.registry.behave(|personality| personality.lies = vec![lie]);
    for arguments in [&["--all"][..], &["--signature", &production]] {
        let ran = fixture.run(&[&["signatures", "delete", &image, "--yes"], arguments].concat());
        let ran = ran.exits(1, "one is refused");
        assert!(ran.stderr.contains("it was not deleted"), "{ran:?}");
        assert!(!fixture.stored("app", &production).is_empty(), "production is there");
    }
    assert!(fixture.aws.registry.manifest("127.0.0.1", "app", &signature).is_none(), "the signature is not");
}

/// The tag of the signatures can be put on what others run: signing moves it away and deletes nothing.
#[test]
fn f2_1_what_the_tag_pointed_to_is_deleted_only_where_it_lists_signatures() {
    let fixture = SigningFixture::new();
    fixture.aws.registry.behave(|personality| personality.referrers = false);
    let digest = fixture.push("app", "v1");
    let image = format!("{}/app@{digest}", fixture.host());
    let production = fixture.push_index("app", "production", &[(MANIFEST, digest.clone())]);
    let index: Value = serde_json::from_slice(&fixture.stored("app", &production)).unwrap();
    fixture.push_manifest("app", &tag_of(&digest), INDEX, &index);
    let ran = fixture.sign(&[&image]).exits(0, "signed");
    assert!(ran.stderr.contains("lists more than signatures"), "{ran:?}");
    assert!(!fixture.stored("app", &production).is_empty(), "production is there");
    let again = fixture.sign(&[&image]).exits(0, "signed again");
    assert!(again.stderr.contains("lists more than signatures"), "what it listed is listed still: {again:?}");
}

#[test]
fn f2_3_a_forged_signature_is_shown_as_a_claim() {
    let (fixture, digest, signature) = signed(true);
    let (image, forged) = (format!("{}/app@{digest}", fixture.host()), forged(&fixture, &digest));
    let (version, root) = (fixture.signer.version_arn(ACCOUNT, REGION, "app").unwrap(), fixture.root());
    let run = |arguments: &[&str]| fixture.run(&[&["signatures"], arguments].concat()).exits(0, "it is read");
    let line = |outcome: &Outcome, digest: &str| -> String {
        outcome.stdout.lines().find(|line| line.contains(digest)).unwrap_or_default().to_owned()
    };

    let listed = run(&["list", &image]);
    for digest in [&signature, &forged] {
        let line = line(&listed, digest);
        assert!(line.ends_with(&format!("  not by AWS Signer: claims {version}")), "no root of AWS: {line}");
    }
    let listed = run(&["list", &image, "--signer-root", &root]);
    assert!(line(&listed, &signature).ends_with(&format!("Z  {version}")), "{listed:?}");
    let claimed = line(&listed, &forged);
    assert!(claimed.ends_with(&format!("  not by the given root: claims {version}")), "{claimed}");

    let inspected = run(&["inspect", &image, "--signer-root", &root]).stdout;
    let blocks: Vec<&str> = inspected.split("  sha256:").collect();
    let block = |digest: &str| *blocks.iter().find(|block| digest.ends_with(block.lines().next().unwrap())).unwrap();
    let (ours, theirs) = (block(&signature), block(&forged));
    assert!(ours.contains(&format!("by the given root: {version}\n")) && !ours.contains("claim"), "{ours}");
    for part in ["not by the given root: ", "is what its maker claims", "signing profile version (claimed): arn:"] {
        assert!(theirs.contains(part), "{part}: {theirs}");
    }

    let told = run(&["inspect", &image, "--signer-root", &root, "--output", "json"]).json();
    for signature in told["signatures"].as_array().unwrap() {
        let trusted = signature["digest"] != forged.as_str();
        assert_eq!(signature["trusted"], trusted, "{signature:#}");
        assert_eq!(signature["signed_by"].as_str(), trusted.then_some(version.as_str()), "{signature:#}");
        assert_eq!(signature["reason"].is_string(), !trusted, "{signature:#}");
        assert_eq!(signature["profile_version"], version.as_str(), "what it says is shown all the same");
    }
    let bad = fixture.run(&["signatures", "list", &image, "--signer-root", "/absent"]).exits(1, "no such file");
    assert!(bad.stderr.contains("/absent is no root certificate"), "{bad:?}");
}

#[test]
fn f2_3_other_schemes_and_certificates_are_claims_too() {
    let (fixture, digest, _) = signed(true);
    let (chain, payload) = (&fixture.signer.chain, fixture.payload("app", &digest));
    let version = fixture.signer.version_arn(ACCOUNT, REGION, "app").unwrap();
    let image = format!("{}/app@{digest}", fixture.host());
    let mut expected = Vec::new();
    for (name, change) in [
        (
            "no profile",
            (|draft: &mut Draft| {
                draft.protected.remove("com.amazonaws.signer.signingProfileVersion");
                draft.uncritical("com.amazonaws.signer.signingProfileVersion");
            }) as fn(&mut Draft),
        ),
        ("not critical", |draft| draft.uncritical("com.amazonaws.signer.signingJob")),
        ("unknown", |draft| {
            draft.set("com.example.unknown", "x");
            draft.critical("com.example.unknown");
        }),
        ("another plugin", |draft| draft.set("io.cncf.notary.verificationPlugin", "com.example.plugin")),
    ] {
        let mut draft = Draft::aws(chain, &payload, &version, JOB, std::time::SystemTime::now());
        change(&mut draft);
        expected.push((name, fixture.push_envelope("app", &digest, JWS, &draft.jws(chain))));
    }
    let root = fixture.root();
    let told = fixture.run(&["signatures", "list", &image, "--signer-root", &root, "--output", "json"]).json();
    for (name, digest) in expected {
        let signatures = told["signatures"].as_array().unwrap();
        let found = signatures.iter().find(|signature| signature["digest"] == digest.as_str()).unwrap();
        assert_eq!(found["trusted"], false, "{name}: {found:#}");
    }
}

#[test]
fn f2_6_a_revoked_signature_is_none() {
    type Revoke = fn(&SigningFixture, &Value);
    let revokes: [(&str, Revoke); 4] = [
        ("the job", |fixture, told| fixture.signer.revoke(told["signing_job"].as_str().unwrap())),
        ("the profile", |fixture, told| fixture.signer.revoke(told["profile_version"].as_str().unwrap())),
        ("the leaf", |fixture, _| fixture.signer.revoke_certificate(0)),
        ("the root", |fixture, _| fixture.signer.revoke_certificate(3)),
    ];
    for (what, revoke) in revokes {
        let fixture = SigningFixture::new();
        let image = format!("{}/app@{}", fixture.host(), fixture.push("app", "v1"));
        let sign =
            || fixture.sign(&[&image, "--if-unsigned", "--output", "json"]).exits(0, what).json()["images"][0].clone();
        let first = sign();
        assert_eq!(first["status"], "signed", "{what}");
        let second = sign();
        assert_eq!(
            (&second["status"], &second["signature"]),
            (&json!("already-signed"), &first["signature"]),
            "{what}"
        );
        assert_eq!(fixture.aws.count("GetRevocationStatus"), 1, "{what}: asked once, for the one that is there");
        revoke(&fixture, &first);
        let third = sign();
        assert_eq!(third["status"], "signed", "{what} is revoked: {third}");
        let warning = third["warnings"][0].as_str().unwrap();
        assert!(warning.contains("was revoked: ") && warning.contains(first["signature"].as_str().unwrap()), "{third}");
    }
}

#[test]
fn f2_6_where_aws_does_not_tell_of_revocations_it_signs_anew() {
    for (fault, cause) in [
        (Fault::AccessDenied, "AccessDeniedException"),
        (Fault::Internal, "InternalFailure"),
        (Fault::Throttled, "ThrottlingException"),
        (Fault::Html, "403"),
        (Fault::Garbage, "AWS Signer cannot ask for revocations of"),
        (Fault::WrongContent, "did not say whether"),
        (Fault::Cut, "AWS Signer cannot ask for revocations of"),
    ] {
        let fixture = SigningFixture::new();
        let image = format!("{}/app@{}", fixture.host(), fixture.push("app", "v1"));
        fixture.sign(&[&image]).exits(0, "the first");
        fixture.aws.faults.always("GetRevocationStatus", fault.clone());
        let ran = fixture.sign(&[&image, "--if-unsigned"]).exits(0, format!("{fault:?}"));
        assert!(ran.stdout.contains("signed ") && !ran.stdout.contains("already"), "{fault:?}: {ran:?}");
        assert!(ran.stderr.contains("it is not known whether the signature"), "{fault:?}: {ran:?}");
        assert!(ran.stderr.contains(cause), "{fault:?}: {ran:?}");
    }
}

#[test]
fn f2_6_the_same_metadata_is_exactly_the_same() {
    let fixture = SigningFixture::new();
    let image = format!("{}/app@{}", fixture.host(), fixture.push("app", "v1"));
    let status = |metadata: &[&str], why: &str| {
        let sign = [&[image.as_str(), "--if-unsigned", "--output", "json"], metadata].concat();
        fixture.sign(&sign).exits(0, why).json()["images"][0]["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(status(&["-m", "a=1", "-m", "b=2"], "the first"), "signed");
    assert_eq!(status(&["-m", "b=2", "-m", "a=1"], "the order says nothing"), "already-signed");
    assert_eq!(status(&["-m", "a=1"], "less than what is there"), "signed");
    assert_eq!(status(&[], "none"), "signed");
    assert_eq!(status(&["-m", "a=1", "-m", "b=3"], "another value"), "signed");
    assert_eq!(status(&[], "none, again"), "already-signed");
}

/// A profile by its name alone is our own account's: a signature by another account's profile of that name, which
/// anyone with an account can make, is not it.
#[test]
fn f2_6_a_name_alone_is_our_own_accounts_profile() {
    let fixture = SigningFixture::new();
    let (theirs, root) = (fixture.signer.add_profile(OTHER_ACCOUNT, REGION, "app"), fixture.root());
    fixture.signer.share(OTHER_ACCOUNT, ACCOUNT);
    let image = format!("{}/app@{}", fixture.host(), fixture.push("app", "v1"));
    let sign = |profile: &str| {
        let ran = fixture.run(&["sign", &image, "--signing-profile", profile, "--signer-root", &root, "--if-unsigned"]);
        ran.exits(0, profile)
    };
    sign(&theirs);
    assert!(sign("app").stdout.starts_with("signed "), "another account's is none");
    assert!(sign("app").stdout.starts_with("already signed "), "ours is there now");
    fixture.aws.faults.always("GetSigningProfile", Fault::AccessDenied);
    let ran = sign("app");
    assert!(ran.stdout.starts_with("signed "), "{ran:?}");
    assert!(ran.stderr.contains("it is not known whose profile app is"), "{ran:?}");
    assert!(ran.stderr.contains("allow signer:GetSigningProfile"), "{ran:?}");
}
