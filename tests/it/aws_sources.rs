//! The built binary with every source of AWS credentials, on the way that AWS's real names take:
//! a CONNECT proxy from the environment, TLS under a CA bundle, the endpoint of the registry's host.

mod fail;
mod files;
mod mint;
mod pairs;
mod settings;

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    thread,
    time::{Duration, SystemTime},
};

use crate::support::{
    aws::{
        faults::Fault,
        iam::{Role, timestamp},
    },
    loopback::{
        ACCESS_KEY_ID, ACCOUNT, CONTAINER_AUTHORIZATION, CONTAINER_PATH, Loopback, OTHER_ROLE, REGION, ROLE,
        SECRET_ACCESS_KEY, WEB_IDENTITY_TOKEN,
    },
    program::{Outcome, Program},
};
use ring::digest;
use serde_json::json;

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
        self.login_as(CONSOLE, end, refresh)
    }

    fn login_as(&self, arn: &str, end: SystemTime, refresh: &str) -> &Machine {
        let session = self.aws.iam.open_session(&Role::new(ACCOUNT, "console"), "alice", Duration::from_secs(900));
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
        self.write(format!(".aws/login/cache/{}.json", hex(&digest::SHA256, arn)), cached.to_string());
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

/// An address of this machine at which nobody listens: tests get their ports above 1024.
fn nobody() -> String {
    "http://127.0.0.1:1".into()
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

#[track_caller]
fn refused(outcome: &Outcome, what: &str, cause: &str, hint: &str, why: &str) {
    let what = format!("no token for {HOST}: {what}");
    assert_eq!((outcome.status, outcome.stdout.trim_end()), (Some(1), what.as_str()), "{why}: {}", outcome.stderr);
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
