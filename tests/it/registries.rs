//! The loopback registries behave as ECR's do.

use std::time::Duration;

use crate::support::{
    aws::{faults::Fault, iam::Role},
    client::{Response, ask},
    loopback::{ACCOUNT, Loopback, OTHER_ACCOUNT, REGION},
    registry::{PLAIN_PASSWORD, PLAIN_USER, digest},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A client of one host with one `Authorization` header.
struct Client<'a> {
    loopback: &'a Loopback,
    host: String,
    authorization: String,
}

impl Client<'_> {
    fn ask(&self, line: &str, content_type: &str, body: &[u8]) -> Response {
        let headers = [("Authorization", self.authorization.as_str()), ("Content-Type", content_type)];
        ask(self.loopback, &self.host, line, &headers, body).expect("an answer")
    }

    fn get(&self, path: &str) -> Response {
        self.ask(&format!("GET {path}"), "", b"")
    }

    fn push_blob(&self, bytes: &[u8]) -> String {
        let started = self.ask("POST /v2/app/blobs/uploads/", "", b"");
        let location = started.header("location").expect("where to upload to");
        let path = location.split_once(&self.host).expect("this host").1;
        let (first, rest) = bytes.split_at(bytes.len() / 2);
        assert_eq!(self.ask(&format!("PATCH {path}"), "application/octet-stream", first).status, 202);
        let digest = digest(bytes);
        let finished = self.ask(&format!("PUT {path}?digest={digest}"), "application/octet-stream", rest);
        assert_eq!(finished.status, 201, "{}", finished.text());
        digest
    }

    fn push_manifest(&self, reference: &str, manifest: &Value) -> Response {
        self.ask(&format!("PUT /v2/app/manifests/{reference}"), MANIFEST, manifest.to_string().as_bytes())
    }
}

/// A client of [`ACCOUNT`]'s registry with a token of a principal of `account`.
fn client<'a>(loopback: &'a Loopback, account: &str) -> Client<'a> {
    let session = loopback.iam.open_session(&Role::new(account, "test"), "test", Duration::from_secs(60));
    let token = loopback.tokens.mint(&session.principal, false, false).authorization_token();
    let host = format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com");
    Client { loopback, host, authorization: format!("Basic {token}") }
}

fn image(client: &Client<'_>, layer: &str) -> Value {
    let config = client.push_blob(b"{}");
    let layer_digest = client.push_blob(layer.as_bytes());
    json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2 },
        "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer_digest, "size": layer.len() }],
    })
}

#[test]
fn ecr_takes_minted_tokens_of_its_account_only() {
    let loopback = Loopback::start();
    let ours = client(&loopback, ACCOUNT);
    let anonymous = ask(&loopback, &ours.host, "GET /v2/", &[], b"").expect("an answer");
    let challenge = format!("Basic realm=\"https://{}/\",service=\"ecr.amazonaws.com\"", ours.host);
    assert_eq!((anonymous.status, anonymous.header("www-authenticate")), (401, Some(&*challenge)));
    assert_eq!(ours.get("/v2/").status, 200);

    let principal = loopback.iam.open_session(&Role::new(ACCOUNT, "test"), "old", Duration::from_secs(60)).principal;
    let basic = |login: String| format!("Basic {}", STANDARD.encode(login));
    let minted = |public, expired| loopback.tokens.mint(&principal, public, expired).password;
    for (authorization, why) in [
        (basic("AWS:made-up".into()), "not minted"),
        (basic(format!("AWS:{}", minted(false, true))), "expired"),
        (basic(format!("AWS:{}", minted(true, false))), "a token of ECR Public"),
        (basic(format!("bob:{}", minted(false, false))), "another user name"),
    ] {
        let stranger = Client { loopback: &loopback, host: ours.host.clone(), authorization };
        assert_eq!(stranger.get("/v2/").status, 403, "{why}");
    }

    let theirs = client(&loopback, OTHER_ACCOUNT);
    assert_eq!(theirs.get("/v2/app/tags/list").status, 403, "another account's principal");
    loopback.registry.share(ACCOUNT, OTHER_ACCOUNT);
    assert_eq!(theirs.get("/v2/app/tags/list").status, 200, "a repository policy lets it in");
}

#[test]
fn what_is_pushed_is_pulled_by_every_spelling_of_the_host() {
    let loopback = Loopback::start();
    let mut client = client(&loopback, ACCOUNT);
    let image = image(&client, "layer");
    let pushed = client.push_manifest("v1", &image);
    let digest = digest(image.to_string().as_bytes());
    assert_eq!((pushed.status, pushed.header("docker-content-digest")), (201, Some(&*digest)));
    loopback.registry.add_domain("docker.example.com", ACCOUNT, REGION);
    for host in [
        client.host.clone(),
        format!("{ACCOUNT}.dkr.ecr-fips.{REGION}.amazonaws.com"),
        format!("{ACCOUNT}.dkr-ecr.{REGION}.on.aws"),
        "docker.example.com".into(),
    ] {
        client.host = host;
        let pulled = client.get("/v2/app/manifests/v1");
        assert_eq!((pulled.text(), pulled.header("content-type")), (image.to_string(), Some(MANIFEST)));
        assert_eq!(client.get(&format!("/v2/app/manifests/{digest}")).status, 200);
    }
    let layer = image["layers"][0]["digest"].as_str().expect("a digest");
    assert_eq!(client.get(&format!("/v2/app/blobs/{layer}")).body, b"layer");
    assert_eq!(client.get("/v2/app/tags/list").text(), r#"{"name":"app","tags":["v1"]}"#);
    assert_eq!(client.get("/v2/app/manifests/v2").status, 404);
    let broken = json!({ "layers": [{ "digest": format!("sha256:{:064}", 0) }] });
    assert_eq!(client.push_manifest("v3", &broken).status, 404, "a layer that was never pushed");
    let wrong = format!("PUT /v2/app/manifests/sha256:{:064}", 0);
    assert_eq!(client.ask(&wrong, MANIFEST, image.to_string().as_bytes()).status, 400, "a digest that does not fit");
}

#[test]
fn referrers_are_listed_where_the_registry_has_them() {
    let loopback = Loopback::start();
    let client = client(&loopback, ACCOUNT);
    let image = image(&client, "layer");
    client.push_manifest("v1", &image);
    let subject = digest(image.to_string().as_bytes());
    let mut signature = image.clone();
    signature["artifactType"] = "application/vnd.cncf.notary.signature".into();
    signature["subject"] = json!({ "mediaType": MANIFEST, "digest": subject, "size": image.to_string().len() });
    let pushed = client.push_manifest(&digest(signature.to_string().as_bytes()), &signature);
    assert_eq!((pushed.status, pushed.header("oci-subject")), (201, Some(&*subject)));

    for (filter, count, applied) in [
        ("", 1, None),
        ("?artifactType=application/vnd.cncf.notary.signature", 1, Some("artifactType")),
        ("?artifactType=text/plain", 0, Some("artifactType")),
    ] {
        let answer = client.get(&format!("/v2/app/referrers/{subject}{filter}"));
        let index: Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(index["manifests"].as_array().map(Vec::len), Some(count), "{filter}");
        assert_eq!(answer.header("oci-filters-applied"), applied, "{filter}");
    }

    loopback.registry.behave(|personality| personality.referrers = false);
    assert_eq!(client.get(&format!("/v2/app/referrers/{subject}")).status, 404);
    loopback.registry.behave(|personality| personality.artifact_manifests = false);
    let refused = client.push_manifest("v2", &signature);
    assert_eq!(refused.status, 405);
    assert!(refused.text().contains("Invalid parameter at 'ImageManifest'"), "{}", refused.text());
    loopback.registry.behave(|personality| personality.mutable_tags = false);
    let mut other = image.clone();
    other["annotations"] = json!({ "changed": "yes" });
    assert_eq!(client.push_manifest("v1", &other).status, 400, "the tag is immutable");
    assert_eq!(client.push_manifest("v1", &image).status, 201, "the same content again");
}

#[test]
fn downloads_from_the_bucket_carry_no_login() {
    let loopback = Loopback::start();
    let client = client(&loopback, ACCOUNT);
    let blob = client.push_blob(b"layer");
    loopback.registry.behave(|personality| personality.redirects_blobs = true);
    let redirect = client.get(&format!("/v2/app/blobs/{blob}"));
    assert_eq!(redirect.status, 307);
    let location = redirect.header("location").and_then(|url| url.strip_prefix("https://")).expect("a URL");
    let (bucket, path) = location.split_once('/').expect("a path");
    let line = format!("GET /{path}");
    let leaked = ask(&loopback, bucket, &line, &[("Authorization", &client.authorization)], b"").expect("an answer");
    assert_eq!(leaked.status, 400, "a client that sends its login to the bucket is told off");
    assert_eq!(ask(&loopback, bucket, &line, &[], b"").expect("an answer").body, b"layer");
    let downloads: Vec<bool> = loopback
        .calls()
        .iter()
        .filter(|call| call.operation == "DownloadLayer")
        .map(|call| call.authorization)
        .collect();
    assert_eq!(downloads, [true, false]);
}

#[test]
fn the_public_gallery_gives_bearer_tokens() {
    let loopback = Loopback::start();
    let host = "public.ecr.aws";
    let principal = loopback.iam.open_session(&Role::new(ACCOUNT, "test"), "test", Duration::from_secs(60)).principal;
    let login = loopback.tokens.mint(&principal, true, false).authorization_token();
    let challenge = ask(&loopback, host, "GET /v2/", &[], b"").expect("an answer");
    let expected = "Bearer realm=\"https://public.ecr.aws/token/\",service=\"public.ecr.aws\",scope=\"aws\"";
    assert_eq!((challenge.status, challenge.header("www-authenticate")), (401, Some(expected)));
    for (authorization, pushes) in [("", 403), (&*format!("Basic {login}"), 202)] {
        let headers = [("Authorization", authorization)];
        let headers = if authorization.is_empty() { &[][..] } else { &headers[..] };
        let answer =
            ask(&loopback, host, "GET /token/?service=public.ecr.aws&scope=aws", headers, b"").expect("an answer");
        let answer: Value = serde_json::from_slice(&answer.body).expect("JSON");
        let authorization = format!("Bearer {}", answer["token"].as_str().expect("a token"));
        let client = Client { loopback: &loopback, host: host.into(), authorization };
        assert_eq!(client.get("/v2/").status, 200);
        assert_eq!(client.ask("POST /v2/app/blobs/uploads/", "", b"").status, pushes);
    }
}

#[test]
fn other_hosts_take_user_and_password_and_faults_are_played() {
    let loopback = Loopback::start();
    let login = STANDARD.encode(format!("{PLAIN_USER}:{PLAIN_PASSWORD}"));
    let client =
        Client { loopback: &loopback, host: "registry.example".into(), authorization: format!("Basic {login}") };
    assert_eq!(client.get("/v2/").status, 200);
    let stranger = STANDARD.encode(format!("{PLAIN_USER}:wrong"));
    let authorization = format!("Basic {stranger}");
    let refused = Client { loopback: &loopback, host: client.host.clone(), authorization }.get("/v2/");
    assert_eq!(refused.status, 401);
    let image = image(&client, "layer");
    client.push_manifest("v1", &image);
    for (fault, status) in [
        (Fault::Unauthorized, 401),
        (Fault::AccessDenied, 403),
        (Fault::NotFound, 404),
        (Fault::Throttled, 429),
        (Fault::Internal, 500),
    ] {
        loopback.faults.times("GetManifest", fault.clone(), 1);
        assert_eq!(client.get("/v2/app/manifests/v1").status, status, "{fault:?}");
    }
    loopback.faults.times("GetManifest", Fault::WrongDigest, 1);
    let lie = client.get("/v2/app/manifests/v1");
    assert_ne!(lie.header("docker-content-digest"), Some(&*digest(&lie.body)));
    loopback.faults.times("GetManifest", Fault::Cut, 1);
    let headers = [("Authorization", client.authorization.as_str())];
    ask(&loopback, &client.host, "GET /v2/app/manifests/v1", &headers, b"").expect_err("cut in the middle");
}
