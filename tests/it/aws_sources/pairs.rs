//! Two machines that differ in one thing. Where it selects the principal, each has its own token and its
//! own call; where it does not, they share.

use super::*;
use crate::support::loopback::{EXTERNAL_ID, GUARDED_ROLE, OTHER_ACCESS_KEY_ID, OTHER_SECRET_ACCESS_KEY};

/// A machine in words: `config`, `credentials` and `toml` are files, the rest are variables. In the
/// texts `{home}` is the home folder and `{aws}` the loopback's URL.
type Texts = &'static [(&'static str, &'static str)];

/// What differs, the first machine, and the texts of the second that stand in place of its own.
type Pair = (&'static str, Texts, &'static [(&'static str, &'static str)]);

const ALICE: &str = "aws_access_key_id = {alice}\naws_secret_access_key = {alice-secret}\n";
const KEYS: Texts = &[("AWS_ACCESS_KEY_ID", "{alice}"), ("AWS_SECRET_ACCESS_KEY", "{alice-secret}")];
const TO_BOB: &[(&str, &str)] = &[("{alice}", "{bob}"), ("{alice-secret}", "{bob-secret}")];
const TWO: Texts = &[("AWS_PROFILE", "a"), ("credentials", "[a]\n{keys}[b]\n{other-keys}")];
const TWO_DEFAULT: Texts = &[("AWS_DEFAULT_PROFILE", "a"), ("credentials", "[a]\n{keys}[b]\n{other-keys}")];
const ROLE_ON_KEYS: Texts = &[(
    "config",
    "[default]\nrole_arn = {role}\nsource_profile = base\nexternal_id = x\nrole_session_name = one\n\
         [profile base]\n{keys}[profile base2]\n{other-keys}",
)];
const CHAIN: Texts = &[
    ("credentials", "[base]\n{keys}"),
    (
        "config",
        "[default]\nrole_arn = {role}\nsource_profile = middle\n\
         [profile middle]\nrole_arn = {other-role}\nrole_session_name = m\nsource_profile = base\n\
         [profile base]\ncredential_process = false\n",
    ),
];
const ON_ENVIRONMENT: Texts = &[
    ("AWS_PROFILE", "p"),
    ("config", "[profile p]\nrole_arn = {role}\ncredential_source = Environment\n[profile q]\n"),
    ("toml", "[[registry]]\nmatch = \"*\"\nprofile = \"p\"\n"),
    ("AWS_ACCESS_KEY_ID", "{alice}"),
    ("AWS_SECRET_ACCESS_KEY", "{alice-secret}"),
];
const CONTAINER: Texts = &[
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "{aws}/container/credentials"),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer container-authorization"),
];
const POD: Texts = &[
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "{aws}/container/credentials"),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "{home}/authorization"),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "unused"),
];
const ON_CONTAINER: Texts = &[
    ("config", "[default]\nrole_arn = {role}\ncredential_source = EcsContainer\n"),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "{aws}/container/credentials"),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer container-authorization"),
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "{aws}"),
    ("AWS_EC2_METADATA_DISABLED", "false"),
];
const INSTANCE: Texts = &[
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "{aws}"),
    ("AWS_EC2_METADATA_DISABLED", "false"),
    ("config", "[default]\n"),
];
const SSO: Texts = &[(
    "config",
    "[default]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = puller\n\
         [sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://loopback.awsapps.com/start\n\
         [sso-session other]\nsso_region = eu-west-1\nsso_start_url = https://loopback.awsapps.com/start\n",
)];
const LEGACY_SSO: Texts = &[(
    "config",
    "[default]\nsso_account_id = 111122223333\nsso_role_name = puller\nsso_region = eu-west-1\n\
         sso_start_url = https://loopback.awsapps.com/start\n",
)];
const LOGIN: Texts = &[("config", "[default]\nlogin_session = arn:aws:iam::111122223333:user/console\n")];
const PROCESS: Texts = &[("config", "[default]\ncredential_process = cat {home}/printed.json\n")];
const WEB_IDENTITY: Texts = &[
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "{home}/token"),
    ("AWS_ROLE_ARN", "{role}"),
    ("AWS_ROLE_SESSION_NAME", "one"),
    ("config", "[default]\n"),
];
const PROFILE_WEB_IDENTITY: Texts =
    &[("config", "[default]\nrole_arn = {role}\nweb_identity_token_file = {home}/token\nrole_session_name = one\n")];
const RULE: Texts = &[
    (
        "toml",
        "[[registry]]\nmatch = \"*\"\nprofile = \"a\"\nrole-arn = \"{role}\"\nexternal-id = \"x\"\nsession-name = \"one\"\n",
    ),
    ("credentials", "[a]\n{keys}[b]\n{other-keys}"),
];

const APART: &[Pair] = &[
    ("the access key of the environment", KEYS, TO_BOB),
    ("AWS_PROFILE", TWO, &[("a", "b")]),
    ("AWS_DEFAULT_PROFILE", TWO_DEFAULT, &[("a", "b")]),
    ("the access key of a profile", &[("credentials", "[default]\n{keys}")], &[("{keys}", "{other-keys}")]),
    ("role_arn", ROLE_ON_KEYS, &[("{role}", "{other-role}")]),
    ("external_id", ROLE_ON_KEYS, &[("external_id = x", "external_id = y")]),
    ("no external_id", ROLE_ON_KEYS, &[("external_id = x\n", "")]),
    ("role_session_name", ROLE_ON_KEYS, &[("name = one", "name = two")]),
    ("no role_session_name", ROLE_ON_KEYS, &[("role_session_name = one\n", "")]),
    ("source_profile", ROLE_ON_KEYS, &[("source_profile = base\n", "source_profile = base2\n")]),
    (
        "the access key of the source profile",
        ROLE_ON_KEYS,
        &[("[profile base]\n{keys}", "[profile base]\n{other-keys}")],
    ),
    ("a role in the middle of a chain", CHAIN, &[("{other-role}", "{guarded-role}\nexternal_id = {external-id}")]),
    ("a session name in the middle of a chain", CHAIN, &[("name = m", "name = n")]),
    ("the key of a source with credential_process", CHAIN, &[("{keys}", "{other-keys}")]),
    ("the key that credential_source = Environment takes", ON_ENVIRONMENT, TO_BOB),
    ("the URI that credential_source = EcsContainer takes", ON_CONTAINER, &[("/credentials", "/credentials?x=1")]),
    ("the token that it takes", ON_CONTAINER, &[("container-authorization", "container-authorization-2")]),
    ("credential_source", ON_CONTAINER, &[("EcsContainer", "Ec2InstanceMetadata")]),
    ("the URI of a container", CONTAINER, &[("/credentials", "/credentials?x=1")]),
    ("the authorization token of a container", CONTAINER, &[("container-authorization", "container-authorization-2")]),
    ("the authorization token's file", POD, &[("/authorization", "/authorization-2")]),
    ("a stated metadata service", INSTANCE, &[("{aws}", "{localhost}")]),
    (
        "one that the profile states",
        &[("AWS_EC2_METADATA_DISABLED", "false"), ("config", "[default]\nec2_metadata_service_endpoint = {aws}\n")],
        &[("{aws}", "{localhost}")],
    ),
    ("sso_account_id", SSO, &[("111122223333", "444455556666")]),
    ("sso_role_name", SSO, &[("puller", "reader")]),
    ("sso_session", SSO, &[("sso_session = corp", "sso_session = other")]),
    ("sso_start_url", LEGACY_SSO, &[("/start", "/start2")]),
    ("sso_account_id of the older kind", LEGACY_SSO, &[("111122223333", "444455556666")]),
    ("login_session", LOGIN, &[("user/console", "user/console2")]),
    ("credential_process", PROCESS, &[("printed.json", "printed-2.json")]),
    ("AWS_ROLE_ARN", WEB_IDENTITY, &[("{role}", "{other-role}")]),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", WEB_IDENTITY, &[("/token", "/token-2")]),
    ("AWS_ROLE_SESSION_NAME", WEB_IDENTITY, &[("one", "two")]),
    ("role_arn of a web identity", PROFILE_WEB_IDENTITY, &[("{role}", "{other-role}")]),
    ("web_identity_token_file", PROFILE_WEB_IDENTITY, &[("/token", "/token-2")]),
    ("role_session_name of a web identity", PROFILE_WEB_IDENTITY, &[("one", "two")]),
    ("profile of a rule", RULE, &[("profile = \"a\"", "profile = \"b\"")]),
    ("role-arn", RULE, &[("{role}", "{other-role}")]),
    ("external-id", RULE, &[("\"x\"", "\"y\"")]),
    ("session-name", RULE, &[("\"one\"", "\"two\"")]),
    ("no session-name", RULE, &[("session-name = \"one\"\n", "")]),
    ("keys instead of a profile's role", ON_ENVIRONMENT, &[("profile = \"p\"", "role-arn = \"{other-role}\"")]),
];

const SHARED: &[Pair] = &[
    ("AWS_REGION", &[("AWS_REGION", "eu-west-1"), ("credentials", "[default]\n{keys}")], &[("eu-west-1", "us-east-1")]),
    ("a session token that rotates", &[KEYS[0], KEYS[1], ("UNUSED", "x")], &[("UNUSED", "AWS_SESSION_TOKEN")]),
    ("the region of a profile", &[("config", "[default]\n{keys}region = eu-west-1\n")], &[("eu-west-1", "us-east-1")]),
    ("the name of a profile", &[("AWS_PROFILE", "a"), ("credentials", "[a]\n{keys}[b]\n{keys}")], &[("a", "b")]),
    (
        "who names it",
        &[("AWS_PROFILE", "a"), ("credentials", "[a]\n{keys}")],
        &[("AWS_PROFILE", "AWS_DEFAULT_PROFILE")],
    ),
    (
        "the default profile, or a rule that names it",
        &[("credentials", "[default]\n{keys}"), ("toml", "# none")],
        &[("# none", "[[registry]]\nmatch = \"*\"\nprofile = \"default\"\n")],
    ),
    ("which file keys are in", &[("config", "[default]\n{keys}")], &[("config", "credentials")]),
    ("how it is written", &[("config", "[default]\n{keys}")], &[("{keys}", "  {colon-keys}\n[profile other]\n?\n")]),
    (
        "quotes around a profile",
        &[("AWS_PROFILE", "a"), ("config", "[profile a]\n{keys}")],
        &[("profile a", "profile \"a\"")],
    ),
    ("a process that static keys beat", CHAIN, &[("process = false", "process = true")]),
    ("the name of a source profile", ROLE_ON_KEYS, &[("base", "basis")]),
    ("duration_seconds", ROLE_ON_KEYS, &[("role_session", "duration_seconds = 900\nrole_session")]),
    ("a token that a file makes void", POD, &[("unused", "void")]),
    ("an endpoint", &[("config", "[default]\n{keys}s3 =\n  a = b\n")], &[("s3 =\n  a = b", "endpoint_url = {aws}")]),
    ("the region of an SSO session", LEGACY_SSO, &[("sso_region = eu-west-1", "sso_region = us-east-1")]),
    (
        "a scope of an SSO session",
        SSO,
        &[("[sso-session corp]\n", "[sso-session corp]\nsso_registration_scopes = a\n")],
    ),
];

/// Sets a machine up and runs `get` on it.
fn get(machine: &Machine, texts: &[(String, String)]) -> Outcome {
    let mut program = machine.program().without("AWS_ECR_DISABLE_CACHE");
    program = program.with("AWS_ECR_CACHE_DIR", machine.home.path().join("ecr"));
    let file = |name: &str| texts.iter().find(|(key, _)| key == name).map_or("", |(_, text)| text.as_str());
    machine.write(".aws/config", file("config"));
    machine.write(".aws/credentials", file("credentials"));
    machine.write(".config/docker-credential-ecr-rs/config.toml", file("toml"));
    for (name, value) in texts.iter().filter(|(name, _)| name.starts_with("AWS_")) {
        program = program.with(name, value);
    }
    program.run(&["get"], HOST)
}

/// Fills in what a machine's texts leave open.
fn fill(machine: &Machine, text: &str) -> String {
    let alice = ALICE.replace("{alice}", ACCESS_KEY_ID).replace("{alice-secret}", SECRET_ACCESS_KEY);
    let bob = ALICE.replace("{alice}", OTHER_ACCESS_KEY_ID).replace("{alice-secret}", OTHER_SECRET_ACCESS_KEY);
    let aws = machine.aws.endpoint();
    [
        ("{keys}", alice.as_str()),
        ("{colon-keys}", &alice.replace(" = ", ": ").replace('\n', "\n  ")),
        ("{other-keys}", &bob),
        ("{alice}", ACCESS_KEY_ID),
        ("{alice-secret}", SECRET_ACCESS_KEY),
        ("{bob}", OTHER_ACCESS_KEY_ID),
        ("{bob-secret}", OTHER_SECRET_ACCESS_KEY),
        ("{role}", ROLE),
        ("{other-role}", OTHER_ROLE),
        ("{guarded-role}", GUARDED_ROLE),
        ("{external-id}", EXTERNAL_ID),
        ("{home}", machine.home.path().to_str().unwrap()),
        ("{aws}", &aws),
        ("{localhost}", &aws.replace("127.0.0.1", "localhost")),
    ]
    .iter()
    .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// The texts of the pair's two machines.
fn both(machine: &Machine, (what, texts, changes): &Pair) -> [Vec<(String, String)>; 2] {
    // One letter is replaced where it is the whole text, so that it changes no word.
    let change = |text: &str| {
        changes.iter().fold(text.to_owned(), |text, (from, to)| match from.len() {
            1 if text == *from => (*to).to_owned(),
            1 => text,
            _ => text.replace(from, to),
        })
    };
    let first = texts.iter().map(|(name, text)| ((*name).to_owned(), fill(machine, text))).collect();
    let second = texts.iter().map(|(name, text)| (change(name), fill(machine, &change(text)))).collect();
    assert_ne!(first, second, "{what}: the change is one");
    [first, second]
}

/// A machine on which every source of the pairs has what it needs.
fn machine() -> Machine {
    let machine = Machine::new();
    machine.aws.iam.add_role(Role::new(ACCOUNT, "reader"));
    let end = SystemTime::now() + hours(8);
    for key in ["corp", "other", START_URL, "https://loopback.awsapps.com/start2"] {
        let token = machine.aws.sessions.open();
        machine.sso_login(key, &token, end, None);
    }
    for arn in [CONSOLE, "arn:aws:iam::111122223333:user/console2"] {
        machine.login_as(arn, SystemTime::now() + hours(1), "unused");
    }
    for name in ["token", "token-2"] {
        machine.write(name, WEB_IDENTITY_TOKEN);
    }
    for (name, task) in [("authorization", ""), ("authorization-2", "-2")] {
        machine.write(name, format!("{CONTAINER_AUTHORIZATION}{task}"));
    }
    for (name, id, secret) in [
        ("printed.json", ACCESS_KEY_ID, SECRET_ACCESS_KEY),
        ("printed-2.json", OTHER_ACCESS_KEY_ID, OTHER_SECRET_ACCESS_KEY),
    ] {
        let printed = json!({ "Version": 1, "AccessKeyId": id, "SecretAccessKey": secret });
        machine.write(name, printed.to_string());
    }
    machine
}

/// Prints a count, which `cargo test` shows of what is written to the stream itself.
fn print(what: std::fmt::Arguments<'_>) {
    writeln!(std::io::stderr(), "identities: {what}").expect("standard error is open");
}

#[test]
fn f1_6_whatever_selects_the_principal_has_its_own_token_and_call() {
    for pair in APART {
        let (machine, what) = (machine(), pair.0);
        let both = both(&machine, pair);
        let [first, second] = both.each_ref().map(|texts| {
            let outcome = get(&machine, texts);
            machine.principal(&outcome, what);
            outcome.stdout
        });
        assert_ne!(first, second, "{what}: two tokens");
        assert_eq!(machine.aws.count("GetAuthorizationToken"), 2, "{what}: each has its own call");
        let again = both.map(|texts| get(&machine, &texts).stdout);
        assert_eq!(again, [first, second], "{what}: each finds its own again");
        assert_eq!(machine.aws.count("GetAuthorizationToken"), 2, "{what}: and asks nobody");
    }
    print(format_args!("{} pairs that differ in one thing have a token and a call each", APART.len()));
}

#[test]
fn f1_6_whatever_selects_nobody_else_shares_a_token() {
    for pair in SHARED {
        let (machine, what) = (machine(), pair.0);
        let [first, second] = both(&machine, pair).map(|texts| {
            let outcome = get(&machine, &texts);
            machine.principal(&outcome, what);
            outcome.stdout
        });
        assert_eq!(first, second, "{what}: one token");
        assert_eq!(machine.aws.count("GetAuthorizationToken"), 1, "{what}: one call");
    }
    print(format_args!("{} pairs that differ in something else share a token", SHARED.len()));
}

#[test]
fn f1_6_no_secret_is_kept_with_a_token() {
    let machine = machine();
    for texts in [KEYS, CONTAINER, PROCESS] {
        let texts: Vec<_> = texts.iter().map(|(name, text)| ((*name).to_owned(), fill(&machine, text))).collect();
        machine.principal(&get(&machine, &texts), "a token");
    }
    for entry in fs::read_dir(machine.home.path().join("ecr")).unwrap().map(|entry| entry.unwrap().path()) {
        let kept = format!("{} {}", entry.display(), String::from_utf8_lossy(&fs::read(&entry).unwrap_or_default()));
        for secret in [SECRET_ACCESS_KEY, CONTAINER_AUTHORIZATION, "printed.json"] {
            assert!(!kept.contains(secret), "{kept}");
        }
    }
}
