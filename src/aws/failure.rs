//! Why AWS gave no token, in words a person can act on.

use std::fmt;

/// A token that was not minted.
#[derive(Debug)]
pub struct Failure {
    /// The sort of trouble.
    pub kind: FailureKind,
    /// What was tried and failed, in one line. `Error` puts the registry before it.
    pub what: String,
    /// The causes, outermost first, each one line, without secrets.
    pub causes: Vec<String>,
    /// One thing to do.
    pub hint: Option<String>,
}

/// What decides how `get` goes on after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// There are no usable AWS credentials: none at all, an expired session, a refused role.
    NoCredentials,
    /// AWS knows us and says no.
    Denied,
    /// AWS could not be reached, did not answer in time, or is throttling.
    Unreachable,
    /// AWS answered something that cannot be used.
    Garbled,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Failure {}
