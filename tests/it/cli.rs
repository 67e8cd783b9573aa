//! The commands for people, as a shell runs them: arguments in; data, messages and an exit code out.

use std::time::Duration;

use crate::support::{
    bus::Knob,
    loopback::{
        ACCESS_KEY_ID, ACCOUNT, OTHER_ACCESS_KEY_ID, OTHER_ACCOUNT, OTHER_SECRET_ACCESS_KEY, REGION, SECRET_ACCESS_KEY,
    },
    machine::Machine,
    program::{Outcome, Program},
    terminal,
};

fn ecr() -> String {
    format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com")
}

fn other() -> String {
    format!("{OTHER_ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com")
}

/// The stdout of a run that succeeds without a word on stderr.
#[track_caller]
fn data(program: &Program, arguments: &[&str]) -> String {
    let outcome = program.run(arguments, "");
    assert_eq!((outcome.status, outcome.stderr.as_str()), (Some(0), ""), "{arguments:?}: {outcome:?}");
    outcome.stdout
}

/// The stderr of a run that fails without data.
#[track_caller]
fn stderr_of_failure(program: &Program, arguments: &[&str], status: i32) -> String {
    let Outcome { status: ended, stdout, stderr } = program.run(arguments, "");
    assert_eq!((ended, stdout.as_str()), (Some(status), ""), "{arguments:?}: {stderr}");
    stderr
}

/// Profiles of two accounts, as in many people's files.
fn two_accounts(machine: &Machine) {
    machine.write(
        ".aws/credentials",
        &format!(
            "[alice]\naws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n\
             [bob]\naws_access_key_id = {OTHER_ACCESS_KEY_ID}\naws_secret_access_key = {OTHER_SECRET_ACCESS_KEY}\n"
        ),
    );
}

#[test]
fn help_is_for_people_and_lists_every_door() {
    let machine = Machine::new();
    let help = data(&machine.program(), &["--help"]);
    for words in ["setup", "token", "status", "clear", "completions", "man", "get, store, erase, list", "kubelet"] {
        assert!(help.contains(words), "{words}: {help}");
    }
    assert_eq!(data(&machine.program(), &["-h"]), help);
    assert_eq!(data(&machine.program(), &["help"]), help);
    assert!(data(&machine.program(), &["help", "token"]).contains("--force"));
    assert_eq!(machine.bus.connections() + machine.aws.calls().len(), 0, "help asks nobody");
}

#[test]
fn arguments_that_make_no_sense_exit_2() {
    let machine = Machine::new();
    for (arguments, words, why) in [
        (&["token"][..], "<HOST>", "what is missing"),
        (&["token", "a", "b"], "unexpected argument", "too many"),
        (&["status", "--output", "xml"], "[possible values: text, json]", "a choice"),
        (&["status", "--outptu", "json"], "--output", "a misspelt option"),
        (&["clear"], "<HOST|--all>", "nothing is named"),
        (&["clear", "--all", "a"], "cannot be used with", "both"),
        (&["completions", "tcsh"], "bash", "a shell that is not known"),
        (&["help", "nothing"], "nothing", "a command that is not known"),
    ] {
        let stderr = stderr_of_failure(&machine.program(), arguments, 2);
        assert!(stderr.contains(words), "{why}: {stderr}");
    }
}

#[test]
fn token_prints_the_password_alone() {
    let machine = Machine::new();
    let password = data(&machine.program(), &["token", &ecr()]);
    assert_eq!(password.lines().count(), 1);
    let got = machine.program().run(&["get"], ecr());
    let got: serde_json::Value = serde_json::from_str(&got.stdout).unwrap();
    assert_eq!(format!("{}\n", got["Secret"].as_str().unwrap()), password, "the one that docker gets");
    assert_eq!(data(&machine.program(), &["token", &format!("https://{}/v2/", ecr())]), password, "any spelling");
    assert_eq!(machine.minted(), 1, "one call for all of them");

    let stderr = stderr_of_failure(&machine.program(), &["token", "ghcr.io"], 1);
    assert!(stderr.contains("ghcr.io") && stderr.contains("  hint: "), "{stderr}");
    let poor = machine.without_keys();
    let stderr = stderr_of_failure(&poor, &["token", &ecr()], 1);
    assert!(stderr.contains("no AWS credentials") && stderr.contains("aws configure"), "{stderr}");
    let stderr = stderr_of_failure(&poor, &["token", "public.ecr.aws"], 1);
    assert!(stderr.contains("without a login"), "{stderr}");
}

#[test]
fn token_refuses_a_terminal() {
    let machine = Machine::new();
    for (arguments, shown, why) in
        [(&["token"][..], false, "a password in a scrollback"), (&["token", "--force"], true, "asked for")]
    {
        let (status, screen) = terminal::run(&machine.program(), &[arguments, &[&ecr()]].concat());
        assert_eq!(status == 0, shown, "{why}: {screen}");
        assert_eq!(machine.minted() > 0, shown, "{why}");
        assert!(shown || screen.contains("docker login -u AWS --password-stdin"), "{why}: {screen}");
    }
}

#[test]
fn the_profile_option_goes_over_keys_and_rules() {
    let machine = Machine::new();
    two_accounts(&machine);
    machine.configure(&format!("[[registry]]\nmatch = \"{}\"\nprofile = \"alice\"\n", other()));
    for program in [machine.program(), machine.without_keys()] {
        data(&program, &["token", "--profile", "bob", &other()]);
        let call = machine.aws.calls().into_iter().rfind(|call| call.operation == "GetAuthorizationToken").unwrap();
        assert_eq!(call.access_key_id.as_deref(), Some(OTHER_ACCESS_KEY_ID));
    }
    assert_eq!(machine.minted(), 1, "the same identity either way");
    let stderr = stderr_of_failure(&machine.program(), &["token", &ecr(), "--profile", "carol"], 1);
    assert!(stderr.contains("\"carol\", which --profile names") && stderr.contains("alice, bob"), "{stderr}");
}

#[test]
fn status_shows_every_token_and_no_secret() {
    let machine = Machine::new();
    two_accounts(&machine);
    assert!(data(&machine.program(), &["status"]).contains("no token is cached (store: Secret Service)"));
    let passwords = [
        data(&machine.program(), &["token", &ecr()]),
        data(&machine.program(), &["token", &ecr(), "--profile", "bob"]),
        data(&machine.program(), &["token", "public.ecr.aws"]),
    ];
    let calls = machine.aws.calls().len();
    let text = data(&machine.program(), &["status"]);
    let json = data(&machine.program(), &["status", "--output", "json"]);
    assert_eq!(machine.aws.calls().len(), calls, "status asks AWS nothing");
    assert_eq!(machine.bus.calls("GetSecret") + machine.bus.calls("GetSecrets"), 0, "and reads no secret");
    for password in passwords {
        assert!(!text.contains(password.trim()) && !json.contains(password.trim()), "a secret is shown");
    }
    for words in ["store: Secret Service", &ecr(), ACCOUNT, REGION, "public.ecr.aws", "11 h 59 min, until "] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains('█') && !text.contains('\x1b'), "bars and colours are for terminals: {text}");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let tokens = json["tokens"].as_array().unwrap();
    assert_eq!((json["store"].as_str(), tokens.len()), (Some("Secret Service"), 3), "{json}");
    let current: Vec<bool> = tokens.iter().map(|token| token["current"].as_bool().unwrap()).collect();
    assert_eq!(current, [true, false, true], "alice's, bob's, and hers at ECR Public: {json}");
    assert!(tokens.iter().all(|token| token["remaining_seconds"].as_u64().unwrap() > 11 * 3600), "{json}");
    let (_, screen) = terminal::run(&machine.program(), &["status"]);
    assert!(screen.contains("████████████") && screen.contains("\x1b[32m"), "{screen}");
    let (_, screen) = terminal::run(&machine.program().with("NO_COLOR", "1"), &["status"]);
    assert!(screen.contains("████████████") && !screen.contains('\x1b'), "{screen}");
}

#[test]
fn status_tells_tokens_that_have_ended_and_those_brought() {
    let machine = Machine::new();
    let login = serde_json::json!({"ServerURL": ecr(), "Username": "AWS", "Secret": "brought"}).to_string();
    assert_eq!(machine.program().run(&["store"], login).status, Some(0));
    assert!(data(&machine.program(), &["status"]).contains("docker login"));
    machine.program().run(&["erase"], ecr());
    machine.aws.tokens.set_life(Duration::from_secs(60));
    data(&machine.program(), &["token", &ecr()]);
    assert!(data(&machine.program(), &["status"]).contains(" s, until "), "less than a minute");
}

#[test]
fn a_store_that_cannot_be_read_is_an_error_with_its_cause() {
    let machine = Machine::new();
    machine.bus.set(Knob::NoService);
    for arguments in [&["status"][..], &["clear", "--all"]] {
        let stderr = stderr_of_failure(&machine.program(), arguments, 1);
        assert!(stderr.contains("no usable Secret Service") && stderr.contains("  hint: "), "{stderr}");
    }
    machine.bus.set(Knob::Normal);
    let none = machine.program().with("AWS_ECR_DISABLE_CACHE", "1");
    assert!(data(&none, &["status"]).contains("(store: no cache)"));
}

#[test]
fn clear_forgets_tokens_and_nothing_else() {
    let machine = Machine::new();
    two_accounts(&machine);
    let fill = || {
        data(&machine.program(), &["token", &ecr()]);
        data(&machine.program(), &["token", &ecr(), "--profile", "bob"]);
        data(&machine.program(), &["token", &other()]);
    };
    let login = r#"{"ServerURL":"ghcr.io","Username":"me","Secret":"pw"}"#;
    assert_eq!(machine.program().run(&["store"], login).status, Some(0));
    fill();
    let said = data(&machine.program(), &["clear", &format!("https://{}/v2/", ecr())]);
    assert_eq!(said.matches(&format!("forgot the token of {}", ecr())).count(), 2, "every identity's: {said}");
    assert_eq!(machine.bus.items().len(), 2, "the other registry's token and login stay");
    assert!(data(&machine.program(), &["clear", &ecr()]).contains("there was no cached token"));
    fill();
    assert_eq!(data(&machine.program(), &["clear", "--all", "--quiet"]), "");
    assert_eq!(machine.bus.items().len(), 1, "the login stays");
    assert_eq!(machine.program().run(&["get"], "ghcr.io").status, Some(0));
    let stderr = stderr_of_failure(&machine.program(), &["clear", "ghcr.io"], 1);
    assert!(stderr.contains("no registry of Amazon ECR"), "{stderr}");
}

#[test]
fn completions_and_manual_come_from_the_commands() {
    let machine = Machine::new();
    for (shell, words) in [
        ("bash", "complete -o default -F"),
        ("zsh", "#compdef docker-credential-ecr-rs"),
        ("fish", "complete -c $name"),
        ("powershell", "Register-ArgumentCompleter"),
        ("elvish", "edit:completion"),
    ] {
        let script = data(&machine.program(), &["completions", shell]);
        assert!(script.contains(words) && script.contains(" complete "), "{shell}");
    }
    assert!(data(&machine.program(), &["man"]).contains(".SH NAME"));
    assert!(data(&machine.program(), &["man", "clear"]).contains("Forget the tokens of all registries"));
    assert!(stderr_of_failure(&machine.program(), &["man", "x"], 1).contains("there is no command \"x\""));
}

#[test]
fn setup_is_run_from_here() {
    let machine = Machine::new();
    let program = machine.program().with("PATH", Machine::binary().parent().unwrap());
    let changes = data(&program, &["setup", "docker", "--dry-run"]);
    assert!(changes.ends_with(".docker/config.json (new)\n  credsStore: (none) -> \"ecr-rs\"\n"), "{changes}");
    assert!(!machine.home.path().join(".docker").exists(), "a dry run writes nothing");
    machine.write(".docker/config.json", "{");
    let stderr = stderr_of_failure(&program, &["setup", "docker"], 1);
    assert!(stderr.contains("docker-credential-ecr-rs: error: ") && stderr.contains("  hint: "), "{stderr}");
}

#[test]
fn a_keychain_is_started_for_a_person_at_a_terminal_only() {
    let machine = Machine::new();
    machine.bus.set(Knob::NoService); // a call that lets the bus start it waits for ever
    let (status, screen) = terminal::run(&machine.program(), &["status"]);
    assert!(status == 1 && screen.contains("did not answer in time"), "{screen}");
    let stderr = stderr_of_failure(&machine.program(), &["status"], 1);
    assert!(stderr.contains("no usable Secret Service"), "{stderr}");
}
