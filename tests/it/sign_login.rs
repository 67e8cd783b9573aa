//! As whom a registry is asked where Notation's options or variables say so, and in plain HTTP.

use crate::support::{
    loopback::ACCOUNT,
    registry::{PLAIN_PASSWORD, PLAIN_USER},
    signing_fixture::SigningFixture,
};

#[test]
fn the_login_is_the_one_that_was_given() {
    let stored = SigningFixture::new();
    let none = SigningFixture::without_login();
    [&stored, &none].iter().for_each(|fixture| drop(fixture.push("app", "v1")));
    let user = ("NOTATION_USERNAME", PLAIN_USER);
    let password = ("NOTATION_PASSWORD", PLAIN_PASSWORD);
    let line = format!("{PLAIN_PASSWORD}\r\n");
    type Case<'a> = (&'a SigningFixture, &'a [(&'a str, &'a str)], &'a [&'a str], &'a str, Option<&'a str>, &'a str);
    let cases: [Case<'_>; 11] = [
        (&none, &[], &[], "", Some("answered 401"), "no login anywhere"),
        (&none, &[user, password], &[], "", None, "Notation's variables"),
        (&none, &[user], &[], "", Some("answered 401"), "a user alone: the stored login, of which there is none"),
        (&stored, &[user], &[], "", None, "a user alone: the stored login"),
        (&none, &[password], &["-u", PLAIN_USER], "", None, "the user as an option"),
        (&none, &[], &["-u", PLAIN_USER, "--password-stdin"], &line, None, "the password on stdin, as a line"),
        (&none, &[user], &["--password-stdin"], PLAIN_PASSWORD, None, "the password alone on stdin"),
        (&none, &[], &["--password-stdin"], PLAIN_PASSWORD, Some("has no user"), "a password of nobody"),
        (&none, &[], &["-u", PLAIN_USER], "", Some("has no password"), "a user without a password"),
        (&none, &[], &["-u", PLAIN_USER, "--password-stdin"], "\n", Some("is empty"), "an empty line"),
        (
            &stored,
            &[],
            &["-u", PLAIN_USER, "--password-stdin"],
            "other",
            Some("answered 401"),
            "it wins over the stored one",
        ),
    ];
    for (fixture, variables, options, stdin, refused, why) in cases {
        let image = format!("{}/app:v1", fixture.host());
        let program = variables.iter().fold(fixture.program(), |program, (name, value)| program.with(name, *value));
        let ran = program.run(&[&["signatures", "list", &image], options].concat(), stdin);
        let ran = ran.exits(i32::from(refused.is_some()), why);
        assert!(ran.stderr.contains(refused.unwrap_or_default()), "{why}: {}", ran.stderr);
        assert!(!ran.stderr.contains(PLAIN_PASSWORD), "{why}: {}", ran.stderr);
    }
    let (root, image) = (none.root(), format!("{}/app:v1", none.host()));
    let sign = [
        "sign",
        &image,
        "--signing-profile",
        &none.profile,
        "--signer-root",
        &root,
        "-u",
        PLAIN_USER,
        "--password-stdin",
    ];
    none.program().run(&sign, PLAIN_PASSWORD).exits(0, "sign takes it, too");
    let verify = [&["verify"], &sign[1..]].concat();
    none.program().run(&verify, PLAIN_PASSWORD).exits(0, "and verify");
    none.program().run(&verify, "other").exits(1, "verify, with another password");
    let two = [&sign[..], &["registry.example/app:v1"]].concat();
    let ran = none.program().run(&two, PLAIN_PASSWORD).exits(1, "a password is for one registry");
    assert!(ran.stderr.contains("one login was given for 2 registries"), "{}", ran.stderr);
}

#[test]
fn plain_http_is_spoken_where_it_is_asked_for() {
    let fixture = SigningFixture::new();
    fixture.push("app", "v1");
    let tunnels = fixture.aws.tunnels();
    let ecr = format!("{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/app:v1");
    for (option, image, refused, why) in [
        ("--plain-http", "registry.example/app:v1", None, "another machine"),
        ("--insecure-registry", "registry.example/app:v1", None, "Notation's word for it"),
        ("--plain-http", ecr.as_str(), Some("speaks no plain HTTP"), "an ECR password is never sent so"),
    ] {
        let program = fixture.program().with("HTTP_PROXY", fixture.aws.endpoint());
        let list = ["signatures", "list", image, option, "-u", PLAIN_USER, "--password-stdin"];
        let ran = program.run(&list, PLAIN_PASSWORD).exits(i32::from(refused.is_some()), why);
        assert!(ran.stderr.contains(refused.unwrap_or_default()), "{why}: {}", ran.stderr);
    }
    let calls = fixture.aws.calls();
    assert!(calls.iter().any(|call| call.host == "registry.example" && call.proxied), "{calls:?}");
    assert!(calls.iter().all(|call| !call.host.contains(".ecr.")), "{calls:?}");
    assert_eq!(fixture.aws.tunnels(), tunnels, "no TLS");
}
