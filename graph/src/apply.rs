//! Changes: the only way in which a graph comes to be, and the place that keeps it consistent.

use std::collections::HashSet;
use std::sync::Arc as Shared;

use crate::facts::{
    Certainty, Change, DependencyKnowledge, EdgeFacts, EdgeKind, Facts, Key, State,
};
use crate::graph::{DiskId, Graph, Inner, Told, bytes};
use crate::index::SlotSet;
use crate::labels::{Changed, MISSING_WITH_NEEDS, NONE, PLACEHOLDER, SELF_DOUBTFUL, SELF_MISSING};
use crate::links::{BACKING, CERTAIN, ENDS, STEP};

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
    /// The batch would exceed 2^27 nodes and references, the size that the index is made for.
    #[error("more than {max} disks in one graph")]
    TooManyDisks {
        /// The greatest number of nodes.
        max: usize,
    },
}

const MAX_DISKS: usize = 1 << 27;

impl Graph {
    /// Applies a batch of changes, all or none, and brings the index up to date. No I/O.
    ///
    /// Changes take effect in their order, but references may name disks that appear later in the
    /// batch, or never: see [`EdgeFacts::target`]. A node that nobody inserted, or that was
    /// removed, goes at the end of the first batch after which nothing needs it; until then ids
    /// stay good, so a disk that one batch removes and inserts again keeps its id.
    ///
    /// Costs O(1) for a disk that appears or goes, O(k) for one that is re-pointed or changes its
    /// state and on which k depend, and a factor O(log disks) that is amortised; O(disks + edges)
    /// for a batch that brings more disks than there were. Where another handle still holds the
    /// version before, what is touched is copied first, a few pages to a change. An empty batch
    /// costs nothing.
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
        inner.forget_structure();
        let mut batch = Batch::of(inner);
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
        if self.slots.len().saturating_add(self.slots.edge_count()).saturating_add(more) > MAX_DISKS
        {
            return Err(ApplyError::TooManyDisks { max: MAX_DISKS });
        }
        Ok(())
    }
}

/// One batch on its way into the graph.
struct Batch<'g> {
    inner: &'g mut Inner,
    /// Placeholders that may have lost the last one that needed them.
    idle: Vec<u32>,
    changed: Changed,
    applied: Applied,
}

impl<'g> Batch<'g> {
    fn of(inner: &'g mut Inner) -> Self {
        Self { inner, idle: Vec::new(), changed: Changed::default(), applied: Applied::default() }
    }

    fn insert(&mut self, facts: Facts) {
        let (slot, is_new) = match self.inner.slot_of_key(&facts.key) {
            Some(slot) => (slot, self.inner.is_placeholder(slot)),
            None => (self.allocate(&facts.key), true),
        };
        self.applied.inserted += usize::from(is_new);
        self.applied.updated += usize::from(!is_new);
        self.set(slot, facts, false);
    }

    fn repoint(&mut self, slot: u32, references: Vec<EdgeFacts>) {
        let Some(told) = self.inner.disks.at(slot) else { return };
        let facts = &mut Shared::make_mut(told).facts;
        let before = std::mem::replace(&mut facts.references, references);
        self.inner.labels.at(slot).flags &= !PLACEHOLDER;
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
    fn set(&mut self, slot: u32, mut facts: Facts, is_placeholder: bool) {
        let inner = &mut *self.inner;
        // A list that was pushed to has room for four, which nobody will need.
        facts.paths.shrink_to_fit();
        facts.references.shrink_to_fit();
        inner.clock += 1;
        let told = Told { facts, at: inner.clock };
        let before = inner.disks.at(slot).replace(Shared::new(told));
        let Some(facts) = inner.disks.get(slot).as_ref().map(|told| &told.facts) else { return };
        let before =
            before.map(|told| Shared::try_unwrap(told).unwrap_or_else(|told| (*told).clone()));
        let before = before.map(|told| told.facts);
        let before_paths = before.as_ref().map_or(&[][..], |facts| &facts.paths);
        if facts.paths != before_paths {
            for path in before_paths {
                inner.by_path.remove(bytes(path), slot);
            }
            for path in &facts.paths {
                inner.by_path.insert(bytes(path), slot);
            }
        }
        let is = Is {
            missing: facts.state == State::Missing,
            doubtful: facts.dependencies == DependencyKnowledge::Unknown,
            placeholder: is_placeholder,
        };
        inner.namesakes.replace(slot, before.as_ref(), facts);
        self.state(slot, is);
        self.relink(slot, before.as_ref().map_or(&[], |facts| &facts.references));
    }

    /// Notes in the label what a disk is itself.
    fn state(&mut self, slot: u32, is: Is) {
        let Inner { labels, missing, doubtful, .. } = &mut *self.inner;
        let flag = |wanted: bool, flag: u32| if wanted { flag } else { 0 };
        let now = flag(is.missing, SELF_MISSING) | flag(is.doubtful, SELF_DOUBTFUL);
        let all = now | flag(is.placeholder, PLACEHOLDER);
        let flags = labels.of(slot).flags;
        let changes = (flags ^ now) & (SELF_MISSING | SELF_DOUBTFUL);
        if (flags ^ all) & (SELF_MISSING | SELF_DOUBTFUL | PLACEHOLDER) != 0 {
            labels.at(slot).flags = flags & !(SELF_MISSING | SELF_DOUBTFUL | PLACEHOLDER) | all;
        }
        if changes != 0 {
            self.changed.restated.push(slot);
        }
        for (change, is_member, set) in
            [(SELF_MISSING, is.missing, missing), (SELF_DOUBTFUL, is.doubtful, doubtful)]
        {
            match (changes & change != 0, is_member) {
                (true, true) => set.insert(slot),
                (true, false) => set.remove(&slot),
                (false, _) => {}
            }
        }
    }

    /// Makes the references of `slot` the edges that leave it. Those that lead where those
    /// `before` did stay as they are.
    fn relink(&mut self, slot: u32, before: &[EdgeFacts]) {
        let Some(facts) = self.inner.facts(slot) else { return };
        let alike = |(before, now): (&EdgeFacts, &EdgeFacts)| {
            before.target == now.target && traits(before) == traits(now)
        };
        if before.len() == facts.references.len() && before.iter().zip(&facts.references).all(alike)
        {
            return;
        }
        let had = self.inner.slots.has_outgoing(slot);
        let parent = self.inner.slots.parent(slot).unwrap_or(NONE);
        self.changed.moved.entry(slot).or_insert((parent, had));
        if had {
            for (left, in_forest) in self.inner.slots.disconnect(slot) {
                if self.inner.is_placeholder(left) {
                    self.idle.push(left);
                }
                if !in_forest {
                    self.changed.targets.push(left);
                }
            }
        }
        self.link(slot);
    }

    /// Connects `slot` with its targets, making placeholders of those nobody has inserted.
    fn link(&mut self, slot: u32) {
        // Held, so that placeholders may be made meanwhile.
        let Some(told) = self.inner.disks.get(slot).clone() else { return };
        let references = &told.facts.references;
        let first = references.iter().position(|edge| edge.kind == EdgeKind::Backing);
        // An edge is put before those that are there, and the step comes first.
        let others = (0..references.len()).rev().filter(|at| Some(*at) != first);
        for at in others.chain(first) {
            let edge = &references[at];
            let target = self.inner.slot_of_key(&edge.target);
            let target = target.unwrap_or_else(|| self.allocate_placeholder(&edge.target));
            let step = if Some(at) == first { STEP } else { 0 };
            let position = u32::try_from(at).unwrap_or(NONE);
            self.inner.slots.connect(slot, target, position, traits(edge) | step);
        }
    }

    /// A slot for a disk that the graph does not hold yet.
    fn allocate(&mut self, key: &Key) -> u32 {
        let slot = self.inner.slots.add();
        let label = self.inner.labels.at(slot);
        label.generation = label.generation.wrapping_add(1);
        self.inner.by_key.insert(key, slot);
        self.changed.fresh.push(slot);
        slot
    }

    fn allocate_placeholder(&mut self, key: &Key) -> u32 {
        let slot = self.allocate(key);
        let told = Told { facts: Facts::placeholder(key.clone()), at: 0 };
        self.inner.namesakes.replace(slot, None, &told.facts);
        *self.inner.disks.at(slot) = Some(Shared::new(told));
        self.state(slot, Is { missing: true, doubtful: false, placeholder: true });
        slot
    }

    fn finish(mut self) -> Applied {
        let idle = std::mem::take(&mut self.idle);
        let unneeded =
            |slot: &u32| self.inner.is_placeholder(*slot) && !self.inner.slots.has_incoming(*slot);
        let leaving: SlotSet = idle.into_iter().filter(unneeded).collect();
        for &slot in &leaving {
            self.state(slot, Is { missing: false, doubtful: false, placeholder: true });
        }
        let Self { inner, mut changed, applied, .. } = self;
        changed.leaving = leaving;
        let restated = changed.restated.iter().chain(changed.moved.keys());
        let restated: SlotSet = restated.copied().collect();
        for slot in restated {
            let flags = inner.labels.of(slot).flags;
            let is = flags & SELF_MISSING != 0 && inner.slots.has_outgoing(slot);
            if is != (flags & MISSING_WITH_NEEDS != 0) {
                inner.labels.at(slot).flags ^= MISSING_WITH_NEEDS;
                inner.missing_with_needs -= usize::from(!is);
                inner.missing_with_needs += usize::from(is);
            }
        }
        let leaving: Vec<u32> = changed.leaving.iter().copied().collect();
        inner.labels.update(&mut inner.slots, changed);
        for slot in leaving {
            inner.free(slot);
        }
        applied
    }
}

/// What a disk is itself.
struct Is {
    missing: bool,
    doubtful: bool,
    placeholder: bool,
}

/// What the structure must know of a reference.
fn traits(edge: &EdgeFacts) -> u32 {
    let flag = |wanted: bool, flag: u32| if wanted { flag } else { 0 };
    flag(edge.kind == EdgeKind::Backing, BACKING)
        | flag(edge.certainty == Certainty::Certain, CERTAIN)
        | flag(edge.ends_chain, ENDS)
}

impl Inner {
    /// Gives a slot back; its ids go stale.
    fn free(&mut self, slot: u32) {
        if let Some(told) = self.disks.at(slot).take() {
            for path in &told.facts.paths {
                self.by_path.remove(bytes(path), slot);
            }
            self.by_key.remove(&told.facts.key, slot);
            self.namesakes.forget(slot, &told.facts);
        }
        let label = self.labels.at(slot);
        label.generation = label.generation.wrapping_add(1);
        self.slots.remove(slot);
    }
}
