//! The built binary with every source of AWS credentials, on the way that AWS's real names take:
//! a CONNECT proxy from the environment, TLS under a CA bundle, the endpoint of the registry's host.
#![cfg(target_os = "linux")] // elsewhere the keychain is the real one
#![allow(clippy::disallowed_methods)]

mod support;

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    thread,
    time::{Duration, SystemTime},
};

use ring::digest;
use serde_json::json;
use support::{
    aws::{
        book::{Role, timestamp},
        faults::Fault,
    },
    program::{Outcome, Program},
    world::{
        ACCESS_KEY_ID, ACCOUNT, CONTAINER_AUTHORIZATION, CONTAINER_PATH, Loopback, OTHER_ROLE, REGION, ROLE,
        SECRET_ACCESS_KEY, WEB_IDENTITY_TOKEN,
    },
};

const HOST: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";
const START_URL: &str = "https://loopback.awsapps.com/start";
const CONSOLE: &str = "arn:aws:iam::111122223333:user/console";

/// The key in the documentation of the SDK's login cache.
const DPOP_KEY: &str = "-----BEGIN EC PRIVATE KEY-----\n\
    MHcCAQEEIFDZHUzOG1Pzq+6F0mjMlOSp1syN9LRPBuHMoCFXTcXhoAoGCCqGSM49\n\
    AwEHoUQDQgAE9qhj+KtcdHj1kVgwxWWWw++tqoh7H7UHs7oXh8jBbgF47rrYGC+t\n\
    djiIaHK3dBvvdE7MGj5HsepzLm3Kj91bqA==\n-----END EC PRIVATE KEY-----\n";

/// A machine without keychain and without credentials; AWS is behind a proxy.
struct Machine {
    home: tempfile::TempDir,
    aws: Loopback,
}

impl Machine {
    fn new() -> Machine {
        Machine { home: tempfile::tempdir().unwrap(), aws: Loopback::start() }
    }

    /// The program on this machine; the loopback AWS has every name of AWS.
    fn program(&self) -> Program {
        Program::at(env!("CARGO_BIN_EXE_docker-credential-ecr-rs"), self.home.path())
            .with("AWS_ECR_DISABLE_CACHE", "1")
            .with("AWS_EC2_METADATA_DISABLED", "true")
            .with("AWS_REGION", REGION)
            .with("TMPDIR", self.home.path())
            .with("PATH", "/usr/bin:/bin") // `credential_process` is run by a shell
            .with("HTTPS_PROXY", self.aws.endpoint())
            .with("AWS_CA_BUNDLE", self.aws.tls.bundle())
    }

    /// Writes a file under the home folder.
    fn write(&self, path: impl AsRef<Path>, text: impl AsRef<[u8]>) {
        let path = self.home.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn config(&self, text: &str) -> &Machine {
        self.write(".aws/config", text);
        self
    }

    /// What `aws sso login` leaves: `~/.aws/sso/cache/SHA1.json`, by session name or start URL.
    fn sso_login(&self, key: &str, token: &str, end: SystemTime, refresh: Option<&str>) -> &Machine {
        let mut cached = json!({
            "startUrl": START_URL, "region": REGION, "accessToken": token, "expiresAt": timestamp(Some(end)),
        });
        if let Some(refresh) = refresh {
            let registered = SystemTime::now() + Duration::from_secs(24 * 60 * 60);
            cached["refreshToken"] = refresh.into();
            cached["clientId"] = "client".into();
            cached["clientSecret"] = "client-secret".into();
            cached["registrationExpiresAt"] = timestamp(Some(registered)).into();
        }
        let name = hex(&digest::SHA1_FOR_LEGACY_USE_ONLY, key);
        self.write(format!(".aws/sso/cache/{name}.json"), cached.to_string());
        self
    }

    /// What `aws login` leaves: `~/.aws/login/cache/SHA256.json`, by session ARN.
    fn login(&self, end: SystemTime, refresh: &str) -> &Machine {
        let session = self.aws.book.open_session(&Role::new(ACCOUNT, "console"), "alice", Duration::from_secs(900));
        let cached = json!({
            "accessToken": {
                "accessKeyId": session.access_key_id,
                "secretAccessKey": session.secret_access_key,
                "sessionToken": session.session_token,
                "accountId": ACCOUNT,
                "expiresAt": timestamp(Some(end)),
            },
            "tokenType": "aws_sigv4", "refreshToken": refresh, "idToken": "id",
            "clientId": "arn:aws:signin:::devtools/same-device", "dpopKey": DPOP_KEY,
        });
        self.write(format!(".aws/login/cache/{}.json", hex(&digest::SHA256, CONSOLE)), cached.to_string());
        self
    }

    /// The ARN for which AWS minted the token in an answer.
    #[track_caller]
    fn principal(&self, outcome: &Outcome, why: &str) -> String {
        assert_eq!((outcome.status, outcome.stderr.as_str()), (Some(0), ""), "{why}: {outcome:?}");
        let answer: serde_json::Value = serde_json::from_str(&outcome.stdout).expect(why);
        self.aws.tokens.valid(answer["Secret"].as_str().expect(why)).expect(why).principal.arn
    }
}

fn hex(algorithm: &'static digest::Algorithm, text: &str) -> String {
    digest::digest(algorithm, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hours(count: u64) -> Duration {
    Duration::from_secs(count * 60 * 60)
}

/// An address of this machine at which nobody listens.
fn nobody() -> String {
    let address = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    format!("http://{address}")
}

fn sso_session() -> String {
    format!(
        "[default]\nsso_session = corp\nsso_account_id = {ACCOUNT}\nsso_role_name = puller\n\
         [sso-session corp]\nsso_region = {REGION}\nsso_start_url = {START_URL}\n"
    )
}

fn legacy_sso() -> String {
    format!(
        "[default]\nsso_account_id = {ACCOUNT}\nsso_role_name = puller\nsso_region = {REGION}\n\
         sso_start_url = {START_URL}\n"
    )
}

/// How a row sets its machine up and what it adds to the program's environment.
type Setup = fn(&Machine, Program) -> Program;

#[test]
fn every_source_of_credentials_mints() {
    let rows: &[(Setup, &str, &str)] = &[
        (
            |_, program| {
                program.with("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID).with("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
            },
            "user/alice",
            "keys in the environment",
        ),
        (
            |machine, program| {
                let session = machine.aws.book.open_session(&Role::new(ACCOUNT, "ci"), "job", hours(1));
                program
                    .with("AWS_ACCESS_KEY_ID", session.access_key_id)
                    .with("AWS_SECRET_ACCESS_KEY", session.secret_access_key)
                    .with("AWS_SESSION_TOKEN", session.session_token.unwrap())
            },
            "assumed-role/ci/job",
            "session keys in the environment",
        ),
        (
            |machine, program| {
                machine.write(".aws/credentials", alice("default"));
                program
            },
            "user/alice",
            "the shared credentials file",
        ),
        (
            |machine, program| {
                machine.write("elsewhere/config", alice("profile work"));
                program
                    .with("AWS_CONFIG_FILE", machine.home.path().join("elsewhere/config"))
                    .with("AWS_PROFILE", "work")
            },
            "user/alice",
            "a profile of another config file",
        ),
        (
            |machine, program| {
                let chain = format!(
                    "[default]\nrole_arn = {ROLE}\nrole_session_name = last\nsource_profile = middle\n\
                     [profile middle]\nrole_arn = {OTHER_ROLE}\nsource_profile = base\n{}",
                    alice("profile base")
                );
                machine.config(&chain);
                program
            },
            "assumed-role/puller/last",
            "a chain of roles",
        ),
        (
            |machine, program| {
                machine.write(".aws/credentials", alice("default"));
                machine.write("config.toml", format!("[[registry]]\nmatch = \"{HOST}\"\nrole-arn = \"{ROLE}\"\n"));
                program.with("ECR_RS_CONFIG", machine.home.path().join("config.toml"))
            },
            "assumed-role/puller/docker-credential-ecr-rs",
            "a role of our configuration",
        ),
        (
            |machine, program| {
                let token = machine.aws.sessions.open();
                machine.config(&sso_session()).sso_login("corp", &token, SystemTime::now() + hours(8), None);
                program
            },
            "assumed-role/puller/alice",
            "an SSO session",
        ),
        (
            |machine, program| {
                let refresh = machine.aws.sessions.open();
                let ended = SystemTime::now() - hours(1);
                machine.config(&sso_session()).sso_login("corp", "ended", ended, Some(&refresh));
                program
            },
            "assumed-role/puller/alice",
            "an SSO session that renews itself",
        ),
        (
            |machine, program| {
                let token = machine.aws.sessions.open();
                machine.config(&legacy_sso()).sso_login(START_URL, &token, SystemTime::now() + hours(8), None);
                program
            },
            "assumed-role/puller/alice",
            "the older kind of SSO",
        ),
        (
            |machine, program| {
                machine
                    .config(&format!("[default]\nlogin_session = {CONSOLE}\n"))
                    .login(SystemTime::now() + hours(1), "unused");
                program
            },
            "assumed-role/console/alice",
            "a session of `aws login`",
        ),
        (
            |machine, program| {
                let refresh = machine.aws.sessions.open();
                machine
                    .config(&format!("[default]\nlogin_session = {CONSOLE}\n"))
                    .login(SystemTime::now() - hours(1), &refresh);
                program
            },
            "assumed-role/console/alice",
            "a session of `aws login` that renews itself",
        ),
        (
            |machine, program| {
                let printed = json!({
                    "Version": 1, "AccessKeyId": ACCESS_KEY_ID, "SecretAccessKey": SECRET_ACCESS_KEY,
                });
                machine.write("printed.json", printed.to_string());
                let path = machine.home.path().join("printed.json");
                machine.config(&format!("[default]\ncredential_process = cat {}\n", path.display()));
                program
            },
            "user/alice",
            "a credential process",
        ),
        (
            |machine, program| {
                machine.write("token", WEB_IDENTITY_TOKEN);
                program
                    .with("AWS_WEB_IDENTITY_TOKEN_FILE", machine.home.path().join("token"))
                    .with("AWS_ROLE_ARN", ROLE)
                    .with("AWS_ROLE_SESSION_NAME", "pod")
            },
            "assumed-role/puller/pod",
            "a web identity of the environment (IRSA)",
        ),
        (
            |machine, program| {
                machine.write("token", WEB_IDENTITY_TOKEN);
                let path = machine.home.path().join("token");
                machine.config(&format!(
                    "[default]\nrole_arn = {ROLE}\nrole_session_name = ci\nweb_identity_token_file = {}\n",
                    path.display()
                ));
                program
            },
            "assumed-role/puller/ci",
            "a web identity of a profile",
        ),
        (
            |machine, program| container(machine, program).with("HTTP_PROXY", nobody()),
            "assumed-role/task/task-1",
            "a container (ECS), which no proxy can reach",
        ),
        (
            |machine, program| {
                machine.write("authorization", CONTAINER_AUTHORIZATION);
                let path = machine.home.path().join("authorization");
                container(machine, program)
                    .without("AWS_CONTAINER_AUTHORIZATION_TOKEN")
                    .with("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path)
            },
            "assumed-role/task/task-1",
            "a pod (EKS Pod Identity), whose token is in a file",
        ),
        (
            |machine, program| {
                machine.config(&format!(
                    "[default]\nrole_arn = {ROLE}\nrole_session_name = from-task\ncredential_source = EcsContainer\n"
                ));
                container(machine, program).with("HTTP_PROXY", nobody())
            },
            "assumed-role/puller/from-task",
            "a role on top of a container",
        ),
        (
            |machine, program| instance(machine, program).with("HTTP_PROXY", nobody()),
            "assumed-role/puller/i-0123456789abcdef0",
            "an instance (IMDSv2), which no proxy can reach",
        ),
        (
            |machine, program| {
                machine.config(&format!(
                    "[default]\nrole_arn = {OTHER_ROLE}\nrole_session_name = from-instance\n\
                     credential_source = Ec2InstanceMetadata\n"
                ));
                instance(machine, program).with("HTTP_PROXY", nobody())
            },
            "assumed-role/puller/from-instance",
            "a role on top of an instance",
        ),
    ];
    for (setup, principal, why) in rows {
        let machine = Machine::new();
        let outcome = setup(&machine, machine.program()).run(&["get"], HOST);
        let arn = machine.principal(&outcome, why);
        assert!(arn.ends_with(&format!(":{principal}")), "{why}: {arn}");
    }
}

fn alice(section: &str) -> String {
    format!("[{section}]\naws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n")
}

fn container(machine: &Machine, program: Program) -> Program {
    program
        .with("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}{CONTAINER_PATH}", machine.aws.endpoint()))
        .with("AWS_CONTAINER_AUTHORIZATION_TOKEN", CONTAINER_AUTHORIZATION)
}

fn instance(machine: &Machine, program: Program) -> Program {
    program.without("AWS_EC2_METADATA_DISABLED").with("AWS_EC2_METADATA_SERVICE_ENDPOINT", machine.aws.endpoint())
}

#[test]
fn every_source_that_fails_says_what_to_do() {
    let rows: &[(Setup, &str, &str, &str, &str)] = &[
        (
            |machine, program| {
                let ended = SystemTime::now() - hours(1);
                machine.config(&sso_session()).sso_login("corp", "CANARY", ended, None);
                program
            },
            "the session of profile default has expired",
            "the SSO token has expired and cannot be refreshed",
            "run: aws sso login --profile default",
            "an SSO session that ended",
        ),
        (
            |machine, program| {
                let ended = SystemTime::now() - hours(1);
                machine.config(&sso_session()).sso_login("corp", "CANARY", ended, Some("CANARY"));
                program
            },
            "the session of profile default has expired",
            "UnauthorizedException: Session token not found or invalid",
            "run: aws sso login --profile default",
            "an SSO session that ended for good",
        ),
        (
            |machine, program| {
                machine.config(&legacy_sso()).sso_login(START_URL, "CANARY", SystemTime::now() + hours(1), None);
                program
            },
            "the session of profile default has expired",
            "UnauthorizedException: Session token not found or invalid",
            "run: aws sso login --profile default",
            "the older kind of SSO, signed out",
        ),
        (
            |machine, program| {
                machine.config(&sso_session());
                program
            },
            "profile default has no session on this machine",
            "failed to load the cached SSO token",
            "run: aws sso login --profile default",
            "an SSO session that was never opened",
        ),
        (
            |machine, program| {
                let token = machine.aws.sessions.open();
                machine.config(&sso_session().replace("puller", "nobody")).sso_login(
                    "corp",
                    &token,
                    SystemTime::now() + hours(1),
                    None,
                );
                program
            },
            "AWS refused credentials to profile default",
            "ForbiddenException: No access",
            "ask for access to that role or permission set",
            "an SSO role that is not the user's",
        ),
        (
            |machine, program| {
                machine
                    .config(&format!("[default]\nlogin_session = {CONSOLE}\n"))
                    .login(SystemTime::now() - hours(1), "CANARY");
                program
            },
            "the session of profile default has expired",
            "Your session has expired. Please reauthenticate.",
            "run: aws login --profile default",
            "a session of `aws login` that ended",
        ),
        (
            |machine, program| {
                machine.config(&format!("[default]\nlogin_session = {CONSOLE}\n"));
                program
            },
            "profile default has no session on this machine",
            "login/cache",
            "run: aws login --profile default",
            "`aws login` that was never run",
        ),
        (
            |machine, program| {
                machine.write("token", "CANARY");
                program
                    .with("AWS_WEB_IDENTITY_TOKEN_FILE", machine.home.path().join("token"))
                    .with("AWS_ROLE_ARN", ROLE)
            },
            "the web identity token cannot be used",
            "InvalidIdentityToken",
            "check the file that AWS_WEB_IDENTITY_TOKEN_FILE (or the profile) names and the role's trust policy",
            "a web identity that AWS refuses",
        ),
        (
            |machine, program| {
                program.with("AWS_WEB_IDENTITY_TOKEN_FILE", machine.home.path().join("gone")).with("AWS_ROLE_ARN", ROLE)
            },
            "the web identity token cannot be used",
            "No such file or directory",
            "check the file that AWS_WEB_IDENTITY_TOKEN_FILE (or the profile) names and the role's trust policy",
            "a web identity token that is not there",
        ),
        (
            |machine, program| container(machine, program).with("AWS_CONTAINER_AUTHORIZATION_TOKEN", "CANARY"),
            "the container's credential endpoint gave no credentials to the container",
            "",
            "check AWS_CONTAINER_CREDENTIALS_FULL_URI or …_RELATIVE_URI, its token, and the task's or pod's role",
            "a container endpoint that refuses",
        ),
        (
            |_, program| program.with("AWS_CONTAINER_CREDENTIALS_FULL_URI", nobody()),
            "the container's credential endpoint gave no credentials to the container",
            "Connection refused",
            "check AWS_CONTAINER_CREDENTIALS_FULL_URI or …_RELATIVE_URI, its token, and the task's or pod's role",
            "a container endpoint that is not there",
        ),
        (
            |machine, program| {
                machine.aws.faults.always("ImdsRole", Fault::NotFound);
                instance(machine, program)
            },
            "the instance metadata service gave no credentials",
            "received 404 from IMDS",
            "attach a role to the instance; in a container also raise the metadata hop limit to 2",
            "an instance without a role",
        ),
        (
            |machine, program| {
                machine.aws.faults.always("ImdsToken", Fault::Silent);
                instance(machine, program)
            },
            "the instance metadata service gave no credentials",
            "timeout occurred after 1s",
            "attach a role to the instance; in a container also raise the metadata hop limit to 2",
            "the hop limit: the answer never comes",
        ),
        (
            |_, program| {
                program.without("AWS_EC2_METADATA_DISABLED").with("AWS_EC2_METADATA_SERVICE_ENDPOINT", nobody())
            },
            "the instance metadata service gave no credentials",
            "Connection refused",
            "attach a role to the instance; in a container also raise the metadata hop limit to 2",
            "no metadata service",
        ),
    ];
    for (setup, what, cause, hint, why) in rows {
        let machine = Machine::new();
        let outcome = setup(&machine, machine.program()).run(&["get"], HOST);
        refused(&outcome, what, cause, hint, why);
        assert_eq!(machine.aws.count("GetAuthorizationToken"), 0, "{why}: ECR need not be asked");
    }
}

#[track_caller]
fn refused(outcome: &Outcome, what: &str, cause: &str, hint: &str, why: &str) {
    assert_eq!((outcome.status, outcome.stdout.trim_end()), (Some(1), what), "{why}: {}", outcome.stderr);
    let expected = format!("docker-credential-ecr-rs: error: {what}\n");
    assert!(outcome.stderr.starts_with(&expected), "{why}: {}", outcome.stderr);
    assert!(outcome.stderr.ends_with(&format!("  hint: {hint}\n")), "{why}: {}", outcome.stderr);
    let causes: Vec<_> = outcome.stderr.lines().filter(|line| line.starts_with("  caused by: ")).collect();
    assert!(causes.join("\n").contains(cause), "{why}: {}", outcome.stderr);
    assert!(!outcome.stderr.contains("CANARY") && !outcome.stderr.contains(SECRET_ACCESS_KEY), "{why}: a secret");
}

/// `alice` on a machine where AWS is behind the proxy.
fn as_alice(machine: &Machine) -> Program {
    let program = machine.program().with("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID);
    program.with("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
}

#[test]
fn every_host_has_its_own_endpoint() {
    let machine = Machine::new();
    let program = as_alice(&machine);
    for (host, endpoint, why) in [
        (HOST, "api.ecr.eu-west-1.amazonaws.com:443", "commercial"),
        ("111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn", "api.ecr.cn-north-1.amazonaws.com.cn:443", "China"),
        ("111122223333.dkr.ecr.us-iso-east-1.c2s.ic.gov", "api.ecr.us-iso-east-1.c2s.ic.gov:443", "ISO"),
        ("111122223333.dkr.ecr.eusc-de-east-1.amazonaws.eu", "api.ecr.eusc-de-east-1.amazonaws.eu:443", "EUSC"),
        (
            "111122223333.dkr.ecr-fips.us-east-1.amazonaws.com",
            "api.ecr-fips.us-east-1.amazonaws.com:443",
            "FIPS hosts call the FIPS endpoint",
        ),
        (
            "111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
            "api.ecr-fips.us-gov-west-1.amazonaws.com:443",
            "FIPS in GovCloud",
        ),
        ("111122223333.dkr-ecr.us-west-2.on.aws", "ecr.us-west-2.api.aws:443", "dual-stack"),
        ("111122223333.dkr-ecr-fips.us-west-2.on.aws", "ecr-fips.us-west-2.api.aws:443", "dual-stack FIPS"),
        ("public.ecr.aws", "api.ecr-public.us-east-1.amazonaws.com:443", "ECR Public"),
        ("ecr-public.aws.com", "ecr-public.us-east-1.api.aws:443", "ECR Public, dual-stack"),
    ] {
        let before = machine.aws.tunnels().len();
        machine.principal(&program.run(&["get"], host), why);
        assert_eq!(machine.aws.tunnels()[before..], [endpoint], "{why}: {host}");
    }
}

#[test]
fn settings_of_the_environment_are_honoured_or_harmless() {
    let rows: &[(Setup, &str)] = &[
        (|_, program| program.with("AWS_RETRY_MODE", "legacy"), "a mode of other SDKs, on which this one panics"),
        (|_, program| program.with("AWS_RETRY_MODE", "bogus"), "a mode of no SDK"),
        (|_, program| program.with("AWS_MAX_ATTEMPTS", "0"), "no try at all"),
        (|_, program| program.with("AWS_MAX_ATTEMPTS", "many"), "no number"),
        (
            |machine, program| {
                program.without("HTTPS_PROXY").without("AWS_CA_BUNDLE").with("AWS_ENDPOINT_URL", machine.aws.endpoint())
            },
            "an endpoint for everything",
        ),
        (
            |machine, program| {
                program
                    .with("HTTPS_PROXY", nobody())
                    .with("AWS_ENDPOINT_URL", nobody())
                    .with("AWS_ENDPOINT_URL_ECR", machine.aws.endpoint())
            },
            "an endpoint of ECR wins",
        ),
        (
            |machine, program| {
                program
                    .with("HTTPS_PROXY", nobody())
                    .with("NO_PROXY", "127.0.0.1,localhost")
                    .with("AWS_ENDPOINT_URL_ECR", format!("https://{}", machine.aws.address()))
            },
            "no proxy for this machine, and TLS",
        ),
        (
            |machine, program| program.without("HTTPS_PROXY").with("https_proxy", machine.aws.endpoint()),
            "curl's spelling of the proxy",
        ),
        (
            |machine, program| program.without("HTTPS_PROXY").with("ALL_PROXY", machine.aws.endpoint()),
            "one proxy for everything",
        ),
        (
            |machine, program| program.without("AWS_CA_BUNDLE").with("SSL_CERT_FILE", machine.aws.tls.bundle()),
            "OpenSSL's variable for trust",
        ),
    ];
    for (setup, why) in rows {
        let machine = Machine::new();
        machine.principal(&setup(&machine, as_alice(&machine)).run(&["get"], HOST), why);
    }
    let machine = Machine::new();
    machine.write("token", WEB_IDENTITY_TOKEN);
    let program = machine
        .program()
        .with("HTTPS_PROXY", nobody())
        .with("AWS_ENDPOINT_URL_ECR", machine.aws.endpoint())
        .with("AWS_ENDPOINT_URL_STS", machine.aws.endpoint())
        .with("AWS_WEB_IDENTITY_TOKEN_FILE", machine.home.path().join("token"))
        .with("AWS_ROLE_ARN", ROLE);
    machine.principal(&program.run(&["get"], HOST), "endpoints of each service, also for credentials");
    let token = machine.aws.sessions.open();
    machine.config(&sso_session()).sso_login("corp", &token, SystemTime::now() + hours(8), None);
    let program = program.without("AWS_ROLE_ARN").with("AWS_ENDPOINT_URL_SSO", machine.aws.endpoint());
    machine.principal(&program.run(&["get"], HOST), "SSO's too");
}

#[test]
fn proxies_that_fail_are_named_without_their_password() {
    let machine = Machine::new();
    let absent = nobody();
    let what = "cannot reach api.ecr.eu-west-1.amazonaws.com for a token of account 111122223333 in eu-west-1";
    let with_password = absent.replace("http://", "http://user:CANARY@");
    let outcome = as_alice(&machine).with("HTTPS_PROXY", with_password).run(&["get"], HOST);
    refused(&outcome, what, "Connection refused", &format!("check the proxy {absent} and NO_PROXY"), "nobody there");

    let (address, asked) = refusing_proxy();
    let proxy = format!("http://{address}");
    let program = as_alice(&machine).with("AWS_MAX_ATTEMPTS", "1").with("HTTPS_PROXY", &proxy);
    let outcome = program.run(&["get"], HOST);
    let hint = format!("check the proxy {proxy} and NO_PROXY");
    refused(&outcome, what, "proxy authorization required", &hint, "it wants a password");
    assert!(asked.join().unwrap().starts_with("CONNECT api.ecr.eu-west-1.amazonaws.com:443 "));
}

/// A proxy that wants a password, for one connection; the thread ends with what it was asked.
fn refusing_proxy() -> (std::net::SocketAddr, thread::JoinHandle<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n").unwrap();
        String::from_utf8_lossy(&head).into_owned()
    });
    (address, thread)
}
