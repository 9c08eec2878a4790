//! The embedded catalogue: a checkpoint, and in front of it a log.
//!
//! Three files of one directory:
//!
//! | file | what |
//! |---|---|
//! | `catalogue.redb` | the checkpoint: the whole state at one revision, a redb database that is never changed in place |
//! | `catalogue.log` | the batches that were committed since, in space that was occupied beforehand |
//! | `catalogue.spare` | where the next checkpoint is written; then the two exchange their names |
//!
//! A commit overwrites zeros of the log and forces them out: one sync, no block, no inode, nothing in
//! the file system's journal. It succeeds on a disk on which nothing else does any more. The bytes are
//! described in `layout`, and case by case in FORMAT.md.

mod checkpoint;
mod commit;
mod layout;
mod open;
mod read;
mod scan;

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Batch, Begun, Catalogue, CatalogueError, Fence, Revision, State, Writer};
use crate::fs::Fs;
use commit::{LogWriter, alike};
use read::View;

/// The catalogue that a pool has by default. Clones are handles that share what they have read; other
/// handles, of this process or another, see what was committed when they look next.
#[derive(Clone, Debug)]
pub struct LogCatalogue {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    fs: Arc<dyn Fs>,
    files: Files,
    /// How long a log is made, in bytes.
    log_len: u64,
    /// One at a time of those that share this handle wants the log's file locked, which is asked for again and again.
    turn: Mutex<()>,
    /// Forcing out the directory failed once: which file is the checkpoint on the medium is not known.
    dir_failed: AtomicBool,
    /// What was read last. Held for no longer than it takes to copy it.
    view: Mutex<Option<Arc<View>>>,
}

#[derive(Debug)]
struct Files {
    dir: PathBuf,
    checkpoint: PathBuf,
    log: PathBuf,
    spare: PathBuf,
}

impl LogCatalogue {
    /// How long a log is made unless the caller wants another length: 1 MiB.
    pub const LOG_LEN: u64 = 1 << 20;

    /// The shortest log: 8 KiB.
    pub const LOG_LEN_MIN: u64 = 8 << 10;

    /// A handle of the catalogue in `dir`. Opens nothing.
    #[must_use]
    pub fn new(fs: Arc<dyn Fs>, dir: impl Into<PathBuf>) -> Self {
        Self::with_log_len(fs, dir, Self::LOG_LEN)
    }

    /// The same; logs that it makes are `log_len` bytes long, at least
    /// [`LOG_LEN_MIN`](Self::LOG_LEN_MIN). What does not fit is committed by a checkpoint.
    #[must_use]
    pub fn with_log_len(fs: Arc<dyn Fs>, dir: impl Into<PathBuf>, log_len: u64) -> Self {
        let dir = dir.into();
        let files = Files {
            checkpoint: dir.join("catalogue.redb"),
            log: dir.join("catalogue.log"),
            spare: dir.join("catalogue.spare"),
            dir,
        };
        let log_len = log_len.max(Self::LOG_LEN_MIN);
        let shared = Shared {
            fs,
            files,
            log_len,
            turn: Mutex::new(()),
            dir_failed: AtomicBool::new(false),
            view: Mutex::new(None),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Makes the files of a catalogue that holds `state`, durably. The caller has the pool's lock.
    ///
    /// # Errors
    ///
    /// [`CatalogueError::Io`]; `AlreadyExists` if any of the files is there.
    pub fn create(&self, state: &State) -> Result<(), CatalogueError> {
        self.shared.create(state)
    }

    /// What can still be read of a catalogue that does not load: the state of a checkpoint that is whole, with
    /// the records that follow upon it. It was committed once, and how much was since is not known: a help for
    /// whoever makes a new catalogue from the files, and nothing to act upon.
    #[must_use]
    pub fn salvage(&self) -> Option<State> {
        self.shared.salvage()
    }

    /// Puts a catalogue that holds `state` in the place of one that is lost or damaged, durably. What is
    /// left of that is kept beside it, as `catalogue.redb.damaged` and `catalogue.log.damaged`. Cut off
    /// at any instant, what is there is the new catalogue or still a damaged one. The caller has the
    /// pool's lock.
    ///
    /// # Errors
    ///
    /// [`CatalogueError::Io`].
    pub fn replace(&self, state: &State) -> Result<(), CatalogueError> {
        self.shared.replace(state)
    }
}

impl Catalogue for LogCatalogue {
    /// Four system calls if nothing was committed since this handle looked last, and the copy of the
    /// state: O(state). Waits for nobody.
    ///
    /// A batch whose commit is being forced out in this very moment may be seen already. Who acts on
    /// what was read takes a fence first: that forces out what is not known to be.
    fn load(&self) -> Result<State, CatalogueError> {
        self.shared.look(None).map(|view| view.state.as_ref().clone())
    }

    fn commit(&self, batch: &Batch) -> Result<Revision, CatalogueError> {
        let mut results = self.commit_all(std::slice::from_ref(batch));
        results
            .pop()
            .unwrap_or(Err(CatalogueError::Undecided { cause: io::ErrorKind::Other.into() }))
    }

    fn commit_all(&self, batches: &[Batch]) -> Vec<Result<Revision, CatalogueError>> {
        let _turn = self.shared.turn();
        match LogWriter::new(&self.shared) {
            Ok(mut writer) => writer.commit_all(batches),
            Err(error) => alike(&error, batches.len()),
        }
    }

    fn fence(&self) -> Result<Fence, CatalogueError> {
        let _turn = self.shared.turn();
        LogWriter::new(&self.shared)?.fence()
    }

    /// Keeps the log open and locked, so that what lies in it is read once, and nothing but its commits is written.
    fn begin(&self) -> Result<Begun<'_>, CatalogueError> {
        let _turn = self.shared.turn();
        let mut writer = LogWriter::new(&self.shared)?;
        let (fence, state) = writer.begin()?;
        Ok(Begun { fence, state, writer: Box::new(writer) })
    }
}

impl Shared {
    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn view(&self) -> MutexGuard<'_, Option<Arc<View>>> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> CatalogueError {
    move |cause| CatalogueError::Io { doing, path: path.to_owned(), cause }
}

fn damaged(path: &Path, what: impl Into<String>) -> CatalogueError {
    CatalogueError::Damaged { path: path.to_owned(), what: what.into() }
}
