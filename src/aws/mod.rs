//! Amazon's side, behind a few plain calls. The only async code: it starts and ends here.

use crate::{identity::Identity, registry::Registry, token::Token};

mod failure;

pub use failure::{Failure, FailureKind};

/// Mints ECR tokens. A trait so that `get` is tested against an AWS that denies, stalls or is down.
pub trait TokenSource {
    /// Exchanges the identity's credentials for a token of this registry: one
    /// GetAuthorizationToken call, bounded to 20 s with everything before it.
    fn mint(&self, registry: &Registry, identity: &Identity) -> Result<Token, Failure>;
}
