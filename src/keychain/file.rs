//! `store = "file"`: entries as clear-text files that only their owner can read.
//!
//! One file an entry, so that no two processes ever write the same one for different reasons, and
//! a file is replaced by renaming, so that a reader sees the old entry or the new one. No locks.

use std::{
    collections::HashSet,
    fmt, fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::{
    Damaged, Entry, EntryKind, Error, ErrorKind, Inventory, Key, Keychain, MAX_TIDIED, Selection, record, turned,
};
use crate::{
    private_fs::{self, Replacement},
    secret::Wiped,
};

/// More than any entry takes: secrets end at 16 KiB. Whatever is longer was not written by us.
const MAX_FILE: u64 = 1 << 20;

/// How much older than the newest one a file must be that a writer left behind, for another `put` to
/// remove it: a writer that lives is done in a moment.
const LEFT_BEHIND: Duration = Duration::from_secs(60);

/// How many names of the folder a `put` looks at for such files, and a `tidy` for its own.
const MAX_SWEPT: usize = 1000;

/// A folder of clear-text entries: folder 0700, files 0600. For those who ask for it.
///
/// A folder that others own or can write to is refused, and such a file is damaged: what is in it may
/// be theirs. On Windows the folder's own access list decides.
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

    /// An entry's file; `None` when there is no such file.
    fn read(&self, path: &Path) -> Result<Option<Content>, Error> {
        let damaged = |why: &dyn fmt::Display| Ok(Some(Content::Damaged(why.to_string(), Wiped::default())));
        let file = match private_fs::open_no_link(path) {
            Ok(file) => file,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
            // A link, a pipe, or a file that a umask made unreadable: renaming replaces each of them.
            Err(err) if matches!(err.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::PermissionDenied) => {
                return damaged(&err);
            }
            Err(err) => return Err(self.failed(path, &err)),
        };
        let trusted = private_fs::check_trusted(&file.metadata().map_err(|err| self.failed(path, &err))?);
        match (private_fs::read_all(&file, MAX_FILE), trusted) {
            (Ok(bytes), Ok(())) => Ok(Some(Content::Read(bytes))),
            (Ok(bytes), Err(why)) => Ok(Some(Content::Damaged(why.to_string(), bytes))),
            (Err(err), _) if err.kind() == io::ErrorKind::FileTooLarge => damaged(&err),
            (Err(err), _) => Err(self.failed(path, &err)),
        }
    }

    fn damaged(&self, path: &Path, why: &dyn fmt::Display) -> Error {
        self.fault(ErrorKind::Damaged, format!("{}: {why}", path.display()))
    }

    fn check_trusted(&self, path: &Path, metadata: &fs::Metadata) -> Result<(), Error> {
        private_fs::check_trusted(metadata).map_err(|why| self.refused(path, &why))
    }

    /// The names of our own files: those of entries, and those that writers have not yet renamed.
    fn files(&self) -> Result<impl Iterator<Item = Result<OurFile, Error>>, Error> {
        let found = fs::read_dir(&self.folder).map_err(|err| self.failed(&self.folder, &err))?;
        Ok(found.filter_map(|file| match file {
            Ok(file) => OurFile::of(file.path()).map(Ok),
            Err(err) => Some(Err(self.failed(&self.folder, &err))),
        }))
    }

    /// Removes the files that `is_meant` names.
    fn remove_files(&self, is_meant: impl Fn(&OurFile) -> bool) -> Result<(), Error> {
        if !self.folder_exists()? {
            return Ok(());
        }
        let mut outcome = Ok(()); // one that cannot be removed keeps no other one here
        for file in self.files()? {
            let file = file?;
            if is_meant(&file)
                && let Err(err) = fs::remove_file(&file.path)
                && err.kind() != io::ErrorKind::NotFound
            {
                outcome = Err(self.failed(&file.path, &err));
            }
        }
        outcome
    }

    /// Removes what killed writers left behind some time before `now`, the time of a new file: it holds
    /// secrets. Nothing of it is worth a fault, and no `put` may take long for it.
    fn sweep(&self, now: SystemTime) {
        let Ok(files) = self.files() else { return };
        for file in files.take(MAX_SWEPT).flatten().filter(|file| file.is_unfinished) {
            let written = file.path.symlink_metadata().and_then(|metadata| metadata.modified());
            let age = written.ok().and_then(|written| now.duration_since(written).ok());
            if age.is_some_and(|age| age > LEFT_BEHIND) {
                fs::remove_file(&file.path).ok(); // `clear --all` says why it cannot be removed
            }
        }
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

/// What is in an entry's file.
enum Content {
    /// Its bytes, which nobody else can have written.
    Read(Wiped<Vec<u8>>),
    /// Why they are not to be used, and what of them could be read.
    Damaged(String, Wiped<Vec<u8>>),
}

/// A file with a name that we give.
struct OurFile {
    path: PathBuf,
    /// The name of its entry's key (record.rs).
    key: String,
    /// Whether a writer has yet to rename it, or never will.
    is_unfinished: bool,
}

impl OurFile {
    /// `KEY`, or `KEY.PROCESS.COUNT.new` (`private_fs::Replacement`); every other file is another's.
    fn of(path: PathBuf) -> Option<OurFile> {
        let name = path.file_name()?.to_str()?;
        let (key, rest) = name.split_at_checked(64)?;
        if !key.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        let is_unfinished = rest.starts_with('.') && rest.ends_with(".new");
        let key = key.to_owned();
        (is_unfinished || rest.is_empty()).then_some(OurFile { key, is_unfinished, path })
    }
}

impl Keychain for FileStore {
    fn name(&self) -> &'static str {
        "file store"
    }

    fn check(&self) -> Result<(), Error> {
        self.folder_exists()?;
        match self.folder.ancestors().find(|folder| folder.exists()) {
            Some(folder) if !private_fs::is_writable(folder) => {
                Err(self.fault(ErrorKind::Refused, format!("{}: this user can make no files in it", folder.display())))
            }
            _ => Ok(()),
        }
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, Error> {
        if !self.folder_exists()? {
            return Ok(None);
        }
        let path = self.path(key);
        match self.read(&path)? {
            None => Ok(None),
            Some(Content::Damaged(why, _)) => Err(self.damaged(&path, &why)),
            Some(Content::Read(bytes)) => match record::decode(key.kind(), &bytes) {
                Some(entry) if entry.label.key() == key => Ok(Some(entry)),
                _ => Err(self.damaged(&path, &NOT_OURS)),
            },
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
        // What a power failure cuts short of a cache is damaged and made anew; of anything else it is lost.
        if key.kind().restored_by.is_some() {
            new.flush().map_err(failed)?;
        }
        let written = new.modified();
        match new.rename() {
            // A `remove` of the same key took it away: the same as if it had come after us.
            Err(err) if err.kind() == io::ErrorKind::NotFound => {}
            outcome => outcome.map_err(failed)?,
        }
        if let Ok(written) = written {
            self.sweep(written);
        }
        Ok(())
    }

    fn remove(&self, key: &Key) -> Result<(), Error> {
        let name = record::name(key);
        // Also what a killed `put` of the key left behind: it holds the secret.
        self.remove_files(|file| file.key == name)
    }

    fn inventory(&self, which: &Selection) -> Result<Inventory, Error> {
        let mut inventory = Inventory::default();
        if !self.folder_exists()? {
            return Ok(inventory);
        }
        for file in self.files()? {
            let OurFile { path, key, is_unfinished } = file?;
            let (why, bytes) = match self.read(&path) {
                Ok(None) => continue, // it has gone since
                Ok(Some(Content::Damaged(why, bytes))) => (why, bytes),
                Ok(Some(Content::Read(bytes))) if is_unfinished => (UNFINISHED.into(), bytes),
                Ok(Some(Content::Read(bytes))) => match record::decode_label(which.kind(), &bytes) {
                    Some(label) if record::name(label.key()) == key => {
                        inventory.labels.extend(which.has(&label).then_some(label));
                        continue;
                    }
                    _ => (NOT_OURS.into(), bytes),
                },
                Err(err) => (err.detail, Wiped::default()),
            };
            let mut attributes = record::attributes(&bytes);
            // Whole, under its own name, and of another kind: that one's to name.
            if which.may_have(&attributes) {
                attributes.retain(|name, _| which.kind().key.contains(&name.as_str()));
                inventory.damaged.push(Damaged { name: path.display().to_string(), why, attributes });
            }
        }
        Ok(inventory)
    }

    fn remove_all(&self, which: &Selection) -> Result<Inventory, Error> {
        let found = self.inventory(which)?;
        let keys: HashSet<String> = found.labels.iter().map(|label| record::name(label.key())).collect();
        let damaged: HashSet<&str> = found.damaged.iter().map(|damaged| damaged.name.as_str()).collect();
        self.remove_files(|file| {
            keys.contains(&file.key) || damaged.contains(file.path.display().to_string().as_str())
        })?;
        Ok(found)
    }

    fn tidy(&self, kind: &'static EntryKind, now: SystemTime) -> Result<(), Error> {
        if !self.folder_exists()? {
            return Ok(());
        }
        let files: Vec<OurFile> = self.files()?.take(MAX_SWEPT).flatten().filter(|file| !file.is_unfinished).collect();
        for file in turned(files, now).take(MAX_TIDIED) {
            let Ok(Some(Content::Read(bytes))) = self.read(&file.path) else { continue };
            let label = record::decode_label(kind, &bytes).filter(|label| record::name(label.key()) == file.key);
            if label.is_some_and(|label| label.has_ended(now)) {
                fs::remove_file(&file.path).ok(); // `clear --all` says why it cannot be removed
            }
        }
        Ok(())
    }
}

/// What is wrong with bytes that make no entry.
const NOT_OURS: &str = "it is cut short, of another version, or not an entry of ours";

/// What is wrong with a file that was not renamed.
const UNFINISHED: &str = "a writer that was stopped left it behind";
