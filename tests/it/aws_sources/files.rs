//! The AWS files as people write them, and whose credentials come of it: those that the AWS CLI would
//! take, or an error with file and line. `tests/clients/identities.sh` asks the AWS CLI itself.

use super::*;
use crate::support::loopback::{ACCESS_KEY_ID, OTHER_ACCESS_KEY_ID, OTHER_SECRET_ACCESS_KEY};

fn keys() -> String {
    format!("aws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n")
}

fn bobs() -> String {
    format!("aws_access_key_id = {OTHER_ACCESS_KEY_ID}\naws_secret_access_key = {OTHER_SECRET_ACCESS_KEY}\n")
}

/// Runs `get` on a machine with these files, whose container has a role of its own.
fn get(machine: &Machine, config: &str, credentials: &str, variables: &[(&str, &str)]) -> Outcome {
    machine.write(".aws/config", config);
    machine.write(".aws/credentials", credentials);
    let program = container(machine, machine.program());
    variables.iter().fold(program, |program, (name, value)| program.with(name, value)).run(&["get"], HOST)
}

#[track_caller]
fn is(machine: &Machine, outcome: &Outcome, principal: &str, why: &str) {
    let arn = machine.principal(outcome, why);
    assert!(arn.ends_with(&format!(":{principal}")), "{why}: {arn}");
}

#[test]
fn f6_1_a_file_that_the_aws_cli_reads_is_never_passed_over() {
    let machine = Machine::new();
    for (config, why) in [
        (format!("[default]\n  {}", keys().replace('\n', "\n  ")), "indented keys"),
        (format!("[default]\n{}", keys().replace(" = ", ": ")), "a colon"),
        (format!("[default]\n{}", keys().replace(" = ", ":")), "a colon without a blank"),
        (format!("[default]\n\t{}", keys().replace(" = ", "=").replace('\n', "\n\t")), "tabs"),
        (format!("[default] ; the usual\n{}", keys().to_uppercase_keys()), "capital letters, a comment"),
        (format!("[DEFAULT]\n{}[default]\nregion = eu-west-1\n", keys()), "what every section has"),
    ] {
        is(&machine, &get(&machine, &config, "", &[]), "user/alice", why);
        is(&machine, &get(&machine, "", &config, &[]), "user/alice", why);
    }
    assert_eq!(machine.aws.count("ContainerCredentials"), 0, "nobody else's were asked for");
    for (config, line, words, why) in [
        (format!("\u{feff}[default]\n{}", keys()), 1, "byte order mark", "a byte order mark"),
        (format!("[default\n{}", keys()), 1, "no end", "a heading without its end"),
        (format!("[profile x]\n\n[default\n{}", keys()), 3, "no end", "another"),
        (keys(), 1, "before the first section", "no heading"),
        (format!("[default]\nregion = x\n  {}", keys().replace('\n', "\n  ")), 3, "is indented", "keys in a value"),
        ("[default]\nwhat is this\n".into(), 2, "no `key = value`", "no key"),
        (format!("[default]\n{0}{0}", keys()), 4, "stands here again", "keys twice"),
        (format!("[default]\n{0}[default]\n{0}", keys()), 4, "after line 1", "a section twice"),
    ] {
        for (file, [config, credentials]) in [("config", [config.as_str(), ""]), ("credentials", ["", &config])] {
            let outcome = get(&machine, config, credentials, &[]);
            let path = machine.home.path().join(".aws").join(file);
            let what = format!("line {line} of {} cannot be read", path.display());
            assert_eq!(outcome.status, Some(1), "{why}");
            assert!(outcome.stdout.contains(&what) && outcome.stderr.contains(words), "{why}: {outcome:?}");
            assert!(outcome.stderr.contains("  hint: correct that line"), "{why}: {}", outcome.stderr);
            assert!(!outcome.stderr.contains(SECRET_ACCESS_KEY), "{why}: a secret");
        }
    }
    machine.write(".aws/config", b"[default]\nregion = \xff\n");
    machine.write(".aws/credentials", "");
    let outcome = container(&machine, machine.program()).run(&["get"], HOST);
    assert!(outcome.stderr.contains("this is not UTF-8 text"), "{outcome:?}");
    assert_eq!(machine.aws.count("ContainerCredentials"), 0, "nobody else's were asked for");
}

/// Keys of options have no case.
trait Capitals {
    fn to_uppercase_keys(&self) -> String;
}

impl Capitals for String {
    fn to_uppercase_keys(&self) -> String {
        let lines = self.lines().filter_map(|line| line.split_once('='));
        lines.map(|(key, value)| format!("{}={value}\n", key.to_uppercase())).collect()
    }
}

#[test]
fn f6_2_an_odd_line_elsewhere_breaks_nothing() {
    let machine = Machine::new();
    let token = machine.aws.sessions.open();
    machine.sso_login("corp", &token, SystemTime::now() + hours(8), None);
    machine.write("token", WEB_IDENTITY_TOKEN);
    let token_file = machine.home.path().join("token").display().to_string();
    let on_keys = format!(
        "[default]\nrole_arn = {ROLE}\nrole_session_name = s\nsource_profile = base\n[profile base]\n{}",
        keys()
    );
    let web = format!("[default]\nrole_arn = {ROLE}\nrole_session_name = s\nweb_identity_token_file = {token_file}\n");
    let on_container =
        format!("[default]\nrole_arn = {ROLE}\nrole_session_name = s\ncredential_source = EcsContainer\n");
    for odd in [
        "[profile odd]\n  region = eu-west-1\n",
        "[profile odd]\nregion: eu-west-1\n",
        "[profile odd]\nwhat is this\n",
        "[profile odd]\n= nothing\n",
        "[profile odd]\nregion = a\nregion = b\n",
        "[profile odd]\ns3 =\n  what is this\n",
        "[plugins]\n  cli_legacy_plugin_path: /x\n",
        "[services odd]\necr =\n  what is this\n",
        "[profile odd twice over]\nx = y\n",
        "[profile \"odd]\nx = y\n",
    ] {
        for (config, credentials, principal, why) in [
            (format!("[default]\n{}", keys()), String::new(), "user/alice", "keys"),
            (String::new(), format!("[default]\n{}", keys()), "user/alice", "keys in credentials"),
            (on_keys.clone(), String::new(), "assumed-role/puller/s", "a role on keys"),
            (sso_session(), String::new(), "assumed-role/puller/alice", "SSO"),
            (web.clone(), String::new(), "assumed-role/puller/s", "a web identity"),
            (on_container.clone(), String::new(), "assumed-role/puller/s", "a role on a container"),
            (String::new(), String::new(), "assumed-role/task/task-1", "a container"),
        ] {
            for config in [format!("{odd}{config}"), format!("{config}{odd}")] {
                is(&machine, &get(&machine, &config, &credentials, &[]), principal, &format!("{why}: {odd:?}"));
            }
        }
    }
    // The SDK, too, reads what we read: an endpoint in a file that its own parser refuses.
    let program = || machine.program().with("HTTPS_PROXY", nobody());
    let endpoint = machine.aws.endpoint();
    machine.write(".aws/credentials", "");
    let all = format!("  endpoint_url: {endpoint}\n");
    let ecrs = "  services: my own\n".to_owned();
    let services = format!("[services \"my own\"]\n  ecr =\n    endpoint_url = {endpoint}\n");
    for (setting, services, why) in [(all, "", "an endpoint for all"), (ecrs, services.as_str(), "ECR's own")] {
        let keys = keys().replace('\n', "\n  ");
        machine.write(".aws/config", format!("[profile odd]\n?\n[default]\n{setting}  {keys}\n{services}"));
        is(&machine, &program().run(&["get"], HOST), "user/alice", why);
        let elsewhere = program().with("AWS_ACCESS_KEY_ID", OTHER_ACCESS_KEY_ID);
        let elsewhere = elsewhere.with("AWS_SECRET_ACCESS_KEY", OTHER_SECRET_ACCESS_KEY);
        is(&machine, &elsewhere.run(&["get"], HOST), "user/bob", why);
    }
}

#[test]
fn f6_3_profiles_have_names_of_every_kind() {
    let machine = Machine::new();
    let token = machine.aws.sessions.open();
    machine.sso_login("my corp", &token, SystemTime::now() + hours(8), None);
    for (heading, name) in [
        ("profile \"my prof\"", "my prof"),
        ("profile \"prod\"", "prod"),
        ("profile 'prod'", "prod"),
        ("profile prüf", "prüf"),
        ("profile \"プロファイル\"", "プロファイル"),
        ("profile my\\ prof", "my prof"),
        ("profile \"a\\\"b\"", "a\"b"),
        ("profile\tprod", "prod"),
        ("profile a/b.c+d=e", "a/b.c+d=e"),
    ] {
        let config = format!("[{heading}]\n{}", keys());
        is(&machine, &get(&machine, &config, "", &[("AWS_PROFILE", name)]), "user/alice", heading);
        let role = format!("[profile r]\nrole_arn = {ROLE}\nrole_session_name = s\nsource_profile = {name}\n{config}");
        is(&machine, &get(&machine, &role, "", &[("AWS_PROFILE", "r")]), "assumed-role/puller/s", heading);
    }
    for name in ["my prof", "prüf", "profile prod"] {
        let credentials = format!("[{name}]\n{}", keys());
        is(&machine, &get(&machine, "", &credentials, &[("AWS_PROFILE", name)]), "user/alice", name);
    }
    let sso = sso_session().replace("[sso-session corp]", "[sso-session \"my corp\"]").replace("= corp", "= my corp");
    is(&machine, &get(&machine, &sso, "", &[]), "assumed-role/puller/alice", "an sso-session of two words");
    let outcome = get(&machine, "[profile two words]\nx = y\n", "", &[("AWS_PROFILE", "two words")]);
    assert!(outcome.stdout.contains("there is no AWS profile \"two words\", which AWS_PROFILE names"), "{outcome:?}");
}

#[test]
fn f6_4_aws_default_profile_counts() {
    let machine = Machine::new();
    let credentials = format!("[default]\n{}[work]\n{}", keys(), bobs());
    for (variables, principal, why) in [
        (&[][..], "user/alice", "nobody names one"),
        (&[("AWS_DEFAULT_PROFILE", "work")], "user/bob", "the AWS CLI's own variable"),
        (&[("AWS_DEFAULT_PROFILE", "work"), ("AWS_PROFILE", "default")], "user/bob", "it comes first"),
        (&[("AWS_DEFAULT_PROFILE", ""), ("AWS_PROFILE", "work")], "user/bob", "empty is unset"),
    ] {
        is(&machine, &get(&machine, "", &credentials, variables), principal, why);
    }
    let outcome = get(&machine, "", &credentials, &[("AWS_DEFAULT_PROFILE", "wrok")]);
    assert!(outcome.stdout.contains("no AWS profile \"wrok\", which AWS_DEFAULT_PROFILE names"), "{outcome:?}");
}

#[test]
fn f6_5_a_web_identity_of_the_environment_beats_the_keys_of_a_profile() {
    let machine = Machine::new();
    machine.write("token", WEB_IDENTITY_TOKEN);
    let file = machine.home.path().join("token").display().to_string();
    let web =
        [("AWS_WEB_IDENTITY_TOKEN_FILE", file.as_str()), ("AWS_ROLE_ARN", ROLE), ("AWS_ROLE_SESSION_NAME", "pod")];
    let credentials = format!("[default]\n{}[work]\n{}", keys(), bobs());
    let with = |more: &[(&'static str, &'static str)]| [&web[..], more].concat();
    is(&machine, &get(&machine, "", &credentials, &web), "assumed-role/puller/pod", "the default profile has keys");
    let named = with(&[("AWS_PROFILE", "work")]);
    is(&machine, &get(&machine, "", &credentials, &named), "assumed-role/puller/pod", "so has AWS_PROFILE's");
    let own = with(&[("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID), ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)]);
    is(&machine, &get(&machine, "", &credentials, &own), "user/alice", "keys of the environment beat it");
    let role = format!("[default]\nrole_arn = {OTHER_ROLE}\nrole_session_name = r\nsource_profile = work\n");
    is(
        &machine,
        &get(&machine, &role, &credentials, &web),
        "assumed-role/puller/r",
        "and so does a role on other keys",
    );
    let half = format!("[default]\nrole_session_name = p\nweb_identity_token_file = {file}\n");
    let outcome = get(&machine, &half, "", &[("AWS_ROLE_ARN", ROLE)]);
    is(&machine, &outcome, "assumed-role/puller/p", "half of it in the profile");
    let outcome = get(&machine, "", &credentials, &web[..1]);
    assert!(outcome.stdout.contains("AWS_WEB_IDENTITY_TOKEN_FILE is set and AWS_ROLE_ARN is not"), "{outcome:?}");
}

#[test]
fn f6_7_of_several_sources_the_aws_clis_counts_and_half_a_source_is_an_error() {
    let machine = Machine::new();
    let token = machine.aws.sessions.open();
    machine.sso_login("corp", &token, SystemTime::now() + hours(8), None);
    let credentials = format!("[default]\n{}", keys());
    let twice = sso_session().replace("[sso-session", &format!("sso_start_url = {START_URL}\n[sso-session"));
    for (config, credentials, principal, why) in [
        ("[default]\ncredential_process = false\n", credentials.as_str(), "user/alice", "keys before a process"),
        (&format!("[default]\nlogin_session = {CONSOLE}\n"), &credentials, "user/alice", "keys before a login"),
        (&twice, "", "assumed-role/puller/alice", "one start URL in two places"),
        (&sso_session(), &credentials, "assumed-role/puller/alice", "SSO before keys"),
        ("[default]\naws_access_key_id = AKIANOBODY\n", &credentials, "user/alice", "keys of one file"),
    ] {
        is(&machine, &get(&machine, config, credentials, &[]), principal, why);
    }
    let half = format!("[default]\naws_access_key_id = {ACCESS_KEY_ID}\n");
    for (config, credentials, variables, words, why) in [
        (half.as_str(), "", &[][..], "aws_access_key_id is there and aws_secret_access_key is not", "in config"),
        ("", half.as_str(), &[], "aws_access_key_id is there and aws_secret_access_key is not", "in credentials"),
        (
            "",
            &credentials,
            &[("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)],
            "AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not",
            "in the environment",
        ),
        (
            &twice.replace(&format!("{START_URL}\n["), "https://other.awsapps.com/start\n["),
            "",
            &[],
            "sso_start_url is another one",
            "two start URLs",
        ),
    ] {
        let outcome = get(&machine, config, credentials, variables);
        assert_eq!(outcome.status, Some(1), "{why}: {outcome:?}");
        assert!(outcome.stderr.contains(words) && outcome.stderr.contains("  hint: "), "{why}: {outcome:?}");
    }
    assert_eq!(machine.aws.count("ContainerCredentials"), 0, "nobody else's were asked for");
}

#[test]
fn f6_8_a_metadata_service_that_a_profile_names_is_asked() {
    let machine = Machine::new();
    let endpoint = machine.aws.endpoint();
    for (config, variables, why) in [
        (format!("[default]\nec2_metadata_service_endpoint = {endpoint}\n"), &[][..], "the default profile"),
        (format!("[profile p]\n  ec2_metadata_service_endpoint: {endpoint}/\n"), &[("AWS_PROFILE", "p")], "another"),
    ] {
        machine.config(&config);
        let program = machine.program().without("AWS_EC2_METADATA_DISABLED").with("HTTP_PROXY", nobody());
        let program = variables.iter().fold(program, |program, (name, value)| program.with(name, *value));
        is(&machine, &program.run(&["get"], HOST), "assumed-role/puller/i-0123456789abcdef0", why);
        let forbidden = program.with("AWS_EC2_METADATA_DISABLED", "true").run(&["get"], HOST);
        let words = ["this machine has no AWS credentials", "which AWS_PROFILE names, has no credentials"];
        assert!(forbidden.stdout.contains(words[variables.len()]), "{forbidden:?}");
    }
    machine.config(&format!(
        "[default]\nrole_arn = {OTHER_ROLE}\nrole_session_name = s\ncredential_source = Ec2InstanceMetadata\n\
         ec2_metadata_service_endpoint = {endpoint}\n"
    ));
    let outcome = machine.program().without("AWS_EC2_METADATA_DISABLED").run(&["get"], HOST);
    is(&machine, &outcome, "assumed-role/puller/s", "a role on the instance");
}
