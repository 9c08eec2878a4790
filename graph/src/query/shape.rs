//! The shape of the whole: ends of chains, depths, cycles, what two disks share.

use std::collections::HashSet;

use crate::graph::{DiskId, Graph};
use crate::labels::EXTRA;
use crate::links::Arc;

impl Graph {
    /// The disks that need nothing: bases, and whatever stands at a broken end. O(disks).
    pub fn roots(&self) -> impl Iterator<Item = DiskId> + '_ {
        let inner = &*self.inner;
        let ends = inner.slots.slots().filter(|slot| inner.slots.outgoing(*slot).next().is_none());
        ends.map(|slot| inner.id(slot))
    }

    /// The disks that nothing needs. O(disks).
    pub fn leaves(&self) -> impl Iterator<Item = DiskId> + '_ {
        let inner = &*self.inner;
        let tops = inner.slots.slots().filter(|slot| !inner.slots.has_incoming(*slot));
        tops.map(|slot| inner.id(slot))
    }

    /// How many backing files lie below `x`: 0 for a base. On a cycle: the number of other disks
    /// that the chain names before it would repeat one. O(1).
    pub fn depth(&self, x: DiskId) -> u32 {
        if self.inner.is_live(x) { self.inner.labels.depth(x.slot) } else { 0 }
    }

    /// The greatest [`Graph::depth`]. O(1).
    pub fn deepest(&self) -> u32 {
        self.inner.labels.deepest()
    }

    /// The nearest to `a` of the disks that both surely need, one of the two themselves included;
    /// nothing if one of the ids is stale. O(disks and edges below the two).
    pub fn common_base(&self, a: DiskId, b: DiskId) -> Option<DiskId> {
        if !self.inner.is_live(a) || !self.inner.is_live(b) {
            return None;
        }
        let with_itself = |x: DiskId| {
            let needs = self.dependencies(x).into_iter();
            std::iter::once(x).chain(needs.filter(|step| step.certain).map(|step| step.disk))
        };
        let below_b: HashSet<DiskId> = with_itself(b).collect();
        with_itself(a).find(|disk| below_b.contains(disk))
    }

    /// Every cycle with its members, each in the order of its references. QEMU opens none of these
    /// disks, so edges that only may lead where they do are not followed, nor those that end the chain
    /// at a disk which needs others. Cycles that share a disk are named as one. O(1) where there is none, else O(disks + edges).
    pub fn cycles(&self) -> Vec<Vec<DiskId>> {
        let inner = &*self.inner;
        if !inner.slots.has_extras() {
            return Vec::new();
        }
        let follows = |arc: Arc| arc.certain() && !arc.ends;
        // Every cycle holds an edge outside the forest, which marks all its members.
        let marked = |slot: &u32| inner.labels.flags(*slot) & EXTRA != 0;
        let candidates: Vec<u32> = inner.slots.slots().filter(marked).collect();
        let mut cycles = inner.slots.cycles(&candidates, follows);
        for cycle in &mut cycles {
            cycle.sort_unstable();
            *cycle = self.in_order(cycle, follows);
        }
        cycles.sort_unstable();
        let ids = |cycle: Vec<u32>| cycle.into_iter().map(|slot| inner.id(slot)).collect();
        cycles.into_iter().map(ids).collect()
    }

    /// Follows the references through a component; members off that way come last.
    fn in_order(&self, members: &[u32], follows: impl Fn(Arc) -> bool) -> Vec<u32> {
        let mut placed = HashSet::new();
        let mut order = Vec::with_capacity(members.len());
        for &start in members {
            let mut at = Some(start);
            while let Some(slot) = at.filter(|slot| placed.insert(*slot)) {
                order.push(slot);
                at = self
                    .inner
                    .slots
                    .outgoing(slot)
                    .filter(|arc| follows(*arc) && members.binary_search(&arc.to).is_ok())
                    .min_by_key(|arc| arc.position())
                    .map(|arc| arc.to);
            }
        }
        order
    }

    /// The disks that are not there: what something needs and nobody inserted, and what was
    /// inserted as [`crate::State::Missing`]. O(missing).
    pub fn missing(&self) -> impl Iterator<Item = DiskId> + '_ {
        let inner = &*self.inner;
        inner.missing.iter().map(|slot| inner.id(slot))
    }
}
