//! Images that were verified some minutes ago: a file each, in a folder that is root's alone.
//!
//! Only what was good in every check is kept. What was refused is judged anew each time.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use crate::{
    environment::Environment,
    names::PROGRAM,
    private_fs::{self, Replacement},
};

/// How long a verdict is believed. A revocation reaches a node within this time. The kubelet starts a pod that
/// fails again after 5 minutes at most (Kubernetes, "Image pulls", `MaxContainerBackOff`): with
/// `imagePullPolicy: Always` every second pull at least is answered from here.
const LIFE: Duration = Duration::from_secs(10 * 60);

/// Most verdicts that are kept; a node runs some hundred pods.
const MAX_ENTRIES: usize = 256;

/// Most files that are looked at where room is made.
const MAX_FILES: usize = 10_000;

/// Most bytes of a verdict.
const MAX_SIZE: u64 = 64 << 10;

/// The form of the files.
const FORM: u32 = 1;

/// A verdict.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    form: u32,
    /// All that the verdict hangs on, as a hash: the file's name, too.
    key: String,
    /// When it was judged, in seconds since 1970.
    judged: u64,
    /// The sentence.
    said: String,
}

/// The folder of the verdicts.
pub(super) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// In the machine's folder for what may be gone after its next start, which can be written where the root
    /// cannot.
    pub(super) fn of(environment: &Environment) -> Cache {
        Cache { folder: environment.runtime_folder.join(PROGRAM).join("verdicts") }
    }

    /// What was said of an image that was verified not long ago, and how long ago. Whatever is wrong with a
    /// file, or with who may write it, it says nothing.
    pub(super) fn get(&self, key: &str, now: SystemTime) -> Option<(String, Duration)> {
        let is_ours = |folder: &Path| {
            let found = folder.symlink_metadata();
            found.is_ok_and(|found| found.is_dir() && private_fs::check_trusted(&found).is_ok())
        };
        if !is_ours(self.folder.parent()?) || !is_ours(&self.folder) {
            return None;
        }
        let file = private_fs::open_no_link(&self.folder.join(key)).ok()?;
        private_fs::check_trusted(&file.metadata().ok()?).ok()?;
        let entry: Entry = serde_json::from_slice(&private_fs::read_all(&file, MAX_SIZE).ok()?).ok()?;
        let age = now.duration_since(UNIX_EPOCH.checked_add(Duration::from_secs(entry.judged))?).ok()?;
        (entry.form == FORM && entry.key == key && age < LIFE).then_some((entry.said, age))
    }

    /// Keeps what was said of an image that is verified.
    pub(super) fn put(&self, key: &str, said: &str, now: SystemTime) -> io::Result<()> {
        if let Some(above) = self.folder.parent() {
            private_fs::own_folder(above)?;
        }
        private_fs::own_folder(&self.folder)?;
        self.make_room(now)?;
        let judged = now.duration_since(UNIX_EPOCH).map_err(io::Error::other)?.as_secs();
        let entry = Entry { form: FORM, key: key.into(), judged, said: said.into() };
        let mut file = Replacement::of(&self.folder.join(key))?;
        file.write(&serde_json::to_vec(&entry)?)?;
        file.rename()
    }

    /// Removes what is too old, what a run that was killed left among it, and the oldest where there are too many.
    fn make_room(&self, now: SystemTime) -> io::Result<()> {
        let mut kept = Vec::new();
        for entry in fs::read_dir(&self.folder)?.take(MAX_FILES).flatten() {
            let age =
                entry.metadata().and_then(|found| found.modified()).ok().and_then(|at| now.duration_since(at).ok());
            match age {
                Some(age) if age < LIFE => kept.push((age, entry.path())),
                // Another run may have been faster.
                _ => drop(fs::remove_file(entry.path())),
            }
        }
        kept.sort();
        for (_, path) in kept.iter().skip(MAX_ENTRIES - 1) {
            fs::remove_file(path).ok(); // the same
        }
        Ok(())
    }
}

#[cfg(unix)] // modes and links
#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    const KEY: &str = "0123";

    /// The time by which files are dated.
    fn now() -> SystemTime {
        let file = tempfile::tempfile().unwrap();
        file.metadata().unwrap().modified().unwrap()
    }

    /// A cache in a folder, with one verdict.
    fn kept(root: &Path, now: SystemTime) -> Cache {
        let cache = Cache { folder: root.join("run/verdicts") };
        cache.put(KEY, "verified", now).unwrap();
        cache
    }

    #[test]
    fn what_is_not_as_it_was_kept_says_nothing() {
        let now = now();
        type Change = fn(&Path);
        let rows: [(Change, bool, &str); 11] = [
            (|_| (), true, "as it was kept"),
            (|file| fs::set_permissions(file, fs::Permissions::from_mode(0o620)).unwrap(), false, "a group can write"),
            (|file| fs::set_permissions(file, fs::Permissions::from_mode(0o602)).unwrap(), false, "all can write"),
            (
                |file| fs::set_permissions(file.parent().unwrap(), fs::Permissions::from_mode(0o777)).unwrap(),
                false,
                "the folder is open",
            ),
            (
                |file| {
                    let above = file.parent().unwrap().parent().unwrap();
                    fs::set_permissions(above, fs::Permissions::from_mode(0o777)).unwrap();
                },
                false,
                "the folder above is open",
            ),
            (
                |file| {
                    fs::rename(file, file.with_file_name("other")).unwrap();
                    symlink("other", file).unwrap();
                },
                false,
                "a link",
            ),
            (|file| fs::write(file, &fs::read(file).unwrap()[..20]).unwrap(), false, "a half"),
            (|file| fs::write(file, "").unwrap(), false, "empty"),
            (
                |file| fs::write(file, fs::read_to_string(file).unwrap().replace(KEY, "4567")).unwrap(),
                false,
                "another's verdict under this name",
            ),
            (
                |file| fs::write(file, fs::read_to_string(file).unwrap().replace("\"form\":1", "\"form\":2")).unwrap(),
                false,
                "another form",
            ),
            (|file| fs::write(file, vec![b' '; 1 << 20]).unwrap(), false, "large"),
        ];
        for (change, expected, why) in rows {
            let root = tempfile::tempdir().unwrap();
            let cache = kept(root.path(), now);
            change(&cache.folder.join(KEY));
            assert_eq!(cache.get(KEY, now).map(|(said, _)| said).as_deref(), expected.then_some("verified"), "{why}");
        }
    }

    #[test]
    fn a_verdict_lives_for_minutes() {
        let now = now();
        let root = tempfile::tempdir().unwrap();
        let cache = kept(root.path(), now);
        let found = |now| cache.get(KEY, now).is_some();
        assert!(found(now) && found(now + LIFE - Duration::from_secs(2)));
        assert!(!found(now + LIFE + Duration::from_secs(2)), "too old");
        assert!(!found(now - Duration::from_secs(60)), "the clock went back: nobody knows how old it is");
        assert!(cache.get("other", now).is_none());
    }

    #[test]
    fn the_cache_does_not_grow() {
        let now = now();
        let root = tempfile::tempdir().unwrap();
        let cache = kept(root.path(), now);
        for number in 0..MAX_ENTRIES + 20 {
            fs::write(cache.folder.join(format!("k{number}")), "{}").unwrap();
        }
        let count = || fs::read_dir(&cache.folder).unwrap().count();
        cache.put("last", "verified", now + Duration::from_secs(1)).unwrap();
        assert_eq!(count(), MAX_ENTRIES);
        assert!(cache.get("last", now + Duration::from_secs(1)).is_some());
        cache.put("later", "verified", now + 2 * LIFE).unwrap();
        assert_eq!(count(), 1, "what is too old is gone, whatever it is called");
    }
}
