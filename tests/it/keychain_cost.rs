//! What each verb asks of a Secret Service, and that it does not grow with what the verb does not touch.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{
    bus::{FakeBus, Knob, TOLD},
    loopback::{ACCOUNT, REGION},
    machine::Machine,
};

const SERVICE: (&str, &str) = ("service", "docker-credential-ecr-rs");

fn ecr() -> String {
    format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com")
}

fn login(server: &str, username: &str, secret: &str) -> String {
    json!({ "ServerURL": server, "Username": username, "Secret": secret }).to_string()
}

fn add_login(bus: &FakeBus, number: usize) {
    let server = format!("r{number}.example");
    let attributes = [SERVICE, ("kind", "login"), ("server", &server), ("spelled", &server), ("username", "me")];
    bus.add("a login", &attributes, b"s");
}

fn add_token(bus: &FakeBus, number: usize, expires: &str) {
    let host = format!("{:012}.dkr.ecr.{REGION}.amazonaws.com", number + 1);
    let whose = [SERVICE, ("kind", "token"), ("host", &host), ("identity", "f00d")];
    let further = [("account", &host[..12]), ("region", REGION), ("expires", expires)];
    bus.add("a token", &[&whose[..], &further[..]].concat(), b"s");
}

/// A keychain with so many entries that the verbs below are not asked about, of each sort.
fn with_others(count: usize) -> Machine {
    let machine = Machine::new();
    for number in 0..count {
        let theirs = [("service", "other"), ("kind", "token"), ("host", &ecr()), ("server", "ghcr.io")];
        machine.bus.add("another program's", &theirs, b"s");
        add_login(&machine.bus, number);
        add_token(&machine.bus, number, "4000000000");
    }
    machine
}

/// The calls of each verb, in the order in which they are run.
fn calls(machine: &Machine) -> Vec<BTreeMap<String, usize>> {
    let program = machine.program();
    let mut all = Vec::new();
    let locks = machine.home.path().join(".cache/docker-credential-ecr-rs/locks");
    let mut run = |arguments: &[&str], stdin: &str, status: i32| {
        // Whether a turn was had in the last two seconds decides on a second look: here, all look.
        std::fs::remove_dir_all(&locks).ok();
        machine.bus.take_calls();
        let outcome = program.run(arguments, stdin).exits(status, format!("{arguments:?}"));
        all.push(machine.bus.take_calls());
        outcome
    };
    let host = ecr();
    run(&["get"], &host, 0);
    let minted = run(&["get"], &host, 0).json();
    run(&["store"], &login(&host, "AWS", minted["Secret"].as_str().expect("a token")), 0);
    run(&["store"], &login(&host, "AWS", "brought"), 0);
    run(&["get"], "ghcr.io", 1);
    run(&["store"], &login("ghcr.io", "me", "s"), 0);
    run(&["store"], &login("ghcr.io", "me", "s2"), 0);
    run(&["get"], "ghcr.io", 0);
    run(&["doctor", "ghcr.io"], "", 1); // it is not on the PATH
    run(&["list"], "", 0);
    run(&["status"], "", 0);
    run(&["erase"], "ghcr.io", 0);
    run(&["erase"], &host, 0);
    run(&["get"], &host, 0);
    run(&["clear", &host], "", 0);
    run(&["get"], &host, 0);
    run(&["clear", "--all"], "", 0);
    all
}

#[test]
fn f5_1_a_verb_costs_what_it_touches() {
    /// How many calls more there are for so many entries of each sort.
    type More = fn(usize) -> usize;
    const NONE: More = |_| 0;
    const EACH: More = |others| others;
    const BOTH: More = |others| 2 * others;
    // Beside the token that was just kept, which is one of the tokens that are looked at.
    const TIDIED: More = |others| others.min(32 - 1);
    const TIDIED_OF_TWO: More = |others| others.min(32 - 2);
    let rows: [(&str, More, More); 17] = [
        ("get: a miss, and the token is kept", TIDIED, NONE),
        ("get: a hit", NONE, NONE),
        ("store: docker stores back what get gave it", NONE, NONE),
        ("store: a token that was brought", TIDIED_OF_TWO, NONE),
        ("get: no login", NONE, NONE),
        ("store: a login", NONE, NONE),
        ("store: a login in place of another", NONE, NONE),
        ("get: a login", NONE, NONE),
        ("doctor: all of it", BOTH, NONE),
        ("list: all of it", BOTH, NONE),
        ("status: all tokens", EACH, NONE),
        ("erase: a login", NONE, NONE),
        ("erase: a registry", NONE, NONE),
        ("get: a miss after erase", TIDIED, NONE),
        ("clear: a registry", NONE, NONE),
        ("get: a miss after clear", TIDIED, NONE),
        ("clear: all tokens", EACH, EACH),
    ];
    let alone = calls(&with_others(0));
    for others in [10, 500] {
        let beside = calls(&with_others(others));
        for (((why, told, deleted), alone), beside) in rows.iter().zip(&alone).zip(&beside) {
            let mut expected = alone.clone();
            for (member, more) in [("Get Attributes", told(others)), ("Delete", deleted(others))] {
                if more > 0 {
                    *expected.entry(member.to_owned()).or_default() += more;
                }
            }
            assert_eq!(*beside, expected, "{why}, beside {others} others");
        }
    }
    let expected = [
        (
            1,
            &[
                ("Get Attributes", 1),
                ("GetSecret", 1),
                ("Hello", 1),
                ("OpenSession", 1),
                ("Ping", 1),
                ("SearchItems", 2),
            ][..],
        ),
        (4, &[("Get Locked", 1), ("Hello", 1), ("Ping", 1), ("SearchItems", 2)]),
        (
            7,
            &[
                ("Get Attributes", 1),
                ("GetSecret", 1),
                ("Hello", 1),
                ("OpenSession", 1),
                ("Ping", 1),
                ("SearchItems", 1),
            ],
        ),
        (10, &[("Get Attributes", 2), ("Get Locked", 1), ("Hello", 1), ("Ping", 1), ("SearchItems", 2)]),
        (11, &[("Delete", 1), ("Get Locked", 1), ("Hello", 1), ("Ping", 1), ("SearchItems", 1)]),
    ];
    for (at, expected) in expected {
        let expected: BTreeMap<String, usize> = expected.iter().map(|(name, count)| ((*name).into(), *count)).collect();
        assert_eq!(alone[at], expected, "{}", rows[at].0);
    }
}

#[test]
fn tokens_that_have_ended_are_dropped_some_at_a_time() {
    const ENDED: &str = "1700000000";
    let machine = Machine::new();
    (0..80).for_each(|number| add_token(&machine.bus, number, ENDED));
    add_token(&machine.bus, 80, "4000000000");
    add_login(&machine.bus, 0);
    let ended = || {
        machine.bus.items().iter().filter(|item| item.attributes.get("expires").is_some_and(|end| end == ENDED)).count()
    };
    for (most, why) in [(50, "32 at a time, of which two may live"), (20, "the next ones"), (0, "the rest")] {
        machine.program().run(&["get"], ecr()).exits(0, "a miss");
        let left = ended();
        assert!(left <= most, "{why}: {left}");
        machine.program().run(&["get"], ecr()).exits(0, "a hit");
        assert_eq!(ended(), left, "a hit tidies nothing");
        machine.bus.change(&|item| item.secret = vec![0xff]); // the next one is a miss
    }
    assert_eq!(machine.bus.items().len(), 3, "what lives stays, and the login");
}

#[test]
fn a_fault_of_tidying_up_is_no_matter_of_the_answer() {
    for (knob, why) in [(Knob::PromptOnDelete, "a person would be asked"), (Knob::SlowItems, "it takes too long")] {
        let machine = Machine::new();
        add_token(&machine.bus, 0, "1700000000");
        machine.bus.set(knob);
        let outcome = machine.program().run(&["get"], ecr()).exits(0, why);
        assert_eq!(outcome.stderr, "", "{why}");
        assert!(outcome.json()["Secret"].is_string(), "{why}");
    }
}

fn listed(machine: &Machine, why: &str) -> (usize, String) {
    let outcome = machine.program().run(&["list"], "").exits(0, why);
    (outcome.json().as_object().map_or(0, serde_json::Map::len), outcome.stderr)
}

#[test]
fn f5_2_a_long_list_is_whole_and_one_that_is_cut_says_so() {
    let machine = Machine::new();
    (0..500).for_each(|number| add_login(&machine.bus, number));
    assert_eq!(listed(&machine, "well"), (500, String::new()));
    machine.bus.set(Knob::SlowList);
    assert_eq!(listed(&machine, "longer than the bound of a silence"), (500, String::new()));

    machine.bus.take_calls();
    machine.bus.set(Knob::FallsSilent);
    let (count, stderr) = listed(&machine, "silent in the middle");
    assert!((TOLD / 2..=TOLD).contains(&count), "{count} of {TOLD}");
    let warning = "docker-credential-ecr-rs: warning: ";
    let silent = "the Secret Service did not answer in time: waiting for an answer\n";
    assert_eq!(stderr, format!("{warning}not all that is stored is listed: {silent}"), "one true sentence");
    assert_eq!(machine.bus.calls("SearchItems"), 1, "and one silence: the tokens are not asked for after it");

    machine.bus.take_calls();
    machine.bus.set(Knob::Silent);
    let expected = format!("{warning}what is stored is not listed: {silent}");
    assert_eq!(listed(&machine, "silent from the start"), (0, expected));
    assert_eq!(machine.bus.take_calls().get("Hello"), Some(&1), "one connection, and one silence");
    machine.configure("[cache]\nstore = \"file\"\n");
    machine.program().run(&["get"], ecr()).exits(0, "a token in a file");
    let expected = format!("{warning}not all that is stored is listed: {silent}");
    assert_eq!(listed(&machine, "logins on a bus, tokens in files"), (1, expected));
    machine.configure("");

    let machine = Machine::new();
    (0..TOLD + 50).for_each(|number| add_token(&machine.bus, number, "4000000000"));
    for (arguments, words) in [
        (&["status"][..], "not all cached tokens are listed"),
        (&["status", "--output", "json"], "not all cached tokens are listed"),
    ] {
        machine.bus.take_calls();
        machine.bus.set(Knob::FallsSilent);
        let outcome = machine.program().run(arguments, "").exits(0, words);
        assert!(outcome.stderr.contains(words), "{arguments:?}: {outcome:?}");
    }
    machine.bus.set(Knob::Normal);
    let all: Value = machine.program().run(&["status", "--output", "json"], "").json();
    assert_eq!(all["tokens"].as_array().map(Vec::len), Some(TOLD + 50));
}
