//! Why a disk cannot simply be given another backing file, or be copied.

use crate::graph::DiskId;

/// What sort of thing stands in the way of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum HindranceKind {
    /// The chain is a cycle, or leads into one: nothing opens it.
    Cycle,
    /// Something that the chain needs is missing, cannot be read, or is not what it is declared to be.
    Broken,
    /// It has incompatible features that nobody here knows.
    Features,
    /// It is marked corrupt: QEMU writes nothing to it before it is repaired.
    Corrupt,
    /// It is encrypted: what opens it needs the secret.
    Encrypted,
    /// It holds internal snapshots. They read through to the backing file that the disk has, and are not looked
    /// after when it gets another one: they would read other data from then on.
    Snapshots,
    /// A name is resolved from QEMU's working directory.
    WorkingDirectory,
    /// Somebody has it open.
    InUse,
    /// Whether somebody has it open could not be found out.
    UseUnknown,
    /// It may not be written to.
    NotWritable,
}

impl HindranceKind {
    /// The word that stands in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cycle => "cycle",
            Self::Broken => "broken",
            Self::Features => "features",
            Self::Corrupt => "corrupt",
            Self::Encrypted => "encrypted",
            Self::Snapshots => "internal-snapshots",
            Self::WorkingDirectory => "working-directory",
            Self::InUse => "in-use",
            Self::UseUnknown => "use-unknown",
            Self::NotWritable => "not-writable",
        }
    }
}

/// One thing that stands in the way of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hindrance {
    /// Which sort.
    pub kind: HindranceKind,
    /// The disk that it is about: the one to be changed, or one that is opened with it.
    pub disk: DiskId,
    /// What a person should know.
    pub detail: String,
}

impl Hindrance {
    pub(super) fn new(kind: HindranceKind, disk: DiskId, detail: impl Into<String>) -> Self {
        Self { kind, disk, detail: detail.into() }
    }
}
