//! `cargo run --example sandbox`: an end-to-end demo on a machine without AWS account, Docker or
//! network. AWS, the registry and the keychain are on loopback, the program is the real one.
//!
//! The demo starts itself under the program's name, and is then the program: its `main` is a module here.
//! Nothing but this example has to be built, from the dependencies that `cargo test` needs too.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr)]

#[path = "../src/main.rs"]
mod program;
#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use support::{
    client::{Response, ask},
    loopback::{ACCOUNT, Loopback, REGION},
    program::{Outcome, Program},
    registry::digest,
    signer::Signer,
};

const PROGRAM: &str = env!("CARGO_PKG_NAME"); // what docker starts for `"credsStore": "ecr-rs"`
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn main() -> ExitCode {
    let started_as = env::args_os().next().map(PathBuf::from).unwrap_or_default();
    if started_as.file_stem().is_some_and(|name| name == PROGRAM) {
        return program::main();
    }
    println!("{PROGRAM} in a sandbox: the program is real; AWS, the registry and the keychain are on loopback\n");
    match demo() {
        Ok((steps, calls)) => {
            println!("\nok: {steps} steps as they should be, {calls} AWS calls in all");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            println!("\nFAILED: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// Puts this executable into `folder` under the program's name, and says where it is.
fn install(folder: &Path) -> Result<PathBuf, String> {
    let this = env::current_exe().map_err(|err| format!("cannot find this example: {err}"))?;
    let program = folder.join(format!("{PROGRAM}{}", env::consts::EXE_SUFFIX));
    // A link costs nothing; the sandbox may be on another file system than the target folder.
    fs::hard_link(&this, &program)
        .or_else(|_| fs::copy(&this, &program).map(|_| ()))
        .map_err(|err| format!("cannot copy {} to {}: {err}", this.display(), program.display()))?;
    Ok(program)
}

/// The demo, step by step: how many steps, and how many calls AWS saw.
fn demo() -> Result<(usize, usize), String> {
    let home = tempfile::tempdir().map_err(|err| format!("no temporary folder: {err}"))?;
    let binary = install(home.path())?;
    let signer = Signer::new();
    let loopback = Loopback::with(vec![signer.clone()]);
    let keychain = Keychain::start(home.path())?;
    let program = loopback
        .proxy_variables()
        .into_iter()
        .fold(Program::at(&binary, home.path()), |program, (name, value)| program.with(name, value));
    let program = keychain.serve(program);
    let host = format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com");
    println!("registry  {host}\nkeychain  {}\n", keychain.name());

    let mut demo = Demo { loopback: &loopback, steps: 0 };
    let first = demo.step("get", "the first time", || {
        let password = password(&program.run(&["get"], &host))?;
        Ok((format!("a new token from AWS, {} characters, valid for 12 hours", password.len()), password))
    })?;
    demo.costs("get", 1)?;
    demo.step("get", "once more", || match password(&program.run(&["get"], &host))? == first {
        true => Ok(("the same token, from the keychain, without network".into(), ())),
        false => Err("another token than the first: it was not kept".into()),
    })?;
    demo.step("list", "", || {
        let listed: Value = read(&program.run(&["list"], ""))?;
        let expected = json!({ host.clone(): "AWS" });
        if listed == expected { Ok((listed.to_string(), ())) } else { Err(format!("listed {listed}, not {expected}")) }
    })?;
    let registry = Registry { loopback: &loopback, host: &host, password: &first };
    let image = demo.step("push", "hello:v1", || registry.push())?;
    demo.step("pull", "hello:v1", || registry.pull(&image))?;
    let signing = Signing::new(&program, home.path(), &signer.chain.root_pem, format!("{host}/hello:v1"))?;
    demo.step("profile", "create app", || signing.create_profile())?;
    let signature = demo.step("sign", "hello:v1", || signing.sign(&image))?;
    demo.step("signatures", "list hello:v1", || signing.list(&signature))?;
    let arn = demo.step("profile", "show app", || signing.arn())?;
    demo.step("verify", "hello:v1", || signing.verify("v1", &arn, "verified "))?;
    demo.step("tamper", "hello:v2", || registry.tamper(&image, &signature))?;
    demo.step("verify", "hello:v2", || signing.verify("v2", &arn, "integrity: it signs "))?;
    demo.step("profile", "revoke app", || signing.revoke())?;
    demo.step("verify", "hello:v1", || signing.verify("v1", &arn, "revocation: it is revoked: "))?;
    demo.step("push", "wrong token", || match (Registry { password: "wrong", ..registry }).push() {
        Err(refused) if refused.starts_with("403") => Ok(("refused by the registry".into(), ())),
        Err(other) => Err(other),
        Ok(_) => Err("the registry took a password that nobody minted".into()),
    })?;
    demo.step("erase", "", || match program.run(&["erase"], &host) {
        Outcome { status: Some(0), .. } => Ok(("the token is out of the keychain".into(), ())),
        other => Err(complaint(&other)),
    })?;
    demo.step("get", "after erase", || match password(&program.run(&["get"], &host))? == first {
        true => Err("the erased token again".into()),
        false => Ok(("another token from AWS".into(), ())),
    })?;
    demo.costs("get after erase", 2)?;
    Ok((demo.steps, demo.aws_calls()))
}

/// Prints the steps.
struct Demo<'a> {
    loopback: &'a Loopback,
    steps: usize,
}

impl Demo<'_> {
    /// Takes a step and prints what it shows, how long it took and how many AWS calls it cost.
    fn step<T>(
        &mut self,
        verb: &str,
        about: &str,
        work: impl FnOnce() -> Result<(String, T), String>,
    ) -> Result<T, String> {
        let (before, began) = (self.aws_calls(), Instant::now());
        let done = work();
        let (spent, time) = (self.aws_calls() - before, began.elapsed());
        let (shown, value) = done.map_err(|reason| format!("{verb} {about}: {reason}"))?;
        let cost = match spent {
            0 => "no AWS call".into(),
            1 => "1 AWS call".into(),
            many => format!("{many} AWS calls"),
        };
        println!("{verb:<11}{about:<14}{:>9}   {cost:<12}  {shown}", milliseconds(time));
        self.steps += 1;
        Ok(value)
    }

    fn aws_calls(&self) -> usize {
        self.loopback.calls().iter().filter(|call| call.service != "registry").count()
    }

    /// Checks how many tokens AWS has minted so far.
    fn costs(&self, what: &str, tokens: usize) -> Result<(), String> {
        let minted = self.loopback.count("GetAuthorizationToken");
        if minted == tokens { Ok(()) } else { Err(format!("{what}: AWS minted {minted} tokens so far, not {tokens}")) }
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

fn read(outcome: &Outcome) -> Result<Value, String> {
    match outcome.status {
        Some(0) => serde_json::from_str(&outcome.stdout).map_err(|err| format!("the answer is not JSON: {err}")),
        _ => Err(complaint(outcome)),
    }
}

fn complaint(outcome: &Outcome) -> String {
    let status = outcome.status.map_or("a signal".into(), |status| status.to_string());
    format!("ended with {status}\n{}{}", outcome.stdout, outcome.stderr)
}

/// The password of a `get` that answered as Docker expects.
fn password(outcome: &Outcome) -> Result<String, String> {
    let answer = read(outcome)?;
    match (answer["Username"].as_str(), answer["Secret"].as_str()) {
        (Some("AWS"), Some(secret)) => Ok(secret.to_owned()),
        _ => Err("the answer holds no login of ECR".into()),
    }
}

/// An image in the registry.
struct Image {
    manifest: String,
    layer: String,
}

/// The registry, with a login.
struct Registry<'a> {
    loopback: &'a Loopback,
    host: &'a str,
    password: &'a str,
}

impl Registry<'_> {
    /// Pushes a layer, a configuration and a manifest.
    fn push(&self) -> Result<(String, Image), String> {
        let layer = b"hello from the sandbox\n";
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.blob("application/vnd.oci.image.config.v1+json", b"{}")?,
            "layers": [self.blob("application/vnd.oci.image.layer.v1.tar", layer)?],
        });
        let image = Image { manifest: manifest.to_string(), layer: digest(layer) };
        let answer = self.ask("PUT /v2/hello/manifests/v1", MANIFEST, image.manifest.as_bytes())?;
        match answer.header("docker-content-digest") {
            Some(digest) => Ok((format!("with that token: {}", &digest[..19]), image)),
            None => Err("the registry tells no digest".into()),
        }
    }

    /// Pulls what [`Registry::push`] pushed and compares it.
    fn pull(&self, image: &Image) -> Result<(String, ()), String> {
        let manifest = self.ask("GET /v2/hello/manifests/v1", "", b"")?;
        let layer = self.ask(&format!("GET /v2/hello/blobs/{}", image.layer), "", b"")?;
        if manifest.body != image.manifest.as_bytes() || digest(&layer.body) != image.layer {
            return Err("other bytes than were pushed".into());
        }
        Ok((format!("with that token: the same bytes, {:?}", layer.text().trim()), ()))
    }

    /// Puts a changed image under another tag, with the signature of the first beside it, as who can push could.
    fn tamper(&self, image: &Image, signature: &str) -> Result<(String, ()), String> {
        let changed = image.manifest.replacen('{', r#"{"annotations":{"changed":"yes"},"#, 1);
        self.ask("PUT /v2/hello/manifests/v2", MANIFEST, changed.as_bytes())?;
        let stolen = self.ask(&format!("GET /v2/hello/manifests/{signature}"), "", b"")?;
        let mut stolen: Value = serde_json::from_slice(&stolen.body).map_err(|err| err.to_string())?;
        stolen["subject"] =
            json!({ "mediaType": MANIFEST, "digest": digest(changed.as_bytes()), "size": changed.len() });
        let stolen = stolen.to_string();
        let name = digest(stolen.as_bytes());
        self.ask(&format!("PUT /v2/hello/manifests/{name}"), MANIFEST, stolen.as_bytes())?;
        Ok(("another image, with the first one's signature beside it".into(), ()))
    }

    fn blob(&self, media_type: &str, bytes: &[u8]) -> Result<Value, String> {
        let digest = digest(bytes);
        self.ask(&format!("POST /v2/hello/blobs/uploads/?digest={digest}"), "application/octet-stream", bytes)?;
        Ok(json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() }))
    }

    fn ask(&self, line: &str, content_type: &str, body: &[u8]) -> Result<Response, String> {
        let login = format!("Basic {}", STANDARD.encode(format!("AWS:{}", self.password)));
        let headers = [("Authorization", login.as_str()), ("Content-Type", content_type)];
        match ask(self.loopback, self.host, line, &headers, body) {
            Ok(answer) if answer.status < 300 => Ok(answer),
            Ok(answer) => {
                let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
                Err(format!("{} {}", answer.status, body["errors"][0]["message"].as_str().unwrap_or_default()))
            }
            Err(err) => Err(format!("the registry cannot be reached: {err}")),
        }
    }
}

/// The program's signing commands, about one image and the profile `app`.
struct Signing<'a> {
    program: &'a Program,
    image: String,
    /// The root certificate of the sandbox's AWS Signer, in the place of AWS's own.
    root: String,
}

impl Signing<'_> {
    fn new<'a>(program: &'a Program, home: &Path, root_pem: &str, image: String) -> Result<Signing<'a>, String> {
        let root = home.join("root.pem");
        fs::write(&root, root_pem).map_err(|err| format!("no root certificate: {err}"))?;
        Ok(Signing { program, image, root: root.display().to_string() })
    }

    fn create_profile(&self) -> Result<(String, ()), String> {
        match self.program.run(&["profile", "create", "app"], "") {
            Outcome { status: Some(0), stdout, .. } if stdout.starts_with("arn:aws:signer:") => {
                Ok(("a signing profile in AWS Signer".into(), ()))
            }
            other => Err(complaint(&other)),
        }
    }

    /// Signs, and gives the signature's digest.
    fn sign(&self, image: &Image) -> Result<(String, String), String> {
        let profile = ["--signing-profile", "app", "--signer-root", &self.root, "--output", "json"];
        let told = read(&self.program.run(&[&["sign", &self.image], &profile[..]].concat(), ""))?;
        let told = &told["images"];
        let signed = told[0]["image"].as_str().unwrap_or_default();
        match told[0]["signature"].as_str() {
            Some(signature) if signed.ends_with(&digest(image.manifest.as_bytes())) => {
                Ok((format!("by AWS Signer; checked, pushed: {}", &signature[..19]), signature.to_owned()))
            }
            _ => Err(format!("signed something else: {told}")),
        }
    }

    fn list(&self, signature: &str) -> Result<(String, ()), String> {
        let listed = read(&self.program.run(&["signatures", "list", &self.image, "--output", "json"], ""))?;
        match listed["signatures"].as_array().map(Vec::as_slice) {
            Some([only]) if only.to_string().contains(signature) => {
                Ok(("that one signature, found beside the image".into(), ()))
            }
            _ => Err(format!("listed {listed}, not {signature} alone")),
        }
    }
}

impl Signing<'_> {
    /// The profile's ARN: a name alone may be any account's.
    fn arn(&self) -> Result<(String, String), String> {
        let shown = read(&self.program.run(&["profile", "show", "app", "--output", "json"], ""))?;
        let arn = shown["arn"].as_str().ok_or_else(|| format!("no ARN: {shown}"))?;
        Ok((arn.to_owned(), arn.to_owned()))
    }

    /// Verifies an image, and shows what the program says: where it must contain these words.
    fn verify(&self, tag: &str, arn: &str, expected: &str) -> Result<(String, ()), String> {
        let image = self.image.replace(":v1", &format!(":{tag}"));
        let ran = self.program.run(&["verify", &image, "--signing-profile", arn, "--signer-root", &self.root], "");
        let good = expected == "verified ";
        let said = if good { &ran.stdout } else { &ran.stderr };
        if ran.status != Some(i32::from(!good)) || !said.contains(expected) {
            return Err(complaint(&ran));
        }
        let lines = said.lines().map(|line| format!("\n    | {line}"));
        Ok((format!("it says:{}", lines.collect::<String>()), ()))
    }

    fn revoke(&self) -> Result<(String, ()), String> {
        let long_ago = "2020-01-01T00:00:00Z";
        let revoke = ["profile", "revoke", "app", "--reason", "its key was lost", "--from", long_ago, "--yes"];
        match self.program.run(&revoke, "") {
            Outcome { status: Some(0), .. } => Ok(("all signatures of its version".into(), ())),
            other => Err(complaint(&other)),
        }
    }
}

/// A keychain that is not the user's own.
#[cfg(target_os = "linux")]
struct Keychain(support::bus::FakeBus);

#[cfg(target_os = "linux")]
impl Keychain {
    fn start(_home: &Path) -> Result<Keychain, String> {
        Ok(Keychain(support::bus::FakeBus::start()))
    }

    fn name(&self) -> &'static str {
        "a Secret Service of the sandbox, over D-Bus"
    }

    fn serve(&self, program: Program) -> Program {
        program.with("DBUS_SESSION_BUS_ADDRESS", self.0.address())
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

    fn name(&self) -> &'static str {
        "a file of the sandbox"
    }

    fn serve(&self, program: Program) -> Program {
        // Windows programs do not start without the folder of the system.
        let program = program.with("SystemRoot", env::var_os("SystemRoot").unwrap_or_default());
        program.with("ECR_RS_CONFIG", &self.0)
    }
}
