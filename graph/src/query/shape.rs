//! The shape of the whole: ends of chains, depths, cycles, what two disks share.

use crate::facts::State;
use crate::graph::{DiskId, Graph};
use crate::labels::EXTRA;

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

    /// How many backing files lie below `x`: 0 for a base. O(1) where the chain stays in the
    /// forest, else O(its length). On a cycle: the number of other disks that the chain names
    /// before it would repeat one.
    pub fn depth(&self, x: DiskId) -> u32 {
        let inner = &*self.inner;
        if !inner.is_live(x) {
            return 0;
        }
        let label = inner.labels.of(x.slot);
        if label.flags & EXTRA == 0 || inner.first_backing(label.root).is_none() {
            return inner.labels.depth(x.slot);
        }
        u32::try_from(self.chain(x).count().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// The greatest [`Graph::depth`]. O(disks).
    pub fn deepest(&self) -> u32 {
        let inner = &*self.inner;
        if inner.labels.has_extras() {
            return self.disks().map(|disk| self.depth(disk.id())).max().unwrap_or(0);
        }
        inner.labels.deepest()
    }

    /// The nearest disk that both chains meet, one of the two themselves included. O(disks below
    /// `a`), each a [`Graph::depends_on`].
    pub fn common_base(&self, a: DiskId, b: DiskId) -> Option<DiskId> {
        let below = self.dependencies(a).into_iter().map(|step| step.disk);
        std::iter::once(a)
            .chain(below)
            .find(|disk| *disk == b || self.depends_on(b, *disk).is_yes())
    }

    /// Every cycle with its members, each in the order of its references. QEMU opens none of these
    /// disks. O(1) where there is none, else O(disks + edges).
    pub fn cycles(&self) -> Vec<Vec<DiskId>> {
        let inner = &*self.inner;
        if !inner.labels.has_extras() {
            return Vec::new();
        }
        let follows = |arc| {
            let traits = inner.traits(arc);
            traits.certain && !traits.ends
        };
        let mut cycles = inner.slots.cycles(follows);
        for cycle in &mut cycles {
            cycle.sort_unstable();
            *cycle = self.in_order(cycle, follows);
        }
        cycles.sort_unstable();
        let ids = |cycle: Vec<u32>| cycle.into_iter().map(|slot| inner.id(slot)).collect();
        cycles.into_iter().map(ids).collect()
    }

    /// Follows the references through a component; members off that way come last.
    fn in_order(
        &self,
        members: &[u32],
        follows: impl Fn(crate::structure::Arc) -> bool,
    ) -> Vec<u32> {
        let mut placed = std::collections::HashSet::new();
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
                    .min_by_key(|arc| arc.position)
                    .map(|arc| arc.to);
            }
        }
        order
    }

    /// The files that something needs and that are not there. O(missing).
    pub fn missing(&self) -> impl Iterator<Item = DiskId> + '_ {
        let inner = &*self.inner;
        let missing = inner.missing.iter().copied();
        missing
            .filter(|slot| inner.facts(*slot).is_some_and(|f| f.state == State::Missing))
            .map(|slot| inner.id(slot))
    }
}
