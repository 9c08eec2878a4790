//! Making what has become a snapshot read-only.
//!
//! That comes after the commit, and is not forced out by itself: a snapshot is recorded as unsealed until a later
//! operation has found it read-only. Whoever writes to the pool next makes sure of it, so that neither a kill nor
//! the power takes more than one operation's time.

use std::io;
use std::path::{Path, PathBuf};

use super::content::content;
use super::{claim, data_file};
use crate::catalogue::{SnapshotRecord, State};
use crate::error::ErrorKind;
use crate::fs::{Access, Fs, FsFile};
use crate::name::Id;
use crate::pool::Pool;

/// Takes away every permission to write; says whether there was one.
pub(crate) fn freeze_file(fs: &dyn Fs, path: &Path) -> io::Result<bool> {
    freeze_open(&*fs.open(path, Access::Read)?)
}

/// The same of a file that is open.
pub(crate) fn freeze_open(file: &dyn FsFile) -> io::Result<bool> {
    let mode = file.stat()?.mode;
    if mode & 0o222 == 0 {
        return Ok(false);
    }
    file.set_mode(mode & !0o222)?;
    Ok(true)
}

/// What came of a look at the snapshots that are recorded as unsealed.
#[derive(Debug, Default)]
pub(crate) struct Sealing {
    /// Those that were found read-only: they are sealed for good with the end of the operation that has looked.
    pub(crate) found: Vec<Id>,
    /// The files of those that were not.
    pub(crate) made: Vec<PathBuf>,
}

/// Seals what is recorded as unsealed.
pub(crate) fn seal(pool: &Pool, state: &State) -> Sealing {
    let mut sealing = Sealing::default();
    for record in state.snapshots.unsealed() {
        match seal_one(pool, record) {
            Some(false) => sealing.found.push(record.id),
            Some(true) => sealing.made.push(pool.path(&record.file)),
            None => {}
        }
    }
    sealing
}

/// Seals a snapshot, and the external data file that it has; says whether that was to be done, and nothing if it
/// cannot be.
pub(crate) fn seal_one(pool: &Pool, record: &SnapshotRecord) -> Option<bool> {
    let path = pool.path(&record.file);
    match files(pool, record, &path) {
        Ok(done) => done,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "a snapshot could not be made read-only");
            None
        }
    }
}

fn files(pool: &Pool, record: &SnapshotRecord, path: &Path) -> Result<Option<bool>, ErrorKind> {
    let failed = |doing, path: &Path| {
        let path = path.to_owned();
        move |cause| ErrorKind::io(doing, path, cause)
    };
    let file = pool.fs().open(path, Access::Read).map_err(failed("open", path))?;
    // What others have made, others may be writing to.
    if record.adopted && !claim(pool, path, &*file)?.is_empty() {
        return Ok(None);
    }
    let held = content(&*file).map_err(failed("read", path))?;
    let mut done = freeze_open(&*file).map_err(failed("make read-only", path))?;
    if let Some(path) = data_file(pool, path, &held)? {
        done |= freeze_file(pool.fs(), &path).map_err(failed("make read-only", &path))?;
    }
    Ok(Some(done))
}
