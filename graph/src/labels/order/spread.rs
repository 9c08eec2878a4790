//! Tags spread evenly again, where a gap is used up.

use super::entry::set_tags;
use super::{LAST, LEAF, Order, Place, STRIDE, small};
use crate::labels::Recs;
use triomphe::Arc as Shared;

impl Order {
    /// The greatest tag before a place and the smallest behind it, or bounds of them.
    pub(super) fn gap(&self, recs: &Recs, place: Place) -> (u32, u32) {
        let leaf = self.leaf(place.tier, place.leaf);
        let before = leaf.entry_before(place.at, place.ends);
        let low = before.map_or(leaf.first, |entry| entry.tag(recs));
        let high = match leaf.entry_behind(place.at, place.ends) {
            Some(entry) => entry.tag(recs),
            None => self
                .next((place.tier, place.leaf))
                .map_or(LAST, |(tier, leaf)| self.leaf(tier, leaf).first),
        };
        (low, high)
    }

    /// Spreads the tags around `place` evenly, so that `need` entries find room there.
    pub(super) fn spread(&mut self, recs: &mut Recs, place: Place, need: usize) {
        let here = (place.tier, place.leaf);
        let (mut left, mut right) = (here, here);
        let mut entries = self.leaf(here.0, here.1).len();
        let mut leaves = 1;
        // What comes here may well go on coming here.
        let need = |entries: usize| need + (entries / 2).min(LEAF);
        // The wider the window, the sparser it has to be, up to what all entries have on average.
        let all: usize = self.tiers.iter().map(|tier| tier.entries as usize).sum();
        let average = LAST as usize / (all + need(all) + 1);
        let mut wanted = (average / 4).clamp(2, 16);
        let levels = (all / LEAF + 2).ilog(3) as usize + 1;
        let more = (average / 2).saturating_sub(wanted) / levels;
        let (low, step) = loop {
            let low = self.previous(left).map_or(0, |(tier, leaf)| {
                let leaf = self.leaf(tier, leaf);
                let last = leaf.len().checked_sub(1).and_then(|at| leaf.entry(at));
                last.map_or(leaf.first, |last| last.tag(recs))
            });
            let high = self.next(right).map_or(LAST, |(tier, leaf)| self.leaf(tier, leaf).first);
            let room = (high - low) as usize / (entries + need(entries) + 1);
            let is_all = self.previous(left).is_none() && self.next(right).is_none();
            if room >= wanted || is_all {
                break (low, u32::try_from(room).unwrap_or(STRIDE).clamp(1, STRIDE * 8));
            }
            for _ in 0..leaves {
                if let Some(before) = self.previous(left) {
                    left = before;
                    entries += self.leaf(left.0, left.1).len();
                }
                if let Some(next) = self.next(right) {
                    right = next;
                    entries += self.leaf(right.0, right.1).len();
                }
            }
            leaves *= 3;
            wanted += (wanted / 2).min(more);
        };
        let hole = u32::try_from(need(entries)).unwrap_or(0) * step;
        let mut last = low;
        let mut at = left;
        loop {
            let leaf = self.leaf(at.0, at.1);
            let hole_at = if at == here { place.at } else { usize::MAX };
            let tag = |index: usize| {
                let before = if index < hole_at { 0 } else { hole };
                last + before + step * u32::from(small(index + 1))
            };
            set_tags(recs, (0..).zip(leaf.entries()).map(|(index, entry)| (entry, tag(index))));
            let first = if at == (0, 0) { 0 } else { tag(0) };
            last = match leaf.len() {
                0 => last,
                len if len <= hole_at && at == here => tag(len - 1) + hole,
                len => tag(len - 1),
            };
            let tier = &mut self.tiers[at.0];
            Shared::make_mut(&mut tier.leaves)[at.1].first = first;
            if at.1 == 0 {
                tier.first = first;
            }
            match self.next(at) {
                Some(next) if at < right => at = next,
                _ => break,
            }
        }
    }
}
