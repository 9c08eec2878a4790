//! Committing: apply, overwrite zeros, force out.
//!
//! 1. The log's file is locked against committers of other handles, and what is new in it is read.
//! 2. What the log holds and is not known to be forced out (another program was killed between its
//!    write and its sync; or the mark is old because the power was out) is written again as it is, and
//!    forced out. So no record ever reaches the medium before the ones that it follows upon.
//! 3. The record is written behind the last one, and forced out. This is the commit.
//! 4. The mark is written.
//! 5. If the log is half full now, a checkpoint is made. Nothing that happens to that undoes the commit.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::layout::{MARK_AT, Mark, RECORDS_AT, RecordHead, SECTOR};
use super::read::{View, missing};
use super::scan::Tail;
use super::{Batch, CatalogueError, Fence, Revision, Shared, State, failed};
use crate::fs::{self, Access, FsFile, Lock, LockMode};

/// How often a log that somebody else is committing to is asked for, and how long it is waited in
/// between. A commit takes milliseconds, and pools have a lock of their own.
const LOCK_ATTEMPTS: u32 = 5000;
const LOCK_WAIT: Duration = Duration::from_millis(2);

type Outcome = Result<Revision, CatalogueError>;

impl Shared {
    pub(super) fn commit(&self, batches: &[Batch]) -> Vec<Outcome> {
        let _turn = self.turn();
        self.try_commit(batches).unwrap_or_else(|error| alike(&error, batches.len()))
    }

    /// An error is every batch's.
    fn try_commit(&self, batches: &[Batch]) -> Result<Vec<Outcome>, CatalogueError> {
        let _lock = self.lock()?;
        let view = self.look()?;
        let log = self.open_log()?;
        let mut head = view.state.head();
        let mut outcomes = Vec::with_capacity(batches.len());
        let mut fresh = Vec::new();
        for batch in batches {
            let before = head.revision;
            let outcome = head.apply(batch);
            if head.revision != before {
                fresh.push(batch);
            }
            outcomes.push(outcome.map_err(CatalogueError::from));
        }
        // Also when there is nothing new: a batch that is committed again is to be durable now.
        let view = self.settle(log.as_ref(), view)?;
        if fresh.is_empty() {
            return Ok(outcomes);
        }
        let payload =
            serde_json::to_vec(&fresh).map_err(|cause| CatalogueError::Store(Box::new(cause)))?;
        let Some(record) = Record::behind(&view, &payload) else {
            let mut state = view.state.as_ref().clone();
            apply(&mut state, &fresh)?;
            self.checkpoint(&view, &state)?;
            return Ok(outcomes);
        };
        self.write(log.as_ref(), &view, &record)?;
        let view = self.advance(view, &record, &fresh)?;
        self.mark(log.as_ref(), &view);
        if view.is_half_full()
            && let Err(error) = self.checkpoint(&view, &view.state)
        {
            tracing::warn!(%error, "the catalogue's checkpoint failed; its log goes on");
        }
        Ok(outcomes)
    }

    /// Writes a record and forces it out: then it is committed.
    fn write(&self, log: &dyn FsFile, view: &View, record: &Record) -> Result<(), CatalogueError> {
        let writing = failed("writing to", &self.files.log);
        if view.durable < RECORDS_AT as u64 {
            // The first record of a log takes the header along.
            fs::write_all(log, 0, &view.header.encode()).map_err(&writing)?;
        }
        let at = view.tail.at as u64;
        if let Err(cause) = fs::write_all(log, at, &record.bytes) {
            // A record that is written in part is none, and will be written over.
            return Err(match fs::read_up_to(log, at, record.bytes.len()) {
                Ok(there) if there != record.bytes => writing(cause),
                _ => CatalogueError::Undecided { cause },
            });
        }
        log.sync_data().map_err(|cause| {
            *self.view() = None;
            CatalogueError::Undecided { cause }
        })
    }

    /// What is there after a commit. The state is changed where it lies, unless somebody is reading it.
    fn advance(
        &self,
        view: Arc<View>,
        record: &Record,
        fresh: &[&Batch],
    ) -> Result<Arc<View>, CatalogueError> {
        let mut known = self.view();
        *known = None;
        let mut view = Arc::unwrap_or_clone(view);
        if apply(Arc::make_mut(&mut view.state), fresh).is_err() {
            // It is committed, whatever went wrong here: it is read.
            drop(known);
            return self.look();
        }
        (view.tail, view.durable) = (record.next, record.next.at as u64);
        let view = Arc::new(view);
        *known = Some(view.clone());
        Ok(view)
    }

    /// Forces out the records that are not known to be on the medium.
    pub(super) fn settle(
        &self,
        log: &dyn FsFile,
        view: Arc<View>,
    ) -> Result<Arc<View>, CatalogueError> {
        let end = view.tail.at as u64;
        if view.durable >= end || view.tail.at == RECORDS_AT {
            return Ok(view);
        }
        let path = &self.files.log;
        let undecided = |cause| {
            *self.view() = None;
            CatalogueError::Undecided { cause }
        };
        let len = usize::try_from(end - view.durable).unwrap_or(usize::MAX);
        let bytes = fs::read_up_to(log, view.durable, len).map_err(failed("reading", path))?;
        fs::write_all(log, view.durable, &bytes).map_err(failed("writing to", path))?;
        log.sync_data().map_err(undecided)?;
        let view = View { durable: end, ..view.as_ref().clone() };
        self.mark(log, &view);
        let view = Arc::new(view);
        *self.view() = Some(view.clone());
        Ok(view)
    }

    /// Notes what is forced out. Nothing depends on it but a sync that is made once more.
    pub(super) fn mark(&self, log: &dyn FsFile, view: &View) {
        if let Err(error) = self.write_mark(log, view) {
            tracing::debug!(%error, "the mark of the catalogue's log could not be written");
        }
    }

    fn write_mark(&self, log: &dyn FsFile, view: &View) -> Result<(), CatalogueError> {
        let (_, inode) = view.log;
        let generation = view.header.generation;
        let mark = Mark { generation, inode, durable: view.durable, fence: view.fence };
        fs::write_all(log, MARK_AT, &mark.encode()).map_err(failed("writing to", &self.files.log))
    }

    pub(super) fn fence(&self) -> Result<Fence, CatalogueError> {
        let _turn = self.turn();
        let _lock = self.lock()?;
        let view = self.look()?;
        let log = self.open_log()?;
        let view = self.settle(log.as_ref(), view)?;
        let fence = view.fence.max(view.state.fence.0) + 1;
        let view = View { fence, ..view.as_ref().clone() };
        self.write_mark(log.as_ref(), &view)?;
        *self.view() = Some(Arc::new(view));
        Ok(Fence(fence))
    }

    fn open_log(&self) -> Result<Box<dyn FsFile>, CatalogueError> {
        let path = &self.files.log;
        self.fs.open(path, Access::Write).map_err(|cause| missing("opening", path, cause))
    }

    /// Keeps committers of other handles away. Locking makes a file that is not there, so that is asked
    /// first.
    fn lock(&self) -> Result<Box<dyn Lock>, CatalogueError> {
        let path = &self.files.log;
        self.fs.stat(path).map_err(|cause| missing("asking for", path, cause))?;
        let locking = failed("locking", path);
        for _ in 0..LOCK_ATTEMPTS {
            if let Some(lock) = self.fs.try_lock(path, LockMode::Exclusive).map_err(&locking)? {
                return Ok(lock);
            }
            std::thread::sleep(LOCK_WAIT);
        }
        Err(locking(io::ErrorKind::WouldBlock.into()))
    }
}

/// Applies batches that were found to fit.
fn apply(state: &mut State, fresh: &[&Batch]) -> Result<(), CatalogueError> {
    fresh.iter().try_for_each(|batch| state.apply(batch).map(drop).map_err(CatalogueError::from))
}

/// A record and where it goes.
struct Record {
    bytes: Vec<u8>,
    /// Where the one after it will go.
    next: Tail,
}

impl Record {
    /// The record behind all others. `None` if the log has no room for it.
    fn behind(view: &View, payload: &[u8]) -> Option<Self> {
        let first = Revision(view.state.revision.0 + 1);
        let bytes = RecordHead::record(view.header.generation, first, view.tail.before, payload)?;
        let at = view.tail.at + bytes.len().next_multiple_of(SECTOR);
        let before = RecordHead::peek(&bytes)?.sum;
        (at as u64 <= view.header.len).then_some(Self { bytes, next: Tail { at, before } })
    }
}

/// One error for each of several batches.
fn alike(error: &CatalogueError, count: usize) -> Vec<Outcome> {
    let copy = |cause: &io::Error| {
        cause.raw_os_error().map_or_else(|| cause.kind().into(), io::Error::from_raw_os_error)
    };
    let one = || match error {
        CatalogueError::Missing { path } => CatalogueError::Missing { path: path.clone() },
        CatalogueError::Damaged { path, what } => {
            CatalogueError::Damaged { path: path.clone(), what: what.clone() }
        }
        CatalogueError::Newer { path, found, known } => {
            CatalogueError::Newer { path: path.clone(), found: *found, known: *known }
        }
        CatalogueError::Refused(refused) => CatalogueError::Refused(refused.clone()),
        CatalogueError::Leased { holder } => CatalogueError::Leased { holder: holder.clone() },
        CatalogueError::Undecided { cause } => CatalogueError::Undecided { cause: copy(cause) },
        CatalogueError::Io { doing, path, cause } => {
            CatalogueError::Io { doing, path: path.clone(), cause: copy(cause) }
        }
        CatalogueError::Store(error) => CatalogueError::Store(error.to_string().into()),
    };
    (0..count).map(|_| Err(one())).collect()
}
