//! Files: read without a hang and within a bound, and kept from other users where they are ours alone.

use std::{
    fmt,
    fs::{self, DirBuilder, File, Metadata, OpenOptions},
    io::{self, ErrorKind, Read, Write},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
    time::SystemTime,
};

use thiserror::Error;
use zeroize::Zeroizing;

/// The most bytes of a file that a person or another tool wrote for us: a configuration, certificates,
/// a list of digests. They have a few KiB; the certificates of a whole system have half a MiB.
pub const MAX_FILE_SIZE: u64 = 16 << 20;

/// Reads a regular file whole, links followed. The null device reads as an empty file: naming it is
/// how people switch a file of the AWS CLI off.
///
/// # Errors
/// The system's, and one in clear words where this is a folder, pipe, socket or device (which could
/// keep us waiting for ever) or has more than `most` bytes.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    read_all(&open(path)?, most).map(|mut bytes| std::mem::take(&mut *bytes))
}

/// [`read`] of what may hold a secret: the bytes are wiped when they are dropped.
pub fn read_secret(path: &Path, most: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    read_all(&open(path)?, most)
}

/// Reads a regular file of text whole, as [`read`] does.
///
/// # Errors
/// Those of [`read`], and [`ErrorKind::InvalidData`] where it is not UTF-8.
pub fn read_to_string(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(read(path, most)?).map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8 text"))
}

/// Opens a regular file for reading, links followed, or the null device.
///
/// # Errors
/// As of [`read`].
pub fn open(path: &Path) -> io::Result<File> {
    open_with(OpenOptions::new().read(true), path, Links::Follow, is_null)
}

/// Refuses a file that a library is about to read without a bound of its own, where that could wait
/// for ever: a pipe, socket or device. Whatever else is wrong with it the library will find.
pub fn check_no_wait(path: &Path) -> io::Result<()> {
    match open(path) {
        Err(err) if err.kind() == ErrorKind::InvalidInput => Err(err),
        _ => Ok(()),
    }
}

/// Opens a regular file for reading, and no link to one.
///
/// # Errors
/// As of [`read`], and one for a link.
pub fn open_no_link(path: &Path) -> io::Result<File> {
    open_with(OpenOptions::new().read(true), path, Links::Refuse, |_| false)
}

/// Reads an open file to its end into a buffer that is wiped and leaves no copies behind.
///
/// # Errors
/// The system's, and [`ErrorKind::FileTooLarge`] where there are more than `most` bytes.
pub fn read_all(file: &File, most: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    // Room for all of it and for seeing its end: a buffer that grows leaves copies behind.
    let length = file.metadata()?.len().min(most);
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or_default() + 1));
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(ErrorKind::FileTooLarge, format!("it is larger than {most} bytes")));
    }
    Ok(bytes)
}

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
        if let Err(err) = file.set_permissions(fs::Permissions::from_mode(0o600)) {
            fs::remove_file(path).ok(); // the first error is the one to tell
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

/// A private file that is written beside the one whose place it takes, so that a reader sees the old
/// one or the new one, never a part. Dropped before that, it is removed.
#[derive(Debug)]
pub struct Replacement {
    file: Option<File>,
    temporary: PathBuf,
    target: PathBuf,
}

/// Names that are tried for a file that is written before it is renamed.
const ATTEMPTS: u32 = 64;

/// Makes the names of one process differ.
static COUNTER: AtomicU32 = AtomicU32::new(0);

impl Replacement {
    /// Creates the file beside `target`, by [`create_new`]: `TARGET.PROCESS.COUNT.new`.
    pub fn of(target: &Path) -> io::Result<Replacement> {
        let mut last = None;
        for _ in 0..ATTEMPTS {
            let count = COUNTER.fetch_add(1, Ordering::Relaxed);
            let mut name = target.file_name().unwrap_or_default().to_owned();
            name.push(format!(".{}.{count}.new", process::id()));
            let temporary = target.with_file_name(name);
            match create_new(&temporary) {
                Ok(file) => return Ok(Replacement { file: Some(file), temporary, target: target.into() }),
                // Of a killed process with our number, or of one in a container that shares the folder.
                Err(err) if err.kind() == ErrorKind::AlreadyExists => last = Some(err),
                Err(err) => return Err(err),
            }
        }
        Err(last.expect("there was at least one attempt"))
    }

    /// Writes to the new file.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.as_mut().expect("it is open until it takes its place").write_all(bytes)
    }

    /// Flushes what was written to the disk.
    pub fn flush(&self) -> io::Result<()> {
        self.file.as_ref().expect("it is open until it takes its place").sync_all()
    }

    /// Opens it to whom another file is open: it is the user's alone before.
    pub fn copy_permissions(&self, model: &Metadata) -> io::Result<()> {
        copy_permissions(self.file.as_ref().expect("it is open until it takes its place"), model)
    }

    /// When it was written to last, by the file system's clock.
    pub fn modified(&self) -> io::Result<SystemTime> {
        self.file.as_ref().expect("it is open until it takes its place").metadata()?.modified()
    }

    /// Takes the old one's place; where that is a link, the link's. It is not flushed to the disk.
    ///
    /// # Errors
    /// The system's; the old one is as it was. [`ErrorKind::NotFound`] where another removed the new one.
    pub fn rename(mut self) -> io::Result<()> {
        self.file = None; // Windows renames no open file.
        fs::rename(&self.temporary, &self.target)?;
        self.temporary = PathBuf::new();
        Ok(())
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.temporary.as_os_str().is_empty() {
            self.file = None; // Windows removes no open file.
            fs::remove_file(&self.temporary).ok(); // the error that led here is the one to tell
        }
    }
}

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
        std::os::unix::fs::MetadataExt::mode(&made) & 0o700 != 0o700 && made.is_dir() && owner(&made) == user()
    }) {
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
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
    File::open(path)?.sync_all()
}

/// Flushes the names in a folder to the disk, where that can be asked for.
#[cfg(not(unix))]
pub fn flush_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Gives an open file the mode and the group of another. A group that this user may not give away
/// loses its rights instead of handing them to another group.
#[cfg(unix)]
pub fn copy_permissions(file: &File, model: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let mut mode = model.mode() & 0o777;
    if file.metadata()?.gid() != model.gid() {
        let group = rustix::fs::Gid::from_raw(model.gid());
        if rustix::fs::fchown(file, None, Some(group)).is_err() {
            mode &= !0o070;
        }
    }
    file.set_permissions(fs::Permissions::from_mode(mode))
}

/// Does nothing: new files inherit the rights of their folder.
#[cfg(not(unix))]
pub fn copy_permissions(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

/// Why what a file or folder says cannot be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Untrusted {
    /// Another user put it there.
    #[error("it belongs to user {owner} and this is user {user}; use a folder of your own")]
    Foreign {
        /// Whose it is.
        owner: u32,
        /// Who we are.
        user: u32,
    },
    /// Anybody could have changed it.
    #[error("others can write to it; run `chmod go-w` on it")]
    Open,
}

/// Whether this user alone may change a file or folder. On Windows its access list decides.
pub fn check_trusted(metadata: &Metadata) -> Result<(), Untrusted> {
    match (owner(metadata), user()) {
        (Some(owner), Some(user)) if owner != user => Err(Untrusted::Foreign { owner, user }),
        _ if others_can_write(metadata) => Err(Untrusted::Open),
        _ => Ok(()),
    }
}

/// The user whom a file belongs to; `None` on Windows.
#[cfg(unix)]
pub fn owner(metadata: &Metadata) -> Option<u32> {
    Some(std::os::unix::fs::MetadataExt::uid(metadata))
}

/// The user whom a file belongs to; `None` on Windows.
#[cfg(not(unix))]
pub fn owner(_: &Metadata) -> Option<u32> {
    None
}

/// The user whose rights we have; `None` on Windows.
#[cfg(unix)]
pub fn user() -> Option<u32> {
    Some(rustix::process::geteuid().as_raw())
}

/// The user whose rights we have; `None` on Windows.
#[cfg(not(unix))]
pub fn user() -> Option<u32> {
    None
}

/// Whether a file says "do not write": root may write anything, but a file without its owner's
/// right is not meant to be changed.
#[cfg(unix)]
pub fn is_read_only(metadata: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(metadata) & 0o200 == 0
}

/// Whether a file says "do not write".
#[cfg(not(unix))]
pub fn is_read_only(metadata: &Metadata) -> bool {
    metadata.permissions().readonly()
}

/// Whether this user can make files in a folder.
#[cfg(unix)]
pub fn is_writable(folder: &Path) -> bool {
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok()
}

/// Windows tells when files are created.
#[cfg(not(unix))]
pub fn is_writable(_: &Path) -> bool {
    true
}

#[cfg(unix)]
fn others_can_write(metadata: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(metadata) & 0o022 != 0
}

#[cfg(not(unix))]
fn others_can_write(_: &Metadata) -> bool {
    false
}

/// What is done with a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Links {
    Follow,
    Refuse,
}

/// Opens a regular file, or what `accepts` takes besides. Waits for no other program, as opening a
/// pipe (and some devices) would.
fn open_with(options: &mut OpenOptions, path: &Path, links: Links, accepts: fn(&Metadata) -> bool) -> io::Result<File> {
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        let refuse = if links == Links::Refuse { OFlags::NOFOLLOW } else { OFlags::empty() };
        let flags = OFlags::NONBLOCK | refuse;
        std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags.bits().cast_signed());
    }
    let look = || if links == Links::Refuse { path.symlink_metadata() } else { path.metadata() };
    #[cfg(not(unix))]
    if look().is_ok_and(|found| found.is_symlink()) {
        return Err(irregular(&look()?));
    }
    let is_refused = |metadata: &Metadata| !metadata.is_file() && !accepts(metadata);
    match options.open(path) {
        Ok(file) => match file.metadata()? {
            metadata if is_refused(&metadata) => Err(irregular(&metadata)),
            _ => Ok(file),
        },
        // A socket, a link, or a pipe that nobody reads cannot even be opened; the system's words
        // for that do not say so.
        Err(err) => match look() {
            Ok(metadata) if is_refused(&metadata) && err.kind() != ErrorKind::PermissionDenied => {
                Err(irregular(&metadata))
            }
            _ => Err(err),
        },
    }
}

fn irregular(metadata: &Metadata) -> io::Error {
    match metadata.is_dir() {
        true => io::Error::new(ErrorKind::IsADirectory, "it is a folder, not a regular file"),
        false => io::Error::new(ErrorKind::InvalidInput, format!("it is a {}, not a regular file", kind(metadata))),
    }
}

#[cfg(unix)]
fn kind(metadata: &Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    match metadata.file_type() {
        kind if kind.is_symlink() => "symbolic link",
        kind if kind.is_fifo() => "pipe",
        kind if kind.is_socket() => "socket",
        _ => "device",
    }
}

#[cfg(not(unix))]
fn kind(metadata: &Metadata) -> &'static str {
    if metadata.is_symlink() { "symbolic link" } else { "device" }
}

/// Whether this is `/dev/null`, under whichever name.
#[cfg(unix)]
fn is_null(metadata: &Metadata) -> bool {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    let null = || fs::metadata("/dev/null").is_ok_and(|null| null.rdev() == metadata.rdev());
    metadata.file_type().is_char_device() && null()
}

#[cfg(not(unix))]
fn is_null(_: &Metadata) -> bool {
    false
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
    use std::{
        os::unix::{
            fs::{MetadataExt, PermissionsExt, symlink},
            net::UnixListener,
        },
        process::Command,
    };

    use super::*;

    fn pipe(path: &Path) {
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    }

    fn mode(path: &Path) -> u32 {
        path.symlink_metadata().unwrap().mode() & 0o7777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// The names in a folder.
    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut new = Replacement::of(path)?;
        new.write(bytes)?;
        new.rename()
    }

    /// A folder with one of every kind of thing that can have a file's name.
    fn zoo() -> tempfile::TempDir {
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

    #[test]
    fn what_is_read_and_what_is_refused() {
        let zoo = zoo();
        for (name, expected, why) in [
            ("file", Ok("text"), "a file"),
            ("link", Ok("text"), "a link to one"),
            ("empty", Ok(""), "nothing in it"),
            ("/dev/null", Ok(""), "how people switch a file off"),
            ("link-to-null", Ok(""), "the same"),
            ("folder", Err("it is a folder"), "a folder"),
            ("pipe", Err("it is a pipe"), "nobody writes to it"),
            ("link-to-pipe", Err("it is a pipe"), "the same"),
            ("socket", Err("it is a socket"), "it cannot be opened"),
            ("/dev/zero", Err("it is a device"), "it has no end"),
            ("bytes", Err("it is not UTF-8 text"), "no text"),
            ("dangling", Err("No such file"), "nothing there"),
            ("loop", Err("symbolic link"), "a link to itself"),
            ("absent", Err("No such file"), "nothing there"),
            ("file/x", Err("Not a directory"), "a file where a folder should be"),
        ] {
            let found = read_to_string(&zoo.path().join(name), 100).map_err(|err| err.to_string());
            let waits = check_no_wait(&zoo.path().join(name)).is_err();
            assert_eq!(waits, ["pipe", "link-to-pipe", "socket", "/dev/zero"].contains(&name), "{why}: {name}");
            match (&found, expected) {
                (Ok(text), Ok(expected)) => assert_eq!(text, expected, "{why}: {name}"),
                (Err(err), Err(expected)) => assert!(err.contains(expected), "{why}: {name}: {err}"),
                _ => panic!("{why}: {name}: {found:?}"),
            }
        }
    }

    #[test]
    fn within_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, [b'x'; 1000]).unwrap();
        assert_eq!(read(&path, 1000).unwrap().len(), 1000, "just as much");
        for most in [0, 999] {
            let err = read(&path, most).unwrap_err();
            assert_eq!(err.kind(), ErrorKind::FileTooLarge, "{err}");
            assert_eq!(err.to_string(), format!("it is larger than {most} bytes"));
        }
        // Files of the kernel's say that they have 0 bytes.
        assert!(!cfg!(target_os = "linux") || !read(Path::new("/proc/self/status"), 1 << 16).unwrap().is_empty());
    }

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

    #[test]
    fn a_file_is_replaced_as_a_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), "old").unwrap();
        set_mode(&path("file"), 0o666);
        replace(&path("file"), b"new").unwrap();
        replace(&path("fresh"), b"new").unwrap();
        for name in ["file", "fresh"] {
            assert_eq!((fs::read_to_string(path(name)).unwrap(), mode(&path(name))), ("new".into(), 0o600), "{name}");
        }
        symlink("file", path("link")).unwrap();
        replace(&path("link"), b"other").unwrap();
        assert!(path("link").symlink_metadata().unwrap().is_file(), "a link is replaced, not followed");
        assert_eq!(fs::read_to_string(path("file")).unwrap(), "new");

        fs::create_dir(path("folder")).unwrap();
        fs::write(path("folder/x"), "").unwrap();
        replace(&path("folder"), b"new").unwrap_err();
        replace(&path("absent/file"), b"new").unwrap_err();
        let mut begun = Replacement::of(&path("file")).unwrap();
        begun.write(b"half").unwrap();
        assert_eq!(mode(&begun.temporary), 0o600);
        drop(begun);
        let mut gone = Replacement::of(&path("file")).unwrap();
        gone.write(b"whole").unwrap();
        fs::remove_file(&gone.temporary).unwrap();
        assert_eq!(gone.rename().unwrap_err().kind(), ErrorKind::NotFound);
        let mut left = names(folder.path());
        left.sort();
        assert_eq!(left, ["file", "folder", "fresh", "link"], "nothing is left beside them");
        assert_eq!(fs::read_to_string(path("file")).unwrap(), "new");
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
        flush_folder(folder.path()).unwrap();
    }

    /// A strict umask, and a disk that is full in the middle of a file. Both belong to a whole process,
    /// so this test runs once more in one of its own.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "how the second process knows that it is the second")]
    fn whatever_the_umask_and_the_disk_do() {
        const NAME: &str = "private_fs::tests::whatever_the_umask_and_the_disk_do";
        const FOLDER: &str = "PRIVATE_FS_TEST_FOLDER";
        let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("file"), "old").unwrap();
            let ran = Command::new("/bin/sh")
                .args(["-c", "umask 777; ulimit -f 8; trap '' XFSZ; exec \"$@\"", "sh"])
                .arg(std::env::current_exe().unwrap())
                .args(["--exact", NAME])
                .env(FOLDER, folder.path())
                .output()
                .unwrap();
            assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
            let mut left = names(folder.path());
            left.sort();
            assert_eq!(left, ["file", "new"], "it did run there, and left nothing half");
            assert_eq!(fs::read_to_string(folder.path().join("file")).unwrap(), "old");
            return;
        };
        replace(&folder.join("new"), b"new").unwrap();
        assert_eq!(mode(&folder.join("new")), 0o600, "a umask takes nothing from the owner");
        let err = replace(&folder.join("file"), &[b'x'; 1 << 20]).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::FileTooLarge, "{err}");
    }
}
