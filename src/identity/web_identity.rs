//! A web identity: another issuer's token (of a cluster, a CI system), which STS exchanges for credentials
//! of a role.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::secret::Secret;

/// A role, and the token that is exchanged for its credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebIdentity {
    /// The role that the token is exchanged for.
    pub role_arn: String,
    /// The token.
    pub token: WebToken,
    /// The session's name in CloudTrail.
    pub session_name: Option<String>,
}

/// Where the token of a web identity is.
#[derive(Debug, Clone)]
pub enum WebToken {
    /// In a file, which its issuer renews.
    File(PathBuf),
    /// Here: the caller handed it over, and it is written nowhere.
    Given(Arc<Secret>),
}

impl WebIdentity {
    /// The file that holds the token, where there is one.
    pub(super) fn token_file(&self) -> Option<&Path> {
        match &self.token {
            WebToken::File(path) => Some(path),
            WebToken::Given(_) => None,
        }
    }
}

impl PartialEq for WebToken {
    fn eq(&self, other: &WebToken) -> bool {
        match (self, other) {
            (WebToken::File(one), WebToken::File(another)) => one == another,
            (WebToken::Given(one), WebToken::Given(another)) => one.expose() == another.expose(),
            (WebToken::File(_), WebToken::Given(_)) | (WebToken::Given(_), WebToken::File(_)) => false,
        }
    }
}

impl Eq for WebToken {}
