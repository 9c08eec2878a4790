//! Checkpoints: the whole state in one file, and a log that begins anew in the space of the old one.
//!
//! 1. The directory is forced out: if a program was killed in the middle of step 4, the file that is
//!    called the spare may be the checkpoint as far as the medium knows.
//! 2. The state is written over the spare, whose space is there already, and that is forced out.
//! 3. Spare and checkpoint exchange their names.
//! 4. The directory is forced out. From here on the log has nothing to say that the checkpoint does not.
//! 5. A log that is shorter than the checkpoint, if that is long, is made as long, by zeros that are forced out.
//! 6. The log's header is overwritten by one of the next generation, which makes its records those of
//!    another log. The first record of that log is forced out with it. If only the record reaches the
//!    medium, it is none to the header that is there, and those that are have nothing to add.
//!
//! Cut off anywhere, the checkpoint that is there and the log that is there make the same state.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::layout::{CheckpointHeader, Generation, Header, IMAGE_AT, Mark, RECORDS_AT, checksum};
use super::open::missing;
use super::read::View;
use super::scan::Tail;
use super::{CatalogueError, Shared, State, failed};
use crate::catalogue::redb;
use crate::fs::{self, Access, FsFile};

/// Files are for whom the process's umask says, as the pool's directory is.
const MODE: u32 = 0o666;

/// The spare is made longer than the checkpoint by this part of it, so that the next one has room.
const SPARE_SHARE: usize = 4;

const ZEROS: &[u8] = &[0; 64 << 10];

impl Shared {
    /// Makes `state` the checkpoint (steps 1 to 4): the state of `view`, or a later one, which is thereby
    /// committed. Then lets the log begin anew (steps 5 and 6), as far as that can be done: a log that does
    /// not is as good as before.
    pub(super) fn checkpoint(&self, view: &View, state: &State) -> Result<(), CatalogueError> {
        let after = view.header.generation.next(state);
        let bytes = image(state, view.header.generation, after)?;
        let placed = self.place(&bytes);
        // What is known is of the old checkpoint.
        *self.view() = None;
        placed?;
        let len = self.grow_log(view, bytes.len()).unwrap_or_else(|error| {
            tracing::debug!(%error, "the catalogue's log stays as short as it is");
            view.header.len
        });
        if let Err(error) = self.begin_log(view, state, after, len) {
            tracing::warn!(%error, "the catalogue's log could not begin anew; it goes on");
        }
        if let Err(error) = self.grow_spare(bytes.len()) {
            tracing::debug!(%error, "there is no room kept for the catalogue's next checkpoint");
        }
        Ok(())
    }

    fn place(&self, bytes: &[u8]) -> Result<(), CatalogueError> {
        let files = &self.files;
        let syncing = failed("forcing out", &files.dir);
        if self.dir_failed.load(Ordering::Acquire) {
            // Which file the medium takes for the checkpoint is not known: neither is written over.
            return Err(syncing(io::ErrorKind::Other.into()));
        }
        self.sync_dir().map_err(&syncing)?;
        let spare = match self.fs.open(&files.spare, Access::Write) {
            Err(error) if fs::is_absent(&error) => self.fs.create(&files.spare, MODE),
            other => other,
        };
        let spare = spare.map_err(failed("opening", &files.spare))?;
        fs::write_all(spare.as_ref(), 0, bytes).map_err(failed("writing to", &files.spare))?;
        spare.sync().map_err(failed("forcing out", &files.spare))?;
        let exchanged = match self.fs.exchange(&files.spare, &files.checkpoint) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                self.fs.replace(&files.spare, &files.checkpoint)
            }
            other => other,
        };
        if let Err(cause) = exchanged {
            let now = self.fs.stat(&files.checkpoint).map(|stat| stat.identity());
            return Err(match (now, spare.stat().map(|stat| stat.identity())) {
                (Ok(now), Ok(new)) if now != new => failed("exchanging", &files.spare)(cause),
                _ => CatalogueError::Undecided { cause },
            });
        }
        self.sync_dir().map_err(|cause| CatalogueError::Undecided { cause })
    }

    fn sync_dir(&self) -> io::Result<()> {
        let synced = self.fs.sync_dir(&self.files.dir);
        if synced.is_err() {
            self.dir_failed.store(true, Ordering::Release);
        }
        synced
    }

    fn begin_log(
        &self,
        view: &View,
        state: &State,
        generation: Generation,
        len: u64,
    ) -> Result<(), CatalogueError> {
        let path = &self.files.log;
        let log =
            self.fs.open(path, Access::Write).map_err(|cause| missing("opening", path, cause))?;
        let header = Header { len, generation, base: state.revision };
        let checkpoint = self.fs.stat(&self.files.checkpoint);
        let checkpoint = checkpoint.map_err(failed("asking for", &self.files.checkpoint))?;
        let view = View {
            log: view.log,
            checkpoint: checkpoint.identity(),
            header,
            tail: Tail { at: RECORDS_AT, before: header.sum() },
            durable: 0,
            fence: view.fence,
            state: Arc::new(state.clone()),
        };
        // At once, so that nobody who is killed in between takes the fences along that others were given.
        let mut bytes = header.encode().to_vec();
        bytes.resize(RECORDS_AT, 0);
        bytes.extend_from_slice(&Mark::of(&view).encode());
        fs::write_all(log.as_ref(), 0, &bytes).map_err(failed("writing to", path))?;
        *self.view() = Some(Arc::new(view));
        Ok(())
    }

    /// A log that begins anew is as long as the checkpoint before it: so the larger the state, the rarer it is
    /// written whole, and what each commit pays for that does not grow. Its zeros are forced out before a header says
    /// that they are there. Gives the length that the log has then.
    fn grow_log(&self, view: &View, checkpoint: usize) -> Result<u64, CatalogueError> {
        let wanted = (checkpoint as u64).next_multiple_of(Self::GROWS_BY).min(Self::GROWS_TO);
        if checkpoint as u64 <= Self::GROWS_BY || wanted <= view.header.len {
            return Ok(view.header.len);
        }
        let path = &self.files.log;
        let log =
            self.fs.open(path, Access::Write).map_err(|cause| missing("opening", path, cause))?;
        let len = log.len().map_err(failed("asking for", path))?;
        occupy(log.as_ref(), len, wanted).map_err(failed("writing to", path))?;
        log.sync().map_err(failed("forcing out", path))?;
        Ok(wanted)
    }

    /// In such steps: shorter checkpoints leave the log as it is.
    const GROWS_BY: u64 = 1 << 20;

    /// And no further, since every program that starts reads all of it.
    const GROWS_TO: u64 = 64 << 20;

    /// Keeps room for the next checkpoint, so that it needs none of a disk that is full by then.
    fn grow_spare(&self, checkpoint: usize) -> Result<(), CatalogueError> {
        let path = &self.files.spare;
        let spare = match self.fs.open(path, Access::Write) {
            Err(error) if fs::is_absent(&error) => self.fs.create(path, MODE),
            other => other,
        };
        let spare = spare.map_err(failed("opening", path))?;
        let len = spare.len().map_err(failed("asking for", path))?;
        occupy(spare.as_ref(), len, spare_len(checkpoint)).map_err(failed("writing to", path))
    }

    pub(super) fn create(&self, state: &State) -> Result<(), CatalogueError> {
        let files = &self.files;
        self.make(state, &files.log, &files.checkpoint, &files.spare)?;
        self.fs.sync_dir(&files.dir).map_err(failed("forcing out", &files.dir))
    }

    pub(super) fn replace(&self, state: &State) -> Result<(), CatalogueError> {
        let _turn = self.turn();
        let files = &self.files;
        let pairs =
            [&files.log, &files.checkpoint, &files.spare].map(|path| (beside(path, ".new"), path));
        for (new, _) in &pairs {
            // Left by a replacement that was cut off.
            absent_or(self.fs.remove(new)).map_err(failed("removing", new))?;
        }
        let [(log, _), (checkpoint, _), (spare, _)] = &pairs;
        self.make(state, log, checkpoint, spare)?;
        *self.view() = None;
        for (new, path) in &pairs {
            if **path != files.spare {
                let kept = beside(path, ".damaged");
                absent_or(self.fs.replace(path, &kept)).map_err(failed("renaming", path))?;
            }
            self.fs.replace(new, path).map_err(failed("renaming", new))?;
        }
        self.fs.sync_dir(&files.dir).map_err(|cause| CatalogueError::Undecided { cause })
    }

    /// Writes the three files and forces them out, but not their names.
    fn make(
        &self,
        state: &State,
        log_path: &Path,
        checkpoint_path: &Path,
        spare_path: &Path,
    ) -> Result<(), CatalogueError> {
        let log = self.fs.create(log_path, MODE).map_err(failed("creating", log_path))?;
        let identity = log.stat().map_err(failed("asking for", log_path))?.identity();
        let generation = Generation::first(&self.files.dir, identity, state);
        let header = Header { len: self.log_len, generation, base: state.revision };
        let write_log = || {
            occupy(log.as_ref(), 0, self.log_len)?;
            fs::write_all(log.as_ref(), 0, &header.encode())
        };
        write_log().map_err(failed("writing to", log_path))?;
        log.sync().map_err(failed("forcing out", log_path))?;

        let bytes = image(state, generation, generation)?;
        let creating = failed("creating", checkpoint_path);
        let checkpoint = self.fs.create(checkpoint_path, MODE).map_err(creating)?;
        let writing = failed("writing to", checkpoint_path);
        fs::write_all(checkpoint.as_ref(), 0, &bytes).map_err(writing)?;
        checkpoint.sync().map_err(failed("forcing out", checkpoint_path))?;

        let spare = self.fs.create(spare_path, MODE).map_err(failed("creating", spare_path))?;
        let occupied = occupy(spare.as_ref(), 0, spare_len(bytes.len()));
        occupied.map_err(failed("writing to", spare_path))?;
        spare.sync().map_err(failed("forcing out", spare_path))
    }
}

impl Generation {
    /// Of a new log. No random numbers: the same calls make the same bytes.
    fn first(dir: &Path, (device, inode): (u64, u64), state: &State) -> Self {
        use std::os::unix::ffi::OsStrExt;
        let mut seed = dir.as_os_str().as_bytes().to_vec();
        seed.extend([device, inode].into_iter().flat_map(u64::to_be_bytes));
        Self(checksum(&seed)).next(state)
    }

    /// Of the log that begins when `state` is the checkpoint.
    fn next(self, state: &State) -> Self {
        let mut seed = [self.0, state.revision.0, state.fence.0].map(u64::to_be_bytes).concat();
        if let Some(done) = state.done.back() {
            seed.extend(done.op.0);
            seed.extend(done.step.to_be_bytes());
        }
        Self(checksum(&seed).max(1))
    }
}

/// The checkpoint's bytes.
fn image(state: &State, before: Generation, after: Generation) -> Result<Vec<u8>, CatalogueError> {
    let database = redb::encode(state).map_err(|error| CatalogueError::Store(Box::new(error)))?;
    let header =
        CheckpointHeader { len: database.len() as u64, sum: checksum(&database), before, after };
    let mut bytes = Vec::with_capacity(IMAGE_AT + database.len());
    bytes.extend_from_slice(&header.encode());
    bytes.resize(IMAGE_AT, 0);
    bytes.extend_from_slice(&database);
    Ok(bytes)
}

const fn spare_len(checkpoint: usize) -> u64 {
    (checkpoint + checkpoint / SPARE_SHARE) as u64
}

/// Makes a file `len` bytes long by zeros that are written, and so have their place.
fn occupy(file: &dyn FsFile, mut from: u64, len: u64) -> io::Result<()> {
    while from < len {
        let more = usize::try_from(len - from).unwrap_or(usize::MAX).min(ZEROS.len());
        fs::write_all(file, from, ZEROS.get(..more).unwrap_or(ZEROS))?;
        from += more as u64;
    }
    Ok(())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn absent_or(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if fs::is_absent(&error) => Ok(()),
        other => other,
    }
}
