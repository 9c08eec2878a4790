//! All slots and edges of a graph that is made at once.

use super::{NODE, NONE, Node, Slots};
use crate::arc::{CERTAIN, ENDS, FOREST, POSITION, STEP};
use crate::pages::Paged;

/// An edge of slots that are made at once: to whom it leads, and its traits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewEdge<T> {
    pub(crate) to: T,
    pub(crate) traits: u32,
}

impl Slots {
    /// Slots from 0 on, each with so many of these edges, which lead to slots too. A step that may be of the forest
    /// is, also where it closes a cycle. O(slots + edges).
    pub(crate) fn of(counts: &[u32], edges: &[NewEdge<u32>]) -> Self {
        let mut nodes = vec![Node { certain: 0, ..NODE }; counts.len()];
        // What is not of the forest: few edges.
        let mut others = Vec::new();
        let mut rest = edges;
        for (count, from) in counts.iter().zip(0..) {
            let own;
            (own, rest) = rest.split_at(*count as usize);
            for (&NewEdge { to, traits }, position) in own.iter().zip(0..) {
                if traits & (STEP | CERTAIN | ENDS) != STEP | CERTAIN || to == from {
                    others.push((from, to, position, traits));
                    continue;
                }
                let target = &mut nodes[to as usize];
                target.certain += 1;
                let next_in = std::mem::replace(&mut target.children, from);
                if next_in != NONE {
                    nodes[next_in as usize].previous_in = from;
                }
                let node = &mut nodes[from as usize];
                (node.to, node.word) = (to, position & POSITION | traits | FOREST);
                node.next_in = next_in;
            }
        }
        let mut slots = Self { count: counts.len(), ..Self::default() };
        slots.bound = u32::try_from(counts.len()).unwrap_or(NONE);
        slots.edges = edges.len() - others.len();
        slots.nodes.fill(nodes.into_iter());
        for (from, to, position, traits) in others {
            slots.connect(from, to, position, traits, false);
        }
        slots
    }
}
