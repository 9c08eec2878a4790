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
    ///
    /// A directory that the scan has searched can be moved as well, with all that is in it, to where nothing is or
    /// into another directory.
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
    /// A directory that the scan has not searched: what is in it is not known.
    #[error("is a directory that was not searched, so what is in it is not known")]
    NotSearched {
        /// Which directory.
        path: PathBuf,
    },
    /// A directory that was named to be searched, or that holds one, and lies in no other one that was: a scan of where
    /// that is by then is another scan.
    #[error(
        "is a directory that was named to be searched, or holds one: name one above it as well"
    )]
    Root {
        /// Which directory.
        path: PathBuf,
    },
    /// A directory cannot be moved into itself.
    #[error("lies in the directory that would be moved there")]
    Inside {
        /// The name that it would get.
        path: PathBuf,
    },
    /// File systems are mounted where they are mounted, and what is met by two paths leaves one of them.
    #[error("is mounted, or something in it is, or was met by two paths")]
    Mounted {
        /// Which directory.
        path: PathBuf,
    },
    /// A directory would be copied to another file system, and a file in it has hard links elsewhere, which stay.
    #[error("has hard links out of the directory, which would be copied to another file system")]
    Linked {
        /// Which file.
        path: PathBuf,
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
            | Self::NotSearched { path }
            | Self::Root { path }
            | Self::Inside { path }
            | Self::Mounted { path }
            | Self::Linked { path }
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
