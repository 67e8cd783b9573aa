//! `verify` against AWS and registries that are down, slow, lie, or are not the end of it.

use std::time::SystemTime;

use serde_json::json;

use crate::support::{
    aws::faults::Fault,
    loopback::{ACCOUNT, REGION},
    program::Outcome,
    signer::{chain::Chain, envelope::Draft},
    signing_fixture::{INDEX, JWS, MANIFEST, SigningFixture},
};

/// A machine with one image, signed by the profile `app`, and a policy file of a level: image and policy.
fn signed(level: &str) -> (SigningFixture, String, String) {
    let fixture = SigningFixture::new();
    let image = format!("{}/app@{}", fixture.host(), fixture.push("app", "v1"));
    fixture.sign(&[&image]).exits(0, "signed");
    let policy = json!({ "version": "1.0", "trustPolicies": [{
        "name": "ours", "registryScopes": ["*"], "signatureVerification": { "level": level },
        "trustStores": ["signingAuthority:loopback"], "trustedIdentities": [fixture.profile],
    }] });
    let policy = fixture.write("policy.json", &policy.to_string()).display().to_string();
    (fixture, image, policy)
}

fn verify(fixture: &SigningFixture, image: &str, policy: &str) -> Outcome {
    fixture.run(&["verify", image, "--policy", policy, "--signer-root", &fixture.root()])
}

/// Strict fails closed, permissive and audit tell it.
#[test]
fn where_aws_does_not_tell_of_revocations_the_level_decides() {
    for (level, status) in [("strict", 1), ("permissive", 0), ("audit", 0)] {
        let (fixture, image, policy) = signed(level);
        for (fault, cause) in [
            (Fault::AccessDenied, "AccessDeniedException"),
            (Fault::Internal, "InternalFailure"),
            (Fault::Throttled, "ThrottlingException"),
            (Fault::Html, "403"),
            (Fault::Garbage, "cannot ask for revocations of"),
            (Fault::Truncated, "cannot ask for revocations of"),
            (Fault::WrongContent, "did not say whether"),
            (Fault::Without("revokedEntities"), "did not say whether"),
            (Fault::Cut, "cannot ask for revocations of"),
        ] {
            fixture.aws.faults.always("GetRevocationStatus", fault.clone());
            let ran = verify(&fixture, &image, &policy).exits(status, format!("{level}, {fault:?}"));
            assert!(ran.stderr.contains("it is not known whether it is revoked"), "{level}, {fault:?}: {ran:?}");
            assert!(ran.stderr.contains(cause), "{level}, {fault:?}: {ran:?}");
            assert_eq!(ran.stdout.starts_with("verified "), status == 0, "{level}, {fault:?}: {ran:?}");
            fixture.aws.faults.clear();
        }
        verify(&fixture, &image, &policy).exits(0, "once AWS answers");
    }
}

/// Whoever answers in AWS's place can say that something is revoked, whatever that is: it counts.
#[test]
fn what_is_called_revoked_is() {
    let (fixture, image, policy) = signed("strict");
    fixture.signer.revoke_certificate(2);
    let ran = verify(&fixture, &image, &policy).exits(1, "an authority's certificate");
    assert!(ran.stderr.contains("revocation: it is revoked: the certificate "), "{ran:?}");
}

#[test]
fn a_slow_aws_has_a_bound() {
    let (fixture, image, policy) = signed("strict");
    fixture.aws.faults.always("GetRevocationStatus", Fault::Silent);
    let ran = verify(&fixture, &image, &policy).exits(1, "AWS never answers");
    assert!(ran.stderr.contains("it is not known whether it is revoked"), "{ran:?}");
}

#[test]
fn a_registry_in_trouble_verifies_nothing() {
    let (fixture, image, policy) = signed("audit");
    for (operation, fault, cause) in [
        ("GetManifest", Fault::Unauthorized, "answered 401"),
        ("GetManifest", Fault::NotFound, "answered 404"),
        ("GetManifest", Fault::WrongDigest, "its header names the digest"),
        ("GetManifest", Fault::Garbage, "cannot be trusted"),
        ("GetReferrers", Fault::Internal, "answered 500"),
        ("GetReferrers", Fault::Unauthorized, "answered 401"),
        ("GetReferrers", Fault::Truncated, "cannot list the signatures of"),
        ("GetReferrers", Fault::Endless, "is longer than"),
        ("GetBlob", Fault::Garbage, "its content has the digest"),
        ("GetBlob", Fault::NotFound, "answered 404"),
        ("GetBlob", Fault::Endless, "longer than"),
        ("GetBlob", Fault::Gigabyte, "longer than"),
    ] {
        fixture.aws.faults.always(operation, fault.clone());
        let ran = verify(&fixture, &image, &policy).exits(1, format!("{operation} {fault:?}"));
        assert!(ran.stderr.contains(cause), "{operation} {fault:?}: {ran:?}");
        assert!(!ran.stdout.starts_with("verified"), "{operation} {fault:?}: {ran:?}");
        fixture.aws.faults.clear();
    }
    verify(&fixture, &image, &policy).exits(0, "once it is well");
}

/// What a registry lists as signatures, and is none.
#[test]
fn what_is_listed_is_not_believed() {
    let (fixture, image, policy) = signed("audit");
    let digest = image.split_once('@').unwrap().1.to_owned();
    let other = fixture.push("app", "other");
    let chain = &fixture.signer.chain;
    let version = fixture.signer.version_arn(ACCOUNT, REGION, "app").unwrap();
    let job = "arn:aws:signer:eu-west-1:111122223333:/signing-jobs/6d1d0d3f-0000-4000-8000-000000000000";
    let draft = Draft::aws(chain, &fixture.payload("app", &other), &version, job, SystemTime::now());
    let of_other = fixture.push_envelope("app", &other, JWS, &draft.jws(chain));
    let index = fixture.push_index("app", "index", &[(MANIFEST, digest.clone())]);
    let entry = |name: &str, media_type: &str| fixture.listed_as_signature("app", name, media_type);
    let mut missing = entry(&other, MANIFEST);
    missing["digest"] = format!("sha256:{}", "0".repeat(64)).into();
    let mut untyped = entry(&of_other, MANIFEST);
    untyped.as_object_mut().unwrap().remove("artifactType");
    let lies = vec![entry(&other, MANIFEST), entry(&index, INDEX), entry(&of_other, MANIFEST), missing, untyped];
    fixture.aws.registry.behave(|personality| personality.lies.clone_from(&lies));
    verify(&fixture, &image, &policy).exits(0, "the true one is among them");

    let bare = format!("{}/app@{}", fixture.host(), fixture.push("app", "bare"));
    let ran = verify(&fixture, &bare, &policy).exits(1, "only lies");
    for part in ["has 0 envelopes, not one", "is not a signature's manifest", "it is a signature of ", "answered 404"] {
        assert!(ran.stderr.contains(part), "{part}: {ran:?}");
    }
    assert_eq!(ran.stderr.matches(": integrity: ").count(), 4, "what has no type is no signature: {ran:?}");
}

#[test]
fn lists_have_an_end() {
    let (fixture, image, policy) = signed("audit");
    for (entries, bytes) in [(10, 0), (300, 0), (3, 1 << 20)] {
        fixture.aws.registry.behave(|personality| personality.flood = Some((entries, bytes)));
        let ran = verify(&fixture, &image, &policy).exits(1, format!("{entries} of {bytes}"));
        assert!(ran.stderr.contains("the list has more than"), "{ran:?}");
    }
}

/// An index that lists itself cannot be made, but one that is told to: each is looked at once.
#[test]
fn a_cycle_of_indexes_ends() {
    let (fixture, image, policy) = signed("audit");
    let child = image.split_once('@').unwrap().1.to_owned();
    let index = fixture.push_index("app", "i", &[(MANIFEST, child.clone()), (MANIFEST, child)]);
    let outer = fixture.push_index("app", "o", &[(INDEX, index.clone()), (INDEX, index)]);
    let image = format!("{}/app@{outer}", fixture.host());
    let root = fixture.root();
    let ran = fixture.run(&["verify", &image, "--recursive", "--policy", &policy, "--signer-root", &root]);
    let ran = ran.exits(1, "two indexes have no signature");
    assert_eq!(ran.stderr.matches(" is not verified").count(), 2, "{ran:?}");
    assert_eq!(ran.stdout.lines().filter(|line| line.starts_with("verified ")).count(), 1, "{ran:?}");
}

/// Under audit anybody's signature passes: what it says is shown as what it is.
#[test]
fn under_audit_a_strangers_word_is_a_claim() {
    let (fixture, image, policy) = signed("audit");
    let bare = fixture.push("app", "bare");
    let (stranger, version) = (Chain::new(), fixture.signer.version_arn(ACCOUNT, REGION, "app").unwrap());
    let job = "arn:aws:signer:eu-west-1:111122223333:/signing-jobs/6d1d0d3f-0000-4000-8000-000000000000";
    let draft = Draft::aws(&stranger, &fixture.payload("app", &bare), &version, job, SystemTime::now());
    fixture.push_envelope("app", &bare, JWS, &draft.jws(&stranger));
    let bare = image.replace(image.split_once('@').unwrap().1, &bare);
    let ran = verify(&fixture, &bare, &policy).exits(0, "audit only tells");
    assert!(ran.stdout.starts_with(&format!("accepted {bare}\n")), "integrity alone verifies nothing: {ran:?}");
    let tag = format!("{}/app:bare", fixture.host());
    let by_tag = verify(&fixture, &tag, &policy).exits(0, "the same by its tag");
    assert!(!format!("{}{}", by_tag.stdout, by_tag.stderr).contains("verified"), "on neither stream: {by_tag:?}");
    let told =
        fixture.run(&["verify", &bare, "--policy", &policy, "--signer-root", &fixture.root(), "--output", "json"]);
    let told = told.exits(0, "for programs").json();
    let one = &told["images"][0];
    assert_eq!(
        (&one["verified"], &one["signatures"][0]["verified"], &one["error"]),
        (&json!(false), &json!(false), &json!(null))
    );
    assert!(ran.stdout.contains(&format!("signed by     {version} (claimed)\n")), "{ran:?}");
    assert!(ran.stderr.contains("authenticity does not hold, which the trust policy only wants told"), "{ran:?}");
    let strict =
        fixture.write("strict.json", &std::fs::read_to_string(&policy).unwrap().replace("audit", "permissive"));
    verify(&fixture, &bare, strict.to_str().unwrap()).exits(1, "permissive wants to know who signed");
}

/// Signatures that older clients listed under a tag.
#[test]
fn the_tag_of_older_clients_is_read() {
    let fixture = SigningFixture::new();
    fixture.aws.registry.behave(|personality| personality.referrers = false);
    let image = format!("{}/app@{}", fixture.host(), fixture.push("app", "v1"));
    let root = fixture.root();
    let run =
        |image: &str| fixture.run(&["verify", image, "--signing-profile", &fixture.profile, "--signer-root", &root]);
    assert!(run(&image).exits(1, "none").stderr.contains("it has no signature"));
    fixture.sign(&[&image]).exits(0, "signed");
    run(&image).exits(0, "by the tag");
    // An API that lists a bad one does not hide the good one of the tag.
    let foreign = Chain::new();
    let digest = image.split_once('@').unwrap().1;
    let draft = Draft::aws(&foreign, &fixture.payload("app", digest), "x", "y", SystemTime::now());
    fixture.push_envelope("app", digest, JWS, &draft.jws(&foreign));
    fixture.aws.registry.behave(|personality| personality.referrers = true);
    run(&image).exits(0, "by the API or the tag");
}

/// Texts of signatures reach no terminal unfolded.
#[test]
fn what_signatures_say_stays_on_its_line() {
    let (fixture, image, policy) = signed("audit");
    let bare = fixture.push("app", "bare");
    let chain = &fixture.signer.chain;
    let mut draft = Draft::aws(chain, &fixture.payload("app", &bare), "x", "y", SystemTime::now());
    draft.set("io.cncf.notary.verificationPlugin", "\u{1b}[2J\nverified all\u{202e}");
    fixture.push_envelope("app", &bare, JWS, &draft.jws(chain));
    let bare = image.replace(image.split_once('@').unwrap().1, &bare);
    let ran = verify(&fixture, &bare, &policy).exits(1, "a plugin of that name");
    for text in [&ran.stdout, &ran.stderr] {
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}') && !text.contains("\nverified"), "{ran:?}");
    }
}

/// Another plugin is called by its protocol: by its own name, at Notation's place, and bounded.
#[test]
fn an_installed_plugin_is_asked() {
    use std::os::unix::fs::PermissionsExt;
    let (fixture, image, policy) = signed("audit");
    let bare = fixture.push("app", "bare");
    let chain = &fixture.signer.chain;
    let mut draft = Draft::aws(chain, &fixture.payload("app", &bare), "x", "y", SystemTime::now());
    draft.set("io.cncf.notary.verificationPlugin", "com.example.plugin");
    fixture.push_envelope("app", &bare, JWS, &draft.jws(chain));
    let bare = image.replace(image.split_once('@').unwrap().1, &bare);
    let ran = verify(&fixture, &bare, &policy).exits(1, "not installed");
    assert!(ran.stderr.contains("the plugin `com.example.plugin`: it is not installed"), "{ran:?}");

    let metadata = json!({
        "name": "com.example.plugin", "description": "d", "version": "1.0.0", "url": "https://x",
        "supportedContractVersions": ["1.0"],
        "capabilities": ["SIGNATURE_VERIFIER.TRUSTED_IDENTITY", "SIGNATURE_VERIFIER.REVOCATION_CHECK"],
    });
    let answer = |success: bool| {
        json!({
            "verificationResults": {
                "SIGNATURE_VERIFIER.TRUSTED_IDENTITY": { "success": success, "reason": "known here" },
                "SIGNATURE_VERIFIER.REVOCATION_CHECK": { "success": true },
            },
            "processedAttributes": ["com.amazonaws.signer.signingProfileVersion", "com.amazonaws.signer.signingJob"],
        })
    };
    let name = "libexec/plugins/com.example.plugin/notation-com.example.plugin";
    let (started, asked) = (fixture.home.path().join("started"), fixture.home.path().join("asked.json"));
    let install = |verify: &str| {
        let script = format!(
            "#!/bin/sh\n: > {}\ncase $1 in\nget-plugin-metadata) echo '{metadata}';;\n*) /bin/cat > {}; {verify};;\nesac\n",
            started.display(),
            asked.display()
        );
        let path = fixture.write(name, &script);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    let (spoilt, stranger) = (fixture.push("app", "spoilt"), Chain::new());
    draft.payload = fixture.payload("app", &spoilt);
    fixture.push_envelope("app", &spoilt, JWS, &draft.jws(&stranger));
    install(&format!("echo '{}'", answer(true)));
    let spoilt = image.replace(image.split_once('@').unwrap().1, &spoilt);
    let ran = verify(&fixture, &spoilt, &policy).exits(1, "a forgery");
    assert!(ran.stderr.contains("not by the key of the leaf") && !started.exists(), "no plugin sees it: {ran:?}");

    let strict = policy.replace("policy.json", "strict.json");
    let text = std::fs::read_to_string(&policy).unwrap().replace("audit", "strict");
    std::fs::write(&strict, text).unwrap();
    for (script, status, words, why) in [
        (format!("echo '{}'", answer(true)), 0, "the plugin `com.example.plugin` says: known here", "it says yes"),
        (format!("echo '{}'", answer(false)), 1, "identity: the plugin `com.example.plugin` says: known here", "no"),
        ("echo '{}'".into(), 1, "its answer is not the protocol's", "an empty answer"),
        (
            r#"echo '{"errorCode":"ACCESS_DENIED","errorMessage":"no way"}' >&2; exit 1"#.into(),
            1,
            "ACCESS_DENIED: no way",
            "it fails",
        ),
        ("exec /bin/cat /dev/zero".into(), 1, "it printed more than 1048576 bytes", "it does not stop"),
    ] {
        install(&script);
        let ran = verify(&fixture, &bare, &strict).exits(status, why);
        assert!(ran.stdout.contains(words) || ran.stderr.contains(words), "{why}: {ran:?}");
    }
    let request: serde_json::Value = serde_json::from_slice(&std::fs::read(asked).unwrap()).unwrap();
    assert_eq!(request["contractVersion"], "1.0");
    let signature = &request["signature"];
    assert_eq!(signature["criticalAttributes"]["signingScheme"], "notary.x509.signingAuthority");
    assert_eq!(signature["criticalAttributes"]["extendedAttributes"]["com.amazonaws.signer.signingJob"], "y");
    assert_eq!(signature["certificateChain"].as_array().map(Vec::len), Some(4));
    assert_eq!(request["trustPolicy"]["trustedIdentities"], json!([fixture.profile]));
    assert_eq!(request["trustPolicy"]["signatureVerification"].as_array().map(Vec::len), Some(2));
}
