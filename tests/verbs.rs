//! The verbs over fakes: what the caller gets when the keychain or AWS is well, slow to give, or down.
#![allow(clippy::disallowed_methods)]

#[allow(unreachable_pub)]
#[path = "support/memory.rs"]
mod memory;

use std::{
    cell::{Cell, RefCell},
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use ecr_rs::{
    aws::{Failure, FailureKind, TokenSource},
    config::Config,
    docker::{
        self, Login, Verb,
        logins::{self, LOGIN},
    },
    environment::Environment,
    error::{self, Error},
    identity::{Identity, Source},
    journal::Journal,
    keychain::{Entry, ErrorKind, Key, Label},
    registry::Registry,
    secret::Secret,
    token::{Token, cache},
    world::World,
};
use memory::MemoryStore;

const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
const HOUR: u64 = 60 * 60;

/// An AWS that mints numbered tokens, or fails.
struct Mint {
    minted: Cell<usize>,
    failure: Cell<Option<FailureKind>>,
    life: Cell<u64>,
    identities: RefCell<Vec<Identity>>,
    now: Cell<SystemTime>,
}

impl TokenSource for Mint {
    fn mint(&self, _: &Registry, identity: &Identity) -> Result<Token, Failure> {
        self.identities.borrow_mut().push(identity.clone());
        let kind = self.failure.get().or((identity.source == Source::None).then_some(FailureKind::NoCredentials));
        if let Some(kind) = kind {
            let what = String::from("AWS is not well");
            return Err(Failure { kind, what, causes: vec!["AWS said no".into()], hint: Some("try again".into()) });
        }
        self.minted.set(self.minted.get() + 1);
        let password = Secret::from(format!("minted {}", self.minted.get()));
        Ok(Token { password, expires_at: self.now.get() + Duration::from_secs(self.life.get()) })
    }
}

/// A machine: what the verbs see, and what is left after them.
struct Machine {
    variables: Vec<(&'static str, String)>,
    config: Config,
    home: tempfile::TempDir,
    cache: MemoryStore,
    logins: MemoryStore,
    mint: Mint,
    stderr: RefCell<String>,
}

impl Machine {
    fn new() -> Machine {
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        Machine {
            variables: vec![("AWS_ACCESS_KEY_ID", "AKIA1".into()), ("AWS_SECRET_ACCESS_KEY", "canary".into())],
            config: Config::default(),
            home: tempfile::tempdir().unwrap(),
            cache: MemoryStore::default(),
            logins: MemoryStore::default(),
            mint: Mint {
                minted: Cell::new(0),
                failure: Cell::new(None),
                life: Cell::new(12 * HOUR),
                identities: RefCell::default(),
                now: Cell::new(now),
            },
            stderr: RefCell::default(),
        }
    }

    fn with(mut self, name: &'static str, value: &str) -> Machine {
        self.variables.retain(|(old, _)| *old != name);
        self.variables.push((name, value.into()));
        self
    }

    fn without_credentials(mut self) -> Machine {
        self.variables.clear();
        self
    }

    fn later(&self, hours: u64) {
        self.mint.now.set(self.mint.now.get() + Duration::from_secs(hours * HOUR));
    }

    /// Runs a verb: stdout when it succeeds, the error otherwise.
    fn run(&self, verb: Verb, stdin: &str) -> Result<String, Error> {
        let variables = self.variables.clone();
        let environment = Environment {
            variable: Box::new(move |name| {
                variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone().into())
            }),
            home: Some(self.home.path().into()),
            config_folder: None,
            cache_folder: Some(self.home.path().join("cache")),
            temporary_folder: self.home.path().into(),
            interactive: false,
        };
        let mut stderr = Vec::new();
        let mut stdout = Vec::new();
        let journal = Journal::new(&mut stderr, false);
        let world = World {
            environment: &environment,
            config: &self.config,
            instance: || false,
            now: self.mint.now.get(),
            cache: &self.cache,
            logins: &self.logins,
            tokens: &self.mint,
            journal: &journal,
        };
        let outcome = docker::run(verb, &world, &mut stdin.as_bytes(), &mut stdout);
        *self.stderr.borrow_mut() = String::from_utf8(stderr).unwrap();
        outcome.map(|()| String::from_utf8(stdout).unwrap())
    }

    fn store(&self, server: &str, username: &str, secret: &str) -> Result<String, Error> {
        let request = serde_json::json!({"ServerURL": server, "Username": username, "Secret": secret});
        self.run(Verb::Store, &request.to_string())
    }

    /// The password that `get` answers.
    #[track_caller]
    fn password(&self, server: &str) -> String {
        let answer = self.run(Verb::Get, server).unwrap_or_else(|err| panic!("{server}: {err}"));
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["ServerURL"], server, "echoed as asked");
        answer["Secret"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    fn silent(&self) {
        assert_eq!(*self.stderr.borrow(), "", "all went well: nothing on stderr");
    }
}

#[test]
fn a_token_is_minted_once_and_renewed_when_a_quarter_of_its_life_is_left() {
    let machine = Machine::new();
    for (hours_later, password, why) in [
        (0, "minted 1", "a miss asks AWS"),
        (0, "minted 1", "a hit does not"),
        (8, "minted 1", "four hours left"),
        (1, "minted 2", "three hours left: a push that starts now might not finish"),
        (0, "minted 2", "and the new one is kept"),
    ] {
        machine.later(hours_later);
        assert_eq!(machine.password(ECR), password, "{why}");
        machine.silent();
    }
    for spelling in [format!("https://{ECR}"), format!("{ECR}/team/app"), format!("https://{ECR}/v2/")] {
        assert_eq!(machine.password(&spelling), "minted 2", "every spelling reaches one entry: {spelling}");
    }
}

#[test]
fn refresh_before_moves_the_renewal() {
    let mut machine = Machine::new();
    machine.config = Config::parse("[cache]\nrefresh-before = \"11h\"", PathBuf::from("c")).unwrap();
    assert_eq!(machine.password(ECR), "minted 1");
    machine.later(2);
    assert_eq!(machine.password(ECR), "minted 2");
}

#[test]
fn two_identities_never_share_a_token() {
    let machine = Machine::new();
    assert_eq!(machine.password(ECR), "minted 1");
    let machine = machine.with("AWS_ACCESS_KEY_ID", "AKIA2");
    assert_eq!(machine.password(ECR), "minted 2");
    let machine = machine.with("AWS_ACCESS_KEY_ID", "AKIA1");
    assert_eq!(machine.password(ECR), "minted 1", "the first one's is still there");
}

#[test]
fn when_aws_is_down_a_token_that_lives_is_handed_out_and_one_that_ended_never() {
    let machine = Machine::new();
    assert_eq!(machine.password(ECR), "minted 1");
    machine.mint.failure.set(Some(FailureKind::Unreachable));
    machine.later(11);
    assert_eq!(machine.password(ECR), "minted 1", "stale, but it lives");
    assert!(machine.stderr.borrow().contains("still valid"), "and a person is told");
    machine.later(1);
    let err = machine.run(Verb::Get, ECR).unwrap_err();
    assert!(matches!(err, Error::Aws { .. }), "it has ended: {err}");
}

#[test]
fn a_keychain_fault_costs_an_ecr_get_one_line_and_another_registry_its_answer() {
    for kind in
        [ErrorKind::Unavailable, ErrorKind::Locked, ErrorKind::Timeout, ErrorKind::Refused, ErrorKind::Malformed]
    {
        let machine = Machine::new();
        machine.cache.fault.set(Some(kind));
        machine.logins.fault.set(Some(kind));
        assert_eq!(machine.password(ECR), "minted 1", "{kind:?}");
        assert_eq!(machine.stderr.borrow().lines().count(), 1, "{kind:?}: {}", machine.stderr.borrow());
        let err = machine.run(Verb::Get, "ghcr.io").unwrap_err();
        assert!(matches!(err, Error::Keychain { .. }), "never \"not found\": {err}");
        assert!(machine.store("ghcr.io", "me", "pw").is_err(), "{kind:?}: a login that is not kept is a failed login");
        assert!(machine.store(ECR, "AWS", "pw").is_ok(), "{kind:?}: ECR's always succeeds");
        assert_eq!(machine.run(Verb::List, "").unwrap(), "{}\n", "{kind:?}: nothing that get would fail on");
    }
}

#[test]
fn a_private_registry_without_a_token_tells_the_cause_and_never_not_found() {
    for kind in [FailureKind::NoCredentials, FailureKind::Denied, FailureKind::Unreachable, FailureKind::Garbled] {
        let machine = Machine::new();
        machine.mint.failure.set(Some(kind));
        let err = machine.run(Verb::Get, ECR).unwrap_err();
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        error::report(&err, &mut stdout, &mut stderr);
        assert_eq!(String::from_utf8(stdout).unwrap(), format!("no token for {ECR}: AWS is not well\n"), "{kind:?}");
        let stderr = String::from_utf8(stderr).unwrap();
        assert!(stderr.contains("caused by: AWS said no") && stderr.contains("hint: try again"), "{kind:?}: {stderr}");
    }
}

#[test]
fn ecr_public_goes_on_anonymously() {
    let not_found = |machine: &Machine, why: &str| {
        let err = machine.run(Verb::Get, "public.ecr.aws").unwrap_err();
        assert!(matches!(err, Error::NotFound), "{why}: {err}");
    };
    let machine = Machine::new().without_credentials();
    not_found(&machine, "no credentials");
    assert!(machine.mint.identities.borrow().is_empty(), "and nobody was asked");
    machine.silent();

    let machine = Machine::new().with("AWS_REGION", "us-gov-west-1");
    not_found(&machine, "GovCloud cannot call it");
    assert!(machine.mint.identities.borrow().is_empty(), "and nobody was asked");

    let machine = Machine::new().with("AWS_PROFILE", "gone").with("AWS_ACCESS_KEY_ID", "");
    not_found(&machine, "a profile that is not there");

    let machine = Machine::new();
    machine.mint.failure.set(Some(FailureKind::Denied));
    not_found(&machine, "AccessDenied");
    machine.silent();
    machine.mint.failure.set(Some(FailureKind::Unreachable));
    not_found(&machine, "AWS is down");
    assert!(machine.stderr.borrow().contains("anonymously"), "that is told: {}", machine.stderr.borrow());

    machine.mint.failure.set(None);
    assert_eq!(machine.password("public.ecr.aws"), "minted 1");
    assert_eq!(machine.password("ecr-public.aws.com"), "minted 1", "one token for both hosts");
}

/// An ECR password: base64 of JSON with its end.
fn ecr_password(expires: u64) -> String {
    STANDARD.encode(format!(r#"{{"payload":"x","version":"2","type":"DATA_KEY","expiration":{expires}}}"#))
}

#[test]
fn a_token_brought_by_docker_login_serves_until_its_end_where_aws_has_none() {
    let machine = Machine::new().without_credentials();
    assert!(machine.run(Verb::Get, ECR).is_err(), "nothing yet");
    let brought = ecr_password(1_800_000_000 + 2 * HOUR);
    machine.store(ECR, "AWS", &brought).unwrap();
    assert_eq!(machine.password(ECR), brought);
    assert_eq!(machine.run(Verb::List, "").unwrap(), format!("{{\"{ECR}\":\"AWS\"}}\n"));
    let machine = machine.with("AWS_ACCESS_KEY_ID", "AKIA1").with("AWS_SECRET_ACCESS_KEY", "canary");
    assert_eq!(machine.password(ECR), "minted 1", "credentials that can mint come first");
    let machine = machine.without_credentials();
    machine.later(2);
    assert!(machine.run(Verb::Get, ECR).is_err(), "it has ended");

    machine.store(ECR, "AWS", "not base64 JSON").unwrap();
    assert_eq!(machine.password(ECR), "not base64 JSON");
    machine.later(12);
    assert!(machine.run(Verb::Get, ECR).is_err(), "12 hours where the end cannot be read");
}

#[test]
fn docker_login_on_ecr_is_accepted_and_erase_forgets_every_identity() {
    let machine = Machine::new();
    let minted = machine.password(ECR);
    machine.store(ECR, "AWS", &minted).unwrap();
    assert_eq!(cache::tokens(&machine.cache).unwrap().len(), 1, "what equals our token is not kept twice");
    machine.store(&format!("https://{ECR}"), "AWS", &ecr_password(1_800_000_000 + HOUR)).unwrap();
    assert_eq!(cache::tokens(&machine.cache).unwrap().len(), 2, "what was brought is");
    let machine = machine.with("AWS_ACCESS_KEY_ID", "AKIA2");
    machine.password(ECR);
    for spelling in [ECR.to_owned(), format!("http://{ECR}"), format!("https://{ECR}"), format!("https://{ECR}/v2/")] {
        machine.run(Verb::Erase, &spelling).unwrap();
        assert_eq!(cache::tokens(&machine.cache).unwrap(), [], "{spelling}");
    }
    machine.store(ECR, "someone", "pw").unwrap();
    assert_eq!(cache::tokens(&machine.cache).unwrap(), [], "another user name is accepted and not kept");
}

#[test]
fn tokens_that_ended_leave_the_keychain() {
    let machine = Machine::new();
    machine.password(ECR);
    machine.later(13);
    assert_eq!(machine.run(Verb::List, "").unwrap(), "{}\n", "not listed");
    machine.password("123456789012.dkr.ecr.us-east-1.amazonaws.com");
    assert_eq!(cache::tokens(&machine.cache).unwrap().len(), 1, "another registry's mint sweeps it away");
}

#[test]
fn other_registries_are_kept_read_listed_and_erased() {
    let machine = Machine::new().without_credentials();
    let long = "x".repeat(5000);
    for (server, username, secret, why) in [
        ("ghcr.io", "me", "pw", "the usual"),
        ("https://index.docker.io/v1/", "me", "pw", "the Hub"),
        ("https://index.docker.io/v1/access-token", "me", long.as_str(), "web login's second key"),
        ("https://index.docker.io/v1/refresh-token", "me", "rt..1", "web login's third key"),
        ("azure.example", "<token>", "identity", "an identity token"),
        ("r.example:5000", "ünï", "pä\"ss\n", "unicode"),
        ("empty.example", "me", "", "an empty secret"),
    ] {
        machine.store(server, username, secret).unwrap_or_else(|err| panic!("{why}: {err}"));
        let answer: serde_json::Value = serde_json::from_str(&machine.run(Verb::Get, server).unwrap()).unwrap();
        assert_eq!((answer["Username"].as_str(), answer["Secret"].as_str()), (Some(username), Some(secret)), "{why}");
        machine.silent();
    }
    let list: serde_json::Value = serde_json::from_str(&machine.run(Verb::List, "").unwrap()).unwrap();
    assert_eq!(list.as_object().unwrap().len(), 7);
    for server in list.as_object().unwrap().keys() {
        machine.run(Verb::Erase, server).unwrap();
        assert!(matches!(machine.run(Verb::Get, server), Err(Error::NotFound)), "{server}");
    }
    machine.run(Verb::Erase, "nobody.example").expect("erasing what is not there is no error");
    assert!(machine.mint.identities.borrow().is_empty(), "AWS has no part in this");
}

#[test]
fn storage_can_be_ignored_as_with_the_helper_that_we_replace() {
    let machine = Machine::new().with("AWS_ECR_IGNORE_CREDS_STORAGE", "true");
    machine.password(ECR);
    machine.store("ghcr.io", "me", "pw").unwrap();
    assert!(machine.stderr.borrow().contains("not kept"), "a login that vanishes is told");
    assert_eq!(logins::list(&machine.logins).unwrap(), []);
    machine.run(Verb::Erase, ECR).unwrap();
    assert_eq!(cache::tokens(&machine.cache).unwrap().len(), 1, "erase does nothing either");
}

#[test]
fn a_second_login_replaces_the_first_whatever_its_spelling() {
    let machine = Machine::new();
    machine.store("https://ghcr.io", "me", "old").unwrap();
    machine.store("ghcr.io", "you", "new").unwrap();
    assert_eq!(machine.password("ghcr.io"), "new");
    assert_eq!(machine.run(Verb::List, "").unwrap(), "{\"ghcr.io\":\"you\"}\n");
}

#[test]
fn nothing_prints_a_secret() {
    const CANARY: &str = "canary";
    let machine = Machine::new();
    let label = Label::new(Key::new(&LOGIN, &["h"]), &["h", "u"]);
    let entry = Entry { label, secret: Secret::from(String::from(CANARY)) };
    let login = Login { username: "u".into(), secret: Secret::from(String::from(CANARY)) };
    let token = Token { password: Secret::from(String::from(CANARY)), expires_at: UNIX_EPOCH };
    let mut printed = vec![format!("{entry:?}"), format!("{login:?}"), format!("{token:#?}")];
    for stdin in
        ["{\"ServerURL\":\"h\",\"Username\":\"u\",\"Secret\":\"canary\"", "\"canary\"", "{\"Secret\":\"canary\"}"]
    {
        printed.push(machine.run(Verb::Store, stdin).unwrap_err().to_string());
    }
    machine.cache.fault.set(Some(ErrorKind::Locked));
    machine.logins.fault.set(Some(ErrorKind::Locked));
    machine.mint.failure.set(Some(FailureKind::Denied));
    for server in [ECR, "ghcr.io"] {
        let err = machine.run(Verb::Get, server).unwrap_err();
        printed.push(format!("{err} {err:?} {}", machine.stderr.borrow()));
        let err = machine.store(server, "AWS", CANARY).err();
        printed.push(format!("{err:?} {}", machine.stderr.borrow()));
    }
    for text in printed {
        assert!(!text.contains(CANARY), "leaked in: {text}");
    }
}
