//! The Windows Credential Manager.

use std::{collections::HashMap, sync::Arc};

use keyring_core::CredentialStore;
use windows_native_keyring_store::Store;

use super::{
    Keychain,
    keyring::{KeyringStore, Quirks},
};

/// CRED_MAX_CREDENTIAL_BLOB_SIZE of `wincred.h`. Bytes are written as they are, not as UTF-16.
const MAX_SECRET: usize = 5 * 512;

/// Keeps our target names under 255 characters. Windows would take 32,767 and 513 of a user name,
/// but Wine keeps credentials under registry keys of that name, and is where this can be tried.
const MAX_LABEL: usize = 100;

/// The Credential Manager. Opened by the first call.
pub(crate) fn open() -> Box<dyn Keychain> {
    let quirks = Quirks {
        name: "Windows Credential Manager",
        max_secret: MAX_SECRET,
        max_label: MAX_LABEL,
        // A regular expression on target names; they are ours by `open_ours`.
        search: &[("pattern", "^docker-credential-ecr-rs:")],
        // The store's default, Enterprise, would roam to the user's other machines.
        modifiers: &[("persistence", "Local")],
        access_denied: |_| false,
    };
    Box::new(KeyringStore::new(quirks, open_ours))
}

/// Target names are `docker-credential-ecr-rs:USER@SERVICE`. The service has no `@`, so the last
/// one ends the user, whatever the user contains.
fn open_ours() -> keyring_core::Result<Arc<CredentialStore>> {
    let names = HashMap::from([("prefix", "docker-credential-ecr-rs:"), ("divider", "@")]);
    Ok(Store::new_with_configuration(&names)?)
}
