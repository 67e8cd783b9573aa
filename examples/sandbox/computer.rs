//! A person's computer in a temporary folder: the program on the `PATH`, a keychain, the files of the AWS CLI. AWS
//! and the registry are on loopback.

use std::{
    env, fs, io,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest as hash};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    PROGRAM, pull,
    support::{
        aws::iam::timestamp,
        client::{Response, ask},
        loopback::{ACCOUNT, Loopback, OTHER_ACCOUNT, REGION},
        registry::digest,
        signer::Signer,
        sigv4::hex,
    },
};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const START_URL: &str = "https://corp.awsapps.com/start";

/// The computer; it ends with the value.
pub(crate) struct Computer {
    home: TempDir,
    keychain: Keychain,
    /// AWS and the registries.
    pub(crate) aws: Loopback,
}

impl Computer {
    pub(crate) fn new() -> Result<Computer, String> {
        let home = tempfile::Builder::new().prefix("sandbox-").tempdir();
        let home = home.map_err(|err| format!("no temporary folder: {err}"))?;
        let signer = Signer::new();
        let aws = Loopback::with(vec![Arc::clone(&signer) as _]);
        let keychain = Keychain::start(home.path())?;
        let computer = Computer { home, keychain, aws };
        fs::create_dir(computer.programs()).map_err(|err| format!("no folder for programs: {err}"))?;
        for name in [PROGRAM, "ecr-rs", pull::NAME] {
            computer.install(name)?;
        }
        computer.write("root.pem", &signer.chain.root_pem)?;
        computer.write(".aws/config", &aws_config())?;
        computer.write(".docker/config.json", "{\n\t\"auths\": {}\n}\n")?;
        Ok(computer)
    }

    /// The folder that is the `PATH`.
    fn programs(&self) -> PathBuf {
        self.home.path().join("bin")
    }

    /// Puts this executable onto the `PATH`, under a name.
    fn install(&self, name: &str) -> Result<(), String> {
        let this = env::current_exe().map_err(|err| format!("cannot find this example: {err}"))?;
        let path = self.programs().join(format!("{name}{}", env::consts::EXE_SUFFIX));
        // A link costs nothing; the sandbox may be on another file system than the target folder.
        fs::hard_link(&this, &path)
            .or_else(|_| fs::copy(&this, &path).map(|_| ()))
            .map_err(|err| format!("cannot copy {} to {}: {err}", this.display(), path.display()))
    }

    fn write(&self, name: &str, text: &str) -> Result<(), String> {
        let path = self.home.path().join(name);
        let folder = path.parent().unwrap_or(&path);
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&path, text))
            .map_err(|err| format!("cannot write {}: {err}", path.display()))
    }

    /// Runs a command that was typed, in the home folder, and gives each line that it prints to `show` at once;
    /// then its exit status and all that it printed.
    pub(crate) fn run(&self, typed: &str, mut show: impl FnMut(&str)) -> Result<(i32, String), String> {
        let mut words = typed.split_whitespace().filter(|word| *word != "\\");
        let name = words.next().unwrap_or_default();
        let problem = |err: io::Error| format!("cannot run `{typed}`: {err}");
        let (output, its_end) = io::pipe().map_err(problem)?;
        let mut command = Command::new(self.programs().join(name));
        command.args(words).current_dir(self.home.path()).env_clear();
        command.env("HOME", self.home.path()).env("PATH", self.programs());
        command.envs(self.aws.proxy_variables().into_iter().filter(|(name, _)| !IN_FILES.contains(name)));
        self.keychain.serve(&mut command);
        command.stdin(Stdio::null()).stdout(its_end.try_clone().map_err(problem)?).stderr(its_end);
        let mut child = command.spawn().map_err(problem)?;
        drop(command); // it holds our copies of the output's end
        let mut said = String::new();
        for line in BufReader::new(output).lines() {
            let line = line.map_err(problem)?;
            show(&line);
            said.push_str(&line);
            said.push('\n');
        }
        let status = child.wait().map_err(problem)?;
        Ok((status.code().ok_or_else(|| format!("a signal ended `{typed}`"))?, said))
    }

    /// Leaves what `aws sso login` leaves, or what is left of it when the session has ended.
    pub(crate) fn sso_session(&self, open: bool) -> Result<(), String> {
        let hour = Duration::from_secs(60 * 60);
        let now = SystemTime::now();
        if !open {
            self.aws.sessions.end(None);
        }
        let cached = json!({
            "startUrl": START_URL, "region": REGION, "accessToken": self.aws.sessions.open(),
            "expiresAt": timestamp(Some(if open { now + 8 * hour } else { now - hour })),
        });
        let name = hex(hash(&SHA1_FOR_LEGACY_USE_ONLY, b"corp").as_ref());
        self.write(&format!(".aws/sso/cache/{name}.json"), &cached.to_string())
    }
}

/// The person's keys are in no variable: the profiles of `~/.aws/config` are what there is.
const IN_FILES: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"];

fn aws_config() -> String {
    let profile = |name: &str, account: &str| {
        format!("\n[profile {name}]\nsso_session = corp\nsso_account_id = {account}\nsso_role_name = puller\n")
    };
    let session = format!("[sso-session corp]\nsso_region = {REGION}\nsso_start_url = {START_URL}\n");
    [session, profile("dev", ACCOUNT), profile("shared", OTHER_ACCOUNT)].concat()
}

impl Computer {
    /// Somebody else pushes the image `hello:v1`, with a token of their own. Gives the manifest.
    pub(crate) fn push(&self, host: &str, account: &str) -> Result<String, String> {
        let login = self.other_login(account);
        let blob = |media_type: &str, bytes: &[u8]| -> Result<Value, String> {
            let digest = digest(bytes);
            let line = format!("POST /v2/hello/blobs/uploads/?digest={digest}");
            self.ask(host, &login, &line, "application/octet-stream", bytes)?;
            Ok(json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() }))
        };
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": blob("application/vnd.oci.image.config.v1+json", b"{}")?,
            "layers": [blob("application/vnd.oci.image.layer.v1.tar", b"hello from the sandbox\n")?],
        })
        .to_string();
        self.ask(host, &login, "PUT /v2/hello/manifests/v1", MANIFEST, manifest.as_bytes())?;
        Ok(manifest)
    }

    /// Puts a changed image in the place of `hello:v1`, with the signature of the first beside it, as who can push
    /// could.
    pub(crate) fn tamper(&self, host: &str, account: &str, manifest: &str, signature: &str) -> Result<(), String> {
        let login = self.other_login(account);
        let changed = manifest.replacen('{', r#"{"annotations":{"changed":"yes"},"#, 1);
        self.ask(host, &login, "PUT /v2/hello/manifests/v1", MANIFEST, changed.as_bytes())?;
        let stolen = self.ask(host, &login, &format!("GET /v2/hello/manifests/{signature}"), "", b"")?;
        let mut stolen: Value = serde_json::from_slice(&stolen.body).map_err(|err| err.to_string())?;
        stolen["subject"] =
            json!({ "mediaType": MANIFEST, "digest": digest(changed.as_bytes()), "size": changed.len() });
        let stolen = stolen.to_string();
        let line = format!("PUT /v2/hello/manifests/{}", digest(stolen.as_bytes()));
        self.ask(host, &login, &line, MANIFEST, stolen.as_bytes())?;
        Ok(())
    }

    /// A login of somebody else, who owns the account.
    fn other_login(&self, account: &str) -> String {
        let arn = format!("arn:aws:iam::{account}:user/build");
        let principal = super::support::aws::iam::Principal { account: account.into(), arn, denied: Vec::new() };
        let token = self.aws.tokens.mint(&principal, false, false);
        format!("Basic {}", STANDARD.encode(format!("AWS:{}", token.password)))
    }

    fn ask(&self, host: &str, login: &str, line: &str, media_type: &str, body: &[u8]) -> Result<Response, String> {
        match ask(&self.aws, host, line, &[("Authorization", login), ("Content-Type", media_type)], body) {
            Ok(answer) if answer.status < 300 => Ok(answer),
            Ok(answer) => Err(format!("{line}: {} {}", answer.status, answer.text())),
            Err(err) => Err(format!("the registry cannot be reached: {err}")),
        }
    }
}

/// A keychain that is not the user's own.
#[cfg(target_os = "linux")]
struct Keychain(super::support::bus::FakeBus);

#[cfg(target_os = "linux")]
impl Keychain {
    fn start(_home: &Path) -> Result<Keychain, String> {
        Ok(Keychain(super::support::bus::FakeBus::start()))
    }

    fn serve(&self, command: &mut Command) {
        command.env("DBUS_SESSION_BUS_ADDRESS", self.0.address());
    }
}

/// Other systems have one keychain, the user's own, so the sandbox keeps tokens in a file.
#[cfg(not(target_os = "linux"))]
struct Keychain(PathBuf);

#[cfg(not(target_os = "linux"))]
impl Keychain {
    fn start(home: &Path) -> Result<Keychain, String> {
        let config = home.join("config.toml");
        fs::write(&config, "[cache]\nstore = \"file\"\n").map_err(|err| format!("no configuration: {err}"))?;
        Ok(Keychain(config))
    }

    fn serve(&self, command: &mut Command) {
        command.env("ECR_RS_CONFIG", &self.0);
        // Windows programs do not start without the folder of the system, and find a home folder by another name.
        command.env("SystemRoot", env::var_os("SystemRoot").unwrap_or_default());
        command.env("USERPROFILE", self.0.parent().unwrap_or(&self.0));
    }
}
