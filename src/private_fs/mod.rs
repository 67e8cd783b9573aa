//! Files: read without a hang and within a bound, and kept from other users where they are ours alone.

mod create;
mod folder;
mod read;
mod replace;
mod rights;
#[cfg(all(test, unix))]
mod testing;

pub use create::{create_link, create_new, open_lock};
pub use folder::{create_folder, create_new_folder, flush_folder, own_folder};
pub use read::{MAX_FILE_SIZE, check_no_wait, open, open_no_link, read, read_all, read_secret, read_to_string};
pub use replace::Replacement;
pub use rights::{Untrusted, check_trusted, copy_permissions, is_read_only, is_writable, owner, user};
