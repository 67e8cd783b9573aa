//! The native engine against a loopback AWS Signer and registry: what is pushed, what is not.

use crate::support::{
    registry,
    signer::Defect,
    signing_fixture::{MANIFEST, SigningFixture},
};
use serde_json::{Value, json};

const SIGNATURE: &str = "application/vnd.cncf.notary.signature";

#[test]
fn a_tag_becomes_a_signature_beside_the_image() {
    let fixture = SigningFixture::new();
    let digest = fixture.push("team/app", "v1");
    let image = format!("{}/team/app", fixture.host());
    let ran = fixture.sign(&[&format!("{image}:v1"), "-m", "build=42", "--output", "json"]).exits(0, "signed");
    let told = &ran.json()["images"][0];
    assert_eq!(told["status"], "signed");
    assert_eq!(told["image"], format!("{image}@{digest}"));
    assert_eq!(told["tag"], "v1");
    assert_eq!(told["listed_by"], "referrers-api");
    assert_eq!(told["manifest_format"], "oci-1.1");

    let manifest: Value =
        serde_json::from_slice(&fixture.stored("team/app", told["signature"].as_str().unwrap())).unwrap();
    assert_eq!(manifest["mediaType"], MANIFEST);
    assert_eq!(manifest["artifactType"], SIGNATURE);
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.oci.empty.v1+json");
    assert_eq!(manifest["subject"]["digest"], digest);
    assert!(manifest["subject"].get("annotations").is_none());
    assert_eq!(manifest["layers"][0]["mediaType"], "application/jose+json");
    let thumbprints = manifest["annotations"]["io.cncf.notary.x509chain.thumbprint#S256"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Vec<String>>(thumbprints).unwrap().len(), 4);
    assert_eq!(manifest["annotations"]["org.opencontainers.image.created"], told["signing_time"]);

    let inspected =
        fixture.run(&["signatures", "inspect", &format!("{image}:v1"), "--output", "json"]).exits(0, "inspect").json();
    let signature = &inspected["signatures"][0];
    assert_eq!(signature["digest"], told["signature"]);
    assert_eq!(signature["user_metadata"], json!({ "build": "42" }));
    assert_eq!(signature["signed_artifact"]["digest"], digest);
    assert!(signature["profile_version"].as_str().unwrap().starts_with(&fixture.profile));
}

#[test]
fn every_personality_of_a_registry_gets_its_signature() {
    type Change = fn(&mut registry::Personality);
    let cases: [(Change, &str, &str, &str); 5] = [
        (|_| {}, "referrers-api", "oci-1.1", "ECR today"),
        (|p| p.referrers = false, "tag", "oci-1.1", "no referrers API"),
        (|p| p.artifact_manifests = false, "referrers-api", "config-mediatype", "405 on artifactType"),
        (|p| (p.referrers, p.artifact_manifests) = (false, false), "tag", "config-mediatype", "neither"),
        (|p| (p.redirects_blobs, p.mutable_tags) = (true, false), "referrers-api", "oci-1.1", "bucket, immutable tags"),
    ];
    for (change, listed_by, form, why) in cases {
        let fixture = SigningFixture::new();
        let digest = fixture.push("app", "v1");
        fixture.aws.registry.behave(change);
        let image = format!("{}/app@{digest}", fixture.host());
        let first = fixture.sign(&[&image, "--output", "json"]).exits(0, why);
        let told = &first.json()["images"][0];
        assert_eq!((&told["listed_by"], &told["manifest_format"]), (&json!(listed_by), &json!(form)), "{why}");
        let second = fixture.sign(&[&image, "--output", "json"]).exits(0, why);
        let listed = fixture.run(&["signatures", "list", &image, "--output", "json"]).exits(0, "list").json();
        let digests: Vec<&Value> = listed["signatures"].as_array().unwrap().iter().map(|s| &s["digest"]).collect();
        assert_eq!(digests.len(), 2, "{why}");
        assert!(
            digests.contains(&&told["signature"]) && digests.contains(&&second.json()["images"][0]["signature"]),
            "{why}"
        );
    }
}

#[test]
fn a_login_never_follows_a_redirect_to_another_host() {
    let fixture = SigningFixture::new();
    let digest = fixture.push("app", "v1");
    fixture.aws.registry.behave(|p| p.redirects_blobs = true);
    fixture.sign(&[&format!("{}/app@{digest}", fixture.host())]).exits(0, "signed");
    for call in fixture.aws.calls() {
        assert!(call.operation != "DownloadLayer" || !call.authorization, "{call:?}");
    }
}

#[test]
fn immutable_tags_without_a_referrers_api_are_explained() {
    let fixture = SigningFixture::new();
    let digest = fixture.push("app", "v1");
    fixture.aws.registry.behave(|p| (p.referrers, p.mutable_tags) = (false, false));
    let image = format!("{}/app@{digest}", fixture.host());
    fixture.sign(&[&image]).exits(0, "the first signature makes the tag");
    let ran = fixture.sign(&[&image]).exits(1, "the second cannot change it");
    assert!(ran.stderr.contains("tags are immutable") && ran.stderr.contains("sha256-"), "{ran:?}");
}

/// Whatever is wrong with AWS Signer's answer, nothing is pushed and the cause is named.
#[test]
fn a_bad_envelope_is_never_pushed() {
    let fixture = SigningFixture::new();
    let digest = fixture.push("app", "v1");
    let image = format!("{}/app@{digest}", fixture.host());
    let before = fixture.pushes();
    for (defect, cause) in [
        (Defect::WrongDigest, "what was signed changed"),
        (Defect::WrongSize, "what was signed changed"),
        (Defect::DroppedAnnotation, "the annotation `build` was dropped or changed"),
        (Defect::ChangedAnnotation, "the annotation `build` was dropped or changed"),
        (Defect::AddedAttribute, "unknown attributes were added to what is signed: [\"extra\"]"),
        (Defect::AddedMember, "unknown attributes were added to what is signed: [\"extra\"]"),
        (Defect::AlgorithmNone, "its algorithm is `none`, the leaf's key asks for `ES384`"),
        (Defect::OtherAlgorithm, "its algorithm is `ES256`, the leaf's key asks for `ES384`"),
        (Defect::OtherScheme, "the signing scheme is `notary.x509`"),
        (Defect::ChainReversed, "not by the key of the leaf"),
        (Defect::ChainWithoutRoot, "it is the last but not self-signed"),
        (Defect::ForeignRoot, "not in the given root file"),
        (Defect::OtherKey, "not by the key of the leaf"),
        (Defect::Expired, "expires before it was made"),
        (Defect::OldTime, "is not now"),
        (Defect::EndedLeaf, "not at the signing time"),
        (Defect::SchemeNotCritical, "`io.cncf.notary.signingScheme` is not marked critical"),
        (Defect::ExpiryNotCritical, "`io.cncf.notary.expiry` is not marked critical"),
        (Defect::NoCrit, "no `crit`"),
        (Defect::CritWithoutHeader, "`com.example.absent` is marked critical but is not there"),
        (Defect::UnknownCritical, "critical attribute `com.example.unknown`"),
        (Defect::NoProfile, "lacks the critical attribute `com.amazonaws.signer.signingProfileVersion`"),
        (Defect::OtherProfile, "is by the profile"),
        (Defect::DuplicateHeader, "`alg` is there twice"),
        (Defect::GeneralForm, "only the flattened form is allowed"),
        (Defect::OtherContentType, "the payload is `application/json`"),
        (Defect::EmptyPayload, "its payload is empty"),
        (Defect::Cose, "the JWS envelope cannot be accepted"),
        (Defect::Garbage, "the JWS envelope cannot be accepted"),
    ] {
        fixture.signer.spoil(defect);
        let ran = fixture.sign(&[&image, "-m", "build=42"]).exits(1, format!("{defect:?}"));
        assert!(ran.stderr.contains(cause), "{defect:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("nothing was pushed"), "{defect:?}: {}", ran.stderr);
        assert_eq!(fixture.pushes(), before, "{defect:?}");
    }
    fixture.signer.spoil(None);
    fixture.sign(&[&image, "-m", "build=42"]).exits(0, "without a defect the same image is signed");
}

#[test]
fn the_root_is_aws_unless_another_is_given() {
    let fixture = SigningFixture::new();
    let digest = fixture.push("app", "v1");
    let before = fixture.pushes();
    let sign = ["sign", "--signing-profile", &fixture.profile, &format!("{}/app@{digest}", fixture.host())];
    let ran = fixture.run(&sign).exits(1, "the loopback's root is not AWS's");
    assert!(ran.stderr.contains("is not a root of AWS Signer"), "{ran:?}");
    assert!(ran.stderr.contains("hint: AWS Signer did not make it: ask who did"), "{ran:?}");
    assert_eq!(fixture.pushes(), before);
}

#[test]
fn the_payload_cap_is_checked_before_any_call() {
    let fixture = SigningFixture::new();
    fixture.push("app", "v1");
    let long = format!("k={}", "v".repeat(4096));
    let ran = fixture.sign(&[&format!("{}/app:v1", fixture.host()), "-m", &long]).exits(1, "too long");
    assert!(ran.stderr.contains("AWS Signer takes at most 4096"), "{ran:?}");
    assert_eq!(fixture.aws.count("SignPayload"), 0);
}
