//! Notation's plugin, as Notation calls it: a command and a JSON object in, a JSON object out, or an error by the
//! contract's codes. No home folder, no keychain.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

use crate::support::{
    aws::faults::Fault,
    loopback::{ACCOUNT, OTHER_ACCOUNT, OTHER_REGION, REGION},
    machine::Machine,
    program::{Outcome, Program},
    signer::Defect,
    signing_fixture::SigningFixture,
};

const NAME: &str = "com.amazonaws.signer.notation.plugin";
const IDENTITY: &str = "SIGNATURE_VERIFIER.TRUSTED_IDENTITY";
const REVOCATION: &str = "SIGNATURE_VERIFIER.REVOCATION_CHECK";
const PROFILE_VERSION: &str = "com.amazonaws.signer.signingProfileVersion";
const SIGNING_JOB: &str = "com.amazonaws.signer.signingJob";
const PROFILE_ALIAS: &str = "com.amazonaws.signer.signingProfileAlias";

/// The plugin on a machine without a home folder and without a region.
fn plugin(fixture: &SigningFixture) -> Program {
    let elsewhere = |name: &str| fixture.home.path().join(name);
    let link = elsewhere(&format!("notation-{NAME}"));
    if link.symlink_metadata().is_err() {
        symlink(Machine::binary(), &link).unwrap();
    }
    let variables = fixture.program_with(fixture.aws.endpoint_variables()).variables();
    let linked = variables.into_iter().fold(Program::at(&link, fixture.home.path()), |program, (name, value)| {
        program.with(name.to_str().unwrap(), value)
    });
    ["HOME", "DBUS_SESSION_BUS_ADDRESS", "AWS_REGION", "AWS_DEFAULT_REGION"]
        .iter()
        .fold(linked, |program, name| program.without(name))
        .with("XDG_CONFIG_HOME", elsewhere(".config"))
        .with("XDG_CACHE_HOME", elsewhere("no-cache"))
        .with("AWS_CONFIG_FILE", elsewhere("aws"))
        .with("AWS_SHARED_CREDENTIALS_FILE", elsewhere("absent"))
        .with("AWS_MAX_ATTEMPTS", "1")
        .with("AWS_EC2_METADATA_DISABLED", "true")
}

/// An answer.
#[track_caller]
fn answered(program: &Program, command: &str, request: &Value, why: &str) -> Value {
    let outcome = program.run(&[command], request.to_string()).exits(0, why);
    assert_eq!((outcome.stdout.lines().count(), outcome.stderr.as_str()), (1, ""), "{why}: {outcome:?}");
    outcome.json()
}

/// An error of the contract: one JSON object in one line on standard error, nothing on standard output.
#[track_caller]
fn refused(outcome: &Outcome, code: &str, words: &str, why: &str) {
    assert_eq!((outcome.status, outcome.stdout.as_str()), (Some(1), ""), "{why}: {outcome:?}");
    let error: Value = serde_json::from_str(&outcome.stderr).unwrap_or_else(|err| panic!("{why}: {err}: {outcome:?}"));
    assert_eq!(error["errorCode"], code, "{why}: {outcome:?}");
    let message = error["errorMessage"].as_str().unwrap();
    assert!(message.contains(words) && !message.contains(char::is_control), "{why}: {words:?} in {outcome:?}");
}

/// What Notation asks to have signed.
fn to_sign(fixture: &SigningFixture, profile: &str) -> Value {
    let payload = json!({ "targetArtifact": {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": format!("sha256:{}", "1".repeat(64)),
        "size": 527,
        "annotations": { "commit": "c0ffee" },
    }});
    json!({
        "contractVersion": "1.0",
        "keyId": profile,
        "payload": STANDARD.encode(payload.to_string()),
        "payloadType": "application/vnd.cncf.notary.payload.v1+json",
        "signatureEnvelopeType": "application/jose+json",
        "pluginConfig": { "signer-root": fixture.home.path().join("root.pem").to_str().unwrap() },
    })
}

/// What Notation asks to have verified of an answer, under a policy that trusts these.
fn to_verify(answer: &Value, trusted: &[&str]) -> Value {
    let envelope = STANDARD.decode(answer["signatureEnvelope"].as_str().unwrap()).unwrap();
    let envelope: Value = serde_json::from_slice(&envelope).unwrap();
    let protected = URL_SAFE_NO_PAD.decode(envelope["protected"].as_str().unwrap()).unwrap();
    let protected: Value = serde_json::from_slice(&protected).unwrap();
    json!({
        "contractVersion": "1.0",
        "signature": {
            "criticalAttributes": {
                "contentType": protected["cty"],
                "signingScheme": "notary.x509.signingAuthority",
                "expiry": protected["io.cncf.notary.expiry"],
                "authenticSigningTime": protected["io.cncf.notary.authenticSigningTime"],
                "extendedAttributes": {
                    PROFILE_VERSION: protected[PROFILE_VERSION],
                    SIGNING_JOB: protected[SIGNING_JOB],
                },
            },
            "unprocessedAttributes": [PROFILE_VERSION, SIGNING_JOB],
            "certificateChain": envelope["header"]["x5c"],
        },
        "trustPolicy": { "trustedIdentities": trusted, "signatureVerification": [IDENTITY, REVOCATION] },
        "pluginConfig": null,
    })
}

fn with(request: &Value, place: &str, value: Value) -> Value {
    let mut request = request.clone();
    *request.pointer_mut(place).unwrap_or_else(|| panic!("{place}")) = value;
    request
}

#[test]
fn it_says_what_it_is() {
    let fixture = SigningFixture::without_login();
    let plugin = plugin(&fixture);
    let metadata = answered(&plugin, "get-plugin-metadata", &json!({ "pluginConfig": {} }), "metadata");
    assert_eq!(metadata["name"], NAME);
    assert_eq!(metadata["supportedContractVersions"], json!(["1.0"]));
    assert_eq!(metadata["capabilities"], json!(["SIGNATURE_GENERATOR.ENVELOPE", IDENTITY, REVOCATION]));
    assert!(!metadata["description"].as_str().unwrap().is_empty() && !metadata["url"].as_str().unwrap().is_empty());
    let version = semver::Version::parse(metadata["version"].as_str().unwrap()).unwrap();
    assert!(version > semver::Version::new(1, 0, 2292), "above AWS's newest: {version}");
    let printed = plugin.run(&["version"], "").exits(0, "the framework's command");
    assert!(printed.stdout.starts_with(&format!("{NAME} - ")), "{printed:?}");
    assert!(printed.stdout.ends_with(&format!("\nVersion: {version}\n")), "{printed:?}");

    let described = json!({ "contractVersion": "1.0", "keyId": fixture.profile });
    let described = answered(&plugin, "describe-key", &described, "a key");
    assert_eq!(described, json!({ "keyId": fixture.profile, "keySpec": "EC-384" }));
    for arguments in
        [&[][..], &["--help"], &["get"], &["generate-signature"], &["version", "x"], &["verify-signature", ""]]
    {
        let outcome = plugin.run(arguments, "{}").exits(1, "no command");
        assert_eq!(outcome.stdout, "");
        assert!(
            outcome.stderr.starts_with("Invalid command, valid commands are: <get-plugin-metadata|"),
            "{outcome:?}"
        );
    }
    assert_eq!(fixture.aws.calls.all().len(), 0, "none of it asks anybody");
}

#[test]
fn whatever_comes_in_is_answered_by_a_code() {
    let fixture = SigningFixture::without_login();
    let plugin = plugin(&fixture);
    let long = format!("{{\"contractVersion\":\"1.0\",\"x\":\"{}\"}}", "x".repeat(2 << 20));
    let deep = "[".repeat(100_000);
    for command in ["describe-key", "generate-envelope", "verify-signature"] {
        for (input, code, words, why) in [
            (&b""[..], "VALIDATION_ERROR", "Input is not a valid JSON", "nothing"),
            (b"{", "VALIDATION_ERROR", "Input is not a valid JSON", "half of it"),
            (b"\xff\xfe{}", "VALIDATION_ERROR", "Input is not a valid JSON", "no UTF-8"),
            (b"[]", "VALIDATION_ERROR", "not a JSON object", "a list"),
            (b"{}", "VALIDATION_ERROR", "contractVersion cannot be empty", "no version"),
            (b"{\"contractVersion\":1}", "VALIDATION_ERROR", "contractVersion cannot be empty", "a number"),
            (b"{\"contractVersion\":\"2.0\"}", "UNSUPPORTED_CONTRACT_VERSION", "\"2.0\"", "another version"),
            (
                b"{\"contractVersion\":\"\\u001b[2J\\n\"}",
                "UNSUPPORTED_CONTRACT_VERSION",
                "contract version",
                "a terminal's sequence",
            ),
            (b"{\"contractVersion\":\"1.0\"}", "VALIDATION_ERROR", "missing field", "nothing else"),
            (
                b"{\"contractVersion\":\"1.0\",\"contractVersion\":\"1.0\"}",
                "VALIDATION_ERROR",
                "twice",
                "a member twice",
            ),
            (b"{\"contractVersion\":\"1.0\",\"keyId\":{}}", "VALIDATION_ERROR", "", "an object for a text"),
            (long.as_bytes(), "VALIDATION_ERROR", "longer than 1048576 bytes", "2 MiB"),
            (deep.as_bytes(), "VALIDATION_ERROR", "Input is not a valid JSON", "100,000 brackets"),
        ] {
            refused(&plugin.run(&[command], input), code, words, &format!("{command}: {why}"));
        }
    }
    let key = |key: &str| json!({ "contractVersion": "1.0", "keyId": key }).to_string();
    for (id, words, why) in [
        ("", "is not a signing profile", "nothing"),
        ("app", "names no region and no account", "a name alone"),
        ("arn:aws:kms:eu-west-1:111122223333:key/x", "the ARN's service is `kms`", "another service"),
        ("arn:aws:signer:../x:111122223333:/signing-profiles/app", "is not a region", "no region"),
        ("arn:aws:signer:eu-west-1:1:/signing-profiles/app", "12-digit account", "no account"),
        ("arn:aws:signer:eu-west-1:111122223333:/signing-profiles/app/x", "a version has 10", "no version"),
    ] {
        refused(&plugin.run(&["describe-key"], key(id)), "VALIDATION_ERROR", words, why);
    }
    assert_eq!(fixture.aws.calls.all().len(), 0, "none of it asks anybody");
}

#[test]
fn it_signs_what_verifies() {
    let fixture = SigningFixture::without_login();
    let program = plugin(&fixture);
    let (version, elsewhere) = (
        fixture.signer.version_arn(ACCOUNT, REGION, "app").unwrap(),
        fixture.signer.add_profile(ACCOUNT, OTHER_REGION, "far"),
    );
    for (profile, why) in [
        (&fixture.profile, "a profile"),
        (&version, "one version of it"),
        (&elsewhere, "a profile in another region: its ARN says where to ask"),
    ] {
        let request = to_sign(&fixture, profile);
        let answer = answered(&program, "generate-envelope", &request, why);
        assert_eq!(answer["signatureEnvelopeType"], "application/jose+json", "{why}");
        assert_eq!(answer["annotations"], json!({}), "{why}");
        let verified = answered(&program, "verify-signature", &to_verify(&answer, &[profile]), why);
        assert_eq!(verified["processedAttributes"], json!([PROFILE_VERSION, SIGNING_JOB]), "{why}");
        for capability in [IDENTITY, REVOCATION] {
            assert_eq!(verified["verificationResults"][capability]["success"], true, "{why}: {verified}");
        }
    }
    let request = to_sign(&fixture, &fixture.profile);
    for (request, code, words, why) in [
        (
            with(&request, "/keyId", format!("{}_of_nobody", fixture.profile).into()),
            "VALIDATION_ERROR",
            "does not exist",
            "no such profile",
        ),
        (
            with(&request, "/keyId", format!("{}/0123456789", fixture.profile).into()),
            "ERROR",
            "signs with a profile's newest version",
            "an old version",
        ),
        (
            with(&request, "/keyId", fixture.profile.replace(ACCOUNT, OTHER_ACCOUNT).into()),
            "ACCESS_DENIED",
            "signer:SignPayload",
            "another account's profile",
        ),
        (
            with(&request, "/signatureEnvelopeType", "application/cose".into()),
            "VALIDATION_ERROR",
            "makes no envelope `application/cose`",
            "COSE",
        ),
        (
            with(&request, "/payloadType", "text/plain".into()),
            "VALIDATION_ERROR",
            "signs no payload",
            "no payload's type",
        ),
        (with(&request, "/payload", "%".into()), "VALIDATION_ERROR", "no base64", "no base64"),
        (
            with(&request, "/payload", STANDARD.encode("{}").into()),
            "VALIDATION_ERROR",
            "it has no `targetArtifact`",
            "no payload",
        ),
        (
            with(&request, "/payload", STANDARD.encode("x".repeat(4097)).into()),
            "VALIDATION_ERROR",
            "takes at most 4096",
            "a byte too many",
        ),
        (with(&request, "/pluginConfig", json!({})), "ERROR", "is not a root of AWS Signer", "AWS's own roots"),
        (
            with(&request, "/pluginConfig", json!({ "signer-root": "/nowhere" })),
            "VALIDATION_ERROR",
            "/nowhere is no root certificate",
            "no such root",
        ),
        (
            with(&request, "/pluginConfig", json!({ "aws-signer-endpoint-url": "http://127.0.0.1:1" })),
            "VALIDATION_ERROR",
            "AWS_ENDPOINT_URL_SIGNER",
            "a setting that is not served",
        ),
        (
            with(&request, "/pluginConfig", json!({ "aws-region": OTHER_REGION })),
            "VALIDATION_ERROR",
            "does not exist",
            "the caller's region goes before the ARN's",
        ),
        (
            with(&request, "/pluginConfig", json!({ "aws-region": "evil.example/?" })),
            "VALIDATION_ERROR",
            "aws-region is \"evil.example/?\", which is not a region",
            "no region: it would be a part of a host's name",
        ),
        (
            with(&request, "/pluginConfig", json!({ "aws-profile": "nobody" })),
            "ERROR",
            "nobody",
            "the caller's AWS profile goes before the environment",
        ),
    ] {
        refused(&program.run(&["generate-envelope"], request.to_string()), code, words, why);
    }
    let mut expiring = request.clone();
    expiring["expiryDurationInSeconds"] = 60.into();
    let outcome = program.run(&["generate-envelope"], expiring.to_string());
    refused(&outcome, "VALIDATION_ERROR", "takes no expiry", "an expiry");
    expiring["expiryDurationInSeconds"] = 0.into();
    answered(&program, "generate-envelope", &expiring, "none");

    for (fault, code, words) in [
        (Fault::AccessDenied, "ACCESS_DENIED", "signer:SignPayload"),
        (Fault::Throttled, "THROTTLED", "Rate exceeded"),
        (Fault::Internal, "ERROR", "AWS Signer cannot sign with"),
        (Fault::Garbage, "ERROR", "AWS Signer cannot sign with"),
        (Fault::Without("signature"), "ERROR", "gave no signature"),
    ] {
        let why = format!("{fault:?}");
        fixture.aws.faults.always("SignPayload", fault);
        refused(&program.run(&["generate-envelope"], request.to_string()), code, words, &why);
        fixture.aws.faults.clear();
    }
    let nobody =
        program.without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY").with("AWS_CONFIG_FILE", "/nowhere");
    let outcome = nobody.run(&["generate-envelope"], request.to_string());
    refused(&outcome, "ERROR", "has no AWS credentials", "a machine without credentials");
}

#[test]
fn nothing_is_handed_out_that_was_not_checked() {
    let fixture = SigningFixture::without_login();
    let program = plugin(&fixture);
    let request = to_sign(&fixture, &fixture.profile).to_string();
    for defect in Defect::ALL {
        fixture.signer.spoil(defect);
        let why = format!("{defect:?}");
        refused(&program.run(&["generate-envelope"], &request), "ERROR", "was not accepted", &why);
    }
}

#[test]
fn it_verifies_identity_and_revocation() {
    let fixture = SigningFixture::without_login();
    let program = plugin(&fixture);
    let answer = answered(&program, "generate-envelope", &to_sign(&fixture, &fixture.profile), "a signature");
    let version = fixture.signer.version_arn(ACCOUNT, REGION, "app").unwrap();
    let (upper, strange) = (fixture.profile.replace("/app", "/APP"), fixture.profile.replace("/app", "/other"));
    let request = to_verify(&answer, &[&fixture.profile]);
    let results = |request: &Value, why: &str| answered(&program, "verify-signature", request, why);
    for (trusted, success, words, why) in [
        (&[&*fixture.profile][..], true, "matched a trusted identity", "the profile"),
        (&[&*upper], true, "matched", "case says nothing"),
        (&[&*version], true, "matched", "the version"),
        (&[&*strange, &*fixture.profile], true, "matched", "one of two"),
        (&[&*strange], false, "doesn't match any trusted identities: it is by", "another profile"),
        (&[&*format!("{}/0123456789", fixture.profile)], false, "doesn't match", "another version"),
        (&["x509.subject: C=US, ST=WA, O=AWS"], false, "names no signing profile", "a subject"),
        (&["app"], false, "names no signing profile", "a name alone could be anybody's"),
        (&[], false, "names no signing profile", "nobody"),
    ] {
        let request = with(&request, "/trustPolicy/trustedIdentities", json!(trusted));
        let result = &results(&request, why)["verificationResults"][IDENTITY];
        assert_eq!(result["success"], success, "{why}: {result}");
        assert!(result["reason"].as_str().unwrap().contains(words), "{why}: {result}");
    }
    let only = with(&request, "/trustPolicy/signatureVerification", json!([IDENTITY]));
    let asked = fixture.aws.count("GetRevocationStatus");
    let result = results(&only, "what is not asked for is not looked at");
    assert_eq!(result["verificationResults"].as_object().unwrap().keys().collect::<Vec<_>>(), [IDENTITY]);
    assert_eq!(fixture.aws.count("GetRevocationStatus"), asked);

    let critical = "/signature/criticalAttributes";
    let extended = format!("{critical}/extendedAttributes");
    let aliased = fixture.profile.replace("/signing-profiles/", "/aliases/");
    let mut attributes = request.pointer(&extended).unwrap().clone();
    attributes[PROFILE_ALIAS] = aliased.clone().into();
    attributes["com.example.unknown"] = "x".into();
    let alias = with(&with(&only, &extended, attributes), "/trustPolicy/trustedIdentities", json!([aliased]));
    let result = results(&alias, "an alias, and what nobody knows");
    assert_eq!(result["verificationResults"][IDENTITY]["success"], true, "{result}");
    assert_eq!(result["processedAttributes"], json!([PROFILE_VERSION, SIGNING_JOB, PROFILE_ALIAS]), "not the unknown");

    for (place, value, words, why) in [
        ("/trustPolicy/trustedIdentities", json!(["*"]), "wildcard identity", "everybody"),
        ("/trustPolicy/signatureVerification", json!(["X"]), "`X` cannot be verified here", "something else"),
        (&format!("{critical}/signingScheme"), json!("notary.x509"), "not `notary.x509`", "a local key"),
        (&format!("{critical}/authenticSigningTime"), json!(null), "no authenticSigningTime", "no time"),
        (&format!("{critical}/authenticSigningTime"), json!("0001-01-01T00:00:00Z"), "no authenticSigningTime", "Go's"),
        (&format!("{critical}/authenticSigningTime"), json!("today"), "is no time", "no time"),
        (&extended, json!(null), "lacks the critical attribute", "no attributes"),
        (&format!("{extended}/{PROFILE_VERSION}"), json!(7), "lacks the critical attribute", "a number"),
        (&format!("{extended}/{PROFILE_VERSION}"), json!(fixture.profile), "not by a version", "no version"),
        (&format!("{extended}/{SIGNING_JOB}"), json!(null), "lacks the critical attribute", "no job"),
        ("/signature/certificateChain", json!([]), "has 0 certificates", "no chain"),
        ("/signature/certificateChain", json!(["AAAA"]), "cannot be read", "no certificate"),
        ("/signature/certificateChain", json!(["%"]), "cannot be read", "no base64"),
    ] {
        let outcome = program.run(&["verify-signature"], with(&request, place, value).to_string());
        refused(&outcome, "VALIDATION_ERROR", words, why);
    }

    // Whatever keeps AWS from telling is a result that does not hold, with its reason: the policy decides about it.
    let revocation = |program: &Program, words: &str, why: &str| {
        let result = &answered(program, "verify-signature", &request, why)["verificationResults"];
        assert_eq!(result[IDENTITY]["success"], true, "{why}: {result}");
        assert_eq!(result[REVOCATION]["success"], false, "{why}: {result}");
        assert!(result[REVOCATION]["reason"].as_str().unwrap().contains(words), "{why}: {words:?} in {result}");
    };
    for fault in [Fault::AccessDenied, Fault::Internal, Fault::Garbage, Fault::Without("revokedEntities")] {
        let why = format!("{fault:?}");
        fixture.aws.faults.always("GetRevocationStatus", fault);
        revocation(&program, "GetRevocationStatus call failed with error: ", &why);
        fixture.aws.faults.clear();
    }
    let nobody = || program.clone().without("AWS_ACCESS_KEY_ID").with("AWS_CONFIG_FILE", "/nowhere");
    revocation(&nobody(), "call failed", "a machine without credentials");
    fixture.signer.revoke_certificate(0);
    revocation(&program, "Certificate(s) ", "the leaf");
    let job = request.pointer(&format!("{extended}/{SIGNING_JOB}")).unwrap().as_str().unwrap().to_owned();
    fixture.signer.revoke(&job);
    revocation(&program, &format!("Resource(s) {job} have been revoked."), "the job");
}

#[test]
fn without_a_network_there_is_an_answer_all_the_same() {
    let fixture = SigningFixture::without_login();
    let program = plugin(&fixture);
    let request = to_sign(&fixture, &fixture.profile);
    let signed = answered(&program, "generate-envelope", &request, "a signature");
    let alone = program.clone().with("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    refused(&alone.run(&["generate-envelope"], request.to_string()), "ERROR", "AWS Signer cannot sign with", "no way");
    let verified = answered(&alone, "verify-signature", &to_verify(&signed, &[&fixture.profile]), "no way");
    assert_eq!(verified["verificationResults"][IDENTITY]["success"], true, "it needs nobody: {verified}");
    assert_eq!(verified["verificationResults"][REVOCATION]["success"], false, "{verified}");
    // Half a minute: another try would be another signing job.
    fixture.aws.faults.always("SignPayload", Fault::Silent);
    refused(&program.run(&["generate-envelope"], request.to_string()), "TIMEOUT", "timeout", "AWS says nothing");
}

/// `config.toml` serves the plugin as it serves `sign`.
#[test]
fn the_rules_of_config_toml_count() {
    let fixture = SigningFixture::without_login();
    let program = plugin(&fixture);
    fixture.configure("[[registry]]\nmatch = \"signer.*.amazonaws.com\"\nprofile = \"absent\"\n");
    let request = to_sign(&fixture, &fixture.profile).to_string();
    let outcome = program.run(&["generate-envelope"], &request);
    refused(&outcome, "ERROR", "absent", "the rule names the profile");
    fixture.configure("[[registry]\n");
    refused(&program.run(&["generate-envelope"], &request), "ERROR", "config.toml", "a broken file");
    let metadata = program.run(&["get-plugin-metadata"], "{}");
    metadata.exits(0, "which is no reason not to say what it is");
}

#[test]
fn setup_puts_it_where_notation_looks_and_takes_it_out_again() {
    let fixture = SigningFixture::without_login();
    let home = fixture.home.path();
    let place = home.join(format!("libexec/plugins/{NAME}/notation-{NAME}"));
    let kept = PathBuf::from(format!("{}.ecr-rs-backup", place.display()));
    let program = fixture.program();
    let setup = |arguments: &[&str]| program.run(&[&["setup"], arguments].concat(), "");
    let ours = fs::read(Machine::binary()).unwrap();

    let shown = setup(&["notation", "--plugin", "--dry-run"]).exits(0, "shown");
    assert!(shown.stdout.contains(&format!("{} (new)\n  a copy of ", place.display())), "{shown:?}");
    assert!(!place.exists());
    setup(&["docker", "--plugin"]).exits(1, "it is Notation's");
    setup(&["notation", "--plugin"]).exits(0, "installed");
    let metadata = place.symlink_metadata().unwrap();
    assert!(metadata.is_file() && metadata.permissions().mode() & 0o111 != 0, "a file that can be run, and no link");
    assert!(fs::read(&place).unwrap() == ours);
    let again = setup(&["notation", "--plugin"]).exits(0, "again");
    assert!(again.stdout.contains("the plugin is already set up in"), "{again:?}");
    // Notation, where it is installed, is what makes doctor look.
    let script = |path: &PathBuf, text: &str| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    script(&home.join("bin/notation"), "echo 'Version: 1.3.2'");
    let told = program.run(&["doctor"], "");
    assert!(told.stdout.contains("is this program's, 1."), "{told:?}");
    setup(&["notation", "--undo"]).exits(0, "undone");
    assert!(!place.parent().unwrap().exists(), "its folder goes with it");

    let aws = format!(
        "echo '{{\"name\":\"{NAME}\",\"description\":\"AWS Signer plugin for Notation\",\"version\":\"1.0.2292\",\"url\":\
         \"https://docs.aws.amazon.com/signer\",\"supportedContractVersions\":[\"1.0\"],\"capabilities\":[\"{IDENTITY}\"]}}'"
    );
    for (other, words) in [(aws.as_str(), "another plugin of that name, 1.0.2292"), ("exit 3", "something else")] {
        script(&place, other);
        let before = fs::read(&place).unwrap();
        let outcome = setup(&["notation", "--plugin"]).exits(1, "it is not ours");
        assert!(outcome.stderr.contains(words) && outcome.stderr.contains("--replace"), "{outcome:?}");
        assert_eq!(fs::read(&place).unwrap(), before);
        setup(&["notation", "--plugin", "--replace"]).exits(0, "told to");
        assert!(fs::read(&place).unwrap() == ours && fs::read(&kept).unwrap() == before, "{words}");
        setup(&["notation", "--plugin"]).exits(0, "again, with nothing to do");
        setup(&["notation", "--undo"]).exits(0, "undone");
        assert!(fs::read(&place).unwrap() == before && !kept.exists(), "{words}: it is as it was");
        fs::rename(&place, &kept).unwrap();
        setup(&["notation", "--undo"]).exits(0, "after a run that was cut short between the two");
        assert!(fs::read(&place).unwrap() == before && !kept.exists(), "{words}: it is as it was");
        let outcome = setup(&["notation", "--undo"]).exits(0, "again");
        assert!(fs::read(&place).unwrap() == before, "what is not ours stays: {outcome:?}");
    }
    fs::remove_file(&place).unwrap();
    fs::create_dir(&place).unwrap();
    let outcome = setup(&["notation", "--plugin", "--replace"]).exits(1, "a folder, which undo could not bring back");
    assert!(outcome.stderr.contains("is a folder") && place.is_dir(), "{outcome:?}");
    fs::remove_dir(&place).unwrap();
    script(&place, &aws);
    let told = program.run(&["doctor"], "");
    assert!(told.stdout.contains("is not this program's: AWS Signer plugin for Notation, 1.0.2292"), "{told:?}");
}
