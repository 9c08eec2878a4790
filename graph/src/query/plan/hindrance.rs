//! Why a disk cannot simply be given another backing file, or be copied.

use crate::graph::{DiskId, Graph};
use crate::query::plan::steps::Remedy;
use crate::usage::{Access, InUse, Usage, Writable};

/// What sort of thing stands in the way of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum HindranceKind {
    /// The chain is a cycle, or leads into one: nothing opens it.
    Cycle,
    /// Something that the chain needs is missing, cannot be read, or is not what it is declared to be: nothing opens
    /// it.
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
    /// Whether nothing can open the disk because of it, whatever is done about it elsewhere.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Cycle | Self::Broken)
    }

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
    /// What a person should know of it, to be read behind its name.
    pub detail: String,
}

impl Hindrance {
    /// Who has the disk open that is to be changed so.
    pub fn of_use(graph: &Graph, disk: DiskId, remedy: Remedy, usage: &dyn Usage) -> Option<Self> {
        let path = graph.disk(disk)?.path();
        let (kind, detail) = match (remedy, usage.in_use(path)) {
            (Remedy::Repair, _) | (_, InUse::No | InUse::NotAsked) => return None,
            // It is only read.
            (Remedy::Convert, InUse::Yes { writes: false, .. }) => return None,
            (_, InUse::Yes { detail, .. }) => (HindranceKind::InUse, format!("is {detail}")),
            (_, InUse::Unknown { reason }) => {
                (HindranceKind::UseUnknown, format!("may be in use: {reason}"))
            }
        };
        Some(Self::new(kind, disk, detail))
    }

    /// Why the disk may not be written to that is to be changed so.
    pub fn of_access(
        graph: &Graph,
        disk: DiskId,
        remedy: Remedy,
        access: &dyn Access,
    ) -> Option<Self> {
        if matches!(remedy, Remedy::Repair | Remedy::Convert) {
            return None;
        }
        match access.may_write(graph.disk(disk)?.path()) {
            Writable::Yes => None,
            Writable::No { reason } => {
                let detail = format!("may not be written to: {reason}");
                Some(Self::new(HindranceKind::NotWritable, disk, detail))
            }
        }
    }

    pub(super) fn new(kind: HindranceKind, disk: DiskId, detail: impl Into<String>) -> Self {
        Self { kind, disk, detail: detail.into() }
    }
}
