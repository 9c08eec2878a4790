//! The graph itself: disks in slots, found by key and by path, with their labels.

use std::path::Path;
use std::sync::Arc as Shared;

use crate::doubt::Coverage;
use crate::facts::{Certainty, DependencyKnowledge, EdgeKind, Facts, Key, State};
use crate::index::Index;
use crate::labels::{DOUBTFUL, Labels, MISSING, Traits};
use crate::namesakes::Namesakes;
use crate::structure::{Arc, Slots, Structure};
use crate::{Disk, Edge};

/// Names one disk of one graph.
///
/// An id outlives changes to its disk. It goes stale when the node goes: with the removal of the
/// disk, or, while others still need the disk, with the last of them. A stale id names nothing,
/// never another disk. An id means the same disk in every clone of a graph that had the disk when
/// the clone was taken; what two clones insert afterwards they number independently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DiskId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl DiskId {
    /// A number for this id that fits JSON: unique among the live disks of one graph.
    pub fn number(self) -> u64 {
        u64::from(self.slot)
    }
}

/// Every disk and who depends on whom.
///
/// A handle: cloning costs one reference count, and the clone keeps the version that it was taken
/// from. Applying changes to a graph that has no other handle works in place; one that has copies
/// first.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    pub(crate) inner: Shared<Inner>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Inner {
    pub(crate) slots: Slots,
    /// Per slot; `None` where the slot is free.
    pub(crate) disks: Vec<Option<Facts>>,
    /// Per slot; odd where the slot is taken, so that no id ever names a free one.
    pub(crate) generations: Vec<u32>,
    /// Per slot: nobody has inserted it, or it was removed; it stays for those that need it.
    pub(crate) placeholder: Vec<bool>,
    pub(crate) by_key: Index,
    pub(crate) by_path: Index,
    pub(crate) labels: Labels,
    /// Disks whose own needs are not known.
    pub(crate) doubtful: Vec<u32>,
    /// Disks that are not there.
    pub(crate) missing: Vec<u32>,
    /// Those by their file names.
    pub(crate) namesakes: Namesakes,
    /// Some of those have references all the same.
    pub(crate) missing_needs_others: bool,
    pub(crate) coverage: Coverage,
}

impl Graph {
    /// A graph without disks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of nodes, the missing, remote and opaque ones included.
    pub fn len(&self) -> usize {
        self.inner.slots.len()
    }

    /// Whether there is no node at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of edges.
    pub fn edge_count(&self) -> usize {
        self.inner.slots.edge_count()
    }

    /// The disk that `path` leads to, byte for byte as the path was given when the disk was
    /// inserted. Where several disks claim the path it is one that is there, and among those the
    /// one that was inserted last. O(1).
    pub fn find(&self, path: &Path) -> Option<DiskId> {
        self.inner.slot_of_path(path).map(|slot| self.inner.id(slot))
    }

    /// The disk with this key. O(1).
    pub fn find_key(&self, key: &Key) -> Option<DiskId> {
        self.inner.slot_of_key(key).map(|slot| self.inner.id(slot))
    }

    /// What is known of a disk; `None` for a stale id. O(1).
    pub fn disk(&self, id: DiskId) -> Option<Disk<'_>> {
        self.inner.live(id).map(|(slot, facts)| Disk::new(&self.inner, slot, facts))
    }

    /// Every node, in the order of the slots.
    pub fn disks(&self) -> impl Iterator<Item = Disk<'_>> {
        let inner = &*self.inner;
        inner.disks.iter().zip(0..).filter_map(move |(facts, slot)| {
            facts.as_ref().map(|facts| Disk::new(inner, slot, facts))
        })
    }

    /// Every edge.
    pub fn edges(&self) -> impl Iterator<Item = Edge<'_>> {
        let inner = &*self.inner;
        inner.slots.arcs().filter_map(move |arc| inner.edge(arc))
    }

    /// What was asked to build this graph, and what could not be.
    pub fn coverage(&self) -> &Coverage {
        &self.inner.coverage
    }

    /// States what was asked to build this graph: answers about dependents rest on it.
    pub fn set_coverage(&mut self, coverage: Coverage) {
        Shared::make_mut(&mut self.inner).coverage = coverage;
    }

    /// The structure as petgraph's own type, for algorithms that are not offered here. A node's
    /// index is [`DiskId::number`]; the weight of an edge is the position of its reference in
    /// [`Disk::references`].
    pub fn structure(&self) -> &Structure {
        self.inner.slots.as_petgraph()
    }
}

impl Inner {
    pub(crate) fn id(&self, slot: u32) -> DiskId {
        let generation = self.generations.get(slot as usize).copied().unwrap_or(0);
        DiskId { slot, generation }
    }

    pub(crate) fn facts(&self, slot: u32) -> Option<&Facts> {
        self.disks.get(slot as usize).and_then(Option::as_ref)
    }

    #[inline]
    pub(crate) fn is_live(&self, id: DiskId) -> bool {
        self.generations.get(id.slot as usize) == Some(&id.generation)
    }

    pub(crate) fn is_placeholder(&self, slot: u32) -> bool {
        self.placeholder.get(slot as usize).copied().unwrap_or(false)
    }

    pub(crate) fn live(&self, id: DiskId) -> Option<(u32, &Facts)> {
        if !self.is_live(id) {
            return None;
        }
        self.facts(id.slot).map(|facts| (id.slot, facts))
    }

    pub(crate) fn edge(&self, arc: Arc) -> Option<Edge<'_>> {
        let facts = self.facts(arc.from)?.references.get(arc.position as usize)?;
        Some(Edge { from: self.id(arc.from), to: self.id(arc.to), facts })
    }

    pub(crate) fn slot_of_key(&self, key: &Key) -> Option<u32> {
        self.by_key.last(key, |slot| self.facts(slot).is_some_and(|facts| facts.key == *key))
    }

    pub(crate) fn slot_of_path(&self, path: &Path) -> Option<u32> {
        let leads_to = |slot: u32, missing: bool| {
            self.facts(slot).is_some_and(|facts| {
                (facts.state == State::Missing) == missing
                    && facts.paths.iter().any(|have| bytes(have) == bytes(path))
            })
        };
        // The file that took a missing one's place comes before it.
        self.by_path
            .last(bytes(path), |slot| leads_to(slot, false))
            .or_else(|| self.by_path.last(bytes(path), |slot| leads_to(slot, true)))
    }

    /// The path to show for a slot; empty where there is none.
    pub(crate) fn path(&self, slot: u32) -> &Path {
        self.facts(slot).map_or(Path::new(""), |facts| Disk::new(self, slot, facts).path())
    }

    /// How the labelling sees an edge.
    pub(crate) fn traits(&self, arc: Arc) -> Traits {
        let Some(Edge { facts, .. }) = self.edge(arc) else {
            return Traits { backing: false, certain: false, ends: true };
        };
        Traits {
            backing: facts.kind == EdgeKind::Backing,
            certain: facts.certainty == Certainty::Certain,
            // Where nothing follows there is nothing to end: the usual raw base under an overlay
            // that declares it raw is then as cheap as any other.
            ends: facts.ends_chain && self.slots.has_outgoing(arc.to),
        }
    }

    /// Makes the labels anew. O(disks + edges).
    pub(crate) fn relabel(&mut self) {
        let mut labels = Labels::build(&self.slots, &self.generations, |arc| self.traits(arc));
        let of = |wanted: &dyn Fn(&Facts) -> bool| -> Vec<u32> {
            self.slots.slots().filter(|slot| self.facts(*slot).is_some_and(wanted)).collect()
        };
        let doubtful = of(&|facts| facts.dependencies == DependencyKnowledge::Unknown);
        let missing = of(&|facts| facts.state == State::Missing);
        labels.flag_above(&self.slots, &doubtful, DOUBTFUL, |arc| self.traits(arc));
        labels.flag_above(&self.slots, &missing, MISSING, |arc| self.traits(arc));
        self.missing_needs_others = missing.iter().any(|slot| self.slots.has_outgoing(*slot));
        self.namesakes = Namesakes::of(&missing, |slot| self.facts(slot));
        (self.labels, self.doubtful, self.missing) = (labels, doubtful, missing);
    }
}

/// The bytes of a path.
pub(crate) fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}
