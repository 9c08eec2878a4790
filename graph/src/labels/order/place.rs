//! Places between entries, for changes.

use super::entry::slot as slot_of;
use super::{LAST, Order};
use crate::labels::{PAIR, Recs};

/// A place between two entries. Good until the list changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(super) tier: usize,
    pub(super) leaf: usize,
    /// The number of entries before it in its leaf.
    pub(super) at: usize,
}

impl Place {
    pub(crate) const START: Self = Self { tier: 0, leaf: 0, at: 0 };

    /// The place one entry further on.
    pub(crate) fn behind(self) -> Self {
        Self { at: self.at + 1, ..self }
    }

    /// The place before the entry that ends here: not for the first place of a leaf.
    pub(crate) fn before(self) -> Self {
        Self { at: self.at.saturating_sub(1), ..self }
    }
}

impl Order {
    /// The place before the entry at which a disk of the list begins. O(log n).
    pub(crate) fn start_of(&self, recs: &Recs, slot: u32) -> Place {
        let tag = recs.get(slot).open();
        let (tier, leaf) = self.leaf_of(tag);
        let index = self.index_of_start(recs, (tier, leaf), slot, tag);
        Place { tier, leaf, at: self.leaf(tier, leaf).place_of_start(index) }
    }

    /// The place behind the last entry of a disk of the list. O(log n).
    pub(crate) fn end_of(&self, recs: &Recs, slot: u32) -> Place {
        if recs.flags(slot) & PAIR == 0 {
            return self.start_of(recs, slot).behind();
        }
        let (tier, leaf) = self.leaf_of(recs.get(slot).close());
        let holder = self.leaf(tier, leaf);
        let index = holder.ends().iter().position(|mark| slot_of(*mark) == slot);
        Place { tier, leaf, at: holder.place_of_end(index.unwrap_or(0)) }.behind()
    }

    /// The number of a disk among the starts of its leaf. Its tag says about where that is, so few
    /// of them are looked at.
    pub(super) fn index_of_start(
        &self,
        recs: &Recs,
        (tier, leaf): (usize, usize),
        slot: u32,
        tag: u32,
    ) -> usize {
        let holder = self.leaf(tier, leaf);
        let starts = holder.starts().marks;
        let end = self.next((tier, leaf)).map_or_else(
            || starts.last().map_or(LAST, |mark| recs.get(slot_of(*mark)).open().saturating_add(1)),
            |(tier, leaf)| self.leaf(tier, leaf).first,
        );
        let span = u64::from(end.saturating_sub(holder.first)).max(1);
        let share = u64::from(tag - holder.first) * starts.len() as u64 / span;
        nearest(starts, slot, usize::try_from(share).unwrap_or(0))
    }

    /// The place behind all entries.
    pub(crate) fn end(&self) -> Place {
        let tier = self.tiers.len().saturating_sub(1);
        let leaf = self.tiers.last().map_or(0, |tier| tier.leaves.len().saturating_sub(1));
        let last = self.tiers.last().and_then(|tier| tier.leaves.last());
        Place { tier, leaf, at: last.map_or(0, |leaf| leaf.len()) }
    }

    /// The number of entries between two places. O(√n), with a small constant.
    pub(crate) fn entries_between(&self, from: Place, to: Place) -> usize {
        let mut count = 0;
        let mut at = (from.tier, from.leaf);
        while at <= (to.tier, to.leaf) && at.0 < self.tiers.len() {
            if at.1 == 0 && at.0 < to.tier && at != (from.tier, from.leaf) {
                count += self.tiers[at.0].entries as usize;
                at = (at.0 + 1, 0);
                continue;
            }
            let len = self.leaf(at.0, at.1).len();
            let start = if at == (from.tier, from.leaf) { from.at } else { 0 };
            let end = if at == (to.tier, to.leaf) { to.at } else { len };
            count += end.saturating_sub(start);
            let Some(next) = self.next(at) else { break };
            at = next;
        }
        count
    }

    /// The leaf behind another.
    pub(super) fn next(&self, (tier, leaf): (usize, usize)) -> Option<(usize, usize)> {
        if leaf + 1 < self.tiers[tier].leaves.len() {
            return Some((tier, leaf + 1));
        }
        (tier + 1 < self.tiers.len()).then_some((tier + 1, 0))
    }

    /// The leaf before another.
    pub(super) fn previous(&self, (tier, leaf): (usize, usize)) -> Option<(usize, usize)> {
        if leaf > 0 {
            return Some((tier, leaf - 1));
        }
        let tier = tier.checked_sub(1)?;
        Some((tier, self.tiers[tier].leaves.len() - 1))
    }
}

/// The entry of `slot`, looked for from `guess` on, to both sides.
fn nearest(marks: &[u32], slot: u32, guess: usize) -> usize {
    let guess = guess.min(marks.len());
    let (before, behind) = marks.split_at(guess);
    let (mut below, mut above) = (before.iter().rev(), behind.iter());
    for step in 0..marks.len() {
        let is = |mark: Option<&u32>| mark.is_some_and(|mark| slot_of(*mark) == slot);
        if is(above.next()) {
            return guess + step;
        }
        if is(below.next()) {
            return guess - 1 - step;
        }
    }
    0
}
