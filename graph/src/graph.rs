//! The graph itself: disks in slots, found by key and by path, with their labels.

use std::path::Path;
use std::sync::Arc as Shared;

use std::sync::OnceLock;

use crate::apply::Scratch;
use crate::build::Unindexed;
use crate::doubt::Coverage;
use crate::facts::{KeyRef, State};
use crate::index::Index;
use crate::labels::{Labels, PLACEHOLDER};
use crate::links::{Arc, Slots};
use crate::namesakes::Namesakes;
use crate::records::{Known, NameOf, Records};
use crate::sorted::Sorted;
use crate::structure::Structure;
use crate::{Disk, Edge, Reference};

/// Names one disk of one graph.
///
/// An id outlives changes to its disk. It goes stale when the node goes: with the removal of the
/// disk, or, while others still need the disk, with the last of them. A stale id names nothing,
/// never another disk. An id means the same disk in every clone of a graph that had the disk when
/// the clone was taken; what two clones insert afterwards they number independently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DiskId {
    pub(crate) slot: u32,
    pub(crate) generation: u8,
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
/// from. Versions share everything that is the same in both: applying changes copies what they
/// touch where another handle still sees it, and works in place where none does. So a writer
/// prepares the next version while any number of readers ask older ones, and nobody waits.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    pub(crate) inner: Shared<Inner>,
    pub(crate) scratch: Scratch,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) slots: Slots,
    /// What is known of each slot that is not free.
    pub(crate) records: Records,
    pub(crate) by_key: Index,
    pub(crate) by_path: Index,
    pub(crate) labels: Labels,
    /// Disks whose own needs are not known.
    pub(crate) doubtful: Sorted<u32>,
    /// Files that lie out of the scope.
    pub(crate) outside: Sorted<u32>,
    /// Disks that are not there.
    pub(crate) missing: Sorted<u32>,
    /// Those by their file names.
    pub(crate) namesakes: Namesakes,
    /// How many of those have references all the same.
    pub(crate) missing_with_needs: usize,
    /// Number of times that facts were told.
    pub(crate) clock: u64,
    pub(crate) coverage: Coverage,
    /// What finds disks is still to be made.
    pub(crate) unindexed: Option<Box<Unindexed>>,
    /// This version for petgraph, once somebody has asked.
    structure: OnceLock<Structure>,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            slots: Slots::default(),
            records: Records::default(),
            by_key: Index::default(),
            by_path: Index::default(),
            labels: Labels::default(),
            doubtful: Sorted::default(),
            outside: Sorted::default(),
            missing: Sorted::default(),
            namesakes: Namesakes::default(),
            missing_with_needs: 0,
            clock: 0,
            coverage: Coverage::default(),
            unindexed: None,
            structure: OnceLock::new(),
        }
    }
}

impl Clone for Inner {
    /// What follows is a version of its own, for which petgraph's graph is to be made again.
    fn clone(&self) -> Self {
        Self {
            slots: self.slots.clone(),
            records: self.records.clone(),
            by_key: self.by_key.clone(),
            by_path: self.by_path.clone(),
            labels: self.labels.clone(),
            doubtful: self.doubtful.clone(),
            outside: self.outside.clone(),
            missing: self.missing.clone(),
            namesakes: self.namesakes.clone(),
            missing_with_needs: self.missing_with_needs,
            clock: self.clock,
            coverage: self.coverage.clone(),
            unindexed: self.unindexed.clone(),
            structure: OnceLock::new(),
        }
    }
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
    /// one that was inserted last; where none is there, the missing one that was inserted or removed last. O(1).
    pub fn find(&self, path: &Path) -> Option<DiskId> {
        self.inner.slot_of_path(path).map(|slot| self.inner.id(slot))
    }

    /// The disk with this key. O(1).
    pub fn find_key<'k>(&self, key: impl Into<KeyRef<'k>>) -> Option<DiskId> {
        self.inner.slot_of_key(key.into()).map(|slot| self.inner.id(slot))
    }

    /// What is known of a disk; `None` for a stale id. O(1).
    pub fn disk(&self, id: DiskId) -> Option<Disk<'_>> {
        self.inner.live(id).map(|known| Disk::new(&self.inner, id.slot, known))
    }

    /// Every node, in the order of the slots.
    pub fn disks(&self) -> impl Iterator<Item = Disk<'_>> {
        let inner = &*self.inner;
        let slots = inner.slots.slots();
        slots.filter_map(move |slot| Some(Disk::new(inner, slot, inner.known(slot)?)))
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
    ///
    /// Made when a version is first asked for it, in O(disks + edges), and kept with the version.
    pub fn structure(&self) -> &Structure {
        self.inner.structure.get_or_init(|| self.inner.slots.to_petgraph())
    }
}

impl Inner {
    pub(crate) fn id(&self, slot: u32) -> DiskId {
        self.labels.id(slot)
    }

    #[inline]
    pub(crate) fn known(&self, slot: u32) -> Option<Known<'_>> {
        self.records.get(slot)
    }

    #[inline]
    pub(crate) fn is_live(&self, id: DiskId) -> bool {
        self.labels.of(id.slot).is_of(id)
    }

    pub(crate) fn is_placeholder(&self, slot: u32) -> bool {
        self.labels.flags(slot) & PLACEHOLDER != 0
    }

    pub(crate) fn live(&self, id: DiskId) -> Option<Known<'_>> {
        if self.is_live(id) { self.known(id.slot) } else { None }
    }

    pub(crate) fn edge(&self, arc: Arc) -> Option<Edge<'_>> {
        let name = self.known(arc.from)?.reference(arc.position() as usize)?;
        self.edge_named(arc, name)
    }

    /// What the edges of a slot lead to, in the order of its references.
    pub(crate) fn needs(&self, slot: u32) -> Vec<Arc> {
        let mut arcs: Vec<Arc> = self.slots.outgoing(slot).collect();
        arcs.sort_unstable_by_key(Arc::position);
        arcs
    }

    pub(crate) fn edge_named<'g>(&'g self, arc: Arc, name: NameOf<'g>) -> Option<Edge<'g>> {
        let target = self.known(arc.to)?.key();
        let facts = Reference::new(target, name);
        Some(Edge { from: self.id(arc.from), to: self.id(arc.to), facts })
    }

    pub(crate) fn slot_of_key(&self, key: KeyRef<'_>) -> Option<u32> {
        let index = self.by_key();
        self.slot_of_hash(key, index.hash(&key))
    }

    /// The same by the hash of the key.
    #[inline]
    pub(crate) fn slot_of_hash(&self, key: KeyRef<'_>, hash: u32) -> Option<u32> {
        let mut candidates = self.by_key().candidates(hash);
        candidates.find(|slot| self.known(*slot).is_some_and(|known| known.key() == key))
    }

    pub(crate) fn slot_of_path(&self, path: &Path) -> Option<u32> {
        let claims = |slot: u32| {
            let known = self.known(slot)?;
            let claims = known.paths().any(|have| bytes(have) == bytes(path));
            // The file that took a missing one's place comes before it.
            claims.then(|| (known.state() != State::Missing, known.told(), slot))
        };
        let index = self.by_path();
        let best = index.candidates(index.hash(bytes(path))).filter_map(claims).max();
        best.map(|(_, _, slot)| slot)
    }

    /// The path to show for a slot; empty where there is none.
    pub(crate) fn path(&self, slot: u32) -> &Path {
        self.known(slot).map_or(Path::new(""), |known| Disk::new(self, slot, known).path())
    }

    /// To be called before anything is changed in place.
    pub(crate) fn forget_structure(&mut self) {
        self.structure.take();
    }
}

/// The bytes of a path.
pub(crate) fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}
