//! Edges that come and go, each in O(1).

use super::{LINK, Link, NONE, Node, OTHER, Slots};
use crate::arc::{BACKING, CERTAIN, FOREST, POSITION, STEP};
use crate::pages::Paged;

impl Slots {
    /// A slot like [`Slots::add`]'s, with a step of the forest to `parent`, or none. O(1).
    pub(crate) fn add_leaf(&mut self, parent: u32) -> u32 {
        let slot = self.add();
        if parent == NONE {
            return slot;
        }
        self.edges += 1;
        let above = self.nodes.at(parent);
        above.certain += 1;
        let next_in = std::mem::replace(&mut above.children, slot);
        if next_in != NONE {
            self.nodes.at(next_in).previous_in = slot;
        }
        let node = self.nodes.at(slot);
        (node.to, node.word, node.next_in) = (parent, BACKING | CERTAIN | STEP | FOREST, next_in);
        slot
    }

    /// Adds an edge that leaves `from`, which has no step yet if this is one. In the forest only if it
    /// is `from`'s step and closes no cycle. O(1).
    pub(crate) fn connect(
        &mut self,
        from: u32,
        to: u32,
        position: u32,
        traits: u32,
        in_forest: bool,
    ) {
        let word = position & POSITION | traits | if in_forest { FOREST } else { 0 };
        let edge = if word & STEP != 0 {
            let node = self.nodes.at(from);
            (node.to, node.word) = (to, word);
            from
        } else {
            let next_out = self.heads.get(from).out;
            let at = self.take_link(Link { from, to, word, next_out, ..LINK });
            self.heads.at(from).out = at;
            at | OTHER
        };
        self.edges += 1;
        let node = self.nodes.at(to);
        node.certain += u32::from(traits & CERTAIN != 0);
        self.enlist(edge, to, in_forest);
    }

    fn take_link(&mut self, link: Link) -> u32 {
        let at = if self.free_link == NONE { self.link_bound } else { self.free_link };
        let place = self.links.at(at);
        if self.free_link == NONE {
            self.link_bound += 1;
        } else {
            self.free_link = place.next_out;
        }
        *place = link;
        at
    }

    /// Takes away every edge that leaves `from`; says where each led, and whether it was in the
    /// forest. O(edges taken).
    pub(crate) fn disconnect(&mut self, from: u32, mut leave: impl FnMut(u32, bool)) {
        let Node { to, word, .. } = *self.nodes.get(from);
        if to != NONE {
            self.leave(from, to, word);
            let node = self.nodes.at(from);
            (node.to, node.word) = (NONE, 0);
            leave(to, word & FOREST != 0);
        }
        let mut at = self.heads.get(from).out;
        if at != NONE {
            self.heads.at(from).out = NONE;
        }
        while at != NONE {
            let Link { to, word, next_out, .. } = *self.links.get(at);
            self.leave(at | OTHER, to, word);
            self.links.at(at).next_out = self.free_link;
            self.free_link = at;
            leave(to, false);
            at = next_out;
        }
    }

    fn leave(&mut self, edge: u32, to: u32, word: u32) {
        self.delist(edge);
        self.edges -= 1;
        if word & CERTAIN != 0 {
            self.nodes.at(to).certain -= 1;
        }
    }

    /// Takes the step of `from` into the forest, or out of it. O(1).
    pub(crate) fn set_in_forest(&mut self, from: u32, in_forest: bool) {
        let Node { to, word, .. } = *self.nodes.get(from);
        if to == NONE || (word & FOREST != 0) == in_forest {
            return;
        }
        self.delist(from);
        self.nodes.at(from).word ^= FOREST;
        self.enlist(from, to, in_forest);
    }

    /// The edges behind and before one among those that lead to the same target.
    fn neighbours(&mut self, edge: u32) -> (&mut u32, &mut u32) {
        if edge & OTHER == 0 {
            let node = self.nodes.at(edge);
            (&mut node.next_in, &mut node.previous_in)
        } else {
            let link = self.links.at(edge & !OTHER);
            (&mut link.next_in, &mut link.previous_in)
        }
    }

    /// The first edge of one of the lists of those that lead to `to`.
    fn first(&mut self, to: u32, in_forest: bool) -> &mut u32 {
        if in_forest { &mut self.nodes.at(to).children } else { &mut self.heads.at(to).extras }
    }

    fn enlist(&mut self, edge: u32, to: u32, in_forest: bool) {
        self.extras += usize::from(!in_forest);
        let next = std::mem::replace(self.first(to, in_forest), edge);
        let (own_next, own_previous) = self.neighbours(edge);
        (*own_next, *own_previous) = (next, NONE);
        if next != NONE {
            *self.neighbours(next).1 = edge;
        }
    }

    fn delist(&mut self, edge: u32) {
        let Link { to, word, next_in, previous_in, .. } = self.link(edge);
        self.extras -= usize::from(word & FOREST == 0);
        if next_in != NONE {
            *self.neighbours(next_in).1 = previous_in;
        }
        if previous_in != NONE {
            *self.neighbours(previous_in).0 = next_in;
        } else {
            *self.first(to, word & FOREST != 0) = next_in;
        }
    }
}
