//! The built binary, as Docker runs it, where there is neither keychain nor AWS.

use crate::support::program::{Outcome, Program};

const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
const NO_BUS: &str = "this machine has no Secret Service: there is no D-Bus session (neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set)";

/// The binary on a machine with an empty home folder and nothing else.
fn bare(home: &tempfile::TempDir) -> Program {
    Program::at(env!("CARGO_BIN_EXE_docker-credential-ecr-rs"), home.path()).with("AWS_EC2_METADATA_DISABLED", "true")
}

#[track_caller]
fn check(arguments: &[&str], stdin: impl AsRef<[u8]>, status: i32, stdout: &str, stderr: &str, why: &str) {
    let home = tempfile::tempdir().unwrap();
    let outcome = bare(&home).run(arguments, stdin);
    let expected = Outcome { status: Some(status), stdout: stdout.into(), stderr: stderr.into() };
    assert_eq!(outcome, expected, "{why}");
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "nothing is written: {why}");
}

#[test]
fn arguments_are_answered_as_dockers_own_helpers_do() {
    let usage = "Usage: docker-credential-ecr-rs <store|get|erase|list|version>\n";
    let version = concat!("docker-credential-ecr-rs (ecr_rs) ", env!("CARGO_PKG_VERSION"), "\n");
    for (arguments, status, stdout, why) in [
        (vec![], 1, usage, "none"),
        (vec!["get", "ghcr.io"], 1, usage, "too many"),
        (vec!["version"], 0, version, "the verb"),
        (vec!["--version"], 0, version, "the flag"),
        (vec!["-v"], 0, version, "the short flag"),
        (vec!["-V"], 0, version, "the flag as cargo has it"),
    ] {
        check(&arguments, "", status, stdout, "", why);
    }
}

/// A word that is no verb of the protocol is the command line's, which knows what was meant.
#[test]
fn other_words_are_answered_with_what_was_meant() {
    let home = tempfile::tempdir().unwrap();
    for (arguments, expected, why) in [
        (&["login"][..], "unrecognized subcommand 'login'", "nothing like it"),
        (&["sing", "image"], "similar subcommands exist: 'signatures', 'sign'", "a misspelt command"),
        (&["GET"], "unrecognized subcommand 'GET'", "verbs have a case"),
        (&["--nonsense"], "unexpected argument '--nonsense'", "an unknown option"),
        (&["status", "--outptu", "json"], "a similar argument exists: '--output'", "a misspelt option"),
    ] {
        let outcome = bare(&home).run(arguments, "");
        assert_eq!((outcome.status, outcome.stdout.as_str()), (Some(2), ""), "{why}: {outcome:?}");
        assert!(outcome.stderr.contains(expected), "{why}: {outcome:?}");
    }
}

#[test]
fn bad_input_is_one_clear_line_and_changes_nothing() {
    let error = |line: &str| {
        let hint = "  hint: Docker writes this input itself: run `docker login` rather than this helper\n";
        (format!("{line}\n"), format!("docker-credential-ecr-rs: error: {line}\n{hint}"))
    };
    let sentence = |line: &str| (format!("{line}\n"), String::new());
    let junk = vec![b'x'; 1 << 20];
    for (verb, stdin, (stdout, stderr), why) in [
        ("get", &b""[..], sentence("no credentials server URL"), "empty"),
        ("erase", &b"  \n"[..], sentence("no credentials server URL"), "blank"),
        ("get", &junk[..], error("cannot read standard input: it is longer than 65536 bytes"), "1 MiB of junk"),
        ("store", &junk[..], error("cannot read standard input: it is longer than 262144 bytes"), "1 MiB of junk"),
        ("get", &b"\xff\xfe"[..], error("cannot read standard input: the server URL is not UTF-8"), "not UTF-8"),
        ("store", &b""[..], error("cannot read standard input: there is nothing to store"), "empty"),
        (
            "store",
            &b"{\"ServerURL\":\"h\""[..],
            error("cannot read standard input: not a JSON object of a login (line 1, column 16)"),
            "cut short",
        ),
        (
            "store",
            &b"\xff"[..],
            error("cannot read standard input: not a JSON object of a login (line 1, column 1)"),
            "not UTF-8",
        ),
        ("store", &b"{\"Username\":\"u\",\"Secret\":\"s\"}"[..], sentence("no credentials server URL"), "no server"),
        ("store", &b"{\"ServerURL\":\"h\",\"Secret\":\"s\"}"[..], sentence("no credentials username"), "no user name"),
        (
            "store",
            &b"{\"ServerURL\":\"h\",\"Username\":\"u\"}"[..],
            error("cannot read standard input: the field Secret is missing"),
            "no secret",
        ),
    ] {
        check(&[verb], stdin, 1, &stdout, &stderr, &format!("{verb}: {why}"));
    }
}

#[test]
fn a_machine_without_keychain_and_credentials_says_what_is_missing() {
    check(&["get"], "public.ecr.aws", 1, "credentials not found in native keychain\n", "", "ECR Public serves anybody");
    check(
        &["list"],
        "",
        0,
        "{}\n",
        &format!("docker-credential-ecr-rs: warning: what is stored is not listed: {NO_BUS}\n"),
        "list never fails",
    );
    check(
        &["get"],
        "ghcr.io",
        1,
        "credentials not found in native keychain\n",
        &format!("docker-credential-ecr-rs: warning: no login for ghcr.io is known: {NO_BUS}\n"),
        "a machine without keychain holds no logins",
    );
    let line = format!("cannot keep the login for ghcr.io: {NO_BUS}");
    let hint = "  hint: start a keychain (gnome-keyring or KWallet, in a D-Bus session), or name another store in config.toml: `[cache] store` for tokens, `[other-registries] store` for logins (\"file\": clear text, mode 0600)\n";
    check(
        &["store"],
        "{\"ServerURL\":\"ghcr.io\",\"Username\":\"u\",\"Secret\":\"s\"}",
        1,
        &format!("{line}\n"),
        &format!("docker-credential-ecr-rs: error: {line}\n{hint}"),
        "a login that cannot be kept is a failed login",
    );
    let line = format!("no token for {ECR}: this machine has no AWS credentials");
    let hint =
        "  hint: run `aws configure sso` or `aws configure`, or set AWS_PROFILE to a profile that has credentials\n";
    check(
        &["get"],
        ECR,
        1,
        &format!("{line}\n"),
        &format!("docker-credential-ecr-rs: error: {line}\n{hint}"),
        "private ECR",
    );
}

#[test]
fn list_never_reads_stdin() {
    let home = tempfile::tempdir().unwrap();
    let mut child = bare(&home).spawn(&["list"]);
    let stdin = child.stdin.take(); // held open and silent, as a client's own stdin would be
    assert!(child.wait().unwrap().success());
    drop(stdin);
}
