//! What async code runs on.

use std::{future::Future, io};

use tokio::runtime::{Builder, Runtime};

/// A runtime on this thread whose end does not wait: a name lookup runs on a thread that cannot be stopped, and
/// waiting for it would break every bound.
pub(crate) struct BoundedRuntime(Option<Runtime>);

impl BoundedRuntime {
    /// Starts one.
    pub(crate) fn start() -> io::Result<BoundedRuntime> {
        Ok(BoundedRuntime(Some(Builder::new_current_thread().enable_all().build()?)))
    }

    /// Runs async code to its end.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.0.as_ref().expect("it is taken only when this is dropped").block_on(work)
    }
}

impl Drop for BoundedRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
