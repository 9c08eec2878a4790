//! Who depends on whom, asked of the headers.
//!
//! Everything that removes or replaces a path that others may name asks [`Survey`] over the whole scope. On a
//! host that is the scan of `diskdag-graph`; over a simulated file system, [`FsSurvey`].

mod over_fs;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use diskdag_graph::scan::{Control, ImageError, Scan, ScanError, Scanned, Scope, Waiver};
use diskdag_graph::{DiskId, Graph, ScopeSource};

use crate::error::ErrorKind;

pub use over_fs::FsSurvey;

/// Makes a graph of what the directories in scope hold.
pub trait Survey: Send + Sync {
    /// Searches `roots`, all of them, and looks at `images` (absolute paths) wherever they lie.
    ///
    /// # Errors
    ///
    /// If there is no answer at all. What could not be asked is part of the answer.
    fn survey(
        &self,
        roots: &[PathBuf],
        images: &[PathBuf],
        control: &Control,
    ) -> Result<Surveyed, ErrorKind>;

    /// The chains of `images`, and nothing else.
    ///
    /// # Errors
    ///
    /// As [`survey`](Self::survey).
    fn follow(&self, images: &[PathBuf], control: &Control) -> Result<Surveyed, ErrorKind>;
}

/// What a survey found.
#[derive(Clone, Debug)]
pub struct Surveyed {
    /// All disks.
    pub graph: Graph,
    /// The images that the question is about, in the order in which they were given.
    pub images: Vec<Result<DiskId, ImageError>>,
}

fn surveyed(scanned: Result<Scanned, ScanError>) -> Result<Surveyed, ErrorKind> {
    match scanned {
        Ok(Scanned { graph, images, .. }) => Ok(Surveyed { graph, images }),
        Err(ScanError::Stopped) => Err(ErrorKind::Stopped),
        Err(error) => Err(ErrorKind::Survey(error.to_string())),
    }
}

/// The scan of this host's file systems.
#[derive(Clone, Debug)]
pub struct ScanSurvey {
    threads: NonZeroUsize,
    waivers: Vec<Waiver>,
    roots: Vec<PathBuf>,
}

impl ScanSurvey {
    /// A scan with so many threads.
    #[must_use]
    pub fn new(threads: NonZeroUsize) -> Self {
        Self { threads, waivers: Vec::new(), roots: Vec::new() }
    }

    /// Doubts that a person has declared known.
    #[must_use]
    pub fn waivers(mut self, waivers: Vec<Waiver>) -> Self {
        self.waivers = waivers;
        self
    }

    /// Directories that are searched beside those that the pool names.
    #[must_use]
    pub fn roots(mut self, roots: Vec<PathBuf>) -> Self {
        self.roots = roots;
        self
    }
}

impl Survey for ScanSurvey {
    fn survey(
        &self,
        roots: &[PathBuf],
        images: &[PathBuf],
        control: &Control,
    ) -> Result<Surveyed, ErrorKind> {
        let scope = Scope::declared(roots.iter().chain(&self.roots).cloned(), ScopeSource::Pool);
        let scan = Scan::new(scope).threads(self.threads).waivers(self.waivers.clone());
        let scan = scan.images(images.to_vec());
        surveyed(scan.run(control))
    }

    fn follow(&self, images: &[PathBuf], control: &Control) -> Result<Surveyed, ErrorKind> {
        let scan = Scan::follow(images.to_vec());
        surveyed(scan.run(control))
    }
}
