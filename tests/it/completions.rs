//! What a shell offers: the scripts, run by bash, and what they ask.

use std::process::Command;

use crate::support::{
    loopback::{ACCESS_KEY_ID, ACCOUNT, REGION, SECRET_ACCESS_KEY},
    machine::Machine,
};

const ARN: &str = "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/release";

fn machine() -> Machine {
    let machine = Machine::new();
    machine.write(
        ".aws/credentials",
        &format!("[alice]\naws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n"),
    );
    machine.write(
        ".docker/config.json",
        r#"{"credHelpers": {"222233334444.dkr.ecr.eu-west-1.amazonaws.com": "ecr-rs", "gcr.io": "gcloud"}}"#,
    );
    machine.configure(&format!(
        "[[registry]]\nmatch = \"333344445555.dkr.ecr.us-east-1.amazonaws.com\"\nsigning-profile = \"{ARN}\"\n"
    ));
    machine
}

fn cached() -> String {
    format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com")
}

#[test]
fn what_this_machine_knows_is_offered_without_a_call() {
    let machine = machine();
    machine.program().run(&["token", &cached()], "").exits(0, "a token is cached");
    let calls = machine.aws.calls().len();
    let hosts = [
        "222233334444.dkr.ecr.eu-west-1.amazonaws.com".to_owned(),
        "333344445555.dkr.ecr.us-east-1.amazonaws.com".to_owned(),
        cached(),
    ];
    for (words, expected, why) in [
        (&["doctor", ""][..], hosts.to_vec(), "registries of docker's file, rules and the cache"),
        (&["token", "2222"], hosts[..1].to_vec(), "what begins so"),
        (&["verify", "3333"], vec![format!("{}/", hosts[1])], "an image begins with its registry"),
        (&["token", "--profile", ""], vec!["alice".into()], "AWS profiles"),
        (&["sign", "--signing-profile", "arn:"], vec![ARN.into()], "signing profiles"),
    ] {
        let mut offered: Vec<String> = complete(&machine, words);
        offered.sort();
        let mut expected = expected;
        expected.sort();
        assert_eq!(offered, expected, "{why}");
    }
    assert_eq!(machine.aws.calls().len(), calls, "AWS is not asked");
    assert_eq!(machine.bus.calls("GetSecret") + machine.bus.calls("GetSecrets"), 0, "no secret is read");
    machine.configure("broken");
    assert!(complete(&machine, &["doc"]).contains(&"doctor".to_owned()), "a broken file is no reason to be silent");
    let next = machine.program().run(&["complete", "--next", "--", "completions"], "").exits(0, "a new word").stdout;
    assert!(next.contains("bash\n"), "{next}");
}

fn complete(machine: &Machine, words: &[&str]) -> Vec<String> {
    let outcome = machine.program().run(&[&["complete", "--"], words].concat(), "").exits(0, "candidates");
    assert_eq!(outcome.stderr, "", "{words:?}");
    outcome.stdout.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
}

#[test]
fn bash_completes_both_names() {
    let machine = machine();
    let script = machine.program().run(&["completions", "bash"], "").exits(0, "the script").stdout;
    let file = machine.write("completions.bash", &script);
    let bin = machine.home.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    for name in ["docker-credential-ecr-rs", "ecr-rs"] {
        std::os::unix::fs::symlink(Machine::binary(), bin.join(name)).unwrap();
        for (line, expected, why) in [
            (format!("{name} doct"), "doctor", "a command"),
            (format!("{name} token 2222"), "222233334444.dkr.ecr.eu-west-1.amazonaws.com", "a registry"),
            (format!("{name} token --profile "), "alice", "a profile"),
            (format!("{name} status --output=j"), "json", "bash parts a word at ="),
            (format!("{name} sign --signing-profile arn:aws:sig"), &ARN["arn:aws:".len()..], "and at :"),
        ] {
            let run = format!(
                "source {}; COMP_LINE='{line}'; COMP_POINT={}; _docker_credential_ecr_rs {name}; \
                 printf '%s\\n' \"${{COMPREPLY[@]}}\"; complete -p {name} >&2",
                file.display(),
                line.len()
            );
            let path = std::env::join_paths([bin.as_path(), "/usr/bin".as_ref(), "/bin".as_ref()]).unwrap();
            let mut command = Command::new("bash");
            command.args(["--norc", "--noprofile", "-c", &run]).env_clear();
            let output = command.envs(machine.program().variables()).env("PATH", path).output().expect("bash");
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), expected, "{why}: {line}: {stderr}");
            assert!(output.status.success(), "{name} is registered: {stderr}");
        }
    }
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = machine.program().run(&["completions", shell], "").exits(0, shell).stdout;
        let rest = script.replace("docker-credential-ecr-rs", "");
        assert!(rest.len() < script.len() && rest.contains("ecr-rs"), "{shell}: both names");
    }
}
