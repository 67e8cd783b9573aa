//! A new file in an old one's place, as a whole or not at all.

use std::{
    fs::{self, File, Metadata},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
    time::SystemTime,
};

use super::{create::create_new, rights::copy_permissions};

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

#[cfg(all(test, unix))]
mod tests {
    use std::{os::unix::fs::symlink, process::Command};

    use super::{
        super::testing::{mode, names, set_mode},
        *,
    };

    fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut new = Replacement::of(path)?;
        new.write(bytes)?;
        new.rename()
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

    /// A strict umask, and a disk that is full in the middle of a file. Both belong to a whole process,
    /// so this test runs once more in one of its own.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "how the second process knows that it is the second")]
    fn whatever_the_umask_and_the_disk_do() {
        const NAME: &str = "private_fs::replace::tests::whatever_the_umask_and_the_disk_do";
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
