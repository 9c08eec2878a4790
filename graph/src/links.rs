//! Who refers to whom: the edges as lists that every version has at hand.
//!
//! Edges point from an overlay to what it needs. The lists are doubly linked where a disk is needed,
//! which makes every change O(1), also below a base of 100,000 overlays, and lie in pages that
//! versions share.
//!
//! A disk is needed through two lists: by its *children*, the edges of the forest that is labelled
//! (see [`crate::labels`]), and by *extra* edges, all others.

pub(crate) use crate::arc::{Arc, BACKING, CERTAIN, ENDS, STEP};
use crate::arc::{FOREST, POSITION};
use crate::labels::NONE;
use crate::pages::Pages;

/// One slot. 16 bytes.
#[derive(Clone, Copy, Debug)]
struct Node {
    /// The first edge of each of its lists.
    out: u32,
    children: u32,
    extras: u32,
    /// Edges that surely lead here; [`FREE`] in a free slot, whose `out` is the next free one.
    certain: u32,
}

pub(crate) const FREE: u32 = u32::MAX;

/// One edge, in the list of its origin and in one of its target's. 24 bytes.
#[derive(Clone, Copy, Debug)]
struct Link {
    from: u32,
    to: u32,
    /// The next edge that leaves `from`; of a free edge the next free one.
    next_out: u32,
    next_in: u32,
    previous_in: u32,
    word: u32,
}

/// All slots and the edges between them.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    nodes: Pages<Node, 256>,
    links: Pages<Link, 256>,
    /// One past the greatest slot that ever was.
    bound: u32,
    link_bound: u32,
    free: u32,
    free_link: u32,
    count: usize,
    edges: usize,
    extras: usize,
}

impl Default for Slots {
    fn default() -> Self {
        let node = Node { out: NONE, children: NONE, extras: NONE, certain: FREE };
        let link = Link {
            from: NONE,
            to: NONE,
            next_out: NONE,
            next_in: NONE,
            previous_in: NONE,
            word: 0,
        };
        Self {
            nodes: Pages::of(node),
            links: Pages::of(link),
            bound: 0,
            link_bound: 0,
            free: NONE,
            free_link: NONE,
            count: 0,
            edges: 0,
            extras: 0,
        }
    }
}

impl Slots {
    /// Whether a slot is taken.
    pub(crate) fn is_live(&self, slot: u32) -> bool {
        self.nodes.get(slot).certain != FREE
    }

    /// Number of live slots.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// One past the greatest slot that ever was.
    pub(crate) fn bound(&self) -> u32 {
        self.bound
    }

    pub(crate) fn edge_count(&self) -> usize {
        self.edges
    }

    /// Whether there are edges outside the forest.
    pub(crate) fn has_extras(&self) -> bool {
        self.extras > 0
    }

    /// A fresh slot, or one that was given back.
    pub(crate) fn add(&mut self) -> u32 {
        let slot = if self.free == NONE { self.bound } else { self.free };
        let node = self.nodes.at(slot);
        if self.free == NONE {
            self.bound += 1;
        } else {
            self.free = node.out;
        }
        *node = Node { out: NONE, children: NONE, extras: NONE, certain: 0 };
        self.count += 1;
        slot
    }

    /// Gives back a slot that no edge leaves or reaches any more; for good, unless it is to be taken
    /// again.
    pub(crate) fn remove(&mut self, slot: u32, again: bool) {
        *self.nodes.at(slot) = Node { out: self.free, children: NONE, extras: NONE, certain: FREE };
        if again {
            self.free = slot;
        }
        self.count -= 1;
    }

    /// Puts an edge before the others that leave `from`. In the forest only if it is `from`'s step
    /// and closes no cycle. O(1).
    pub(crate) fn connect(
        &mut self,
        from: u32,
        to: u32,
        position: u32,
        traits: u32,
        in_forest: bool,
    ) {
        let word = position & POSITION | traits | if in_forest { FOREST } else { 0 };
        let at = if self.free_link == NONE { self.link_bound } else { self.free_link };
        let node = self.nodes.at(from);
        let next_out = std::mem::replace(&mut node.out, at);
        let link = self.links.at(at);
        if self.free_link == NONE {
            self.link_bound += 1;
        } else {
            self.free_link = link.next_out;
        }
        *link = Link { from, to, next_out, next_in: NONE, previous_in: NONE, word };
        self.edges += 1;
        let node = self.nodes.at(to);
        node.certain += u32::from(traits & CERTAIN != 0);
        self.enlist(at, to, in_forest);
    }

    /// Takes away every edge that leaves `from`; says where each led, and whether it was in the
    /// forest. O(edges taken).
    pub(crate) fn disconnect(&mut self, from: u32, mut leave: impl FnMut(u32, bool)) {
        let mut at = std::mem::replace(&mut self.nodes.at(from).out, NONE);
        while at != NONE {
            let Link { to, next_out, word, .. } = *self.links.get(at);
            self.delist(at);
            if word & CERTAIN != 0 {
                self.nodes.at(to).certain -= 1;
            }
            self.links.at(at).next_out = self.free_link;
            self.free_link = at;
            self.edges -= 1;
            leave(to, word & FOREST != 0);
            at = next_out;
        }
    }

    /// Takes the step of `from` into the forest, or out of it. O(1).
    pub(crate) fn set_in_forest(&mut self, from: u32, in_forest: bool) {
        let at = self.nodes.get(from).out;
        if at == NONE || (self.links.get(at).word & FOREST != 0) == in_forest {
            return;
        }
        self.delist(at);
        let link = self.links.at(at);
        link.word ^= FOREST;
        let to = link.to;
        self.enlist(at, to, in_forest);
    }

    fn enlist(&mut self, at: u32, to: u32, in_forest: bool) {
        self.extras += usize::from(!in_forest);
        let node = self.nodes.at(to);
        let first = if in_forest { &mut node.children } else { &mut node.extras };
        let next = std::mem::replace(first, at);
        let link = self.links.at(at);
        (link.next_in, link.previous_in) = (next, NONE);
        if next != NONE {
            self.links.at(next).previous_in = at;
        }
    }

    fn delist(&mut self, at: u32) {
        let Link { to, next_in, previous_in, word, .. } = *self.links.get(at);
        self.extras -= usize::from(word & FOREST == 0);
        if next_in != NONE {
            self.links.at(next_in).previous_in = previous_in;
        }
        if previous_in != NONE {
            self.links.at(previous_in).next_in = next_in;
        } else if word & FOREST != 0 {
            self.nodes.at(to).children = next_in;
        } else {
            self.nodes.at(to).extras = next_in;
        }
    }

    fn arc(&self, link: &Link) -> Arc {
        let Link { from, to, word, .. } = *link;
        // Where nothing follows there is nothing to end: the usual raw base under an overlay that
        // declares it raw is then as cheap as any other.
        Arc { from, to, word, ends: word & ENDS != 0 && self.has_outgoing(to) }
    }

    fn list(&self, first: u32, next: impl Fn(&Link) -> u32) -> impl Iterator<Item = Arc> {
        let mut at = first;
        std::iter::from_fn(move || {
            let link = (at != NONE).then(|| self.links.get(at))?;
            at = next(link);
            Some(self.arc(link))
        })
    }

    /// What `from` needs; the step comes first, the others in no particular order.
    pub(crate) fn outgoing(&self, from: u32) -> impl Iterator<Item = Arc> + '_ {
        self.list(self.nodes.get(from).out, |link| link.next_out)
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
        self.list(self.nodes.get(to).extras, |link| link.next_in)
    }

    /// The first child in the forest.
    pub(crate) fn first_child(&self, to: u32) -> Option<u32> {
        self.links_from(self.nodes.get(to).children)
    }

    /// The next child of the same parent.
    pub(crate) fn next_sibling(&self, child: u32) -> Option<u32> {
        let step = self.nodes.get(child).out;
        self.links_from(self.links.get(step).next_in)
    }

    fn links_from(&self, at: u32) -> Option<u32> {
        (at != NONE).then(|| self.links.get(at).from)
    }

    /// Where the chain of `from` goes on, whether the forest holds that edge or not. O(1).
    pub(crate) fn step(&self, from: u32) -> Option<Arc> {
        let at = self.nodes.get(from).out;
        let link = (at != NONE).then(|| self.links.get(at))?;
        (link.word & STEP != 0).then(|| self.arc(link))
    }

    /// The disk that `from` needs first, as far as the forest goes. O(1).
    #[inline]
    pub(crate) fn parent(&self, from: u32) -> Option<u32> {
        let at = self.nodes.get(from).out;
        let link = (at != NONE).then(|| self.links.get(at))?;
        (link.word & FOREST != 0).then_some(link.to)
    }

    /// Whether an edge outside the forest leaves `from`. O(1).
    pub(crate) fn has_exit(&self, from: u32) -> bool {
        let at = self.nodes.get(from).out;
        at != NONE && {
            let first = self.links.get(at);
            first.word & FOREST == 0 || first.next_out != NONE
        }
    }

    /// Whether an edge outside the forest leads to `to`. O(1).
    pub(crate) fn has_extras_into(&self, to: u32) -> bool {
        self.nodes.get(to).extras != NONE
    }

    /// Whether anybody needs `to`. O(1).
    pub(crate) fn has_incoming(&self, to: u32) -> bool {
        let node = self.nodes.get(to);
        node.children != NONE || node.extras != NONE
    }

    /// Whether anybody surely needs `to`. O(1).
    pub(crate) fn is_surely_needed(&self, to: u32) -> bool {
        self.nodes.get(to).certain > 0
    }

    /// Whether `from` needs anything. O(1).
    pub(crate) fn has_outgoing(&self, from: u32) -> bool {
        self.nodes.get(from).out != NONE
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
