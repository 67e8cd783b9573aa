//! The loopback AWS behaves as AWS does: asked by AWS's own SDK.

use std::time::Duration;

use crate::support::{
    aws::faults::Fault,
    client::ask,
    loopback::{
        ACCESS_KEY_ID, ACCOUNT, EXTERNAL_ID, GUARDED_ROLE, Loopback, OTHER_ACCOUNT, REGION, ROLE, SECRET_ACCESS_KEY,
        WEB_IDENTITY_TOKEN,
    },
    tls::Certificates,
};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_ecr::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
    error::ProvideErrorMetadata,
};
use aws_smithy_async::{
    rt::sleep::{SharedAsyncSleep, TokioSleep},
    time::SystemTimeSource,
};
use base64::{Engine, engine::general_purpose::STANDARD};

fn ecr(loopback: &Loopback, key: &str, secret: &str) -> Client {
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = aws_sdk_ecr::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(loopback.endpoint())
        .credentials_provider(Credentials::new(key, secret, None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .http_client(http)
        .build();
    Client::from_conf(config)
}

#[tokio::test]
async fn ecr_mints_tokens_for_the_right_signature_only() {
    let loopback = Loopback::start();
    let client = ecr(&loopback, ACCESS_KEY_ID, SECRET_ACCESS_KEY);
    let output = client.get_authorization_token().send().await.expect("a good signature");
    let data = &output.authorization_data()[0];
    let token = STANDARD.decode(data.authorization_token().expect("a token")).expect("base64");
    let token = String::from_utf8(token).expect("text");
    let password = token.strip_prefix("AWS:").expect("the user name");
    assert_eq!(password.len(), 1900);
    assert_eq!(data.proxy_endpoint(), Some(&*format!("https://{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com")));
    assert!(loopback.tokens.valid(password).is_some());
    assert_eq!(loopback.count("GetAuthorizationToken"), 1);
    assert_eq!(loopback.calls()[0].access_key_id.as_deref(), Some(ACCESS_KEY_ID));

    #[expect(deprecated)]
    let output = client.get_authorization_token().registry_ids(OTHER_ACCOUNT).send().await.expect("another registry");
    let endpoint = output.authorization_data()[0].proxy_endpoint().map(str::to_owned);
    assert_eq!(endpoint, Some(format!("https://{OTHER_ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com")));

    for (key, secret, code) in [
        (ACCESS_KEY_ID, "another secret", "InvalidSignatureException"),
        ("AKIANOBODY", SECRET_ACCESS_KEY, "UnrecognizedClientException"),
    ] {
        let err = ecr(&loopback, key, secret).get_authorization_token().send().await.expect_err(code);
        assert_eq!(err.code(), Some(code));
    }
}

#[tokio::test]
async fn faults_are_played_in_order_and_end() {
    let loopback = Loopback::start();
    let client = ecr(&loopback, ACCESS_KEY_ID, SECRET_ACCESS_KEY);
    loopback.faults.times("GetAuthorizationToken", Fault::Throttled, 1);
    loopback.faults.times("GetAuthorizationToken", Fault::AccessDenied, 1);
    loopback.faults.times("GetAuthorizationToken", Fault::Cut, 1);
    let ask = || client.get_authorization_token().send();
    assert_eq!(ask().await.expect_err("throttled").code(), Some("ThrottlingException"));
    let denied = ask().await.expect_err("denied");
    let message = "User: arn:aws:iam::111122223333:user/alice is not authorized to perform: \
                   ecr:GetAuthorizationToken on resource: *";
    assert!(denied.message().is_some_and(|text| text.starts_with(message)), "{denied:?}");
    ask().await.expect_err("the connection is cut");
    ask().await.expect("the faults are over");
}

/// An SDK client that reaches `api.ecr.REGION.amazonaws.com` through the proxy, as the program does.
fn ecr_by_name(loopback: &Loopback) -> Client {
    use aws_smithy_http_client::{
        Connector,
        proxy::ProxyConfig,
        tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
    };
    let bundle = std::fs::read(loopback.tls.bundle()).expect("the bundle is a file");
    let trust = TrustStore::empty().with_pem_certificate(bundle);
    let proxy = ProxyConfig::https(loopback.endpoint()).expect("a URL");
    let http = aws_smithy_http_client::Builder::new().build_with_connector_fn(move |_, _| {
        let context = TlsContext::builder().with_trust_store(trust.clone()).build().expect("a trust store");
        let tls = Connector::builder().proxy_config(proxy.clone()).tls_provider(Provider::Rustls(CryptoMode::Ring));
        tls.tls_context(context).build()
    });
    let config = aws_sdk_ecr::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(ACCESS_KEY_ID, SECRET_ACCESS_KEY, None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .http_client(http)
        .build();
    Client::from_conf(config)
}

#[tokio::test]
async fn real_host_names_lead_here_through_the_proxy() {
    let loopback = Loopback::start();
    ecr_by_name(&loopback).get_authorization_token().send().await.expect("a token over TLS");
    let call = &loopback.calls()[0];
    assert_eq!((call.host.as_str(), call.proxied), ("api.ecr.eu-west-1.amazonaws.com", true));
    assert_eq!(loopback.tunnels(), ["api.ecr.eu-west-1.amazonaws.com:443"]);

    for certificates in [Certificates::WrongHost, Certificates::UnknownAuthority] {
        loopback.tls.show(certificates);
        ecr_by_name(&loopback).get_authorization_token().send().await.expect_err("a certificate that proves nothing");
    }
    assert_eq!(loopback.count("GetAuthorizationToken"), 1, "no request left for a host that proved nothing");
}

fn sdk(loopback: &Loopback) -> aws_types::SdkConfig {
    let credentials = Credentials::new(ACCESS_KEY_ID, SECRET_ACCESS_KEY, None, None, "test");
    aws_types::SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(loopback.endpoint())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SystemTimeSource::new())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build()
}

#[tokio::test]
async fn roles_open_sessions_that_rotate_and_mint() {
    let loopback = Loopback::start();
    let assume = async |role: &str, external_id: Option<&str>| {
        let mut provider =
            aws_config::sts::AssumeRoleProvider::builder(role).session_name("test").configure(&sdk(&loopback));
        if let Some(id) = external_id {
            provider = provider.external_id(id);
        }
        provider.build().await.provide_credentials().await
    };
    let first = assume(ROLE, None).await.expect("a session");
    let second = assume(ROLE, None).await.expect("another session");
    assert_ne!(first.access_key_id(), second.access_key_id());
    let config = aws_sdk_ecr::config::Builder::from(&sdk(&loopback)).credentials_provider(second).build();
    Client::from_conf(config).get_authorization_token().send().await.expect("a session may ask for a token");

    assume(GUARDED_ROLE, None).await.expect_err("no external id");
    assume(GUARDED_ROLE, Some(EXTERNAL_ID)).await.expect("the right external id");
    assume("arn:aws:iam::111122223333:role/nobody", None).await.expect_err("no such role");
    assert_eq!(loopback.count("AssumeRole"), 5);
}

#[tokio::test]
async fn machines_and_web_identities_get_their_roles() {
    let loopback = Loopback::start();
    let config = aws_config::provider_config::ProviderConfig::empty()
        .with_http_client(aws_smithy_http_client::Builder::new().build_http())
        .with_time_source(SystemTimeSource::new())
        .with_sleep_impl(TokioSleep::new());
    let imds =
        aws_config::imds::Client::builder().configure(&config).endpoint(loopback.endpoint()).expect("a URL").build();
    let provider = aws_config::imds::credentials::ImdsCredentialsProvider::builder().imds_client(imds).build();
    let credentials = provider.provide_credentials().await.expect("the instance's role");
    assert!(credentials.access_key_id().starts_with("ASIA"));

    let answer = ask(
        &loopback,
        "sts.eu-west-1.amazonaws.com",
        "POST /",
        &[("Content-Type", "application/x-www-form-urlencoded")],
        format!(
            "Action=AssumeRoleWithWebIdentity&RoleArn={ROLE}&RoleSessionName=pod&WebIdentityToken={WEB_IDENTITY_TOKEN}"
        )
        .as_bytes(),
    )
    .expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().contains("<AccessKeyId>ASIA"), "{}", answer.text());
}

#[test]
fn people_renew_their_sessions() {
    let loopback = Loopback::start();
    let path = format!("GET /federation/credentials?account_id={OTHER_ACCOUNT}&role_name=puller");
    let portal = |token: &str| {
        let headers = [("x-amz-sso_bearer_token", token)];
        ask(&loopback, "portal.sso.eu-west-1.amazonaws.com", &path, &headers, b"").expect("an answer")
    };
    let token = loopback.sessions.open();
    assert_eq!(portal(&token).status, 200);
    loopback.sessions.end(Some(&token));
    let refused = portal(&token);
    assert_eq!((refused.status, refused.header("x-amzn-errortype")), (401, Some("UnauthorizedException")));

    let refresh = loopback.sessions.open();
    let body = serde_json::json!({ "grantType": "refresh_token", "refreshToken": refresh, "clientId": "c", "clientSecret": "s" });
    let answer = ask(&loopback, "oidc.eu-west-1.amazonaws.com", "POST /token", &[], body.to_string().as_bytes())
        .expect("an answer");
    let answer: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(portal(answer["accessToken"].as_str().expect("a token")).status, 200);
}

#[tokio::test]
async fn tokens_have_the_length_and_life_that_are_set() {
    let loopback = Loopback::start();
    let client = ecr(&loopback, ACCESS_KEY_ID, SECRET_ACCESS_KEY);
    let ask = async || {
        let output = client.get_authorization_token().send().await.expect("a token");
        let data = output.authorization_data()[0].clone();
        let token = STANDARD.decode(data.authorization_token().expect("a token")).expect("base64");
        let password = String::from_utf8(token).expect("text").split_off("AWS:".len());
        (password, data.expires_at().expect("an end").secs())
    };
    for length in [1900, 2716, 5000] {
        loopback.tokens.set_length(length);
        let (password, end) = ask().await;
        let content: serde_json::Value =
            serde_json::from_slice(&STANDARD.decode(&password).expect("base64")).expect("JSON");
        assert_eq!((password.len(), content["expiration"].as_i64()), (length, Some(end)));
    }
    loopback.tokens.set_life(Duration::ZERO);
    assert!(loopback.tokens.valid(&ask().await.0).is_none(), "a token without life");
}

#[test]
fn the_public_gallery_is_in_one_region_and_has_faults_of_its_own() {
    let loopback = Loopback::start();
    loopback.faults.always("ecr-public:GetAuthorizationToken", Fault::Throttled);
    for (target, throttled, why) in [
        ("SpencerFrontendService.GetAuthorizationToken", true, "the fault"),
        ("AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken", false, "no signature, and no fault"),
    ] {
        let answer =
            ask(&loopback, "api.ecr-public.us-east-1.amazonaws.com", "POST /", &[("X-Amz-Target", target)], b"{}");
        let answer = answer.expect("an answer");
        assert_eq!(answer.text().contains("ThrottlingException"), throttled, "{why}: {}", answer.text());
    }
    assert_eq!(loopback.count("ecr-public:GetAuthorizationToken"), 1);
    assert_eq!(loopback.count("GetAuthorizationToken"), 2);
}

#[test]
fn a_signature_holds_for_what_was_signed_only() {
    let loopback = Loopback::start();
    let host = "api.ecr.eu-west-1.amazonaws.com";
    let target = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken";
    let scope = |service: &str| {
        format!(
            "AWS4-HMAC-SHA256 Credential={ACCESS_KEY_ID}/20200101/eu-west-1/{service}/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature=00"
        )
    };
    let now = chrono::Utc::now().format("%Y%m%dT%H%M%SZ").to_string();
    for (authorization, date, code, why) in [
        (String::new(), &*now, "MissingAuthenticationTokenException", "no signature"),
        ("AWS4-HMAC-SHA256 Credential=x".into(), &now, "IncompleteSignatureException", "half a header"),
        (scope("sts"), &now, "InvalidSignatureException", "signed for another service"),
        (scope("ecr"), "20200101T000000Z", "InvalidSignatureException", "signed long ago"),
        (scope("ecr"), &now, "InvalidSignatureException", "a signature that is made up"),
    ] {
        let headers = [("X-Amz-Target", target), ("Authorization", authorization.as_str()), ("X-Amz-Date", date)];
        let answer = ask(&loopback, host, "POST /", &headers, b"{}").expect("an answer");
        assert!(answer.status == 400 && answer.text().contains(code), "{why}: {}", answer.text());
    }
}
