//! A graph built from records, without a file, and asked.

use crate::{Result, fleet};
use diskdag_graph::{DiskId, Graph};

/// The graph of a fleet and the id of each disk by its number.
pub(crate) struct Asked {
    graph: Graph,
    ids: Vec<DiskId>,
}

impl Asked {
    /// The graph in which each disk stands on its parent.
    pub(crate) fn of(parents: &[Option<usize>]) -> Result<Self> {
        let (graph, ids) = fleet::graph(parents)?;
        Ok(Self { graph, ids })
    }

    /// The questions in the graph's own words.
    pub(crate) fn ids(&self, pairs: &[(u32, u32)]) -> Result<Vec<(DiskId, DiskId)>> {
        let id = |disk: u32| self.ids.get(disk as usize).copied().ok_or("no such disk");
        pairs.iter().map(|(a, b)| Ok((id(*a)?, id(*b)?))).collect()
    }

    /// Whether the first depends on the second; every answer here is known.
    pub(crate) fn depends_on(&self, (a, b): (DiskId, DiskId)) -> bool {
        self.graph.depends_on(a, b).is_yes()
    }
}
