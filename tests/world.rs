//! The loopback world behaves as AWS does: asked by AWS's own SDK.
#![allow(clippy::disallowed_methods)]

mod support;

use aws_sdk_ecr::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
    error::ProvideErrorMetadata,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use support::{
    aws::faults::Fault,
    tls::Certificates,
    world::{ACCESS_KEY_ID, ACCOUNT, Loopback, OTHER_ACCOUNT, REGION, SECRET_ACCESS_KEY},
};

fn ecr(world: &Loopback, key: &str, secret: &str) -> Client {
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = aws_sdk_ecr::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(world.endpoint())
        .credentials_provider(Credentials::new(key, secret, None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .http_client(http)
        .build();
    Client::from_conf(config)
}

#[tokio::test]
async fn ecr_mints_tokens_for_the_right_signature_only() {
    let world = Loopback::start();
    let client = ecr(&world, ACCESS_KEY_ID, SECRET_ACCESS_KEY);
    let output = client.get_authorization_token().send().await.expect("a good signature");
    let data = &output.authorization_data()[0];
    let token = STANDARD.decode(data.authorization_token().expect("a token")).expect("base64");
    let token = String::from_utf8(token).expect("text");
    let password = token.strip_prefix("AWS:").expect("the user name");
    assert_eq!(password.len(), 1900);
    assert_eq!(data.proxy_endpoint(), Some(&*format!("https://{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com")));
    assert!(world.tokens.valid(password).is_some());
    assert_eq!(world.count("GetAuthorizationToken"), 1);
    assert_eq!(world.calls()[0].access_key_id.as_deref(), Some(ACCESS_KEY_ID));

    #[expect(deprecated)]
    let output = client.get_authorization_token().registry_ids(OTHER_ACCOUNT).send().await.expect("another registry");
    let endpoint = output.authorization_data()[0].proxy_endpoint().map(str::to_owned);
    assert_eq!(endpoint, Some(format!("https://{OTHER_ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com")));

    for (key, secret, code) in [
        (ACCESS_KEY_ID, "another secret", "InvalidSignatureException"),
        ("AKIANOBODY", SECRET_ACCESS_KEY, "UnrecognizedClientException"),
    ] {
        let err = ecr(&world, key, secret).get_authorization_token().send().await.expect_err(code);
        assert_eq!(err.code(), Some(code));
    }
}

#[tokio::test]
async fn faults_are_played_in_order_and_end() {
    let world = Loopback::start();
    let client = ecr(&world, ACCESS_KEY_ID, SECRET_ACCESS_KEY);
    world.faults.times("GetAuthorizationToken", Fault::Throttled, 1);
    world.faults.times("GetAuthorizationToken", Fault::AccessDenied, 1);
    world.faults.times("GetAuthorizationToken", Fault::Cut, 1);
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
fn ecr_by_name(world: &Loopback) -> Client {
    use aws_smithy_http_client::{
        Connector,
        proxy::ProxyConfig,
        tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
    };
    let bundle = std::fs::read(world.tls.bundle()).expect("the bundle is a file");
    let trust = TrustStore::empty().with_pem_certificate(bundle);
    let proxy = ProxyConfig::https(world.endpoint()).expect("a URL");
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
    let world = Loopback::start();
    ecr_by_name(&world).get_authorization_token().send().await.expect("a token over TLS");
    let call = &world.calls()[0];
    assert_eq!((call.host.as_str(), call.proxied), ("api.ecr.eu-west-1.amazonaws.com", true));
    assert_eq!(world.tunnels(), ["api.ecr.eu-west-1.amazonaws.com:443"]);

    for certificates in [Certificates::WrongHost, Certificates::UnknownAuthority] {
        world.tls.show(certificates);
        ecr_by_name(&world).get_authorization_token().send().await.expect_err("a certificate that proves nothing");
    }
    assert_eq!(world.count("GetAuthorizationToken"), 1, "no request left for a host that proved nothing");
}
