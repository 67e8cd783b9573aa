//! `config check` and `config schema`.

use crate::support::machine::Machine;

#[test]
fn each_fault_has_its_file_line_and_cure() {
    let arn = "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/release";
    for (text, status, words, why) in [
        (String::new(), 0, vec![": in order, registry rules: 0"], "an empty file"),
        (
            "[[registry]]\nmatch = \"*\"\nprofile = \"alice\"\n".into(),
            0,
            vec![": in order, registry rules: 1"],
            "a rule",
        ),
        (
            "[cache]\n\nstor = \"file\"\n".into(),
            1,
            vec!["config.toml:3: [cache] has no key \"stor\"", "hint: did you mean \"store\"?"],
            "a key",
        ),
        ("a = \n".into(), 1, vec!["config.toml:1: not TOML", "hint: correct the line"], "the grammar"),
        (
            "[[registry]]\nmatch = \"*\"\nprofile = \"alcie\"\n".into(),
            0,
            vec!["config.toml:1: profile = \"alcie\": there is no such AWS profile", "hint: did you mean \"alice\"?"],
            "a profile that is not there",
        ),
        (
            "[defaults]\nprofile = \"bob\"\n".into(),
            0,
            vec!["[defaults] profile = \"bob\": there is no such AWS profile", "hint: known here: alice"],
            "the same as the default",
        ),
        (
            "\n[[registry]]\nmatch = \"111122223333.dkr.ecr.eu-west-1.amazonws.com\"\nprofile = \"alice\"\n".into(),
            0,
            vec!["config.toml:2: match = ", "is no registry of Amazon ECR", "hint: correct the host"],
            "a host that looks like one of ECR",
        ),
        (
            "[[registry]]\nmatch = \"ghcr.io\"\nprofile = \"alice\"\n".into(),
            0,
            vec!["the rule has no effect", "add account and region"],
            "another registry",
        ),
        (
            format!("[[registry]]\nmatch = \"ghcr.io\"\nsigning-profile = \"{arn}\"\n"),
            0,
            vec![": in order, registry rules: 1"],
            "another registry, for its signatures",
        ),
        (
            "[[registry]]\nmatch = \"*\"\nsigning-profile = \"arn:aws:signer:a:b:c\"\n".into(),
            1,
            vec!["config.toml:1: signing-profile cannot be used"],
            "an ARN of something else",
        ),
        (
            "[other-registries]\nstore = \"nonesuch\"\n".into(),
            0,
            vec!["docker-credential-nonesuch is not on PATH", "hint: install it"],
            "a helper that is not there",
        ),
    ] {
        let machine = Machine::new();
        machine.write(
            ".aws/credentials",
            "[alice]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x\n",
        );
        let file = machine.configure(&text);
        let program = machine.without_keys();
        for arguments in [&["config", "check"][..], &["config", "check", file.to_str().unwrap()]] {
            let ran = program.run(arguments, "").exits(status, why);
            let told = format!("{}{}", ran.stdout, ran.stderr);
            for word in &words {
                assert!(told.contains(word), "{why}: {word}: {told}");
            }
            assert_eq!(ran.stdout.contains("in order"), status == 0, "{why}: {ran:?}");
        }
        assert_eq!(machine.bus.connections() + machine.aws.calls().len(), 0, "{why}: nobody is asked");
    }
    let machine = Machine::new();
    let none = machine.program().run(&["config", "check"], "").exits(0, "none");
    assert_eq!(none.stdout, "there is no config.toml, and none is needed\n");
    let absent = machine.program().run(&["config", "check", "/absent"], "").exits(1, "not there");
    assert!(absent.stderr.contains("/absent: cannot be read"), "{absent:?}");
}

#[test]
fn the_schema_is_printed_as_it_is_in_the_tree() {
    let machine = Machine::new();
    machine.configure("a broken file");
    let printed = machine.program().run(&["config", "schema"], "").exits(0, "it needs no configuration").stdout;
    assert_eq!(printed, include_str!("../../docs/config.schema.json"));
}
