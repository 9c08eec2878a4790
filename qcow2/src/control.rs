//! What a caller may say to a long call while it runs.
#![forbid(unsafe_code)]

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Instant;

/// How far a call has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// How much is done: bytes of tables, or of the guest's disk.
    pub done: u64,
    /// How much there is, in the same bytes.
    pub total: u64,
}

/// Why a call was stopped before it was finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Stop {
    /// Its caller said so.
    #[error("it was cancelled")]
    Cancelled,
    /// It took longer than it may.
    #[error("it took longer than it may")]
    DeadlinePassed,
}

/// Cancel, deadline and progress of a long call. The default never stops and tells nobody.
///
/// A call that is stopped fails; it never answers partially. It is asked every few milliseconds, before each
/// bigger read: a single read that the system doesn't return from is not cut off. Cheap to clone; the clones
/// share the flag.
pub struct Control<P = Progress> {
    cancel: Option<Arc<AtomicBool>>,
    deadline: Option<Instant>,
    progress: Option<Arc<dyn Fn(P) + Send + Sync>>,
}

impl<P> Control<P> {
    /// One that never stops and tells nobody.
    #[must_use]
    pub const fn none() -> Self {
        Self { cancel: None, deadline: None, progress: None }
    }

    /// Stops the call soon after `flag` becomes true.
    #[must_use]
    pub fn cancelled_by(mut self, flag: Arc<AtomicBool>) -> Self {
        self.cancel = Some(flag);
        self
    }

    /// Stops the call soon after `deadline`.
    #[must_use]
    pub fn until(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Has `report` called now and then, from any thread of the call; what two threads tell may arrive in
    /// either order.
    #[must_use]
    pub fn reporting(mut self, report: impl Fn(P) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(report));
        self
    }

    /// The same flag and deadline, telling nobody.
    #[must_use]
    pub fn quiet(&self) -> Self {
        Self { progress: None, ..self.clone() }
    }

    /// Whether to go on.
    ///
    /// # Errors
    ///
    /// [`Stop`], with the reason not to.
    #[inline]
    pub fn go_on(&self) -> Result<(), Stop> {
        if self.cancel.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            return Err(Stop::Cancelled);
        }
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(Stop::DeadlinePassed),
            _ => Ok(()),
        }
    }

    /// Whether not to go on.
    #[inline]
    #[must_use]
    pub fn should_stop(&self) -> bool {
        self.go_on().is_err()
    }

    /// Tells whoever wants to know how far the call has come.
    #[inline]
    pub fn report(&self, progress: P) {
        if let Some(report) = &self.progress {
            report(progress);
        }
    }
}

impl<P> Default for Control<P> {
    fn default() -> Self {
        Self::none()
    }
}

impl<P> Clone for Control<P> {
    fn clone(&self) -> Self {
        let Self { cancel, deadline, progress } = self;
        Self { cancel: cancel.clone(), deadline: *deadline, progress: progress.clone() }
    }
}

impl<P> fmt::Debug for Control<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control")
            .field("cancel", &self.cancel)
            .field("deadline", &self.deadline)
            .field("progress", &self.progress.is_some())
            .finish()
    }
}
