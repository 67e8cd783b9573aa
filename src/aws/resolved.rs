//! The credentials that this process has got already: `sign` needs them for the registry's token and for AWS
//! Signer, and a role is assumed once.

use std::sync::{Mutex, PoisonError};

use aws_credential_types::Credentials;

use crate::identity::Identity;

/// Credentials by identity. They live as long as a command.
#[derive(Default)]
pub(super) struct Resolved(Mutex<Vec<(Identity, Credentials)>>);

impl Resolved {
    /// What the identity's source gave before.
    pub(super) fn get(&self, identity: &Identity) -> Option<Credentials> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(known, _)| known == identity).map(|(_, credentials)| credentials.clone())
    }

    /// Keeps what it gave now.
    pub(super) fn keep(&self, identity: &Identity, credentials: &Credentials) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((identity.clone(), credentials.clone()));
    }
}
