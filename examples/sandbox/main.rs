//! `cargo run --example sandbox`: five scenes on a machine without AWS account, Docker or network. AWS, the registry
//! and the keychain are on loopback, the program is the real one, and so is all that it prints.
//!
//! With `-- --record FILE` it also writes what was shown as an asciicast.
//!
//! The sandbox starts itself under the program's name, and is then the program: its `main` is a module here. Under
//! the name `pull` it is a client. Nothing but this example has to be built, from the dependencies that `cargo test`
//! needs too.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr)]

mod computer;
#[path = "../../src/main.rs"]
mod program;
mod pull;
mod screen;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::{
    env, fs,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use computer::Computer;
use screen::{Look, Screen};
use support::loopback::{ACCOUNT, OTHER_ACCOUNT, OTHER_REGION, REGION};

const PROGRAM: &str = env!("CARGO_PKG_NAME"); // what docker starts for `"credsStore": "ecr-rs"`

fn main() -> ExitCode {
    let mut arguments = env::args_os();
    let started_as = arguments.next().map(PathBuf::from).unwrap_or_default();
    match started_as.file_stem().and_then(|name| name.to_str()) {
        Some(name) if name == PROGRAM || name == "ecr-rs" => return program::main(),
        Some(pull::NAME) => return pull::main(),
        _ => {}
    }
    let recording = match &arguments.collect::<Vec<_>>()[..] {
        [] => None,
        [option, file] if option == "--record" => Some(PathBuf::from(file)),
        _ => {
            eprintln!("usage: cargo run --example sandbox [-- --record FILE]");
            return ExitCode::from(2);
        }
    };
    let mut screen = Screen::new();
    let done = scenes(&mut screen).and_then(|()| {
        let Some(path) = recording else { return Ok(()) };
        fs::write(&path, screen.recording()).map_err(|err| format!("cannot write {}: {err}", path.display()))
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("\nFAILED: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// Plays all five. The error says what was not as it must be.
fn scenes(screen: &mut Screen) -> Result<(), String> {
    let began = Instant::now();
    let computer = Computer::new()?;
    let mut play = Play { computer: &computer, screen, commands: 0 };
    let host = |account: &str, region: &str| format!("{account}.dkr.ecr.{region}.amazonaws.com");
    let (ours, theirs) = (host(ACCOUNT, REGION), host(OTHER_ACCOUNT, OTHER_REGION));
    let image = format!("{ours}/hello:v1");
    let manifest = computer.push(&ours, ACCOUNT)?;
    let pulled = format!("pulled {}", support::registry::digest(manifest.as_bytes()));
    computer.push(&theirs, OTHER_ACCOUNT)?;
    computer.sso_session(true)?;
    let first_token = ["GetRoleCredentials", "GetAuthorizationToken"];

    for line in [
        "The program is real. AWS, the registry and the keychain are the sandbox's own,",
        "and so is `pull`, which asks for a login as docker does. ~/.aws/config has two",
        "profiles, dev and shared, of two accounts; `aws sso login` was run.",
    ] {
        play.line(Look::Said, line);
    }

    play.title("1. Set up, once");
    play.run("ecr-rs setup --dry-run", 0, &["credsStore: (none) -> \"ecr-rs\""], &[])?;
    play.run("ecr-rs setup --yes", 0, &["names ecr-rs for every registry"], &[])?;

    play.title("2. A pull logs in by itself, and the token is kept in the keychain");
    play.run(&format!("pull {image}"), 0, &[&pulled], &first_token)?;
    play.run(&format!("pull {image}"), 0, &[&pulled], &[])?;
    play.run("ecr-rs status", 0, &[&ours, "profile dev", "11 h 59 min"], &[])?;

    play.title("3. Two accounts, each with its profile; then the SSO session ends");
    play.run(&format!("pull {theirs}/hello:v1"), 0, &[&pulled], &first_token)?;
    play.run("ecr-rs status", 0, &[&ours, "profile dev", &theirs, "profile shared"], &[])?;
    computer.sso_session(false)?;
    play.say("The session has ended. The token that is kept still works:");
    play.run(&format!("pull {image}"), 0, &[&pulled], &[])?;
    play.say("Where there is none, the answer says what to do:");
    let new = host(OTHER_ACCOUNT, REGION);
    play.run(&format!("pull {new}/hello:v1"), 1, &["hint: run: aws sso login --profile shared"], &[])?;

    play.title("4. Fifty pulls at once, nothing in the cache, one token");
    computer.sso_session(true)?;
    play.run("ecr-rs clear --all", 0, &[&ours, &theirs], &[])?;
    play.run(&format!("pull --at-once 50 {image}"), 0, &["pulled 50 times"], &first_token)?;

    play.title("5. Sign, verify, tamper, verify");
    let profile = format!("arn:aws:signer:{REGION}:{ACCOUNT}:/signing-profiles/release");
    let create = format!("ecr-rs profile create release \\\n    --for {image}");
    play.run(&create, 0, &[&profile], &["GetRoleCredentials", "GetSigningProfile", "PutSigningProfile"])?;
    let sign = format!("ecr-rs sign {image} \\\n    --signing-profile release --signer-root root.pem");
    let signed = play.run(&sign, 0, &["signed "], &["GetRoleCredentials", "SignPayload"])?;
    let verify = format!("ecr-rs verify {image} \\\n    --signer-root root.pem --signing-profile \\\n    {profile}");
    let revocation = ["GetRoleCredentials", "GetRevocationStatus"];
    let verified = play.run(&verify, 0, &["verified ", "revocation    passed"], &revocation)?;
    let signature = digest_of_signature(&verified).ok_or_else(|| format!("no signature is told: {verified}"))?;
    if !signed.contains(signature) {
        return Err(format!("another signature was verified than was made: {signed}{verified}"));
    }
    computer.tamper(&ours, ACCOUNT, &manifest, signature)?;
    play.say("Somebody puts another image under hello:v1, with this signature beside it:");
    let verify = verify.replacen("verify", "verify --quiet", 1);
    play.run(&verify, 1, &["is not verified", "not this image"], &["GetRoleCredentials"])?;

    let (commands, time) = (play.commands, began.elapsed());
    play.say(&format!("{commands} commands did what they should, in {}.", seconds(time)));
    Ok(())
}

fn digest_of_signature(verified: &str) -> Option<&str> {
    verified.lines().find_map(|line| line.trim().strip_prefix("signature ")).map(str::trim)
}

/// Types commands, and shows what they print.
struct Play<'a> {
    computer: &'a Computer,
    screen: &'a mut Screen,
    commands: usize,
}

impl Play<'_> {
    /// Runs a command, which must end with this status, print these words and ask AWS for this and nothing else.
    fn run(&mut self, typed: &str, status: i32, words: &[&str], asked: &[&str]) -> Result<String, String> {
        self.line(Look::Plain, "");
        for (number, line) in typed.lines().enumerate() {
            self.line(Look::Typed, &format!("{}{line}", if number == 0 { "$ " } else { "" }));
        }
        let (before, began) = (self.aws_calls().len(), Instant::now());
        let (ended, said) = self.computer.run(typed, |line| self.screen.line(Look::Plain, line))?;
        let time = began.elapsed();
        let calls = self.aws_calls().split_off(before);
        let of_aws = if calls.is_empty() { "no call to AWS".into() } else { format!("AWS: {}", calls.join(", ")) };
        self.line(Look::Said, &format!("-- {}, {of_aws}", seconds(time)));
        self.commands += 1;
        let missing = words.iter().find(|word| !said.contains(**word));
        match missing {
            _ if ended != status => Err(format!("`{typed}` ended with {ended}, not with {status}")),
            Some(missing) => Err(format!("`{typed}` does not say {missing:?}")),
            None if calls != asked => Err(format!("`{typed}` asked AWS for {calls:?}, not for {asked:?}")),
            None => Ok(said),
        }
    }

    fn title(&mut self, title: &str) {
        self.line(Look::Plain, "");
        self.line(Look::Title, title);
    }

    fn say(&mut self, text: &str) {
        self.line(Look::Plain, "");
        self.line(Look::Said, text);
    }

    fn line(&mut self, look: Look, text: &str) {
        self.screen.line(look, text);
    }

    /// The operations that AWS was asked for since the start.
    fn aws_calls(&self) -> Vec<String> {
        let calls = self.computer.aws.calls();
        calls.into_iter().filter(|call| call.service != "registry").map(|call| call.operation).collect()
    }
}

fn seconds(time: Duration) -> String {
    match time.as_millis() {
        milliseconds @ 0..1000 => format!("{milliseconds} ms"),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}
