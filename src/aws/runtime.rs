//! What async code runs on.

use std::{future::Future, io, sync::Arc, thread};

use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
};

/// A runtime on this thread whose end does not wait: a name lookup runs on a thread that cannot be stopped, and
/// waiting for it would break every bound.
pub(crate) struct BoundedRuntime(Option<Arc<Runtime>>);

impl BoundedRuntime {
    /// Starts one.
    pub(crate) fn start() -> io::Result<BoundedRuntime> {
        Ok(BoundedRuntime(Some(Arc::new(Builder::new_current_thread().enable_all().build()?))))
    }

    /// Runs async code to its end.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.0.as_ref().expect("it is taken only when this is dropped").block_on(work)
    }

    /// Does what waits by itself, while another thread goes on with what `begin` spawns. The next `run` goes on with
    /// what is left of that. Nobody waits for the thread: where the processors are busy it may come too late.
    pub(crate) fn beside<T>(&self, begin: impl FnOnce(), work: impl FnOnce() -> T) -> T {
        let Some(runtime) = &self.0 else { return work() };
        {
            let _spawns_here = runtime.enter();
            begin();
        }
        let (_until_the_end, ended) = oneshot::channel::<()>();
        let driven = Arc::clone(runtime);
        thread::Builder::new().spawn(move || driven.block_on(ended)).ok();
        work()
    }
}

impl Drop for BoundedRuntime {
    fn drop(&mut self) {
        // Where a thread of `beside` still has it, that one ends it.
        if let Some(runtime) = self.0.take().and_then(Arc::into_inner) {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;

    #[test]
    fn what_is_spawned_goes_on_while_this_thread_waits() {
        let runtime = BoundedRuntime::start().unwrap();
        let (done, ended) = mpsc::channel();
        let begin = || {
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                done.send("done").unwrap();
            });
        };
        let work = || ended.recv_timeout(Duration::from_secs(60));
        assert_eq!(runtime.beside(begin, work), Ok("done"));
        assert_eq!(runtime.run(async { 7 }), 7, "and what comes after has the runtime");
    }
}
