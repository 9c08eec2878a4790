//! Changes: the only way in which a graph comes to be, and the place that keeps it consistent.

use std::collections::HashSet;
use std::sync::Arc as Shared;

use crate::facts::{Change, EdgeFacts, Facts, Key};
use crate::graph::{DiskId, Graph, Inner, bytes};

/// What a batch of changes did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Disks that nobody had inserted before, or that had been removed.
    pub inserted: usize,
    /// Disks whose facts or references were replaced.
    pub updated: usize,
    /// Disks that are gone.
    pub removed: usize,
}

/// Why a batch of changes was refused. Nothing of it was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// A change names a disk that is not in the graph, or that an earlier change of the batch
    /// removes.
    #[error("change {position} names a disk that is not in the graph")]
    StaleId {
        /// The change, counted from 0.
        position: usize,
        /// The id that names nothing.
        id: DiskId,
    },
    /// The batch would exceed 2^31 nodes, the size that the index is made for.
    #[error("more than {max} disks in one graph")]
    TooManyDisks {
        /// The greatest number of nodes.
        max: usize,
    },
}

const MAX_DISKS: usize = 1 << 31;

impl Graph {
    /// Applies a batch of changes, all or none, and brings the index up to date. No I/O.
    ///
    /// Changes take effect in their order, but references may name disks that appear later in the
    /// batch, or never: see [`EdgeFacts::target`]. A node that nobody inserted, or that was
    /// removed, goes at the end of the first batch after which nothing needs it; until then ids
    /// stay good, so a disk that one batch removes and inserts again keeps its id.
    ///
    /// Costs O(changes) and one O(disks + edges) relabelling per batch, so put what belongs
    /// together into one batch; and O(disks) more when another handle still holds the version
    /// before. An empty batch costs nothing.
    ///
    /// # Errors
    ///
    /// [`ApplyError::StaleId`] when a change names a disk that is not there. The graph is then as
    /// it was.
    pub fn apply(
        &mut self,
        changes: impl IntoIterator<Item = Change>,
    ) -> Result<Applied, ApplyError> {
        let changes: Vec<Change> = changes.into_iter().collect();
        self.inner.check(&changes)?;
        if changes.is_empty() {
            return Ok(Applied::default());
        }
        let inner = Shared::make_mut(&mut self.inner);
        inner.reserve(changes.iter().filter(|change| matches!(change, Change::Insert(_))).count());
        let mut batch = Batch { inner, idle: Vec::new(), applied: Applied::default() };
        for change in changes {
            match change {
                Change::Insert(facts) => batch.insert(facts),
                Change::Repoint { disk, references } => batch.repoint(disk.slot, references),
                Change::Remove(disk) => batch.remove(disk.slot),
            }
        }
        Ok(batch.finish())
    }
}

impl Inner {
    fn check(&self, changes: &[Change]) -> Result<(), ApplyError> {
        let mut gone = HashSet::new();
        let mut more = 0_usize;
        for (position, change) in changes.iter().enumerate() {
            let id = match change {
                Change::Insert(facts) => {
                    more += 1 + facts.references.len();
                    continue;
                }
                Change::Repoint { disk, references } => {
                    more += references.len();
                    *disk
                }
                Change::Remove(disk) => *disk,
            };
            if !self.is_live(id) || gone.contains(&id) {
                return Err(ApplyError::StaleId { position, id });
            }
            if matches!(change, Change::Remove(_)) {
                gone.insert(id);
            }
        }
        if self.disks.len().saturating_add(more) > MAX_DISKS {
            return Err(ApplyError::TooManyDisks { max: MAX_DISKS });
        }
        Ok(())
    }

    /// Room for so many new disks, so that a scan of many does not grow every table by and by.
    fn reserve(&mut self, disks: usize) {
        self.slots.reserve(disks);
        self.disks.reserve(disks);
        self.generations.reserve(disks);
        self.placeholder.reserve(disks);
        self.by_key.reserve(disks);
        self.by_path.reserve(disks);
    }
}

/// One batch on its way into the graph.
struct Batch<'g> {
    inner: &'g mut Inner,
    /// Placeholders that may have lost the last one that needed them.
    idle: Vec<u32>,
    applied: Applied,
}

impl Batch<'_> {
    fn insert(&mut self, facts: Facts) {
        let (slot, is_new) = match self.inner.slot_of_key(&facts.key) {
            Some(slot) => (slot, self.inner.is_placeholder(slot)),
            None => (self.inner.allocate(&facts.key), true),
        };
        self.applied.inserted += usize::from(is_new);
        self.applied.updated += usize::from(!is_new);
        self.set(slot, facts, false);
    }

    fn repoint(&mut self, slot: u32, references: Vec<EdgeFacts>) {
        let at = slot as usize;
        let Some(facts) = &mut self.inner.disks[at] else { return };
        let before = std::mem::replace(&mut facts.references, references);
        self.inner.placeholder[at] = false;
        self.applied.updated += 1;
        self.relink(slot, &before);
    }

    /// Leaves a placeholder, which goes at the end unless something needs it.
    fn remove(&mut self, slot: u32) {
        let Some(facts) = self.inner.facts(slot) else { return };
        let paths = facts.paths.clone();
        let placeholder = Facts { paths, ..Facts::placeholder(facts.key.clone()) };
        self.applied.removed += 1;
        self.set(slot, placeholder, true);
        self.idle.push(slot);
    }

    /// Makes `facts` what is known of `slot`.
    fn set(&mut self, slot: u32, facts: Facts, is_placeholder: bool) {
        let before = self.inner.take_facts(slot).map(|facts| facts.references).unwrap_or_default();
        for path in &facts.paths {
            self.inner.by_path.insert(bytes(path), slot);
        }
        self.inner.disks[slot as usize] = Some(facts);
        self.inner.placeholder[slot as usize] = is_placeholder;
        self.relink(slot, &before);
    }

    /// Makes the references of `slot` the edges that leave it. Those that lead where those
    /// `before` did stay as they are.
    fn relink(&mut self, slot: u32, before: &[EdgeFacts]) {
        let Some(facts) = &mut self.inner.disks[slot as usize] else { return };
        let now = || facts.references.iter().map(|edge| &edge.target);
        if before.iter().map(|edge| &edge.target).eq(now()) {
            return;
        }
        // Lent to the linking and given back: cloning the keys would cost an allocation per disk.
        let now = std::mem::take(&mut facts.references);
        let left: Vec<u32> = self.inner.slots.outgoing(slot).map(|arc| arc.to).collect();
        self.inner.slots.disconnect(slot);
        self.idle.extend(left.into_iter().filter(|left| self.inner.is_placeholder(*left)));
        self.inner.link(slot, &now);
        if let Some(facts) = &mut self.inner.disks[slot as usize] {
            facts.references = now;
        }
    }

    fn finish(self) -> Applied {
        for slot in self.idle {
            if self.inner.is_placeholder(slot) && !self.inner.slots.has_incoming(slot) {
                self.inner.free(slot);
            }
        }
        self.inner.slots.settle();
        self.inner.relabel();
        self.applied
    }
}

impl Inner {
    /// A slot for a disk that the graph does not hold yet.
    fn allocate(&mut self, key: &Key) -> u32 {
        let slot = self.slots.add();
        let at = slot as usize;
        if at >= self.disks.len() {
            self.disks.resize(at + 1, None);
            self.generations.resize(at + 1, 0);
            self.placeholder.resize(at + 1, false);
        }
        self.generations[at] = self.generations[at].wrapping_add(1);
        self.by_key.insert(key, slot);
        slot
    }

    /// Gives a slot back; its ids go stale.
    fn free(&mut self, slot: u32) {
        let at = slot as usize;
        if let Some(facts) = self.take_facts(slot) {
            self.by_key.remove(&facts.key, slot);
        }
        self.placeholder[at] = false;
        self.generations[at] = self.generations[at].wrapping_add(1);
        self.slots.remove(slot);
    }

    /// Connects `slot` with its targets, making placeholders of those nobody has inserted.
    fn link(&mut self, slot: u32, references: &[EdgeFacts]) {
        for (EdgeFacts { target: key, .. }, position) in references.iter().zip(0..) {
            let target = self.slot_of_key(key).unwrap_or_else(|| {
                let target = self.allocate(key);
                self.disks[target as usize] = Some(Facts::placeholder(key.clone()));
                self.placeholder[target as usize] = true;
                target
            });
            self.slots.connect(slot, target, position);
        }
    }

    /// The facts of `slot`, which no path leads to any more.
    fn take_facts(&mut self, slot: u32) -> Option<Facts> {
        let facts = self.disks[slot as usize].take()?;
        for path in &facts.paths {
            self.by_path.remove(bytes(path), slot);
        }
        Some(facts)
    }
}
