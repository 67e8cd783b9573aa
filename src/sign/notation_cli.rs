//! The installed Notation CLI with AWS's plugin, called as AWS's page "Sign an image" calls it, but as
//! the AWS principal and with the registry's login that this program found.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::json;

use crate::{
    aws::{
        signer_roots::Roots,
        signing_profile::{Home, SigningProfile},
    },
    digest::{Digest, hex},
    names::{HELPER, NOTATION_PLUGIN, PROGRAM},
    oci::{IDENTITY_TOKEN, Reference, RegistryAuth, reference::is_loopback},
    private_fs,
    process::{self, Limits, Stderr},
    report::Report,
    secret::{Secret, Wiped},
};

/// The oldest Notation CLI whose options these are.
const MIN_VERSION: (u64, u64) = (1, 0);

/// Time for one signature; notation and the plugin have no bound of their own.
const SIGN_TIMEOUT: Duration = Duration::from_secs(120);

/// Time for `notation version`.
const VERSION_TIMEOUT: Duration = Duration::from_secs(10);

/// The most bytes that it may say on either stream. A signature takes a few lines.
const MAX_OUTPUT: usize = 1 << 20;

/// The oldest one that is told to use the referrers API (notation 1.2, `--force-referrers-tag`).
const REFERRERS_VERSION: (u64, u64) = (1, 2);

/// The variables that choose an AWS identity (AWS SDKs and tools reference guide), with those of Notation
/// that choose a login. What is resolved here takes their place.
const OTHER_IDENTITIES: [&str; 19] = [
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_ACCOUNT_ID",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_DEFAULT_PROFILE",
    "AWS_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "NOTATION_PASSWORD",
    "NOTATION_USERNAME",
];

/// What the machine has of Notation.
#[derive(Debug, Clone)]
pub struct Notation {
    program: PathBuf,
    version: (u64, u64),
    libexec: PathBuf,
    helper: PathBuf,
    path: OsString,
    temporary: PathBuf,
}

/// Where to look.
#[derive(Debug)]
pub struct NotationPaths {
    /// `$PATH`.
    pub path: OsString,
    /// `$NOTATION_LIBEXEC`, else `$NOTATION_CONFIG`, else `notation` in the folder of configurations.
    pub libexec: Option<PathBuf>,
    /// This program.
    pub helper: PathBuf,
    /// For the private configuration.
    pub temporary: PathBuf,
}

/// What a run of Notation left behind.
#[derive(Debug)]
pub struct NotationOutput {
    /// Its exit code.
    pub code: i32,
    /// What it said on its standard error, line by line, as it said it.
    pub said: Vec<String>,
}

/// One signature for Notation to make.
#[derive(Debug)]
pub struct NotationRequest<'a> {
    /// The image.
    pub image: &'a Reference,
    /// Its digest, resolved before.
    pub digest: &'a Digest,
    /// The profile, by ARN.
    pub profile: &'a SigningProfile,
    /// The roots that AWS's certificates must lead to.
    pub roots: &'a Roots,
    /// The user's metadata.
    pub metadata: &'a BTreeMap<String, String>,
    /// The AWS principal: [`Signer::variables`](crate::aws::signer::Signer::variables).
    pub variables: &'a [(&'static str, Secret)],
    /// The registry's login.
    pub login: &'a RegistryAuth,
}

impl Notation {
    /// Finds the CLI and the plugin and checks that both can be used.
    ///
    /// # Errors
    /// What is missing, too old or not executable, each with what to do about it.
    pub fn find(paths: &NotationPaths) -> Result<Notation, Report> {
        let native = "or sign without it: --engine native";
        let program = process::find("notation", &paths.path).ok_or_else(|| {
            Report::new("the Notation CLI is not on PATH")
                .hint(format!("install it from https://notaryproject.dev/docs/user-guides/installation/cli/, {native}"))
        })?;
        let suffix = if cfg!(windows) { ".exe" } else { "" };
        let libexec = paths
            .libexec
            .clone()
            .ok_or_else(|| Report::new("there is no folder for Notation's plugins").hint("set NOTATION_LIBEXEC"))?;
        let plugin = libexec.join("plugins").join(NOTATION_PLUGIN).join(format!("notation-{NOTATION_PLUGIN}{suffix}"));
        if !plugin.is_file() {
            return Err(Report::new("the AWS Signer plugin of Notation is not installed")
                .cause(format!("there is no {}", plugin.display()))
                .hint(format!(
                    "run `{PROGRAM} setup notation --plugin`, or install AWS's own (https://docs.aws.amazon.com/signer/\
                     latest/developerguide/container-workflow.html), {native}"
                )));
        }
        if !process::is_executable(&plugin) {
            return Err(Report::new(format!("the AWS Signer plugin {} is not executable", plugin.display()))
                .hint(format!("run: chmod +x {}", plugin.display())));
        }
        let helper = paths.helper.parent().map(Path::to_path_buf).unwrap_or_default();
        let version = version(&program)?;
        Ok(Notation { program, version, libexec, helper, path: paths.path.clone(), temporary: paths.temporary.clone() })
    }

    /// The command line of one signature, without the program. `root` is the file of a root that is not AWS's.
    fn arguments(&self, request: &NotationRequest<'_>, root: Option<&Path>) -> Result<Vec<String>, Report> {
        let Some(Home { region, .. }) = &request.profile.home else {
            return Err(Report::new(format!("Notation needs the ARN of the signing profile {}", request.profile)));
        };
        if request.profile.version.is_some() {
            return Err(Report::new(format!(
                "the AWS Signer plugin does not take a profile's version: {}",
                request.profile
            ))
            .hint("name the profile without its version, or sign with --engine native"));
        }
        let mut arguments: Vec<String> = ["sign", "--plugin", NOTATION_PLUGIN, "--id"].map(str::to_owned).into();
        arguments.push(request.profile.to_string());
        let mut option = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        option("--plugin-config", format!("aws-region={region}"));
        // AWS's plugin checks no root, and passes over what it does not know; ours checks it.
        if let Some(root) = root {
            option("--plugin-config", format!("signer-root={}", root.display()));
        }
        for (key, value) in request.metadata {
            option("--user-metadata", format!("{key}={value}"));
        }
        // 1.x writes the tag everywhere unless it is told otherwise.
        if self.version >= REFERRERS_VERSION {
            arguments.push("--force-referrers-tag=false".into());
        }
        // Notation takes `localhost` alone for a registry without TLS.
        if is_loopback(request.image.host()) && !request.image.host().starts_with("localhost") {
            arguments.push("--insecure-registry".into());
        }
        arguments.push(request.image.at(request.digest));
        Ok(arguments)
    }

    /// Signs. The plugin and what it starts get the AWS principal of the request and no other; Notation gets the
    /// registry's login, which it keeps from its plugins.
    ///
    /// Both go through the environment: the helper that Notation would ask for the login, would be asked under
    /// the credentials of the plugin, and there a role that a rule names would be assumed a second time.
    ///
    /// # Errors
    /// Where Notation cannot be started or does not end. What it signed is for the caller to check.
    pub fn sign(&self, request: &NotationRequest<'_>) -> Result<NotationOutput, Report> {
        let config = PrivateConfig::write(&self.temporary, request.roots)
            .map_err(|err| Report::new("cannot write Notation's configuration").cause(err))?;
        let arguments = self.arguments(request, config.root.as_deref())?;
        // What we do not search, notation shall not either: the folder of the moment.
        let folders = std::iter::once(self.helper.clone()).chain(std::env::split_paths(&self.path));
        let folders = folders.filter(|folder| folder.is_absolute());
        let path = std::env::join_paths(folders)
            .map_err(|err| Report::new("this program's folder cannot be put on PATH").cause(err))?;
        let mut command = Command::new(&self.program);
        for name in OTHER_IDENTITIES {
            command.env_remove(name);
        }
        command
            .args(&arguments)
            .env("PATH", path)
            .env("NOTATION_CONFIG", &config.folder)
            .env("NOTATION_LIBEXEC", &self.libexec)
            .envs(request.variables.iter().map(|(name, value)| (name, value.expose())));
        match request.login {
            RegistryAuth::Anonymous => {}
            RegistryAuth::Failed(report) => return Err(report.clone()),
            RegistryAuth::Known { username, secret } => {
                // A password without a user is an identity token for Notation.
                if username != IDENTITY_TOKEN {
                    command.env("NOTATION_USERNAME", username);
                }
                command.env("NOTATION_PASSWORD", secret.expose());
            }
        }
        let output = run(&mut command, SIGN_TIMEOUT)?;
        let code = output.status.code();
        let code = code.ok_or_else(|| Report::new(format!("{} was ended by a signal", self.program.display())))?;
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
        Ok(NotationOutput { code, said })
    }
}

/// The version of a Notation CLI, which must not be too old.
fn version(program: &Path) -> Result<(u64, u64), Report> {
    let mut command = Command::new(program);
    let output = run(command.arg("version"), VERSION_TIMEOUT)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.lines().find_map(|line| line.trim().strip_prefix("Version:")).map(str::trim);
    let numbers = version.map(|version| version.trim_start_matches('v').split('.').map_while(|part| part.parse().ok()));
    let numbers: Vec<u64> = numbers.into_iter().flatten().take(2).collect();
    match numbers[..] {
        [major, minor] if (major, minor) >= MIN_VERSION => Ok((major, minor)),
        _ => Err(Report::new(format!("{} is too old or not Notation", program.display()))
            .cause(format!("its version is {}", version.unwrap_or("not to be found")))
            .hint("install Notation 1.0 or newer, or sign without it: --engine native")),
    }
}

/// A folder with the one setting that Notation's credentials come from, and with the roots that are not AWS's; it
/// holds no secret.
struct PrivateConfig {
    folder: PathBuf,
    root: Option<PathBuf>,
}

impl PrivateConfig {
    fn write(temporary: &Path, roots: &Roots) -> io::Result<PrivateConfig> {
        let mut random = [0; 8];
        ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut random)
            .map_err(|_| io::Error::other("the system has no random numbers"))?;
        let folder = temporary.join(format!("ecr-rs-notation-{}", hex(&random)));
        // It fails where something is there already, so nobody else's folder is used.
        private_fs::create_new_folder(&folder)?;
        let mut config = PrivateConfig { folder, root: None };
        let mut file = private_fs::create_new(&config.folder.join("config.json"))?;
        file.write_all(json!({ "credsStore": HELPER }).to_string().as_bytes())?;
        if let Roots::Given(certificates) = roots {
            let path = config.root.insert(config.folder.join("root.pem"));
            let mut file = private_fs::create_new(path)?;
            certificates.iter().try_for_each(|certificate| file.write_all(certificate.pem().as_bytes()))?;
        }
        Ok(config)
    }
}

impl Drop for PrivateConfig {
    fn drop(&mut self) {
        // A folder that stays holds nothing of value.
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// Runs a program to its end, at most `patience`.
fn run(command: &mut Command, patience: Duration) -> Result<process::Output, Report> {
    let program = command.get_program().to_string_lossy().into_owned();
    let limits = Limits { time: patience, output: MAX_OUTPUT };
    process::run(command, Wiped::default(), limits, Stderr::Capture).map_err(|err| match err {
        process::Error::Timeout(time) => Report::new(format!("{program} did not end within {} s", time.as_secs()))
            .hint("check the network; or sign without it: --engine native"),
        err => Report::of(&err).under(format!("cannot run {program}")),
    })
}
