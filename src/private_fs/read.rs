//! Reading: regular files alone, without waiting for another program, within a bound.

use std::{
    fs::{File, Metadata, OpenOptions},
    io::{self, ErrorKind, Read},
    path::Path,
};

use crate::secret::Wiped;

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
pub fn read_secret(path: &Path, most: u64) -> io::Result<Wiped<Vec<u8>>> {
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
pub fn read_all(file: &File, most: u64) -> io::Result<Wiped<Vec<u8>>> {
    // Room for all of it and for seeing its end: a buffer that grows leaves copies behind.
    let length = file.metadata()?.len().min(most);
    let mut bytes = Wiped::new(Vec::with_capacity(usize::try_from(length).unwrap_or_default() + 1));
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(ErrorKind::FileTooLarge, format!("it is larger than {most} bytes")));
    }
    Ok(bytes)
}

/// What is done with a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Links {
    Follow,
    Refuse,
}

/// Opens a regular file, or what `accepts` takes besides. Waits for no other program, as opening a
/// pipe (and some devices) would.
pub(super) fn open_with(
    options: &mut OpenOptions,
    path: &Path,
    links: Links,
    accepts: fn(&Metadata) -> bool,
) -> io::Result<File> {
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
    let null = || std::fs::metadata("/dev/null").is_ok_and(|null| null.rdev() == metadata.rdev());
    metadata.file_type().is_char_device() && null()
}

#[cfg(not(unix))]
fn is_null(_: &Metadata) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;

    use super::{super::testing::zoo, *};

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
}
