//! Disks that nobody claims and that no disk which somebody claims needs.

use crate::facts::State;
use crate::graph::{DiskId, Graph};
use crate::index::SlotSet;

impl Graph {
    /// The usable disks in scope that are not in `claimed`, and that neither anything in `claimed` needs or
    /// may need, nor anything that is kept because of that, also where its own chain does not go on
    /// there ([`crate::EdgeFacts::ends_chain`]): what could go if `claimed` was all that is of use. By path. Not a permission to remove
    /// anything: that is [`Graph::removal`] of them as a set. O(disks + edges below `claimed`).
    pub fn orphans(&self, claimed: impl IntoIterator<Item = DiskId>) -> Vec<DiskId> {
        let inner = &*self.inner;
        let claimed = claimed.into_iter().filter(|id| inner.is_live(*id));
        let mut work: Vec<u32> = claimed.map(|id| id.slot).collect();
        let mut kept: SlotSet = work.iter().copied().collect();
        while let Some(slot) = work.pop() {
            for arc in inner.slots.outgoing(slot) {
                if kept.insert(arc.to) {
                    work.push(arc.to);
                }
            }
        }
        let is_orphan = |slot: &u32| {
            !kept.contains(slot)
                && inner
                    .known(*slot)
                    .is_some_and(|known| known.state() == State::Ok && known.in_scope())
        };
        let mut orphans: Vec<u32> = inner.slots.slots().filter(is_orphan).collect();
        orphans.sort_by_key(|slot| inner.path(*slot));
        orphans.into_iter().map(|slot| inner.id(slot)).collect()
    }
}
