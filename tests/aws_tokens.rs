//! `Aws` against the loopback AWS, in process: what it sends, what it believes, and how it tells
//! of every failure. Sources and settings that live in the environment are in `aws_sources.rs`.

#![allow(clippy::disallowed_methods)]

mod support;

use std::{
    fs,
    net::TcpListener,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use ecr_rs::{
    aws::{Aws, Bounds, Failure, FailureKind, Settings, TokenSource},
    environment::Environment,
    identity::{Identity, Login, Profile, Role, Source},
    registry::{Custom, Registry, Server},
    token::Token,
};
use support::{
    aws::faults::Fault,
    tls::Certificates,
    world::{
        ACCESS_KEY_ID, ACCOUNT, EXTERNAL_ID, GUARDED_ROLE, Loopback, OTHER_ACCOUNT, OTHER_ROLE, REGION, ROLE,
        SECRET_ACCESS_KEY,
    },
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
fn every_refusal_has_its_own_words() {
    let world = Loopback::start();
    let home = Home::new();
    let identity = home.alice(&world.endpoint());
    let here = "account 111122223333 in eu-west-1";
    let garbled = format!("AWS gave no usable answer for {here}");
    let unusable = format!("AWS gave no usable token of {here}");
    let impostor = "check that no proxy or endpoint_url answers in place of AWS";
    for (fault, kind, what, hint, cause, why) in [
        (
            Fault::AccessDenied,
            FailureKind::Denied,
            format!("AWS denied ecr:GetAuthorizationToken for {here}"),
            "allow ecr:GetAuthorizationToken on resource * to arn:aws:iam::111122223333:user/alice",
            "AccessDeniedException: User: arn:aws:iam::111122223333:user/alice is not authorized",
            "the missing action and whose it is",
        ),
        (
            Fault::Throttled,
            FailureKind::Unreachable,
            format!("AWS is throttling requests for {here}"),
            "wait a little and try again",
            "ThrottlingException: Rate exceeded",
            "throttled, after all tries",
        ),
        (
            Fault::Internal,
            FailureKind::Unreachable,
            format!("AWS failed on its own side for a token of {here}"),
            "try again; https://health.aws.amazon.com/health/status tells of AWS's own trouble",
            "InternalFailure: An internal error occurred",
            "status 500",
        ),
        (
            Fault::ClockSkew,
            FailureKind::Denied,
            "AWS refused the request because of its time".into(),
            "set this machine's clock; AWS accepts 5 minutes of difference",
            "InvalidSignatureException: Signature expired",
            "a clock that is wrong",
        ),
        (
            Fault::SessionExpired,
            FailureKind::NoCredentials,
            "the AWS credentials of profile p have expired".into(),
            "get new credentials; session keys end",
            "ExpiredTokenException",
            "session keys that ended",
        ),
        (
            Fault::UnknownKey,
            FailureKind::NoCredentials,
            "AWS does not know the access key of profile p".into(),
            "check the access key and that it belongs to this AWS partition",
            "UnrecognizedClientException",
            "a deleted key",
        ),
        (
            Fault::Html,
            FailureKind::Garbled,
            garbled.clone(),
            impostor,
            "the answer has HTTP status 403",
            "a proxy's page",
        ),
        (Fault::Garbage, FailureKind::Garbled, garbled.clone(), impostor, "the answer has HTTP status 200", "bytes"),
        (Fault::Truncated, FailureKind::Garbled, garbled, impostor, "unexpected end of stream", "half an answer"),
        (
            Fault::WrongContent,
            FailureKind::Garbled,
            unusable.clone(),
            impostor,
            "the answer has no authorizationData",
            "JSON about something else",
        ),
        (
            Fault::Without("authorizationToken"),
            FailureKind::Garbled,
            unusable.clone(),
            impostor,
            "the answer has no authorizationToken",
            "no token",
        ),
        (
            Fault::Without("expiresAt"),
            FailureKind::Garbled,
            unusable.clone(),
            impostor,
            "the answer has no usable expiresAt",
            "no end",
        ),
        (
            Fault::Without("proxyEndpoint"),
            FailureKind::Garbled,
            unusable,
            impostor,
            "the answer has no proxyEndpoint",
            "no account to hold it against",
        ),
        (
            Fault::Cut,
            FailureKind::Unreachable,
            format!("127.0.0.1 cut the connection for a token of {here}"),
            "check the network; behind a proxy, set HTTPS_PROXY",
            "end of file",
            "cut in the middle of the body",
        ),
        (
            Fault::OtherAccount,
            FailureKind::Garbled,
            "AWS answered for account 999999999999, asked for 111122223333".into(),
            "check the endpoint that AWS_ENDPOINT_URL or the profile's endpoint_url names",
            "",
            "another account's token",
        ),
        (
            Fault::ExpiredToken,
            FailureKind::Garbled,
            format!("AWS gave a token of {here} that has already ended"),
            "set this machine's clock; it seems to be ahead",
            "the token ended 3",
            "a token that ended before it came",
        ),
    ] {
        world.faults.clear();
        world.faults.always("GetAuthorizationToken", fault);
        let failure = check(mint(HOST, &identity), kind, &what, hint, why);
        let causes = failure.causes.join("\n");
        assert!(causes.contains(cause), "{why}: {causes}");
    }
}

#[test]
fn a_second_try_helps_where_a_first_one_met_bad_luck() {
    let world = Loopback::start();
    let home = Home::new();
    let identity = home.alice(&world.endpoint());
    for (fault, why) in [(Fault::Throttled, "throttled once"), (Fault::Internal, "500 once"), (Fault::Cut, "cut once")]
    {
        world.faults.times("GetAuthorizationToken", fault, 1);
        assert!(mint(HOST, &identity).is_ok(), "{why}");
    }
    let impatient = Aws::new(Settings { max_attempts: Some(1), ..settings() });
    world.faults.times("GetAuthorizationToken", Fault::Throttled, 1);
    assert!(impatient.mint(&registry(HOST), &identity).is_err(), "AWS_MAX_ATTEMPTS=1");
    let careless = Aws::new(Settings { max_attempts: Some(0), ..settings() });
    assert!(careless.mint(&registry(HOST), &identity).is_ok(), "AWS_MAX_ATTEMPTS=0 must not panic");
}

#[test]
fn nothing_waits_for_ever() {
    let world = Loopback::start();
    let home = Home::new();
    let bounds = |read, operation| {
        let [connect, read, operation] = [1_000, read, operation].map(Duration::from_millis);
        Aws::new(Settings { bounds: Bounds { connect, read, operation }, ..settings() })
    };
    let hint = "check the network; behind a proxy, set HTTPS_PROXY";
    world.faults.always("GetAuthorizationToken", Fault::Silent);
    let failure = check(
        bounds(100, 30_000).mint(&registry(HOST), &home.alice(&world.endpoint())),
        FailureKind::Unreachable,
        "127.0.0.1 did not answer in time for a token of account 111122223333 in eu-west-1",
        hint,
        "no answer",
    );
    assert!(failure.causes.join("\n").contains("HTTP read timeout occurred after 100ms"), "{failure:?}");
    let failure = check(
        bounds(30_000, 500).mint(&registry(HOST), &home.alice(&world.endpoint())),
        FailureKind::Unreachable,
        "AWS gave no token of account 111122223333 in eu-west-1 within 0.5 s",
        hint,
        "the end of all patience",
    );
    assert_eq!(failure.causes, ["the time ended while waiting for the token (127.0.0.1 was asked last)"]);
    let failure = check(
        bounds(30_000, 500).mint(&registry(HOST), &home.identity("[profile p]\ncredential_process = sleep 60\n")),
        FailureKind::Unreachable,
        "AWS gave no token of account 111122223333 in eu-west-1 within 0.5 s",
        hint,
        "a credential process that hangs",
    );
    assert_eq!(failure.causes, ["the time ended while waiting for credentials from profile p"]);
    // A listener whose backlog nobody empties: the connection is made, the TLS handshake never ends.
    let mute = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let failure = check(
        bounds(30_000, 30_000).mint(&registry(HOST), &home.alice(&format!("https://{}", mute.local_addr().unwrap()))),
        FailureKind::Unreachable,
        "127.0.0.1 did not answer in time for a token of account 111122223333 in eu-west-1",
        hint,
        "a handshake that never ends",
    );
    assert!(failure.causes.join("\n").contains("HTTP connect timeout occurred after 1s"), "{failure:?}");
}

#[test]
fn a_network_that_fails_is_named() {
    let world = Loopback::start();
    let home = Home::new();
    let closed = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap(); // closed again at once
    let tls = format!("https://{}", world.address());
    let inspected = "if a proxy inspects TLS here, set AWS_CA_BUNDLE to a PEM file with its certificate";
    let network = "check the network; behind a proxy, set HTTPS_PROXY";
    for (endpoint, trust, shown, host, hint, cause, why) in [
        (
            format!("http://{closed}"),
            false,
            Certificates::Good,
            "127.0.0.1",
            network,
            "Connection refused",
            "nobody listens",
        ),
        (
            "http://ecr.invalid".into(), // RFC 6761: never resolves
            false,
            Certificates::Good,
            "ecr.invalid",
            network,
            "failed to lookup address information",
            "a name that does not exist",
        ),
        (tls.clone(), false, Certificates::Good, "127.0.0.1", inspected, "UnknownIssuer", "an unknown authority"),
        (
            tls.clone(),
            true,
            Certificates::UnknownAuthority,
            "127.0.0.1",
            inspected,
            "UnknownIssuer",
            "another authority than the bundle's",
        ),
        (
            tls.clone(),
            true,
            Certificates::WrongHost,
            "127.0.0.1",
            "check this machine's clock, the endpoint and the proxy",
            "not valid for name",
            "a certificate for another name",
        ),
    ] {
        world.tls.show(shown);
        let aws = Aws::new(Settings { ca_bundle: trust.then(|| world.tls.bundle()), ..settings() });
        let what = format!("cannot reach {host} for a token of account 111122223333 in eu-west-1");
        let failure =
            check(aws.mint(&registry(HOST), &home.alice(&endpoint)), FailureKind::Unreachable, &what, hint, why);
        assert!(failure.causes.join("\n").contains(cause), "{why}: {failure:?}");
    }
    world.tls.show(Certificates::Good);
    let trusting = Aws::new(Settings { ca_bundle: Some(world.tls.bundle()), ..settings() });
    trusting.mint(&registry(HOST), &home.alice(&tls)).expect("the bundle's authority is trusted");
    let of_profile = Identity { ca_bundle: Some(world.tls.bundle()), ..home.alice(&tls) };
    mint(HOST, &of_profile).expect("so is the one that the profile's ca_bundle names");
}

#[test]
fn a_bad_ca_bundle_is_an_error_that_names_it() {
    let home = Home::new();
    let path = home.folder.path().join("bundle.pem");
    fs::write(&path, "no certificate").unwrap();
    let aws = Aws::new(Settings { ca_bundle: Some(path.clone()), ..settings() });
    let failure = check(
        aws.mint(&registry(HOST), &home.alice("http://127.0.0.1:1")),
        FailureKind::Unreachable,
        "cannot ask AWS for account 111122223333 in eu-west-1: the CA bundle cannot be used",
        "AWS_CA_BUNDLE or the profile's ca_bundle must name a PEM file of certificates",
        "a file without certificates",
    );
    assert_eq!(failure.causes, [format!("{} holds no usable certificate", path.display())]);
}

#[test]
fn a_fips_host_never_falls_back_to_an_ordinary_endpoint() {
    let world = Loopback::start();
    let home = Home::new();
    let host = "111122223333.dkr.ecr-fips.us-east-1.amazonaws.com";
    check(
        mint(host, &home.alice(&world.endpoint())),
        FailureKind::Unreachable,
        &format!("{host} asks for a FIPS endpoint, but another one is set"),
        "unset AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_ECR and endpoint_url, or use the registry's host without -fips",
        "FIPS and an endpoint of one's own",
    );
    assert!(world.calls().is_empty(), "nothing was asked");
}

#[test]
fn ecr_public_names_both_actions() {
    let world = Loopback::start();
    let home = Home::new();
    world.faults.always("GetAuthorizationToken", Fault::AccessDenied);
    check(
        mint("public.ecr.aws", &home.alice(&world.endpoint())),
        FailureKind::Denied,
        "AWS denied ecr-public:GetAuthorizationToken for ECR Public",
        "allow ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken on resource * to \
         arn:aws:iam::111122223333:user/alice",
        "ECR Public needs two",
    );
}

#[test]
fn what_no_call_can_help_with_is_refused_at_once() {
    let world = Loopback::start();
    let home = Home::new();
    let mut needs_mfa = home.alice(&world.endpoint());
    if let Source::Profile(profile) = &mut needs_mfa.source {
        profile.mfa_serial = Some("arn:aws:iam::111122223333:mfa/alice".into());
    }
    check(
        mint(HOST, &needs_mfa),
        FailureKind::NoCredentials,
        "profile p needs an MFA code, which a credential helper cannot ask for",
        "get a session first, for example with `aws configure export-credentials --profile p --format env`",
        "mfa_serial, which the SDK ignores",
    );
    let nobody = Identity { source: Source::None, ..home.alice(&world.endpoint()) };
    check(
        mint(HOST, &nobody),
        FailureKind::NoCredentials,
        &format!("no AWS credentials for {HOST}"),
        "run `aws configure sso` or `aws configure`, or set AWS_PROFILE to a profile that has credentials",
        "no credentials at all",
    );
    assert!(world.calls().is_empty(), "nothing was asked");
}

#[test]
fn roles_of_our_configuration_are_assumed() {
    let world = Loopback::start();
    let home = Home::new();
    let identity = |arn: &str, external_id: Option<&str>, session: Option<&str>| Identity {
        role: Some(Role {
            arn: arn.into(),
            external_id: external_id.map(str::to_owned),
            session_name: session.map(str::to_owned),
        }),
        ..home.alice(&world.endpoint())
    };
    for (arn, external_id, session, account, principal, why) in [
        (ROLE, None, None, ACCOUNT, "puller/docker-credential-ecr-rs", "our own name in CloudTrail"),
        (OTHER_ROLE, None, Some("ci"), OTHER_ACCOUNT, "puller/ci", "another account, a session name"),
        (GUARDED_ROLE, Some(EXTERNAL_ID), None, ACCOUNT, "guarded/docker-credential-ecr-rs", "an external id"),
    ] {
        let token = mint(HOST, &identity(arn, external_id, session)).unwrap_or_else(|err| panic!("{why}: {err:?}"));
        let minted = world.tokens.valid(token.password.expose()).expect(why);
        assert_eq!(minted.principal.arn, format!("arn:aws:sts::{account}:assumed-role/{principal}"), "{why}");
    }
    for (external_id, trust, why) in [
        (None, "it; it may also ask for an external-id", "no external id"),
        (Some("wrong"), "it with this external id", "a wrong one"),
    ] {
        check(
            mint(HOST, &identity(GUARDED_ROLE, external_id, None)),
            FailureKind::NoCredentials,
            &format!("AWS refused to let profile p assume {GUARDED_ROLE}"),
            &format!(
                "allow sts:AssumeRole on {GUARDED_ROLE} to arn:aws:iam::111122223333:user/alice, and let the role's \
                 trust policy name {trust}"
            ),
            why,
        );
    }
}

#[test]
fn profiles_of_every_kind_fail_in_their_own_words() {
    let world = Loopback::start();
    let home = Home::new();
    let sso = Some(Login::Sso { profile: "base".into() });
    let console = Some(Login::Console { profile: "base".into() });
    let role = format!("role_arn = {GUARDED_ROLE}\nsource_profile = base\n{}", alice(&world.endpoint()));
    let role = role.replace("[profile p]", &format!("endpoint_url = {}\n[profile base]", world.endpoint()));
    for (config, login, what, hint, cause, why) in [
        (
            "credential_process = sh -c 'echo CANARY; echo CANARY >&2; exit 3'\n".to_owned(),
            None,
            "the credential_process of profile p failed",
            "run the command of credential_process by hand to see what it says",
            "the command ended with exit status: 3",
            "a credential process that fails: its output may hold secrets",
        ),
        (
            "credential_process = echo CANARY\n".into(),
            None,
            "the credential_process of profile p failed",
            "run the command of credential_process by hand to see what it says",
            "the command did not print credentials",
            "a credential process that prints something else",
        ),
        (
            "role_arn = arn:aws:iam::111122223333:role/puller\nweb_identity_token_file = /nonexistent/token\n".into(),
            None,
            "the web identity token cannot be used",
            "check the file that AWS_WEB_IDENTITY_TOKEN_FILE (or the profile) names and the role's trust policy",
            "No such file or directory",
            "a token file that is not there",
        ),
        (
            "sso_session = s\nsso_account_id = 111122223333\nsso_role_name = puller\n[sso-session s]\n\
             sso_region = eu-west-1\nsso_start_url = https://nobody.awsapps.com/start\n"
                .into(),
            sso.clone(),
            "profile p has no session on this machine",
            "run: aws sso login --profile base",
            "failed to load the cached SSO token",
            "an sso-session that was never opened",
        ),
        (
            "sso_account_id = 111122223333\nsso_role_name = puller\nsso_region = eu-west-1\n\
             sso_start_url = https://nobody.awsapps.com/start\n"
                .into(),
            sso,
            "profile p has no session on this machine",
            "run: aws sso login --profile base",
            ".json`",
            "the older kind of SSO profile",
        ),
        (
            "login_session = arn:aws:iam::111122223333:user/nobody\n".into(),
            console,
            "profile p has no session on this machine",
            "run: aws login --profile base",
            ".json`",
            "`aws login` that was never run",
        ),
        (
            role,
            None,
            "AWS refused credentials to profile p",
            "allow sts:AssumeRole on arn:aws:iam::111122223333:role/guarded to arn:aws:iam::111122223333:user/alice, \
             and let the role's trust policy name it",
            "is not authorized to perform: sts:AssumeRole",
            "the role of a profile",
        ),
    ] {
        let mut identity = home.identity(&format!("[profile p]\n{config}"));
        if let Source::Profile(profile) = &mut identity.source {
            profile.login = login;
        }
        let failure = check(mint(HOST, &identity), FailureKind::NoCredentials, what, hint, why);
        assert!(failure.causes.join("\n").contains(cause), "{why}: {failure:?}");
    }
    for (config, cause, why) in [
        (
            "role_arn = a\nsource_profile = q\n[profile q]\nrole_arn = b\nsource_profile = p\n",
            "infinite loop",
            "a loop",
        ),
        ("role_arn = a\nsource_profile = gone\n", "`gone` was not defined", "a source that is not there"),
        ("sso_session = gone\nsso_account_id = 1\nsso_role_name = r\n", "`gone`", "a session that is not there"),
        ("region = eu-west-1\n", "", "no credentials"),
    ] {
        let identity = home.identity(&format!("[profile p]\n{config}"));
        let hint = format!("check the profile in {}", home.folder.path().join("config").display());
        let what = "profile p has no usable credentials";
        let failure = check(mint(HOST, &identity), FailureKind::NoCredentials, what, &hint, why);
        assert!(failure.causes.join("\n").contains(cause), "{why}: {failure:?}");
    }
}

#[test]
fn faults_on_the_way_to_credentials_are_told_apart_from_ecrs() {
    let world = Loopback::start();
    let home = Home::new();
    let role = Role { arn: ROLE.into(), external_id: None, session_name: None };
    let identity = Identity { role: Some(role), ..home.alice(&world.endpoint()) };
    for (fault, kind, what, hint, why) in [
        (
            Fault::Throttled,
            FailureKind::Unreachable,
            "AWS is throttling requests for account 111122223333 in eu-west-1".to_owned(),
            "wait a little and try again",
            "STS throttles",
        ),
        (
            Fault::UnknownKey,
            FailureKind::NoCredentials,
            "AWS does not know the access key of profile p".into(),
            "check the access key and that it belongs to this AWS partition",
            "a deleted key",
        ),
        (
            Fault::SessionExpired,
            FailureKind::NoCredentials,
            "the AWS credentials of profile p have expired".into(),
            "get new credentials; session keys end",
            "session keys that ended",
        ),
        (
            Fault::ClockSkew,
            FailureKind::NoCredentials,
            "AWS refused the request because of its time".into(),
            "set this machine's clock; AWS accepts 5 minutes of difference",
            "a clock that is wrong",
        ),
        (
            Fault::Cut,
            FailureKind::Unreachable,
            "127.0.0.1 cut the connection for a token of account 111122223333 in eu-west-1".into(),
            "check the network; behind a proxy, set HTTPS_PROXY",
            "cut in the middle",
        ),
        (
            Fault::Garbage,
            FailureKind::Garbled,
            format!("AWS gave no usable answer to assume {ROLE}"),
            "check that no proxy or endpoint_url answers in place of AWS",
            "an answer of someone else",
        ),
    ] {
        world.faults.clear();
        world.faults.always("AssumeRole", fault);
        check(mint(HOST, &identity), kind, &what, hint, why);
    }
    assert_eq!(world.count("GetAuthorizationToken"), 0, "ECR need not be asked");
    let wrong = alice(&world.endpoint()).replace(SECRET_ACCESS_KEY, "another-secret-access-key");
    check(
        mint(HOST, &home.identity(&wrong)),
        FailureKind::NoCredentials,
        "AWS does not accept the secret access key of profile p",
        "check that the secret access key belongs to the access key id",
        "a secret of another key",
    );
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
