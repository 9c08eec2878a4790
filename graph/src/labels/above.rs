//! What lies above a disk where extra edges add to its interval.

use std::ops::Range;

use crate::labels::Labels;
use crate::labels::ranges::Ranges;
use crate::links::Slots;

/// What is above a disk, as ranges of the numbers of places.
#[derive(Clone, Debug)]
pub(crate) struct Above {
    /// The disk's own interval, without the disk, where no extra edge adds to it.
    pub(crate) own: Range<u32>,
    /// Else all of it: disjoint ranges, and whether they are reached through certain edges. Those
    /// that are come first.
    pub(crate) more: Vec<(Range<u32>, bool)>,
}

impl Above {
    pub(crate) const NOTHING: Self = Self { own: 0..0, more: Vec::new() };
}

impl Labels {
    /// Everything above `slot`. `slot` itself is part of it only if it lies on a cycle.
    /// O(e log e) in the extra edges that lead to `slot` or to what is above it.
    pub(crate) fn above(&self, slots: &Slots, slot: u32) -> Above {
        let label = self.of(slot);
        if self.extras_into(slots, label.range(), 1).is_empty() {
            return Above { own: label.open() + 1..label.close(), more: Vec::new() };
        }
        let itself = label.open()..label.open() + 1;
        let (mut certain, returns) = self.reach(slots, slot, [label.range()], true);
        let (all, may_return) = self.reach(slots, slot, certain.iter(), false);
        let mut possible = all.without(&certain);
        if !returns {
            certain = certain.without(&Ranges::from(itself.clone()));
            if may_return {
                possible.add(itself);
            }
        }
        let certain = certain.iter().map(|range| (range, true));
        let possible = possible.iter().map(|range| (range, false));
        Above { own: 0..0, more: certain.chain(possible).collect() }
    }

    /// The closure of `start` under extra edges, and whether one of those edges leads back to
    /// `slot`. Edges that end a chain count only where they lead to `slot`.
    fn reach(
        &self,
        slots: &Slots,
        slot: u32,
        start: impl IntoIterator<Item = Range<u32>>,
        certain_only: bool,
    ) -> (Ranges, bool) {
        let at = self.of(slot).open();
        let mut done = Ranges::default();
        let mut returns = false;
        let mut work: Vec<Range<u32>> = start.into_iter().collect();
        while let Some(range) = work.pop() {
            // Only what is new in a range is looked at, so every extra edge is met once.
            for new in done.add(range) {
                for extra in self.extras_into(slots, new, usize::MAX) {
                    if (certain_only && !extra.certain()) || (extra.ends && extra.to != slot) {
                        continue;
                    }
                    let above = self.of(extra.from).range();
                    returns |= above.contains(&at);
                    work.push(above);
                }
            }
        }
        (done, returns)
    }
}
