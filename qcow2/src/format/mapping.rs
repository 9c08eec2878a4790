//! The mapping of guest clusters to host clusters: L1 table, L2 tables. All entries are big-endian words.
//!
//! ```text
//! L1 entry          0-8 reserved │ 9-55 L2 table │ 56-62 reserved                 │ 63 copied
//! L2, standard      0 zero │ 1-8 reserved │ 9-55 cluster │ 56-61 reserved │ 62: 0 │ 63 copied
//! L2, compressed    0..x byte offset │ x..61 further sectors              │ 62: 1 │ 63: 0
//! L2, extended      a second word: 0-31 subcluster allocated │ 32-63 subcluster reads as zeros
//! ```
#![forbid(unsafe_code)]

use core::mem::{align_of, offset_of, size_of};

use bytemuck::{Pod, Zeroable};

use super::Be64;

/// L1 and standard L2 entry: where the L2 table or the cluster lies, bits 9 to 55.
pub const ENTRY_OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
/// L1 and L2 entry: the refcount is exactly one. Exact only in the active tables.
pub const ENTRY_COPIED: u64 = 1 << 63;
/// L1 entry: bits without a meaning.
pub const L1_RESERVED: u64 = 0x7f00_0000_0000_01ff;
/// L2 entry: a compressed cluster.
pub const L2_COMPRESSED: u64 = 1 << 62;
/// Standard L2 entry: the cluster reads as zeros. Version 3 alone, and not with extended entries.
pub const L2_ZERO: u64 = 1;
/// Standard L2 entry: bits without a meaning.
pub const L2_RESERVED: u64 = 0x3f00_0000_0000_01fe;
/// The unit in which the length of a compressed cluster is counted, in bytes.
pub const COMPRESSED_SECTOR: u64 = 512;
/// Subclusters of one cluster with extended L2 entries.
pub const SUBCLUSTERS: u32 = 32;
/// Binary logarithm of [`SUBCLUSTERS`].
pub const SUBCLUSTER_BITS: u32 = 5;

/// An extended L2 entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct RawExtendedL2Entry {
    /// 0: as without subclusters, but bit 0 has no meaning.
    pub entry: Be64,
    /// 8: bit i: subcluster i is allocated; bit 32 + i: it reads as zeros.
    pub bitmap: Be64,
}

const _: () = {
    assert!(offset_of!(RawExtendedL2Entry, entry) == 0);
    assert!(offset_of!(RawExtendedL2Entry, bitmap) == 8);
    assert!(size_of::<RawExtendedL2Entry>() == 16 && align_of::<RawExtendedL2Entry>() == 1);
    assert!(ENTRY_OFFSET ^ ENTRY_COPIED ^ L1_RESERVED == u64::MAX);
    assert!(
        ENTRY_OFFSET ^ ENTRY_COPIED ^ L2_COMPRESSED ^ L2_ZERO ^ L2_RESERVED == u64::MAX,
        "every bit of an entry is accounted for once"
    );
    assert!(1 << SUBCLUSTER_BITS == SUBCLUSTERS);
};
