//! What a pool needs of the host around it, each behind a trait: the real ones by default, others for
//! tests and for embedders whose hosts are different.

use std::fmt::Debug;
use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use diskdag_graph::{InUse, Usage};
use jiff::Timestamp;

use crate::catalogue::OpId;
use crate::fs::{Fs, RealFs};
use crate::survey::{ScanSurvey, Survey};

/// The time, for display, and a way to let some pass.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// Lets `duration` pass while a lock is awaited.
    fn pause(&self, duration: Duration);
}

/// Gives operations their ids.
pub trait OpIds: Send + Sync {
    /// One that was never given before.
    ///
    /// # Errors
    ///
    /// Whatever the system answers when asked for chance.
    fn next(&self) -> io::Result<OpId>;
}

/// The host. Cheap to clone.
#[derive(Clone)]
pub struct Host {
    /// Files.
    pub fs: Arc<dyn Fs>,
    /// Who depends on whom.
    pub survey: Arc<dyn Survey>,
    /// Who uses what, where it does not show in QEMU's locks.
    pub usage: Arc<dyn Usage>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids of operations.
    pub ids: Arc<dyn OpIds>,
}

impl Host {
    /// This host: its file system, a scan with `threads` threads, QEMU's locks.
    #[must_use]
    pub fn real(threads: NonZeroUsize) -> Self {
        Self {
            fs: Arc::new(RealFs),
            survey: Arc::new(ScanSurvey::new(threads)),
            usage: Arc::new(LocksOnly),
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
        }
    }
}

impl Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("fs", &self.fs).finish_non_exhaustive()
    }
}

/// Knows of no other use than what locks show, which are asked in any case.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocksOnly;

impl Usage for LocksOnly {
    fn in_use(&self, _path: &Path) -> InUse {
        InUse::NotAsked
    }
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn pause(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// 128 bits of the system's chance.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

impl OpIds for RandomIds {
    fn next(&self) -> io::Result<OpId> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(OpId(bytes))
    }
}

/// What a caller may say to a long call: when to stop, whom to tell, and how long to wait for whom.
#[derive(Clone, Debug)]
pub struct Control {
    /// Cancel, deadline and progress: of scans, and between the steps before the commit point. An operation that
    /// is stopped there is undone; after it, it is finished.
    pub call: diskdag_graph::scan::Control,
    /// How long to wait for another writer of the pool.
    pub pool_wait: Duration,
    /// How long to wait for an image that is in use; others may write to the pool meanwhile.
    pub image_wait: Duration,
}

impl Default for Control {
    /// Never stops, waits ten seconds for the pool and not at all for images.
    fn default() -> Self {
        diskdag_graph::scan::Control::default().into()
    }
}

impl From<diskdag_graph::scan::Control> for Control {
    /// The same, which waits ten seconds for the pool and not at all for images.
    fn from(call: diskdag_graph::scan::Control) -> Self {
        Self { call, pool_wait: Duration::from_secs(10), image_wait: Duration::ZERO }
    }
}

impl Control {
    /// Whether the caller wants to stop.
    pub(crate) fn should_stop(&self) -> bool {
        self.call.should_stop()
    }
}
