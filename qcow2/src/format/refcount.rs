//! Refcounts: a table of blocks, each one cluster of counters of `1 << refcount_order` bits.
//!
//! ```text
//! table entry   0-8 reserved │ 9-63 where the block lies, 0: all its counters are 0
//! block         counters; narrower than a byte: the first in the lowest bits; wider: big-endian
//! ```
#![forbid(unsafe_code)]

/// Refcount table entry: where the block lies.
pub const REFCOUNT_BLOCK_OFFSET: u64 = 0xffff_ffff_ffff_fe00;
/// Refcount table entry: bits without a meaning.
pub const REFCOUNT_TABLE_RESERVED: u64 = 0x1ff;
/// Host offsets have 56 bits in everything but the refcount table; a cluster may not begin beyond.
pub const HOST_OFFSET_MAX: u64 = (1 << 56) - 1;

const _: () = assert!(REFCOUNT_BLOCK_OFFSET ^ REFCOUNT_TABLE_RESERVED == u64::MAX);
