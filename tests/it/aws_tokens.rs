//! `Aws` against the loopback AWS, in process: what it sends, what it believes, and how it tells
//! of every failure. Sources and settings that live in the environment are in `aws_sources.rs`.

mod credentials;
mod network;
mod refusals;

use std::{
    fs,
    net::TcpListener,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use crate::support::{
    aws::faults::Fault,
    tls::Certificates,
    world::{
        ACCESS_KEY_ID, ACCOUNT, EXTERNAL_ID, GUARDED_ROLE, Loopback, OTHER_ACCOUNT, OTHER_ROLE, REGION, ROLE,
        SECRET_ACCESS_KEY,
    },
};
use ecr_rs::{
    aws::{Aws, Bounds, Failure, FailureKind, Settings, TokenSource},
    environment::Environment,
    identity::{Identity, Login, Profile, Role, Source},
    registry::{Custom, Registry, Server},
    token::Token,
};

const HOST: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";

/// A folder with AWS files of its own.
struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Home {
        Home { folder: tempfile::tempdir().unwrap() }
    }

    /// The identity of profile `p` of a config file.
    fn identity(&self, config: &str) -> Identity {
        let path = self.folder.path().join("config");
        fs::write(&path, config).unwrap();
        let profile = Profile {
            name: "p".into(),
            selects: "p".into(),
            login: None,
            mfa_serial: None,
            files: [path, PathBuf::new()],
        };
        let source = Source::Profile(profile);
        Identity { source, role: None, region: REGION.into(), ca_bundle: None, why: "the test".into() }
    }

    /// `alice`, who reaches AWS at an endpoint.
    fn alice(&self, endpoint: &str) -> Identity {
        self.identity(&alice(endpoint))
    }
}

fn alice(endpoint: &str) -> String {
    format!(
        "[profile p]\naws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n\
         endpoint_url = {endpoint}\n"
    )
}

fn registry(host: &str) -> Registry {
    let custom = |host: &str| {
        (host == "docker.example.com").then(|| Custom { account: ACCOUNT.into(), region: "ap-south-1".into() })
    };
    match Server::parse(host, custom) {
        Some(Server::Ecr(registry)) => registry,
        other => panic!("{other:?}"),
    }
}

fn settings() -> Settings {
    Settings {
        now: SystemTime::now(),
        ca_bundle: None,
        max_attempts: Some(2),
        proxy: None,
        // Roomy: a busy machine must not turn an answer into a timeout.
        bounds: Bounds { read: Duration::from_secs(60), operation: Duration::from_secs(60), ..Bounds::default() },
    }
}

fn mint(host: &str, identity: &Identity) -> Result<Token, Failure> {
    Aws::new(settings()).mint(&registry(host), identity)
}

#[track_caller]
fn check(failure: Result<Token, Failure>, kind: FailureKind, what: &str, hint: &str, why: &str) -> Failure {
    let failure = failure.expect_err(why);
    assert_eq!(
        (failure.kind, failure.what.as_str(), failure.hint.as_deref().unwrap_or_default()),
        (kind, what, hint),
        "{why}: {failure:?}"
    );
    for line in failure.causes.iter().chain([&failure.what]).chain(&failure.hint) {
        assert!(!line.contains('\n') && !line.is_empty(), "{why}: not one line: {line:?}");
        assert!(!line.contains(SECRET_ACCESS_KEY) && !line.contains("CANARY"), "{why}: a secret: {line}");
        assert!(!line.contains("unhandled") && !line.contains("Response {"), "{why}: the SDK's inside: {line}");
    }
    failure
}

#[test]
fn a_token_comes_whole_and_is_the_one_that_was_minted() {
    let world = Loopback::start();
    let home = Home::new();
    let identity = home.alice(&world.endpoint());
    for (host, service, why) in [
        (HOST, "ecr", "a private registry"),
        ("444455556666.dkr.ecr.cn-north-1.amazonaws.com.cn", "ecr", "another account's, in another partition"),
        ("docker.example.com", "ecr", "a custom domain"),
        ("public.ecr.aws", "ecr-public", "ECR Public"),
    ] {
        let token = mint(host, &identity).unwrap_or_else(|failure| panic!("{why}: {failure:?}"));
        let minted = world.tokens.valid(token.password.expose()).expect(why);
        assert_eq!(minted.public, service == "ecr-public", "{why}");
        assert!(token.remaining(SystemTime::now()) > Duration::from_secs(11 * 60 * 60), "{why}");
        let call = world.calls().pop().expect(why);
        assert_eq!((call.service.as_str(), call.operation.as_str()), (service, "GetAuthorizationToken"), "{why}");
        assert!(call.user_agent.contains("lib/docker-credential-ecr-rs/"), "{why}: {}", call.user_agent);
    }
    assert_eq!(world.calls().len(), 4, "one call a token");
}

#[test]
fn settings_come_from_the_environment() {
    let read = |variables: &[(&str, &str)]| {
        let variables: Vec<_> = variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let environment = Environment {
            variable: Box::new(move |asked| {
                variables.iter().find(|(name, _)| name == asked).map(|(_, value)| value.into())
            }),
            home: Some("/home/alice".into()),
            config_folder: None,
            cache_folder: None,
            temporary_folder: "/tmp".into(),
            interactive: false,
        };
        let Settings { ca_bundle, max_attempts, proxy, bounds, .. } = Settings::read(&environment, SystemTime::now());
        assert_eq!(bounds, Bounds::default());
        (ca_bundle, max_attempts, proxy)
    };
    let proxy = |text: &str| Some(text.to_owned());
    for (variables, expected, why) in [
        (&[][..], (None, None, None), "nothing"),
        (&[("AWS_CA_BUNDLE", "~/ca.pem")], (Some("/home/alice/ca.pem".into()), None, None), "the home folder"),
        (&[("AWS_MAX_ATTEMPTS", "5")], (None, Some(5), None), "a number"),
        (&[("AWS_MAX_ATTEMPTS", "-1")], (None, None, None), "no number"),
        (
            &[("https_proxy", "http://b"), ("HTTPS_PROXY", "http://a")],
            (None, None, proxy("http://a")),
            "upper case wins",
        ),
        (&[("ALL_PROXY", "http://u:CANARY@a:1/")], (None, None, proxy("http://a:1/")), "no password in an error"),
        (&[("ALL_PROXY", "u:CANARY@a:1")], (None, None, proxy("a:1")), "nor in a proxy without a scheme"),
    ] {
        assert_eq!(read(variables), expected, "{why}");
    }
}
