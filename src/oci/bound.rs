//! How long the work on one image may take, whatever its registry does.

use std::{future::Future, time::Duration};

use crate::report::Report;

/// Time for one image: to find what an index lists, to sign it, to read its signatures. Each request has a
/// bound of its own; this one is for a registry that keeps every one of them, thousands of times.
pub(crate) const MAX_TIME: Duration = Duration::from_secs(5 * 60);

/// Ends work that takes longer than its bound; `what` says what could not be done.
pub(crate) async fn within<T>(
    bound: Duration,
    what: impl FnOnce() -> String,
    work: impl Future<Output = Result<T, Report>>,
) -> Result<T, Report> {
    tokio::time::timeout(bound, work).await.unwrap_or_else(|_| {
        Err(Report::new(what())
            .cause(format!("it was not done within {} s", bound.as_secs()))
            .hint("the registry answers too slowly: run the same command again later"))
    })
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn f2_18_work_on_an_image_ends() {
        let late = within(Duration::from_millis(10), || "cannot sign it".into(), pending::<Result<(), _>>()).await;
        let late = late.unwrap_err();
        assert_eq!((late.what(), late.causes()), ("cannot sign it", &["it was not done within 0 s".to_owned()][..]));
        let done = within(MAX_TIME, || unreachable!("it was done"), ready(Ok(1))).await;
        assert_eq!(done.ok(), Some(1));
    }
}
