//! A user's file, read with care: what it holds, where it really lies, and whether it may be changed.

use std::{
    fs::{self, Metadata},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use crate::{private_fs, report::Report};

/// A file as it was when it was read. No `Debug`: it may hold logins.
pub(super) struct UserFile {
    /// The path that the client uses, which may be a symbolic link.
    pub(super) path: PathBuf,
    /// The file itself, links followed: the one that is replaced, so that links stay links.
    pub(super) real: PathBuf,
    /// What it held; `None` when it did not exist.
    pub(super) text: Option<String>,
    /// Its permissions and owner; `None` when it did not exist.
    pub(super) metadata: Option<Metadata>,
    /// Whether it is a symbolic link that is meant, whose text is where it leads.
    pub(super) is_link: bool,
}

impl UserFile {
    /// Reads a file that may be missing. Refuses what must not be changed: a folder, a dangling
    /// link, a read-only file, another user's file.
    pub(super) fn read(path: &Path) -> Result<UserFile, Report> {
        let real = match fs::canonicalize(path) {
            Ok(real) => real,
            Err(err) if err.kind() == ErrorKind::NotFound => return UserFile::missing(path),
            Err(err) => return Err(cannot_read(path, err)),
        };
        let text = read_text(path)?;
        let metadata = fs::metadata(&real).map_err(|err| cannot_read(path, err))?;
        if !metadata.is_file() {
            let null = io::Error::new(ErrorKind::InvalidInput, "it is a device, not a regular file");
            return Err(cannot_read(path, null));
        }
        check_owner(path, &metadata)?;
        if private_fs::is_read_only(&metadata) {
            return Err(Report::new(format!("{} is read-only", path.display())).hint(
                "another tool may own it (Nix, chezmoi, a mounted secret): make the change there, or `chmod u+w` it",
            ));
        }
        check_folder(&real)?;
        Ok(UserFile { path: path.into(), real, text: Some(text), metadata: Some(metadata), is_link: false })
    }

    /// Reads a symbolic link that may be missing. Refuses what is there and is none.
    pub(super) fn read_link(path: &Path) -> Result<UserFile, Report> {
        let text = link_text(path).map_err(|err| match err.kind() {
            ErrorKind::InvalidInput => Report::new(format!("{} is there and is no link", path.display()))
                .hint("move it away, or leave it: what is there is not overwritten"),
            _ => cannot_read(path, err),
        })?;
        check_folder(path)?;
        Ok(UserFile { path: path.into(), real: path.into(), text, metadata: None, is_link: true })
    }

    fn missing(path: &Path) -> Result<UserFile, Report> {
        if let Ok(target) = fs::read_link(path) {
            let (path, target) = (path.display(), target.display());
            return Err(Report::new(format!("{path} is a symbolic link to {target}, which does not exist"))
                .hint("create the link's target or remove the link"));
        }
        let (folder, metadata) = check_folder(path)?;
        if private_fs::user() == Some(0) {
            check_owner(&folder, &metadata)?; // A new file of root's would lock the folder's owner out.
        }
        Ok(UserFile { path: path.into(), real: path.into(), text: None, metadata: None, is_link: false })
    }

    /// What it held; a missing file reads as an empty one.
    pub(super) fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }

    /// Whether the file still holds what was read.
    pub(super) fn is_unchanged(&self) -> io::Result<bool> {
        if self.is_link {
            return Ok(link_text(&self.path)? == self.text);
        }
        match private_fs::read(&self.path, private_fs::MAX_FILE_SIZE) {
            Ok(now) => Ok(self.text.as_ref().is_some_and(|text| text.as_bytes() == now)),
            Err(err) if err.kind() == ErrorKind::NotFound => Ok(self.text.is_none()),
            Err(err) => Err(err),
        }
    }
}

/// Where a link leads; `None` when there is nothing.
fn link_text(path: &Path) -> io::Result<Option<String>> {
    match fs::read_link(path) {
        Ok(target) => Ok(Some(target.to_string_lossy().into_owned())),
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(None),
        Err(err) => Err(err),
    }
}

/// Reads a text file that may be missing, with no thought of changing it.
pub(super) fn read_if_there(path: &Path) -> Result<Option<String>, Report> {
    match fs::metadata(path) {
        Err(err) if matches!(err.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Ok(_) | Err(_) => read_text(path).map(Some),
    }
}

/// Reads a regular text file whole, within [`private_fs::MAX_FILE_SIZE`].
pub(super) fn read_text(path: &Path) -> Result<String, Report> {
    let bytes = private_fs::read(path, private_fs::MAX_FILE_SIZE).map_err(|err| cannot_read(path, err))?;
    String::from_utf8(bytes).map_err(|err| {
        let before = &err.as_bytes()[..err.utf8_error().valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        Report::new(format!("{}:{line}:{column}: not UTF-8 text", path.display()))
            .hint("save the file as UTF-8; no client can read it as it is")
    })
}

/// Where the kernel makes every file, so that nobody else's can be there, whatever a folder's mode is.
const KERNELS_FOLDERS: [&str; 2] = ["/proc", "/sys"];

/// Looks at the nearest folder that exists: may files be put there?
fn check_folder(file: &Path) -> Result<(PathBuf, Metadata), Report> {
    let folder = file.ancestors().skip(1).find(|folder| folder.as_os_str().is_empty() || folder.exists());
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let metadata = fs::metadata(folder).map_err(|err| cannot_read(folder, err))?;
    if !metadata.is_dir() {
        return Err(Report::new(format!(
            "{} is not a folder, so {} cannot be in it",
            folder.display(),
            file.display()
        ))
        .hint("remove it, or name another folder"));
    }
    if KERNELS_FOLDERS.iter().any(|kernels| folder.starts_with(kernels)) {
        return Err(Report::new(format!("no file can be made in {}, which is the kernel's", folder.display()))
            .hint("set HOME, or the client's own variable such as DOCKER_CONFIG, to a folder on a disk"));
    }
    if private_fs::owner(&metadata) == private_fs::user() && private_fs::is_read_only(&metadata) && cfg!(unix) {
        return Err(Report::new(format!("the folder {} is read-only", folder.display()))
            .hint(format!("`chmod u+w {}`, or name another folder", folder.display())));
    }
    Ok((folder.into(), metadata))
}

/// Refuses another user's file: its owner could not be kept (or, as root, would be a trap: what a
/// link of that user points at would be changed with root's rights).
fn check_owner(path: &Path, metadata: &Metadata) -> Result<(), Report> {
    match (private_fs::owner(metadata), private_fs::user()) {
        (Some(owner), Some(user)) if owner != user => {
            Err(Report::new(format!("{} belongs to another user (id {owner}, you are {user})", path.display()))
                .hint("run it as that user, without sudo; each user has an own configuration and keychain"))
        }
        _ => Ok(()),
    }
}

fn cannot_read(path: &Path, err: io::Error) -> Report {
    let hint = match err.kind() {
        ErrorKind::PermissionDenied => "`chmod u+rwX` it, or run as the user whom it belongs to",
        ErrorKind::NotADirectory => "a part of the path is a file where a folder should be",
        ErrorKind::IsADirectory => "remove the folder: a container that mounts a missing file makes one in its place",
        ErrorKind::InvalidInput => "name a folder with a regular config.json",
        ErrorKind::FileTooLarge => "this is no client's configuration: look what wrote it, and move it away",
        _ => "look at the path with `ls -l`; a symbolic link may lead back to itself",
    };
    Report::new(format!("cannot read {}", path.display())).cause(err).hint(hint)
}
