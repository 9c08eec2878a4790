//! Changes: the only way in which a graph comes to be, and the place that keeps it consistent.

use std::sync::Arc as Shared;

use crate::facts::{Change, EdgeFacts, Facts, Key, State};
use crate::graph::{DiskId, Graph, Inner, bytes};

/// What a batch of changes did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Disks that were not known before.
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
    /// A change names a disk that is not in the graph, or is removed by an earlier one.
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
    /// batch, or never: see [`EdgeFacts::target`]. Costs O(changes) and one O(disks + edges)
    /// relabelling per batch, so put what belongs together into one batch; and O(disks) more when
    /// another handle still holds the version before.
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
        let inner = Shared::make_mut(&mut self.inner);
        inner.reserve(changes.iter().filter(|change| matches!(change, Change::Insert(_))).count());
        let mut applied = Applied::default();
        for change in changes {
            match change {
                Change::Insert(facts) => {
                    let is_new = inner.insert(facts);
                    applied.inserted += usize::from(is_new);
                    applied.updated += usize::from(!is_new);
                }
                // A missing disk goes by itself with the last one that needed it, so an id that
                // was good when the batch was checked may be stale by now: then it is done.
                Change::Repoint { disk, .. } | Change::Remove(disk) if !inner.is_live(disk) => {}
                Change::Repoint { disk, references } => {
                    inner.repoint(disk.slot, references);
                    applied.updated += 1;
                }
                Change::Remove(disk) => {
                    inner.remove(disk.slot);
                    applied.removed += 1;
                }
            }
        }
        inner.relabel();
        Ok(applied)
    }
}

impl Inner {
    fn check(&self, changes: &[Change]) -> Result<(), ApplyError> {
        let mut gone = std::collections::HashSet::new();
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
            if self.live(id).is_none() || gone.contains(&id) {
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
        self.by_key.reserve(disks);
        self.by_path.reserve(disks);
    }

    /// Inserts or replaces; says whether the disk is new.
    fn insert(&mut self, facts: Facts) -> bool {
        let (slot, is_new) = match self.slot_of_key(&facts.key) {
            Some(slot) => {
                let was_placeholder =
                    self.facts(slot).is_some_and(|facts| facts.state == State::Missing);
                self.unlink(slot);
                (slot, was_placeholder)
            }
            None => (self.allocate(&facts.key), true),
        };
        for path in &facts.paths {
            self.by_path.insert(bytes(path), slot);
        }
        let targets: Vec<Key> = facts.references.iter().map(|edge| edge.target.clone()).collect();
        self.disks[slot as usize] = Some(facts);
        self.link(slot, &targets);
        is_new
    }

    fn repoint(&mut self, slot: u32, references: Vec<EdgeFacts>) {
        let Some(mut facts) = self.facts(slot).cloned() else { return };
        facts.references = references;
        self.insert(facts);
    }

    fn remove(&mut self, slot: u32) {
        let Some(facts) = self.facts(slot) else { return };
        let mut placeholder = Facts::placeholder(facts.key.clone());
        placeholder.paths.clone_from(&facts.paths);
        if self.slots.has_incoming(slot) {
            self.insert(placeholder);
        } else {
            self.unlink(slot);
            self.free(slot);
        }
    }

    /// A slot for a disk that the graph does not hold yet.
    fn allocate(&mut self, key: &Key) -> u32 {
        let slot = self.slots.add();
        let at = slot as usize;
        if at >= self.disks.len() {
            self.disks.resize(at + 1, None);
            self.generations.resize(at + 1, 0);
        }
        self.by_key.insert(key, slot);
        slot
    }

    /// Gives a slot back; its ids go stale.
    fn free(&mut self, slot: u32) {
        if let Some(facts) = self.disks[slot as usize].take() {
            self.by_key.remove(&facts.key, slot);
        }
        self.generations[slot as usize] = self.generations[slot as usize].wrapping_add(1);
        self.slots.remove(slot);
    }

    /// Connects `slot` with its targets, making placeholders of those nobody has inserted.
    fn link(&mut self, slot: u32, targets: &[Key]) {
        for (key, position) in targets.iter().zip(0..) {
            let target = self.slot_of_key(key).unwrap_or_else(|| {
                let target = self.allocate(key);
                self.disks[target as usize] = Some(Facts::placeholder(key.clone()));
                target
            });
            self.slots.connect(slot, target, position);
        }
    }

    /// Takes the edges and paths of `slot` away; placeholders that nobody needs any more go.
    fn unlink(&mut self, slot: u32) {
        let targets: Vec<u32> = self.slots.outgoing(slot).map(|arc| arc.to).collect();
        self.slots.disconnect(slot);
        for target in targets {
            let idle = target != slot && !self.slots.has_incoming(target);
            if idle && self.facts(target).is_some_and(|facts| facts.state == State::Missing) {
                self.forget_paths(target);
                self.free(target);
            }
        }
        self.forget_paths(slot);
    }

    fn forget_paths(&mut self, slot: u32) {
        let paths = self.disks[slot as usize]
            .as_mut()
            .map(|facts| std::mem::take(&mut facts.paths))
            .unwrap_or_default();
        for path in paths {
            self.by_path.remove(bytes(&path), slot);
        }
    }
}
