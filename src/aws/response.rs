//! A call that AWS did not answer as asked.

use std::{error::Error, fmt};

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_types::request_id::RequestId;

/// A call that failed, with the status of its answer: where a proxy answers in place of AWS, the
/// SDK's error says only that the answer is no JSON.
#[derive(Debug)]
pub(super) struct Refused {
    status: Option<u16>,
    /// AWS's name of the request, which its support asks for.
    pub(super) request_id: Option<String>,
    cause: Box<dyn Error + Send + Sync>,
}

impl Refused {
    /// Keeps what the answer's head says beside the SDK's error.
    pub(super) fn of<E: Error + Send + Sync + 'static>(error: SdkError<E, HttpResponse>) -> Refused {
        Refused {
            status: error.raw_response().map(|answer| answer.status().as_u16()),
            request_id: error.request_id().map(str::to_owned),
            cause: error.into(),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "the answer has HTTP status {status}"),
            None => f.write_str("service error"),
        }
    }
}

impl Error for Refused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.cause)
    }
}
