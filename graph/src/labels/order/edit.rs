//! Changes to the list.

use std::sync::Arc as Shared;

use super::entry::Entry;
use super::{FILL, LAST, LEAF, Leaf, Order, STRIDE, Spot, TIER, Tier, counts, small};
use crate::labels::Recs;

impl Order {
    /// Notes whether an edge outside the forest leads to the disk whose first entry has `tag`.
    pub(crate) fn set_target(&mut self, recs: &Recs, tag: u32, is_target: bool) {
        let spot = self.spot(recs, tag);
        if self.leaf(spot).entries()[spot.at].is_target() == is_target {
            return;
        }
        let tier = &mut self.tiers[spot.tier];
        let leaf = &mut Shared::make_mut(&mut tier.leaves)[spot.leaf];
        Shared::make_mut(&mut leaf.entries)[spot.at].toggle_target();
        if is_target {
            (leaf.targets, tier.targets) = (leaf.targets + 1, tier.targets + 1);
        } else {
            (leaf.targets, tier.targets) = (leaf.targets - 1, tier.targets - 1);
        }
    }

    /// Inserts `run` behind the entry whose tag is `after`, or at the end of all, and gives its
    /// entries tags.
    pub(crate) fn insert(&mut self, recs: &mut Recs, after: Option<u32>, run: &[Entry]) {
        if self.tiers.is_empty() {
            self.tiers.push(Tier::new(0, vec![Leaf::new(0, &[])]));
        }
        let spot = match after {
            Some(tag) => {
                let Spot { tier, leaf, at } = self.spot(recs, tag);
                Spot { tier, leaf, at: at + 1 }
            }
            None => self.end(),
        };
        let (mut low, mut high) = self.gap(recs, spot);
        if (high - low) as usize <= run.len() {
            self.spread(recs, spot, run.len());
            (low, high) = self.gap(recs, spot);
        }
        let room = (high - low) as usize / (run.len() + 1);
        // At the end of all the gap is what is left of all tags: not to be halved.
        let room = if high == LAST { room.min(STRIDE as usize) } else { room };
        let step = u32::try_from(room).unwrap_or(STRIDE);
        for entry in run {
            low += step;
            entry.set_tag(recs, low);
        }
        self.put(recs, spot, run);
    }

    pub(super) fn end(&self) -> Spot {
        let tier = self.tiers.len().saturating_sub(1);
        let leaf = self.tiers.last().map_or(0, |tier| tier.leaves.len().saturating_sub(1));
        let at = self.tiers.last().and_then(|tier| tier.leaves.last()).map_or(0, |leaf| leaf.len);
        Spot { tier, leaf, at: at.into() }
    }

    /// The greatest tag before a place and the smallest behind it, or bounds of them.
    fn gap(&self, recs: &Recs, spot: Spot) -> (u32, u32) {
        let entries = self.leaf(spot).entries();
        let low = spot.at.checked_sub(1).map_or(self.leaf(spot).first, |at| entries[at].tag(recs));
        let high = match entries.get(spot.at) {
            Some(entry) => entry.tag(recs),
            None => self.next(spot).map_or(LAST, |next| self.leaf(next).first),
        };
        (low, high)
    }

    fn next(&self, spot: Spot) -> Option<Spot> {
        let Spot { tier, leaf, .. } = spot;
        if leaf + 1 < self.tiers[tier].leaves.len() {
            return Some(Spot { tier, leaf: leaf + 1, at: 0 });
        }
        (tier + 1 < self.tiers.len()).then_some(Spot { tier: tier + 1, leaf: 0, at: 0 })
    }

    fn previous(&self, spot: Spot) -> Option<Spot> {
        let Spot { tier, leaf, .. } = spot;
        if leaf > 0 {
            return Some(Spot { tier, leaf: leaf - 1, at: 0 });
        }
        let tier = tier.checked_sub(1)?;
        Some(Spot { tier, leaf: self.tiers[tier].leaves.len() - 1, at: 0 })
    }

    /// Spreads the tags around `spot` evenly, so that `need` entries find room there.
    fn spread(&mut self, recs: &mut Recs, spot: Spot, need: usize) {
        let (mut left, mut right) = (spot, spot);
        let mut entries = usize::from(self.leaf(spot).len);
        let mut leaves = 1;
        // What comes here may well go on coming here.
        let need = |entries: usize| need + (entries / 2).min(LEAF);
        let mut wanted = 16;
        let (low, step) = loop {
            let low = self.previous(left).map_or(0, |before| {
                let leaf = self.leaf(before);
                leaf.entries().last().map_or(leaf.first, |last| last.tag(recs))
            });
            let high = self.next(right).map_or(LAST, |next| self.leaf(next).first);
            let room = (high - low) as usize / (entries + need(entries) + 1);
            let is_all = self.previous(left).is_none() && self.next(right).is_none();
            if room >= wanted || is_all {
                break (low, u32::try_from(room).unwrap_or(STRIDE).clamp(1, STRIDE * 8));
            }
            for _ in 0..leaves {
                if let Some(before) = self.previous(left) {
                    left = before;
                    entries += usize::from(self.leaf(left).len);
                }
                if let Some(next) = self.next(right) {
                    right = next;
                    entries += usize::from(self.leaf(right).len);
                }
            }
            leaves *= 3;
            wanted += wanted / 2;
        };
        let hole = u32::try_from(need(entries)).unwrap_or(0) * step;
        let mut tag = low;
        let mut at = left;
        loop {
            let here = (at.tier, at.leaf) == (spot.tier, spot.leaf);
            let leaf = self.leaf(at);
            for (index, entry) in leaf.entries().iter().enumerate() {
                if here && index == spot.at {
                    tag += hole;
                }
                tag += step;
                entry.set_tag(recs, tag);
            }
            if here && usize::from(leaf.len) <= spot.at {
                tag += hole;
            }
            let is_first = (at.tier, at.leaf) == (0, 0);
            let first = leaf.entries().first().filter(|_| !is_first);
            let first = first.map_or(0, |first| first.tag(recs));
            let tier = &mut self.tiers[at.tier];
            Shared::make_mut(&mut tier.leaves)[at.leaf].first = first;
            if at.leaf == 0 {
                tier.first = first;
            }
            match self.next(at) {
                Some(next) if (at.tier, at.leaf) < (right.tier, right.leaf) => at = next,
                _ => break,
            }
        }
    }

    /// Puts entries that have their tags where they belong.
    fn put(&mut self, recs: &Recs, spot: Spot, run: &[Entry]) {
        let tier = &mut self.tiers[spot.tier];
        let leaves = Shared::make_mut(&mut tier.leaves);
        let leaf = &mut leaves[spot.leaf];
        let len = usize::from(leaf.len);
        if len + run.len() <= LEAF {
            let entries = Shared::make_mut(&mut leaf.entries);
            entries.copy_within(spot.at..len, spot.at + run.len());
            entries[spot.at..spot.at + run.len()].copy_from_slice(run);
            let (closes, targets) = counts(run);
            leaf.len += small(run.len());
            leaf.closes += closes;
            leaf.targets += targets;
            tier.disks += u32::from(small(run.len()) - closes);
            tier.targets += u32::from(targets);
            return;
        }
        let (before, behind) = leaf.entries().split_at(spot.at);
        let all = [before, run, behind].concat();
        let size = if all.len() <= 2 * LEAF { all.len().div_ceil(2) } else { FILL };
        let mut first = Some(leaf.first);
        let own = |piece: &[Entry]| piece.first().map_or(0, |entry| entry.tag(recs));
        let pieces = all.chunks(size);
        let pieces: Vec<Leaf> = pieces
            .map(|piece| Leaf::new(first.take().unwrap_or_else(|| own(piece)), piece))
            .collect();
        leaves.splice(spot.leaf..=spot.leaf, pieces);
        if leaves.len() <= TIER {
            tier.count();
            return;
        }
        let leaves = std::mem::take(leaves);
        let size = if leaves.len() <= 2 * TIER { leaves.len().div_ceil(2) } else { TIER / 4 * 3 };
        let pieces = leaves.chunks(size);
        let pieces: Vec<Tier> =
            pieces.map(|leaves| Tier::new(leaves[0].first, leaves.to_vec())).collect();
        self.tiers.splice(spot.tier..=spot.tier, pieces);
    }

    /// Takes out the entries between two places.
    pub(crate) fn remove(&mut self, from: Spot, to: Spot) -> Vec<Entry> {
        let mut gone = Vec::new();
        for tier in from.tier..=to.tier.min(self.tiers.len().saturating_sub(1)) {
            let Tier { leaves, disks, targets, .. } = &mut self.tiers[tier];
            let leaves = Shared::make_mut(leaves);
            let first = if tier == from.tier { from.leaf } else { 0 };
            let last = if tier == to.tier { to.leaf } else { leaves.len() - 1 };
            let mut is_empty = false;
            for (at, leaf) in leaves.iter_mut().enumerate().take(last + 1).skip(first) {
                let len = usize::from(leaf.len);
                let start = if (tier, at) == (from.tier, from.leaf) { from.at } else { 0 };
                let end = if (tier, at) == (to.tier, to.leaf) { to.at } else { len };
                if start >= end {
                    continue;
                }
                let entries = Shared::make_mut(&mut leaf.entries);
                let taken = &entries[start..end];
                let (closes, of_targets) = counts(taken);
                gone.extend_from_slice(taken);
                entries.copy_within(end..len, start);
                leaf.len -= small(end - start);
                leaf.closes -= closes;
                leaf.targets -= of_targets;
                *disks -= u32::from(small(end - start) - closes);
                *targets -= u32::from(of_targets);
                is_empty |= leaf.len == 0;
            }
            if is_empty {
                leaves.retain(|leaf| leaf.len > 0);
            }
        }
        self.tiers.retain(|tier| !tier.leaves.is_empty());
        // Nothing may come before the first leaf.
        if let Some(tier) = self.tiers.first_mut()
            && (tier.first, tier.leaves[0].first) != (0, 0)
        {
            tier.first = 0;
            Shared::make_mut(&mut tier.leaves)[0].first = 0;
        }
        gone
    }
}
