//! Pieces of a disk, packed, and a batch of them.
#![forbid(unsafe_code)]

use std::vec::Vec;

use super::plain::PlainData;
use crate::format::{Be64, ENTRY_OFFSET};

/// No offset: beyond all that the format can hold.
pub(crate) const NOWHERE: u64 = u64::MAX;

/// Whether the layer has it allocated, as data or as zeros.
pub(crate) const PRESENT: u64 = 1;
/// Whether it reads as zeros without being looked at.
pub(crate) const ZERO: u64 = 2;
/// Whether there is data to be read.
pub(crate) const DATA: u64 = 4;
/// Whether that is compressed.
pub(crate) const COMPRESSED: u64 = 8;
/// Whether it would lie beyond the end of the file.
pub(crate) const BEYOND_END: u64 = 16;

/// Pieces of a batch. 24 bytes each: together they fit into a core's first cache.
const BATCH: usize = 512;

/// Neighbouring guest bytes that come from one place. There may be millions of them, and what is written bit
/// by bit and read at once costs more than all else: hence the tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// In the file that holds the data; [`NOWHERE`] if there is none.
    pub(crate) offset: u64,
    pub(crate) length: u64,
    /// The flags in the lowest byte, the length of compressed data in the next three, above them the depth.
    tag: u64,
}

impl Piece {
    pub(crate) const NONE: Self = Self { offset: NOWHERE, length: 0, tag: u64::MAX };

    #[inline]
    pub(crate) const fn new(depth: u32, flags: u64, offset: u64, length: u64) -> Self {
        Self { offset, length, tag: tag(depth, flags) }
    }

    /// Of that tag, wherever it lies.
    #[inline]
    pub(crate) const fn tagged(tag: u64, length: u64) -> Self {
        Self { offset: NOWHERE, length, tag }
    }

    /// The same, compressed in so many bytes: less than 2^24 of them, as the format has it.
    pub(crate) const fn stored_in(mut self, bytes: u32) -> Self {
        self.tag |= (bytes as u64 & 0xff_ffff) << 8;
        self
    }

    #[inline]
    pub(crate) const fn is(&self, flag: u64) -> bool {
        self.tag & flag != 0
    }

    #[inline]
    pub(crate) const fn depth(&self) -> u32 {
        (self.tag >> 32) as u32
    }

    /// How many bytes compressed data has at most.
    pub(crate) const fn stored(&self) -> u32 {
        (self.tag >> 8 & 0xff_ffff) as u32
    }

    /// Whether `next` is a part of this one: QEMU's `entry_mergeable`.
    #[inline]
    fn is_continued_by(&self, next: &Self) -> bool {
        self.tag == next.tag && self.next_offset() == next.offset
    }

    /// Where a part of this one would have to lie. A compressed cluster whose place is known has no other parts.
    #[inline]
    const fn next_offset(&self) -> u64 {
        match self.offset {
            NOWHERE => NOWHERE,
            _ if self.is(COMPRESSED) => NOWHERE - 1,
            offset => offset.wrapping_add(self.length),
        }
    }
}

/// Of a piece from that layer.
#[inline]
pub(crate) const fn tag(depth: u32, flags: u64) -> u64 {
    (depth as u64) << 32 | flags
}

/// Where a walk puts what it finds: in the guest's order, without gaps.
pub(crate) trait Pieces {
    /// Whether there is room for another piece.
    fn has_room(&self) -> bool;

    /// Takes a piece. There has to be room.
    fn push(&mut self, piece: Piece);

    /// Takes clusters of data, pieces of that tag, as long as the words are nothing else and there is room. How many
    /// clusters.
    fn data(&mut self, words: &[Be64], plain: &PlainData, tag: u64) -> usize;
}

/// Pieces as long as they can be, to be taken out one by one.
pub(crate) struct Batch {
    /// Allocated when the first piece comes.
    pieces: Vec<Piece>,
    /// How many there are. The last one may still grow.
    len: usize,
    /// How many are complete.
    complete: usize,
    /// How many of those were taken out.
    taken: usize,
    /// Where the next one that is taken out begins.
    start: u64,
}

impl Batch {
    /// Empty; the first piece will begin at `start`.
    pub(crate) const fn new(start: u64) -> Self {
        Self { pieces: Vec::new(), len: 0, complete: 0, taken: 0, start }
    }

    /// Takes out the next piece that is complete, and where it begins.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<(u64, Piece)> {
        if self.taken >= self.complete {
            return None;
        }
        let piece = *self.pieces.get(self.taken)?;
        let start = self.start;
        self.taken += 1;
        self.start += piece.length;
        Some((start, piece))
    }

    /// Whether all pieces have been taken out, that which may still grow included.
    pub(crate) const fn is_empty(&self) -> bool {
        self.taken == self.len
    }

    /// Makes room: all that was complete has been taken out.
    pub(crate) fn renew(&mut self) {
        if self.pieces.is_empty() {
            self.pieces = std::vec![Piece::NONE; BATCH];
        }
        self.pieces.copy_within(self.taken..self.len, 0);
        (self.len, self.complete, self.taken) = (self.len - self.taken, 0, 0);
    }

    /// Completes all pieces but the last, and that one too if it is the `end`.
    pub(crate) fn complete(&mut self, end: bool) {
        self.complete = if end { self.len } else { self.len.saturating_sub(1) };
    }
}

impl Pieces for Batch {
    #[inline]
    fn has_room(&self) -> bool {
        self.len < self.pieces.len()
    }

    #[inline]
    fn push(&mut self, piece: Piece) {
        let rest = self.pieces.get_mut(self.len.saturating_sub(1)..).unwrap_or_default();
        match rest {
            [last, ..] if self.len > 0 && last.is_continued_by(&piece) => {
                last.length += piece.length;
            }
            [_, slot, ..] if self.len > 0 => {
                *slot = piece;
                self.len += 1;
            }
            [slot, ..] => {
                *slot = piece;
                self.len += 1;
            }
            [] => {}
        }
    }

    fn data(&mut self, words: &[Be64], plain: &PlainData, tag: u64) -> usize {
        let size = 1 << plain.bits;
        let mut at = 0;
        loop {
            let last = self.len.checked_sub(1).and_then(|last| self.pieces.get(last));
            let last = last.filter(|last| last.tag == tag);
            let expected = last.map_or(NOWHERE, Piece::next_offset);
            let slots = self.pieces.get_mut(self.len..).unwrap_or_default();
            let rest = words.get(at..).unwrap_or_default();
            let taken =
                scattered(rest, slots, plain, expected, Piece { offset: 0, length: size, tag });
            self.len += taken;
            at += taken;
            let Some(last) = self.pieces.get_mut(self.len.saturating_sub(1)) else { break };
            let Some((word, rest)) = rest.get(taken..).and_then(<[Be64]>::split_first) else {
                break;
            };
            // Not data; or there is no room.
            let goes_on = last.tag == tag && word.get() & ENTRY_OFFSET == last.next_offset();
            if !(self.len > 0 && goes_on && plain.has(word.get())) {
                break;
            }
            let run = 1 + plain.run(rest, word.get());
            last.length += (run as u64) << plain.bits;
            at += run;
        }
        at
    }
}

/// Fills slots with clusters of data none of which goes on where the one before it ends; that in front of the
/// first ends at `expected`. How many there are.
///
/// The loop that a map of a shuffled image waits for.
#[inline(never)]
fn scattered(
    words: &[Be64],
    slots: &mut [Piece],
    plain: &PlainData,
    mut expected: u64,
    cluster: Piece,
) -> usize {
    let plain = *plain;
    let mut taken = 0;
    for (word, slot) in words.iter().zip(slots) {
        let word = word.get();
        let offset = word & ENTRY_OFFSET;
        if !plain.has(word) || offset == expected {
            break;
        }
        *slot = Piece { offset, ..cluster };
        expected = offset + cluster.length;
        taken += 1;
    }
    taken
}
