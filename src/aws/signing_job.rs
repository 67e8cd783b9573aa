//! How often SignPayload is tried: each try that reaches AWS Signer is a signing job there.

use std::{error::Error, time::Duration};

use aws_smithy_runtime_api::client::{
    interceptors::context::InterceptorContext,
    retries::classifiers::{ClassifyRetry, RetryAction, RetryClassifierPriority},
};

/// How long one try is waited for: a second one would be a second job, so the first gets the time of three.
pub(super) const SIGN_ATTEMPT: Duration = Duration::from_secs(30);

/// The same with the tries that AWS turned away before.
pub(super) const SIGN_OPERATION: Duration = Duration::from_secs(45);

/// Tries again only what made no job: a refusal (of those, the throttled ones are worth another try), and
/// a connection that never came about.
#[derive(Debug)]
pub(super) struct OneJob;

impl ClassifyRetry for OneJob {
    fn classify_retry(&self, call: &InterceptorContext) -> RetryAction {
        let refused = call.response().is_some_and(|answer| (400..500).contains(&answer.status().as_u16()));
        let connector = call.output_or_error().and_then(|outcome| outcome.err()?.as_connector_error());
        let unsent = connector.is_some_and(|err| is_unsent(err));
        // What is left to the SDK's own classifiers is tried again where they want it.
        if refused || unsent { RetryAction::NoActionIndicated } else { RetryAction::RetryForbidden }
    }

    fn name(&self) -> &'static str {
        "one signing job"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

/// Whether the connection could not be made. The HTTP client tells it in words alone (hyper-util, `client/legacy`).
fn is_unsent(error: &(dyn Error + 'static)) -> bool {
    let mut layer = Some(error);
    while let Some(error) = layer {
        if error.to_string().contains("client error (Connect)") {
            return true;
        }
        layer = error.source();
    }
    false
}
