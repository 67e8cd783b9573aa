//! `get` of the built binary between a loopback AWS and a fake session bus: what is asked of whom,
//! and what happens when one of them fails.

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    process::Child,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{
    aws::faults::Fault,
    bus::Knob,
    loopback::{ACCOUNT, REGION, ROLE},
    machine::Machine,
    program::{Outcome, finish},
};

fn ecr() -> String {
    format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com")
}

/// The password in an answer without any word on stderr.
#[track_caller]
fn password(outcome: &Outcome) -> String {
    assert_eq!(outcome.stderr, "", "success is silent");
    answered(outcome)
}

/// The password in an answer.
#[track_caller]
fn answered(outcome: &Outcome) -> String {
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    let answer = outcome.json();
    assert_eq!(answer["Username"], "AWS");
    answer["Secret"].as_str().unwrap().to_owned()
}

#[test]
fn a_hit_asks_aws_nothing_and_erase_ends_it() {
    let machine = Machine::new();
    let program = machine.program();
    let first = password(&program.run(&["get"], ecr()));
    for spelling in [ecr(), format!("https://{}/v2/", ecr()), format!("{}:443", ecr())] {
        assert_eq!(password(&program.run(&["get"], &spelling)), first, "{spelling}");
    }
    assert_eq!(machine.minted(), 1);
    assert_eq!(program.run(&["list"], "unused").stdout, format!("{{\"{}\":\"AWS\"}}\n", ecr()));

    let login = json!({"ServerURL": ecr(), "Username": "AWS", "Secret": first}).to_string();
    assert_eq!(program.run(&["store"], login).status, Some(0), "docker login stores back what get gave it");
    assert_eq!(machine.bus.items().len(), 1, "and it is not kept twice");

    assert_eq!(program.run(&["erase"], format!("https://{}", ecr())).status, Some(0));
    assert_eq!(machine.bus.items(), []);
    assert_ne!(password(&program.run(&["get"], ecr())), first);
    assert_eq!(machine.minted(), 2);
}

#[test]
fn long_tokens_survive_the_keychain() {
    let machine = Machine::new();
    for length in [1900, 2714, 5000] {
        machine.aws.tokens.set_length(length);
        machine.program().run(&["erase"], ecr());
        let minted = password(&machine.program().run(&["get"], ecr()));
        assert!(minted.len() >= length, "{} bytes", minted.len());
        assert_eq!(password(&machine.program().run(&["get"], ecr())), minted, "{length} bytes");
    }
}

#[test]
fn a_hit_under_an_assumed_role_asks_aws_nothing() {
    let machine = Machine::new();
    let aws = machine.home.path().join(".aws");
    fs::create_dir(&aws).unwrap();
    let keys = "[base]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n";
    fs::write(aws.join("credentials"), keys).unwrap();
    fs::write(aws.join("config"), format!("[profile role]\nrole_arn = {ROLE}\nsource_profile = base\n")).unwrap();
    let program =
        machine.program().without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY").with("AWS_PROFILE", "role");
    let first = password(&program.run(&["get"], ecr()));
    assert_eq!(machine.aws.calls().len(), 2, "AssumeRole, then GetAuthorizationToken");
    for _ in 0..9 {
        assert_eq!(password(&program.run(&["get"], ecr())), first);
    }
    assert_eq!(machine.aws.calls().len(), 2, "ten pulls, one entry, no further call of any sort");
    assert_eq!(machine.bus.items().len(), 1);
}

#[test]
fn fifty_processes_with_a_cold_cache_make_one_call() {
    let machine = Machine::new();
    let children: Vec<Child> = (0..50).map(|_| machine.program().spawn(&["get"])).collect();
    let passwords: Vec<String> = children.into_iter().map(|child| password(&finish(child, ecr().as_bytes()))).collect();
    assert_eq!(machine.minted(), 1);
    assert!(passwords.iter().all(|password| *password == passwords[0]), "all have the one token");
}

#[test]
fn a_killed_holder_blocks_nobody() {
    let machine = Machine::new();
    machine.aws.faults.times("GetAuthorizationToken", Fault::Silent, 1);
    let mut holder = machine.program().spawn(&["get"]);
    holder.stdin.take().unwrap().write_all(ecr().as_bytes()).unwrap();
    wait_until(|| machine.minted() == 1);
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(!password(&machine.program().run(&["get"], ecr())).is_empty());
    assert_eq!(machine.minted(), 2);
}

#[test]
fn a_hung_holder_blocks_for_a_while_and_no_longer() {
    let machine = Machine::new();
    machine.aws.faults.times("GetAuthorizationToken", Fault::Silent, 3);
    let mut holder = machine.program().with("AWS_MAX_ATTEMPTS", "1").spawn(&["get"]);
    holder.stdin.take().unwrap().write_all(ecr().as_bytes()).unwrap();
    wait_until(|| machine.minted() == 1);
    stop(&holder);
    machine.aws.faults.clear();
    assert!(!password(&machine.program().run(&["get"], ecr())).is_empty(), "it went on without");
    holder.kill().unwrap();
    holder.wait().unwrap();
}

/// Stops a process where it is, as a suspended laptop does: it keeps its lock.
fn stop(child: &Child) {
    let pid = rustix::process::Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
}

/// Waits for another process to get somewhere.
#[track_caller]
fn wait_until(done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "it never came");
        thread::yield_now();
    }
}

#[test]
fn a_keychain_that_fails_costs_one_call_and_one_line() {
    let rows = [
        (Knob::NoService, "no usable Secret Service"),
        (Knob::Locked, "is locked"),
        (Knob::LockedAndBlind, "is locked"),
        (Knob::Refuses, "refused"),
        (Knob::Mute, "did not answer in time"),
        (Knob::Silent, "did not answer in time"),
        (Knob::Closes, "Secret Service"),
        (Knob::HalfMessage, "Secret Service"),
        (Knob::Garbage, "returned malformed data"),
        (Knob::HugeLength, "returned malformed data"),
        (Knob::Flood, "did not answer in time"),
        (Knob::NoDatabase, "has no place for an entry"),
    ];
    // Side by side, because some of them last until a bound is reached.
    thread::scope(|scope| {
        for (knob, words) in rows {
            scope.spawn(move || {
                let machine = Machine::new();
                machine.bus.set(knob);
                costs_one_line(&machine, knob, words);
                let login =
                    |server: &str| json!({ "ServerURL": server, "Username": "AWS", "Secret": "pw" }).to_string();
                let (other, ours) = (login("ghcr.io"), login(&ecr()));
                // Side by side, too.
                let [get, list, store, store_ours] =
                    [("get", "ghcr.io"), ("list", ""), ("store", &other), ("store", &ours)]
                        .map(|(verb, stdin)| (machine.program().spawn(&[verb]), stdin))
                        .map(|(child, stdin)| finish(child, stdin.as_bytes()));
                assert_eq!(get.status, Some(1), "{knob:?}: {get:?}");
                assert!(get.stdout.contains(words), "the real cause, never \"not found\": {knob:?}: {get:?}");
                assert_eq!((list.status, list.stdout.as_str()), (Some(0), "{}\n"), "{knob:?}: list never fails");
                assert_eq!(store.status, Some(1), "a login that is not kept is a failed login: {knob:?}: {store:?}");
                assert_eq!(store_ours.status, Some(0), "ECR's always succeeds: {knob:?}: {store_ours:?}");
            });
        }
    });
}

#[test]
fn a_keychain_that_can_be_read_and_not_written_costs_one_line() {
    for (knob, words) in [(Knob::NoCollection, "has no place for an entry"), (Knob::PromptOnCreate, "is locked")] {
        let machine = Machine::new();
        machine.bus.set(knob);
        costs_one_line(&machine, knob, words);
        let login = r#"{"ServerURL":"ghcr.io","Username":"me","Secret":"pw"}"#;
        let outcome = machine.program().run(&["store"], login);
        assert_eq!(outcome.status, Some(1), "a login that is not kept is a failed login: {knob:?}: {outcome:?}");
    }
}

/// An ECR `get` is answered all the same, with one call to AWS and one line for the person.
#[track_caller]
fn costs_one_line(machine: &Machine, knob: Knob, words: &str) {
    let outcome = machine.program().run(&["get"], ecr());
    assert!(!answered(&outcome).is_empty(), "{knob:?}");
    assert_eq!(outcome.stderr.lines().count(), 1, "{knob:?}: {}", outcome.stderr);
    assert!(outcome.stderr.contains("not cached") && outcome.stderr.contains(words), "{knob:?}: {}", outcome.stderr);
    assert_eq!(machine.minted(), 1, "{knob:?}");
}

#[test]
fn homes_of_all_sorts_still_get_a_token() {
    let machine = Machine::new();
    let read_only = machine.home.path().join("read-only");
    fs::create_dir(&read_only).unwrap();
    fs::set_permissions(&read_only, fs::Permissions::from_mode(0o500)).unwrap();
    for (program, why) in [
        (machine.program().with("HOME", &read_only), "read-only"),
        (machine.program().with("HOME", machine.home.path().join("missing")), "missing"),
        (machine.program().with("HOME", "/dev/null"), "not a folder"),
        // Its caches stay in the test's folder: the password database knows another home.
        (machine.program().without("HOME").with("XDG_CACHE_HOME", machine.home.path()), "no HOME at all"),
        (machine.program().with("XDG_CACHE_HOME", "/dev/null/x"), "a cache folder that cannot be"),
    ] {
        machine.program().run(&["erase"], ecr());
        assert!(!password(&program.run(&["get"], ecr())).is_empty(), "{why}");
    }
}

#[test]
fn a_token_that_still_lives_is_handed_out_when_aws_is_down() {
    let machine = Machine::new();
    machine.aws.tokens.set_life(Duration::from_secs(2 * 60 * 60)); // less than a quarter of 12 hours
    let first = password(&machine.program().run(&["get"], ecr()));
    machine.aws.faults.always("GetAuthorizationToken", Fault::AccessDenied);
    let outcome = machine.program().run(&["get"], ecr());
    assert_eq!(answered(&outcome), first);
    assert!(outcome.stderr.contains("still valid"), "{}", outcome.stderr);
    machine.aws.faults.clear();
    assert_ne!(password(&machine.program().run(&["get"], ecr())), first, "a new one as soon as there is one");
}

#[test]
fn no_bad_answer_of_aws_is_cached() {
    for (fault, words) in [
        (Fault::AccessDenied, "ecr:GetAuthorizationToken"),
        (Fault::Throttled, "throttling requests"),
        (Fault::Internal, "failed on its own side"),
        (Fault::Html, "no usable answer"),
        (Fault::Garbage, "no usable answer"),
        (Fault::Truncated, "no usable answer"),
        (Fault::Cut, "cut the connection"),
        (Fault::Without("authorizationToken"), "no usable token"),
        (Fault::Without("expiresAt"), "no usable token"),
        (Fault::OtherAccount, "999999999999"),
        (Fault::ExpiredToken, "clock"),
        (Fault::ClockSkew, "clock"),
        (Fault::UnknownKey, "does not know the access key"),
        (Fault::SessionExpired, "have expired"),
    ] {
        let machine = Machine::new();
        machine.aws.faults.always("GetAuthorizationToken", fault.clone());
        let outcome = machine.program().with("AWS_MAX_ATTEMPTS", "1").run(&["get"], ecr());
        assert_eq!(outcome.status, Some(1), "{fault:?}: {outcome:?}");
        assert_eq!(outcome.stdout.lines().count(), 1, "{fault:?}: one line for Docker: {outcome:?}");
        assert!(outcome.stdout.contains(ACCOUNT), "{fault:?}: {outcome:?}");
        assert!(!outcome.stdout.contains("not found in native"), "{fault:?}: never the sentence");
        assert!(outcome.stderr.contains(words), "{fault:?}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("  hint: "), "{fault:?}: {}", outcome.stderr);
        assert_eq!(machine.bus.items(), [], "{fault:?}: nothing is kept");
    }
}

#[test]
fn hosts_reach_their_own_endpoint() {
    for (host, endpoint, why) in [
        (format!("{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com"), "api.ecr.eu-west-1.amazonaws.com:443", "classic"),
        (format!("{ACCOUNT}.dkr.ecr-fips.us-east-1.amazonaws.com"), "ecr-fips.us-east-1.amazonaws.com:443", "FIPS"),
        (format!("{ACCOUNT}.dkr-ecr.eu-west-1.on.aws"), "ecr.eu-west-1.api.aws:443", "dual-stack"),
        (format!("{ACCOUNT}.dkr-ecr-fips.us-west-2.on.aws"), "ecr-fips.us-west-2.api.aws:443", "both"),
        (format!("{ACCOUNT}.dkr.ecr.cn-north-1.amazonaws.com.cn"), "api.ecr.cn-north-1.amazonaws.com.cn:443", "China"),
        ("public.ecr.aws".into(), "api.ecr-public.us-east-1.amazonaws.com:443", "ECR Public"),
    ] {
        let machine = Machine::new();
        let program = machine.program_with(machine.aws.proxy_variables());
        assert!(!password(&program.run(&["get"], &host)).is_empty(), "{why}");
        assert!(
            machine.aws.tunnels().iter().any(|tunnel| tunnel.ends_with(endpoint)),
            "{why}: {:?}",
            machine.aws.tunnels()
        );
    }
}

#[test]
fn other_registries_are_kept_beside_entries_that_are_not_ours() {
    let machine = Machine::new();
    // What docker-credential-secretservice writes, for a server that is stored here too.
    machine.bus.add(
        "Docker Credentials",
        &[("server", "ghcr.io"), ("username", "other"), ("docker_cli", "1")],
        b"theirs",
    );
    machine.bus.add("Login", &[("service", "another program"), ("kind", "login"), ("server", "ghcr.io")], b"theirs");
    let foreign = machine.bus.items();
    let program = machine.program();
    for (server, secret) in
        [("ghcr.io", "pw"), ("https://index.docker.io/v1/", "hub"), ("https://index.docker.io/v1/access-token", "at")]
    {
        let login = json!({"ServerURL": server, "Username": "me", "Secret": secret}).to_string();
        let outcome = program.run(&["store"], login);
        assert_eq!((outcome.status, outcome.stdout.as_str(), outcome.stderr.as_str()), (Some(0), "", ""));
    }
    let list: serde_json::Value = serde_json::from_str(&program.run(&["list"], "").stdout).unwrap();
    assert_eq!(list.as_object().unwrap().len(), 3, "ours alone: {list}");
    for server in ["http://ghcr.io/v2/", "docker.io", "https://index.docker.io/v1/access-token"] {
        assert_eq!(program.run(&["get"], server).status, Some(0), "{server}");
        assert_eq!(program.run(&["erase"], server).status, Some(0), "{server}");
        let outcome = program.run(&["get"], server);
        assert_eq!(
            (outcome.status, outcome.stdout.as_str(), outcome.stderr.as_str()),
            (Some(1), "credentials not found in native keychain\n", "")
        );
    }
    assert_eq!(machine.bus.items(), foreign, "other programs' entries are as they were");
}

#[test]
fn the_cache_can_be_moved_and_turned_off() {
    let machine = Machine::new();
    let folder = machine.home.path().join("tokens");
    let program = machine.program().with("AWS_ECR_DISABLE_CACHE", "1");
    assert_ne!(password(&program.run(&["get"], ecr())), password(&program.run(&["get"], ecr())), "off");
    let program = machine.program().with("AWS_ECR_CACHE_DIR", "~/tokens");
    assert_eq!(password(&program.run(&["get"], ecr())), password(&program.run(&["get"], ecr())), "in a folder");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(machine.minted(), 3);
    assert_eq!(machine.bus.items(), [], "and not in the keychain");
}

#[test]
fn a_wrong_configuration_is_named_with_its_line() {
    let machine = Machine::new();
    let config = machine.home.path().join("config.toml");
    fs::write(&config, "[cache]\nstor = \"file\"\n").unwrap();
    let outcome = machine.program().with("ECR_RS_CONFIG", &config).run(&["get"], ecr());
    let place = format!("{}:2: [cache] has no key \"stor\"", config.display());
    assert_eq!((outcome.status, outcome.stdout), (Some(1), format!("{place}\n")));
    assert!(outcome.stderr.contains("hint: did you mean \"store\"?"), "{}", outcome.stderr);
    let version = machine.program().with("ECR_RS_CONFIG", &config).run(&["version"], "");
    assert_eq!(version.status, Some(0), "it is asked for when things are broken");
}

#[test]
fn a_custom_domain_is_served_and_no_other_host() {
    let machine = Machine::new();
    machine.configure(&format!(
        "[[registry]]\nmatch = \"docker.example.com\"\naccount = \"{ACCOUNT}\"\nregion = \"{REGION}\"\n"
    ));
    let program = machine.program();
    let token = password(&program.run(&["get"], "https://Docker.example.com/v2/"));
    assert!(machine.aws.tokens.valid(&token).is_some(), "the registry behind the domain takes it");
    assert_eq!(program.run(&["list"], "").stdout, "{\"docker.example.com\":\"AWS\"}\n");
    for host in ["docker.example.com.evil.example", "evil-docker.example.com", "docker.example.com:8443"] {
        assert_eq!(program.run(&["get"], host).stdout, "credentials not found in native keychain\n", "{host}");
    }
    assert_eq!(machine.minted(), 1);
}
