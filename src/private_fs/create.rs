//! New files, and links: the user's alone, and in nobody's place.

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind},
    path::Path,
};

use super::{
    read::{Links, open_with},
    rights::{owner, user},
};

/// Opens a file to lock, and creates it, mode 0600, where there is none. What it holds stays.
///
/// # Errors
/// The system's, and one in clear words where this is not a regular file, is a link, or belongs to
/// another user, who could keep us waiting.
pub fn open_lock(path: &Path) -> io::Result<File> {
    let file = match create_new(path) {
        Err(err) if err.kind() == ErrorKind::AlreadyExists => {
            open_with(OpenOptions::new().write(true), path, Links::Refuse, |_| false)?
        }
        created => created?,
    };
    match owner(&file.metadata()?) {
        owner if owner == user() => Ok(file),
        _ => Err(io::Error::new(ErrorKind::PermissionDenied, "it belongs to another user")),
    }
}

/// Creates a file for writing, mode 0600 whatever the umask.
///
/// # Errors
/// The system's; [`ErrorKind::AlreadyExists`] where anything of that name is there, a link too.
pub fn create_new(path: &Path) -> io::Result<File> {
    let file = private().write(true).create_new(true).open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // A umask can only take rights away, but it could take the owner's.
        if let Err(err) = file.set_permissions(std::fs::Permissions::from_mode(0o600)) {
            std::fs::remove_file(path).ok(); // the first error is the one to tell
            return Err(err);
        }
    }
    Ok(file)
}

/// Creates a symbolic link to a file.
///
/// # Errors
/// The system's; [`ErrorKind::AlreadyExists`] where anything of that name is there.
#[cfg(unix)]
pub fn create_link(target: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

/// Creates a symbolic link to a file.
///
/// # Errors
/// The system's; [`ErrorKind::AlreadyExists`] where anything of that name is there.
#[cfg(windows)]
pub fn create_link(target: &Path, path: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, path)
}

/// Options for a file that is 0600 from its creation on.
#[cfg(unix)]
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Options for a file that has the rights of its folder.
#[cfg(not(unix))]
fn private() -> OpenOptions {
    OpenOptions::new()
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;

    use super::{
        super::{
            read::{open_no_link, read_all},
            rights::copy_permissions,
            testing::{mode, set_mode, zoo},
        },
        *,
    };

    #[test]
    fn links_and_what_is_no_file_are_never_ours() {
        let zoo = zoo();
        for (name, expected) in [
            ("link", "symbolic link"),
            ("dangling", "symbolic link"),
            ("loop", "symbolic link"),
            ("link-to-null", "symbolic link"),
            ("folder", "folder"),
            ("pipe", "pipe"),
            ("socket", "socket"),
            ("/dev/null", "device"),
        ] {
            let path = zoo.path().join(name);
            for outcome in [open_no_link(&path), open_lock(&path)] {
                let err = outcome.err().unwrap_or_else(|| panic!("{name} was opened")).to_string();
                assert!(err.contains(&format!("it is a {expected}")), "{name}: {err}");
            }
            if !name.starts_with('/') {
                let err = create_new(&path).unwrap_err();
                assert_eq!(err.kind(), ErrorKind::AlreadyExists, "{name}");
            }
        }
        assert!(!zoo.path().join("nowhere").exists(), "what a dangling link names is not made");
        assert_eq!(*read_all(&open_no_link(&zoo.path().join("file")).unwrap(), 9).unwrap(), *b"text");
    }

    #[test]
    fn a_lock_is_made_once_and_keeps_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        drop(open_lock(&path).unwrap());
        assert_eq!(mode(&path), 0o600);
        fs::write(&path, "kept").unwrap();
        let lock = open_lock(&path).unwrap();
        lock.try_lock().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
        if user() == Some(0) {
            std::os::unix::fs::chown(&path, Some(12345), None).unwrap();
            let err = open_lock(&path).unwrap_err();
            assert_eq!(err.to_string(), "it belongs to another user");
        }
    }

    #[test]
    fn permissions_are_copied() {
        let folder = tempfile::tempdir().unwrap();
        let (model, copy) = (folder.path().join("model"), folder.path().join("copy"));
        fs::write(&model, "").unwrap();
        for bits in [0o600, 0o644, 0o664, 0o400] {
            set_mode(&model, bits);
            let file = create_new(&copy).unwrap();
            copy_permissions(&file, &model.metadata().unwrap()).unwrap();
            assert_eq!(mode(&copy), bits);
            fs::remove_file(&copy).unwrap();
        }
    }
}
