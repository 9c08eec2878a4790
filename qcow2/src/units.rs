//! Units as types: a guest offset, a host offset and a cluster size can't be mistaken for one another.
#![forbid(unsafe_code)]

use core::fmt;

use crate::format::{CLUSTER_BITS_MAX, CLUSTER_BITS_MIN};

/// The binary logarithm of the cluster size in bytes: 9 to 21.
///
/// The specification names no upper bound; 21 (2 MiB) is QEMU's `MAX_CLUSTER_BITS`. Because the range is
/// checked here, shifts by it cannot overflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterBits(u8);

impl ClusterBits {
    /// 64 KiB, what `qemu-img create` makes unless told otherwise.
    pub const DEFAULT: Self = Self(16);

    /// `None` outside of 9..=21.
    #[inline]
    #[must_use]
    pub const fn new(bits: u32) -> Option<Self> {
        if bits >= CLUSTER_BITS_MIN && bits <= CLUSTER_BITS_MAX {
            #[expect(clippy::cast_possible_truncation, reason = "at most 21, checked above")]
            let bits = bits as u8;
            Some(Self(bits))
        } else {
            None
        }
    }

    /// The number of bits.
    #[inline]
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0 as u32
    }

    /// The cluster size in bytes: 512 to 2 MiB.
    #[inline]
    #[must_use]
    pub const fn size(self) -> u64 {
        1 << self.0
    }

    /// Whether `offset` lies on a cluster boundary.
    #[inline]
    #[must_use]
    pub const fn is_aligned(self, offset: u64) -> bool {
        offset & (self.size() - 1) == 0
    }

    /// How many clusters hold `bytes` bytes, the last one maybe in part.
    #[inline]
    #[must_use]
    pub const fn clusters(self, bytes: u64) -> u64 {
        bytes.div_ceil(self.size())
    }
}

impl fmt::Display for ClusterBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A byte offset on the disk that the guest sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GuestOffset(pub u64);

/// A byte offset in the image file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostOffset(pub u64);

impl GuestOffset {
    /// In bytes.
    #[inline]
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl HostOffset {
    /// In bytes.
    #[inline]
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for GuestOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for HostOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::ClusterBits;

    #[test]
    fn cluster_bits_hold_the_range_and_nothing_else() {
        for bits in [0, 8, 22, 32, 64, u32::MAX] {
            assert_eq!(ClusterBits::new(bits), None, "{bits}");
        }
        for bits in 9..=21 {
            let cluster = ClusterBits::new(bits).unwrap();
            assert_eq!(cluster.size(), 1 << bits);
            assert!(cluster.is_aligned(cluster.size() * 3));
            assert!(!cluster.is_aligned(cluster.size() + 1));
            assert_eq!(cluster.clusters(cluster.size() + 1), 2);
        }
    }
}
