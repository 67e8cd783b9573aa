//! Why there is no answer, by the contract's codes.

use crate::{
    aws::sign_error::{SignError, SignErrorKind},
    report::{Report, fold},
    verify::plugin_wire::PluginError,
};

/// A failure of a command.
#[derive(Debug)]
pub(super) struct Failure {
    code: &'static str,
    report: Report,
}

impl Failure {
    /// The request is not one that can be answered.
    pub(super) fn invalid(report: Report) -> Failure {
        Failure { code: "VALIDATION_ERROR", report }
    }

    /// The request is of another version of the protocol.
    pub(super) fn unsupported(report: Report) -> Failure {
        Failure { code: "UNSUPPORTED_CONTRACT_VERSION", report }
    }

    /// Something else is in the way.
    pub(super) fn error(report: Report) -> Failure {
        Failure { code: "ERROR", report }
    }

    /// What is written to standard error. Callers print the message, so that it is one line.
    pub(super) fn json(&self) -> String {
        let error = PluginError { error_code: self.code.into(), error_message: fold(&self.report.line()) };
        serde_json::to_string(&error).expect("text becomes JSON")
    }
}

impl From<SignError> for Failure {
    fn from(err: SignError) -> Failure {
        let code = match err.kind {
            SignErrorKind::Denied => "ACCESS_DENIED",
            SignErrorKind::Invalid => "VALIDATION_ERROR",
            SignErrorKind::Throttled => "THROTTLED",
            SignErrorKind::Timeout => "TIMEOUT",
            SignErrorKind::Failed => "ERROR",
        };
        Failure { code, report: err.report }
    }
}
