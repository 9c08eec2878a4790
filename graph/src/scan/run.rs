//! A scan to be run: what is asked, and how.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::doubt::ScopeSource;
use crate::scan::control::Control;
use crate::scan::orders::Gate;
use crate::scan::owners::Owners;
use crate::scan::record::Record;
use crate::scan::scanned::{ScanError, Scanned};
use crate::scan::scope::{Scope, Waiver};

/// A scan to be run.
#[derive(Clone)]
pub struct Scan {
    pub(super) scope: Scope,
    pub(super) threads: NonZeroUsize,
    pub(super) readers: NonZeroUsize,
    pub(super) patience: Duration,
    pub(super) waivers: Vec<Waiver>,
    pub(super) images: Vec<PathBuf>,
    pub(super) owners: Option<Owners>,
    pub(super) gate: Option<Arc<dyn Gate>>,
    pub(super) ahead: i64,
}

/// Longer than any disk takes to spin up, shorter than a person waits.
const PATIENCE: Duration = Duration::from_secs(15);

impl Scan {
    /// A scan of `scope`, on one thread.
    pub fn new(scope: Scope) -> Self {
        Self {
            scope,
            threads: NonZeroUsize::MIN,
            readers: NonZeroUsize::MIN,
            patience: PATIENCE,
            waivers: Vec::new(),
            images: Vec::new(),
            owners: None,
            gate: None,
            ahead: 0,
        }
    }

    /// No directory is searched: only `images` (absolute paths) and what their chains name. Enough
    /// for [`chain`](crate::Graph::chain), [`depends_on`](crate::Graph::depends_on) and
    /// [`path`](crate::Graph::path) from one of them, which rest on its chain alone; not for
    /// dependents.
    pub fn follow(images: Vec<PathBuf>) -> Self {
        Self::new(Scope::declared([], ScopeSource::Records)).images(images)
    }

    /// The same for chains alone: see [`Scan::follow`].
    pub(crate) fn following(&self, images: Vec<PathBuf>) -> Self {
        let scope = Scope::declared([], ScopeSource::Records);
        Self { scope, owners: None, ..self.clone() }.images(images)
    }

    /// Uses so many threads.
    #[must_use]
    pub fn threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
        self
    }

    /// Lets up to so many threads wait for the disk at a time. Where nothing is waited for, as when
    /// all is cached, there are never more than [`Scan::threads`]; each one that has waited hires
    /// another. 32 keep a disk busy that is read cold. The default is one.
    #[must_use]
    pub fn readers(mut self, readers: NonZeroUsize) -> Self {
        self.readers = readers;
        self
    }

    /// How long an answer of the system is waited for, 15 seconds unless said otherwise. Network
    /// file systems, and those for which a process answers, may never give one; what was asked is
    /// a doubt then, and the thread that asked is left behind, to end with its system call.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Doubts that a person has declared known.
    #[must_use]
    pub fn waivers(mut self, waivers: Vec<Waiver>) -> Self {
        self.waivers = waivers;
        self
    }

    /// The images that the question is about, by absolute path. They are in the graph even when
    /// they lie out of the scope or are raw disks without saying so.
    #[must_use]
    pub fn images(mut self, images: Vec<PathBuf>) -> Self {
        self.images = images;
        self
    }

    /// Asks these owners too. The disks that they name, and what those need, are in the graph even
    /// when they lie out of the scope.
    #[must_use]
    pub fn owners(mut self, owners: Owners) -> Self {
        self.owners = Some(owners);
        self
    }

    #[cfg(test)]
    pub(crate) fn gate(mut self, gate: Arc<dyn Gate>) -> Self {
        self.gate = Some(gate);
        self
    }

    /// Runs as if so many nanoseconds had gone by: what was just written is old.
    #[cfg(test)]
    pub(crate) fn ahead(mut self, nanoseconds: i64) -> Self {
        self.ahead = nanoseconds;
        self
    }

    /// Runs it.
    ///
    /// # Errors
    ///
    /// [`ScanError::Stopped`] when `control` says so. What cannot be read is no error but part of
    /// the answer; a root that cannot be listed is a doubt like any directory.
    pub fn run(&self, control: &Control) -> Result<Scanned, ScanError> {
        self.run_after(&Record::default(), control)
    }

    /// Runs it with what an earlier scan has learned, of whatever directories: one `stat` per file
    /// that has not changed since, one per directory, and a listing per directory that has
    /// changed. Files that have, and those that had changed within two seconds of being read, are
    /// read again. Finds what [`Scan::run`] finds.
    ///
    /// # Errors
    ///
    /// As [`Scan::run`].
    pub fn run_after(&self, before: &Record, control: &Control) -> Result<Scanned, ScanError> {
        if let Some(result) = self.run_alone(before, control) {
            return result;
        }
        let walked = self.walk(before, None, control)?;
        let (scanned, _) = self.gather(before, walked, control)?.into_scanned(self.clone())?;
        Ok(scanned)
    }
}

impl std::fmt::Debug for Scan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scan")
            .field("scope", &self.scope)
            .field("threads", &self.threads)
            .field("readers", &self.readers)
            .field("patience", &self.patience)
            .field("waivers", &self.waivers)
            .field("images", &self.images)
            .finish_non_exhaustive()
    }
}
