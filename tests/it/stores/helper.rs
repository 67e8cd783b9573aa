//! `HelperStore` over small helpers: shell scripts that speak Docker's protocol, or do not.

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    sync::OnceLock,
};

use ecr_rs::{
    docker::logins::LOGIN,
    keychain::{Entry, Error, ErrorKind, Key, Keychain, Label, helper::HelperStore},
    token::cache::TOKEN,
};

use super::contract::{assert_kept, login, token};

/// A helper that works as `pass` does: exact server names, one file each, under `$0.d`.
const KEEPER: &str = r#"
folder="$0.d"; mkdir -p "$folder"; input=$(cat)
file="$folder/$(printf %s "$input" | sed 's/.*"ServerURL":"\([^"]*\)".*/\1/' | tr '/' '|')"
missing() { echo "credentials not found in native keychain"; exit 1; }
case "$1" in
    store) printf '%s\n' "$input" > "$file" ;;
    get) [ -f "$file" ] || missing; cat "$file" ;;
    erase) [ -f "$file" ] || missing; rm "$file" ;;
    list)
        comma=; printf '{'
        for file in "$folder"/*; do
            [ -f "$file" ] || continue
            printf '%s' "$comma"; comma=,
            sed 's/.*"ServerURL":\("[^"]*"\).*"Username":\("[^"]*"\).*/\1:\2/' "$file"
        done
        printf '}\n' ;;
esac
"#;

/// A helper that works as docker-credential-pass 0.6.4 does: a file for each user name of a server, of which the first
/// by name is the login, and an error where there is nothing to erase.
const PASS: &str = r#"
folder="$0.d"; mkdir -p "$folder"; input=$(cat)
field() { printf %s "$input" | sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/"; }
first() { for file in "$1"/*; do [ -f "$file" ] && exec printf %s "${file##*/}"; done; }
case "$1" in
    store) mkdir -p "$folder/$(field ServerURL)"; field Secret > "$folder/$(field ServerURL)/$(field Username)" ;;
    get)
        [ -d "$folder/$input" ] || exec echo '{"ServerURL":"","Username":"","Secret":""}'
        name=$(first "$folder/$input")
        printf '{"Username":"%s","Secret":"%s"}\n' "$name" "$(cat "$folder/$input/$name")" ;;
    erase)
        [ -d "$folder/$input" ] || { echo "exit status 1: Error: $input is not in the password store."; exit 1; }
        rm -r "${folder:?}/$input" ;;
    list)
        comma=; printf '{'
        for server in "$folder"/*; do
            [ -d "$server" ] || continue
            printf '%s"%s":"%s"' "$comma" "${server##*/}" "$(first "$server")"; comma=,
        done
        printf '}\n' ;;
esac
"#;

/// Helpers that misbehave, by suffix.
const OTHERS: [(&str, &str); 20] = [
    ("knows-nothing", r#"cat > /dev/null; echo "credentials not found in native keychain"; exit 1"#),
    ("null", "cat > /dev/null; echo null"),
    ("empty-login", r#"cat > /dev/null; echo '{"ServerURL":"","Username":"","Secret":""}'"#),
    ("lower-case", r#"cat > /dev/null; echo '{"serverurl":"","username":"u","secret":"s","more":1}'"#),
    ("angry", r"cat > /dev/null; printf 'error: exit status 2:\n  gpg: \033[31mdecryption failed\033[0m\n'; exit 1"),
    ("near-miss", r#"cat > /dev/null; echo "not now: credentials not found in native keychain"; exit 1"#),
    ("wordless", "cat > /dev/null; exit 7"),
    ("killed", "cat > /dev/null; kill -9 $$"),
    ("echo", r#"cat; echo; exit 1"#),
    ("parrot", r#"printf 'bad password: '; sed 's/.*"Secret":"\([^"]*\)".*/\1/'; exit 1"#),
    ("garbage", "cat > /dev/null; echo 'hello world'"),
    ("trailing", r#"cat > /dev/null; echo '{"Username":"u","Secret":"canary"} trailing'"#),
    ("huge", "cat > /dev/null; exec yes '{\"Username\":'"),
    ("deaf", r#"exec < /dev/null; echo '{"Username":"u","Secret":"s"}'"#),
    ("hang", "[ \"$1\" = list ] && exec echo '{}'; exec sleep 600"),
    ("lower", r#"cat > /dev/null; echo '{"username":"u","secret":"canary 2"}'; exit 1"#),
    ("escaped", r#"cat > /dev/null; echo '{"Username":"u","\u0053ecret":"canary 2"}'; exit 1"#),
    ("python", r#"cat > /dev/null; echo "error: {'Secret': 'canary 2'}"; exit 1"#),
    ("quoted", r#"cat > /dev/null; echo 'bad answer "{\"SECRET\":\"canary 2\"}"'; exit 1"#),
    ("cut", r#"cat > /dev/null; echo 'error: {"a":[{"sEcReT" : "canary'; exit 1"#),
];

/// The folder with all helpers. Written once, before any of them runs: a file that another
/// thread's child still holds open for writing cannot be executed.
fn helpers() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("helpers");
        fs::create_dir_all(&folder).expect("a folder");
        for (suffix, script) in OTHERS.into_iter().chain([("keeper", KEEPER), ("pass", PASS), ("ecr-rs", "exit 1")]) {
            let path = folder.join(format!("docker-credential-{suffix}"));
            let script = format!("#!/bin/sh\n{script}\n");
            if fs::read_to_string(&path).is_ok_and(|written| written == script) {
                continue; // By an earlier run, or by one that goes on beside us.
            }
            fs::write(&path, script).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
        }
        fs::write(folder.join("docker-credential-no-program"), "not executable").expect("written");
        folder
    })
}

fn helper(suffix: &str) -> HelperStore {
    HelperStore::find(suffix, helpers().as_os_str()).expect("it is there")
}

/// A keeper with a memory of its own: scripts see the name they were called by.
fn keeper(folder: &tempfile::TempDir) -> HelperStore {
    with_memory("keeper", folder)
}

fn with_memory(suffix: &str, folder: &tempfile::TempDir) -> HelperStore {
    let helper = helpers().join(format!("docker-credential-{suffix}"));
    symlink(helper, folder.path().join("docker-credential-mine")).expect("linked");
    HelperStore::find("mine", folder.path().as_os_str()).expect("it is there")
}

#[track_caller]
fn fault<T>(outcome: Result<T, Error>) -> Error {
    outcome.err().expect("this must be a fault")
}

/// A login as it comes back: helpers know one spelling.
fn plain(server: &str, username: &str, secret: &str) -> Entry {
    let label = Label::new(Key::new(&LOGIN, &[server]), &[server, username]);
    Entry { label, ..login(server, username, secret) }
}

#[test]
fn logins_come_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = keeper(&folder);
    assert_eq!(store.list(&LOGIN).expect("asked"), []);
    let entries = [
        plain("ghcr.io", "me", "hunter2"),
        plain("r.example:5000", "ünï", "☃ \"\\\n\u{1} $(reboot) `x` %s"),
        plain("https://index.docker.io/v1/", "<token>", &"t".repeat(5000)),
        plain("https://index.docker.io/v1/access-token", "<token>", &"a".repeat(16384)),
        plain("host.example/with/path", "me", "p"),
    ];
    for entry in &entries {
        assert!(store.get(entry.label.key()).expect("asked").is_none());
        store.put(entry).expect("it is kept");
        assert_kept(&store, entry);
    }
    assert_eq!(store.list(&LOGIN).expect("asked").len(), entries.len());
    for entry in &entries {
        assert!(store.list(&LOGIN).expect("asked").contains(&entry.label), "{:?}", entry.label);
        for _twice in 0..2 {
            store.remove(entry.label.key()).expect("also when it is gone already");
        }
        assert!(store.get(entry.label.key()).expect("asked").is_none());
    }
}

#[test]
fn what_docker_stored_before_is_found_and_what_we_store_docker_finds() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = keeper(&folder);
    // Spelled otherwise by a client, stored as Docker asks for it.
    let entry = login("ghcr.io", "me", "x");
    store.put(&entry).expect("it is kept");
    let kept = folder.path().join("docker-credential-mine.d/ghcr.io");
    assert!(fs::read_to_string(kept).expect("under Docker's name").contains(r#""ServerURL":"ghcr.io""#));

    // Old entries: another spelling, and an ECR registry from before this program came.
    let before = folder.path().join("docker-credential-mine.d");
    for (file, server) in [("1", "https://old.example/v2/"), ("2", "123456789012.dkr.ecr.eu-west-1.amazonaws.com")] {
        let json = format!(r#"{{"ServerURL":"{server}","Username":"u","Secret":"s"}}"#);
        fs::write(before.join(file), json).expect("written");
    }
    let labels = store.list(&LOGIN).expect("asked");
    let old = Label::new(Key::new(&LOGIN, &["old.example"]), &["https://old.example/v2/", "u"]);
    assert!(labels.contains(&old), "the key is canonical, the spelling is the helper's: {labels:?}");
    assert_eq!(labels.len(), 2, "ECR's tokens are not logins: {labels:?}");
}

#[test]
fn f7_6_a_helper_that_keeps_user_names_side_by_side() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = with_memory("pass", &folder);
    let server = folder.path().join("docker-credential-mine.d/ghcr.io");
    let key = plain("ghcr.io", "bob", "").label.key().clone();
    store.remove(&key).expect("erasing nothing is fine");
    for (username, why) in [("bob", "the first"), ("bob", "the same"), ("carl", "behind it"), ("alice", "before it")] {
        let entry = plain("ghcr.io", username, &format!("secret of {username}"));
        store.put(&entry).expect("it is kept");
        assert_kept(&store, &entry);
        let names: Vec<_> = fs::read_dir(&server).expect("kept").map(|file| file.expect("read").file_name()).collect();
        assert_eq!(names, [username], "no other is left: {why}");
    }
    for _twice in 0..2 {
        store.remove(&key).expect("also when it is gone already");
        assert!(store.get(&key).expect("asked").is_none());
    }
}

#[test]
fn answers_that_mean_there_is_none() {
    let key = login("ghcr.io", "me", "x").label.key().clone();
    for (suffix, why) in [("knows-nothing", "the protocol's sentence"), ("empty-login", "as docker-py reads it")] {
        assert!(helper(suffix).get(&key).unwrap_or_else(|fault| panic!("{why}: {fault}")).is_none(), "{why}");
    }
    helper("knows-nothing").remove(&key).expect("erasing the unknown is fine");
    assert_eq!(helper("null").list(&LOGIN).expect("an empty map in Go"), []);
    let found = helper("lower-case").get(&key).expect("asked").expect("there is one");
    assert_eq!(found.secret.expose(), "s");
    assert_kept(&helper("deaf"), &plain("ghcr.io", "u", "s"));
}

#[test]
fn f1_13_faults_pass_on_the_helpers_words_and_never_the_secret() {
    let entry = login("ghcr.io", "me", "the canary");
    for (suffix, kind, words, why) in [
        (
            "angry",
            ErrorKind::Refused,
            "docker-credential-angry get: error: exit status 2: gpg: [31mdecryption failed [0m",
            "its own words, whole, on one line, without control characters",
        ),
        ("near-miss", ErrorKind::Refused, "not now", "only the exact sentence means that there is none"),
        ("wordless", ErrorKind::Refused, "exit status: 7", "nothing but its status"),
        ("killed", ErrorKind::Refused, "signal: 9", "it crashed"),
        ("garbage", ErrorKind::Malformed, "not the JSON", "no JSON"),
        ("trailing", ErrorKind::Malformed, "not the JSON", "JSON and more"),
        ("null", ErrorKind::Malformed, "not the JSON", "no login"),
        ("huge", ErrorKind::Malformed, "1048576", "an answer without end"),
    ] {
        let fault = fault(helper(suffix).get(entry.label.key()));
        assert_eq!((fault.store, fault.kind), ("credential helper", kind), "{why}: {fault}");
        assert!(fault.detail.contains(words), "{why}: {fault}");
        assert!(!format!("{fault} {fault:?}").contains("canary"), "{why}: {fault}");
    }
    for (suffix, words, why) in [
        ("echo", "printed an answer and then failed", "it repeats all of its input"),
        ("parrot", "bad password: ***", "it repeats the secret"),
        ("lower", "printed an answer and then failed", "in lower case"),
        ("escaped", "printed an answer and then failed", "with an escape in the member's name"),
        ("python", "printed an answer and then failed", "as Python prints a dictionary"),
        ("quoted", "printed an answer and then failed", "within a text"),
        ("cut", "printed an answer and then failed", "cut short"),
    ] {
        let fault = fault(helper(suffix).put(&entry));
        assert!(fault.detail.contains(words), "{why}: {fault}");
        assert!(!format!("{fault} {fault:?}").contains("canary"), "{why}: {fault}");
    }
    for suffix in ["angry", "garbage", "wordless"] {
        fault(helper(suffix).list(&LOGIN));
    }
    fault(helper("angry").remove(entry.label.key()));
}

/// Takes the helper's timeout once, by design.
#[test]
fn a_helper_that_hangs_is_ended() {
    let entry = login("ghcr.io", "me", &"x".repeat(200_000)); // More than a pipe holds: nobody reads it.
    let fault = fault(helper("hang").put(&entry));
    assert_eq!(fault.kind, ErrorKind::Timeout);
    assert!(fault.detail.contains("docker-credential-hang store: stopped after 10 s"), "{fault}");
}

#[test]
fn ecr_tokens_are_not_its_business() {
    let entry = token("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "a", 1, "x");
    let key = entry.label.key();
    let store = helper("hang"); // It is not even started.
    for fault in [fault(store.get(key)), fault(store.put(&entry)), fault(store.remove(key)), fault(store.list(&TOKEN))]
    {
        assert_eq!(fault.kind, ErrorKind::Refused);
    }
}

#[test]
fn only_a_plain_name_of_another_program_is_run() {
    let folder = tempfile::tempdir().expect("a folder");
    symlink(helpers().join("docker-credential-ecr-rs"), folder.path().join("docker-credential-alias")).expect("linked");
    let path = std::env::join_paths([Path::new("relative"), helpers(), folder.path()]).expect("no colon in them");
    for (suffix, kind, words, why) in [
        ("", ErrorKind::Refused, "no name of a helper", "nothing"),
        ("../pass", ErrorKind::Refused, "no name of a helper", "a path"),
        ("/usr/bin/pass", ErrorKind::Refused, "no name of a helper", "an absolute path"),
        ("a b;c", ErrorKind::Refused, "no name of a helper", "a command"),
        ("pass\u{1b}[0m", ErrorKind::Refused, "no name of a helper", "a control character"),
        ("ecr-rs", ErrorKind::Refused, "this program itself", "a loop"),
        ("ECR-RS", ErrorKind::Refused, "this program itself", "a loop where names know no case"),
        ("alias", ErrorKind::Refused, "this program itself", "a loop by another name"),
        ("not-there", ErrorKind::Unavailable, "not on the PATH", "not installed"),
        ("no-program", ErrorKind::Unavailable, "not on the PATH", "cannot be executed"),
    ] {
        let fault = fault(HelperStore::find(suffix, &path));
        assert_eq!(fault.kind, kind, "{why}: {fault}");
        assert!(fault.detail.contains(words) && !fault.detail.contains('\u{1b}'), "{why}: {fault}");
    }
    for path in [OsString::new(), OsString::from("::relative:")] {
        assert_eq!(
            fault(HelperStore::find("angry", &path)).kind,
            ErrorKind::Unavailable,
            "only absolute folders count"
        );
    }
    HelperStore::find("angry", OsStr::new(&path)).expect("the right folder is not the first one");
}
