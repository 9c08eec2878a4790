//! The disks in preorder of the forest, in a list that takes insertions anywhere.
//!
//! A disk without children is one entry; one with children is two, around those of all disks above
//! it. Each entry has a *tag*, a number that grows along the list and leaves gaps: who lies between
//! whom is then a comparison of tags, which the disks' labels hold. What depends on a disk is the
//! stretch of the list between its two entries.
//!
//! The list is cut into leaves of up to [`LEAF`] entries, and those into tiers, both shared by
//! versions until one writes. In a leaf the entries at which disks begin lie side by side, so that a
//! stretch of disks is a slice per leaf. An insertion moves half a leaf at most. Where a gap is used
//! up, the tags around it are spread evenly again, in the smallest window of leaves that is not too
//! dense for its size. The thresholds grow with the window, as in Bender, Cole, Demaine,
//! Farach-Colton and Zito, "Two simplified algorithms for maintaining order in a list" (2002):
//! O(log n) tags written per insertion, amortised, however unkindly the places are chosen.

mod edit;
mod entry;
mod leaf;
mod place;
#[cfg(any(test, fuzzing))]
mod sound;
mod spread;
#[cfg(test)]
mod tests;

use std::ops::Range;
use triomphe::Arc as Shared;

pub(crate) use entry::{Entry, Run};
use entry::{set_tags, slot};
use leaf::{LEAF, Leaf};
pub(crate) use place::Place;

use crate::labels::recs::{LAST, Recs};
use crate::sizes::cut;

/// Leaves in a tier, at most.
const TIER: usize = cut(64, 4);
/// Of a run that is inserted at once, or of a leaf that is split: what a new leaf takes.
const FILL: usize = LEAF / 8 * 7;
/// The gap behind an entry that is appended.
const STRIDE: u32 = 1024;

#[derive(Clone, Debug)]
struct Tier {
    first: u32,
    disks: u32,
    entries: u32,
    targets: u32,
    leaves: Shared<Vec<Leaf>>,
}

/// A place between two disks, for listing them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    tier: usize,
    leaf: usize,
    /// The number of starts before it in its leaf.
    at: usize,
}

/// The list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Order {
    tiers: Vec<Tier>,
}

impl Tier {
    fn new(first: u32, leaves: Vec<Leaf>) -> Self {
        let mut tier =
            Self { first, disks: 0, entries: 0, targets: 0, leaves: Shared::new(leaves) };
        tier.count();
        tier
    }

    fn count(&mut self) {
        self.disks = self.leaves.iter().map(Leaf::disks).sum();
        self.entries = self.leaves.iter().map(|leaf| u32::from(small(leaf.len()))).sum();
        self.targets = self.leaves.iter().map(Leaf::targets).sum();
    }
}

fn small(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

impl Order {
    /// A list of all of `entries`, with tags. O(entries).
    pub(crate) fn of(entries: &[Entry], recs: &mut Recs) -> Self {
        let room = usize::try_from(LAST / 2).unwrap_or(usize::MAX) / (entries.len() + 1);
        let stride = u32::try_from(room).map_or(STRIDE, |room| room.clamp(1, STRIDE));
        let tags = (1..).map(|at: u32| at * stride);
        set_tags(recs, entries.iter().copied().zip(tags.clone()));
        let mut firsts = tags.step_by(FILL);
        let mut leaves = Vec::with_capacity(entries.len() / FILL + 1);
        for run in entries.chunks(FILL) {
            let first = firsts.next().filter(|_| !leaves.is_empty());
            leaves.push(Leaf::new(first.unwrap_or(0), run));
        }
        let tiers = leaves
            .chunks(TIER / 4 * 3)
            .map(|leaves| Tier::new(leaves.first().map_or(0, |leaf| leaf.first), leaves.to_vec()));
        Self { tiers: tiers.collect() }
    }

    fn leaf(&self, tier: usize, leaf: usize) -> &Leaf {
        &self.tiers[tier].leaves[leaf]
    }

    /// The leaf that holds `tag`, or would.
    fn leaf_of(&self, tag: u32) -> (usize, usize) {
        let tier = self.tiers.partition_point(|tier| tier.first <= tag).saturating_sub(1);
        let leaves = self.tiers.get(tier).map_or(&[][..], |tier| &tier.leaves);
        (tier, leaves.partition_point(|leaf| leaf.first <= tag).saturating_sub(1))
    }

    /// The place before the first disk whose tag is not less than `tag`. O(log n).
    pub(crate) fn spot(&self, recs: &Recs, tag: u32) -> Spot {
        if self.tiers.is_empty() {
            return Spot::START;
        }
        let (tier, leaf) = self.leaf_of(tag);
        let starts = self.leaf(tier, leaf).starts().marks;
        Spot { tier, leaf, at: starts.partition_point(|mark| recs.get(slot(*mark)).open() < tag) }
    }

    /// The next stretch of disks that lie side by side in memory between `from` and `to`; `from`
    /// is moved behind it. It may be empty where only ends are.
    #[inline]
    pub(crate) fn run(&self, from: &mut Spot, to: Spot) -> Option<Run<'_>> {
        if *from >= to {
            return None;
        }
        let starts = self.leaf(from.tier, from.leaf).starts();
        let start = from.at;
        if (from.tier, from.leaf) == (to.tier, to.leaf) {
            *from = to;
            return Some(starts.between(start, to.at));
        }
        from.at = 0;
        from.leaf += 1;
        if from.leaf == self.tiers[from.tier].leaves.len() {
            (from.tier, from.leaf) = (from.tier + 1, 0);
        }
        Some(starts.between(start, starts.len()))
    }

    /// The number of disks between two places. O(√n), with a small constant.
    pub(crate) fn count(&self, mut from: Spot, to: Spot) -> usize {
        let mut count = 0;
        while from < to {
            if (from.leaf, from.at) == (0, 0) && from.tier < to.tier {
                count += self.tiers[from.tier].disks as usize;
                from = Spot { tier: from.tier + 1, leaf: 0, at: 0 };
            } else {
                count += self.run(&mut from, to).unwrap_or_default().len();
            }
        }
        count
    }

    /// Calls `meet` with every disk between the tags of `range` that an edge outside the forest
    /// leads to, until it says to stop. Leaves without any are passed over.
    pub(crate) fn targets(
        &self,
        recs: &Recs,
        range: Range<u32>,
        mut meet: impl FnMut(u32) -> bool,
    ) {
        let (mut from, to) = (self.spot(recs, range.start), self.spot(recs, range.end));
        while from < to {
            if from.leaf == 0
                && from.at == 0
                && from.tier < to.tier
                && self.tiers[from.tier].targets == 0
            {
                from = Spot { tier: from.tier + 1, leaf: 0, at: 0 };
                continue;
            }
            let has_none = self.leaf(from.tier, from.leaf).targets() == 0;
            let run = self.run(&mut from, to).unwrap_or_default();
            if has_none {
                continue;
            }
            for slot in run.targets() {
                if !meet(slot) {
                    return;
                }
            }
        }
    }
}

impl Spot {
    pub(crate) const START: Self = Self { tier: 0, leaf: 0, at: 0 };
}
