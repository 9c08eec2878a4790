//! Labels: what makes a relation a comparison of two numbers.
//!
//! Nearly every disk needs at most one other, so the graph is nearly a forest. The labels are made
//! in two layers:
//!
//! 1. **A spanning forest.** Every disk has at most one *parent*: the target of its first backing
//!    edge, if that is certain and does not end the chain. One edge of each cycle is cut, at its
//!    smallest slot. A walk over the forest numbers the disks in preorder, so that the disks above `x` (all
//!    that depend on it through the forest) are exactly those numbered `x.pre + 1 .. x.end`, one
//!    slice of [`Labels::slice`].
//! 2. **Extra edges**, everything that is not in the forest: data files, second paths, possible
//!    edges, edges that end a chain, cut edges of cycles. They are kept sorted by the preorder
//!    number of their target, so that those which lead to `x` or to anything above it are one
//!    slice too; each adds the interval of its origin to what is above `x`.
//!
//! `a` depends on `b` when b's interval holds a, or one that an extra edge adds to it does. A
//! disk whose chain meets no extra edge carries no [`EXTRA`] flag, and for it the answer is two
//! reads and two comparisons, whatever the depth.
//!
//! Made anew in O(disks + edges + e log e), for e extra edges, at the end of a batch of changes.

mod above;
mod build;
mod ranges;

use std::ops::Range;

pub(crate) use above::Above;

use crate::DiskId;

/// Stands for "no slot".
pub(crate) const NONE: u32 = u32::MAX;

/// Some disk on this one's chain, itself included, has an edge outside the forest.
pub(crate) const EXTRA: u32 = 1;
/// This one's chain leads to a disk whose own needs are not known.
pub(crate) const DOUBTFUL: u32 = 2;
/// This one's chain leads to a reference behind which there is nothing.
pub(crate) const MISSING: u32 = 4;
/// Some disk surely needs this one.
pub(crate) const NEEDED: u32 = 8;
/// The flags without which a "no" from the forest is a "no".
pub(crate) const NOT_PLAIN: u32 = EXTRA | DOUBTFUL | MISSING;

/// The label of one slot: 16 bytes, so that a relation reads one cache line per disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label {
    /// Position in preorder.
    pub(crate) pre: u32,
    /// One past the last position of the disks above this one.
    pub(crate) end: u32,
    /// The end of the chain as far as the forest goes.
    pub(crate) root: u32,
    /// [`EXTRA`], [`DOUBTFUL`], [`MISSING`], [`NEEDED`].
    pub(crate) flags: u32,
}

impl Label {
    const DEAD: Self = Self { pre: NONE, end: 0, root: NONE, flags: 0 };

    /// Whether `other` is this disk or above it.
    #[inline]
    pub(crate) fn holds(&self, other: &Self) -> bool {
        other.pre.wrapping_sub(self.pre) < self.end.wrapping_sub(self.pre)
    }

    /// Whether `other` is above this disk.
    #[inline]
    pub(crate) fn is_below(&self, other: &Self) -> bool {
        // One unsigned comparison: 0 <= other.pre - (pre + 1) < end - (pre + 1).
        other.pre.wrapping_sub(self.pre.wrapping_add(1))
            < self.end.wrapping_sub(self.pre.wrapping_add(1))
    }

    /// The positions of this disk and of all above it.
    pub(crate) fn range(&self) -> Range<u32> {
        self.pre..self.end
    }
}

/// An edge that is not in the forest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extra {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) certain: bool,
    pub(crate) ends: bool,
}

/// How the labelling sees one edge.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traits {
    pub(crate) backing: bool,
    pub(crate) certain: bool,
    pub(crate) ends: bool,
}

/// All labels of a graph.
#[derive(Clone, Debug, Default)]
pub(crate) struct Labels {
    label: Vec<Label>,
    /// Per slot: the disk that it needs first, as far as the forest goes.
    parent: Vec<u32>,
    /// Per slot: the other disks that its chain names.
    depth: Vec<u32>,
    /// The disks in preorder.
    order: Vec<DiskId>,
    /// By the preorder position of the target.
    extras: Vec<Extra>,
    /// Per slot: the nearest disk on its way to the root, itself included, that an extra edge
    /// leaves. Empty where there are no extra edges.
    exit: Vec<u32>,
    deepest: u32,
}

impl Labels {
    #[inline]
    pub(crate) fn of(&self, slot: u32) -> &Label {
        &self.label[slot as usize]
    }

    pub(crate) fn parent(&self, slot: u32) -> Option<u32> {
        some(self.parent[slot as usize])
    }

    pub(crate) fn depth(&self, slot: u32) -> u32 {
        self.depth[slot as usize]
    }

    /// The depth of every slot; 0 for a free one.
    pub(crate) fn depths(&self) -> &[u32] {
        &self.depth
    }

    /// The greatest depth.
    pub(crate) fn deepest(&self) -> u32 {
        self.deepest
    }

    /// The disks at these positions of the preorder.
    pub(crate) fn slice(&self, range: Range<u32>) -> &[DiskId] {
        &self.order[range.start as usize..range.end as usize]
    }

    pub(crate) fn has_extras(&self) -> bool {
        !self.extras.is_empty()
    }

    /// The extra edges whose targets have a position in `range`.
    pub(crate) fn extras_into(&self, range: Range<u32>) -> &[Extra] {
        let position = |extra: &Extra| self.of(extra.to).pre;
        let from = self.extras.partition_point(|extra| position(extra) < range.start);
        let to = self.extras.partition_point(|extra| position(extra) < range.end);
        &self.extras[from..to.max(from)]
    }

    /// The disks that extra edges leave, from `slot` down to its root. O(1) each.
    pub(crate) fn exits(&self, slot: u32) -> impl Iterator<Item = u32> + '_ {
        let exit = |slot: u32| some(self.exit.get(slot as usize).copied().unwrap_or(NONE));
        std::iter::successors(exit(slot), move |at| exit(self.parent(*at)?))
    }
}

fn some(slot: u32) -> Option<u32> {
    (slot != NONE).then_some(slot)
}
