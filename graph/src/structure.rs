//! The structure for petgraph: the one file that names it.
//!
//! petgraph's `StableDiGraph` is a vector, which a version could only copy whole, and it removes an
//! edge by walking its siblings: 127 µs below a base of 100,000 overlays. So the edges are kept as lists
//! of our own ([`crate::links`]), and a version is made a `StableDiGraph` when somebody asks for it.
//! Cycles are found by petgraph, among the disks that may lie on one.

use petgraph::algo::kosaraju_scc;
use petgraph::stable_graph::{NodeIndex, StableDiGraph};

use crate::index::{SlotMap, SlotSet};
use crate::links::{Arc, Slots};

/// The graph as petgraph holds it: node weights are empty, an edge weight is the position of the
/// reference among [`crate::Disk::references`].
pub type Structure = StableDiGraph<(), u32, u32>;

impl Slots {
    /// petgraph's graph of this version. A node has the index of its slot: free ones are added and
    /// taken away again. O(slots + edges).
    pub(crate) fn to_petgraph(&self) -> Structure {
        let mut graph = Structure::with_capacity(self.bound() as usize, self.edge_count());
        for _ in 0..self.bound() {
            graph.add_node(());
        }
        for arc in self.arcs() {
            graph.add_edge(node(arc.from), node(arc.to), arc.position());
        }
        for slot in (0..self.bound()).filter(|slot| !self.is_live(*slot)) {
            graph.remove_node(node(slot));
        }
        graph
    }

    /// The strongly connected components of more than one slot, and the slots that need
    /// themselves, among `candidates` and over the edges that `keep` lets through. O(candidates
    /// and their edges), not recursive.
    pub(crate) fn cycles(&self, candidates: &[u32], keep: impl Fn(Arc) -> bool) -> Vec<Vec<u32>> {
        let mut graph = Structure::with_capacity(candidates.len(), candidates.len());
        let nodes: SlotMap<NodeIndex> =
            candidates.iter().map(|slot| (*slot, graph.add_node(()))).collect();
        let mut loops: Vec<u32> = Vec::new();
        for &slot in candidates {
            for arc in self.outgoing(slot).filter(|arc| keep(*arc)) {
                if let (Some(from), Some(to)) = (nodes.get(&slot), nodes.get(&arc.to)) {
                    graph.add_edge(*from, *to, 0);
                }
                if arc.to == slot && loops.last() != Some(&slot) {
                    loops.push(slot);
                }
            }
        }
        let components = kosaraju_scc(&graph).into_iter().filter(|component| component.len() > 1);
        let slots = |component: Vec<NodeIndex>| -> Vec<u32> {
            component.into_iter().map(|node| candidates[node.index()]).collect()
        };
        let cycles: Vec<Vec<u32>> = components.map(slots).collect();
        let longer: SlotSet = cycles.iter().flatten().copied().collect();
        loops.retain(|slot| !longer.contains(slot));
        cycles.into_iter().chain(loops.into_iter().map(|slot| vec![slot])).collect()
    }
}

fn node(slot: u32) -> NodeIndex<u32> {
    NodeIndex::from(slot)
}
