//! A user's file, read with care: what it holds, where it really lies, and whether it may be changed.

use std::{
    fs::{self, Metadata},
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::Error;

/// The largest file that is taken for a configuration. Docker's own files are a few KiB.
pub const LARGEST: u64 = 16 * 1024 * 1024;

/// A file as it was when it was read.
#[derive(Debug)]
pub(super) struct UserFile {
    /// The path that the client uses, which may be a symbolic link.
    pub(super) path: PathBuf,
    /// The file itself, links followed: the one that is replaced, so that links stay links.
    pub(super) real: PathBuf,
    /// What it held; `None` when it did not exist.
    pub(super) text: Option<String>,
    /// Its permissions and owner; `None` when it did not exist.
    pub(super) metadata: Option<Metadata>,
}

impl UserFile {
    /// Reads a file that may be missing. Refuses what must not be changed: a folder, a dangling
    /// link, a read-only file, another user's file.
    pub(super) fn read(path: &Path) -> Result<UserFile, Error> {
        let failed = |err: io::Error| cannot_read(path, err);
        let real = match fs::canonicalize(path) {
            Ok(real) => real,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return UserFile::missing(path),
            Err(err) => return Err(failed(err)),
        };
        let metadata = fs::metadata(&real).map_err(failed)?;
        check_kind(path, &metadata)?; // First: what is wrong with a folder is not its mode.
        check_owner(path, &metadata)?;
        if read_only(&metadata) {
            return Err(Error::new(
                format!("{} is read-only", path.display()),
                "another tool may own it (Nix, chezmoi, a mounted secret): make the change there, or `chmod u+w` it",
            ));
        }
        check_folder(&real)?;
        let text = read_text(path, &real)?;
        Ok(UserFile { path: path.into(), real, text: Some(text), metadata: Some(metadata) })
    }

    fn missing(path: &Path) -> Result<UserFile, Error> {
        if let Ok(target) = fs::read_link(path) {
            return Err(Error::new(
                format!("{} is a symbolic link to {}, which does not exist", path.display(), target.display()),
                "create the link's target or remove the link",
            ));
        }
        let (folder, metadata) = check_folder(path)?;
        if is_root() {
            check_owner(&folder, &metadata)?; // A new file of root's would lock the folder's owner out.
        }
        Ok(UserFile { path: path.into(), real: path.into(), text: None, metadata: None })
    }

    /// What it held; a missing file reads as an empty one.
    pub(super) fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }

    /// Whether the file still holds what was read.
    pub(super) fn is_unchanged(&self) -> io::Result<bool> {
        let mut now = Vec::new();
        match fs::File::open(&self.path) {
            Ok(file) => file.take(LARGEST + 1).read_to_end(&mut now)?,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(self.text.is_none()),
            Err(err) => return Err(err),
        };
        Ok(self.text.as_ref().is_some_and(|text| text.as_bytes() == now))
    }
}

/// Reads a regular text file whole, within [`LARGEST`].
pub(super) fn read_text(path: &Path, real: &Path) -> Result<String, Error> {
    check_kind(path, &fs::metadata(real).map_err(|err| cannot_read(path, err))?)?;
    let mut bytes = Vec::new();
    fs::File::open(real)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(|err| cannot_read(path, err))?;
    if bytes.len() as u64 > LARGEST {
        return Err(Error::new(
            format!("{} is larger than {} MiB", path.display(), LARGEST / 1024 / 1024),
            "this is no client's configuration: look what wrote it, and move it away",
        ));
    }
    String::from_utf8(bytes).map_err(|err| {
        let valid = err.utf8_error().valid_up_to();
        let before = &err.as_bytes()[..valid];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        Error::new(
            format!("{}:{line}:{column}: not UTF-8 text", path.display()),
            "save the file as UTF-8; no client can read it as it is",
        )
    })
}

/// Refuses what is not a regular file, before it is opened: opening a named pipe would wait for ever.
fn check_kind(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    if metadata.is_dir() {
        return Err(Error::new(
            format!("{} is a folder, not a file", path.display()),
            "remove the folder: a container that mounts a missing file makes one in its place",
        ));
    }
    if !metadata.is_file() {
        return Err(Error::new(
            format!("{} is not a regular file", path.display()),
            "name a folder with a regular config.json",
        ));
    }
    Ok(())
}

/// Looks at the nearest folder that exists: may files be put there?
fn check_folder(file: &Path) -> Result<(PathBuf, Metadata), Error> {
    let folder = file.ancestors().skip(1).find(|folder| folder.as_os_str().is_empty() || folder.exists());
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let metadata = fs::metadata(folder).map_err(|err| cannot_read(folder, err))?;
    if !metadata.is_dir() {
        return Err(Error::new(
            format!("{} is not a folder, so {} cannot be in it", folder.display(), file.display()),
            "remove it, or name another folder",
        ));
    }
    if owner(&metadata).is_none_or(|owner| Some(owner) == ours()) && read_only(&metadata) && cfg!(unix) {
        return Err(Error::new(
            format!("the folder {} is read-only", folder.display()),
            format!("`chmod u+w {}`, or name another folder", folder.display()),
        ));
    }
    Ok((folder.into(), metadata))
}

/// Refuses another user's file: its owner could not be kept (or, as root, would be a trap: what a
/// link of that user points at would be changed with root's rights).
fn check_owner(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    match (owner(metadata), ours()) {
        (Some(owner), Some(ours)) if owner != ours => Err(Error::new(
            format!("{} belongs to another user (id {owner}, you are {ours})", path.display()),
            "run it as that user, without sudo; each user has an own configuration and keychain",
        )),
        _ => Ok(()),
    }
}

fn cannot_read(path: &Path, err: io::Error) -> Error {
    let hint = match err.kind() {
        io::ErrorKind::PermissionDenied => "`chmod u+rwX` it, or run as the user whom it belongs to",
        io::ErrorKind::NotADirectory => "a part of the path is a file where a folder should be",
        _ => "look at the path with `ls -l`; a symbolic link may lead back to itself",
    };
    Error { what: format!("cannot read {}", path.display()), cause: Some(err), hint: hint.into() }
}

#[cfg(unix)]
fn owner(metadata: &Metadata) -> Option<u32> {
    Some(std::os::unix::fs::MetadataExt::uid(metadata))
}

#[cfg(unix)]
fn ours() -> Option<u32> {
    Some(rustix::process::geteuid().as_raw())
}

/// Root may write anything, but a file without the owner's write bit says "do not".
#[cfg(unix)]
fn read_only(metadata: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(metadata) & 0o200 == 0
}

#[cfg(unix)]
fn is_root() -> bool {
    ours() == Some(0)
}

#[cfg(not(unix))]
fn owner(_: &Metadata) -> Option<u32> {
    None
}

#[cfg(not(unix))]
fn ours() -> Option<u32> {
    None
}

#[cfg(not(unix))]
fn read_only(metadata: &Metadata) -> bool {
    metadata.permissions().readonly()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}
