//! Labels: what makes a relation a comparison of two numbers.
//!
//! Nearly every disk needs at most one other, so the graph is nearly a forest. The labels are made
//! in two layers:
//!
//! 1. **A spanning forest.** Every disk has at most one *parent*: the target of its first backing
//!    edge, if that is certain and does not end the chain. One edge of each cycle is left out. The
//!    disks stand in preorder in a list ([`order`]) whose places have numbers with gaps, so that
//!    what is above `x` (all that depend on it through the forest) has exactly the numbers between
//!    its two own, and is one stretch of the list.
//! 2. **Extra edges**, everything that is not in the forest: data files, second paths, possible
//!    edges, edges that end a chain, the edges left out of cycles. Their targets are marked in the
//!    list, so that those which lead to `x` or to anything above it are found without looking at
//!    the others; each adds the numbers of its origin to what is above `x`.
//!
//! `a` depends on `b` when b's interval holds a, or one that an extra edge adds to it does. A
//! disk whose chain meets no extra edge carries no [`EXTRA`] flag, and for it the answer is two
//! reads and two comparisons, whatever the depth.
//!
//! A batch of changes is worked into the labels ([`place`], [`flags`], [`depths`]) at the cost of
//! what changed: a disk that appears or goes is one insertion into the list or one removal from it;
//! where a disk is re-pointed those above it move along, or else what lies between them and their
//! new place, whichever is less. Only when a batch brings more disks than there were are the labels
//! made anew, in O(disks + edges) ([`bulk`]).

mod above;
mod bulk;
mod depths;
mod flags;
mod order;
mod place;
mod ranges;
mod recs;
#[cfg(any(test, fuzzing))]
mod sound;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub(crate) use above::Above;
pub(crate) use order::{Run, Spot};
pub(crate) use place::{Changed, Moved};
pub(crate) use recs::{LAST, LAST_GENERATION, Label, Recs};

use crate::DiskId;
use crate::labels::order::Order;
use crate::links::{Arc, Slots};
use crate::pages::Pages;
use crate::sizes::cut;

/// Stands for "no slot".
pub(crate) const NONE: u32 = u32::MAX;

/// What is said of a disk, and what follows from its chain.
pub(crate) type Flags = u16;

/// Some disk on this one's chain, itself included, has an edge outside the forest.
pub(crate) const EXTRA: Flags = 1;
/// This one's chain leads to a disk whose own needs are not known.
pub(crate) const DOUBTFUL: Flags = 2;
/// This one's chain leads to a reference behind which there is nothing.
pub(crate) const MISSING: Flags = 4;
/// The flags without which a "no" from the forest is a "no".
pub(crate) const NOT_PLAIN: Flags = EXTRA | DOUBTFUL | MISSING;
/// This one's own needs are not known.
pub(crate) const SELF_DOUBTFUL: Flags = 8;
/// This one is itself not there.
pub(crate) const SELF_MISSING: Flags = 16;
/// It has two entries in the list.
pub(crate) const PAIR: Flags = 32;
/// It has a place in the list.
pub(crate) const PLACED: Flags = 64;
/// An edge outside the forest leads to it, which its entry in the list says too.
pub(crate) const TARGET: Flags = 128;
/// Nobody has inserted it, or it was removed; it stays for those that need it.
pub(crate) const PLACEHOLDER: Flags = 256;
/// It is not there and has references all the same.
pub(crate) const MISSING_WITH_NEEDS: Flags = 512;
/// Its edges were replaced by the batch that is being worked in.
pub(crate) const EDITED: Flags = 1024;
/// It goes at the end of that batch.
pub(crate) const LEAVING: Flags = 2048;
/// It was removed, and what was known of it is still there in case that it comes back with the batch.
pub(crate) const GOING: Flags = 4096;
/// It is a file that lies out of the scope: what lies beside it was not asked.
pub(crate) const OUTSIDE: Flags = 8192;
/// What is said of a disk, rather than made here.
const SAID: Flags = SELF_DOUBTFUL | SELF_MISSING | PLACEHOLDER | MISSING_WITH_NEEDS | OUTSIDE;

/// All labels of a graph.
#[derive(Clone, Debug)]
pub(crate) struct Labels {
    recs: Recs,
    order: Order,
    /// Per slot: the other disks that its chain names.
    depth: Pages<u32, { cut(1024, 8) }>,
    /// Per slot: the nearest disk on its way to the root, itself included, that an extra edge
    /// leaves.
    exit: Pages<u32, { cut(1024, 8) }>,
    /// Per slot whose chain is ended by an edge that says so: where that leads.
    last: Pages<u32, { cut(1024, 8) }>,
    /// Per depth: the number of disks that deep.
    at_depth: Pages<u32, { cut(1024, 8) }>,
    deepest: u32,
}

impl Default for Labels {
    fn default() -> Self {
        Self {
            recs: Recs::default(),
            order: Order::default(),
            depth: Pages::of(0),
            exit: Pages::of(NONE),
            last: Pages::of(NONE),
            at_depth: Pages::of(0),
            deepest: 0,
        }
    }
}

impl Labels {
    #[inline]
    pub(crate) fn of(&self, slot: u32) -> Label {
        self.recs.get(slot)
    }

    /// The same of a slot that was ever taken, and perhaps of others.
    #[inline]
    pub(crate) fn label(&self, slot: u32) -> Option<Label> {
        self.recs.labels.written(slot).copied()
    }

    pub(crate) fn flags(&self, slot: u32) -> Flags {
        self.recs.flags(slot)
    }

    /// Notes what a disk is itself; the rest is made here.
    pub(crate) fn set_flags(&mut self, slot: u32, flags: Flags) {
        self.recs.set_flags(slot, flags);
    }

    pub(crate) fn flag(&mut self, slot: u32, flags: Flags) {
        self.recs.flag(slot, flags);
    }

    pub(crate) fn unflag(&mut self, slot: u32, flags: Flags) {
        self.recs.unflag(slot, flags);
    }

    pub(crate) fn toggle(&mut self, slot: u32, flags: Flags) {
        self.recs.toggle(slot, flags);
    }

    /// Notes that a slot is taken, or given back; whether it can be taken again.
    pub(crate) fn next_generation(&mut self, slot: u32) -> bool {
        self.recs.next_generation(slot);
        self.of(slot).generation() < LAST_GENERATION
    }

    pub(crate) fn id(&self, slot: u32) -> DiskId {
        DiskId { slot, generation: self.of(slot).generation() }
    }

    /// Whether the way down from a slot meets an edge outside the forest.
    pub(crate) fn is_extra(&self, slot: u32) -> bool {
        self.flags(slot) & EXTRA != 0
    }

    pub(crate) fn depth(&self, slot: u32) -> u32 {
        *self.depth.get(slot)
    }

    /// The greatest depth.
    pub(crate) fn deepest(&self) -> u32 {
        self.deepest
    }

    /// The places of the disks that have these numbers.
    pub(crate) fn stretch(&self, range: Range<u32>) -> Range<Spot> {
        if range.is_empty() {
            return Spot::START..Spot::START;
        }
        self.order.spot(&self.recs, range.start)..self.order.spot(&self.recs, range.end)
    }

    /// See [`Order::run`].
    #[inline]
    pub(crate) fn run(&self, places: &mut Range<Spot>) -> Option<Run<'_>> {
        self.order.run(&mut places.start, places.end)
    }

    /// The number of disks at these places.
    pub(crate) fn count(&self, places: &Range<Spot>) -> usize {
        self.order.count(places.start, places.end)
    }

    /// The extra edges whose targets have numbers in `range`, `most` of them at most.
    pub(crate) fn extras_into(&self, slots: &Slots, range: Range<u32>, most: usize) -> Vec<Arc> {
        let mut found = Vec::new();
        if slots.has_extras() && !range.is_empty() {
            self.order.targets(&self.recs, range, |slot| {
                found.extend(slots.extras_into(slot).take(most - found.len()));
                found.len() < most
            });
        }
        found
    }

    /// The disks that extra edges leave, from `slot` down to its root. O(1) each.
    pub(crate) fn exits<'l>(
        &'l self,
        slots: &'l Slots,
        slot: u32,
    ) -> impl Iterator<Item = u32> + 'l {
        let exit = |slot: u32| some(*self.exit.get(slot));
        std::iter::successors(exit(slot), move |at| exit(slots.parent(*at)?))
    }
}

fn some(slot: u32) -> Option<u32> {
    (slot != NONE).then_some(slot)
}
