//! The log, open: for whoever reads it, and locked for whoever writes to it.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::{CatalogueError, Shared, failed};
use crate::fs::{self, Access, FsFile, LockMode};

/// How often a log that somebody else is committing to is asked for, and how long it is waited in
/// between. A commit takes milliseconds, and pools have a lock of their own.
const LOCK_ATTEMPTS: u32 = 5000;
const LOCK_WAIT: Duration = Duration::from_millis(2);

/// How often a log is opened that is another one when it is locked.
const OPEN_ATTEMPTS: u32 = 64;

/// Device and inode.
pub(super) type Identity = (u64, u64);

/// The log's file.
#[derive(Debug)]
pub(super) struct OpenLog {
    pub(super) file: Box<dyn FsFile>,
    pub(super) identity: Identity,
}

impl Shared {
    pub(super) fn open_log(&self, access: Access) -> Result<OpenLog, CatalogueError> {
        let path = &self.files.log;
        let file = self.fs.open(path, access).map_err(|cause| missing("opening", path, cause))?;
        let identity = file.stat().map_err(failed("asking for", path))?.identity();
        Ok(OpenLog { file, identity })
    }

    /// The log, from which committers of other handles are kept away until it is closed.
    pub(super) fn open_locked(&self) -> Result<OpenLog, CatalogueError> {
        for _ in 0..OPEN_ATTEMPTS {
            let log = self.open_log(Access::Write)?;
            self.lock(&log)?;
            // Another one may have been put in its place since it was opened.
            if self.identity(&self.files.log)? == log.identity {
                return Ok(log);
            }
        }
        Err(failed("locking", &self.files.log)(io::ErrorKind::WouldBlock.into()))
    }

    fn lock(&self, log: &OpenLog) -> Result<(), CatalogueError> {
        let locking = failed("locking", &self.files.log);
        for _ in 0..LOCK_ATTEMPTS {
            if log.file.try_lock(LockMode::Exclusive).map_err(&locking)? {
                return Ok(());
            }
            std::thread::sleep(LOCK_WAIT);
        }
        Err(locking(io::ErrorKind::WouldBlock.into()))
    }

    pub(super) fn identity(&self, path: &Path) -> Result<Identity, CatalogueError> {
        let stat = self.fs.stat(path).map_err(|cause| missing("asking for", path, cause))?;
        Ok(stat.identity())
    }
}

/// A file that is not there is a catalogue that is not there.
pub(super) fn missing(doing: &'static str, path: &Path, cause: io::Error) -> CatalogueError {
    if fs::is_absent(&cause) {
        return CatalogueError::Missing { path: path.to_owned() };
    }
    failed(doing, path)(cause)
}
