//! `cache.store = "file"`: entries as clear-text files that only their owner can read.
//!
//! One file an entry, so that no two processes ever write the same one for different reasons, and
//! a file is replaced by renaming, so that a reader sees the old entry or the new one. No locks.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use zeroize::Zeroizing;

use super::{Entry, EntryKind, Error, ErrorKind, Key, Keychain, Label, record};

/// More than any entry takes: secrets end at 16 KiB. Whatever is longer was not written by us.
const MAX_FILE: u64 = 1 << 20;

/// Names tried for the file that is written before it is renamed.
const ATTEMPTS: u32 = 64;

/// Makes the names of one process differ.
static COUNTER: AtomicU32 = AtomicU32::new(0);

/// A folder of clear-text entries: folder 0700, files 0600. For those who ask for it.
///
/// A folder or file that others own or can write to is refused: its tokens may be theirs. On
/// Windows the folder's own access list decides.
pub struct FileStore {
    folder: PathBuf,
}

impl FileStore {
    /// Keeps entries in `folder`, which is made on the first `put`.
    pub fn new(folder: PathBuf) -> FileStore {
        FileStore { folder }
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.folder.join(record::name(key))
    }

    /// Whether the folder is there. One that cannot be trusted is a fault.
    fn folder_exists(&self) -> Result<bool, Error> {
        match fs::metadata(&self.folder) {
            Ok(metadata) if !metadata.is_dir() => {
                Err(self.refused(&self.folder, "it is not a folder; remove it or name another one"))
            }
            Ok(metadata) => trust(&metadata).map(|()| true).map_err(|why| self.refused(&self.folder, &why)),
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(err) => Err(self.failed(&self.folder, &err)),
        }
    }

    /// The bytes of an entry's file; `None` when there is no such file.
    fn read(&self, path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let file = match open(path) {
            Ok(file) => file,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(err) if is_symlink(path) => return Err(self.refused(path, &format!("it is a symbolic link ({err})"))),
            Err(err) => return Err(self.failed(path, &err)),
        };
        let metadata = file.metadata().map_err(|err| self.failed(path, &err))?;
        if !metadata.is_file() {
            return Err(self.refused(path, "it is not a regular file; remove it"));
        }
        trust(&metadata).map_err(|why| self.refused(path, &why))?;
        // Room for all of it: a buffer that grows leaves copies of the secret behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(metadata.len().min(MAX_FILE) as usize + 1));
        file.take(MAX_FILE).read_to_end(&mut bytes).map_err(|err| self.failed(path, &err))?;
        Ok(Some(bytes))
    }

    /// Creates the file that will be renamed, with a name nobody else uses.
    fn create(&self, name: &str) -> Result<(File, PathBuf), Error> {
        let mut last = None;
        for _ in 0..ATTEMPTS {
            let count = COUNTER.fetch_add(1, Ordering::Relaxed);
            let path = self.folder.join(format!("{name}.{}.{count}.new", process::id()));
            match private_file().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok((file, path)),
                // Of a killed process with our number, or of one in a container that shares the folder.
                Err(err) if err.kind() == io::ErrorKind::AlreadyExists => last = Some((path, err)),
                Err(err) => return Err(self.failed(&path, &err)),
            }
        }
        let (path, err) = last.expect("there was at least one attempt");
        Err(self.failed(&path, &err))
    }

    fn refused(&self, path: &Path, why: &str) -> Error {
        self.fault(ErrorKind::Refused, format!("{} is not safe to use: {why}", path.display()))
    }

    fn failed(&self, path: &Path, err: &io::Error) -> Error {
        self.fault(ErrorKind::Refused, format!("{}: {err}", path.display()))
    }

    fn fault(&self, kind: ErrorKind, detail: String) -> Error {
        Error { store: self.name(), kind, detail }
    }
}

impl Keychain for FileStore {
    fn name(&self) -> &'static str {
        "file cache"
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, Error> {
        if !self.folder_exists()? {
            return Ok(None);
        }
        let path = self.path(key);
        let Some(bytes) = self.read(&path)? else { return Ok(None) };
        match record::decode(key.kind(), &bytes) {
            Some(entry) if entry.label.key() == key => Ok(Some(entry)),
            _ => {
                Err(self
                    .fault(ErrorKind::Malformed, format!("{} is not an entry of ours, or cut short", path.display())))
            }
        }
    }

    fn put(&self, entry: &Entry) -> Result<(), Error> {
        if !self.folder_exists()? {
            private_folder().create(&self.folder).map_err(|err| self.failed(&self.folder, &err))?;
        }
        let key = entry.label.key();
        let (mut file, temporary) = self.create(&record::name(key))?;
        // Not synchronised to the disk: what a power failure cuts short is Malformed and minted anew.
        let outcome = file.write_all(&record::encode(entry));
        drop(file); // Windows renames no open file.
        match outcome.and_then(|()| fs::rename(&temporary, self.path(key))) {
            Ok(()) => Ok(()),
            // A `remove` of the same key took it away: the same as if it had come after us.
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(err) => {
                drop(fs::remove_file(&temporary)); // The first error is the one to tell.
                Err(self.failed(&self.path(key), &err))
            }
        }
    }

    fn remove(&self, key: &Key) -> Result<(), Error> {
        if !self.folder_exists()? {
            return Ok(());
        }
        let name = record::name(key);
        for found in fs::read_dir(&self.folder).map_err(|err| self.failed(&self.folder, &err))? {
            let path = found.map_err(|err| self.failed(&self.folder, &err))?.path();
            // Also what a killed `put` of this key left behind: it holds the secret.
            if !path.file_name().and_then(|file| file.to_str()).is_some_and(|file| file.starts_with(&name)) {
                continue;
            }
            match fs::remove_file(&path) {
                Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(self.failed(&path, &err)),
                _ => {}
            }
        }
        Ok(())
    }

    fn list(&self, kind: &'static EntryKind) -> Result<Vec<Label>, Error> {
        if !self.folder_exists()? {
            return Ok(Vec::new());
        }
        let mut labels = Vec::new();
        for found in fs::read_dir(&self.folder).map_err(|err| self.failed(&self.folder, &err))? {
            let path = found.map_err(|err| self.failed(&self.folder, &err))?.path();
            // What is malformed, a link, of another kind or of another program is passed over.
            let Ok(Some(bytes)) = self.read(&path) else { continue };
            labels.extend(record::decode_label(kind, &bytes).filter(|label| path == self.path(label.key())));
        }
        Ok(labels)
    }
}

fn is_symlink(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

/// Opens for reading. A link is not followed, and a pipe in an entry's place does not wait for a writer.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    if is_symlink(path) {
        return Err(io::Error::other("links are not followed"));
    }
    File::open(path)
}

/// Only its owner may change what we believe.
#[cfg(unix)]
fn trust(metadata: &fs::Metadata) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt;
    let (owner, us) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != us {
        return Err(format!("it belongs to user {owner} and this is user {us}; use a folder of your own"));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err("others can write to it; run `chmod go-w` on it".into());
    }
    Ok(())
}

#[cfg(not(unix))]
fn trust(_: &fs::Metadata) -> Result<(), String> {
    Ok(())
}

/// Files are 0600 from their creation on, whatever the umask.
#[cfg(unix)]
fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(not(unix))]
fn private_file() -> OpenOptions {
    OpenOptions::new()
}

/// Folders are 0700, missing parents too.
fn private_folder() -> fs::DirBuilder {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}
