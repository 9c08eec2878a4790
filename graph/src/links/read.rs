//! Who needs whom, read from the lists.

use super::{Link, NONE, Node, OTHER, Slots};
use crate::arc::{Arc, ENDS, FOREST};

impl Slots {
    /// An edge, whichever sort it is of.
    pub(super) fn link(&self, edge: u32) -> Link {
        if edge & OTHER != 0 {
            return *self.links.get(edge & !OTHER);
        }
        let Node { to, word, next_in, previous_in, .. } = *self.nodes.get(edge);
        Link { from: edge, to, word, next_in, previous_in, next_out: NONE }
    }

    fn arc(&self, from: u32, to: u32, word: u32) -> Arc {
        // Where nothing follows there is nothing to end: the usual raw base under an overlay that
        // declares it raw is then as cheap as any other.
        Arc { from, to, word, ends: word & ENDS != 0 && self.has_outgoing(to) }
    }

    /// The edges from `first` on, of which each tells the next.
    fn list(&self, first: u32, next: impl Fn(&Link) -> u32) -> impl Iterator<Item = Arc> {
        let mut at = first;
        std::iter::from_fn(move || {
            let link = (at != NONE).then(|| self.link(at))?;
            at = next(&link);
            Some(self.arc(link.from, link.to, link.word))
        })
    }

    /// What `from` needs; the step comes first, the others in no particular order.
    pub(crate) fn outgoing(&self, from: u32) -> impl Iterator<Item = Arc> + '_ {
        let other = |at: u32| if at == NONE { NONE } else { at | OTHER };
        let others = self.list(other(self.heads.get(from).out), move |link| other(link.next_out));
        self.step(from).into_iter().chain(others)
    }

    /// Who needs `to`, directly.
    pub(crate) fn incoming(&self, to: u32) -> impl Iterator<Item = Arc> + '_ {
        self.children(to).chain(self.extras_into(to))
    }

    /// The edges of the forest that lead to `to`.
    pub(crate) fn children(&self, to: u32) -> impl Iterator<Item = Arc> + '_ {
        self.list(self.nodes.get(to).children, |link| link.next_in)
    }

    /// The edges outside the forest that lead to `to`.
    pub(crate) fn extras_into(&self, to: u32) -> impl Iterator<Item = Arc> + '_ {
        self.list(self.heads.get(to).extras, |link| link.next_in)
    }

    /// The first child in the forest.
    pub(crate) fn first_child(&self, to: u32) -> Option<u32> {
        some(self.nodes.get(to).children)
    }

    /// The next child of the same parent.
    pub(crate) fn next_sibling(&self, child: u32) -> Option<u32> {
        some(self.nodes.get(child).next_in)
    }

    /// Where the chain of `from` goes on, whether the forest holds that edge or not. O(1).
    pub(crate) fn step(&self, from: u32) -> Option<Arc> {
        let Node { to, word, .. } = *self.nodes.get(from);
        (to != NONE).then(|| self.arc(from, to, word))
    }

    /// The disk that `from` needs first, as far as the forest goes. O(1).
    #[inline]
    pub(crate) fn parent(&self, from: u32) -> Option<u32> {
        let Node { to, word, .. } = *self.nodes.get(from);
        (word & FOREST != 0).then_some(to)
    }

    /// Whether an edge outside the forest leaves `from`. O(1).
    pub(crate) fn has_exit(&self, from: u32) -> bool {
        let Node { to, word, .. } = *self.nodes.get(from);
        (to != NONE && word & FOREST == 0) || self.heads.get(from).out != NONE
    }

    /// Whether an edge outside the forest leads to `to`. O(1).
    pub(crate) fn has_extras_into(&self, to: u32) -> bool {
        self.heads.get(to).extras != NONE
    }

    /// Whether anybody needs `to`. O(1).
    pub(crate) fn has_incoming(&self, to: u32) -> bool {
        self.nodes.get(to).children != NONE || self.has_extras_into(to)
    }

    /// Whether anybody surely needs `to`. O(1).
    pub(crate) fn is_surely_needed(&self, to: u32) -> bool {
        self.nodes.get(to).certain > 0
    }

    /// Whether `from` needs anything. O(1).
    pub(crate) fn has_outgoing(&self, from: u32) -> bool {
        self.nodes.get(from).to != NONE || self.heads.get(from).out != NONE
    }

    /// The live slots in ascending order.
    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.bound).filter(|slot| self.is_live(*slot))
    }

    /// Every edge, by the slots of the origins.
    pub(crate) fn arcs(&self) -> impl Iterator<Item = Arc> + '_ {
        self.slots().flat_map(|slot| self.outgoing(slot))
    }
}

fn some(slot: u32) -> Option<u32> {
    (slot != NONE).then_some(slot)
}
