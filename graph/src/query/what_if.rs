//! What would be if these changes were made.

use crate::apply::{Applied, ApplyError};
use crate::facts::Change;
use crate::graph::{DiskId, Graph};

/// What a set of changes would do.
#[derive(Clone, Debug)]
pub struct WhatIf {
    /// The graph as it would be: everything can be asked of it.
    pub graph: Graph,
    /// What would be counted as inserted, updated and removed.
    pub applied: Applied,
    /// Disks that would be missing and are not now: others would still need them.
    pub newly_missing: Vec<DiskId>,
    /// Disks whose needs would lead to one of those. By the number of edges, then by path.
    pub broken: Vec<DiskId>,
    /// Bytes that the file system would give back.
    pub freed: u64,
}

impl Graph {
    /// Makes `changes` in a version of its own and tells what they did; this graph stays as it is.
    /// O(changes) as [`Graph::apply`], O(missing), and O(what would break).
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
        let mut graph = self.clone();
        let applied = graph.apply(changes)?;
        let is_there =
            |id: &DiskId| graph.disk(*id).is_some_and(|disk| disk.state() != crate::State::Missing);
        // Removed and inserted again it is not gone.
        let gone: Vec<DiskId> = removed.into_iter().filter(|id| !is_there(id)).collect();
        let newly = graph.missing().filter(|id| !self.inner.is_missing(*id));
        let newly_missing: Vec<DiskId> = newly.collect();
        let slots: Vec<u32> = newly_missing.iter().map(|id| id.slot).collect();
        let found = graph.inner.dependents_of(&slots);
        let broken = found.into_iter().map(|found| found.dependent.disk).collect();
        let freed = self.freed_by(&gone);
        Ok(WhatIf { graph, applied, newly_missing, broken, freed })
    }
}
