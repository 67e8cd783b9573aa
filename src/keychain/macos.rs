//! The macOS login keychain.

use std::sync::Arc;

use apple_native_keyring_store::keychain::Store;
use keyring_core::{CredentialStore, Error};
use security_framework::{base, os::macos::keychain::SecKeychain};

use super::{
    Keychain, SERVICE,
    keyring::{KeyringStore, Quirks},
};

/// Errors of an item that its access list closes to this program (Apple, `SecBase.h`): an ad-hoc
/// signed binary is another program after each upgrade.
const ACCESS_DENIED: [i32; 3] = [
    -25293, // errSecAuthFailed
    -25308, // errSecInteractionNotAllowed: the system would have asked a person
    -25299, // errSecDuplicateItem: an item that could not be found for writing, because it is closed
];

/// The login keychain. Opened by the first call.
pub(crate) fn open() -> Box<dyn Keychain> {
    let quirks = Quirks {
        name: "macOS Keychain",
        max_secret: usize::MAX,
        max_label: usize::MAX,
        search: &[("service", SERVICE)],
        modifiers: &[],
        access_denied: |err| match err {
            Error::PlatformFailure(cause) => {
                cause.downcast_ref::<base::Error>().is_some_and(|err| ACCESS_DENIED.contains(&err.code()))
            }
            _ => false,
        },
    };
    Box::new(KeyringStore::new(quirks, open_without_prompts))
}

fn open_without_prompts() -> keyring_core::Result<Arc<CredentialStore>> {
    let quiet = SecKeychain::disable_user_interaction().map_err(|err| Error::PlatformFailure(Box::new(err)))?;
    // Dropping it would allow prompts again. Nothing of ours may prompt while the process lives.
    std::mem::forget(quiet);
    Ok(Store::new()?)
}
