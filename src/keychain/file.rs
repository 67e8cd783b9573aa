//! `cache.store = "file"`: entries as clear-text files that only their owner can read.
//!
//! One file an entry, so that no two processes ever write the same one for different reasons, and
//! a file is replaced by renaming, so that a reader sees the old entry or the new one. No locks.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::{Entry, EntryKind, Error, ErrorKind, Key, Keychain, Label, record};
use crate::private_fs::{self, Replacement};

/// More than any entry takes: secrets end at 16 KiB. Whatever is longer was not written by us.
const MAX_FILE: u64 = 1 << 20;

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
                Err(self.refused(&self.folder, &"it is not a folder; remove it or name another one"))
            }
            Ok(metadata) => self.check_trusted(&self.folder, &metadata).map(|()| true),
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(err) => Err(self.failed(&self.folder, &err)),
        }
    }

    /// The bytes of an entry's file; `None` when there is no such file.
    fn read(&self, path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let failed = |err| self.failed(path, &err);
        let file = match private_fs::open_no_link(path) {
            Ok(file) => file,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(err) => return Err(failed(err)),
        };
        self.check_trusted(path, &file.metadata().map_err(failed)?)?;
        match private_fs::read_all(&file, MAX_FILE) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(err) if err.kind() == io::ErrorKind::FileTooLarge => Err(self.malformed(path)),
            Err(err) => Err(failed(err)),
        }
    }

    fn malformed(&self, path: &Path) -> Error {
        self.fault(ErrorKind::Malformed, format!("{} is not an entry of ours, or cut short", path.display()))
    }

    fn check_trusted(&self, path: &Path, metadata: &fs::Metadata) -> Result<(), Error> {
        private_fs::check_trusted(metadata).map_err(|why| self.refused(path, &why))
    }

    fn refused(&self, path: &Path, why: &dyn fmt::Display) -> Error {
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
            _ => Err(self.malformed(&path)),
        }
    }

    fn put(&self, entry: &Entry) -> Result<(), Error> {
        if !self.folder_exists()? {
            private_fs::create_folder(&self.folder).map_err(|err| self.failed(&self.folder, &err))?;
        }
        let key = entry.label.key();
        let path = self.path(key);
        let failed = |err| self.failed(&path, &err);
        let mut new = Replacement::of(&path).map_err(failed)?;
        new.write(&record::encode(entry)).map_err(failed)?;
        // Not synchronised to the disk: what a power failure cuts short is Malformed and minted anew.
        match new.rename() {
            // A `remove` of the same key took it away: the same as if it had come after us.
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome.map_err(failed),
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
