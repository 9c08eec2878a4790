//! What is odd about an entry: things that QEMU lets pass when it reads, and a check reports.
#![forbid(unsafe_code)]

/// A set of oddities of one entry. Asking for it costs a few comparisons; reading doesn't ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Oddities(u16);

impl Oddities {
    /// Nothing is odd.
    pub const NONE: Self = Self(0);
    /// Bits are set that have no meaning.
    pub const RESERVED_BITS: Self = Self(1);
    /// The offset is not a cluster's start. QEMU doesn't read through such an entry.
    pub const MISALIGNED: Self = Self(1 << 1);
    /// What it points to begins beyond the file. QEMU reads zeros.
    pub const OUT_OF_BOUNDS: Self = Self(1 << 2);
    /// The bit for "refcount one" is set, yet there is nothing that is counted.
    pub const COPIED_NOTHING: Self = Self(1 << 3);
    /// The bit for "refcount one" is set for a compressed cluster, where it must not be.
    pub const COPIED_COMPRESSED: Self = Self(1 << 4);
    /// The zero flag in version 2, which has none. QEMU doesn't read through such an entry.
    pub const ZERO_IN_VERSION_2: Self = Self(1 << 5);
    /// A compressed cluster in an image with an external data file. QEMU doesn't read it.
    pub const COMPRESSED_WITH_DATA_FILE: Self = Self(1 << 6);
    /// Not where an external data file has this cluster. QEMU doesn't read it.
    pub const WRONG_DATA_FILE_OFFSET: Self = Self(1 << 7);
    /// A subcluster that is both allocated and zero, or allocated where there is no cluster. QEMU doesn't
    /// read through such an entry.
    pub const BAD_SUBCLUSTERS: Self = Self(1 << 8);
    /// A compressed cluster with subclusters. QEMU ignores them.
    pub const COMPRESSED_SUBCLUSTERS: Self = Self(1 << 9);
    /// The zero flag of standard entries in an extended one, where it has no meaning.
    pub const ZERO_IN_EXTENDED: Self = Self(1 << 10);

    const NAMES: [(Self, &'static str); 11] = [
        (Self::RESERVED_BITS, "reserved-bits"),
        (Self::MISALIGNED, "misaligned"),
        (Self::OUT_OF_BOUNDS, "out-of-bounds"),
        (Self::COPIED_NOTHING, "copied-nothing"),
        (Self::COPIED_COMPRESSED, "copied-compressed"),
        (Self::ZERO_IN_VERSION_2, "zero-in-version-2"),
        (Self::COMPRESSED_WITH_DATA_FILE, "compressed-with-data-file"),
        (Self::WRONG_DATA_FILE_OFFSET, "wrong-data-file-offset"),
        (Self::BAD_SUBCLUSTERS, "bad-subclusters"),
        (Self::COMPRESSED_SUBCLUSTERS, "compressed-subclusters"),
        (Self::ZERO_IN_EXTENDED, "zero-in-extended"),
    ];

    /// Whether nothing is odd.
    #[inline]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of `other` are in the set.
    #[inline]
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The oddities of both.
    #[inline]
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// With `other` if `odd` holds.
    #[inline]
    #[must_use]
    pub(super) const fn when(self, odd: bool, other: Self) -> Self {
        if odd { self.with(other) } else { self }
    }

    /// A stable word in kebab-case for each oddity in the set.
    pub fn codes(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(one, _)| self.contains(*one)).map(|(_, name)| name)
    }

    /// The single oddities that are in the set.
    pub fn iter(self) -> impl Iterator<Item = Self> {
        Self::NAMES.into_iter().map(|(one, _)| one).filter(move |one| self.contains(*one))
    }
}
