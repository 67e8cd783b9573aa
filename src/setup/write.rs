//! Replaces files so that each moment shows the old one or the new one, never a part.
//!
//! A new file is written beside the old one, flushed to the disk, given the old one's permissions
//! and renamed over it. Just before that the old one is read once more: if another program changed
//! it meanwhile, nothing is written. (What changes in the instant between that look and the rename
//! is lost; no client locks these files.) Access-control lists and extended attributes are not kept.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::file::UserFile;
use crate::{private_fs, report::Report};

/// The steps of a change, in their order. Each is announced before it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The folder is created, mode 0700.
    MakeFolder,
    /// The new file is created beside the old one, mode 0600.
    Create,
    /// Its bytes are written.
    Write,
    /// They are flushed to the disk.
    Flush,
    /// It gets the old one's permissions.
    Permissions,
    /// The old one is compared with what was read.
    Compare,
    /// The new one takes the old one's name.
    Rename,
    /// The folder is flushed to the disk.
    FlushFolder,
    /// A file is removed.
    Remove,
}

/// Called before every step with the file it is about; an `Err` stands for the step's own failure.
/// The product watches nothing; tests fail, interfere or die here.
pub type Watch<'a> = &'a mut dyn FnMut(Step, &Path) -> io::Result<()>;

/// Gives a file new text, or creates it; a link leads to the text.
pub(super) fn replace(file: &UserFile, text: &str, watch: Watch<'_>) -> Result<(), Report> {
    put(file, text, file, watch)
}

/// Writes a new file `path` with the permissions of `model` (0600 where that does not exist).
pub(super) fn create(path: &Path, text: &str, model: &UserFile, watch: Watch<'_>) -> Result<(), Report> {
    put(&UserFile::read(path)?, text, model, watch)
}

/// Removes a file if it still holds what was read.
pub(super) fn remove(file: &UserFile, watch: Watch<'_>) -> Result<(), Report> {
    let mut work = || -> io::Result<bool> {
        watch(Step::Compare, &file.real)?;
        if !file.is_unchanged()? {
            return Ok(false);
        }
        watch(Step::Remove, &file.real)?;
        fs::remove_file(&file.real)?;
        Ok(true)
    };
    match work() {
        Ok(true) => Ok(()),
        Ok(false) => Err(changed(&file.path)),
        Err(err) => Err(Report::new(format!("cannot remove {}", file.path.display()))
            .cause(err)
            .hint("look at the permissions of its folder, then run it again")),
    }
}

/// That another program was quicker.
pub(super) fn changed(path: &Path) -> Report {
    let what = "was changed by another program just now; it is left as that program wrote it";
    Report::new(format!("{} {what}", path.display())).hint("run it again")
}

fn put(file: &UserFile, text: &str, model: &UserFile, watch: Watch<'_>) -> Result<(), Report> {
    let folder = file.real.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (prefix, new) = new_name(&file.real);
    let mut work = || -> io::Result<bool> {
        if !folder.is_dir() {
            watch(Step::MakeFolder, folder)?;
            private_fs::create_folder(folder)?;
        }
        watch(Step::Create, &file.real)?;
        sweep(folder, &prefix);
        if file.is_link {
            private_fs::create_link(Path::new(text), &new)?;
        } else {
            write_new(file, text, model, &new, watch)?;
        }
        watch(Step::Compare, &file.real)?;
        if !file.is_unchanged()? {
            return Ok(false);
        }
        watch(Step::Rename, &file.real)?;
        fs::rename(&new, &file.real)?;
        Ok(true)
    };
    let outcome = work();
    if !matches!(outcome, Ok(true)) {
        // It may not exist yet; what matters is the failure itself.
        fs::remove_file(&new).ok();
    }
    match outcome {
        Ok(true) => {}
        Ok(false) => return Err(changed(&file.path)),
        Err(err) => {
            let hint = format!("look at the permissions and the free space of {}, then run it again", folder.display());
            return Err(Report::new(format!("cannot write {}; it is as it was", file.path.display()))
                .cause(err)
                .hint(hint));
        }
    }
    // Done already: a file system that cannot flush folders only makes it last a little later.
    watch(Step::FlushFolder, folder).and_then(|()| private_fs::flush_folder(folder)).ok();
    Ok(())
}

/// Writes the new file, with the permissions of `model`.
fn write_new(file: &UserFile, text: &str, model: &UserFile, new: &Path, watch: Watch<'_>) -> io::Result<()> {
    let mut output = private_fs::create_new(new)?;
    watch(Step::Write, &file.real)?;
    output.write_all(text.as_bytes())?;
    watch(Step::Flush, &file.real)?;
    output.sync_all()?;
    watch(Step::Permissions, &file.real)?;
    match &model.metadata {
        Some(metadata) => private_fs::copy_permissions(&output, metadata),
        None => Ok(()),
    }
    // It is closed here: Windows renames closed files only.
}

/// The name of the new file while it is written: `.config.json.ecr-rs.PROCESS`.
pub(super) fn new_name(real: &Path) -> (String, PathBuf) {
    let name = real.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!(".{name}.ecr-rs.");
    let new = real.with_file_name(format!("{prefix}{}", std::process::id()));
    (prefix, new)
}

/// Removes what killed runs left. A run that is still at it finds its file gone when it renames,
/// and reports that: two at once never mix their bytes.
pub(super) fn sweep(folder: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let digits = name.to_str().and_then(|name| name.strip_prefix(prefix));
        if digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())) {
            // What cannot be removed does no harm: this run's name is its own.
            fs::remove_file(entry.path()).ok();
        }
    }
}
