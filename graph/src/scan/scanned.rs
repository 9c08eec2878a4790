//! What a scan gives: the graph, what it learned on the way, and what it cost.

use std::time::Duration;

use crate::graph::{DiskId, Graph};
use crate::scan::control::Counts;
use crate::scan::owners::Owned;
use crate::scan::record::Record;
use crate::scan::run::Scan;

/// What a scan found.
#[derive(Clone, Debug)]
pub struct Scanned {
    /// All disks.
    pub graph: Graph,
    /// The images that the question is about, in the order in which they were given.
    pub images: Vec<Result<DiskId, ImageError>>,
    /// Who uses which disk, where owners were asked.
    pub owned: Owned,
    /// What the next scan need not read again.
    pub record: Record,
    /// What it cost.
    pub statistics: Statistics,
    /// How it was made, to be made again.
    pub(crate) scan: Scan,
}

/// What a scan cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Directories in scope.
    pub directories: u64,
    /// Names of regular files met.
    pub files: u64,
    /// Directories listed.
    pub listed: u64,
    /// Files in scope asked by a `stat` whether they have changed, but for those of the round that
    /// [`crate::scan::Live`] makes.
    pub asked: u64,
    /// Files opened.
    pub opened: u64,
    /// Names of images whose references took more than finding a file by its name where the walk has met it.
    pub resolved: u64,
    /// From the first system call to the finished graph.
    pub elapsed: Duration,
}

impl Statistics {
    pub(crate) fn of(counts: Counts, opened: u64, elapsed: Duration) -> Self {
        let Counts { directories, files, listed, asked, resolved, .. } = counts;
        Self { directories, files, listed, asked, opened, resolved, elapsed }
    }
}

/// Why an image that a question is about cannot be in the graph.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// Nothing is there, and nothing refers to it.
    #[error("no such file")]
    NotFound,
    /// A directory, FIFO, socket or device.
    #[error("not a regular file but {0}")]
    NotAFile(String),
    /// On a file system whose files are not files.
    #[error("{0}")]
    Refused(String),
    /// Not even what it is could be found out.
    #[error("{0}")]
    Unreadable(String),
}

/// Why a scan gave no graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    /// The caller stopped it, by flag or deadline. There is no partial answer.
    #[error("the scan was stopped before it was finished")]
    Stopped,
    /// The system gives this process no thread to read with.
    #[error("no thread could be started")]
    NoThreads,
    /// There are more files than the graph can hold.
    #[error(transparent)]
    TooMany(#[from] crate::ApplyError),
}
