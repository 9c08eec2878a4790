//! The labels, as they lie in memory.

use std::ops::Range;

use crate::graph::DiskId;
use crate::labels::{Flags, NOT_PLAIN};
use crate::pages::{Flat, Paged, Pages};
use crate::sizes::cut;

/// What a relation needs to know of a disk, in 8 bytes: a million of them fit the caches and address
/// buffers that the double would overflow, which costs as much again as the reading itself.
///
/// From the highest bit: the number of its place in the list (28 bits); a number greater than those
/// of all disks above it and of no other behind it (28); whether a "no" from those numbers may not
/// be one (1); the generation (7). So labels stand in the order of their places, and the last byte
/// is that of an id where nothing else has to be asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label(u64);

/// Bits of a number.
const BITS: u32 = 28;
/// Greater than every number of a place. Where the graph is fuzzed numbers are few, so that gaps run out.
pub(crate) const LAST: u32 = (1 << if cfg!(fuzzing) { 16 } else { BITS }) - 2;
const NUMBER: u64 = (1 << BITS) - 1;
const OPEN: u32 = 64 - BITS;
const CLOSE: u32 = OPEN - BITS;
const NOT_PLAIN_BIT: u64 = 128;
const GENERATION: u8 = 127;

/// The generation of a slot that is never taken again: its successor would not fit.
pub(crate) const LAST_GENERATION: u8 = 126;

impl Label {
    /// Of a slot that has no place.
    const BLANK: Self = Self(NUMBER << OPEN);

    /// The number of its place in the list.
    #[inline]
    pub(crate) fn open(self) -> u32 {
        number(self.0 >> OPEN)
    }

    /// Greater than the numbers of all disks above this one, and of no other behind it.
    #[inline]
    pub(crate) fn close(self) -> u32 {
        number(self.0 >> CLOSE)
    }

    #[inline]
    fn last_byte(self) -> u8 {
        self.0.to_le_bytes()[0]
    }

    /// Odd where the slot is taken, so that no id ever names a free one.
    #[inline]
    pub(crate) fn generation(self) -> u8 {
        self.last_byte() & GENERATION
    }

    /// Whether the slot is taken by this disk.
    #[inline]
    pub(crate) fn is_of(self, id: DiskId) -> bool {
        self.generation() == id.generation
    }

    /// Whether the slot is taken by this disk, and what the numbers say is all there is to say.
    #[inline]
    pub(crate) fn is_plain_of(self, id: DiskId) -> bool {
        self.last_byte() == id.generation
    }

    /// Whether `other` is this disk or above it.
    #[inline]
    pub(crate) fn holds(self, other: Self) -> bool {
        self.0 <= other.0 && other.0 < self.end()
    }

    /// Whether `other` is above this disk. Two labels of one place are the same, so that whole words can
    /// be compared.
    #[inline]
    pub(crate) fn is_below(self, other: Self) -> bool {
        // Not &&: what is likely is not known, and a wrong guess costs more than the other comparison.
        (self.0 < other.0) & (other.0 < self.end())
    }

    /// Less than the labels of all places from this disk's end on, greater than those before.
    #[inline]
    fn end(self) -> u64 {
        self.0 << BITS & (NUMBER << OPEN)
    }

    /// The numbers of this disk and of all above it.
    pub(crate) fn range(self) -> Range<u32> {
        self.open()..self.close()
    }

    /// Where nothing is above the disk the other number follows.
    pub(super) fn set_open(&mut self, open: u32, is_alone: bool) {
        self.0 = self.0 & !(NUMBER << OPEN) | u64::from(open) << OPEN;
        if is_alone {
            self.set_close(open + 1);
        }
    }

    pub(super) fn set_close(&mut self, close: u32) {
        self.0 = self.0 & !(NUMBER << CLOSE) | u64::from(close) << CLOSE;
    }

    pub(super) fn set_plain(&mut self, is_plain: bool) {
        self.0 = if is_plain { self.0 & !NOT_PLAIN_BIT } else { self.0 | NOT_PLAIN_BIT };
    }
}

/// The last bits of a word as a number; the conversion cannot lose one.
#[inline]
fn number(bits: u64) -> u32 {
    u32::try_from(bits & NUMBER).unwrap_or(0)
}

/// Labels and flags by slot.
#[derive(Clone, Debug)]
pub(crate) struct Recs {
    pub(super) labels: Flat<Label, { cut(2048, 8) }>,
    pub(super) flags: Pages<Flags, { cut(1024, 4) }>,
}

impl Default for Recs {
    fn default() -> Self {
        Self { labels: Flat::of(Label::BLANK), flags: Pages::of(0) }
    }
}

impl Recs {
    #[inline]
    pub(crate) fn get(&self, slot: u32) -> Label {
        *self.labels.get(slot)
    }

    #[inline]
    pub(crate) fn flags(&self, slot: u32) -> Flags {
        *self.flags.get(slot)
    }

    /// Writes nothing where nothing changes.
    pub(crate) fn set_flags(&mut self, slot: u32, flags: Flags) {
        let before = self.flags(slot);
        if before == flags {
            return;
        }
        *self.flags.at(slot) = flags;
        let is_plain = flags & NOT_PLAIN == 0;
        if is_plain != (before & NOT_PLAIN == 0) {
            self.labels.at(slot).set_plain(is_plain);
        }
    }

    pub(crate) fn flag(&mut self, slot: u32, flags: Flags) {
        self.set_flags(slot, self.flags(slot) | flags);
    }

    pub(crate) fn unflag(&mut self, slot: u32, flags: Flags) {
        self.set_flags(slot, self.flags(slot) & !flags);
    }

    pub(crate) fn toggle(&mut self, slot: u32, flags: Flags) {
        self.set_flags(slot, self.flags(slot) ^ flags);
    }

    /// The slot is taken, or given back.
    pub(crate) fn next_generation(&mut self, slot: u32) {
        let label = self.labels.at(slot);
        let next = label.generation().wrapping_add(1) & GENERATION;
        label.0 = label.0 & !u64::from(GENERATION) | u64::from(next);
    }

    /// The slot has neither place nor flags any more.
    pub(crate) fn clear(&mut self, slot: u32) {
        let label = self.labels.at(slot);
        label.0 = Label::BLANK.0 | u64::from(label.generation());
        if self.flags(slot) != 0 {
            *self.flags.at(slot) = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::EXTRA;

    fn is_plain(label: Label) -> bool {
        label.is_plain_of(DiskId { slot: 0, generation: label.generation() })
    }

    /// Labels beside their numbers.
    #[test]
    fn words_compare_as_numbers_do() {
        let label = |open: u32, close: u32, rest: u64| {
            Label(u64::from(open) << OPEN | u64::from(close) << CLOSE | rest)
        };
        let some = [(5, 6), (5, 9), (6, 7), (6, 9), (7, 8), (8, 9), (9, 10), (1, LAST)];
        for (one, other) in some.into_iter().flat_map(|one| some.map(|other| (one, other))) {
            for (rest, others) in [(0, 0), (255, 0), (0, 255), (255, 255)] {
                // No two labels of a graph begin at one place.
                if one.0 == other.0 && (one, rest) != (other, others) {
                    continue;
                }
                let (a, b) = (label(one.0, one.1, rest), label(other.0, other.1, others));
                assert_eq!(a.holds(b), (one.0..one.1).contains(&other.0), "{one:?} {other:?}");
                assert_eq!(
                    a.is_below(b),
                    (one.0 + 1..one.1).contains(&other.0),
                    "{one:?} {other:?}"
                );
            }
        }
    }

    #[test]
    fn what_shares_a_word_does_not_touch() {
        let mut recs = Recs::default();
        for slot in 0..100_u8 {
            let generation = slot + 1;
            let slot = u32::from(slot);
            for _ in 0..generation {
                recs.next_generation(slot);
            }
            recs.labels.at(slot).set_open(LAST - 1 - slot, true);
            recs.set_flags(slot, EXTRA);
            recs.labels.at(slot).set_close(LAST - slot / 2);
            let label = recs.get(slot);
            assert_eq!((label.open(), label.close()), (LAST - 1 - slot, LAST - slot / 2));
            assert_eq!((label.generation(), is_plain(label)), (generation, false));
            recs.set_flags(slot, 0);
            assert!(is_plain(recs.get(slot)));
            assert_eq!(recs.get(slot).generation(), generation);
            recs.clear(slot);
            assert_eq!((recs.get(slot).generation(), recs.flags(slot)), (generation, 0));
        }
    }
}
