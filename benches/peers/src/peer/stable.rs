//! petgraph's `StableDiGraph` alone, kept current by hand: no labels, no paths, no doubts.

use crate::Result;
use crate::leaves::Leaves;
use petgraph::stable_graph::{NodeIndex, StableDiGraph};

/// A graph whose leaves come and go.
pub(crate) struct Stable {
    graph: StableDiGraph<(), u32, u32>,
    nodes: Vec<NodeIndex<u32>>,
}

impl Stable {
    /// The graph of `parents`, each disk with an edge to its parent.
    pub(crate) fn of(parents: &[Option<usize>]) -> Self {
        let mut graph = StableDiGraph::with_capacity(parents.len() + 1, parents.len() + 1);
        let nodes = parents.iter().map(|_| graph.add_node(())).collect::<Vec<_>>();
        for (disk, parent) in nodes.iter().zip(parents) {
            if let Some(parent) = parent.and_then(|parent| nodes.get(parent)) {
                graph.add_edge(*disk, *parent, 0);
            }
        }
        Self { graph, nodes }
    }
}

impl Leaves for Stable {
    fn has(&self, leaf: usize) -> bool {
        self.nodes.get(leaf).is_some_and(|node| self.graph.contains_node(*node))
    }

    fn add(&mut self, leaf: usize, on: usize) -> Result<()> {
        let on = *self.nodes.get(on).ok_or("no such disk")?;
        let node = self.graph.add_node(());
        self.graph.add_edge(node, on, 0);
        match self.nodes.get_mut(leaf) {
            Some(place) => *place = node,
            None => self.nodes.push(node),
        }
        Ok(())
    }

    fn remove(&mut self, leaf: usize) -> Result<()> {
        let node = self.nodes.get(leaf).ok_or("no such disk")?;
        self.graph.remove_node(*node).ok_or("the leaf is not there")?;
        Ok(())
    }
}
