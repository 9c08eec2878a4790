//! The structure: petgraph's `StableDiGraph`, and the one file that names it.
//!
//! Edges point from an overlay to what it needs. A node's index is the slot of its disk; an edge
//! carries the position of its reference among the overlay's references.
//!
//! petgraph removes an edge by walking its siblings, so that to take a star of n disks apart one
//! by one costs n²/2 steps. A batch may spend as many steps as the graph is big; from there on it
//! only marks what goes, and [`Slots::settle`] takes all of that out in one pass.

use petgraph::Direction::{Incoming, Outgoing};
use petgraph::algo::kosaraju_scc;
use petgraph::stable_graph::{EdgeIndex, NodeIndex, StableDiGraph};
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

/// The position of an edge that waits to be taken out.
const DEAD: u32 = u32::MAX;

/// What a batch may walk among siblings whatever the size of the graph.
const FREE_STEPS: usize = 4096;

/// [`Structure`], spoken to in slots.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slots {
    inner: Structure,
    /// Per slot: the number of edges that lead there.
    incoming: Vec<u32>,
    /// Siblings walked by this batch.
    steps: usize,
    /// Some edge is marked [`DEAD`].
    unsettled: bool,
    /// Slots given back while edges were marked.
    leaving: Vec<u32>,
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
        let slot = slot(self.inner.add_node(()));
        if slot as usize >= self.incoming.len() {
            self.incoming.resize(slot as usize + 1, 0);
        }
        slot
    }

    /// Gives back a slot that no edge leaves or reaches any more.
    pub(crate) fn remove(&mut self, at: u32) {
        if self.unsettled {
            self.leaving.push(at);
        } else {
            self.inner.remove_node(node(at));
        }
    }

    pub(crate) fn connect(&mut self, from: u32, to: u32, position: u32) {
        self.inner.add_edge(node(from), node(to), position);
        self.incoming[to as usize] += 1;
    }

    /// Takes away every edge that leaves `from`.
    pub(crate) fn disconnect(&mut self, from: u32) {
        let edges: Vec<(EdgeIndex<u32>, u32)> = self
            .inner
            .edges_directed(node(from), Outgoing)
            .filter(|edge| *edge.weight() != DEAD)
            .map(|edge| (edge.id(), slot(edge.target())))
            .collect();
        let affordable = FREE_STEPS + self.inner.node_count() + self.inner.edge_count();
        for (edge, to) in edges {
            let siblings = &mut self.incoming[to as usize];
            self.steps += *siblings as usize;
            *siblings -= 1;
            if self.unsettled || self.steps > affordable {
                self.inner[edge] = DEAD;
                self.unsettled = true;
            } else {
                self.inner.remove_edge(edge);
            }
        }
    }

    /// Ends a batch: takes out what was only marked. Slots keep their numbers.
    pub(crate) fn settle(&mut self) {
        self.steps = 0;
        if !self.unsettled {
            return;
        }
        let mut stays = vec![true; self.incoming.len()];
        for leaving in self.leaving.drain(..) {
            stays[leaving as usize] = false;
        }
        self.inner = self.inner.filter_map(
            |node, ()| stays[node.index()].then_some(()),
            |_, position| (*position != DEAD).then_some(*position),
        );
        self.unsettled = false;
    }

    /// What `from` needs.
    pub(crate) fn outgoing(&self, from: u32) -> impl Iterator<Item = Arc> + '_ {
        self.inner.edges_directed(node(from), Outgoing).map(arc).filter(is_alive)
    }

    /// Who needs `to`, directly.
    pub(crate) fn incoming(&self, to: u32) -> impl Iterator<Item = Arc> + '_ {
        self.inner.edges_directed(node(to), Incoming).map(arc).filter(is_alive)
    }

    /// Whether anybody needs `to`. O(1).
    pub(crate) fn has_incoming(&self, to: u32) -> bool {
        self.incoming[to as usize] > 0
    }

    /// Whether `from` needs anything. O(1) but while a batch is being applied.
    pub(crate) fn has_outgoing(&self, from: u32) -> bool {
        self.outgoing(from).next().is_some()
    }

    /// The live slots in ascending order.
    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        self.inner.node_indices().map(slot)
    }

    pub(crate) fn arcs(&self) -> impl Iterator<Item = Arc> + '_ {
        self.inner.edge_references().map(arc).filter(is_alive)
    }

    /// The strongly connected components of more than one slot, and the slots that need
    /// themselves, over the edges that `keep` lets through. O(slots + edges), not recursive.
    pub(crate) fn cycles(&self, keep: impl Fn(Arc) -> bool) -> Vec<Vec<u32>> {
        let filtered = EdgeFiltered::from_fn(&self.inner, |edge| keep(arc(edge)));
        kosaraju_scc(&filtered)
            .into_iter()
            .filter(|component| match component.as_slice() {
                [one] => self.outgoing(slot(*one)).any(|arc| arc.to == arc.from && keep(arc)),
                _ => true,
            })
            .map(|component| component.into_iter().map(slot).collect())
            .collect()
    }
}

fn is_alive(arc: &Arc) -> bool {
    arc.position != DEAD
}

fn node(slot: u32) -> NodeIndex<u32> {
    NodeIndex::from(slot)
}

fn slot(node: NodeIndex<u32>) -> u32 {
    // NodeIndex<u32> holds a u32 and hands it out as usize.
    u32::try_from(node.index()).unwrap_or(u32::MAX)
}

fn arc<'a>(edge: impl EdgeRef<NodeId = NodeIndex<u32>, Weight = u32> + 'a) -> Arc {
    Arc { from: slot(edge.source()), to: slot(edge.target()), position: *edge.weight() }
}
