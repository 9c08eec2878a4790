//! petgraph's `StableDiGraph` alone, kept current by hand: no labels, no paths, no doubts.

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

    /// Adds a leaf on a disk, and takes it away again.
    pub(crate) fn come_and_go(&mut self, parent: usize) {
        let Some(parent) = self.nodes.get(parent) else { return };
        let leaf = self.graph.add_node(());
        self.graph.add_edge(leaf, *parent, 0);
        self.graph.remove_node(leaf);
    }

    /// Takes a leaf away and puts it back on its parent.
    pub(crate) fn go_and_come(&mut self, leaf: usize, parent: usize) {
        let (Some(old), Some(parent)) =
            (self.nodes.get(leaf).copied(), self.nodes.get(parent).copied())
        else {
            return;
        };
        self.graph.remove_node(old);
        let new = self.graph.add_node(());
        self.graph.add_edge(new, parent, 0);
        if let Some(node) = self.nodes.get_mut(leaf) {
            *node = new;
        }
    }
}
