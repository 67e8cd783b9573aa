//! What people read, on a terminal of 80 columns: help of every command, the overview, and the one shape of JSON.

use serde_json::Value;

use crate::support::{machine::Machine, program::Program, terminal};

/// The commands, each as it is typed.
const COMMANDS: &[&str] = &[
    "setup",
    "doctor",
    "config",
    "config check",
    "config schema",
    "token",
    "status",
    "clear",
    "sign",
    "verify",
    "signatures",
    "signatures list",
    "signatures inspect",
    "signatures delete",
    "trust",
    "trust init",
    "trust show",
    "trust check",
    "profile",
    "profile create",
    "profile list",
    "profile show",
    "profile cancel",
    "profile revoke",
    "managed-signing",
    "managed-signing show",
    "managed-signing set",
    "managed-signing delete",
    "managed-signing status",
    "completions",
    "man",
    "version",
];

const WIDTH: usize = 80;

fn narrow(machine: &Machine) -> Program {
    machine.program().with("COLUMNS", "80")
}

/// Words of the text, each of which must be whole somewhere in the wide one.
#[track_caller]
fn check_width(what: &str, text: &str, wide: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= WIDTH, "{what}: longer than {WIDTH} columns: {line:?}");
        for word in line.split_whitespace() {
            assert!(wide.split_whitespace().any(|whole| whole == word), "{what}: {word:?} is broken");
        }
    }
}

#[test]
fn f3_11_every_help_fits_80_columns_and_ends_with_examples() {
    let machine = Machine::new();
    let overview = narrow(&machine).run(&["--help"], "").exits(0, "overview").stdout;
    check_width("overview", &overview, &overview);
    for command in COMMANDS {
        assert!(overview.contains(&format!("\n  {} ", command.split(' ').next().unwrap())), "{command}: {overview}");
        for flag in ["--help", "-h"] {
            let arguments: Vec<&str> = command.split(' ').chain([flag]).collect();
            let help = |columns: &str| {
                let outcome = machine.program().with("COLUMNS", columns).run(&arguments, "").exits(0, command);
                assert_eq!(outcome.stderr, "", "{command} {flag}");
                outcome.stdout
            };
            let text = help("80");
            check_width(&format!("{command} {flag}"), &text, &help("100"));
            let (_, examples) = text.split_once("\nExamples:\n").unwrap_or_else(|| panic!("{command}: {text}"));
            assert!(examples.contains(&format!("docker-credential-ecr-rs {command}")), "{command}: {examples}");
        }
    }
    let (_, commands) = overview.split_once("Set up and check:").unwrap();
    for line in commands.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
        let name = line.split_whitespace().next().unwrap();
        assert!(name == "help" || COMMANDS.contains(&name), "{name} is in the table above");
    }
}

#[test]
fn f3_9_a_person_at_a_terminal_is_told_what_there_is() {
    let machine = Machine::new();
    let (status, screen) = terminal::run(&machine.program(), &[]);
    assert!(status == 0 && screen.contains("Set up and check:"), "no arguments: {screen}");
    assert!(screen.contains("\x1b[1m"), "headings stand out: {screen}");
    let (_, plain) = terminal::run(&machine.program().with("NO_COLOR", "1"), &[]);
    assert!(!plain.contains('\x1b'), "not wanted: {plain}");
    for (verb, words) in
        [("get", "the name of a server"), ("erase", "the name of a server"), ("store", "a login as JSON")]
    {
        let (_, screen) = terminal::run_typing(&machine.program(), &[verb], "\u{4}");
        assert!(screen.contains(&format!("note: waiting for {words} on standard input")), "{verb}: {screen}");
    }
    for (arguments, words, why) in [
        (&["statu"][..], "'status'", "a command"),
        (&["signatures", "lst"], "'list'", "a command below another"),
        (&["trust", "chek"], "'check'", "the same"),
        (&["sign", "--signing-profil", "x", "i"], "'--signing-profile'", "an option"),
        (&["sign", "i", "--engine", "notaton"], "'notation'", "a value"),
        (&["lits"], "'list'", "a verb of the protocol"),
    ] {
        let ran = machine.program().run(arguments, "").exits(2, why);
        assert!(ran.stderr.contains("similar") && ran.stderr.contains(words), "{why}: {ran:?}");
    }
}

/// What a terminal of 80 columns shows of a text: nothing that it would break in the middle of a word, but a word
/// that is longer than the room for it.
#[track_caller]
fn check_screen(what: &str, screen: &str) {
    let mut plain = String::new();
    let mut rest = screen;
    // Colours: ESC [ digits m.
    while let Some((before, after)) = rest.split_once("\x1b[") {
        plain += before;
        rest = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').strip_prefix('m').unwrap_or(after);
    }
    plain += rest;
    assert!(plain.lines().count() > 1, "{what}: {plain}");
    for line in plain.lines().map(str::trim_end).filter(|line| line.chars().count() > WIDTH) {
        let last = line.rsplit(' ').next().unwrap_or_default();
        assert!(last.chars().count() > ROOM, "{what}: longer than {WIDTH} columns: {line:?}");
    }
}

/// The room for a text behind its labels: a longer word has no place where it would fit.
const ROOM: usize = WIDTH - 22;

#[test]
fn f3_12_a_terminal_of_80_columns_breaks_no_word() {
    let machine = Machine::new();
    machine.write(".docker/config.json", "{\"auths\":{\"ghcr.io\":{\"auth\":\"Y2k6c2VjcmV0\"}}}");
    let program = machine.program().with("PATH", "/nonexistent");
    let host = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";
    program.run(&["token", host], "").exits(0, "a token is cached");
    for arguments in [
        &["doctor"][..],
        &["doctor", host],
        &["doctor", host, "--offline"],
        &["doctor", "ghcr.io"],
        &["doctor", "111122223333.dkr.ecr.eu-west-1.amazonws.com"],
        &["status"],
        &["--help"],
        &["statu"],
    ] {
        check_screen(&arguments.join(" "), &terminal::run(&program, arguments).1);
    }
    for command in COMMANDS {
        let arguments: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        check_screen(command, &terminal::run(&program, &arguments).1);
    }
    let (_, screen) = terminal::run(&program, &["doctor", host]);
    assert!(screen.trim_end().lines().last().is_some_and(|line| line.starts_with("run: ")), "{screen}");
}

#[test]
fn errors_of_arguments_look_like_all_others() {
    let machine = Machine::new();
    for arguments in [&["statu"][..], &["token"], &["status", "--output", "xml"], &["status", "--outptu", "json"]] {
        let ran = machine.program().run(arguments, "").exits(2, "it cannot be read");
        assert!(ran.stderr.starts_with("docker-credential-ecr-rs: error: "), "{arguments:?}: {ran:?}");
        assert!(!ran.stderr.contains("tip:"), "{arguments:?}: {ran:?}");
        let (_, screen) = terminal::run(&machine.program(), arguments);
        assert!(screen.starts_with("docker-credential-ecr-rs: \x1b["), "{arguments:?}: {screen:?}");
        assert!(!screen.contains("tip:"), "{arguments:?}: {screen:?}");
    }
    let ran = machine.program().run(&["statu"], "");
    assert!(ran.stderr.contains("\n  hint: some similar subcommands exist: "), "{ran:?}");
    let below = machine.program().run(&["signatures"], "").exits(2, "a command without the one below it");
    assert!(!below.stderr.contains("error:"), "help is no error: {below:?}");
}

#[test]
fn version_says_more_when_asked() {
    let machine = Machine::new();
    let short = machine.program().run(&["version"], "").exits(0, "the verb").stdout;
    let long = machine.program().run(&["version", "--verbose"], "").exits(0, "more").stdout;
    assert!(long.starts_with(&short), "{long}");
    for words in ["\ncommit: ", "\ntarget: ", "\ntokens: Secret Service\n", "\nlogins: Secret Service\n"] {
        assert!(long.contains(words), "{words}: {long}");
    }
    machine.configure("[cache]\nstore = \"nonsense\"\n");
    let broken = machine.program().run(&["version", "--verbose"], "").exits(1, "a configuration out of order");
    assert!(broken.stdout.contains("\ntarget: ") && broken.stderr.contains("nonsense"), "{broken:?}");
}

#[test]
fn an_arn_is_no_aws_profile() {
    let machine = Machine::new();
    let arn = "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/release";
    let ran = machine.program().run(&["sign", "localhost:1/app:v1", "--profile", arn], "").exits(1, "mixed up");
    assert!(ran.stderr.contains("--profile takes the name of an AWS profile"), "{ran:?}");
    assert!(ran.stderr.contains("  hint: a signing profile of AWS Signer goes to --signing-profile"), "{ran:?}");
}

#[test]
fn f3_12_json_has_one_shape() {
    let machine = Machine::new();
    let host = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";
    machine.program().run(&["token", host], "").exits(0, "a token is cached");
    for arguments in [&["status"][..], &["doctor", "--output", "json"], &["trust", "check"]] {
        let arguments = [arguments, if arguments.len() > 2 { &[] } else { &["--output", "json"] }].concat();
        let ran = machine.program().run(&arguments, "");
        if ran.stdout.is_empty() {
            continue; // nothing to tell of here
        }
        let told = ran.json();
        assert_eq!(told["version"], 1, "{arguments:?}: {told}");
        assert_eq!(told.as_object().unwrap().keys().next().map(String::as_str), Some("version"), "it comes first");
        check_names(&told);
    }
}

/// Members are named in snake_case.
#[track_caller]
fn check_names(value: &Value) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "{name}");
            check_names(value);
        }),
        Value::Array(values) => values.iter().for_each(check_names),
        _ => {}
    }
}

#[test]
fn f3_12_status_names_profiles_and_fits() {
    let machine = Machine::new();
    let program = machine.program();
    machine.write(
        ".aws/credentials",
        "[alice]\naws_access_key_id = ACCESS\naws_secret_access_key = SECRET\n"
            .replace("ACCESS", crate::support::loopback::ACCESS_KEY_ID)
            .replace("SECRET", crate::support::loopback::SECRET_ACCESS_KEY)
            .as_str(),
    );
    let host = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";
    program.run(&["token", host, "--profile", "alice"], "").exits(0, "of a profile");
    program.run(&["token", host], "").exits(0, "of the environment");
    let (_, screen) = terminal::run(&program.clone().with("NO_COLOR", "1"), &["status"]);
    assert!(screen.contains("profile alice"), "{screen}");
    for line in screen.lines() {
        assert!(line.trim_end().chars().count() <= WIDTH, "{line:?}");
    }
}

#[test]
fn f3_12_each_decision_is_told_to_who_asks() {
    let machine = Machine::new();
    machine.configure("");
    let program = machine.program().with("ECR_RS_LOG", "1");
    let host = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";
    for (words, why) in [
        (
            &[
                "config.toml",
                "identity from AWS_ACCESS_KEY_ID",
                "Secret Service has not",
                "AWS (http://127.0.0.1:",
                ") gave a token after ",
            ][..],
            "a miss",
        ),
        (&["config.toml", "identity from AWS_ACCESS_KEY_ID", "Secret Service has its token"], "a hit"),
    ] {
        let ran = program.run(&["get"], host).exits(0, why);
        for word in words {
            assert!(ran.stderr.contains(word), "{why}: {word}: {ran:?}");
        }
        assert!(ran.stderr.lines().all(|line| line.starts_with("docker-credential-ecr-rs: note: ")), "{why}: {ran:?}");
    }
}

/// A page for each command; the first names the variables that docs/configuration.md names.
#[test]
fn f3_11_man_writes_a_page_for_every_command() {
    let machine = Machine::new();
    let folder = machine.home.path().join("man/man1");
    let written = machine.program().run(&["man", folder.to_str().unwrap()], "").exits(0, "written").stdout;
    for command in COMMANDS {
        let page = folder.join(format!("docker-credential-ecr-rs-{}.1", command.replace(' ', "-")));
        let text = std::fs::read_to_string(&page).unwrap_or_else(|err| panic!("{}: {err}", page.display()));
        for section in [".SH SYNOPSIS", ".SH EXAMPLES", ".SH \"EXIT STATUS\""] {
            assert!(text.contains(section), "{command}: {section}");
        }
        assert!(written.contains(page.to_str().unwrap()), "{command}: {written}");
    }
    assert_eq!(written.lines().count(), COMMANDS.len() + 1, "and the first page: {written}");
    let first = machine.program().run(&["man"], "").exits(0, "the first page").stdout;
    for section in ["PROTOCOL", "CONFIGURATION", "ENVIRONMENT", "FILES"] {
        assert!(first.contains(&format!(".SH {section}\n")), "{section}");
    }
    let documented = include_str!("../../docs/configuration.md").split_once("| variable |").unwrap().1;
    for row in documented.lines().take_while(|line| line.starts_with('|')).skip(1) {
        for name in row.split('|').nth(1).unwrap_or_default().split('`').filter(|name| name.contains('_')) {
            let is_ours = name != "AWS_DEFAULT_PROFILE" && name != "ECR_RS_DELEGATE"; // said by the next, internal
            assert!(!is_ours || first.contains(name), "{name} is in the manual");
        }
    }
}
