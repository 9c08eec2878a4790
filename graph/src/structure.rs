//! The structure: petgraph's `StableDiGraph`, and the one file that names it.
//!
//! Edges point from an overlay to what it needs. A node's index is the slot of its disk; an edge
//! carries the position of its reference among the overlay's references.

use petgraph::Direction::{Incoming, Outgoing};
use petgraph::algo::kosaraju_scc;
use petgraph::stable_graph::{NodeIndex, StableDiGraph};
use petgraph::visit::{EdgeFiltered, EdgeRef, IntoEdgeReferences};

/// The graph as petgraph holds it: node weights are empty, an edge weight is the position of the
/// reference among [`crate::Disk::references`].
pub type Structure = StableDiGraph<(), u32, u32>;

/// One edge, by slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arc {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) position: u32,
}

/// [`Structure`], spoken to in slots.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slots {
    inner: Structure,
}

impl Slots {
    pub(crate) fn as_petgraph(&self) -> &Structure {
        &self.inner
    }

    /// Number of live slots.
    pub(crate) fn len(&self) -> usize {
        self.inner.node_count()
    }

    pub(crate) fn edge_count(&self) -> usize {
        self.inner.edge_count()
    }

    /// Room for so many disks and as many edges. petgraph takes that only at the beginning.
    pub(crate) fn reserve(&mut self, disks: usize) {
        if self.inner.node_count() == 0 {
            self.inner = Structure::with_capacity(disks, disks);
        }
    }

    /// A fresh slot; petgraph hands out freed ones again.
    pub(crate) fn add(&mut self) -> u32 {
        slot(self.inner.add_node(()))
    }

    pub(crate) fn remove(&mut self, at: u32) {
        self.inner.remove_node(NodeIndex::new(at as usize));
    }

    pub(crate) fn connect(&mut self, from: u32, to: u32, position: u32) {
        self.inner.add_edge(NodeIndex::new(from as usize), NodeIndex::new(to as usize), position);
    }

    /// Takes away every edge that leaves `from`. O(the incoming edges of the targets): petgraph
    /// unlinks an edge by walking its siblings.
    pub(crate) fn disconnect(&mut self, from: u32) {
        let node = NodeIndex::new(from as usize);
        let edges: Vec<_> =
            self.inner.edges_directed(node, Outgoing).map(|edge| edge.id()).collect();
        for edge in edges {
            self.inner.remove_edge(edge);
        }
    }

    /// What `from` needs.
    pub(crate) fn outgoing(&self, from: u32) -> impl Iterator<Item = Arc> + '_ {
        self.inner.edges_directed(NodeIndex::new(from as usize), Outgoing).map(arc)
    }

    /// Who needs `to`, directly.
    pub(crate) fn incoming(&self, to: u32) -> impl Iterator<Item = Arc> + '_ {
        self.inner.edges_directed(NodeIndex::new(to as usize), Incoming).map(arc)
    }

    pub(crate) fn has_incoming(&self, to: u32) -> bool {
        self.incoming(to).next().is_some()
    }

    /// The live slots in ascending order.
    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        self.inner.node_indices().map(slot)
    }

    pub(crate) fn arcs(&self) -> impl Iterator<Item = Arc> + '_ {
        self.inner.edge_references().map(arc)
    }

    /// The strongly connected components of more than one slot, and the slots that need
    /// themselves, over the edges that `keep` lets through. O(slots + edges), not recursive.
    pub(crate) fn cycles(&self, keep: impl Fn(Arc) -> bool) -> Vec<Vec<u32>> {
        let filtered = EdgeFiltered::from_fn(&self.inner, |edge| keep(arc(edge)));
        kosaraju_scc(&filtered)
            .into_iter()
            .filter(|component| match component.as_slice() {
                [one] => self.inner.edges_connecting(*one, *one).any(|edge| keep(arc(edge))),
                _ => true,
            })
            .map(|component| component.into_iter().map(slot).collect())
            .collect()
    }
}

fn slot(node: NodeIndex<u32>) -> u32 {
    // NodeIndex<u32> holds a u32 and hands it out as usize.
    u32::try_from(node.index()).unwrap_or(u32::MAX)
}

fn arc<'a>(edge: impl EdgeRef<NodeId = NodeIndex<u32>, Weight = u32> + 'a) -> Arc {
    Arc { from: slot(edge.source()), to: slot(edge.target()), position: *edge.weight() }
}
