//! Changes: the only way in which a graph comes to be, and the place that keeps it consistent.

use std::sync::Arc as Shared;

use crate::batch::Batch;
use crate::facts::Change;
use crate::graph::{DiskId, Graph, Inner};
use crate::index::SlotSet;
use crate::labels::{Changed, LAST};
use crate::sizes::cut;

/// What a batch of changes did, change by change: a disk that it inserts twice counts once as inserted and
/// once as updated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Disks that nobody had inserted before, or that had been removed.
    pub inserted: usize,
    /// Disks whose facts or references were replaced.
    pub updated: usize,
    /// Disks that are gone, or that are placeholders now because others need them.
    pub removed: usize,
}

/// Why a batch of changes was refused. Nothing of it was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// A change names a disk that is not in the graph, or that an earlier change of the batch
    /// removes and none since has inserted again.
    #[error("change {position} names a disk that is not in the graph")]
    StaleId {
        /// The change, counted from 0.
        position: usize,
        /// The id that names nothing.
        id: DiskId,
    },
    /// There might be more than 2^25 nodes and references after the batch, the size that the index is made for:
    /// each disk that it inserts and each reference that it tells counts as one more.
    #[error("more than {max} disks in one graph")]
    TooManyDisks {
        /// The greatest number of nodes.
        max: usize,
    },
}

/// Of numbers for their places there are four times as many as two for each, so that gaps are left.
pub(crate) const MAX_DISKS: usize = (LAST as usize + 2) / 8;

impl Graph {
    /// Applies a batch of changes, all or none, and brings the index up to date. No I/O.
    ///
    /// Changes take effect in their order, but references may name disks that appear later in the
    /// batch, or never: see [`EdgeFacts::target`](crate::EdgeFacts::target). A node that nobody
    /// inserted, or that was removed, goes at the end of the first batch after which nothing needs
    /// it; until then ids stay good, so a disk that one batch removes and inserts again keeps its id.
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
        let changes = changes.into_iter();
        let mut room = self.scratch.0.take().unwrap_or_default();
        if changes.size_hint().1.is_some_and(|most| most <= FEW) {
            room.changes.extend(changes);
        } else {
            // A vector is taken as it is.
            room.changes = changes.collect();
        }
        let applied = self.apply_all(&mut room);
        room.clear();
        self.scratch.0 = Some(room);
        applied
    }

    fn apply_all(&mut self, room: &mut Room) -> Result<Applied, ApplyError> {
        let Room { changes, gone, idle, changed } = room;
        self.inner.check(changes, gone)?;
        if changes.is_empty() {
            return Ok(Applied::default());
        }
        let inner = Shared::make_mut(&mut self.inner);
        inner.forget_structure();
        inner.index();
        let (is_small, is_one) = (changes.len() <= FEW, changes.len() == 1);
        let applied = Applied::default();
        let mut batch = Batch { inner, idle, changed, applied, is_small, is_one };
        for change in changes {
            match change {
                Change::Insert(facts) => batch.insert(facts),
                Change::Repoint { disk, references } => {
                    batch.repoint(disk.slot, std::mem::take(references));
                }
                Change::Remove(disk) => batch.remove(disk.slot),
            }
        }
        let applied = batch.finish();
        #[cfg(any(test, fuzzing))]
        self.inner.labels.assert_sound(&self.inner.slots);
        Ok(applied)
    }
}

/// Changes that are moved to the room kept for them, and of which leaves take the short way.
const FEW: usize = cut(64, 4);

/// Room that a writer keeps from one batch to the next, so that a small batch asks nothing of the
/// heap for itself. It means nothing in between, and a clone of the graph begins without.
#[derive(Debug, Default)]
pub(crate) struct Scratch(Option<Box<Room>>);

#[derive(Debug, Default)]
struct Room {
    changes: Vec<Change>,
    gone: SlotSet,
    idle: Vec<(u32, u64)>,
    changed: Changed,
}

impl Clone for Scratch {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Room {
    fn clear(&mut self) {
        let Self { changes, gone, idle, changed } = self;
        changes.clear();
        changes.shrink_to(FEW);
        gone.clear();
        if gone.capacity() > FEW {
            *gone = SlotSet::default();
        }
        idle.clear();
        idle.shrink_to(FEW);
        changed.clear();
    }
}

impl Inner {
    fn check(&self, changes: &[Change], gone: &mut SlotSet) -> Result<(), ApplyError> {
        let mut more = 0_usize;
        for (position, change) in changes.iter().enumerate() {
            let id = match change {
                Change::Insert(facts) => {
                    more += 1 + facts.references.len();
                    if !gone.is_empty()
                        && let Some(slot) = self.slot_of_key(facts.key.as_ref())
                    {
                        gone.remove(&slot);
                    }
                    continue;
                }
                Change::Repoint { disk, references } => {
                    more += references.len();
                    *disk
                }
                Change::Remove(disk) => *disk,
            };
            if !self.is_live(id) || gone.contains(&id.slot) {
                return Err(ApplyError::StaleId { position, id });
            }
            if matches!(change, Change::Remove(_)) && changes.len() > 1 {
                gone.insert(id.slot);
            }
        }
        if self.slots.len().saturating_add(self.slots.edge_count()).saturating_add(more) > MAX_DISKS
        {
            return Err(ApplyError::TooManyDisks { max: MAX_DISKS });
        }
        Ok(())
    }
}
