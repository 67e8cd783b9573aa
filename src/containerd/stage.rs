//! What is being done, for the sentence where it does not come to its end.

use std::sync::{Arc, Mutex, PoisonError};

/// What the thread that judges is at, for the one that waits for it.
#[derive(Clone, Default)]
pub(super) struct Stage(Arc<Mutex<&'static str>>);

impl Stage {
    /// Begins the next one.
    pub(super) fn is(&self, doing: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = doing;
    }

    /// The one that has begun last.
    pub(super) fn now(&self) -> &'static str {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
