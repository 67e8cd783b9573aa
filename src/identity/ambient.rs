//! What the environment alone says of an identity: keys, a web identity, a container's endpoint.

use std::path::PathBuf;

use super::{IdentityError, Keys};
use crate::{digest::sha256, environment::Environment};

/// The endpoint that gives a container its credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`, or `…_FULL_URI`.
    pub uri: String,
    /// The variable that names it.
    pub(super) variable: &'static str,
    /// `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`: the file that holds the token for it.
    pub token_file: Option<PathBuf>,
    /// The SHA-256 of `AWS_CONTAINER_AUTHORIZATION_TOKEN`, which tells pods apart: they share one URI.
    pub(super) authorization: Option<String>,
}

/// The keys of the environment.
///
/// # Errors
/// Half a pair is nobody's, and never a reason to take somebody else's.
pub(super) fn keys(environment: &Environment) -> Result<Option<Keys>, IdentityError> {
    let Some(id) = environment.text("AWS_ACCESS_KEY_ID") else { return Ok(None) };
    let Some(secret) = environment.text("AWS_SECRET_ACCESS_KEY") else {
        return Err(IdentityError::Variables {
            what: "AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not".into(),
            hint: "set both, or unset AWS_ACCESS_KEY_ID to go by a profile".into(),
        });
    };
    let token = ["AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN"].into_iter().find_map(|name| environment.text(name));
    Keys::new(&id, &secret, token.as_deref()).map(Some).map_err(|what| IdentityError::Variables {
        what: format!("the {what} in the environment"),
        hint: "set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN as AWS gave them".into(),
    })
}

/// The endpoint of a container.
pub(super) fn container(environment: &Environment) -> Option<Container> {
    let named = |variable: &'static str| environment.text(variable).map(|uri| (variable, uri));
    let (variable, uri) =
        named("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").or_else(|| named("AWS_CONTAINER_CREDENTIALS_FULL_URI"))?;
    Some(Container {
        uri,
        variable,
        token_file: environment.text("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").map(PathBuf::from),
        authorization: environment.text("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(|token| sha256(token.as_bytes())),
    })
}
