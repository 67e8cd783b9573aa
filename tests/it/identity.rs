//! Which AWS identity serves a registry, and when two of them are one.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

use ecr_rs::{
    aws::{Aws, Settings},
    config::Config,
    environment::Environment,
    identity::{Finder, Identity, IdentityError, Source, Target},
    registry::{Registry, Server},
    token::TokenSource,
};

use crate::support::{aws::faults::Fault, loopback::Loopback};

const ECR: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";

const AWS_CONFIG: &str = "
[default]
sso_session = corp
sso_account_id = 999988887777
sso_role_name = dev
region = eu-north-1
[sso-session corp]
sso_start_url = https://corp.example/start
sso_region = eu-west-1
[profile prod]
sso_session = corp
sso_account_id = 111122223333
sso_role_name = admin
[profile role]
role_arn = arn:aws:iam::444455556666:role/puller
source_profile = default
[profile twin-a]
role_arn = arn:aws:iam::777788889999:role/a
source_profile = default
[profile twin-b]
role_arn = arn:aws:iam::777788889999:role/b
source_profile = default
[profile bare]
region = us-east-1
";

fn registry(host: &str) -> Registry {
    match Server::parse(host, |_| None) {
        Some(Server::Ecr(registry)) => registry,
        other => panic!("{host} is {other:?}"),
    }
}

fn find_on(host: &str, config: &str, variables: &[(&str, &str)], ec2: bool) -> Result<Identity, IdentityError> {
    let instance: fn() -> Option<bool> = if ec2 { || Some(true) } else { || Some(false) };
    find_among(AWS_CONFIG, host, config, variables, instance)
}

fn find_among(
    aws_config: &str,
    host: &str,
    config: &str,
    variables: &[(&str, &str)],
    instance: fn() -> Option<bool>,
) -> Result<Identity, IdentityError> {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".aws")).unwrap();
    fs::write(home.path().join(".aws/config"), aws_config).unwrap();
    let variables: Vec<(String, String)> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let environment = Environment {
        variable: Box::new(move |name| {
            variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone().into())
        }),
        home: Some(home.path().into()),
        config_folder: None,
        cache_folder: None,
        system_folder: home.path().join("etc"),
        runtime_folder: "/run".into(),
        temporary_folder: home.path().into(),
        interactive: false,
    };
    let config = Config::parse(config, PathBuf::from("config.toml")).unwrap();
    let finder = Finder { environment: &environment, config: &config, chosen: None, instance };
    finder.find(&Target::from(&registry(host)))
}

fn find(config: &str, variables: &[(&str, &str)]) -> Result<Identity, IdentityError> {
    find_on(ECR, config, variables, false)
}

/// One word for a source.
fn name(source: &Source) -> &str {
    match source {
        Source::Environment { .. } => "environment",
        Source::Profile(profile) => &profile.name,
        Source::WebIdentity { .. } => "web identity",
        Source::Container { .. } => "container",
        Source::InstanceMetadata => "instance",
        Source::None => "none",
    }
}

const RULE: &str = "[[registry]]\nmatch = \"111122223333.*\"\nprofile = \"prod\"\n";
const AUTO: &str = "[defaults]\nprofile = \"auto\"\n";
const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "AKIA1"), ("AWS_SECRET_ACCESS_KEY", "canary")];
const NO_FILES: [(&str, &str); 2] =
    [("AWS_CONFIG_FILE", "/dev/null/none"), ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null/none")];

#[test]
fn the_first_rule_that_applies_wins() {
    let with_keys = |more: &[(&'static str, &'static str)]| [&KEYS, more].concat();
    let bare = |more: &[(&'static str, &'static str)]| [&NO_FILES, more].concat();
    let web: [(&str, &str); 2] = [("AWS_WEB_IDENTITY_TOKEN_FILE", "/t"), ("AWS_ROLE_ARN", "arn:aws:iam::1:role/x")];
    let ecs = [("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/creds")];
    for (config, variables, source, why, reason) in [
        ("", vec![], "default", "the default profile", "nothing said"),
        ("", with_keys(&[]), "environment", "AWS_ACCESS_KEY_ID", "keys in the environment"),
        (
            "",
            with_keys(&[("AWS_PROFILE", "prod")]),
            "environment",
            "AWS_ACCESS_KEY_ID",
            "keys beat AWS_PROFILE, as in the SDKs",
        ),
        (
            "",
            vec![("AWS_SECRET_ACCESS_KEY", "canary")],
            "default",
            "the default profile",
            "a secret without its id names nobody",
        ),
        ("", vec![("AWS_PROFILE", "role")], "role", "AWS_PROFILE", "a named profile"),
        (
            RULE,
            with_keys(&[]),
            "prod",
            "the rule for \"111122223333.*\" in config.toml, line 1",
            "a rule beats the environment",
        ),
        (AUTO, vec![], "prod", "profile = \"auto\" and account 111122223333", "the one profile of the account"),
        (AUTO, vec![("AWS_PROFILE", "role")], "role", "AWS_PROFILE", "what the shell names beats auto"),
        ("", bare(&web), "web identity", "AWS_WEB_IDENTITY_TOKEN_FILE", "IRSA"),
        ("", bare(&ecs), "container", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "ECS"),
        (
            "",
            vec![("AWS_PROFILE", "bare"), ecs[0]],
            "container",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "a profile without credentials is passed over",
        ),
        ("", bare(&[]), "none", "this machine has no AWS credentials", "a laptop without any"),
        (
            "",
            bare(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://x")]),
            "instance",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT",
            "a metadata service that is named",
        ),
    ] {
        let identity = find(config, &variables).unwrap_or_else(|err| panic!("{reason}: {err}"));
        assert_eq!((name(&identity.source), identity.why.as_str()), (source, why), "{reason}");
    }
}

/// A profile of IAM Identity Center.
fn sso(name: &str, account: &str) -> String {
    format!(
        "[profile {name}]\nsso_start_url = https://corp.example/start\nsso_region = eu-west-1\n\
         sso_account_id = {account}\nsso_role_name = dev\n"
    )
}

#[test]
fn f3_5_without_a_default_the_registrys_own_profile_is_taken() {
    let ours = sso("ours", "111122223333");
    let one = format!("{ours}{}[default]\nregion = eu-west-1\n", sso("theirs", "999988887777"));
    let two = format!("{one}{}", sso("ours-too", "111122223333"));
    let with_default = format!("{ours}{}", sso("theirs", "999988887777").replace("profile theirs", "default"));
    let of_role = "[profile base]\ncredential_process = /bin/tool\n\
        [profile puller]\nrole_arn = arn:aws:iam::111122223333:role/puller\nsource_profile = base\n";
    let broken = format!("{ours}[profile half]\nsso_account_id = 111122223333\n");
    let no: fn() -> Option<bool> = || Some(false);
    let yes: fn() -> Option<bool> = || Some(true);
    let unknown: fn() -> Option<bool> = || None;
    const OURS: &str = "being the one profile of account 111122223333";
    for (aws_config, variables, instance, source, why, reason) in [
        (one.as_str(), vec![], no, "ours", OURS, "one SSO profile of the account and no default"),
        (of_role, vec![], no, "puller", OURS, "the account of a role"),
        (&broken, vec![], no, "ours", OURS, "a profile out of order is nobody's"),
        (&one, vec![], unknown, "ours", OURS, "a machine that does not say what it is, such as WSL"),
        (&with_default, vec![], no, "default", "the default profile", "the SDK's way has credentials"),
        (&one, KEYS.to_vec(), no, "environment", "AWS_ACCESS_KEY_ID", "keys before profiles"),
        (&one, vec![], yes, "instance", "the EC2 instance's role", "the instance has credentials"),
        (&two, vec![], yes, "instance", "the EC2 instance's role", "two that nobody asked for stand in no way"),
        (
            &one,
            vec![("AWS_PROFILE", "default")],
            no,
            "none",
            "the AWS profile \"default\", which AWS_PROFILE names, has no credentials",
            "who names a profile means that one",
        ),
    ] {
        let identity =
            find_among(aws_config, ECR, "", &variables, instance).unwrap_or_else(|err| panic!("{reason}: {err}"));
        assert_eq!((name(&identity.source), identity.why.as_str()), (source, why), "{reason}");
        assert_eq!(identity.advice.is_empty(), source != "none", "{reason}");
    }
    let by_name = find_among(&one, ECR, "", &[("AWS_PROFILE", "ours")], no).unwrap();
    let by_itself = find_among(&one, ECR, "", &[], no).unwrap();
    assert_eq!(by_name.fingerprint(), by_itself.fingerprint(), "the same principal, however it is chosen");
    let err = find_among(&two, ECR, "", &[], no).unwrap_err();
    assert_eq!(err.to_string(), "there is more than one AWS profile of account 111122223333: ours, ours-too");
    assert!(err.hint().contains("AWS_PROFILE"), "{}", err.hint());
}

#[test]
fn f3_5_where_no_profile_fits_the_sentence_is_true() {
    let theirs = sso("theirs", "999988887777");
    for config in ["", AUTO] {
        let identity = find_among(&theirs, ECR, config, &[], || Some(false)).unwrap();
        assert_eq!(name(&identity.source), "none");
        assert_eq!(
            identity.why, "no AWS profile is chosen, and none here is known to be of account 111122223333",
            "a machine with profiles has AWS credentials"
        );
        assert!(identity.advice.ends_with("to one of: theirs"), "{}", identity.advice);
    }
    let many: String = (10..30).map(|number| sso(&format!("p{number}"), "999988887777")).collect();
    let identity = find_among(&many, ECR, "", &[], || Some(false)).unwrap();
    assert!(identity.advice.ends_with("p16, p17 and 12 more"), "{}", identity.advice);
    let public = find_among(&theirs, "public.ecr.aws", "", &[], || Some(false)).unwrap();
    assert_eq!(
        (name(&public.source), public.why.as_str()),
        ("none", "no AWS profile is chosen, and there is no default one")
    );
}

#[test]
fn the_instance_is_asked_only_on_ec2_and_unless_forbidden() {
    let find = |variables: &[(&str, &str)]| find_on(ECR, "", &[&NO_FILES, variables].concat(), true).unwrap();
    assert_eq!(name(&find(&[]).source), "instance");
    assert_eq!(name(&find(&[("AWS_EC2_METADATA_DISABLED", "TRUE")]).source), "none");
}

#[test]
fn what_cannot_be_chosen_is_said_with_a_way_out() {
    for (host, config, variables, message, hint) in [
        (
            ECR,
            "",
            vec![("AWS_PROFILE", "prdo")],
            "there is no AWS profile \"prdo\", which AWS_PROFILE names",
            "bare, default, prod",
        ),
        (
            ECR,
            "[[registry]]\nmatch = \"1*\"\nprofile = \"x\"",
            vec![],
            "there is no AWS profile \"x\", which the rule for \"1*\"",
            "bare, default, prod",
        ),
        (
            ECR,
            "[[registry]]\nmatch = \"1*\"\nprofile = \"bare\"",
            vec![],
            "\"bare\", which the rule for \"1*\"",
            "aws configure",
        ),
        (
            "777788889999.dkr.ecr.eu-west-1.amazonaws.com",
            AUTO,
            vec![],
            "more than one AWS profile of account 777788889999: twin-a, twin-b",
            "[[registry]]",
        ),
        (
            ECR,
            "",
            vec![("AWS_ACCESS_KEY_ID", "AKIA1")],
            "AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not",
            "unset AWS_ACCESS_KEY_ID to go by a profile",
        ),
        (ECR, "", vec![("AWS_CONFIG_FILE", "/")], "cannot read /", "a regular file, readable for this user"),
    ] {
        let err = find_on(host, config, &variables, false).expect_err(message);
        assert!(err.to_string().contains(message), "{err}");
        assert!(err.hint().contains(hint), "{err}: {}", err.hint());
    }
}

#[test]
fn a_region_is_the_stated_one_or_the_profiles_or_the_registrys() {
    for (variables, region, why) in [
        (vec![], "eu-north-1", "the profile's"),
        (vec![("AWS_DEFAULT_REGION", "us-east-2")], "us-east-2", "the environment's"),
        (vec![("AWS_REGION", "us-west-1"), ("AWS_DEFAULT_REGION", "us-east-2")], "us-west-1", "the SDKs' order"),
        (KEYS.to_vec(), "eu-west-1", "the registry's"),
    ] {
        assert_eq!(find("", &variables).unwrap().region, region, "{why}");
    }
}

#[test]
fn fingerprints_tell_identities_apart_and_nothing_else() {
    let with = |more: &[(&'static str, &'static str)]| find("", &[&KEYS, more].concat()).unwrap().fingerprint();
    let keys = with(&[]);
    let profile = |name: &str| find("", &[("AWS_PROFILE", name)]).unwrap().fingerprint();
    let rule = |role: &str| {
        find(&format!("[[registry]]\nmatch = \"1*\"\nprofile = \"prod\"\n{role}"), &[]).unwrap().fingerprint()
    };
    let all = [
        keys.clone(),
        profile("default"),
        profile("prod"),
        profile("role"),
        profile("twin-a"),
        profile("twin-b"),
        rule("role-arn = \"arn:aws:iam::111122223333:role/a\""),
        rule("role-arn = \"arn:aws:iam::111122223333:role/b\""),
        rule("role-arn = \"arn:aws:iam::111122223333:role/b\"\nexternal-id = \"x\""),
    ];
    for (i, fingerprint) in all.iter().enumerate() {
        assert!(fingerprint.len() == 32 && fingerprint.bytes().all(|b| b.is_ascii_hexdigit()), "{fingerprint}");
        assert!(!all[..i].contains(fingerprint), "two identities never share one: {i}");
    }
    assert_eq!(
        keys,
        with(&[("AWS_SESSION_TOKEN", "rotated"), ("AWS_REGION", "us-east-1")]),
        "a session or region is no identity"
    );
    assert_eq!(profile("prod"), rule(""), "one profile is one identity, whoever names it");
}

#[test]
fn f6_6_a_machine_that_is_no_instance_is_not_taken_for_one() {
    let identity = find_on(ECR, "", &NO_FILES, false).unwrap();
    assert_eq!(name(&identity.source), "none", "nothing is asked, so nothing is waited for");
}

#[test]
fn f6_8_where_nobody_can_tell_the_metadata_service_is_asked_once() {
    let aws = Loopback::start();
    aws.faults.always("ImdsToken", Fault::Internal);
    let home = tempfile::tempdir().unwrap();
    let environment = || Environment {
        variable: Box::new(|name| (name == "AWS_REGION").then(|| "eu-west-1".into())),
        home: Some(home.path().into()),
        config_folder: None,
        cache_folder: None,
        system_folder: home.path().join("etc"),
        runtime_folder: "/run".into(),
        temporary_folder: home.path().into(),
        interactive: false,
    };
    let (config, here) = (Config::parse("", PathBuf::from("config.toml")).unwrap(), environment());
    for (instance, expected, asked) in [
        ((|| None) as fn() -> Option<bool>, "this machine has no AWS credentials", 1),
        (|| Some(true), "the instance metadata service gave no credentials", 2),
    ] {
        let finder = Finder { environment: &here, config: &config, chosen: None, instance };
        let mut identity = finder.find(&Target::from(&registry(ECR))).unwrap();
        assert_eq!(name(&identity.source), "instance");
        assert_eq!(identity.metadata.endpoint, "http://169.254.169.254", "EC2's own place");
        identity.metadata.endpoint = aws.endpoint();
        let before = (aws.count("ImdsToken"), Instant::now());
        let source = Aws::new(Settings::read(&environment(), SystemTime::now()));
        let err = source.mint(&registry(ECR), &identity).unwrap_err();
        assert_eq!(err.report.what(), expected);
        assert_eq!(aws.count("ImdsToken") - before.0, asked, "{expected}");
        assert!(before.1.elapsed() < Duration::from_secs(5), "{expected}: {:?}", before.1.elapsed());
        let hint = err.report.advice().unwrap();
        assert_eq!(hint.contains("attach a role to the instance"), instance().is_some(), "{hint}");
    }
}
