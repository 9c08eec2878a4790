//! What a handle knows of the files, and how it learns it, without a lock.
//!
//! A checkpoint is put in place before the log in front of it begins anew. So what is read of the log
//! first and of the checkpoint then lacks nothing that was committed before the reading began: a log that
//! is older than the checkpoint has nothing to add to it. What cannot be, because a commit or a
//! checkpoint went on in between, is read again; it is believed when it is there twice, byte for byte.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::layout::{
    CheckpointHeader, Fault, Header, IMAGE_AT, Mark, RECORDS_AT, RecordHead, SECTOR, VERSION,
    checksum,
};
use super::open::{Identity, OpenLog, missing};
use super::scan::{self, Tail};
use super::{CatalogueError, Revision, Shared, State, damaged, failed};
use crate::catalogue::redb::{self, ImageError};
use crate::fs::{self, Access, FsFile};

/// How often something that cannot be is read again while it changes.
const ATTEMPTS: usize = 64;

/// The longest log and checkpoint that are read, in bytes. They are as long as what was recorded in
/// them; these only keep a sparse file that somebody made from filling the memory.
const LOG_MAX: u64 = 256 << 20;
const CHECKPOINT_MAX: u64 = 4 << 30;

/// What was read.
#[derive(Clone, Debug)]
pub(super) struct View {
    /// Which file is the log.
    pub(super) log: Identity,
    /// Which is the checkpoint.
    pub(super) checkpoint: Identity,
    pub(super) header: Header,
    /// Where the next record goes.
    pub(super) tail: Tail,
    /// How many bytes of the log are known to be forced out.
    pub(super) durable: u64,
    /// The newest fence that was handed out.
    pub(super) fence: u64,
    pub(super) state: Arc<State>,
}

impl View {
    /// A fence that is newer than all before.
    pub(super) fn next_fence(&self) -> u64 {
        self.fence.max(self.state.fence.0) + 1
    }

    /// Whether half of the log's space for records is taken.
    pub(super) const fn is_half_full(&self) -> bool {
        let room = self.header.len.saturating_sub(RECORDS_AT as u64);
        (self.tail.at.saturating_sub(RECORDS_AT) as u64) > room / 2
    }
}

/// What could not be read, and the bytes that say so.
struct Unread {
    error: CatalogueError,
    seen: u64,
}

impl Shared {
    /// What is there now. Who holds the log has it read; else the one is opened that is there.
    pub(super) fn look(&self, held: Option<&OpenLog>) -> Result<Arc<View>, CatalogueError> {
        let known = self.view().clone();
        let view = match known {
            Some(known) => {
                let opened;
                let log = match held {
                    Some(log) => log,
                    None => {
                        opened = self.open_log(Access::Read)?;
                        &opened
                    }
                };
                self.look_again(known, log)?
            }
            None => None,
        };
        let view = match view {
            Some(view) => view,
            None => Arc::new(self.look_at_all(held)?),
        };
        *self.view() = Some(view.clone());
        Ok(view)
    }

    /// What was added to what is known. `None` if that is not all: another log or checkpoint is there.
    fn look_again(
        &self,
        known: Arc<View>,
        log: &OpenLog,
    ) -> Result<Option<Arc<View>>, CatalogueError> {
        let reading = failed("reading", &self.files.log);
        let head = fs::read_up_to(log.file.as_ref(), 0, SECTOR).map_err(&reading)?;
        let checkpoint = self.identity(&self.files.checkpoint)?;
        let same = log.identity == known.log
            && checkpoint == known.checkpoint
            && Header::decode(&head) == Ok(known.header);
        if !same {
            return Ok(None);
        }
        let at = known.tail.at;
        let room = usize::try_from(known.header.len).unwrap_or(0).saturating_sub(at);
        let read = |len| fs::read_up_to(log.file.as_ref(), at as u64, len).map_err(&reading);
        let mut bytes = read(room.min(SECTOR))?;
        let mut tail = known.tail;
        let mut state = None;
        let generation = known.header.generation;
        if RecordHead::peek(&bytes).is_some_and(|head| head.generation == generation) {
            bytes = read(room)?;
            let mut after = known.state.as_ref().clone();
            match scan::follow(&bytes, at, generation, tail, &mut after) {
                Ok(end) => (tail, state) = (end, Some(after)),
                // Read all of it, and then believe it.
                Err(_) => return Ok(None),
            }
        }
        let (durable, fence) = mark(bytes.get(tail.at - at..), &known.header, known.log);
        let (durable, fence) = (durable.max(known.durable), fence.max(known.fence));
        if state.is_none() && (durable, fence) == (known.durable, known.fence) {
            return Ok(Some(known));
        }
        let state = state.map_or_else(|| Arc::clone(&known.state), Arc::new);
        Ok(Some(Arc::new(View { tail, durable, fence, state, ..known.as_ref().clone() })))
    }

    fn look_at_all(&self, held: Option<&OpenLog>) -> Result<View, CatalogueError> {
        let mut before = None;
        let mut attempts = ATTEMPTS;
        loop {
            attempts -= 1;
            let read = match held {
                Some(log) => self.read(log),
                None => self.read(&self.open_log(Access::Read)?),
            };
            match read {
                Ok(view) => return Ok(view),
                Err(Unread { error: error @ CatalogueError::Damaged { .. }, seen }) => {
                    if before == Some(seen) || attempts == 0 {
                        return Err(error);
                    }
                    before = Some(seen);
                }
                Err(Unread { error, .. }) => return Err(error),
            }
        }
    }

    fn read(&self, OpenLog { file: log, identity }: &OpenLog) -> Result<View, Unread> {
        let certain = |error| Unread { error, seen: 0 };
        let path = &self.files.log;
        let reading = |cause| certain(failed("reading", path)(cause));
        let head = fs::read_up_to(log.as_ref(), 0, RECORDS_AT).map_err(reading)?;
        let bad = |error| Unread { error, seen: checksum(&head) };
        let header = Header::decode(&head).map_err(|fault| bad(fault.of(path)))?;
        let len = usize::try_from(header.len).ok().filter(|_| header.len <= LOG_MAX);
        let len = len.ok_or_else(|| bad(damaged(path, "its header says an impossible length")))?;
        // Before a byte is allocated for it.
        let cut = || damaged(path, "it was cut");
        if log.len().map_err(reading)? < header.len {
            return Err(bad(cut()));
        }
        let bytes = fs::read_up_to(log.as_ref(), 0, len).map_err(reading)?;
        let seen = checksum(&bytes);
        let bad = |error| Unread { error, seen };
        if bytes.len() < len {
            return Err(bad(cut()));
        }

        let (checkpoint, mut state, on) = self.read_checkpoint(&self.files.checkpoint)?;
        let seen = seen ^ on.sum.rotate_left(1);
        let bad = |error| Unread { error, seen };
        if ![on.before, on.after].contains(&header.generation) {
            let what = "it does not belong to the checkpoint beside it";
            return Err(bad(damaged(path, what)));
        }
        if header.base > state.revision {
            return Err(bad(damaged(path, "it begins later than the checkpoint beside it ends")));
        }
        let begin = Tail { at: RECORDS_AT, before: header.sum() };
        let generation = header.generation;
        let tail = scan::follow(&bytes, 0, generation, begin, &mut state);
        let tail =
            tail.and_then(|tail| scan::check_end(&bytes, generation, tail, &state).map(|()| tail));
        let tail = tail.map_err(|error| bad(damaged(path, error.to_string())))?;
        let (durable, fence) = mark(bytes.get(tail.at..), &header, *identity);
        let fence = fence.max(state.fence.0);
        let state = Arc::new(state);
        Ok(View { log: *identity, checkpoint, header, tail, durable, fence, state })
    }

    /// What is left. The spare was the checkpoint before, and is whole until the next one is written.
    pub(super) fn salvage(&self) -> Option<State> {
        let checkpoint = |path: &PathBuf| self.read_checkpoint(path).ok();
        let found = [&self.files.checkpoint, &self.files.spare].into_iter().find_map(checkpoint);
        let log = self.open(&self.files.log).ok();
        let bytes =
            log.and_then(|log| fs::read_all(log.as_ref(), LOG_MAX).ok()).unwrap_or_default();
        let header = Header::decode(&bytes).ok();
        // A log that begins with the pool has everything itself.
        let begins = header.as_ref().is_some_and(|header| header.base == Revision(0));
        let (mut state, on) = match found {
            Some((_, state, on)) => (state, Some(on)),
            None => begins.then(|| (State::default(), None))?,
        };
        if let Some(header) = header
            && on.is_none_or(|on| [on.before, on.after].contains(&header.generation))
        {
            let begin = Tail { at: RECORDS_AT, before: header.sum() };
            // As far as they follow.
            drop(scan::follow(&bytes, 0, header.generation, begin, &mut state));
        }
        Some(state)
    }

    fn read_checkpoint(&self, path: &Path) -> Result<(Identity, State, CheckpointHeader), Unread> {
        let certain = |error| Unread { error, seen: 0 };
        let reading = |cause| certain(failed("reading", path)(cause));
        let file = self.open(path).map_err(certain)?;
        let identity = file.stat().map_err(reading)?.identity();
        let head = fs::read_up_to(file.as_ref(), 0, SECTOR).map_err(reading)?;
        let bad = |error| Unread { error, seen: checksum(&head) };
        let header = CheckpointHeader::decode(&head).map_err(|fault| bad(fault.of(path)))?;
        let room = file.len().map_err(reading)?.saturating_sub(IMAGE_AT as u64);
        let len = usize::try_from(header.len).ok();
        let len = len.filter(|_| header.len <= room && header.len <= CHECKPOINT_MAX);
        let len = len.ok_or_else(|| bad(damaged(path, "it was cut")))?;
        let image = fs::read_up_to(file.as_ref(), IMAGE_AT as u64, len).map_err(reading)?;
        let sum = checksum(&image);
        let bad = |error| Unread { error, seen: sum };
        if sum != header.sum {
            return Err(bad(damaged(path, "its checksum is not that of its bytes")));
        }
        let state = redb::decode(image).map_err(|error| {
            bad(match error {
                ImageError::Newer { found } => {
                    CatalogueError::Newer { path: path.to_owned(), found, known: redb::FORMAT }
                }
                error => damaged(path, error.to_string()),
            })
        })?;
        Ok((identity, state, header))
    }

    fn open(&self, path: &Path) -> Result<Box<dyn FsFile>, CatalogueError> {
        self.fs.open(path, Access::Read).map_err(|cause| missing("opening", path, cause))
    }
}

/// How much of the log is known to be forced out, and the newest fence that was handed out, by the mark behind
/// the last record. A mark that does not read, or is none of this log's, says nothing.
fn mark(behind: Option<&[u8]>, header: &Header, (_, inode): Identity) -> (u64, u64) {
    match behind.map(Mark::decode) {
        Some(Ok(mark)) if mark.generation == header.generation => {
            (if mark.inode == inode { mark.durable } else { 0 }, mark.fence)
        }
        _ => (0, 0),
    }
}

impl Mark {
    pub(super) const fn of(view: &View) -> Self {
        let View { header, durable, fence, log: (_, inode), .. } = view;
        Self { generation: header.generation, inode: *inode, durable: *durable, fence: *fence }
    }
}

impl Fault {
    fn of(self, path: &Path) -> CatalogueError {
        match self {
            Self::Damaged => damaged(path, "its header does not check"),
            Self::Newer(found) => {
                CatalogueError::Newer { path: path.to_owned(), found, known: VERSION }
            }
        }
    }
}
