//! The labels, as they lie in memory.

use std::ops::Range;

use crate::labels::{Flags, NOT_PLAIN};
use crate::pages::Pages;

/// What a relation needs to know of a disk, in 8 bytes: a million of them fit the caches and address
/// buffers that the double would overflow, which costs as much again as the reading itself.
///
/// From the lowest bit: the number of its place in the list (28 bits); a number greater than those
/// of all disks above it and of no other behind it (28); whether a "no" from those numbers may not
/// be one (1); the generation (7).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label(u64);

/// Bits of a number.
const BITS: u32 = 28;
/// Greater than every number of a place.
pub(crate) const LAST: u32 = (1 << BITS) - 2;
const NUMBER: u64 = (1 << BITS) - 1;
const NOT_PLAIN_BIT: u64 = 1 << (2 * BITS);
const GENERATION: u32 = 2 * BITS + 1;

/// The generation of a slot that is never taken again: its successor would not fit.
pub(crate) const LAST_GENERATION: u32 = 126;

impl Label {
    /// Of a slot that has no place.
    const BLANK: Self = Self(NUMBER);

    /// The number of its place in the list.
    #[inline]
    pub(crate) fn open(self) -> u32 {
        low(self.0 & NUMBER)
    }

    /// Greater than the numbers of all disks above this one, and of no other behind it.
    #[inline]
    pub(crate) fn close(self) -> u32 {
        low(self.0 >> BITS & NUMBER)
    }

    /// Odd where the slot is taken, so that no id ever names a free one.
    #[inline]
    pub(crate) fn generation(self) -> u32 {
        low(self.0 >> GENERATION)
    }

    /// Whether what the numbers say is all there is to say.
    #[inline]
    pub(crate) fn is_plain(self) -> bool {
        self.0 & NOT_PLAIN_BIT == 0
    }

    /// Whether `other` is this disk or above it.
    #[inline]
    pub(crate) fn holds(self, other: Self) -> bool {
        let open = self.open();
        other.open().wrapping_sub(open) < self.close().wrapping_sub(open)
    }

    /// Whether `other` is above this disk.
    #[inline]
    pub(crate) fn is_below(self, other: Self) -> bool {
        // One unsigned comparison: 0 <= other.open - (open + 1) < close - (open + 1).
        let first = self.open().wrapping_add(1);
        other.open().wrapping_sub(first) < self.close().wrapping_sub(first)
    }

    /// The numbers of this disk and of all above it.
    pub(crate) fn range(self) -> Range<u32> {
        self.open()..self.close()
    }

    /// Where nothing is above the disk the other number follows.
    pub(super) fn set_open(&mut self, open: u32, is_alone: bool) {
        self.0 = self.0 & !NUMBER | u64::from(open);
        if is_alone {
            self.set_close(open + 1);
        }
    }

    pub(super) fn set_close(&mut self, close: u32) {
        self.0 = self.0 & !(NUMBER << BITS) | u64::from(close) << BITS;
    }

    pub(super) fn set_plain(&mut self, is_plain: bool) {
        self.0 = if is_plain { self.0 & !NOT_PLAIN_BIT } else { self.0 | NOT_PLAIN_BIT };
    }
}

/// A few bits of a word as a number; the conversion cannot lose one.
#[inline]
fn low(bits: u64) -> u32 {
    u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(0)
}

/// Labels and flags by slot.
#[derive(Clone, Debug)]
pub(crate) struct Recs {
    pub(super) labels: Pages<Label, 512>,
    pub(super) flags: Pages<Flags, 1024>,
}

impl Default for Recs {
    fn default() -> Self {
        Self { labels: Pages::of(Label::BLANK), flags: Pages::of(0) }
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
        label.0 = label.0.wrapping_add(1 << GENERATION);
    }

    /// The slot has neither place nor flags any more.
    pub(crate) fn clear(&mut self, slot: u32) {
        let label = self.labels.at(slot);
        label.0 = label.0 >> GENERATION << GENERATION | Label::BLANK.0;
        if self.flags(slot) != 0 {
            *self.flags.at(slot) = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::EXTRA;

    #[test]
    fn what_shares_a_word_does_not_touch() {
        let mut recs = Recs::default();
        for slot in 0..100 {
            for _ in 0..=slot {
                recs.next_generation(slot);
            }
            recs.labels.at(slot).set_open(LAST - 1 - slot, true);
            recs.set_flags(slot, EXTRA);
            recs.labels.at(slot).set_close(LAST - slot / 2);
            let label = recs.get(slot);
            assert_eq!((label.open(), label.close()), (LAST - 1 - slot, LAST - slot / 2));
            assert_eq!((label.generation(), label.is_plain()), (slot + 1, false));
            recs.set_flags(slot, 0);
            assert!(recs.get(slot).is_plain());
            assert_eq!(recs.get(slot).generation(), slot + 1);
            recs.clear(slot);
            assert_eq!((recs.get(slot).generation(), recs.flags(slot)), (slot + 1, 0));
        }
    }
}
