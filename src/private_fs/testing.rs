//! What the unit tests of this room share.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, symlink},
        net::UnixListener,
    },
    path::Path,
    process::Command,
};

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

pub(super) fn mode(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().mode() & 0o7777
}

pub(super) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The names in a folder.
pub(super) fn names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// A folder with one of every kind of thing that can have a file's name.
pub(super) fn zoo() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("file"), "text").unwrap();
    fs::write(path("empty"), "").unwrap();
    fs::write(path("bytes"), b"\xff\xfe").unwrap();
    fs::create_dir(path("folder")).unwrap();
    pipe(&path("pipe"));
    drop(UnixListener::bind(path("socket")).unwrap());
    for (target, name) in [
        ("file", "link"),
        ("nowhere", "dangling"),
        ("loop", "loop"),
        ("pipe", "link-to-pipe"),
        ("/dev/null", "link-to-null"),
    ] {
        symlink(target, path(name)).unwrap();
    }
    folder
}
