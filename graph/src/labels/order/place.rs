//! Places between entries, for changes.

use super::entry::{Entry, slot as slot_of};
use super::{LAST, Order};
use crate::labels::{PAIR, Recs};

/// A place between two entries. Good until the list changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(super) tier: usize,
    pub(super) leaf: usize,
    /// The number of entries before it in its leaf.
    pub(super) at: usize,
    /// Those of them at which disks end.
    pub(super) ends: usize,
}

impl Place {
    pub(crate) const START: Self = Self { tier: 0, leaf: 0, at: 0, ends: 0 };

    /// The place behind the start that comes next.
    pub(crate) fn behind_start(self) -> Self {
        Self { at: self.at + 1, ..self }
    }

    /// The place behind the end that comes next.
    fn behind_end(self) -> Self {
        Self { at: self.at + 1, ends: self.ends + 1, ..self }
    }

    /// The place before the end that comes before: not for the first place of a leaf.
    pub(crate) fn before_end(self) -> Self {
        Self { at: self.at.saturating_sub(1), ends: self.ends.saturating_sub(1), ..self }
    }
}

impl Order {
    /// The place before the entry at which a disk of the list begins. O(log n).
    pub(crate) fn start_of(&self, recs: &Recs, slot: u32) -> Place {
        let tag = recs.get(slot).open();
        let (tier, leaf) = self.leaf_of(tag);
        let index = self.index_of_start(recs, (tier, leaf), slot, tag);
        let at = self.leaf(tier, leaf).place_of_start(index);
        Place { tier, leaf, at, ends: at - index }
    }

    /// The place behind the last entry of a disk of the list. O(log n).
    pub(crate) fn end_of(&self, recs: &Recs, slot: u32) -> Place {
        if recs.flags(slot) & PAIR == 0 {
            return self.start_of(recs, slot).behind_start();
        }
        let (tier, leaf) = self.leaf_of(recs.get(slot).close());
        let holder = self.leaf(tier, leaf);
        let index = holder.ends().iter().position(|mark| slot_of(*mark) == slot);
        let index = index.unwrap_or(0);
        Place { tier, leaf, at: holder.place_of_end(index), ends: index }.behind_end()
    }

    /// Whether a disk ends right behind a place.
    pub(crate) fn ends_at(&self, place: Place, slot: u32) -> bool {
        let entry = self.leaf(place.tier, place.leaf).entry_behind(place.at, place.ends);
        entry == Some(Entry::close(slot))
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
        let starts = self.leaf(tier, leaf).starts().marks;
        nearest(starts, slot, self.guess(recs, (tier, leaf), tag))
    }

    /// About how many starts of a leaf there are before a tag.
    fn guess(&self, recs: &Recs, (tier, leaf): (usize, usize), tag: u32) -> usize {
        let holder = self.leaf(tier, leaf);
        let starts = holder.starts().marks;
        let end = self.next((tier, leaf)).map_or_else(
            || starts.last().map_or(LAST, |mark| recs.get(slot_of(*mark)).open().saturating_add(1)),
            |(tier, leaf)| self.leaf(tier, leaf).first,
        );
        let span = u64::from(end.saturating_sub(holder.first)).max(1);
        let share = u64::from(tag - holder.first) * starts.len() as u64 / span;
        usize::try_from(share).unwrap_or(0)
    }

    /// The place behind all entries.
    pub(crate) fn end(&self) -> Place {
        let tier = self.tiers.len().saturating_sub(1);
        let leaf = self.tiers.last().map_or(0, |tier| tier.leaves.len().saturating_sub(1));
        match self.tiers.last() {
            Some(_) => self.end_of_leaf((tier, leaf)),
            None => Place::START,
        }
    }

    /// The place behind the entries of a leaf.
    pub(super) fn end_of_leaf(&self, (tier, leaf): (usize, usize)) -> Place {
        let holder = self.leaf(tier, leaf);
        Place { tier, leaf, at: holder.len(), ends: holder.ends().len() }
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
    let (before, behind) = marks.split_at(guess.min(marks.len()));
    let (mut below, mut above) = (before.rchunks(STEP), behind.chunks(STEP));
    let (mut low, mut high) = (before.len(), before.len());
    loop {
        let (behind, before) = (above.next(), below.next());
        if let Some(at) = behind.and_then(|marks| find(marks, slot)) {
            return high + at;
        }
        high += STEP;
        if let Some(marks) = before {
            low -= marks.len();
            if let Some(at) = find(marks, slot) {
                return low + at;
            }
        } else if behind.is_none() {
            return 0;
        }
    }
}

/// Marks that are compared before it is asked whether one was the right one.
const STEP: usize = 16;

#[inline]
fn find(marks: &[u32], slot: u32) -> Option<usize> {
    let is = |mark: &u32| slot_of(*mark) == slot;
    let has = marks.iter().fold(false, |has, mark| has | is(mark));
    if has { marks.iter().position(is) } else { None }
}
