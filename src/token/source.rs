//! Where tokens come from: the seam between a `get` and Amazon.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Token;
use crate::{identity::Identity, registry::Registry, report::Report};

/// Mints ECR tokens. A trait so that `get` is tested against an AWS that denies, stalls or is down.
pub trait TokenSource {
    /// Exchanges the identity's credentials for a token of this registry: one
    /// GetAuthorizationToken call, bounded to 20 s with everything before it.
    fn mint(&self, registry: &Registry, identity: &Identity) -> Result<Token, MintError>;

    /// The endpoint that the last mint asked, where it came to that.
    fn asked(&self) -> Option<String> {
        None
    }
}

/// A token that was not minted.
#[derive(Debug)]
pub struct MintError {
    /// What decides how a `get` goes on.
    pub kind: MintErrorKind,
    /// What was tried and failed, the causes without secrets, one thing to do.
    pub report: Report,
}

/// The kinds of failure of a mint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MintErrorKind {
    /// There are no usable AWS credentials: none at all, an expired session, a refused role.
    NoCredentials,
    /// AWS knows us and says no.
    Denied,
    /// AWS could not be reached, did not answer in time, or is throttling.
    Unreachable,
    /// AWS answered something that cannot be used.
    Malformed,
}

impl fmt::Display for MintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.report.what())
    }
}
