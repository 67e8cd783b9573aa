//! Why AWS Signer did not sign: in words, and of which kind, for a caller that must tell it by a code.

use super::{error_class::ErrorClass, explain::Explained};
use crate::report::Report;

/// Why there is no signature.
#[derive(Debug)]
pub struct SignError {
    /// In words.
    pub report: Report,
    /// Of which kind.
    pub kind: SignErrorKind,
}

/// Kinds of [`SignError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignErrorKind {
    /// AWS knows us and says no.
    Denied,
    /// There is no such profile, or it cannot sign this.
    Invalid,
    /// Too many requests, after all tries.
    Throttled,
    /// No answer in time.
    Timeout,
    /// Anything else.
    Failed,
}

impl SignErrorKind {
    pub(super) fn of(explained: &Explained) -> SignErrorKind {
        match (explained.class, explained.code.as_deref()) {
            (ErrorClass::Denied, _) => SignErrorKind::Denied,
            (ErrorClass::Throttled, _) => SignErrorKind::Throttled,
            (ErrorClass::Timeout, _) => SignErrorKind::Timeout,
            (
                _,
                Some("ValidationException" | "BadRequestException" | "NotFoundException" | "ResourceNotFoundException"),
            ) => SignErrorKind::Invalid,
            _ => SignErrorKind::Failed,
        }
    }
}

impl From<SignError> for Report {
    fn from(err: SignError) -> Report {
        err.report
    }
}
