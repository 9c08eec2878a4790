//! Committing: apply, overwrite zeros, force out.
//!
//! 1. The log's file is locked against committers of other handles, and what is new in it is read: once for all
//!    commits of one writer.
//! 2. What the log holds and is not known to be forced out (another program was killed between its
//!    write and its sync; or the mark is old because the power was out) is written again as it is, and
//!    forced out. So no record ever reaches the medium before the ones that it follows upon.
//! 3. The record is written behind the last one, and forced out. This is the commit.
//! 4. The mark is written behind it, where the next record will go.
//! 5. If the log is half full now, a checkpoint is made. Nothing that happens to that undoes the commit.

use std::io;
use std::sync::Arc;

use super::layout::{Mark, RECORDS_AT, RecordHead, SECTOR};
use super::open::OpenLog;
use super::read::View;
use super::scan::Tail;
use super::{Batch, CatalogueError, Fence, Revision, Shared, State, Writer, failed};
use crate::fs::{self, FsFile};

type Outcome = Result<Revision, CatalogueError>;

/// Whoever commits: nobody else does meanwhile.
#[derive(Debug)]
pub(super) struct LogWriter<'c> {
    shared: &'c Shared,
    log: OpenLog,
    /// What is there, if that is known.
    view: Option<Arc<View>>,
}

impl<'c> LogWriter<'c> {
    /// Waits until the log is nobody's, and takes it.
    pub(super) fn new(shared: &'c Shared) -> Result<Self, CatalogueError> {
        Ok(Self { shared, log: shared.open_locked()?, view: None })
    }

    fn look(&mut self) -> Result<Arc<View>, CatalogueError> {
        match self.view.take() {
            Some(view) => Ok(view),
            None => self.shared.look(Some(&self.log)),
        }
    }

    /// What is there, and all of it on the medium.
    fn settled(&mut self) -> Result<View, CatalogueError> {
        let view = self.look()?;
        let view = self.shared.settle(&*self.log.file, view)?;
        Ok(Arc::unwrap_or_clone(view))
    }

    /// The next fence, which is noted for those who come later.
    pub(super) fn fence(&mut self) -> Result<Fence, CatalogueError> {
        let mut view = self.settled()?;
        view.fence = view.next_fence();
        self.shared.write_mark(&*self.log.file, &view)?;
        let fence = Fence(view.fence);
        *self.shared.view() = Some(Arc::new(view));
        Ok(fence)
    }

    /// The next fence, and the state. Nobody is given another fence meanwhile; with the first commit it is noted.
    pub(super) fn begin(&mut self) -> Result<(Fence, State), CatalogueError> {
        let mut view = self.settled()?;
        view.fence = view.next_fence();
        let begun = (Fence(view.fence), view.state.as_ref().clone());
        self.view = Some(Arc::new(view));
        Ok(begun)
    }

    /// Looks at all that lies there now, should a person have taken a file away or put another one in its place: what
    /// nobody finds any more would be committed to for nothing.
    fn find_files(&mut self) -> Result<(), CatalogueError> {
        let Shared { files, .. } = self.shared;
        if self.shared.identity(&files.log)? != self.log.identity {
            (self.log, self.view) = (self.shared.open_locked()?, None);
        }
        let checkpoint = self.shared.identity(&files.checkpoint)?;
        self.view.take_if(|view| view.checkpoint != checkpoint);
        Ok(())
    }

    /// An error is every batch's.
    fn try_commit(&mut self, batches: &[Batch]) -> Result<Vec<Outcome>, CatalogueError> {
        self.find_files()?;
        let view = self.look()?;
        let (shared, log) = (self.shared, &*self.log.file);
        let mut head = view.state.head();
        let mut outcomes = Vec::with_capacity(batches.len());
        let mut fresh = Vec::new();
        for batch in batches {
            let before = head.revision();
            let outcome = head.apply(batch);
            if head.revision() != before {
                fresh.push(batch);
            }
            outcomes.push(outcome.map_err(CatalogueError::from));
        }
        // Also when there is nothing new: a batch that is committed again is to be durable now.
        let view = shared.settle(log, view)?;
        if fresh.is_empty() {
            self.view = Some(view);
            return Ok(outcomes);
        }
        let Some(record) = Record::behind(&view, &fresh)? else {
            let mut state = view.state.as_ref().clone();
            fresh.iter().for_each(|batch| state.perform(batch));
            shared.checkpoint(&view, &state)?;
            return Ok(outcomes);
        };
        shared.write(log, &view, &record)?;
        let view = shared.advance(view, &record, &fresh);
        shared.mark(log, &view);
        if !view.is_half_full() {
            self.view = Some(view);
        } else if let Err(error) = shared.checkpoint(&view, &view.state) {
            tracing::warn!(%error, "the catalogue's checkpoint failed; its log goes on");
        }
        Ok(outcomes)
    }
}

impl Writer for LogWriter<'_> {
    fn commit_all(&mut self, batches: &[Batch]) -> Vec<Outcome> {
        self.try_commit(batches).unwrap_or_else(|error| alike(&error, batches.len()))
    }
}

impl Shared {
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
    fn advance(&self, view: Arc<View>, record: &Record, fresh: &[&Batch]) -> Arc<View> {
        let mut known = self.view();
        *known = None;
        let mut view = Arc::unwrap_or_clone(view);
        let state = Arc::make_mut(&mut view.state);
        fresh.iter().for_each(|batch| state.perform(batch));
        (view.tail, view.durable) = (record.next, record.next.at as u64);
        let view = Arc::new(view);
        *known = Some(Arc::clone(&view));
        view
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
        let (behind, mark) = (view.tail.at as u64, Mark::of(view).encode());
        fs::write_all(log, behind, &mark).map_err(failed("writing to", &self.files.log))
    }
}

/// Enough for the batch of one operation.
const PAYLOAD: usize = 2048;

/// A record and where it goes.
struct Record {
    bytes: Vec<u8>,
    /// Where the one after it will go.
    next: Tail,
}

impl Record {
    /// The record of these batches, behind all others. `None` if the log has no room for it, and for the mark behind
    /// it.
    fn behind(view: &View, batches: &[&Batch]) -> Result<Option<Self>, CatalogueError> {
        let mut payload = Vec::with_capacity(PAYLOAD);
        serde_json::to_writer(&mut payload, batches)
            .map_err(|cause| CatalogueError::Store(Box::new(cause)))?;
        let first = Revision(view.state.revision.0 + 1);
        let Some((bytes, before)) =
            RecordHead::record(view.header.generation, first, view.tail.before, &payload)
        else {
            return Ok(None);
        };
        let at = view.tail.at + bytes.len().next_multiple_of(SECTOR);
        let fits = (at + SECTOR) as u64 <= view.header.len;
        Ok(fits.then_some(Self { bytes, next: Tail { at, before } }))
    }
}

/// One error for each of several batches.
pub(super) fn alike(error: &CatalogueError, count: usize) -> Vec<Outcome> {
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
