//! What the header says about the form of all tables.
#![forbid(unsafe_code)]

use crate::format::{COMPRESSED_SECTOR, SUBCLUSTER_BITS};
use crate::header::Header;
use crate::units::{ClusterBits, GuestOffset, HostOffset};

/// The form of an image's tables, from its header. 8 bytes, `Copy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    cluster_bits: ClusterBits,
    refcount_order: u8,
    version_2: bool,
    extended_l2: bool,
    data_file: bool,
}

impl Geometry {
    /// Of the image that this header describes.
    #[must_use]
    pub fn of(header: &Header<'_>) -> Self {
        Self {
            cluster_bits: header.cluster_bits(),
            refcount_order: header.refcount_order(),
            version_2: header.version() == 2,
            extended_l2: header.features().extended_l2(),
            data_file: header.features().has_data_file(),
        }
    }

    /// The binary logarithm of the cluster size.
    #[inline]
    #[must_use]
    pub const fn cluster_bits(&self) -> ClusterBits {
        self.cluster_bits
    }

    /// The cluster size in bytes.
    #[inline]
    #[must_use]
    pub const fn cluster_size(&self) -> u64 {
        self.cluster_bits.size()
    }

    /// Whether the image has version 2, in which no cluster has a zero flag.
    #[inline]
    #[must_use]
    pub const fn is_version_2(&self) -> bool {
        self.version_2
    }

    /// Whether L2 entries are 128 bits wide, with 32 subclusters each.
    #[inline]
    #[must_use]
    pub const fn extended_l2(&self) -> bool {
        self.extended_l2
    }

    /// Whether guest data lies in an external data file, at its guest offset.
    #[inline]
    #[must_use]
    pub const fn data_file(&self) -> bool {
        self.data_file
    }

    /// 64-bit words of an L2 entry: 1, or 2 with extended entries.
    #[inline]
    #[must_use]
    pub const fn l2_words(&self) -> usize {
        if self.extended_l2 { 2 } else { 1 }
    }

    /// Entries of an L2 table, which fills one cluster: 32 to 262,144.
    #[inline]
    #[must_use]
    pub const fn l2_entries(&self) -> u64 {
        self.cluster_size() >> (self.entry_bits())
    }

    const fn entry_bits(&self) -> u32 {
        if self.extended_l2 { 4 } else { 3 }
    }

    /// Binary logarithm of the guest bytes that one L1 entry stands for: 15 to 39.
    #[inline]
    #[must_use]
    pub const fn l1_bits(&self) -> u32 {
        2 * self.cluster_bits.get() - self.entry_bits()
    }

    /// Which L1 entry stands for a guest offset. It may be beyond the table: then it is unallocated.
    #[inline]
    #[must_use]
    pub const fn l1_index(&self, guest: GuestOffset) -> u64 {
        guest.get() >> self.l1_bits()
    }

    /// Which entry of its L2 table stands for a guest offset.
    #[inline]
    #[must_use]
    pub const fn l2_index(&self, guest: GuestOffset) -> u64 {
        (guest.get() >> self.cluster_bits.get()) & (self.l2_entries() - 1)
    }

    /// Where in its cluster a guest offset lies, in bytes.
    #[inline]
    #[must_use]
    pub const fn in_cluster(&self, guest: GuestOffset) -> u64 {
        guest.get() & (self.cluster_size() - 1)
    }

    /// Binary logarithm of the unit of allocation: of a subcluster if there are any, else of a cluster.
    #[inline]
    #[must_use]
    pub const fn unit_bits(&self) -> u32 {
        let bits = self.cluster_bits.get();
        // Extended entries are only valid from 14 bits on: the header's parser sees to it.
        if self.extended_l2 { bits.saturating_sub(SUBCLUSTER_BITS) } else { bits }
    }

    /// How many L1 entries a disk of `size` bytes needs.
    #[inline]
    #[must_use]
    pub const fn l1_entries_for(&self, size: u64) -> u64 {
        size.div_ceil(1 << self.l1_bits())
    }

    /// Where a compressed cluster lies, and how many bytes at most, as its L2 entry says. The last sector is
    /// counted whole, although the data ends somewhere in it, and the file maybe too.
    ///
    /// The offset is not cut to 56 bits, as QEMU does not (`qcow2_parse_compressed_l2_entry`).
    #[inline]
    #[must_use]
    pub const fn compressed(&self, entry: u64) -> (HostOffset, u32) {
        let count_bits = self.cluster_bits.get() - 8;
        let shift = 62 - count_bits;
        let offset = entry & ((1 << shift) - 1);
        let sectors = ((entry >> shift) & ((1 << count_bits) - 1)) + 1;
        let len = sectors * COMPRESSED_SECTOR - (offset & (COMPRESSED_SECTOR - 1));
        #[expect(clippy::cast_possible_truncation, reason = "at most 2^13 sectors of 512 bytes")]
        let len = len as u32;
        (HostOffset(offset), len)
    }

    /// The width of a refcount as its binary logarithm: 0 to 6.
    #[inline]
    #[must_use]
    pub const fn refcount_order(&self) -> u8 {
        self.refcount_order
    }

    /// Refcounts in one refcount block: 64 to 16,777,216.
    #[inline]
    #[must_use]
    pub const fn refcounts_per_block(&self) -> u64 {
        (self.cluster_size() * 8) >> self.refcount_order
    }
}

impl Header<'_> {
    /// The form of this image's tables.
    #[inline]
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        Geometry::of(self)
    }
}
