//! Doubts: what could not be asked, and why that matters to an answer.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Why an answer may be partial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DoubtKind {
    /// A directory in scope could not be listed.
    Directory,
    /// A regular file could not be read.
    File,
    /// A qcow2 header is too broken to say what it names.
    Header,
    /// A reference that only QEMU could resolve.
    Opaque,
    /// An image in a format that may refer to others and is not read here.
    Format,
    /// A file was not opened because policy forbids it.
    Refused,
    /// A mount in scope was not entered.
    SkippedMount,
    /// A reference leads to nothing, and bears the name of the disk in question or, where the question is
    /// who depends on that, of one that is known to.
    MissingNamesake,
    /// A reference is resolved from QEMU's working directory, and may mean the disk in question.
    WorkingDirectory,
    /// No scope was declared: disks elsewhere were not asked.
    ScopeAssumed,
    /// The disk in question is a file that is not [`Disk::in_scope`](crate::Disk::in_scope), where nobody looked who
    /// else needs it. Where the question is who depends on it, one that is known to may be such.
    OutOfScope,
    /// It could not be found out whether the image is in use.
    Usage,
    /// A file that says which disks an owner uses could not be read.
    Owner,
    /// Changes were missed, and are being looked for.
    Watch,
    /// An embedder's own reason.
    Other,
}

impl DoubtKind {
    /// The word that stands in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::File => "file",
            Self::Header => "header",
            Self::Opaque => "opaque",
            Self::Format => "format",
            Self::Refused => "refused",
            Self::SkippedMount => "skipped-mount",
            Self::MissingNamesake => "missing-namesake",
            Self::WorkingDirectory => "working-directory",
            Self::ScopeAssumed => "scope-assumed",
            Self::OutOfScope => "out-of-scope",
            Self::Usage => "usage",
            Self::Owner => "owner",
            Self::Watch => "watch",
            Self::Other => "other",
        }
    }
}

/// Something that could not be asked and might depend on the image in question.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Doubt {
    /// What was not asked.
    pub path: PathBuf,
    /// Which sort of doubt it is.
    pub kind: DoubtKind,
    /// Why, in words.
    pub reason: String,
}

/// Where the declaration of the scope came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum ScopeSource {
    /// Given with the call.
    Flag,
    /// From the environment.
    Environment,
    /// The pool that holds the image.
    Pool,
    /// From the configured roots.
    Config,
    /// Nobody declared one; the image's own directory was taken.
    Assumed,
    /// No directory was searched: the caller vouches for its own records.
    #[default]
    Records,
}

impl ScopeSource {
    /// The word that stands in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Environment => "env",
            Self::Pool => "pool",
            Self::Config => "config",
            Self::Assumed => "assumed",
            Self::Records => "records",
        }
    }
}

/// A place in scope that was deliberately not entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The mount point.
    pub path: PathBuf,
    /// Why, in words.
    pub reason: String,
    /// Images may lie there (network file systems); pseudo file systems hold none.
    pub may_hold_images: bool,
}

/// A doubt that a person has declared known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waived {
    /// What was not asked.
    pub path: PathBuf,
    /// The reason that the person gave.
    pub reason: String,
}

/// As of when a graph is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AsOf {
    /// Greater in every graph than in the one that it was made from.
    pub generation: u64,
    /// When the asking began. What had changed by then is in the graph; what changed later may be
    /// or not. For display: clocks are set.
    pub time: SystemTime,
}

/// What was asked to build a graph, and what could not be.
///
/// A graph built from an embedder's records has the default: no directories, no doubts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// The directories whose images may depend on each other.
    pub scope: Vec<PathBuf>,
    /// Who declared them.
    pub source: ScopeSource,
    /// What could not be asked and is not a node of the graph: directories, mostly. Each counts.
    pub doubts: Vec<Doubt>,
    /// Mounts that were not entered.
    pub skipped: Vec<Skipped>,
    /// Doubts that do not count, because a person said so. For display: whoever makes a graph leaves them out
    /// of `doubts` and `skipped`, and inserts disks whose needs are waived as complete. That a file out of the scope
    /// is none to doubt for that, this alone says.
    pub waived: Vec<Waived>,
    /// As of when all that is true; nothing for records that say nothing of it.
    pub as_of: Option<AsOf>,
}

impl Coverage {
    /// The doubts that stand whatever image is asked about, nodes of the graph not included.
    pub(crate) fn standing(&self) -> impl Iterator<Item = Doubt> + '_ {
        let assumed = (self.source == ScopeSource::Assumed).then(|| Doubt {
            path: self.scope.first().cloned().unwrap_or_default(),
            kind: DoubtKind::ScopeAssumed,
            reason: "no scope was declared: only this directory was searched".to_owned(),
        });
        let skipped = self.skipped.iter().filter(|skipped| skipped.may_hold_images).map(
            |Skipped { path, reason, .. }| Doubt {
                path: path.clone(),
                kind: DoubtKind::SkippedMount,
                reason: reason.clone(),
            },
        );
        self.doubts.iter().cloned().chain(skipped).chain(assumed)
    }

    /// Whether [`Coverage::standing`] has any, without making them.
    pub(crate) fn is_in_doubt(&self) -> bool {
        !self.doubts.is_empty()
            || self.source == ScopeSource::Assumed
            || self.skipped.iter().any(|skipped| skipped.may_hold_images)
    }

    /// Whether nothing but chains was followed: no directory was searched for what a name may mean.
    pub(crate) fn is_of_chains_alone(&self) -> bool {
        self.source == ScopeSource::Records && self.scope.is_empty() && self.as_of.is_some()
    }

    /// Whether a person has waived what is at `path`.
    pub fn is_waived(&self, path: &Path) -> bool {
        self.waived.iter().any(|waived| waived.path == path)
    }
}
