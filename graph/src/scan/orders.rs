//! What the workers of a scan go by.

use std::ffi::CStr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::scan::control::Control;
use crate::scan::live::{Dirty, Watches};
use crate::scan::record::Record;
use crate::sys::clock;

/// How a scan is to be made. The same from its beginning to its end.
#[derive(Clone)]
pub(crate) struct Orders {
    pub(crate) roots: Vec<PathBuf>,
    /// Workers that run.
    pub(crate) threads: NonZeroUsize,
    /// Workers, at most, that wait for the disk.
    pub(crate) readers: NonZeroUsize,
    /// How long an answer of the system is waited for.
    pub(crate) patience: Duration,
    pub(crate) control: Control,
    /// What an earlier scan has learned.
    pub(crate) before: Record,
    /// What vouches for directories that were not told of.
    pub(crate) trust: Option<Trust>,
    pub(crate) gate: Option<Arc<dyn Gate>>,
    /// What is added to the time of day, in nanoseconds: nothing, but in tests, where what was just
    /// written has to count as old.
    pub(crate) ahead: i64,
}

/// Watches, and what they told since the record was made.
#[derive(Clone)]
pub(crate) struct Trust {
    pub(crate) watches: Arc<Watches>,
    pub(crate) dirty: Arc<Dirty>,
}

impl Orders {
    /// The time of day.
    pub(crate) fn now(&self) -> i64 {
        clock().saturating_add(self.ahead)
    }

    /// What is said of what was waited for in vain.
    pub(crate) fn silence(&self) -> String {
        format!("did not answer within {} s", self.patience.as_secs_f32())
    }
}

/// What stands between a worker and the system: passed before anything is asked about a directory
/// or a name in it. Only tests put one up: one that never lets a worker through is a file system
/// that never answers; one that changes a file first is somebody who was faster.
pub(crate) trait Gate: Send + Sync {
    fn pass(&self, directory: &Path, name: Option<&CStr>);

    /// A directory was opened and asked, and is not watched yet.
    fn opened(&self, _directory: &Path) {}

    /// Whether a directory counts as one on another host.
    fn is_remote(&self, _directory: &Path) -> bool {
        false
    }
}
