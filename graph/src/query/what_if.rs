//! What would be if these changes were made.

use std::collections::HashMap;

use crate::apply::{Applied, ApplyError};
use crate::facts::{Change, State};
use crate::graph::{DiskId, Graph};
use crate::index::SlotSet;

/// What a set of changes would do.
#[derive(Clone, Debug)]
pub struct WhatIf {
    /// The graph as it would be: everything can be asked of it.
    pub graph: Graph,
    /// What would be counted as inserted, updated and removed.
    pub applied: Applied,
    /// Disks that would be missing and are not now: others would still need them, or they would be
    /// inserted as such.
    pub newly_missing: Vec<DiskId>,
    /// Disks whose needs would or might lead to one of those. Nearest first, as
    /// [`Dependents::nearest_first`](crate::Dependents::nearest_first) counts, then by path.
    pub broken: Vec<DiskId>,
    /// Cycles, as [`Graph::cycles`] names them, of disks that are not all on one cycle now.
    pub cycles: Vec<Vec<DiskId>>,
    /// Usable disks in scope that would lose the last one that needs them, and what only they would
    /// need, and so on; members of cycles need each other. By path.
    pub unneeded: Vec<DiskId>,
    /// Bytes that the file system would give back: [`Graph::freed_by`] of the disks that are removed.
    pub freed: u64,
}

impl Graph {
    /// Makes `changes` in a version of its own and tells what they did; this graph stays as it is.
    /// O(changes) as [`Graph::apply`], O(missing), and O(what would break or be needed no more);
    /// where there are cycles, O(disks + edges).
    ///
    /// # Errors
    ///
    /// As [`Graph::apply`].
    pub fn what_if(&self, changes: impl IntoIterator<Item = Change>) -> Result<WhatIf, ApplyError> {
        let changes: Vec<Change> = changes.into_iter().collect();
        let removed = changes.iter().filter_map(|change| match change {
            Change::Remove(disk) => Some(*disk),
            _ => None,
        });
        let removed: Vec<DiskId> = removed.collect();
        let needed = self.needed_by(&changes);
        let mut graph = self.clone();
        let applied = graph.apply(changes)?;
        let is_there =
            |id: &DiskId| graph.disk(*id).is_some_and(|disk| disk.state() != State::Missing);
        // Removed and inserted again it is not gone.
        let gone: Vec<DiskId> = removed.into_iter().filter(|id| !is_there(id)).collect();
        let newly = graph.missing().filter(|id| !self.inner.is_missing(*id));
        let newly_missing: Vec<DiskId> = newly.collect();
        let slots: Vec<u32> = newly_missing.iter().map(|id| id.slot).collect();
        let found = graph.inner.dependents_of(&slots);
        let broken = found.into_iter().map(|found| found.dependent.disk).collect();
        let freed = self.freed_by(&gone);
        let cycles = new_cycles(self, &graph);
        let unneeded = graph.unneeded(needed);
        Ok(WhatIf { graph, applied, newly_missing, broken, cycles, unneeded, freed })
    }

    /// What those disks need now that a change is about.
    fn needed_by(&self, changes: &[Change]) -> Vec<DiskId> {
        let inner = &*self.inner;
        let about = changes.iter().filter_map(|change| match change {
            Change::Remove(disk) | Change::Repoint { disk, .. } => {
                inner.is_live(*disk).then_some(disk.slot)
            }
            Change::Insert(facts) => inner.slot_of_key(facts.key.as_ref()),
        });
        let arcs = about.flat_map(|slot| inner.slots.outgoing(slot));
        arcs.map(|arc| inner.id(arc.to)).collect()
    }

    /// Those of `candidates` that nothing needs, and what only they need, and so on.
    fn unneeded(&self, candidates: Vec<DiskId>) -> Vec<DiskId> {
        let inner = &*self.inner;
        let mut unneeded = SlotSet::default();
        let live = candidates.into_iter().filter(|id| inner.is_live(*id));
        let mut work: Vec<u32> = live.map(|id| id.slot).collect();
        while let Some(slot) = work.pop() {
            let can_go = inner
                .known(slot)
                .is_some_and(|known| known.state() == State::Ok && known.in_scope());
            let mut needed_by = inner.slots.incoming(slot);
            if can_go && needed_by.all(|arc| unneeded.contains(&arc.from)) && unneeded.insert(slot)
            {
                work.extend(inner.slots.outgoing(slot).map(|arc| arc.to));
            }
        }
        let mut unneeded: Vec<u32> = unneeded.into_iter().collect();
        unneeded.sort_by_key(|slot| inner.path(*slot));
        unneeded.into_iter().map(|slot| inner.id(slot)).collect()
    }
}

/// The cycles of `after` of which not all members are on one cycle of `before`.
fn new_cycles(before: &Graph, after: &Graph) -> Vec<Vec<DiskId>> {
    let mut cycles = after.cycles();
    if !cycles.is_empty() {
        let known = before.cycles();
        let members = known.iter().zip(0_usize..);
        let members = members.flat_map(|(cycle, number)| cycle.iter().map(move |id| (*id, number)));
        let cycle_of: HashMap<DiskId, usize> = members.collect();
        cycles.retain(|cycle| {
            let mut of = cycle.iter().map(|id| cycle_of.get(id));
            let first = of.next().flatten();
            first.is_none() || of.any(|other| other != first)
        });
    }
    cycles
}
