//! Every source of AWS credentials leads to a token of the right principal: the built binary with
//! real host names, through the proxy of the loopback world.
#![cfg(target_os = "linux")] // elsewhere the keychain is the real one
#![allow(clippy::disallowed_methods)]

mod support;

use std::fs;

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use serde_json::json;
use support::{
    bus::FakeBus,
    program::Program,
    sigv4::hex,
    world::{
        ACCESS_KEY_ID, ACCOUNT, CONTAINER_AUTHORIZATION, CONTAINER_PATH, Loopback, OTHER_ACCESS_KEY_ID, OTHER_ROLE,
        OTHER_SECRET_ACCESS_KEY, REGION, ROLE, SECRET_ACCESS_KEY, WEB_IDENTITY_TOKEN,
    },
};

const PAST: &str = "2020-01-01T00:00:00Z";
const FUTURE: &str = "2099-01-01T00:00:00Z";

/// A machine without AWS credentials, before a source is put on it.
struct Machine {
    home: tempfile::TempDir,
    world: Loopback,
    bus: FakeBus,
}

impl Machine {
    fn new() -> Machine {
        Machine { home: tempfile::tempdir().expect("a folder"), world: Loopback::start(), bus: FakeBus::start() }
    }

    fn program(&self) -> Program {
        let program = Program::at(env!("CARGO_BIN_EXE_docker-credential-ecr-rs"), self.home.path())
            .with("DBUS_SESSION_BUS_ADDRESS", self.bus.address());
        let variables = self.world.proxy_variables().into_iter();
        let program = variables.fold(program, |program, (name, value)| program.with(name, value));
        program.without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY")
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.home.path().join(path);
        fs::create_dir_all(path.parent().expect("below the home folder")).expect("a folder can be made");
        fs::write(&path, text).expect("a file can be written");
        path.display().to_string()
    }

    /// Gets a token twice: the first costs `calls`, the second nothing.
    #[track_caller]
    fn check(&self, program: &Program, principal: &str, calls: &[&str], why: &str) {
        let host = format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com");
        let outcome = program.run(&["get"], &host);
        assert_eq!((outcome.status, outcome.stderr.as_str()), (Some(0), ""), "{why}: {}", outcome.stdout);
        let answer: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("JSON");
        let token = self.world.tokens.valid(answer["Secret"].as_str().expect("a password")).expect("minted here");
        assert!(token.principal.arn.starts_with(principal), "{why}: {} is not {principal}", token.principal.arn);
        let made = || self.world.calls().iter().map(|call| call.name()).collect::<Vec<_>>();
        let expected: Vec<&str> = calls.iter().chain(&["ecr:GetAuthorizationToken"]).copied().collect();
        assert_eq!(made(), expected, "{why}");
        assert_eq!(program.run(&["get"], &host), outcome, "{why}: the same token from the keychain");
        assert_eq!(made(), expected, "{why}: a hit asks nobody");
    }
}

const ALICE: &str = "arn:aws:iam::111122223333:user/alice";
const PULLER: &str = "arn:aws:sts::111122223333:assumed-role/puller/";

#[test]
fn keys_of_the_environment_and_of_profiles() {
    let machine = Machine::new();
    let program = machine.program().with("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID);
    machine.check(&program.with("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY), ALICE, &[], "the environment");

    let keys = format!("aws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n");
    let machine = Machine::new();
    machine.write(".aws/credentials", format!("[default]\n{keys}"));
    machine.check(&machine.program(), ALICE, &[], "the default profile");

    let machine = Machine::new();
    let bob = format!("aws_access_key_id = {OTHER_ACCESS_KEY_ID}\naws_secret_access_key = {OTHER_SECRET_ACCESS_KEY}\n");
    machine.write(".aws/credentials", format!("[default]\n{bob}[work]\n{keys}"));
    machine.check(&machine.program().with("AWS_PROFILE", "work"), ALICE, &[], "AWS_PROFILE");
}

#[test]
fn roles_on_top_of_a_profile() {
    let keys = format!("aws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n");
    for (config, principal, calls, why) in [
        (format!("role_arn = {ROLE}\nsource_profile = base\n"), PULLER, &["sts:AssumeRole"][..], "a source profile"),
        (
            "role_arn = arn:aws:iam::111122223333:role/guarded\nexternal_id = customer-42\nsource_profile = base\n"
                .into(),
            "arn:aws:sts::111122223333:assumed-role/guarded/",
            &["sts:AssumeRole"],
            "an external id",
        ),
        (
            format!(
                "role_arn = {OTHER_ROLE}\nsource_profile = middle\n[profile middle]\nrole_arn = {ROLE}\nsource_profile = base\n"
            ),
            "arn:aws:sts::444455556666:assumed-role/puller/",
            &["sts:AssumeRole", "sts:AssumeRole"],
            "a chain of two roles",
        ),
    ] {
        let machine = Machine::new();
        machine.write(".aws/config", format!("[profile work]\n{config}[profile base]\n{keys}"));
        machine.check(&machine.program().with("AWS_PROFILE", "work"), principal, calls, why);
    }
}

#[test]
fn a_process_that_prints_credentials() {
    let machine = Machine::new();
    let answer = json!({ "Version": 1, "AccessKeyId": ACCESS_KEY_ID, "SecretAccessKey": SECRET_ACCESS_KEY });
    let file = machine.write("answer.json", answer.to_string());
    machine.write(".aws/config", format!("[default]\ncredential_process = /bin/cat {file}\n"));
    machine.check(&machine.program(), ALICE, &[], "a process");
}

#[test]
fn sessions_of_identity_center() {
    const START_URL: &str = "https://example.awsapps.com/start";
    let settings = format!(
        "sso_account_id = {ACCOUNT}\nsso_role_name = puller\nREFERENCE\n\
         [sso-session work]\nsso_region = {REGION}\nsso_start_url = {START_URL}\n"
    );
    let named = settings.replace("REFERENCE", "sso_session = work");
    let legacy = settings.replace("REFERENCE", &format!("sso_region = {REGION}\nsso_start_url = {START_URL}"));
    for (config, key, end, calls, why) in [
        (&named, "work", FUTURE, &["sso:GetRoleCredentials"][..], "an open session"),
        (&named, "work", PAST, &["sso-oauth:CreateToken", "sso:GetRoleCredentials"], "a session that can be renewed"),
        (&legacy, START_URL, FUTURE, &["sso:GetRoleCredentials"], "the settings of before 2022"),
    ] {
        let machine = Machine::new();
        let cached = json!({
            "startUrl": START_URL, "region": REGION, "accessToken": machine.world.sessions.open(), "expiresAt": end,
            "refreshToken": machine.world.sessions.open(), "clientId": "client", "clientSecret": "secret",
            "registrationExpiresAt": FUTURE,
        });
        let name = hex(ring::digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes()).as_ref());
        machine.write(&format!(".aws/sso/cache/{name}.json"), cached.to_string());
        machine.write(".aws/config", format!("[default]\n{config}"));
        machine.check(&machine.program(), PULLER, calls, why);
    }
}

#[test]
fn sessions_of_aws_login() {
    for (end, principal, calls, why) in [
        (FUTURE, PULLER, &[][..], "an open session"),
        (
            PAST,
            "arn:aws:sts::111122223333:assumed-role/console/",
            &["signin:CreateOAuth2Token"],
            "one that can be renewed",
        ),
    ] {
        let machine = Machine::new();
        let role = machine.world.book.role(ROLE).expect("the role is in the book");
        let session = machine.world.book.open_session(&role, "alice", std::time::Duration::from_secs(600));
        let cached = json!({
            "accessToken": {
                "accessKeyId": session.access_key_id, "secretAccessKey": session.secret_access_key,
                "sessionToken": session.session_token, "accountId": ACCOUNT, "expiresAt": end,
            },
            "tokenType": "aws_sigv4", "refreshToken": machine.world.sessions.open(), "idToken": "e30.e30.",
            "clientId": "arn:aws:signin:::devtools/same-device", "dpopKey": sec1_key(),
        });
        let name = hex(ring::digest::digest(&SHA256, ALICE.as_bytes()).as_ref());
        machine.write(&format!(".aws/login/cache/{name}.json"), cached.to_string());
        machine.write(".aws/config", format!("[default]\nlogin_session = {ALICE}\nregion = {REGION}\n"));
        machine.check(&machine.program(), principal, calls, why);
    }
}

/// A new P-256 key in the older PEM form, as `aws login` keeps it: the inner part of PKCS#8.
fn sec1_key() -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    const BEGINNING: usize = 29; // RFC 5208: sequence 3, version 3, algorithm 21, octet string 2
    let key = rcgen::KeyPair::generate().expect("ring makes P-256 keys").serialize_der();
    let body = STANDARD.encode(&key[BEGINNING..]);
    let lines: Vec<&str> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("base64")).collect();
    format!("-----BEGIN EC PRIVATE KEY-----\n{}\n-----END EC PRIVATE KEY-----\n", lines.join("\n"))
}

#[test]
fn containers_and_web_identities() {
    let machine = Machine::new();
    let program = machine
        .program()
        .with("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}{CONTAINER_PATH}", machine.world.endpoint()))
        .with("AWS_CONTAINER_AUTHORIZATION_TOKEN", CONTAINER_AUTHORIZATION);
    let task = "arn:aws:sts::444455556666:assumed-role/task/";
    machine.check(&program, task, &["container:ContainerCredentials"], "a container");

    let machine = Machine::new();
    let file = machine.write("token", WEB_IDENTITY_TOKEN);
    let program = machine.program().with("AWS_WEB_IDENTITY_TOKEN_FILE", file).with("AWS_ROLE_ARN", ROLE);
    machine.check(&program, PULLER, &["sts:AssumeRoleWithWebIdentity"], "a web identity");
}
