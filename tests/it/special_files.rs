//! A pipe that nobody writes to, a dangling link or another user's file in the place of each file that
//! the built program opens: an error or a warning in words, never a hang.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::support::{
    loopback::{ACCESS_KEY_ID, ACCOUNT, REGION, ROLE, SECRET_ACCESS_KEY},
    machine::Machine,
    program::{Outcome, Program, finish_within},
    signing_fixture::SigningFixture,
};

/// A run with a pipe ends at once, or it waits for ever: nothing in between.
const BOUND: Duration = Duration::from_secs(8);

fn ecr() -> String {
    format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com")
}

/// Puts a pipe in a file's place.
fn pipe(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::remove_file(path).ok(); // there may be none
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[track_caller]
fn run(program: &Program, arguments: &[&str], stdin: &str, why: &str) -> Outcome {
    finish_within(BOUND, program.spawn(arguments), stdin.as_bytes()).unwrap_or_else(|| panic!("it hangs: {why}"))
}

/// Makes the program use the pipe at this path.
type Use = fn(&Machine, Program, &Path) -> Program;

#[test]
fn f1_8_a_pipe_in_the_place_of_a_file_of_get_is_an_error() {
    let rows: [(&str, &str, Use); 10] = [
        ("config.toml", ".config/docker-credential-ecr-rs/config.toml", |_, program, _| program),
        ("config.toml that is named", "mine.toml", |_, program, pipe| program.with("ECR_RS_CONFIG", pipe)),
        ("the AWS config, read for a profile", ".aws/config", |_, program, _| {
            without_keys(program).with("AWS_PROFILE", "dev")
        }),
        ("the AWS credentials, read for a profile", ".aws/credentials", |_, program, _| {
            without_keys(program).with("AWS_PROFILE", "dev")
        }),
        ("the AWS config beside keys in the environment", ".aws/config", |_, program, _| program),
        ("a bundle of certificates", "ca.pem", |_, program, pipe| program.with("AWS_CA_BUNDLE", pipe)),
        ("a profile's bundle of certificates", "ca.pem", |machine, program, pipe| {
            let keys = format!("aws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}");
            machine.write(".aws/config", &format!("[default]\n{keys}\nca_bundle = {}\n", pipe.display()));
            without_keys(program)
        }),
        ("a web identity's token", "token", |_, program, pipe| {
            without_keys(program).with("AWS_WEB_IDENTITY_TOKEN_FILE", pipe).with("AWS_ROLE_ARN", ROLE)
        }),
        ("a web identity's token, by a role's source profile", "token", |machine, program, pipe| {
            machine.write(
                ".aws/config",
                &format!(
                    "[default]\nrole_arn = {ROLE}\nsource_profile = web\n[profile web]\nrole_arn = {ROLE}\n\
                     web_identity_token_file = {}\n",
                    pipe.display()
                ),
            );
            without_keys(program)
        }),
        ("a container's token", "token", |machine, program, pipe| {
            let uri = format!("{}/credentials", machine.aws.endpoint());
            without_keys(program)
                .with("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri)
                .with("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", pipe)
        }),
    ];
    for (why, place, prepare) in rows {
        let machine = Machine::new();
        let path = machine.home.path().join(place);
        pipe(&path);
        let program = prepare(&machine, machine.program(), &path);
        let outcome = run(&program, &["get"], &ecr(), why).exits(1, why);
        assert!(outcome.stderr.contains("it is a pipe, not a regular file"), "{why}: {outcome:?}");
        assert!(outcome.stderr.contains(place), "which file: {why}: {outcome:?}");
        assert_eq!(machine.minted(), 0, "{why}");
    }
}

fn without_keys(program: Program) -> Program {
    program.without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY")
}

#[test]
fn f1_8_files_that_are_switched_off_with_the_null_device_are_empty() {
    let machine = Machine::new();
    let mut program = machine.program();
    for name in ["ECR_RS_CONFIG", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"] {
        program = program.with(name, "/dev/null");
    }
    run(&program, &["get"], &ecr(), "a common way to say: no such file").exits(0, "keys in the environment");
}

/// The one file below a folder whose name ends so.
fn only(folder: &Path, end: &str) -> PathBuf {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<PathBuf> = files.filter(|path| path.to_string_lossy().ends_with(end)).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

#[test]
fn f1_8_whatever_is_in_the_place_of_the_lock_a_get_has_its_answer() {
    // Only root can give a file away, so only root can play the last one.
    let rows = if rustix::process::geteuid().is_root() { LOCKS } else { &LOCKS[..3] };
    for (why, spoil) in rows {
        let machine = Machine::new();
        let program = machine.program();
        run(&program, &["get"], &ecr(), "as always").exits(0, "as always");
        let lock = only(&machine.home.path().join(".cache/docker-credential-ecr-rs/locks"), ".lock");
        let _held = spoil(&lock);
        run(&program, &["erase"], &ecr(), why).exits(0, why);
        run(&program, &["get"], &ecr(), why).exits(0, why);
        assert_eq!(machine.minted(), 2, "{why}");
        assert!(!lock.with_file_name("elsewhere").exists(), "what the link names is not made");
    }
}

/// What is put in a lock's place; what is given back is held while the program runs.
type Spoil = fn(&Path) -> Option<fs::File>;

const LOCKS: &[(&str, Spoil)] = &[
    ("a pipe", |lock| {
        pipe(lock);
        None
    }),
    ("a dangling link", |lock| {
        fs::remove_file(lock).unwrap();
        symlink("elsewhere", lock).unwrap();
        None
    }),
    ("a folder", |lock| {
        fs::remove_file(lock).unwrap();
        fs::create_dir(lock).unwrap();
        None
    }),
    ("another user's file, who holds the lock", |lock| {
        std::os::unix::fs::chown(lock, Some(12345), None).unwrap();
        let held = fs::File::open(lock).unwrap();
        held.lock().unwrap();
        Some(held)
    }),
];

#[test]
fn f1_8_a_pipe_in_the_place_of_a_kept_token_costs_a_call_and_is_replaced() {
    let machine = Machine::new();
    machine.configure("[cache]\nstore = \"file\"\n");
    let program = machine.program();
    run(&program, &["get"], &ecr(), "as always").exits(0, "as always");
    let folder = machine.home.path().join(".cache/docker-credential-ecr-rs/tokens");
    pipe(&only(&folder, ""));
    let status = run(&program, &["status"], "", "a token file").exits(0, "what is there is told");
    assert!(status.stdout.contains("it is a pipe, not a regular file"), "{status:?}");
    for _ in 0..2 {
        run(&program, &["get"], &ecr(), "a token file").exits(0, "AWS is asked, once");
    }
    assert_eq!(machine.minted(), 2);
}

#[test]
fn f1_8_a_pipe_in_the_place_of_a_file_of_a_command_is_an_error() {
    let fixture = SigningFixture::new();
    fixture.push("app", "v1");
    let image = format!("{}/app:v1", fixture.host());
    let path = fixture.home.path().join("pipe");
    pipe(&path);
    let path = path.to_str().unwrap();
    let docker = fixture.home.path().join(".docker/config.json");
    pipe(&docker);
    let profile = ["sign", "--signing-profile", &fixture.profile];
    for (arguments, words, why) in [
        ([&profile[..], &["--digest-file", path]].concat(), "cannot read", "a build's digests"),
        ([&profile[..], &["--signer-root", path, &image]].concat(), "is no root certificate", "a root"),
        (vec!["setup", "docker"], "cannot read", "docker's configuration, to be changed"),
        (vec!["doctor"], "cannot read", "docker's configuration, to be looked at"),
    ] {
        let outcome = run(&fixture.program(), &arguments, "", why).exits(1, why);
        let told = format!("{}{}", outcome.stdout, outcome.stderr);
        assert!(told.contains(words) && told.contains("it is a pipe, not a regular file"), "{why}: {outcome:?}");
    }
    assert_eq!(fixture.aws.count("SignPayload"), 0);
}
