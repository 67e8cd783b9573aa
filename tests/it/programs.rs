//! The programs that the built program starts: where they are looked for, and that they end with it.

use std::{
    fs,
    io::Write,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    program::{Outcome, finish},
    signing_fixture::SigningFixture,
    terminal,
};

/// Runs in the folder of traps.
#[track_caller]
fn run(fixture: &SigningFixture, path: &str, arguments: &[&str]) -> Outcome {
    use std::process::Stdio;
    let mut command = fixture.program().with("PATH", path).command(arguments);
    command.current_dir(fixture.home.path().join("traps"));
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    finish(child.expect("the program starts"), b"")
}

/// Puts a program into a folder that leaves a file behind when it runs.
fn trap(fixture: &SigningFixture, name: &str) {
    let file = fixture.write(name, &format!("#!/bin/sh\necho 'Version: 1.3.2'; : > {}\n", sprung(fixture).display()));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
}

fn sprung(fixture: &SigningFixture) -> std::path::PathBuf {
    fixture.home.path().join("sprung")
}

/// Only the absolute folders of PATH count: a relative entry, or an empty one, would run whatever lies in
/// the folder that somebody was lured into.
#[test]
fn what_lies_in_the_folder_of_the_moment_is_neither_run_nor_told() {
    let fixture = SigningFixture::new();
    fixture.push("app", "v1");
    let image = format!("{}/app:v1", fixture.host());
    for folder in ["traps", "traps/bin"] {
        for name in ["notation", "podman", "docker", "docker-credential-ecr-rs", "docker-credential-trap"] {
            trap(&fixture, &format!("{folder}/{name}"));
        }
    }
    let plugin = "com.amazonaws.signer.notation.plugin";
    trap(&fixture, &format!("libexec/plugins/{plugin}/notation-{plugin}"));
    fixture.write(".docker/config.json", r#"{"credsStore": "ecr-rs"}"#);
    fixture.configure("[other-registries]\nstore = \"trap\"\n");
    let sign = ["sign", "--signing-profile", &fixture.profile, "--engine", "notation", &image];
    let written = |name: &str| fixture.home.path().join(name).exists();

    for path in [".", "", "bin", "./bin", ":", "bin:/nonexistent:", "../traps"] {
        let signed = run(&fixture, path, &sign).exits(1, path);
        assert!(signed.stderr.contains("the Notation CLI is not on PATH"), "{path:?}: {signed:?}");

        let report = run(&fixture, path, &["doctor", "--output", "json"]).json();
        let findings = report["findings"].as_array().unwrap();
        let of = |check: &str| findings.iter().find(|finding| finding["check"] == check);
        assert!(of("notation").is_none() && of("podman").is_none(), "{path:?}: {report:#}");
        assert!(of("program").unwrap()["what"].as_str().unwrap().contains("is not on PATH"), "{path:?}: {report:#}");
        assert!(of("logins").is_none_or(|logins| logins["verdict"] == "warning"), "{path:?}: {report:#}");

        let asked = run(&fixture, path, &["get"]);
        assert!(!asked.stdout.contains("Version"), "{path:?}: {asked:?}");
        let setup = run(&fixture, path, &["setup", "--yes"]).exits(0, path);
        assert!(setup.stderr.contains("is not on PATH"), "{path:?}: {setup:?}");
        assert!(!written(".config/notation/config.json") && !written(".config/containers"), "{path:?}: {setup:?}");
        assert!(!written("sprung"), "{path:?}");
    }

    // The same programs in an absolute folder are found, so that this test can fail.
    let absolute = fixture.home.path().join("traps");
    let report = run(&fixture, absolute.to_str().unwrap(), &["doctor", "--output", "json"]).json();
    assert!(report.to_string().contains(&format!("{} 1.3.2", absolute.join("notation").display())), "{report:#}");
    assert!(written("sprung"));
}

/// What is started finds none of it either.
#[test]
fn notation_is_given_the_absolute_folders_alone() {
    let fixture = SigningFixture::new();
    fixture.push("app", "v1");
    let image = format!("{}/app:v1", fixture.host());
    let plugin = "com.amazonaws.signer.notation.plugin";
    trap(&fixture, &format!("libexec/plugins/{plugin}/notation-{plugin}"));
    trap(&fixture, "traps/any");
    let script = "#!/bin/sh\n[ \"$1\" = version ] && echo 'Version: 1.3.2' && exit\necho \"path: $PATH\" >&2\nexit 7\n";
    let cli = fixture.write("bin/notation", script);
    fs::set_permissions(&cli, fs::Permissions::from_mode(0o755)).unwrap();
    let folder = cli.parent().map(Path::display).unwrap();
    let sign = ["sign", "--signing-profile", &fixture.profile, "--engine", "notation", &image];
    let signed = run(&fixture, &format!(".::bin:{folder}:"), &sign).exits(1, "the notation of the absolute folder");
    let helper = crate::support::machine::Machine::binary().parent().map(Path::display).unwrap();
    assert!(signed.stderr.contains(&format!("path: {helper}:{folder}\n")), "{signed:?}");
}

/// Control-C at a terminal ends the signing, not only the program that was called.
#[test]
fn an_interrupted_signature_is_not_made_after_all() {
    let fixture = SigningFixture::new();
    fixture.push("app", "v1");
    let image = format!("{}/app:v1", fixture.host());
    let plugin = "com.amazonaws.signer.notation.plugin";
    trap(&fixture, &format!("libexec/plugins/{plugin}/notation-{plugin}"));
    let told = fixture.home.path().join("number");
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = version ] && echo 'Version: 1.3.2' && exit\necho $$ > {0}.new; /bin/mv {0}.new {0}\n\
         exec /bin/sleep 600\n",
        told.display()
    );
    let cli = fixture.write("bin/notation", &script);
    fs::set_permissions(&cli, fs::Permissions::from_mode(0o755)).unwrap();
    let sign = ["sign", "--signing-profile", &fixture.profile, "--engine", "notation", &image];

    let (mut program, mut keyboard) = terminal::start(&fixture.program(), &sign);
    let until = Instant::now() + Duration::from_secs(60);
    let wait = |what: &str| {
        assert!(Instant::now() < until, "{what}");
        thread::sleep(Duration::from_millis(10));
    };
    while !told.exists() {
        wait("notation was not called");
    }
    keyboard.write_all(b"\x03").unwrap();
    let status = loop {
        match program.try_wait().unwrap() {
            Some(status) => break status,
            None => wait("it goes on"),
        }
    };
    assert_eq!(status.signal(), Some(2), "it is interrupted: {status}");
    let notation = format!("/proc/{}/exe", fs::read_to_string(&told).unwrap().trim());
    while fs::read_link(&notation).is_ok() {
        wait("notation goes on");
    }
}
