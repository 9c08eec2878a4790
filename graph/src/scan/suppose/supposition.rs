//! What somebody may suppose, and why that cannot be told.

use std::path::PathBuf;

use crate::apply::ApplyError;
use crate::graph::DiskId;
use crate::scan::question::Gap;
use crate::scan::scanned::ScanError;

/// One change to the files of a host. Paths are absolute, and disks are named by ids of the graph as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Supposition {
    /// An image appears at `path`, an overlay of what `onto` leads to when all is done.
    Create {
        /// Where nothing is.
        path: PathBuf,
        /// The name that its header holds.
        onto: PathBuf,
    },
    /// A qcow2 image names another backing file, or none, and declares the format of what the name leads to when
    /// all is done.
    Rebase {
        /// Which image.
        disk: DiskId,
        /// The name that its header holds from then on.
        onto: Option<PathBuf>,
    },
    /// The file, or the symbolic link, at `from` is at `to` instead, as `rename` does it: what was there before is
    /// gone, hard links elsewhere stay where they are. A directory at `to` takes it in under the name that it has.
    /// On another file system it is a copy, and another file for those who know it by hard links.
    Move {
        /// Where it is.
        from: PathBuf,
        /// Where it would be.
        to: PathBuf,
    },
    /// A disk goes, with all the names by which the scan knows it.
    Remove(DiskId),
}

/// Why nothing can be told of what was supposed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SupposeError {
    /// The directory that something would lie in is not there.
    #[error("there is no such directory")]
    NoDirectory {
        /// What would lie in it.
        path: PathBuf,
    },
    /// Nothing is there that could be moved, or no disk has that id.
    #[error("there is no such file")]
    NotThere {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Something is there already.
    #[error("is there already")]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// A directory, FIFO, socket or device, or a symbolic link to a directory.
    #[error("is no file but {kind}")]
    NotAFile {
        /// What was named.
        path: PathBuf,
        /// What it is.
        kind: String,
    },
    /// Both names are of one file already.
    #[error("is that very file already")]
    SameFile {
        /// The name that it would get.
        path: PathBuf,
    },
    /// Only qcow2 images name a backing file.
    #[error("is no qcow2 image: it can have no other backing file")]
    NotQcow2 {
        /// Which file.
        path: PathBuf,
    },
    /// What is there could not be found out.
    #[error("{reason}")]
    Unreadable {
        /// What was asked about.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// As of a scan.
    #[error(transparent)]
    Scan(#[from] ScanError),
}

impl SupposeError {
    /// What it is about, if it is about one path.
    pub fn path(&self) -> Option<&std::path::Path> {
        match self {
            Self::NoDirectory { path }
            | Self::NotThere { path }
            | Self::Exists { path }
            | Self::NotAFile { path, .. }
            | Self::SameFile { path }
            | Self::NotQcow2 { path }
            | Self::Unreadable { path, .. } => Some(path),
            Self::Scan(_) => None,
        }
    }

    /// Why a path leads to no file.
    pub(super) fn gap(path: PathBuf, gap: Gap) -> Self {
        match gap {
            Gap::Missing => Self::NotThere { path },
            Gap::NotAFile(kind) => Self::NotAFile { path, kind: kind.to_string() },
            Gap::Refused(reason) | Gap::Unreadable(reason) => Self::Unreadable { path, reason },
        }
    }
}

impl From<ApplyError> for SupposeError {
    fn from(error: ApplyError) -> Self {
        Self::Scan(error.into())
    }
}
