//! A writer's time in a pool: the lock, the state as it was read under it, and the commits.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::{LOCK, Pool};
use crate::catalogue::{
    Batch, Begun, CatalogueError, Change, Fence, OpId, Revision, State, Writer,
};
use crate::disk::{Sealing, seal};
use crate::error::{Error, ErrorKind};
use crate::fs::{Lock, LockMode, is_absent};
use crate::host::Control;
use crate::name::{FileNameError, Id};
use crate::report::{DiskDone, Done, Notice};
use crate::survey::{Question, Surveyed};

/// How long to wait before asking again for a lock that somebody else has.
const AGAIN: Duration = Duration::from_millis(10);

/// Something to be committed: the operation and which of its commits, the changes, the embedder's bytes.
pub(crate) struct Commit {
    pub(crate) step: (OpId, u32),
    pub(crate) changes: Vec<Change>,
    pub(crate) tag: Option<Vec<u8>>,
}

/// The pool is ours, and this is what it holds.
pub(crate) struct Session<'p> {
    pub(crate) pool: &'p Pool,
    pub(crate) control: &'p Control,
    /// As of the last commit.
    pub(crate) state: State,
    fence: Fence,
    /// The next id that was not handed out in this session.
    next_id: Id,
    /// What came of a look at unsealed snapshots; the end of the operation says which are not so any more.
    pub(crate) sealing: Sealing,
    /// Nothing for who only looks.
    held: Option<Held<'p>>,
}

/// What a writer holds as long as it writes. The lock goes last.
struct Held<'p> {
    writer: Box<dyn Writer + 'p>,
    _lock: Box<dyn Lock>,
}

impl Pool {
    /// The pool's lock, alone.
    pub(super) fn lock(&self, control: &Control) -> Result<Box<dyn Lock>, ErrorKind> {
        let path = self.folder().join(LOCK);
        let until = Instant::now().checked_add(control.pool_wait);
        loop {
            let taken = self.fs().try_lock(&path, LockMode::Exclusive);
            match taken.map_err(|cause| ErrorKind::io("lock", &path, cause))? {
                Some(lock) => return Ok(lock),
                None if control.should_stop() => return Err(ErrorKind::Stopped),
                None if until.is_some_and(|until| Instant::now() >= until) => {
                    return Err(ErrorKind::Locked { pool: self.top().to_owned() });
                }
                None => self.host().clock.pause(AGAIN),
            }
        }
    }

    /// Begins to write. Operations that have not ended have to be recovered before.
    pub(crate) fn begin<'p>(&'p self, control: &'p Control) -> Result<Session<'p>, Error> {
        self.settled(self.begin_anyway(control)?)
    }

    /// What there is, for who plans and changes nothing: takes no lock, writes nothing, and can commit nothing.
    pub(crate) fn look<'p>(&'p self, control: &'p Control) -> Result<Session<'p>, Error> {
        let state = self.state()?;
        let (fence, next_id) = (Fence(0), state.next_id);
        let sealing = Sealing::default();
        self.settled(Session { pool: self, control, state, fence, next_id, sealing, held: None })
    }

    fn settled<'p>(&self, session: Session<'p>) -> Result<Session<'p>, Error> {
        let open: Vec<OpId> = session.state.intents.keys().copied().collect();
        if open.is_empty() {
            return Ok(session);
        }
        Err(ErrorKind::NeedsRecovery { pool: self.top().to_owned(), open }.into())
    }

    /// The same for recovery itself.
    pub(crate) fn begin_anyway<'p>(&'p self, control: &'p Control) -> Result<Session<'p>, Error> {
        let lock = self.lock(control)?;
        let Begun { fence, state, writer } = self.catalogue().begin()?;
        let next_id = state.next_id;
        let sealing = seal(self, &state);
        let held = Some(Held { writer, _lock: lock });
        Ok(Session { pool: self, control, state, fence, next_id, sealing, held })
    }

    /// The id of an operation: the caller's, or a new one.
    pub(crate) fn op(&self, given: Option<OpId>) -> Result<OpId, ErrorKind> {
        let next = || self.host().ids.next();
        given
            .map_or_else(next, Ok)
            .map_err(|cause| ErrorKind::io("ask for chance for", self.top(), cause))
    }
}

impl Session<'_> {
    /// An id that was never given before. It counts as given from the next commit on.
    pub(crate) fn next_id(&mut self) -> Id {
        let id = self.next_id;
        self.next_id = Id(id.0 + 1);
        id
    }

    /// The same, where nothing lies at any of the paths that go with the id; and the first of those paths. A
    /// file may lie there that was not made here, or whose record is lost.
    pub(crate) fn free_id(
        &mut self,
        places: impl Fn(Id) -> Result<Vec<PathBuf>, FileNameError>,
    ) -> Result<(Id, PathBuf), ErrorKind> {
        loop {
            let id = self.next_id();
            let mut taken = false;
            let places = places(id)?;
            for path in &places {
                match self.pool.fs().stat(path) {
                    Ok(_) => taken = true,
                    Err(error) if is_absent(&error) => {}
                    Err(cause) => return Err(ErrorKind::io("look for", path, cause)),
                }
            }
            if let (false, Some(first)) = (taken, places.into_iter().next()) {
                return Ok((id, first));
            }
        }
    }

    /// What an operation did that the caller has had done before under the same id.
    pub(crate) fn done_before(&self, op: Option<OpId>, last_step: u32) -> Option<Done> {
        let op = op.filter(|op| self.state.is_done(*op, last_step).is_some())?;
        let pool = self.pool;
        let snapshots = self.state.snapshots.values().filter(|record| record.op == op);
        let snapshots = snapshots.map(|record| DiskDone {
            disk: pool.path(&record.disk),
            snapshot: Some(record.name.clone()),
            id: record.id,
            path: pool.path(&record.file),
        });
        let trash = self.state.trash.values().filter(|record| record.op == op);
        let trash = trash.map(|record| DiskDone {
            disk: pool.path(&record.was),
            snapshot: record.snapshot.as_ref().map(|record| record.name.clone()),
            id: record.id,
            path: pool.path(&record.file),
        });
        let notice = Notice::new(pool.top(), "done-before", "was done before under this id");
        let disks = snapshots.chain(trash).collect();
        Some(Done { op, disks, notices: vec![notice], freed: 0 })
    }

    /// What the caller wants committed with the end of an operation that has begun.
    pub(crate) fn tag_of(&self, op: OpId) -> Option<Vec<u8>> {
        self.state.intents.get(&op).and_then(|intent| intent.tag.clone())
    }

    /// Commits: all of `changes`, or none.
    pub(crate) fn commit(
        &mut self,
        step: (OpId, u32),
        changes: Vec<Change>,
        tag: Option<&[u8]>,
    ) -> Result<(), CatalogueError> {
        let tag = tag.map(<[u8]>::to_vec);
        self.commit_all(vec![Commit { step, changes, tag }]).pop().unwrap_or(Ok(()))
    }

    /// Commits for several operations, each for itself, and forces them out together.
    pub(crate) fn commit_all(&mut self, commits: Vec<Commit>) -> Vec<Result<(), CatalogueError>> {
        let mut expected = self.state.revision;
        let mut next_id = (self.next_id > self.state.next_id).then_some(self.next_id);
        let batch = |Commit { step: (op, step), mut changes, tag }: Commit| {
            if let Some(next_id) = next_id.take() {
                changes.insert(0, Change::Advance { next_id });
            }
            if step > 0 && !self.sealing.found.is_empty() {
                changes.push(Change::Sealed { ids: std::mem::take(&mut self.sealing.found) });
            }
            let batch = Batch { op, step, expected, fence: self.fence, changes, tag };
            expected = Revision(expected.0 + 1);
            batch
        };
        let batches: Vec<Batch> = commits.into_iter().map(batch).collect();
        let results = match &mut self.held {
            Some(held) => held.writer.commit_all(&batches),
            None => self.pool.catalogue().commit_all(&batches),
        };
        let apply = |(batch, result): (&Batch, Result<Revision, CatalogueError>)| {
            // One that was done before changes nothing.
            if result? > self.state.revision {
                self.state.perform(batch);
            }
            Ok(())
        };
        batches.iter().zip(results).map(apply).collect()
    }

    /// Who depends on whom in the whole scope, with these images (absolute paths) in it.
    pub(crate) fn survey(&self, images: &[PathBuf]) -> Result<Surveyed, Error> {
        self.pool.survey(images, &self.control.call)
    }

    /// The same where the operation cannot be stopped any more.
    pub(crate) fn survey_to_the_end(&self, images: &[PathBuf]) -> Result<Surveyed, Error> {
        self.pool.survey(images, &diskdag_graph::scan::Control::none())
    }

    /// Asks once more what was asked before, where the operation cannot be stopped any more.
    pub(crate) fn survey_again(
        &self,
        before: &Surveyed,
        images: &[PathBuf],
    ) -> Result<Surveyed, Error> {
        let config = self.pool.config()?;
        let (roots, owners) = (config.roots_of(self.pool.top()), config.owners_of(self.pool.top()));
        let question = Question { roots: &roots, owners: &owners, images };
        let control = diskdag_graph::scan::Control::none();
        Ok(self.pool.host().survey.again(before, &question, &control)?)
    }

    /// Nothing may be removed while nobody stands by what is recorded.
    pub(crate) fn confirmed(&self) -> Result<(), ErrorKind> {
        if self.state.confirmed {
            return Ok(());
        }
        let (pool, lost) = (self.pool.top().to_owned(), self.state.lost.clone());
        Err(ErrorKind::Unconfirmed { pool, lost })
    }

    /// Stops an operation that has not reached its commit point.
    pub(crate) fn go_on(&self) -> Result<(), ErrorKind> {
        if self.control.should_stop() { Err(ErrorKind::Stopped) } else { Ok(()) }
    }
}
