//! Why a disk cannot simply be given another backing file, or be copied.

use std::path::Path;

use crate::facts::{EdgeKind, State};
use crate::graph::{DiskId, Graph, Inner};
use crate::index::SlotSet;
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
    /// Who has the disk open that is to be changed so, and who writes to what QEMU opens with it: its chain, and data
    /// files. O(the length of the chain).
    pub fn of_use(graph: &Graph, disk: DiskId, remedy: Remedy, usage: &dyn Usage) -> Vec<Self> {
        Self::of_use_as(graph, disk, remedy, &mut |path| usage.in_use(path))
    }

    pub(super) fn of_use_as(
        graph: &Graph,
        disk: DiskId,
        remedy: Remedy,
        in_use: &mut dyn FnMut(&Path) -> InUse,
    ) -> Vec<Self> {
        if remedy == Remedy::Repair || graph.disk(disk).is_none() {
            return Vec::new();
        }
        let opened = graph.inner.opened_with(disk, remedy);
        let all = std::iter::once(disk).chain(opened).zip(0_usize..);
        let found = all.filter_map(|(one, position)| {
            let is_changed = position == 0 && remedy != Remedy::Convert;
            let (kind, detail) = match in_use(graph.disk(one)?.path()) {
                InUse::No | InUse::NotAsked => return None,
                // It is only read.
                InUse::Yes { writes: false, .. } if !is_changed => return None,
                InUse::Yes { detail, .. } => (HindranceKind::InUse, format!("is {detail}")),
                InUse::Unknown { reason } => {
                    (HindranceKind::UseUnknown, format!("may be in use: {reason}"))
                }
            };
            Some(Self::new(kind, one, detail))
        });
        found.collect()
    }

    /// Why what is to be written to may not be, where the disk is to be changed so: it, the data file that holds its
    /// guest's data, the directory that a copy of it is to lie in.
    pub fn of_access(
        graph: &Graph,
        disk: DiskId,
        remedy: Remedy,
        access: &dyn Access,
    ) -> Vec<Self> {
        let may_not = |of: DiskId, path: &Path, what: &str| match access.may_write(path) {
            Writable::Yes => None,
            Writable::No { reason } => {
                let detail = format!("{what}may not be written to: {reason}");
                Some(Self::new(HindranceKind::NotWritable, of, detail))
            }
        };
        let Some(path) = graph.disk(disk).map(|disk| disk.path()) else { return Vec::new() };
        match remedy {
            Remedy::Repair => Vec::new(),
            Remedy::Convert => {
                let directory = path.parent().into_iter();
                let what = "is to be replaced by a copy, and its directory ";
                directory.filter_map(|directory| may_not(disk, directory, what)).collect()
            }
            Remedy::Name { .. } => may_not(disk, path, "").into_iter().collect(),
            Remedy::Rebase { .. } | Remedy::Flatten => {
                let data_files = graph.inner.data_files(disk.slot);
                let data_files = data_files.into_iter().filter_map(|file| {
                    let path = graph.disk(file)?.path();
                    may_not(file, path, "holds the data, and ")
                });
                may_not(disk, path, "").into_iter().chain(data_files).collect()
            }
        }
    }

    pub(super) fn new(kind: HindranceKind, disk: DiskId, detail: impl Into<String>) -> Self {
        Self { kind, disk, detail: detail.into() }
    }
}

impl Inner {
    /// The files that QEMU opens beside a disk that is changed so, nearest first, each once. It opens an image with all
    /// that this needs, but for one whose backing file is only to be called otherwise.
    fn opened_with(&self, disk: DiskId, remedy: Remedy) -> Vec<DiskId> {
        let is_alone = remedy == Remedy::Name { kind: EdgeKind::Backing };
        let mut seen = SlotSet::from_iter([disk.slot]);
        let (mut at, mut opened) = (disk.slot, Vec::new());
        loop {
            let data_files = self.data_files(at);
            opened.extend(data_files.into_iter().filter(|file| seen.insert(file.slot)));
            // What is not sure to be meant is not sure to be opened.
            let step = self.slots.step(at).filter(|step| step.certain() && !is_alone);
            let Some(step) = step.filter(|step| seen.insert(step.to)) else { return opened };
            opened.extend(self.is_usable(step.to).then(|| self.id(step.to)));
            if step.ends {
                return opened;
            }
            at = step.to;
        }
    }

    /// The external data files of a disk, as far as it is sure which.
    fn data_files(&self, slot: u32) -> Vec<DiskId> {
        let arcs = self.slots.outgoing(slot).filter(|arc| !arc.is_backing() && arc.certain());
        arcs.filter(|arc| self.is_usable(arc.to)).map(|arc| self.id(arc.to)).collect()
    }

    fn is_usable(&self, slot: u32) -> bool {
        self.known(slot).is_some_and(|known| known.state() == State::Ok)
    }
}
