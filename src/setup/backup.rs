//! What a file was before `setup` touched it, kept beside it so that `setup --undo` can bring it back.
//!
//! `config.json.ecr-rs-backup` is a plain copy. `config.json.ecr-rs-created` is empty and says that
//! there was no file. They lie in the folder of the path that the client uses: where that is a link
//! into a folder of dotfiles, no copy with logins lands in there.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    file::{self, UserFile},
    write::{self, Watch},
};
use crate::report::Report;

/// What a file was before.
#[derive(PartialEq, Eq)]
pub(super) enum Before {
    /// It held this.
    Text(String),
    /// It did not exist.
    Nothing,
}

impl Before {
    /// What it held; a missing file reads as an empty one.
    pub(super) fn text(&self) -> &str {
        match self {
            Before::Text(text) => text,
            Before::Nothing => "",
        }
    }
}

/// Where the copy of `path` is kept.
pub fn copy_path(path: &Path) -> PathBuf {
    beside(path, "ecr-rs-backup")
}

fn marker_path(path: &Path) -> PathBuf {
    beside(path, "ecr-rs-created")
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(suffix);
    path.with_file_name(name)
}

/// What is kept of `path`; `None` when `setup` has not touched it.
pub(super) fn load(path: &Path) -> Result<Option<Before>, Report> {
    let copy = copy_path(path);
    if copy.exists() {
        return Ok(Some(Before::Text(file::read_text(&copy)?)));
    }
    Ok(marker_path(path).exists().then_some(Before::Nothing))
}

/// Keeps a text as what `file` was, in place of what was kept before; `None` where there was no file.
pub(super) fn keep(file: &UserFile, text: Option<&str>, watch: Watch<'_>) -> Result<(), Report> {
    let (now, other) = match text {
        Some(_) => (copy_path(&file.path), marker_path(&file.path)),
        None => (marker_path(&file.path), copy_path(&file.path)),
    };
    drop_one(&other, watch)?; // First: of two, a stale copy would be taken for what was.
    write::create(&now, text.unwrap_or_default(), file, watch)
}

/// Forgets what was kept.
pub(super) fn forget(path: &Path, watch: Watch<'_>) -> Result<(), Report> {
    drop_one(&copy_path(path), watch)?;
    drop_one(&marker_path(path), watch)
}

fn drop_one(path: &Path, watch: Watch<'_>) -> Result<(), Report> {
    if fs::symlink_metadata(path).is_err() {
        return Ok(());
    }
    write::remove(&UserFile::read(path)?, watch)
}
