//! The disks in preorder of the forest, in a list that takes insertions anywhere.
//!
//! A disk without children is one entry; one with children is two, around those of all disks above
//! it. Each entry has a *tag*, a number that grows along the list and leaves gaps: who lies between
//! whom is then a comparison of tags, which the disks' labels hold. What depends on a disk is the
//! stretch of the list between its two entries.
//!
//! The list is cut into leaves of up to [`LEAF`] entries, and those into tiers, both shared by
//! versions until one writes. An insertion moves half a leaf at most. Where a gap is used up, the
//! tags around it are spread evenly again, in the smallest window of leaves that is not too dense
//! for its size. The thresholds grow with the window, as in Bender, Cole, Demaine, Farach-Colton
//! and Zito, "Two simplified algorithms for maintaining order in a list" (2002): O(log n) tags
//! written per insertion, amortised, however unkindly the places are chosen.

mod edit;
mod entry;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc as Shared;

pub(crate) use entry::Entry;

use crate::labels::Recs;

/// Entries in a leaf, at most.
pub(crate) const LEAF: usize = 256;
/// Leaves in a tier, at most.
const TIER: usize = 128;
/// Of a run that is inserted at once, or of a leaf that is split: what a new leaf takes.
const FILL: usize = LEAF / 8 * 7;
/// The gap behind an entry that is appended.
const STRIDE: u32 = 1024;
/// Greater than every tag.
const LAST: u32 = u32::MAX - 1;

#[derive(Clone, Debug)]
struct Leaf {
    /// No entry has a smaller tag, and every entry before the leaf has one.
    first: u32,
    len: u16,
    closes: u16,
    targets: u16,
    entries: Shared<[Entry; LEAF]>,
}

#[derive(Clone, Debug)]
struct Tier {
    first: u32,
    disks: u32,
    targets: u32,
    leaves: Shared<Vec<Leaf>>,
}

/// A place between two entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    tier: usize,
    leaf: usize,
    at: usize,
}

/// The list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Order {
    tiers: Vec<Tier>,
}

impl Leaf {
    fn new(first: u32, entries: &[Entry]) -> Self {
        let mut all = [Entry::BLANK; LEAF];
        all[..entries.len()].copy_from_slice(entries);
        let mut leaf = Self {
            first,
            len: small(entries.len()),
            closes: 0,
            targets: 0,
            entries: Shared::new(all),
        };
        (leaf.closes, leaf.targets) = counts(entries);
        leaf
    }

    fn entries(&self) -> &[Entry] {
        &self.entries[..usize::from(self.len)]
    }

    fn disks(&self) -> u32 {
        u32::from(self.len - self.closes)
    }
}

impl Tier {
    fn new(first: u32, leaves: Vec<Leaf>) -> Self {
        let mut tier = Self { first, disks: 0, targets: 0, leaves: Shared::new(leaves) };
        tier.count();
        tier
    }

    fn count(&mut self) {
        self.disks = self.leaves.iter().map(Leaf::disks).sum();
        self.targets = self.leaves.iter().map(|leaf| u32::from(leaf.targets)).sum();
    }
}

fn small(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

/// Second entries and targets.
fn counts(entries: &[Entry]) -> (u16, u16) {
    let closes = entries.iter().filter(|entry| entry.is_close()).count();
    let targets = entries.iter().filter(|entry| entry.is_target()).count();
    (small(closes), small(targets))
}

impl Order {
    /// A list of all of `entries`, with tags. O(entries).
    pub(crate) fn of(entries: &[Entry], recs: &mut Recs) -> Self {
        let room = usize::try_from(LAST / 2).unwrap_or(usize::MAX) / (entries.len() + 1);
        let stride = u32::try_from(room).map_or(STRIDE, |room| room.clamp(1, STRIDE));
        let mut tag = 0;
        let mut leaves = Vec::with_capacity(entries.len() / FILL + 1);
        for run in entries.chunks(FILL) {
            leaves.push(Leaf::new(if leaves.is_empty() { 0 } else { tag + stride }, run));
            for entry in run {
                tag += stride;
                entry.set_tag(recs, tag);
            }
        }
        let tiers = leaves
            .chunks(TIER / 4 * 3)
            .map(|leaves| Tier::new(leaves.first().map_or(0, |leaf| leaf.first), leaves.to_vec()));
        Self { tiers: tiers.collect() }
    }

    fn leaf(&self, spot: Spot) -> &Leaf {
        &self.tiers[spot.tier].leaves[spot.leaf]
    }

    /// The place before the first entry whose tag is not less than `tag`. O(log n).
    pub(crate) fn spot(&self, recs: &Recs, tag: u32) -> Spot {
        let tier = self.tiers.partition_point(|tier| tier.first <= tag).saturating_sub(1);
        let Some(leaves) = self.tiers.get(tier).map(|tier| &tier.leaves) else {
            return Spot::START;
        };
        let leaf = leaves.partition_point(|leaf| leaf.first <= tag).saturating_sub(1);
        let at = leaves[leaf].entries().partition_point(|entry| entry.tag(recs) < tag);
        Spot { tier, leaf, at }
    }

    /// The next stretch of entries that lie side by side in memory between `from` and `to`; `from`
    /// is moved behind it.
    #[inline]
    pub(crate) fn run(&self, from: &mut Spot, to: Spot) -> Option<&[Entry]> {
        if *from >= to {
            return None;
        }
        let entries = self.leaf(*from).entries();
        let start = from.at;
        if (from.tier, from.leaf) == (to.tier, to.leaf) {
            *from = to;
            return Some(&entries[start..to.at]);
        }
        from.at = 0;
        from.leaf += 1;
        if from.leaf == self.tiers[from.tier].leaves.len() {
            (from.tier, from.leaf) = (from.tier + 1, 0);
        }
        Some(&entries[start..])
    }

    /// The number of disks between two places. O(√n), with a small constant.
    pub(crate) fn count(&self, mut from: Spot, to: Spot) -> usize {
        let mut count = 0;
        while from < to {
            if from.at == 0 && from.tier < to.tier && from.leaf == 0 {
                count += self.tiers[from.tier].disks as usize;
                from = Spot { tier: from.tier + 1, leaf: 0, at: 0 };
            } else if from.at == 0 && (from.tier, from.leaf) != (to.tier, to.leaf) {
                count += self.leaf(from).disks() as usize;
                self.run(&mut from, to);
            } else {
                let run = self.run(&mut from, to).unwrap_or_default();
                count += run.iter().filter(|entry| !entry.is_close()).count();
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
            let has_none = self.leaf(from).targets == 0;
            let run = self.run(&mut from, to).unwrap_or_default();
            if has_none {
                continue;
            }
            for entry in run.iter().filter(|entry| entry.is_target()) {
                if !meet(entry.disk().slot) {
                    return;
                }
            }
        }
    }
}

impl Spot {
    pub(crate) const START: Self = Self { tier: 0, leaf: 0, at: 0 };

    /// The place one entry further on.
    pub(crate) fn behind(self) -> Self {
        Self { at: self.at + 1, ..self }
    }
}
