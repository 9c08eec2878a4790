//! Refcount table entries and refcount blocks of all seven widths.
#![forbid(unsafe_code)]

use super::{Geometry, Oddities};
use crate::format::{REFCOUNT_BLOCK_OFFSET, REFCOUNT_TABLE_RESERVED};
use crate::units::HostOffset;

/// A refcount table entry, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefcountTableEntry {
    /// No block: all refcounts are 0.
    None,
    /// A refcount block.
    Block {
        /// Where it lies, at a cluster's start; maybe beyond the file.
        offset: HostOffset,
    },
    /// An offset that is not a cluster's start. QEMU doesn't read through it.
    Misaligned {
        /// The offset.
        offset: HostOffset,
    },
}

impl RefcountTableEntry {
    /// Decodes an entry.
    #[inline]
    #[must_use]
    pub const fn decode(entry: u64, geometry: &Geometry) -> Self {
        let offset = HostOffset(entry & REFCOUNT_BLOCK_OFFSET);
        if offset.get() == 0 {
            Self::None
        } else if geometry.cluster_bits().is_aligned(offset.get()) {
            Self::Block { offset }
        } else {
            Self::Misaligned { offset }
        }
    }

    /// What is odd about an entry of an image of `file_len` bytes.
    #[must_use]
    pub const fn oddities(entry: u64, geometry: &Geometry, file_len: u64) -> Oddities {
        let offset = entry & REFCOUNT_BLOCK_OFFSET;
        Oddities::NONE
            .when(entry & REFCOUNT_TABLE_RESERVED != 0, Oddities::RESERVED_BITS)
            .when(!geometry.cluster_bits().is_aligned(offset), Oddities::MISALIGNED)
            .when(offset >= file_len && offset != 0, Oddities::OUT_OF_BOUNDS)
    }
}

/// A refcount block, or the beginning of one.
#[derive(Clone, Copy, Debug)]
pub struct RefcountBlock<'a> {
    bytes: &'a [u8],
    order: u8,
}

impl<'a> RefcountBlock<'a> {
    /// A view of a block's bytes.
    #[inline]
    #[must_use]
    pub const fn new(bytes: &'a [u8], geometry: &Geometry) -> Self {
        Self { bytes, order: geometry.refcount_order() }
    }

    /// How many refcounts there are.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        match self.order {
            0..=2 => self.bytes.len() << (3 - self.order),
            order => self.bytes.len() >> (order - 3),
        }
    }

    /// Whether there are none.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Refcount `index`; `None` beyond the block. The greatest is `u64::MAX`, at a width of 64 bits.
    #[inline]
    #[must_use]
    pub fn get(&self, index: usize) -> Option<u64> {
        let narrow = |per_byte: usize, bits: usize| {
            let byte = *self.bytes.get(index / per_byte)?;
            Some(u64::from(byte >> (bits * (index % per_byte)) & ((1 << bits) - 1)))
        };
        match self.order {
            0 => narrow(8, 1),
            1 => narrow(4, 2),
            2 => narrow(2, 4),
            3 => self.bytes.get(index).map(|byte| u64::from(*byte)),
            4 => self.array(index).map(|bytes| u64::from(u16::from_be_bytes(bytes))),
            5 => self.array(index).map(|bytes| u64::from(u32::from_be_bytes(bytes))),
            _ => self.array(index).map(u64::from_be_bytes),
        }
    }

    #[inline]
    fn array<const N: usize>(&self, index: usize) -> Option<[u8; N]> {
        let at = index.checked_mul(N)?;
        self.bytes.get(at..)?.first_chunk().copied()
    }

    /// The refcounts in order.
    #[inline]
    #[must_use]
    pub fn iter(&self) -> Refcounts<'a> {
        Refcounts { block: *self, next: 0 }
    }

    /// How many of the first `limit` refcounts are not 0.
    #[must_use]
    pub fn count_used(&self, limit: usize) -> usize {
        let limit = limit.min(self.len());
        match self.order {
            3 => self.used::<1>(limit),
            4 => self.used::<2>(limit),
            5 => self.used::<4>(limit),
            6 => self.used::<8>(limit),
            _ => (0..limit).filter(|at| self.get(*at).is_some_and(|count| count != 0)).count(),
        }
    }

    /// The same for refcounts of `N` bytes. Summed up in narrow lanes, 128 at a time: several in one instruction.
    fn used<const N: usize>(&self, limit: usize) -> usize {
        let (counts, _) = self.bytes.as_chunks::<N>();
        let counts = counts.get(..limit).unwrap_or(counts);
        let used =
            |chunk: &[[u8; N]]| chunk.iter().map(|count| u16::from(*count != [0; N])).sum::<u16>();
        counts.chunks(128).map(|chunk| usize::from(used(chunk))).sum()
    }
}

impl<'a> IntoIterator for RefcountBlock<'a> {
    type Item = u64;
    type IntoIter = Refcounts<'a>;

    fn into_iter(self) -> Refcounts<'a> {
        self.iter()
    }
}

/// The refcounts of a block in order.
#[derive(Clone, Debug)]
pub struct Refcounts<'a> {
    block: RefcountBlock<'a>,
    next: usize,
}

impl Iterator for Refcounts<'_> {
    type Item = u64;

    #[inline]
    fn next(&mut self) -> Option<u64> {
        let found = self.block.get(self.next)?;
        self.next += 1;
        Some(found)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.block.len().saturating_sub(self.next);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Refcounts<'_> {}
impl core::iter::FusedIterator for Refcounts<'_> {}

#[cfg(test)]
mod tests {
    use super::RefcountBlock;

    fn all(bytes: &[u8], order: u8) -> alloc::vec::Vec<u64> {
        RefcountBlock { bytes, order }.iter().collect()
    }

    #[test]
    fn narrow_counters_begin_in_the_lowest_bits_and_wide_ones_are_big_endian() {
        assert_eq!(all(&[0b1000_0001], 0), [1, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(all(&[0b1100_0110], 1), [2, 1, 0, 3]);
        assert_eq!(all(&[0xf1, 0x02], 2), [1, 15, 2, 0]);
        assert_eq!(all(&[7, 255], 3), [7, 255]);
        assert_eq!(all(&[1, 2, 3, 4, 5], 4), [0x0102, 0x0304]);
        assert_eq!(all(&[0, 0, 1, 0], 5), [256]);
        assert_eq!(all(&[0xff; 16], 6), [u64::MAX, u64::MAX]);
    }

    #[test]
    fn used_counters_are_counted_up_to_the_limit() {
        for order in 0..=6 {
            let mut bytes = [0_u8; 64];
            bytes[0] = 1;
            bytes[63] = 1;
            let block = RefcountBlock { bytes: &bytes, order };
            for limit in [0, 1, block.len() / 2, block.len() - 1, block.len(), block.len() + 9] {
                let naive = block.iter().take(limit).filter(|count| *count != 0).count();
                assert_eq!(block.count_used(limit), naive, "order {order}, limit {limit}");
            }
        }
    }
}
