//! `cargo run --example loopback -- FOLDER`: the loopback AWS and registries for other programs.
//!
//! Writes `FOLDER/env` (shell `export` lines) when it is ready, the root certificate of AWS Signer to
//! `FOLDER/signer-root.pem` and a JSON line to `FOLDER/calls` for each call, then serves until
//! standard input ends. On Linux a session bus with a keychain is at `LOOPBACK_BUS`. Lines on standard input change how it behaves:
//! `delay OPERATION MILLISECONDS`, `token-length CHARACTERS`, `token-life SECONDS`,
//! `referrers on|off`, `redirects on|off`, `revoke ARN` (a signing job or a profile version), `spoil DEFECT` or
//! `spoil nothing` (what SignPayload returns), `clear`.
//! Each is answered with `done: LINE` on standard output.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    fs::{self, File},
    io::{self, BufRead, Write},
    path::Path,
    process::ExitCode,
    sync::Mutex,
    time::Duration,
};

use support::{
    aws::managed_signing::ManagedSigning,
    loopback::{self, ACCOUNT, Loopback, OTHER_ACCOUNT, OTHER_REGION, REGION},
    registry::{PLAIN_PASSWORD, PLAIN_USER},
    signer::{Defect, Signer},
    tls::Tls,
};

const USAGE: &str = "\
usage: loopback FOLDER

The loopback AWS and registries for other programs. FOLDER is made; it gets `env` (shell `export`
lines) when everything is ready, `signer-root.pem`, and `calls` with a line of JSON for each call.
It serves until standard input ends. Lines on standard input change how it behaves:
  delay OPERATION MILLISECONDS, token-length CHARACTERS, token-life SECONDS,
  referrers on|off, redirects on|off, revoke ARN, spoil DEFECT|nothing, clear";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let [folder] = &arguments[..] else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if folder.as_encoded_bytes().starts_with(b"-") {
        eprintln!("there is no such option: {}\n{USAGE}", Path::new(folder).display());
        return ExitCode::from(2);
    }
    match run(Path::new(&folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("error: {}: {err}", Path::new(&folder).display());
            ExitCode::FAILURE
        }
    }
}

fn run(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let folder = folder.canonicalize()?;
    let calls = Mutex::new(File::options().create(true).append(true).open(folder.join("calls"))?);
    let signer = Signer::new();
    let signer_root = folder.join("signer-root.pem");
    fs::write(&signer_root, &signer.chain.root_pem)?;
    let signing = [
        ("LOOPBACK_SIGNER_ROOT", signer_root.display().to_string()),
        ("LOOPBACK_SIGNING_PROFILE", signer.add_profile(ACCOUNT, REGION, "release")),
    ];
    let loopback = Loopback::serving(vec![signer.clone(), ManagedSigning::new()], Tls::in_folder(&folder));
    loopback.calls.listen(Box::new(move |call| {
        let line = format!("{}\n", call.to_json());
        let mut calls = calls.lock().expect("no holder panics");
        calls.write_all(line.as_bytes()).expect("the log can be written");
    }));
    let text = environment(&loopback, signing);
    #[cfg(target_os = "linux")]
    let bus = support::bus::FakeBus::start();
    #[cfg(target_os = "linux")]
    let text = format!("{text}export LOOPBACK_BUS='{}'\n", bus.address());
    // Whoever waits for the file finds it whole.
    fs::write(folder.join("env.new"), text)?;
    fs::rename(folder.join("env.new"), folder.join("env"))?;
    println!("ready: {}", loopback.endpoint());
    for line in io::stdin().lock().lines() {
        let line = line?;
        if obey(&loopback, &signer, &line) {
            println!("done: {line}");
        } else {
            eprintln!("not understood: {line}");
        }
    }
    Ok(())
}

/// Changes what a line asks for; `false` when it is not understood.
fn obey(loopback: &Loopback, signer: &Signer, line: &str) -> bool {
    let number = |text: &str| text.parse::<u64>().ok();
    match line.split_whitespace().collect::<Vec<_>>()[..] {
        [] => {}
        ["clear"] => loopback.faults.clear(),
        ["delay", operation, time] => {
            let Some(time) = number(time) else { return false };
            loopback.faults.delay(operation, Duration::from_millis(time));
        }
        ["token-length", length] => {
            let Ok(length) = length.parse() else { return false };
            loopback.tokens.set_length(length);
        }
        ["token-life", seconds] => {
            let Some(seconds) = number(seconds) else { return false };
            loopback.tokens.set_life(Duration::from_secs(seconds));
        }
        ["referrers", state @ ("on" | "off")] => loopback.registry.behave(|it| it.referrers = state == "on"),
        ["redirects", state @ ("on" | "off")] => loopback.registry.behave(|it| it.redirects_blobs = state == "on"),
        ["revoke", arn] => signer.revoke(arn),
        ["spoil", "nothing"] => signer.spoil(None),
        ["spoil", name] => {
            let Some(defect) = Defect::named(name) else { return false };
            signer.spoil(defect);
        }
        _ => return false,
    }
    true
}

/// A principal, the proxy and the authority under the names that programs read; the rest as
/// `LOOPBACK_…`. Programs that shall use an endpoint URL get `AWS_ENDPOINT_URL=$LOOPBACK_ENDPOINT`.
fn environment(loopback: &Loopback, signing: [(&'static str, String); 2]) -> String {
    let host = |account: &str, region: &str| format!("{account}.dkr.ecr.{region}.amazonaws.com");
    let mut variables = loopback.proxy_variables();
    variables.extend([
        ("LOOPBACK_ENDPOINT", loopback.endpoint()),
        ("LOOPBACK_PORT", loopback.address().port().to_string()),
        ("LOOPBACK_CA", loopback.tls.bundle().display().to_string()),
        ("LOOPBACK_ACCOUNT", ACCOUNT.into()),
        ("LOOPBACK_OTHER_ACCOUNT", OTHER_ACCOUNT.into()),
        ("LOOPBACK_REGION", REGION.into()),
        ("LOOPBACK_OTHER_REGION", OTHER_REGION.into()),
        ("LOOPBACK_HOST", host(ACCOUNT, REGION)),
        ("LOOPBACK_OTHER_HOST", host(OTHER_ACCOUNT, OTHER_REGION)),
        ("LOOPBACK_OTHER_ACCESS_KEY_ID", loopback::OTHER_ACCESS_KEY_ID.into()),
        ("LOOPBACK_OTHER_SECRET_ACCESS_KEY", loopback::OTHER_SECRET_ACCESS_KEY.into()),
        ("LOOPBACK_ROLE", loopback::ROLE.into()),
        ("LOOPBACK_OTHER_ROLE", loopback::OTHER_ROLE.into()),
        ("LOOPBACK_GUARDED_ROLE", loopback::GUARDED_ROLE.into()),
        ("LOOPBACK_EXTERNAL_ID", loopback::EXTERNAL_ID.into()),
        ("LOOPBACK_WEB_IDENTITY_TOKEN", loopback::WEB_IDENTITY_TOKEN.into()),
        ("LOOPBACK_CONTAINER", format!("{}{}", loopback.endpoint(), loopback::CONTAINER_PATH)),
        ("LOOPBACK_CONTAINER_AUTHORIZATION", loopback::CONTAINER_AUTHORIZATION.into()),
        ("LOOPBACK_SSO_TOKEN", loopback.sessions.open()),
        ("LOOPBACK_PLAIN_HOST", loopback.address().to_string()),
        ("LOOPBACK_PLAIN_TLS_HOST", "registry.loopback.example".into()),
        ("LOOPBACK_PLAIN_USER", PLAIN_USER.into()),
        ("LOOPBACK_PLAIN_PASSWORD", PLAIN_PASSWORD.into()),
    ]);
    variables.extend(signing);
    variables.iter().map(|(name, value)| format!("export {name}='{value}'\n")).collect()
}
