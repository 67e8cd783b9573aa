//! The native engine against a loopback AWS Signer and registry: what is pushed, what is not.

use crate::support::{
    bench::{Bench, MANIFEST},
    registry,
    signer::Knob,
};
use serde_json::{Value, json};

const SIGNATURE: &str = "application/vnd.cncf.notary.signature";

#[test]
fn a_tag_becomes_a_signature_beside_the_image() {
    let bench = Bench::new();
    let digest = bench.push("team/app", "v1");
    let image = format!("{}/team/app", bench.host());
    let ran = bench.sign(&[&format!("{image}:v1"), "-m", "build=42", "--output", "json"]).exits(0, "signed");
    let told = &ran.json()[0];
    assert_eq!(told["status"], "signed");
    assert_eq!(told["image"], format!("{image}@{digest}"));
    assert_eq!(told["tag"], "v1");
    assert_eq!(told["listedBy"], "referrers-api");
    assert_eq!(told["manifestFormat"], "oci-1.1");

    let manifest: Value =
        serde_json::from_slice(&bench.stored("team/app", told["signature"].as_str().unwrap())).unwrap();
    assert_eq!(manifest["mediaType"], MANIFEST);
    assert_eq!(manifest["artifactType"], SIGNATURE);
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.oci.empty.v1+json");
    assert_eq!(manifest["subject"]["digest"], digest);
    assert!(manifest["subject"].get("annotations").is_none());
    assert_eq!(manifest["layers"][0]["mediaType"], "application/jose+json");
    let thumbprints = manifest["annotations"]["io.cncf.notary.x509chain.thumbprint#S256"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Vec<String>>(thumbprints).unwrap().len(), 4);
    assert_eq!(manifest["annotations"]["org.opencontainers.image.created"], told["signingTime"]);

    let inspected =
        bench.run(&["signatures", "inspect", &format!("{image}:v1"), "--output", "json"]).exits(0, "inspect").json();
    let signature = &inspected["signatures"][0];
    assert_eq!(signature["digest"], told["signature"]);
    assert_eq!(signature["userMetadata"], json!({ "build": "42" }));
    assert_eq!(signature["signedArtifact"]["digest"], digest);
    assert!(signature["profileVersion"].as_str().unwrap().starts_with(&bench.profile));
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
        let bench = Bench::new();
        let digest = bench.push("app", "v1");
        bench.aws.registry.behave(change);
        let image = format!("{}/app@{digest}", bench.host());
        let first = bench.sign(&[&image, "--output", "json"]).exits(0, why);
        let told = &first.json()[0];
        assert_eq!((&told["listedBy"], &told["manifestFormat"]), (&json!(listed_by), &json!(form)), "{why}");
        let second = bench.sign(&[&image, "--output", "json"]).exits(0, why);
        let listed = bench.run(&["signatures", "list", &image, "--output", "json"]).exits(0, "list").json();
        let digests: Vec<&Value> = listed["signatures"].as_array().unwrap().iter().map(|s| &s["digest"]).collect();
        assert_eq!(digests.len(), 2, "{why}");
        assert!(digests.contains(&&told["signature"]) && digests.contains(&&second.json()[0]["signature"]), "{why}");
    }
}

#[test]
fn a_login_never_follows_a_redirect_to_another_host() {
    let bench = Bench::new();
    let digest = bench.push("app", "v1");
    bench.aws.registry.behave(|p| p.redirects_blobs = true);
    bench.sign(&[&format!("{}/app@{digest}", bench.host())]).exits(0, "signed");
    for call in bench.aws.calls() {
        assert!(call.operation != "DownloadLayer" || !call.authorization, "{call:?}");
    }
}

#[test]
fn immutable_tags_without_a_referrers_api_are_explained() {
    let bench = Bench::new();
    let digest = bench.push("app", "v1");
    bench.aws.registry.behave(|p| (p.referrers, p.mutable_tags) = (false, false));
    let image = format!("{}/app@{digest}", bench.host());
    bench.sign(&[&image]).exits(0, "the first signature makes the tag");
    let ran = bench.sign(&[&image]).exits(1, "the second cannot change it");
    assert!(ran.stderr.contains("tags are immutable") && ran.stderr.contains("sha256-"), "{ran:?}");
}

/// Whatever is wrong with AWS Signer's answer, nothing is pushed and the cause is named.
#[test]
fn a_bad_envelope_is_never_pushed() {
    let bench = Bench::new();
    let digest = bench.push("app", "v1");
    let image = format!("{}/app@{digest}", bench.host());
    let before = bench.pushes();
    for (knob, cause) in [
        (Knob::WrongDigest, "what was signed changed"),
        (Knob::WrongSize, "what was signed changed"),
        (Knob::DroppedAnnotation, "the annotation `build` was dropped or changed"),
        (Knob::ChangedAnnotation, "the annotation `build` was dropped or changed"),
        (Knob::AddedAttribute, "unknown attributes were added to what is signed: [\"extra\"]"),
        (Knob::AddedMember, "unknown attributes were added to what is signed: [\"extra\"]"),
        (Knob::AlgorithmNone, "its algorithm is `none`, the leaf's key asks for `ES384`"),
        (Knob::OtherAlgorithm, "its algorithm is `ES256`, the leaf's key asks for `ES384`"),
        (Knob::OtherScheme, "the signing scheme is `notary.x509`"),
        (Knob::ChainReversed, "not by the key of the leaf"),
        (Knob::ChainWithoutRoot, "it is the last but not self-signed"),
        (Knob::ForeignRoot, "not in the given root file"),
        (Knob::OtherKey, "not by the key of the leaf"),
        (Knob::Expired, "expires before it was made"),
        (Knob::OldTime, "is not now"),
        (Knob::EndedLeaf, "not at the signing time"),
        (Knob::SchemeNotCritical, "`io.cncf.notary.signingScheme` is not marked critical"),
        (Knob::ExpiryNotCritical, "`io.cncf.notary.expiry` is not marked critical"),
        (Knob::NoCrit, "no `crit`"),
        (Knob::CritWithoutHeader, "`com.example.absent` is marked critical but is not there"),
        (Knob::UnknownCritical, "critical attribute `com.example.unknown`"),
        (Knob::NoProfile, "lacks the critical attribute `com.amazonaws.signer.signingProfileVersion`"),
        (Knob::OtherProfile, "is by the profile"),
        (Knob::DuplicateHeader, "`alg` is there twice"),
        (Knob::GeneralForm, "only the flattened form is allowed"),
        (Knob::OtherContentType, "the payload is `application/json`"),
        (Knob::EmptyPayload, "its payload is empty"),
        (Knob::Cose, "the JWS envelope cannot be accepted"),
        (Knob::Garbage, "the JWS envelope cannot be accepted"),
    ] {
        bench.signer.spoil(knob);
        let ran = bench.sign(&[&image, "-m", "build=42"]).exits(1, format!("{knob:?}"));
        assert!(ran.stderr.contains(cause), "{knob:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("nothing was pushed"), "{knob:?}: {}", ran.stderr);
        assert_eq!(bench.pushes(), before, "{knob:?}");
    }
    bench.signer.spoil(None);
    bench.sign(&[&image, "-m", "build=42"]).exits(0, "without a knob the same image is signed");
}

#[test]
fn the_root_is_aws_unless_another_is_given() {
    let bench = Bench::new();
    let digest = bench.push("app", "v1");
    let before = bench.pushes();
    let sign = ["sign", "--signing-profile", &bench.profile, &format!("{}/app@{digest}", bench.host())];
    let ran = bench.run(&sign).exits(1, "the loopback's root is not AWS's");
    assert!(ran.stderr.contains("is not a root of AWS Signer"), "{ran:?}");
    assert!(ran.stderr.contains("hint: give the root that you trust with --signer-root FILE"), "{ran:?}");
    assert_eq!(bench.pushes(), before);
}

#[test]
fn the_payload_cap_is_checked_before_any_call() {
    let bench = Bench::new();
    bench.push("app", "v1");
    let long = format!("k={}", "v".repeat(4096));
    let ran = bench.sign(&[&format!("{}/app:v1", bench.host()), "-m", &long]).exits(1, "too long");
    assert!(ran.stderr.contains("AWS Signer takes at most 4096"), "{ran:?}");
    assert_eq!(bench.aws.count("SignPayload"), 0);
}
