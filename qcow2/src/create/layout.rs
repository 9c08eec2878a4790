//! Where everything of a new image lies.
#![forbid(unsafe_code)]

use alloc::vec;
use alloc::vec::Vec;

use super::header::{Tables, first_cluster};
use super::{Create, CreateError};
use crate::format::{L1_ENTRIES_MAX, REFCOUNT_ORDER_V2};
use crate::header::{Compression, Header};

/// A new image: write the pieces into an empty file, then set its length.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Layout {
    /// Offsets in the file, ascending, and the bytes that lie there. Everything else is zeros, and best
    /// left a hole.
    pub pieces: Vec<(u64, Vec<u8>)>,
    /// The file's length in bytes.
    pub len: u64,
}

impl Layout {
    /// The first piece: the header with its extensions and the backing file's name.
    #[must_use]
    pub fn header(&self) -> &[u8] {
        self.pieces.first().map_or(&[], |(_, bytes)| bytes)
    }
}

impl Create<'_> {
    /// The image's bytes. Memory and time are linear in its metadata: 2 bytes for each of its clusters,
    /// of which an L1 table for 64 TiB takes 16.
    ///
    /// # Errors
    ///
    /// [`CreateError`], by kind.
    pub fn build(&self) -> Result<Layout, CreateError> {
        self.check_version()?;
        if !self.virtual_size.is_multiple_of(512) {
            return Err(CreateError::UnalignedSize { found: self.virtual_size });
        }
        let bits = self.cluster_bits;
        let l1_size = self.l1_size()?;
        let l1_bytes = u64::from(l1_size) * 8;
        let refcounts = Refcounts::of(self, bits.clusters(l1_bytes))?;
        let refcount_table_offset = bits.size();
        let blocks_offset = refcount_table_offset + refcounts.table_clusters * bits.size();
        let l1_table_offset = blocks_offset + refcounts.blocks * bits.size();
        let tables = Tables {
            l1_size,
            l1_table_offset,
            refcount_table_offset,
            refcount_table_clusters: u32::try_from(refcounts.table_clusters).unwrap_or(u32::MAX),
        };
        let header = first_cluster(self, &tables)?;
        let len = l1_table_offset + l1_bytes;
        // What this crate would refuse to read it doesn't write.
        Header::parse_prefix(&header, len)?;

        let table = (0..refcounts.blocks)
            .flat_map(|block| (blocks_offset + block * bits.size()).to_be_bytes())
            .collect();
        let pieces = vec![
            (0, header),
            (refcount_table_offset, table),
            (blocks_offset, ones(refcounts.clusters, self.refcount_order)),
        ];
        Ok(Layout { pieces, len })
    }

    fn check_version(&self) -> Result<(), CreateError> {
        if self.version >= 3 {
            return Ok(());
        }
        let wanted = [
            (self.data_file.is_some(), "an external data file"),
            (u32::from(self.refcount_order) != REFCOUNT_ORDER_V2, "another refcount width"),
            (self.lazy_refcounts, "lazy refcounts"),
            (self.extended_l2, "extended L2 entries"),
            (self.compression != Compression::Deflate, "another compression type"),
        ];
        match wanted.into_iter().find(|(wanted, _)| *wanted) {
            Some((_, field)) => Err(CreateError::NeedsVersion3 { field }),
            None => Ok(()),
        }
    }

    /// Entries of the L1 table; one at least, so that the table has a place.
    fn l1_size(&self) -> Result<u32, CreateError> {
        let shift = 2 * self.cluster_bits.get() - if self.extended_l2 { 4 } else { 3 };
        let entries = self.virtual_size.div_ceil(1 << shift);
        match u32::try_from(entries) {
            Ok(entries) if entries <= L1_ENTRIES_MAX => Ok(entries.max(1)),
            _ => Err(CreateError::TooLarge {
                found: self.virtual_size,
                max: u64::from(L1_ENTRIES_MAX) << shift,
            }),
        }
    }
}

/// How many clusters count the clusters, themselves included.
struct Refcounts {
    table_clusters: u64,
    blocks: u64,
    /// All clusters of the image.
    clusters: u64,
}

impl Refcounts {
    fn of(options: &Create<'_>, l1_clusters: u64) -> Result<Self, CreateError> {
        let bits = options.cluster_bits;
        let order = u32::from(options.refcount_order).min(6);
        let per_block = (bits.size() * 8) >> order;
        let (mut blocks, mut table_clusters) = (1, 1);
        loop {
            let clusters = 1 + table_clusters + blocks + l1_clusters;
            let needed = clusters.div_ceil(per_block);
            let needed_table = bits.clusters(needed * 8);
            if (needed, needed_table) == (blocks, table_clusters) {
                return Ok(Self { table_clusters, blocks, clusters });
            }
            // Both only grow, and slower than what they count: this ends.
            (blocks, table_clusters) = (needed.max(blocks), needed_table.max(table_clusters));
        }
    }
}

/// `count` refcounts of 1, each `1 << order` bits wide: below a byte the low bits come first, above it the
/// high bytes do.
fn ones(count: u64, order: u8) -> Vec<u8> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if order < 3 {
        let per_byte = 8 >> order;
        let full: u8 = match order {
            0 => 0b1111_1111,
            1 => 0b0101_0101,
            _ => 0b0001_0001,
        };
        let mut bytes = vec![full; count / per_byte];
        let rest = count % per_byte;
        if rest > 0 {
            let keep = (1_u16 << (rest << order)) - 1;
            bytes.push(full & u8::try_from(keep).unwrap_or(u8::MAX));
        }
        return bytes;
    }
    let width = 1 << (order - 3);
    let mut bytes = vec![0; count.saturating_mul(width)];
    for refcount in bytes.chunks_exact_mut(width) {
        if let Some(last) = refcount.last_mut() {
            *last = 1;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::ones;

    #[test]
    fn refcounts_of_every_width() {
        assert_eq!(ones(10, 0), [0xff, 0b11]);
        assert_eq!(ones(5, 1), [0x55, 0b01]);
        assert_eq!(ones(3, 2), [0x11, 0x01]);
        assert_eq!(ones(3, 3), [1, 1, 1]);
        assert_eq!(ones(2, 4), [0, 1, 0, 1]);
        assert_eq!(ones(1, 6), [0, 0, 0, 0, 0, 0, 0, 1]);
    }
}
