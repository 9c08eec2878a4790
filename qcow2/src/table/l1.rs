//! L1 entries.
#![forbid(unsafe_code)]

use super::{Geometry, Oddities};
use crate::error::{Error, ErrorKind, Structure};
use crate::format::{ENTRY_COPIED, ENTRY_OFFSET, L1_RESERVED};
use crate::units::HostOffset;

/// An L1 entry, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum L1Entry {
    /// No L2 table: none of its clusters is allocated here.
    Unallocated,
    /// An L2 table.
    Table {
        /// Where it lies, at a cluster's start; maybe beyond the file.
        offset: HostOffset,
        /// Whether its refcount is said to be exactly one.
        copied: bool,
    },
    /// An offset that is not a cluster's start. QEMU doesn't read through it.
    Misaligned {
        /// The offset.
        offset: HostOffset,
    },
}

impl L1Entry {
    /// Decodes an entry.
    #[inline]
    #[must_use]
    pub const fn decode(entry: u64, geometry: &Geometry) -> Self {
        let offset = HostOffset(entry & ENTRY_OFFSET);
        if offset.get() == 0 {
            Self::Unallocated
        } else if geometry.cluster_bits().is_aligned(offset.get()) {
            Self::Table { offset, copied: entry & ENTRY_COPIED != 0 }
        } else {
            Self::Misaligned { offset }
        }
    }

    /// What is odd about an entry of an image of `file_len` bytes.
    #[must_use]
    pub const fn oddities(entry: u64, geometry: &Geometry, file_len: u64) -> Oddities {
        let offset = entry & ENTRY_OFFSET;
        Oddities::NONE
            .when(entry & L1_RESERVED != 0, Oddities::RESERVED_BITS)
            .when(!geometry.cluster_bits().is_aligned(offset), Oddities::MISALIGNED)
            .when(offset >= file_len && offset != 0, Oddities::OUT_OF_BOUNDS)
            .when(offset == 0 && entry & ENTRY_COPIED != 0, Oddities::COPIED_NOTHING)
    }

    /// The error for an entry at the byte `at` of the file whose offset is no cluster's start.
    #[cold]
    #[must_use]
    pub const fn misaligned(at: HostOffset, offset: HostOffset, geometry: &Geometry) -> Error {
        let kind =
            ErrorKind::Misaligned { found: offset.get(), alignment: geometry.cluster_size() };
        Error::new(Structure::L1Table, "entry", at.get(), kind)
    }
}
