//! petgraph's `has_path_connecting` over edges overlay -> base, with its scratch space kept between
//! the questions, which is the faster way to call it.

use petgraph::algo::{DfsSpace, has_path_connecting};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::Visitable;

type Edges = DiGraph<(), ()>;

/// A graph to ask, without anything on its nodes and edges.
pub(crate) struct HasPath {
    graph: Edges,
    space: DfsSpace<NodeIndex, <Edges as Visitable>::Map>,
}

impl HasPath {
    /// The graph of `parents`, node numbers as there.
    pub(crate) fn of(parents: &[Option<usize>]) -> Self {
        let mut graph = DiGraph::with_capacity(parents.len(), parents.len());
        let nodes = parents.iter().map(|_| graph.add_node(())).collect::<Vec<_>>();
        for (disk, parent) in nodes.iter().zip(parents) {
            if let Some(parent) = parent.and_then(|parent| nodes.get(parent)) {
                graph.add_edge(*disk, *parent, ());
            }
        }
        let space = DfsSpace::new(&graph);
        Self { graph, space }
    }

    /// Whether `a` is above `b`.
    pub(crate) fn depends_on(&mut self, a: u32, b: u32) -> bool {
        let (a, b) = (NodeIndex::new(a as usize), NodeIndex::new(b as usize));
        a != b && has_path_connecting(&self.graph, a, b, Some(&mut self.space))
    }
}
