//! What operations answer.

use std::path::PathBuf;

use crate::catalogue::OpId;
use crate::name::{Id, SnapshotName};

/// An operation that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Done {
    /// Which operation.
    pub op: OpId,
    /// What became of each disk.
    pub disks: Vec<DiskDone>,
    /// What a person should know.
    pub notices: Vec<Notice>,
    /// Bytes that were given back to the file system: what only went to the trash is not among them.
    pub freed: u64,
}

/// What became of one disk.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiskDone {
    /// The disk, by its absolute path.
    pub disk: PathBuf,
    /// The snapshot that it is about, if there is one.
    pub snapshot: Option<SnapshotName>,
    /// The number of that snapshot, or of the item in the trash.
    pub id: Id,
    /// The file that holds it now.
    pub path: PathBuf,
}

/// Something that a person should know of an operation that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notice {
    /// What it is about.
    pub path: PathBuf,
    /// A stable word, in kebab-case.
    pub kind: &'static str,
    /// What happened.
    pub detail: String,
}

impl Notice {
    pub(crate) fn new(
        path: impl Into<PathBuf>,
        kind: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self { path: path.into(), kind, detail: detail.into() }
    }
}

/// What recovery found, and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovered {
    /// What was done about each disk of each operation that had not ended.
    pub actions: Vec<Action>,
    /// Files of ours that neither the catalogue nor any header claims; `gc` deals with them.
    pub orphans: Vec<PathBuf>,
    /// What a person must decide: those operations are still open.
    pub questions: Vec<String>,
    /// The catalogue was lost or damaged, and was rebuilt: these things could not be.
    pub rebuilt: Option<Vec<String>>,
    /// Snapshots that a crash, or somebody, had left writable, and that are read-only again.
    pub sealed: Vec<PathBuf>,
    /// Whether a person has come to stand by a catalogue that was rebuilt.
    pub confirmed: bool,
}

/// What recovery did about one disk.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Action {
    /// The operation that had not ended.
    pub op: OpId,
    /// The disk.
    pub disk: PathBuf,
    /// The snapshot, if the operation was about one.
    pub snapshot: Option<SnapshotName>,
    /// What was done.
    pub outcome: Outcome,
    /// In words.
    pub detail: String,
}

/// What recovery does about a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The operation was brought to its end.
    Finished,
    /// Everything is as it was before the operation.
    Undone,
    /// Nothing was touched: a person must decide.
    Kept,
    /// One of a set that was cut in the middle and written to since: kept as it is, and marked.
    InconsistentSet,
}

impl Outcome {
    /// The word that stands in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Undone => "undone",
            Self::Kept => "kept",
            Self::InconsistentSet => "inconsistent-set",
        }
    }
}
