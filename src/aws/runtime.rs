//! What async code runs on.

use std::{future::Future, io, thread};

use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
};

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

impl BoundedRuntime {
    /// Does what waits by itself, while another thread goes on with what `begin` spawns. The next `run` goes on with
    /// what is left of that.
    pub(crate) fn beside<T>(&self, begin: impl FnOnce(), work: impl FnOnce() -> T) -> T {
        let Some(runtime) = &self.0 else { return work() };
        {
            let _spawns_here = runtime.enter();
            begin();
        }
        let (done, ended) = oneshot::channel::<()>();
        thread::scope(|scope| {
            // Where no thread can be had, what was spawned begins with the next `run`.
            let _driving = thread::Builder::new().spawn_scoped(scope, || runtime.block_on(ended).unwrap_or_default());
            let value = work();
            drop(done);
            value
        })
    }
}

impl Drop for BoundedRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
