//! The clear-text file store.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};

use ecr_rs::{
    docker::logins::LOGIN,
    keychain::{Entry, Error, ErrorKind, Keychain, Selection, file::FileStore},
    token::cache::TOKEN,
};

use super::contract::{self, FirstStored, assert_kept, listed, login, token};
use crate::support::damage::{Damage, is_healed};

const HOST: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// The only file in a folder.
fn only_file(folder: &Path) -> PathBuf {
    let mut files = fs::read_dir(folder).expect("the folder is there").map(|file| file.expect("readable").path());
    let file = files.next().expect("one file");
    assert_eq!(files.next(), None, "nothing is left beside it");
    file
}

#[track_caller]
fn fault<T>(outcome: Result<T, Error>) -> Error {
    outcome.err().expect("this must be a fault")
}

#[test]
fn keeps_the_promises_of_a_keychain() {
    let folder = folder();
    contract::check(&FileStore::new(folder.path().to_owned()));
    contract::check(&FileStore::new(folder.path().join("not/there/yet")));
}

#[test]
fn a_missing_folder_is_an_empty_store_and_is_not_made_by_looking() {
    let folder = folder();
    let missing = folder.path().join("missing");
    let store = FileStore::new(missing.clone());
    let key = login("ghcr.io", "me", "x").label.key().clone();
    assert!(store.get(&key).expect("asked").is_none());
    assert_eq!(listed(&store), []);
    store.remove(&key).expect("nothing to remove");
    assert!(!missing.exists());
}

#[test]
fn malformed_files_trouble_only_their_own_entry() {
    let whole = {
        let folder = folder();
        FileStore::new(folder.path().to_owned()).put(&login("bad.example", "me", "secret-canary")).expect("it is kept");
        fs::read(only_file(folder.path())).expect("it can be read")
    };
    for (bytes, why) in [
        (Vec::new(), "empty"),
        (whole[..whole.len() / 2].to_vec(), "cut short"),
        ([whole.clone(), b"}".to_vec()].concat(), "something behind it"),
        (b"\xff\xfe\0\0".to_vec(), "not UTF-8"),
        (String::from_utf8_lossy(&whole).replace("bad.example", "new.example").into_bytes(), "another entry's content"),
        (String::from_utf8_lossy(&whole).replace(":1,", ":2,").into_bytes(), "a later version"),
        (vec![b' '; 3 << 20], "three megabytes"),
    ] {
        let folder = folder();
        let store = FileStore::new(folder.path().to_owned());
        let bad = login("bad.example", "me", "secret-canary");
        store.put(&bad).expect("it is kept");
        fs::write(only_file(folder.path()), bytes).expect("it can be written");
        let good = login("good.example", "me", "x");
        store.put(&good).expect("others are kept");

        let fault = fault(store.get(bad.label.key()));
        assert_eq!(fault.kind, ErrorKind::Damaged, "{why}");
        assert!(!fault.to_string().contains("canary"), "{why}: {fault}");
        assert_eq!(listed(&store), std::slice::from_ref(&good.label), "{why}");
        assert_kept(&store, &good);
        store.put(&bad).expect("it is written anew");
        assert_kept(&store, &bad);
    }
}

/// What damages the only file.
type Spoil<'a> = Box<dyn Fn() + 'a>;

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).expect("it is ours");
}

#[test]
fn f1_3_a_damaged_file_is_told_replaced_and_removed() {
    let folder = folder();
    let store = FileStore::new(folder.path().to_owned());
    let file = || only_file(folder.path());
    let change = |change: &dyn Fn(&str) -> String| {
        let text = fs::read_to_string(file()).expect("it can be read");
        fs::write(file(), change(&text)).expect("it can be written");
    };
    for entry in [token(HOST, "a", 1, "canary"), login("ghcr.io", "me", "canary")] {
        let ways: &[(&str, Spoil<'_>)] = &[
            ("cut short", Box::new(|| change(&|text| text[..text.len() / 2].into()))),
            ("empty", Box::new(|| change(&|_| String::new()))),
            ("of a newer version", Box::new(|| change(&|text| text.replace(":1,", ":2,")))),
            ("of another's making", Box::new(|| change(&|_| "{\"token\":\"canary\"}".into()))),
            ("too long", Box::new(|| change(&|text| format!("{text}{}", " ".repeat(2 << 20))))),
            #[cfg(unix)]
            ("of mode 0666", Box::new(|| set_mode(&file(), 0o666))),
            #[cfg(unix)]
            ("anybody may write to it", Box::new(|| set_mode(&file(), 0o602))),
            #[cfg(unix)]
            (
                "a link",
                Box::new(|| {
                    let file = file();
                    fs::remove_file(&file).expect("removed");
                    std::os::unix::fs::symlink("/etc/passwd", file).expect("linked");
                }),
            ),
        ];
        for (why, spoil) in ways {
            is_healed(&store, &entry, &Damage { why, spoil, is_listed: false });
        }
    }
}

/// A piece of a login must not pass for a token, which `clear --all` drops.
#[test]
fn f1_3_a_damaged_login_is_none_of_the_tokens() {
    let folder = folder();
    let store = FileStore::new(folder.path().to_owned());
    store.put(&login("ghcr.io", "me", "canary")).expect("it is kept");
    let text = fs::read_to_string(only_file(folder.path())).expect("it can be read");
    for length in [text.len() - 1, text.len() / 2, 45] {
        fs::write(only_file(folder.path()), &text[..length]).expect("it can be written");
        assert_eq!(store.inventory(&Selection::all(&TOKEN)).expect("asked").damaged, [], "{length} bytes");
        assert_eq!(store.inventory(&Selection::all(&LOGIN)).expect("asked").damaged.len(), 1, "{length} bytes");
    }
}

#[test]
fn f1_12_what_killed_writers_left_behind_is_swept() {
    let folder = folder();
    let store = FileStore::new(folder.path().to_owned());
    let entry = |name: &str| token(HOST, name, 1, "canary");
    store.put(&entry("a")).expect("it is kept");
    let left = |name: &str, age: u64| {
        let path = folder.path().join(format!("{}.7.{age}.new", ecr_rs::digest::sha256(name.as_bytes())));
        fs::write(&path, "canary").expect("it can be written");
        let written = std::time::SystemTime::now() - std::time::Duration::from_secs(age);
        fs::File::options().write(true).open(&path).and_then(|file| file.set_modified(written)).expect("it is ours");
        path
    };
    let (old, young) = (left("b", 3600), left("c", 5));
    let others = folder.path().join("notes.new");
    fs::write(&others, "theirs").expect("it can be written");
    store.put(&entry("a")).expect("it is kept");
    assert!(!old.exists(), "its writer has long been gone");
    assert!(young.exists() && others.exists(), "a writer may be at work, and what is not ours stays");
    let found = store.inventory(&Selection::all(&TOKEN)).expect("asked");
    assert_eq!((found.labels.len(), found.damaged.len()), (1, 1), "{found:?}");
    assert!(found.damaged[0].why.contains("left it behind"), "{found:?}");
    store.remove_all(&Selection::all(&TOKEN)).expect("removed");
    assert!(!young.exists() && others.exists());
    assert_eq!(listed(&store), []);
}

#[test]
fn files_are_as_they_were_first_stored() {
    for FirstStored { entry, name, record, .. } in contract::first_stored() {
        let folder = folder();
        FileStore::new(folder.path().to_owned()).put(&entry).expect("it is kept");
        let file = only_file(folder.path());
        assert_eq!(file.file_name().and_then(|name| name.to_str()), Some(name));
        assert_eq!(fs::read_to_string(file).expect("it can be read"), record);
    }
}

#[test]
fn other_files_in_the_folder_are_left_alone() {
    let folder = folder();
    let store = FileStore::new(folder.path().to_owned());
    // The Go helper keeps its own cache in the same folder, named by the same variable.
    fs::write(folder.path().join("cache.json"), "{}").expect("it can be written");
    fs::create_dir(folder.path().join("a-folder")).expect("it can be made");
    contract::check(&store);
    assert!(folder.path().join("cache.json").exists() && folder.path().join("a-folder").exists());
}

#[test]
fn what_a_killed_put_left_behind_goes_with_its_entry() {
    let folder = folder();
    let store = FileStore::new(folder.path().to_owned());
    let entry = login("ghcr.io", "me", "x");
    store.put(&entry).expect("it is kept");
    let file = only_file(folder.path());
    let left = file.with_extension("1.0.new");
    fs::copy(&file, &left).expect("a copy");
    assert_eq!(listed(&store).len(), 1, "it is no entry");
    store.remove(entry.label.key()).expect("it is removed");
    assert!(!left.exists() && !file.exists());
}

#[test]
fn fifty_writers_and_readers_see_whole_entries() {
    let folder = folder();
    let version = |number: u64| token(HOST, "a", number, &number.to_string().repeat(1000));
    FileStore::new(folder.path().to_owned()).put(&version(0)).expect("the first one");
    thread::scope(|scope| {
        for number in 1..=50 {
            let path = folder.path().to_owned();
            scope.spawn(move || {
                let store = FileStore::new(path);
                store.put(&version(number)).expect("it is kept");
                let Entry { label, secret } = store.get(version(0).label.key()).expect("whole").expect("there");
                let expires = label.attribute("expires").and_then(|text| text.parse().ok()).expect("a token was kept");
                assert_eq!(secret.expose(), version(expires).secret.expose(), "label and secret belong together");
            });
        }
    });
    only_file(folder.path());
}

#[cfg(unix)]
mod unix {
    use std::{
        os::unix::fs::{PermissionsExt, symlink},
        process::Command,
    };

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
    }

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
    }

    #[test]
    fn only_the_owner_can_read() {
        let folder = folder();
        let made = folder.path().join("made");
        FileStore::new(made.clone()).put(&login("ghcr.io", "me", "x")).expect("it is kept");
        assert_eq!((mode(&made), mode(&only_file(&made))), (0o700, 0o600));
    }

    #[test]
    fn what_others_can_change_is_refused() {
        for (spoil, kind, words, why) in [
            (
                (|file| chmod(file, 0o620)) as fn(&Path),
                ErrorKind::Damaged,
                "chmod go-w",
                "its group could have put a token there",
            ),
            (|file| chmod(file, 0o602), ErrorKind::Damaged, "chmod go-w", "anybody could have"),
            (
                |file| chmod(file.parent().expect("in a folder"), 0o770),
                ErrorKind::Refused,
                "chmod go-w",
                "so could a folder's group",
            ),
            (
                |file| chmod(file.parent().expect("in a folder"), 0o703),
                ErrorKind::Refused,
                "chmod go-w",
                "and anybody else",
            ),
            (
                |file| {
                    let elsewhere = file.with_extension("elsewhere");
                    fs::rename(file, &elsewhere).expect("renamed");
                    symlink(elsewhere, file).expect("linked");
                },
                ErrorKind::Damaged,
                "symbolic link",
                "a link may point into another user's folder",
            ),
            (
                |file| {
                    fs::remove_file(file).expect("removed");
                    fs::create_dir(file).expect("a folder in its place");
                },
                ErrorKind::Refused,
                "not a regular file",
                "a folder",
            ),
        ] {
            let folder = folder();
            let store = FileStore::new(folder.path().join("cache"));
            let entry = login("ghcr.io", "me", "x");
            store.put(&entry).expect("it is kept");
            spoil(&only_file(&folder.path().join("cache")));
            let fault = fault(store.get(entry.label.key()));
            assert_eq!(fault.kind, kind, "{why}: {fault}");
            assert!(fault.detail.contains(words), "{why}: {fault}");
        }
    }

    /// Only root can give a file away, so only root can play this.
    #[test]
    fn what_belongs_to_another_user_is_refused() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        for (pick, kind, why) in [
            ((|file| file) as fn(&Path) -> &Path, ErrorKind::Damaged, "a stranger's entry"),
            (|file| file.parent().expect("in a folder"), ErrorKind::Refused, "a stranger's folder"),
        ] {
            let folder = folder();
            let store = FileStore::new(folder.path().to_owned());
            let entry = login("ghcr.io", "me", "x");
            store.put(&entry).expect("it is kept");
            std::os::unix::fs::chown(pick(&only_file(folder.path())), Some(65534), None).expect("root can");
            let fault = fault(store.get(entry.label.key()));
            assert_eq!(fault.kind, kind, "{why}: {fault}");
            assert!(fault.detail.contains("belongs to user 65534"), "{why}: {fault}");
        }
    }

    #[test]
    fn a_pipe_in_an_entrys_place_does_not_hang() {
        let folder = folder();
        let store = FileStore::new(folder.path().to_owned());
        let entry = login("ghcr.io", "me", "x");
        store.put(&entry).expect("it is kept");
        let file = only_file(folder.path());
        fs::remove_file(&file).expect("removed");
        assert!(Command::new("mkfifo").arg(&file).status().expect("it runs").success());
        assert_eq!(fault(store.get(entry.label.key())).kind, ErrorKind::Damaged);
        assert_eq!(listed(&store), []);
    }

    #[test]
    fn put_replaces_a_link_and_does_not_write_through_it() {
        let folder = folder();
        let store = FileStore::new(folder.path().join("cache"));
        let entry = login("ghcr.io", "me", "x");
        store.put(&entry).expect("it is kept");
        let (file, victim) = (only_file(&folder.path().join("cache")), folder.path().join("victim"));
        fs::write(&victim, "precious").expect("written");
        fs::remove_file(&file).expect("removed");
        symlink(&victim, &file).expect("linked");
        store.put(&entry).expect("it is replaced");
        assert_kept(&store, &entry);
        assert_eq!(fs::read_to_string(&victim).expect("there"), "precious");
    }

    /// Root may write everywhere, so these folders refuse for other reasons than their mode.
    #[test]
    fn a_folder_that_cannot_be_used_is_told_with_the_systems_words() {
        let folder = folder();
        let a_file = folder.path().join("a-file");
        fs::write(&a_file, "").expect("written");
        for (path, words, why) in [
            (a_file.clone(), "not a folder", "a file"),
            (a_file.join("below"), "Not a directory", "below a file"),
            (PathBuf::from("/proc/nothing-here"), "/proc/nothing-here", "a file system that makes no folders"),
        ] {
            let fault = fault(FileStore::new(path).put(&login("ghcr.io", "me", "x")));
            assert_eq!(fault.kind, ErrorKind::Refused, "{why}: {fault}");
            assert!(fault.detail.contains(words), "{why}: {fault}");
        }
    }

    #[test]
    fn a_read_only_folder_still_reads() {
        let folder = folder();
        let store = FileStore::new(folder.path().to_owned());
        let entry = login("ghcr.io", "me", "x");
        store.put(&entry).expect("it is kept");
        chmod(folder.path(), 0o500);
        assert_kept(&store, &entry);
        if !rustix::process::geteuid().is_root() {
            let fault = fault(store.put(&entry));
            assert_eq!(fault.kind, ErrorKind::Refused);
            assert!(fault.detail.contains("Permission denied"), "{fault}");
        }
        chmod(folder.path(), 0o700);
    }
}
