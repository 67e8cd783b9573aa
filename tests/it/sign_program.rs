//! The built program signs an image in ECR: host names, TLS, the proxy, the token and SigV4 as in real life.

use crate::support::{
    loopback::{ACCOUNT, Loopback, REGION, ROLE},
    program::Program,
    signer::Signer,
    signing_fixture::{ECR, SigningFixture, push_to_ecr},
};
use serde_json::Value;

const HOST: &str = ECR;

#[test]
fn an_image_in_ecr_is_signed_with_one_command() {
    let signer = Signer::new();
    let loopback = Loopback::with(vec![signer.clone()]);
    loopback.registry.behave(|personality| personality.redirects_blobs = true);
    let profile = signer.add_profile(ACCOUNT, REGION, "app");
    let subject = push_to_ecr(&loopback, "team/app", "v1");
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("root.pem");
    std::fs::write(&root, &signer.chain.root_pem).unwrap();
    let (root, image) = (root.display().to_string(), format!("{HOST}/team/app:v1"));
    let program = Program::at(env!("CARGO_BIN_EXE_docker-credential-ecr-rs"), home.path());
    let program =
        loopback.proxy_variables().into_iter().fold(program, |program, (name, value)| program.with(name, value));

    let sign = ["sign", &image, "--signing-profile", &profile, "--signer-root", &root, "--output", "json"];
    let ran = program.run(&sign, "");
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(told["images"][0]["image"], format!("{HOST}/team/app@{subject}"));
    assert_eq!(loopback.count("GetAuthorizationToken"), 1, "our own token, in process");
    assert!(loopback.calls().iter().all(|call| call.proxied), "the proxy of the environment");
    assert!(loopback.tunnels().contains(&"signer.eu-west-1.amazonaws.com:443".into()), "{:?}", loopback.tunnels());
    for call in loopback.calls() {
        assert!(call.operation != "DownloadLayer" || !call.authorization, "no login for the bucket: {call:?}");
    }

    let listed = program.run(&["signatures", "list", &image], "");
    assert_eq!(listed.status, Some(0), "{listed:?}");
    assert!(listed.stdout.contains(told["images"][0]["signature"].as_str().unwrap()), "{listed:?}");
    let shown = program.run(&["profile", "show", "app", "--region", REGION], "");
    assert!(shown.stdout.contains("status: Active"), "{shown:?}");

    let failed = program.run(&["sign", &format!("{HOST}/team/app:absent"), "--signing-profile", "app"], "");
    assert_eq!(failed.status, Some(1), "{failed:?}");
    assert!(failed.stderr.contains("answered 404") && failed.stdout.is_empty(), "{failed:?}");
    let usage = program.run(&["sign", "--signing-profile", "app"], "");
    assert_eq!(usage.status, Some(2), "{usage:?}");
    let bad = program.run(&["sign", "Bad/Image", "--signing-profile", "app"], "");
    assert_eq!(bad.status, Some(1));
    assert!(bad.stderr.starts_with("docker-credential-ecr-rs: error: `Bad/Image` is not an image"), "{bad:?}");
}

/// The registry's token and AWS Signer need the same credentials.
#[test]
fn f2_17_a_role_is_assumed_once() {
    let fixture = SigningFixture::without_login();
    push_to_ecr(&fixture.aws, "team/app", "v1");
    fixture.configure(&format!("[[registry]]\nmatch = \"{HOST}\"\nrole-arn = \"{ROLE}\"\n"));
    let variables = fixture.aws.proxy_variables().into_iter();
    let program = variables.fold(fixture.program(), |program, (name, value)| program.with(name, value));
    let (image, root) = (format!("{HOST}/team/app:v1"), fixture.root());
    let sign = ["sign", &image, "--signing-profile", &fixture.profile, "--signer-root", &root];
    program.run(&sign, "").exits(0, "signed");
    for (operation, count) in [("AssumeRole", 1), ("GetAuthorizationToken", 1), ("SignPayload", 1)] {
        assert_eq!(fixture.aws.count(operation), count, "{operation}");
    }
    program.run(&sign, "").exits(0, "with the token of the cache");
    assert_eq!(fixture.aws.count("AssumeRole"), 2, "for AWS Signer");
}
