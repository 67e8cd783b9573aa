//! Whose a file or folder is, and who may do what with it.

use std::{
    fs::{File, Metadata},
    io,
    path::Path,
};

use thiserror::Error;

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
    file.set_permissions(std::fs::Permissions::from_mode(mode))
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
