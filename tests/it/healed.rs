//! A cached token that is damaged costs one call to AWS, and is told, replaced and removed. The same of
//! every store is in `stores` and `keychain_contract`.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{
    bus::{Item, Knob},
    loopback::{ACCOUNT, REGION},
    machine::Machine,
    program::Program,
};

fn ecr() -> String {
    format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com")
}

/// Three `get`s: the first may ask AWS, the others find what it kept.
#[track_caller]
fn gets(program: &Program, why: &str) {
    for _ in 0..3 {
        let outcome = program.run(&["get"], ecr()).exits(0, why);
        assert_eq!(outcome.stderr, "", "{why}: a success is silent");
    }
}

/// The only file in the cache.
#[track_caller]
fn cached(machine: &Machine) -> PathBuf {
    let folder = machine.home.path().join(".cache/docker-credential-ecr-rs/tokens");
    let files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

#[test]
fn f1_3_a_damaged_file_is_replaced_told_and_removed() {
    type Spoil = fn(PathBuf);
    fn change(file: PathBuf, change: fn(String) -> String) {
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, change(text)).unwrap();
    }
    let rows: [(Spoil, &str); 7] = [
        (|file| change(file, |text| text[..text.len() / 2].into()), "cut short"),
        (|file| change(file, |_| String::new()), "empty"),
        (|file| change(file, |text| text.replace(":1,", ":2,")), "of a newer version"),
        (|file| change(file, |_| "{\"token\":\"x\"}".into()), "of another's making"),
        (|file| fs::set_permissions(file, fs::Permissions::from_mode(0o666)).unwrap(), "of mode 0666"),
        (|file| std::os::unix::fs::chown(file, Some(12345), None).unwrap_or(()), "another user's (as root)"),
        (
            |file| {
                fs::remove_file(&file).unwrap();
                symlink("/etc/hostname", file).unwrap();
            },
            "a link",
        ),
    ];
    let is_root = rustix::process::geteuid().is_root();
    for (spoil, why) in rows.into_iter().filter(|(_, why)| is_root || !why.contains("as root")) {
        let machine = Machine::new();
        machine.configure("[cache]\nstore = \"file\"\n");
        let program = machine.program();
        gets(&program, why);
        spoil(cached(&machine));
        let name = cached(&machine).display().to_string();
        for arguments in [&["status"][..], &["status", "--output", "json"], &["doctor"]] {
            let told = program.run(arguments, "").stdout;
            assert!(told.contains(&name), "{why}: {arguments:?} names it: {told}");
        }
        assert_eq!(machine.minted(), 1, "{why}");
        gets(&program, why);
        assert_eq!(machine.minted(), 2, "{why}: one call, then it is healed");

        let (host, file) = (ecr(), cached(&machine));
        for (arguments, stdin) in [(&["erase"][..], host.as_str()), (&["clear", &host], ""), (&["clear", "--all"], "")]
        {
            gets(&program, why);
            spoil(file.clone());
            program.run(arguments, stdin).exits(0, format!("{why}: {arguments:?}"));
            assert!(!file.exists() && !file.is_symlink(), "{why}: {arguments:?}");
        }
    }
}

#[test]
fn f1_3_a_damaged_item_is_replaced_told_and_removed() {
    type Spoil = fn(&mut Item);
    let rows: [(Spoil, bool, &str); 4] = [
        (|item| drop(item.attributes.remove("region")), true, "an attribute is missing"),
        (|item| drop(item.attributes.insert("expires".into(), "soon".into())), true, "its end is no number"),
        (
            |item| {
                let region = item.attributes.remove("region").unwrap_or_default();
                item.attributes.insert("place".into(), region);
            },
            true,
            "of a newer version",
        ),
        (|item| item.secret = vec![0xff], false, "its secret is no text"),
    ];
    for (spoil, is_seen, why) in rows {
        let machine = Machine::new();
        let program = machine.program();
        gets(&program, why);
        machine.bus.change(&spoil);
        let name = machine.bus.items()[0].path.clone();
        for arguments in [&["status"][..], &["doctor"]] {
            let told = program.run(arguments, "").stdout;
            assert_eq!(told.contains(&name), is_seen, "{why}: {arguments:?}: {told}");
        }
        let before = machine.minted(); // `doctor` asks for itself where the entry cannot be used
        gets(&program, why);
        assert_eq!((machine.minted() - before, machine.bus.items().len()), (1, 1), "{why}: one call, in its place");
        let host = ecr();
        for (arguments, stdin) in [(&["erase"][..], host.as_str()), (&["clear", &host], ""), (&["clear", "--all"], "")]
        {
            gets(&program, why);
            machine.bus.change(&spoil);
            program.run(arguments, stdin).exits(0, format!("{why}: {arguments:?}"));
            assert_eq!(machine.bus.items(), [], "{why}: {arguments:?}");
        }
    }
}

/// What says that it is another registry's stays: its own `get` may be able to use it.
#[test]
fn f1_3_erase_leaves_damaged_entries_of_other_hosts() {
    let machine = Machine::new();
    machine.program().run(&["get"], ecr()).exits(0, "a token");
    machine.bus.change(&|item| drop(item.attributes.remove("region")));
    machine.program().run(&["erase"], "111122223333.dkr.ecr.us-east-1.amazonaws.com").exits(0, "another registry");
    assert_eq!(machine.bus.items().len(), 1);
    machine.program().run(&["erase"], ecr()).exits(0, "its own");
    assert_eq!(machine.bus.items(), []);
}

#[test]
fn f1_12_clear_all_sweeps_what_killed_writers_left() {
    let machine = Machine::new();
    machine.configure("[cache]\nstore = \"file\"\n");
    gets(&machine.program(), "a token");
    let file = cached(&machine);
    for number in 0..3 {
        fs::copy(&file, format!("{}.4711.{number}.new", file.display())).unwrap();
    }
    let theirs = file.with_file_name("cache.json");
    fs::write(&theirs, "{}").unwrap();
    machine.program().run(&["clear", "--all"], "").exits(0, "all");
    let left: Vec<_> = fs::read_dir(file.parent().unwrap()).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(left, [theirs], "every token, and nothing else");
}

#[test]
fn f1_17_a_umask_that_takes_the_owners_rights() {
    for umask in ["0777", "0", "0377"] {
        let machine = Machine::new();
        machine.configure("[cache]\nstore = \"file\"\n");
        let shell = machine.aws.endpoint_variables().into_iter().fold(
            Program::at("/bin/sh", machine.home.path()).with("TMPDIR", machine.home.path()),
            |program, (name, value)| program.with(name, value),
        );
        let script = format!("umask {umask}; exec {} get", Machine::binary().display());
        for _ in 0..2 {
            let outcome = shell.run(&["-c", &script], ecr()).exits(0, umask);
            assert_eq!(outcome.stderr, "", "{umask}");
        }
        assert_eq!(machine.minted(), 1, "{umask}: it was kept");
        let ours = machine.home.path().join(".cache");
        let mut folders = vec![ours];
        while let Some(folder) = folders.pop() {
            assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o7777, 0o700, "{umask}: {folder:?}");
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                match entry.file_type().unwrap().is_dir() {
                    true => folders.push(entry.path()),
                    false => {
                        let mode = entry.metadata().unwrap().permissions().mode() & 0o7777;
                        assert_eq!(mode, 0o600, "{umask}: {:?}", entry.path());
                    }
                }
            }
        }
    }
}

/// Ten entries on a keychain that needs two seconds to delete or show one.
#[test]
fn f1_18_old_entries_on_a_slow_keychain_cost_one_bound() {
    const MANY: u32 = 10;
    let add = |machine: &Machine, expires: &str| {
        for number in 0..MANY {
            let identity = format!("f00d{number}");
            let attributes = [
                ("service", "docker-credential-ecr-rs"),
                ("kind", "token"),
                ("host", &ecr()),
                ("identity", &identity),
                ("account", ACCOUNT),
                ("region", REGION),
                ("expires", expires),
            ];
            machine.bus.add("by another identity", &attributes, b"old");
        }
    };
    let bound = Duration::from_secs(12); // one after the other they took 20 s
    let machine = Machine::new();
    add(&machine, "1700000000");
    machine.bus.set(Knob::SlowItems);
    let started = Instant::now();
    let outcome = machine.program().run(&["get"], ecr()).exits(0, "a token");
    assert!(started.elapsed() < bound, "{:?}", started.elapsed());
    assert_eq!(outcome.stderr, "", "the token is kept: tidying up is no matter of it");

    let machine = Machine::new();
    add(&machine, "4000000000");
    machine.bus.set(Knob::SlowItems);
    let login = json!({ "ServerURL": ecr(), "Username": "AWS", "Secret": "brought" }).to_string();
    let started = Instant::now();
    machine.program().run(&["store"], login).exits(0, "docker login");
    assert!(started.elapsed() < bound, "{:?}", started.elapsed());
    assert!(machine.bus.items().iter().any(|item| item.secret == b"brought"), "it is kept");
}
