//! What servers, signatures, files and arguments say stays on its line: no text of theirs moves the cursor, and none
//! begins a line that looks like one of ours.

use std::time::SystemTime;

use serde_json::json;

use crate::support::{
    aws::faults::Fault,
    program::Outcome,
    signer::{
        chain::{Chain, Shape},
        envelope::Draft,
    },
    signing_fixture::{MANIFEST, SIGNATURE, SigningFixture},
};

/// Terminal sequences of 7 and 8 bits, direction marks, line ends of every kind, and a line like ours.
const HOSTILE: &str = "x\u{1b}[2J\u{9b}31m\u{202e}y\u{2066}\u{200b}z\u{2028}\u{85}\r\nsigned forged.example/app\r\n  hint: \
                       forged\u{7f}";

/// Nothing on either stream that a terminal obeys, and no line that was made by others.
#[track_caller]
fn is_clean(ran: &Outcome, why: &str) {
    for text in [&ran.stdout, &ran.stderr] {
        let obeyed = |c: &char| {
            (c.is_control() && *c != '\n')
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        };
        assert_eq!(text.chars().find(obeyed), None, "{why}: {ran:?}");
        let forged = |line: &&str| line.starts_with("signed forged") || line.trim_start().starts_with("hint: forged");
        assert_eq!(text.lines().find(forged), None, "{why}: {ran:?}");
    }
}

/// The words came, but for what is hidden in them.
#[track_caller]
fn is_told(ran: &Outcome, why: &str) {
    is_clean(ran, why);
    assert!(format!("{}{}", ran.stdout, ran.stderr).contains("signed forged.example/app"), "{why}: {ran:?}");
}

#[test]
fn f2_2_what_a_signature_says() {
    let fixture = SigningFixture::new();
    let digest = fixture.push("app", "v1");
    let image = format!("{}/app@{digest}", fixture.host());
    let chain = Chain::of(&Shape { leaf_name: HOSTILE, ..Shape::aws(SystemTime::now()) });
    let good = || Draft::aws(&chain, &fixture.payload("app", &digest), "p", "j", SystemTime::now());
    type Change = fn(&mut Draft);
    let changes: [(&str, Change); 7] = [
        ("a certificate's subject", |_| {}),
        ("metadata", |draft| {
            draft.payload_json(|payload| payload["targetArtifact"]["annotations"] = json!({ HOSTILE: HOSTILE }));
        }),
        ("the agent", |draft| drop(draft.header.insert("io.cncf.notary.signingAgent".into(), HOSTILE.into()))),
        ("the profile", |draft| draft.set("com.amazonaws.signer.signingProfileVersion", HOSTILE)),
        ("the job", |draft| draft.set("com.amazonaws.signer.signingJob", HOSTILE)),
        ("an attribute", |draft| {
            draft.set(HOSTILE, HOSTILE);
            draft.critical(HOSTILE);
        }),
        ("the scheme, which cannot be read then", |draft| draft.set("io.cncf.notary.signingScheme", HOSTILE)),
    ];
    for (_, change) in &changes {
        let mut draft = good();
        change(&mut draft);
        fixture.push_envelope("app", &digest, "application/jose+json", &draft.jws(&chain));
    }
    fixture.push_envelope("app", &digest, HOSTILE, b"an envelope of no type");
    let root = fixture.root();
    for words in [&["list"][..], &["inspect"], &["list", "--output", "json"], &["inspect", "--output", "json"]] {
        for root in [&["--signer-root", root.as_str()][..], &[]] {
            let ran = fixture.run(&[&["signatures"], words, &[image.as_str()], root].concat());
            is_clean(&ran.exits(1, "two cannot be read"), &words.join(" "));
        }
    }
    let ran = fixture.run(&["signatures", "inspect", &image]);
    for label in ["signing profile version (claimed): x", "signing job (claimed): x", "(unsigned): x", "CN=x"] {
        assert!(ran.stdout.contains(label), "{label}: {ran:?}");
    }
    is_told(&ran, "inspect");
    is_told(&fixture.run(&["signatures", "list", &image]), "list");
    is_clean(&fixture.sign(&[&image, "--if-unsigned"]).exits(0, "none of them counts"), "sign --if-unsigned");
    is_clean(&fixture.run(&["signatures", "delete", &image, "--all", "--yes"]).exits(0, "all go"), "delete");
}

#[test]
fn f2_2_what_aws_signer_returns() {
    let fixture = SigningFixture::new();
    let image = format!("{}/app@{}", fixture.host(), fixture.push("app", "v1"));
    for field in ["jobId", "signature"] {
        fixture.signer.answer_with(field, HOSTILE);
        for quiet in [&[][..], &["--quiet"], &["--output", "json"]] {
            is_clean(&fixture.sign(&[&[image.as_str()], quiet].concat()), field);
        }
    }
}

#[test]
fn f2_2_what_registries_and_aws_refuse_with() {
    for (operation, words) in [
        ("GetManifest", &["sign", "IMAGE", "--signing-profile", "app", "--signer-root", "ROOT"][..]),
        ("PostUpload", &["sign", "IMAGE", "--signing-profile", "app", "--signer-root", "ROOT"]),
        ("PutManifest", &["sign", "IMAGE", "--signing-profile", "app", "--signer-root", "ROOT", "--output", "json"]),
        ("GetBlob", &["sign", "IMAGE", "--signing-profile", "app", "--signer-root", "ROOT"]),
        ("SignPayload", &["sign", "IMAGE", "--signing-profile", "app", "--signer-root", "ROOT"]),
        ("SignPayload", &["sign", "IMAGE", "--signing-profile", "app", "--signer-root", "ROOT", "--output", "json"]),
        (
            "GetRevocationStatus",
            &["sign", "IMAGE", "--signing-profile", "app", "--signer-root", "ROOT", "--if-unsigned"],
        ),
        ("GetSigningProfile", &["sign", "IMAGE", "--signing-profile", "app", "--create-profile"]),
        ("GetReferrers", &["signatures", "list", "IMAGE"]),
        ("GetManifest", &["signatures", "inspect", "IMAGE", "--output", "json"]),
        ("DeleteManifest", &["signatures", "delete", "IMAGE", "--all", "--yes"]),
        ("PutSigningProfile", &["profile", "create", "fresh"]),
        ("ListSigningProfiles", &["profile", "list"]),
        ("GetSigningProfile", &["profile", "show", "app"]),
        ("CancelSigningProfile", &["profile", "cancel", "app", "--yes"]),
        ("RevokeSigningProfile", &["profile", "revoke", "app", "--reason", "x", "--yes"]),
        ("GetAuthorizationToken", &["token", "111122223333.dkr.ecr.eu-west-1.amazonaws.com"]),
        ("GetAuthorizationToken", &["doctor", "111122223333.dkr.ecr.eu-west-1.amazonaws.com"]),
    ] {
        let fixture = SigningFixture::new();
        let (image, root) = (format!("{}/app@{}", fixture.host(), fixture.push("app", "v1")), fixture.root());
        fixture.sign(&[&image]).exits(0, "there is a signature");
        fixture.aws.faults.always(operation, Fault::Says(HOSTILE));
        let words = words.iter().map(|word| match *word {
            "IMAGE" => image.as_str(),
            "ROOT" => &root,
            word => word,
        });
        let words: Vec<&str> = words.collect();
        is_told(&fixture.run(&words), &format!("{operation}: {words:?}"));
    }
    let fixture = SigningFixture::new();
    fixture.aws.faults.always("GetAuthorizationToken", Fault::Says(HOSTILE));
    let got = fixture.program().run(&["get"], "111122223333.dkr.ecr.eu-west-1.amazonaws.com\n");
    is_told(&got.exits(1, "no token"), "get");
}

#[test]
fn f2_2_what_profiles_are_described_with() {
    let fixture = SigningFixture::new();
    for number in 0..3 {
        fixture.run(&["profile", "create", &format!("fresh{number}"), "--tag", &format!("{HOSTILE}={HOSTILE}")]);
    }
    fixture.signer.answer_with("statusReason", HOSTILE);
    fixture.signer.answer_with("arn", HOSTILE);
    fixture.signer.answer_with("profileVersionArn", HOSTILE);
    for words in [
        &["profile", "show", "fresh0"][..],
        &["profile", "show", "fresh0", "--output", "json"],
        &["profile", "list"],
        &["profile", "list", "--output", "json"],
        &["profile", "create", "another"],
        &["profile", "revoke", "fresh0", "--reason", "x", "--yes"],
        &["profile", "cancel", "fresh1", "--yes"],
    ] {
        is_told(&fixture.run(words), &words.join(" "));
    }
}

#[test]
fn f2_2_what_arguments_and_files_say() {
    let fixture = SigningFixture::new();
    let image = format!("{}/app@{}", fixture.host(), fixture.push("app", "v1"));
    let file = fixture.write("digests", &format!("{HOSTILE}\n")).display().to_string();
    let absent = fixture.home.path().join(HOSTILE).display().to_string();
    let metadata = format!("{HOSTILE}={HOSTILE}");
    let broken = json!({ "schemaVersion": 2, "mediaType": HOSTILE, "artifactType": SIGNATURE }).to_string();
    fixture.aws.registry.plant("127.0.0.1", "app", "hostile", MANIFEST, broken.into_bytes());
    let planted = format!("{}/app:hostile", fixture.host());
    for words in [
        &["sign", HOSTILE, "--signing-profile", "app"][..],
        &["sign", &image, "--signing-profile", HOSTILE],
        &["sign", &image, "--signing-profile", "app", "--signer-root", &absent],
        &["sign", "--digest-file", &file, "--signing-profile", "app"],
        &["sign", "--digest-file", &absent, "--signing-profile", "app"],
        &["sign", &image, "--signing-profile", "app", "--profile", HOSTILE],
        &["sign", &image, "--signing-profile", "app", "--dry-run", "-m", &metadata],
        &["sign", &image, "--signing-profile", "app", "--dry-run", "-m", &metadata, "--output", "json"],
        &["sign", &planted, "--signing-profile", "app"],
        &["sign", &image, "--signing-profile", "app", "--engine", HOSTILE],
        &["sign", &image, "--signing-profile", "app", HOSTILE],
        &["signatures", "list", HOSTILE],
        &["signatures", "inspect", &image, "--signer-root", &absent],
        &["signatures", "delete", &image, "--signature", HOSTILE, "--yes"],
        &["signatures", HOSTILE],
        &["profile", "show", HOSTILE],
        &["profile", "create", "fresh", "--validity", HOSTILE],
        &["profile", "revoke", "app", "--reason", "x", "--yes", "--from", HOSTILE],
        &["token", HOSTILE],
        &["doctor", HOSTILE],
        &["clear", HOSTILE],
        &["setup", HOSTILE],
        &[HOSTILE],
        &["status", "--output", HOSTILE],
        &["completions", HOSTILE],
    ] {
        is_clean(&fixture.run(words), &format!("{words:?}"));
    }
    for verb in ["get", "store", "erase"] {
        is_clean(&fixture.program().run(&[verb], HOSTILE), verb);
    }
}
