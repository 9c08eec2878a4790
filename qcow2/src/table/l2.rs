//! L2 entries: what a guest cluster is mapped to.
#![forbid(unsafe_code)]

use super::{Geometry, Oddities};
use crate::error::{Error, ErrorKind, Structure};
use crate::format::{ENTRY_COPIED, ENTRY_OFFSET, L2_COMPRESSED, L2_RESERVED, L2_ZERO, SUBCLUSTERS};
use crate::units::{GuestOffset, HostOffset};

/// An L2 entry as stored, in the machine's order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct L2Entry {
    /// The entry.
    pub entry: u64,
    /// The second word of an extended entry, else 0.
    pub bitmap: u64,
}

/// What a guest cluster is mapped to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// Nothing: the backing file has it, or else it reads as zeros.
    Unallocated,
    /// Zeros.
    ZeroPlain,
    /// Zeros, with a cluster set aside for when it is written.
    ZeroAllocated {
        /// Where that cluster lies.
        offset: HostOffset,
        /// Whether its refcount is said to be exactly one.
        copied: bool,
    },
    /// The data in a cluster. It reads as zeros where that lies beyond the file.
    Data {
        /// Where it lies, at a cluster's start.
        offset: HostOffset,
        /// Whether its refcount is said to be exactly one.
        copied: bool,
    },
    /// Compressed data.
    Compressed {
        /// Where it lies, at any byte.
        offset: HostOffset,
        /// How many bytes it has at most.
        len: u32,
    },
    /// Subclusters of more than one kind, or none of which the set-aside cluster holds.
    Subclusters(Subclusters),
    /// QEMU doesn't read through this entry.
    Bad(Fault),
}

/// The subclusters of a cluster, where they are not all of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subclusters {
    /// Where their cluster lies; `None` if there is none, and so none of them is allocated.
    pub offset: Option<HostOffset>,
    /// Whether its refcount is said to be exactly one.
    pub copied: bool,
    /// Bit i: subcluster i has data.
    pub allocated: u32,
    /// Bit i: subcluster i reads as zeros. Never set where `allocated` is.
    pub zero: u32,
}

/// What one subcluster is mapped to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subcluster {
    /// The backing file has it, or else it reads as zeros.
    Unallocated,
    /// Zeros.
    Zero,
    /// Data.
    Data,
}

impl Subclusters {
    /// What subcluster `index` is, and for how many in a row, itself counted. Unallocated and 1 beyond the
    /// last.
    #[inline]
    #[must_use]
    pub const fn run(&self, index: u32) -> (Subcluster, u32) {
        if index >= SUBCLUSTERS {
            return (Subcluster::Unallocated, 1);
        }
        let (kind, same) = if self.allocated >> index & 1 != 0 {
            (Subcluster::Data, self.allocated)
        } else if self.zero >> index & 1 != 0 {
            (Subcluster::Zero, self.zero)
        } else {
            (Subcluster::Unallocated, !(self.allocated | self.zero))
        };
        // The shift brings in zeros from above, which end the run at the cluster's end.
        (kind, (same >> index).trailing_ones())
    }
}

/// Why QEMU doesn't read through an L2 entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The cluster's offset is not a cluster's start.
    Misaligned(HostOffset),
    /// The zero flag in version 2, which has none.
    ZeroInVersion2,
    /// A compressed cluster in an image with an external data file.
    CompressedWithDataFile,
    /// In an external data file a cluster lies at its guest offset, not here.
    WrongDataFileOffset(HostOffset),
    /// A subcluster that is both allocated and zero, or allocated where there is no cluster.
    BadSubclusters,
}

impl Fault {
    /// The error for the entry at the byte `at` of the file.
    #[cold]
    #[must_use]
    pub const fn error(self, at: HostOffset, entry: L2Entry, geometry: &Geometry) -> Error {
        let kind = match self {
            Self::Misaligned(offset) => {
                ErrorKind::Misaligned { found: offset.get(), alignment: geometry.cluster_size() }
            }
            Self::ZeroInVersion2 => ErrorKind::Inconsistent {
                found: entry.entry,
                why: "the zero flag, which version 2 doesn't have",
            },
            Self::CompressedWithDataFile => ErrorKind::Inconsistent {
                found: entry.entry,
                why: "a compressed cluster, though data lies in an external data file",
            },
            Self::WrongDataFileOffset(offset) => ErrorKind::Inconsistent {
                found: offset.get(),
                why: "in an external data file a cluster lies at its guest offset",
            },
            Self::BadSubclusters => ErrorKind::Inconsistent {
                found: entry.bitmap,
                why: "a subcluster both allocated and zero, or allocated without a cluster",
            },
        };
        Error::new(Structure::L2Table, "entry", at.get(), kind)
    }
}

impl L2Entry {
    /// Decodes the entry.
    #[inline]
    #[must_use]
    pub const fn mapping(self, geometry: &Geometry) -> Mapping {
        let Self { entry, bitmap } = self;
        if entry & L2_COMPRESSED != 0 {
            if geometry.data_file() {
                return Mapping::Bad(Fault::CompressedWithDataFile);
            }
            let (offset, len) = geometry.compressed(entry);
            return Mapping::Compressed { offset, len };
        }
        let offset = HostOffset(entry & ENTRY_OFFSET);
        let copied = entry & ENTRY_COPIED != 0;
        // With an external data file, whose clusters aren't counted, the first cluster lies at offset 0;
        // the copied bit tells it from an unallocated one.
        let present = offset.get() != 0 || (geometry.data_file() && copied);
        if geometry.extended_l2() {
            return extended(offset, present, copied, bitmap, geometry);
        }
        let zero = entry & L2_ZERO != 0;
        if zero && geometry.is_version_2() {
            return Mapping::Bad(Fault::ZeroInVersion2);
        }
        if !geometry.cluster_bits().is_aligned(offset.get()) {
            return Mapping::Bad(Fault::Misaligned(offset));
        }
        match (zero, present) {
            // Zero goes by the offset alone: QEMU's `qcow2_get_cluster_type`.
            (true, _) if offset.get() == 0 => Mapping::ZeroPlain,
            (true, _) => Mapping::ZeroAllocated { offset, copied },
            (false, true) => Mapping::Data { offset, copied },
            (false, false) => Mapping::Unallocated,
        }
    }

    /// What is odd about the entry for the guest cluster that begins at `guest`. `data_len` is the length in
    /// bytes of the file that holds guest data: the image, or its external data file.
    #[must_use]
    pub const fn oddities(
        self,
        guest: GuestOffset,
        geometry: &Geometry,
        data_len: u64,
    ) -> Oddities {
        let Self { entry, bitmap } = self;
        let copied = entry & ENTRY_COPIED != 0;
        if entry & L2_COMPRESSED != 0 {
            let (offset, _) = geometry.compressed(entry);
            return Oddities::NONE
                .when(geometry.data_file(), Oddities::COMPRESSED_WITH_DATA_FILE)
                .when(copied, Oddities::COPIED_COMPRESSED)
                .when(geometry.extended_l2() && bitmap != 0, Oddities::COMPRESSED_SUBCLUSTERS)
                .when(offset.get() >= data_len, Oddities::OUT_OF_BOUNDS);
        }
        let offset = entry & ENTRY_OFFSET;
        let zero = entry & L2_ZERO != 0;
        let present = offset != 0 || (geometry.data_file() && copied);
        let mapping = self.mapping(geometry);
        let misplaced = geometry.data_file() && present && offset != guest.get();
        let subclusters = matches!(mapping, Mapping::Bad(Fault::BadSubclusters));
        Oddities::NONE
            .when(entry & L2_RESERVED != 0, Oddities::RESERVED_BITS)
            .when(!geometry.cluster_bits().is_aligned(offset), Oddities::MISALIGNED)
            .when(present && offset >= data_len, Oddities::OUT_OF_BOUNDS)
            .when(copied && !present, Oddities::COPIED_NOTHING)
            .when(zero && geometry.is_version_2(), Oddities::ZERO_IN_VERSION_2)
            .when(zero && geometry.extended_l2(), Oddities::ZERO_IN_EXTENDED)
            .when(misplaced, Oddities::WRONG_DATA_FILE_OFFSET)
            .when(subclusters, Oddities::BAD_SUBCLUSTERS)
    }
}

/// An extended entry, not compressed. Where all subclusters are of one kind, so is the cluster.
#[inline]
const fn extended(
    offset: HostOffset,
    present: bool,
    copied: bool,
    bitmap: u64,
    geometry: &Geometry,
) -> Mapping {
    #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
    let allocated = bitmap as u32;
    let zero = (bitmap >> 32) as u32;
    if !present {
        return match (allocated, zero) {
            (0, 0) => Mapping::Unallocated,
            (0, u32::MAX) => Mapping::ZeroPlain,
            (0, _) => Mapping::Subclusters(Subclusters { offset: None, copied, allocated, zero }),
            _ => Mapping::Bad(Fault::BadSubclusters),
        };
    }
    if !geometry.cluster_bits().is_aligned(offset.get()) {
        return Mapping::Bad(Fault::Misaligned(offset));
    }
    if allocated & zero != 0 {
        return Mapping::Bad(Fault::BadSubclusters);
    }
    match (allocated, zero) {
        (u32::MAX, _) => Mapping::Data { offset, copied },
        (_, u32::MAX) => Mapping::ZeroAllocated { offset, copied },
        _ => Mapping::Subclusters(Subclusters { offset: Some(offset), copied, allocated, zero }),
    }
}

impl Mapping {
    /// Where the uncompressed cluster lies that this entry claims, whether or not it holds data.
    #[inline]
    #[must_use]
    pub const fn cluster(&self) -> Option<HostOffset> {
        match self {
            Self::Data { offset, .. } | Self::ZeroAllocated { offset, .. } => Some(*offset),
            Self::Subclusters(subclusters) => subclusters.offset,
            _ => None,
        }
    }
}
