//! Feature bits, and the names that an image gives them.
#![forbid(unsafe_code)]

use core::iter::FusedIterator;

use nom::bytes::complete::take;
use nom::number::complete::u8 as byte;
use nom::{IResult, Parser};

use super::Header;
use crate::format::{
    AUTOCLEAR_BITMAPS, AUTOCLEAR_RAW_EXTERNAL, COMPATIBLE_LAZY_REFCOUNTS, INCOMPATIBLE_COMPRESSION,
    INCOMPATIBLE_CORRUPT, INCOMPATIBLE_DATA_FILE, INCOMPATIBLE_DIRTY, INCOMPATIBLE_EXTENDED_L2,
    INCOMPATIBLE_KNOWN, RawHeaderV3,
};

/// The feature bits as stored, unknown ones included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Features {
    /// Who does not know one of these must not open the image.
    pub incompatible: u64,
    /// Who does not know one of these can ignore it.
    pub compatible: u64,
    /// Who does not know one of these must clear it before writing.
    pub autoclear: u64,
}

impl Features {
    #[inline]
    pub(super) fn of(raw: Option<&RawHeaderV3>) -> Self {
        raw.map_or(Self::default(), |raw| Self {
            incompatible: raw.incompatible_features.get(),
            compatible: raw.compatible_features.get(),
            autoclear: raw.autoclear_features.get(),
        })
    }

    /// Refcounts may be wrong: somebody died while writing. Reading is fine.
    #[inline]
    #[must_use]
    pub const fn is_dirty(self) -> bool {
        self.incompatible & INCOMPATIBLE_DIRTY != 0
    }

    /// Any metadata may be wrong. QEMU opens such an image only for reading.
    #[inline]
    #[must_use]
    pub const fn is_corrupt(self) -> bool {
        self.incompatible & INCOMPATIBLE_CORRUPT != 0
    }

    /// Guest data lies in an external data file.
    #[inline]
    #[must_use]
    pub const fn has_data_file(self) -> bool {
        self.incompatible & INCOMPATIBLE_DATA_FILE != 0
    }

    /// L2 entries are 128 bits wide, with 32 subclusters each.
    #[inline]
    #[must_use]
    pub const fn extended_l2(self) -> bool {
        self.incompatible & INCOMPATIBLE_EXTENDED_L2 != 0
    }

    /// The compression type is another than deflate.
    #[inline]
    pub(super) const fn compression_bit(self) -> bool {
        self.incompatible & INCOMPATIBLE_COMPRESSION != 0
    }

    /// Refcounts are updated lazily.
    #[inline]
    #[must_use]
    pub const fn lazy_refcounts(self) -> bool {
        self.compatible & COMPATIBLE_LAZY_REFCOUNTS != 0
    }

    /// The persistent bitmaps are up to date.
    #[inline]
    #[must_use]
    pub const fn bitmaps_valid(self) -> bool {
        self.autoclear & AUTOCLEAR_BITMAPS != 0
    }

    /// The external data file can be read as a raw image.
    #[inline]
    #[must_use]
    pub const fn raw_external_data(self) -> bool {
        self.autoclear & AUTOCLEAR_RAW_EXTERNAL != 0
    }

    /// Incompatible bits that have no meaning that we know; 0 if there are none.
    #[inline]
    #[must_use]
    pub const fn unknown_incompatible(self) -> u64 {
        self.incompatible & !INCOMPATIBLE_KNOWN
    }
}

/// Which of the three words a feature bit is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FeatureKind {
    /// Of [`Features::incompatible`].
    Incompatible,
    /// Of [`Features::compatible`].
    Compatible,
    /// Of [`Features::autoclear`].
    Autoclear,
    /// A kind that the specification doesn't name.
    Unknown(u8),
}

impl FeatureKind {
    const fn new(kind: u8) -> Self {
        match kind {
            0 => Self::Incompatible,
            1 => Self::Compatible,
            2 => Self::Autoclear,
            other => Self::Unknown(other),
        }
    }
}

/// The name that an image gives to a feature bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FeatureName<'a> {
    /// The word that the bit is in.
    pub kind: FeatureKind,
    /// The bit, 0 to 63 where it makes sense.
    pub bit: u8,
    /// The name up to its first NUL: any bytes, so escape it where a person reads it.
    pub name: &'a [u8],
}

/// The names that an image gives to feature bits. Entries cut short by the table's end are left out.
#[derive(Clone, Debug)]
pub struct FeatureNames<'a>(&'a [u8]);

fn entry(input: &[u8]) -> IResult<&[u8], FeatureName<'_>, ()> {
    (byte, byte, take(46_usize))
        .map(|(kind, bit, padded): (u8, u8, &[u8])| FeatureName {
            kind: FeatureKind::new(kind),
            bit,
            name: padded.split(|byte| *byte == 0).next().unwrap_or_default(),
        })
        .parse(input)
}

impl<'a> Iterator for FeatureNames<'a> {
    type Item = FeatureName<'a>;

    fn next(&mut self) -> Option<FeatureName<'a>> {
        let (rest, found) = entry(self.0).ok()?;
        self.0 = rest;
        Some(found)
    }
}

impl FusedIterator for FeatureNames<'_> {}

impl<'a> Header<'a> {
    /// The names that the image gives to feature bits, in the order in which they lie there.
    #[must_use]
    pub fn feature_names(&self) -> FeatureNames<'a> {
        FeatureNames(self.known.feature_names.data(self.prefix).unwrap_or_default())
    }

    /// The first name that the image gives to a feature bit. Walks the table: linear in its length.
    #[must_use]
    pub fn feature_name(&self, kind: FeatureKind, bit: u8) -> Option<&'a [u8]> {
        self.feature_names()
            .find(|entry| entry.kind == kind && entry.bit == bit)
            .map(|entry| entry.name)
    }
}
