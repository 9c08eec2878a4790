//! Who refers to whom: the edges as lists that every version has at hand.
//!
//! Edges point from an overlay to what it needs. The lists are doubly linked where a disk is needed,
//! which makes every change O(1), also below a base of 100,000 overlays, and lie in pages that
//! versions share.
//!
//! A disk is needed through two lists: by its *children*, the edges of the forest that is labelled
//! (see [`crate::labels`]), and by *extra* edges, all others. Nearly every disk has one edge, its *step*,
//! and that is of the forest: so steps lie in the nodes, which a change writes in any case, and whatever
//! else there is lies apart.

mod all;
mod change;
mod read;

pub(crate) use all::NewEdge;

pub(crate) use crate::arc::{Arc, BACKING, CERTAIN, ENDS, STEP, all_traits, traits};
use crate::labels::NONE;
use crate::pages::{Paged, Pages};
use crate::sizes::cut;

/// One slot and its step. 24 bytes.
#[derive(Clone, Copy, Debug)]
struct Node {
    /// Where the step leads; [`NONE`] where there is none.
    to: u32,
    word: u32,
    /// The edges behind and before the step among those that lead there; of a free slot the next
    /// free one.
    next_in: u32,
    previous_in: u32,
    /// The first child.
    children: u32,
    /// Edges that surely lead here; [`FREE`] in a free slot.
    certain: u32,
}

/// Names an edge: a step by its origin, any other by its place among those and this bit.
const OTHER: u32 = 1 << 31;

/// The first of the edges that leave a slot besides its step, and of the extra edges that lead to it.
#[derive(Clone, Copy, Debug)]
struct Heads {
    out: u32,
    extras: u32,
}

pub(crate) const FREE: u32 = u32::MAX;

/// An edge that is no step. 24 bytes.
#[derive(Clone, Copy, Debug)]
struct Link {
    from: u32,
    to: u32,
    word: u32,
    next_in: u32,
    previous_in: u32,
    /// The next edge that leaves `from`; of a free edge the next free one.
    next_out: u32,
}

/// All slots and the edges between them.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    nodes: Pages<Node, { cut(256, 4) }>,
    heads: Pages<Heads, { cut(256, 4) }>,
    links: Pages<Link, { cut(256, 4) }>,
    /// One past the greatest slot that ever was.
    bound: u32,
    link_bound: u32,
    free: u32,
    free_link: u32,
    count: usize,
    edges: usize,
    extras: usize,
}

const NODE: Node =
    Node { to: NONE, word: 0, next_in: NONE, previous_in: NONE, children: NONE, certain: FREE };
const LINK: Link =
    Link { from: NONE, to: NONE, word: 0, next_in: NONE, previous_in: NONE, next_out: NONE };

impl Default for Slots {
    fn default() -> Self {
        Self {
            nodes: Pages::of(NODE),
            heads: Pages::of(Heads { out: NONE, extras: NONE }),
            links: Pages::of(LINK),
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
            self.free = node.next_in;
        }
        *node = Node { certain: 0, ..NODE };
        self.count += 1;
        slot
    }

    /// Gives back a slot that no edge leaves or reaches any more; for good, unless it is to be taken
    /// again.
    pub(crate) fn remove(&mut self, slot: u32, again: bool) {
        *self.nodes.at(slot) = Node { next_in: self.free, ..NODE };
        if again {
            self.free = slot;
        }
        self.count -= 1;
    }
}
