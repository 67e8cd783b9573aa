//! Folders that are the user's alone.

use std::{
    fmt,
    fs::DirBuilder,
    io::{self, ErrorKind},
    path::Path,
};

use super::rights::{check_trusted, is_writable};

/// Makes a folder that is the user's alone, mode 0700 whatever the umask, with the missing ones above
/// it. One that is there already stays as it is: [`check_trusted`] says whether it can be used.
pub fn create_folder(path: &Path) -> io::Result<()> {
    match create_new_folder(path) {
        Err(err) if err.kind() == ErrorKind::NotFound => match path.parent() {
            Some(above) if !above.as_os_str().is_empty() => {
                create_folder(above)?;
                create_folder_here(path)
            }
            _ => Err(err),
        },
        outcome => accept_existing(path, outcome),
    }
}

/// The same in a folder that is there.
fn create_folder_here(path: &Path) -> io::Result<()> {
    accept_existing(path, create_new_folder(path))
}

/// Another process may have been faster.
fn accept_existing(path: &Path, outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(err) if err.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        outcome => outcome,
    }
}

/// Makes one new folder that is the user's alone, mode 0700 whatever the umask.
///
/// # Errors
/// The system's; [`ErrorKind::AlreadyExists`] where anything of that name is there.
pub fn create_new_folder(path: &Path) -> io::Result<()> {
    folder_builder().create(path)?;
    // A umask can only take rights away, but it could take the owner's.
    #[cfg(unix)]
    if path.symlink_metadata().is_ok_and(|made| {
        std::os::unix::fs::MetadataExt::mode(&made) & 0o700 != 0o700
            && made.is_dir()
            && super::rights::owner(&made) == super::rights::user()
    }) {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    }
    Ok(())
}

/// Makes a folder, as [`create_folder`] does, where there is none, and checks that it is no link,
/// that files can be created in it, and that this user alone can do so.
///
/// # Errors
/// The system's, and one that says what is wrong with the folder.
pub fn own_folder(path: &Path) -> io::Result<()> {
    create_folder(path)?;
    let metadata = path.symlink_metadata()?;
    let refused = |why: &dyn fmt::Display| {
        io::Error::new(ErrorKind::PermissionDenied, format!("{} cannot be used: {why}", path.display()))
    };
    if metadata.is_symlink() {
        return Err(refused(&"it is a symbolic link"));
    }
    check_trusted(&metadata).map_err(|why| refused(&why))?;
    if is_writable(path) { Ok(()) } else { Err(refused(&"it is not writable")) }
}

/// Flushes the names in a folder to the disk.
#[cfg(unix)]
pub fn flush_folder(path: &Path) -> io::Result<()> {
    std::fs::File::open(path)?.sync_all()
}

/// Flushes the names in a folder to the disk, where that can be asked for.
#[cfg(not(unix))]
pub fn flush_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn folder_builder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

#[cfg(not(unix))]
fn folder_builder() -> DirBuilder {
    DirBuilder::new()
}

#[cfg(all(test, unix))]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::{
        super::{
            rights::{Untrusted, is_read_only, user},
            testing::{mode, set_mode},
        },
        *,
    };

    #[test]
    fn whom_to_trust() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        create_folder(&path).unwrap();
        create_folder(&path).unwrap(); // it may be there
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o700, 0o700), "its parents too");
        let trusted = || check_trusted(&path.metadata().unwrap());
        for (mode, expected) in [
            (0o700, Ok(())),
            (0o755, Ok(())),
            (0o720, Err(Untrusted::Open)),
            (0o702, Err(Untrusted::Open)),
            (0o1777, Err(Untrusted::Open)),
        ] {
            set_mode(&path, mode);
            assert_eq!(trusted(), expected, "{mode:o}");
        }
        if user() == Some(0) {
            std::os::unix::fs::chown(&path, Some(12345), None).unwrap();
            assert_eq!(trusted(), Err(Untrusted::Foreign { owner: 12345, user: 0 }), "first: it is not ours to mend");
        }
        set_mode(&path, 0o500);
        assert!(is_read_only(&path.metadata().unwrap()));
        assert!(create_folder(&folder.path().join("a/b")).is_ok());
        fs::write(folder.path().join("file"), "").unwrap();
        assert!(create_folder(&folder.path().join("file")).is_err(), "a file is in its place");
        assert!(create_new_folder(&path).is_err() && create_new_folder(&folder.path().join("file")).is_err());
        create_new_folder(&folder.path().join("new")).unwrap();
        assert_eq!(mode(&folder.path().join("new")), 0o700);
    }

    #[test]
    fn a_folder_of_our_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        own_folder(&path("made/here")).unwrap();
        own_folder(&path("made/here")).unwrap();
        flush_folder(folder.path()).unwrap();
        assert_eq!(mode(&path("made/here")), 0o700);
        fs::write(path("file"), "").unwrap();
        for (target, name) in [("made", "link"), ("nowhere", "dangling")] {
            symlink(target, path(name)).unwrap();
        }
        fs::create_dir(path("open")).unwrap();
        set_mode(&path("open"), 0o777);
        for (name, expected, why) in [
            ("open", "others can write to it", "anybody could put a file there"),
            ("link", "it is a symbolic link", "it may lead anywhere"),
            ("dangling", "File exists", "the same"),
            ("file", "File exists", "no folder"),
            ("file/below", "Not a directory", "no folder above it"),
        ] {
            let err = own_folder(&path(name)).unwrap_err().to_string();
            assert!(err.contains(expected), "{why}: {err}");
        }
        if user() == Some(0) {
            std::os::unix::fs::chown(path("made"), Some(12345), None).unwrap();
            assert!(own_folder(&path("made")).unwrap_err().to_string().contains("belongs to user 12345"));
        } else {
            set_mode(&path("made"), 0o500);
            assert!(own_folder(&path("made")).unwrap_err().to_string().contains("not writable"));
        }
    }
}
