//! Changes to the list.

use super::entry::{Entry, set_tags};
use super::{FILL, LAST, LEAF, Leaf, Order, Place, STRIDE, TIER, Tier};
use crate::labels::Recs;
use triomphe::Arc as Shared;

impl Order {
    /// Notes whether an edge outside the forest leads to a disk.
    pub(crate) fn set_target(&mut self, recs: &Recs, slot: u32, is_target: bool) {
        let tag = recs.get(slot).open();
        let at = self.leaf_of(tag);
        let index = self.index_of_start(recs, at, slot, tag);
        let tier = &mut self.tiers[at.0];
        let leaf = &mut Shared::make_mut(&mut tier.leaves)[at.1];
        if leaf.set_target(index, is_target) {
            tier.targets = if is_target { tier.targets + 1 } else { tier.targets - 1 };
        }
    }

    /// Inserts `run` at a place and gives its entries tags.
    pub(crate) fn insert(&mut self, recs: &mut Recs, place: Place, run: &[Entry]) {
        if self.tiers.is_empty() {
            self.tiers.push(Tier::new(0, vec![Leaf::new(0, &[])]));
        }
        // At the first place of a leaf there may be no gap before that leaf's own bound.
        let place = match self.previous((place.tier, place.leaf)) {
            Some(before) if place.at == 0 => self.end_of_leaf(before),
            _ => place,
        };
        let (mut low, mut high) = self.gap(recs, place);
        if (high - low) as usize <= run.len() {
            self.spread(recs, place, run.len());
            (low, high) = self.gap(recs, place);
        }
        tag(recs, low, high, run);
        if run.len() > 2 || self.leaf(place.tier, place.leaf).len() + run.len() > LEAF {
            self.put(recs, place, run);
            return;
        }
        let tier = &mut self.tiers[place.tier];
        let leaf = &mut Shared::make_mut(&mut tier.leaves)[place.leaf];
        let mut ends = place.ends;
        for (at, entry) in (place.at..).zip(run) {
            leaf.insert(at, ends, *entry);
            ends += usize::from(entry.is_close());
            tier.entries += 1;
            tier.disks += u32::from(!entry.is_close());
            tier.targets += u32::from(entry.is_target());
        }
    }

    /// Puts entries that have their tags where they belong, in new leaves.
    fn put(&mut self, recs: &Recs, place: Place, run: &[Entry]) {
        let tier = &mut self.tiers[place.tier];
        let leaves = Shared::make_mut(&mut tier.leaves);
        let leaf = &leaves[place.leaf];
        let here: Vec<Entry> = leaf.entries().collect();
        let (before, behind) = here.split_at(place.at);
        let all = [before, run, behind].concat();
        let size = match all.len() {
            len if len <= LEAF => LEAF,
            len if len <= 2 * LEAF => len.div_ceil(2),
            _ => FILL,
        };
        let mut first = Some(leaf.first);
        let own = |piece: &[Entry]| piece.first().map_or(0, |entry| entry.tag(recs));
        let pieces = all.chunks(size);
        let pieces: Vec<Leaf> = pieces
            .map(|piece| Leaf::new(first.take().unwrap_or_else(|| own(piece)), piece))
            .collect();
        leaves.splice(place.leaf..=place.leaf, pieces);
        if leaves.len() <= TIER {
            tier.count();
            return;
        }
        let leaves = std::mem::take(leaves);
        let size = if leaves.len() <= 2 * TIER { leaves.len().div_ceil(2) } else { TIER / 4 * 3 };
        let pieces = leaves.chunks(size);
        let pieces: Vec<Tier> =
            pieces.map(|leaves| Tier::new(leaves[0].first, leaves.to_vec())).collect();
        self.tiers.splice(place.tier..=place.tier, pieces);
    }

    /// Takes out the one entry behind a place. Moves half a leaf at most.
    pub(crate) fn remove_one(&mut self, place: Place) {
        let tier = &mut self.tiers[place.tier];
        let leaf = &mut Shared::make_mut(&mut tier.leaves)[place.leaf];
        let Some(entry) = leaf.entry_behind(place.at, place.ends) else { return };
        leaf.remove(place.at, place.ends);
        tier.entries -= 1;
        tier.disks -= u32::from(!entry.is_close());
        tier.targets -= u32::from(entry.is_target());
        if leaf.len() == 0 {
            self.drop_empty(place.tier, place.tier);
        }
    }

    /// Takes out the entries between two places.
    pub(crate) fn remove(&mut self, from: Place, to: Place) -> Vec<Entry> {
        let mut gone = Vec::with_capacity(self.entries_between(from, to));
        let last = to.tier.min(self.tiers.len().saturating_sub(1));
        for tier in from.tier..=last {
            let leaves = Shared::make_mut(&mut self.tiers[tier].leaves);
            for (at, leaf) in leaves.iter_mut().enumerate() {
                let here = (tier, at);
                if here < (from.tier, from.leaf) || here > (to.tier, to.leaf) {
                    continue;
                }
                let start = if here == (from.tier, from.leaf) { from.at } else { 0 };
                let end = if here == (to.tier, to.leaf) { to.at } else { leaf.len() };
                if (start, end) == (0, leaf.len()) {
                    gone.extend(leaf.entries());
                    leaf.clear();
                } else if start < end {
                    let mut entries: Vec<Entry> = leaf.entries().collect();
                    gone.extend(entries.drain(start..end));
                    *leaf = Leaf::new(leaf.first, &entries);
                }
            }
            self.tiers[tier].count();
        }
        self.drop_empty(from.tier, last);
        gone
    }

    /// Drops the leaves of these tiers that hold nothing, and those tiers then.
    fn drop_empty(&mut self, from: usize, to: usize) {
        for tier in self.tiers.iter_mut().take(to + 1).skip(from) {
            Shared::make_mut(&mut tier.leaves).retain(|leaf| leaf.len() > 0);
            // What comes before the leaf that is the first now belongs into the tier before.
            tier.first = tier.leaves.first().map_or(tier.first, |leaf| leaf.first);
        }
        self.tiers.retain(|tier| !tier.leaves.is_empty());
        // Nothing may come before the first leaf.
        if let Some(tier) = self.tiers.first_mut()
            && (tier.first, tier.leaves[0].first) != (0, 0)
        {
            tier.first = 0;
            Shared::make_mut(&mut tier.leaves)[0].first = 0;
        }
    }
}

/// Gives `run` tags between two others.
fn tag(recs: &mut Recs, low: u32, high: u32, run: &[Entry]) {
    let room = high - low;
    // At the end of all the gap is what is left of all tags: not to be shared with what comes next.
    let most = if high == LAST { STRIDE.min((room / 16).max(1)) } else { u32::MAX };
    let (first, step) = match run.len() {
        // The next overlay of a disk comes right behind that disk, and the first overlay of this
        // one between it and the end: the greater part of the gap is left there.
        1 if high != LAST => (high - (room / 8).max(1), 0),
        2 if high != LAST => {
            let part = (room / 8).max(1);
            (low + part, room - 2 * part)
        }
        len => {
            let step = most.min(room / u32::try_from(len + 1).unwrap_or(LAST));
            (low + step, step)
        }
    };
    let tags = std::iter::successors(Some(first), |tag| Some(tag + step));
    set_tags(recs, run.iter().copied().zip(tags));
}
