//! The bitmap directory, and the tables of single bitmaps.
#![forbid(unsafe_code)]

use core::iter::FusedIterator;
use core::mem::offset_of;

use nom::bytes::complete::take;
use nom::{IResult, Parser};

use super::{Geometry, Oddities};
use crate::error::{Allowed, Error, ErrorKind, Structure};
use crate::format::{
    BITMAP_AUTO, BITMAP_BYTES_MAX, BITMAP_DIRTY_TRACKING, BITMAP_ENTRY_OFFSET, BITMAP_ENTRY_ONES,
    BITMAP_ENTRY_RESERVED, BITMAP_EXTRA_COMPATIBLE, BITMAP_FLAGS_RESERVED, BITMAP_GRANULARITY_MAX,
    BITMAP_GRANULARITY_MIN, BITMAP_IN_USE, BITMAP_NAME_MAX, BITMAP_PAD, BITMAP_TABLE_ENTRIES_MAX,
    RawBitmap,
};
use crate::units::HostOffset;

/// A persistent bitmap, as the directory describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bitmap<'a> {
    /// Where in the file its entry begins.
    pub at: HostOffset,
    /// Where its table lies, at a cluster's start and not 0; maybe beyond the file.
    pub table_offset: HostOffset,
    /// Entries of that table: at least one, and not more than make 512 MiB of bits.
    pub table_size: u32,
    /// The flags as stored: `BITMAP_` constants of [`format`](mod@crate::format).
    pub flags: u32,
    /// A bit stands for 2 to the power of this many bytes: 9 to 31.
    pub granularity_bits: u8,
    /// Its name: any bytes, so escape it where a person reads it.
    pub name: &'a [u8],
}

impl Bitmap<'_> {
    /// Whether it was not closed: its content is not to be believed.
    #[inline]
    #[must_use]
    pub const fn in_use(&self) -> bool {
        self.flags & BITMAP_IN_USE != 0
    }

    /// Whether it is to be enabled when the image is opened.
    #[inline]
    #[must_use]
    pub const fn auto(&self) -> bool {
        self.flags & BITMAP_AUTO != 0
    }

    /// How many bytes one bit stands for: 512 to 2^31.
    #[inline]
    #[must_use]
    pub const fn granularity(&self) -> u64 {
        1 << self.granularity_bits
    }
}

/// The persistent bitmaps, one after the other. Ends at the first entry that makes no sense, after its
/// error, as QEMU loads all or none. Allocates nothing.
#[derive(Clone, Debug)]
pub struct Bitmaps<'a> {
    bytes: &'a [u8],
    directory: HostOffset,
    geometry: Geometry,
    position: usize,
    left: u32,
    done: bool,
}

impl<'a> Bitmaps<'a> {
    /// `count` entries that fill `bytes`, the whole directory, which lies at `directory`.
    #[must_use]
    pub const fn new(
        bytes: &'a [u8],
        count: u32,
        directory: HostOffset,
        geometry: Geometry,
    ) -> Self {
        Self { bytes, directory, geometry, position: 0, left: count, done: false }
    }

    fn advance(&mut self) -> Result<Option<Bitmap<'a>>, Error> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        match (self.left, rest.is_empty()) {
            (0, true) => return Ok(None),
            (0, false) => {
                let why = "the directory goes on behind its last entry";
                let kind = ErrorKind::Inconsistent { found: rest.len() as u64, why };
                return Err(self.error("bitmap_directory_size", 0, kind));
            }
            _ => {}
        }
        let end = self.directory.get().saturating_add(self.bytes.len() as u64);
        let fixed = rest.get(..size_of::<RawBitmap>());
        let Some(raw) = fixed.and_then(|fixed| bytemuck::try_from_bytes::<RawBitmap>(fixed).ok())
        else {
            let found = end.saturating_add((size_of::<RawBitmap>() - rest.len()) as u64);
            return Err(self.error("entry", 0, ErrorKind::OutOfBounds { found, limit: end }));
        };
        self.check(raw)?;
        let length = size_of::<RawBitmap>() + usize::from(raw.name_size.get());
        let padded = length.next_multiple_of(usize::try_from(BITMAP_PAD).unwrap_or(8));
        let name = match name(raw, rest) {
            Ok((_, name)) if padded <= rest.len() => name,
            _ => {
                let found = end.saturating_add((padded - rest.len().min(padded)) as u64);
                return Err(self.error("entry", 0, ErrorKind::OutOfBounds { found, limit: end }));
            }
        };
        let at = HostOffset(self.directory.get().saturating_add(self.position as u64));
        self.position += padded;
        self.left -= 1;
        Ok(Some(Bitmap {
            at,
            table_offset: HostOffset(raw.bitmap_table_offset.get()),
            table_size: raw.bitmap_table_size.get(),
            flags: raw.flags.get(),
            granularity_bits: raw.granularity_bits,
            name,
        }))
    }

    /// QEMU's `check_dir_entry`.
    fn check(&self, raw: &RawBitmap) -> Result<(), Error> {
        let offset = raw.bitmap_table_offset.get();
        let at = offset_of!(RawBitmap, bitmap_table_offset) as u64;
        if !self.geometry.cluster_bits().is_aligned(offset) {
            let kind =
                ErrorKind::Misaligned { found: offset, alignment: self.geometry.cluster_size() };
            return Err(self.error("bitmap_table_offset", at, kind));
        }
        if offset == 0 {
            let kind = ErrorKind::Overlap { with: Structure::Header };
            return Err(self.error("bitmap_table_offset", at, kind));
        }
        let entries = raw.bitmap_table_size.get();
        let most = (BITMAP_BYTES_MAX / self.geometry.cluster_size())
            .min(u64::from(BITMAP_TABLE_ENTRIES_MAX));
        if entries == 0 || u64::from(entries) > most {
            let allowed = Allowed::Range { min: 1, max: most };
            let kind = ErrorKind::BadField { found: entries.into(), allowed };
            let at = offset_of!(RawBitmap, bitmap_table_size) as u64;
            return Err(self.error("bitmap_table_size", at, kind));
        }
        let flags = raw.flags.get();
        if flags & (BITMAP_FLAGS_RESERVED | BITMAP_EXTRA_COMPATIBLE) != 0 {
            let at = offset_of!(RawBitmap, flags) as u64;
            return Err(self.error("flags", at, ErrorKind::Unsupported { found: flags.into() }));
        }
        if raw.kind != BITMAP_DIRTY_TRACKING {
            let allowed = Allowed::Exactly(BITMAP_DIRTY_TRACKING.into());
            let kind = ErrorKind::BadField { found: raw.kind.into(), allowed };
            return Err(self.error("type", offset_of!(RawBitmap, kind) as u64, kind));
        }
        let (min, max) = (BITMAP_GRANULARITY_MIN, BITMAP_GRANULARITY_MAX);
        if !(min..=max).contains(&raw.granularity_bits) {
            let allowed = Allowed::Range { min: min.into(), max: max.into() };
            let kind = ErrorKind::BadField { found: raw.granularity_bits.into(), allowed };
            let at = offset_of!(RawBitmap, granularity_bits) as u64;
            return Err(self.error("granularity_bits", at, kind));
        }
        let name = raw.name_size.get();
        if name == 0 || name > BITMAP_NAME_MAX {
            let allowed = Allowed::Range { min: 1, max: BITMAP_NAME_MAX.into() };
            let kind = ErrorKind::BadField { found: name.into(), allowed };
            return Err(self.error("name_size", offset_of!(RawBitmap, name_size) as u64, kind));
        }
        let extra = raw.extra_data_size.get();
        if extra != 0 {
            let kind = ErrorKind::Unsupported { found: extra.into() };
            let at = offset_of!(RawBitmap, extra_data_size) as u64;
            return Err(self.error("extra_data_size", at, kind));
        }
        Ok(())
    }

    #[cold]
    fn error(&self, field: &'static str, at: u64, kind: ErrorKind) -> Error {
        let offset = self.directory.get().saturating_add(self.position as u64).saturating_add(at);
        Error::new(Structure::Bitmaps, field, offset, kind)
    }
}

/// The name, which follows the fixed part: there is no extra data.
fn name<'a>(raw: &RawBitmap, input: &'a [u8]) -> IResult<&'a [u8], &'a [u8], ()> {
    let (input, _) = take(size_of::<RawBitmap>()).parse(input)?;
    take(raw.name_size.get()).parse(input)
}

impl<'a> Iterator for Bitmaps<'a> {
    type Item = Result<Bitmap<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.advance().transpose();
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}

impl FusedIterator for Bitmaps<'_> {}

/// An entry of a bitmap's table, decoded: one cluster of bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BitmapTableEntry {
    /// All bits are 0.
    Zeros,
    /// All bits are 1.
    Ones,
    /// The bits.
    Bits {
        /// Where they lie, at a cluster's start; maybe beyond the file.
        offset: HostOffset,
    },
    /// QEMU refuses it: reserved bits, or an offset that is not a cluster's start.
    Bad,
}

impl BitmapTableEntry {
    /// Decodes an entry: QEMU's `check_table_entry`.
    #[inline]
    #[must_use]
    pub const fn decode(entry: u64, geometry: &Geometry) -> Self {
        let offset = entry & BITMAP_ENTRY_OFFSET;
        let ones = entry & BITMAP_ENTRY_ONES != 0;
        if entry & BITMAP_ENTRY_RESERVED != 0 || !geometry.cluster_bits().is_aligned(offset) {
            return Self::Bad;
        }
        match (offset, ones) {
            (0, false) => Self::Zeros,
            (0, true) => Self::Ones,
            (_, false) => Self::Bits { offset: HostOffset(offset) },
            // The bit has no meaning beside an offset.
            (_, true) => Self::Bad,
        }
    }

    /// What is odd about an entry of an image of `file_len` bytes.
    #[must_use]
    pub const fn oddities(entry: u64, geometry: &Geometry, file_len: u64) -> Oddities {
        let offset = entry & BITMAP_ENTRY_OFFSET;
        let ones = entry & BITMAP_ENTRY_ONES != 0;
        let reserved = entry & BITMAP_ENTRY_RESERVED != 0 || (ones && offset != 0);
        Oddities::NONE
            .when(reserved, Oddities::RESERVED_BITS)
            .when(!geometry.cluster_bits().is_aligned(offset), Oddities::MISALIGNED)
            .when(offset >= file_len && offset != 0, Oddities::OUT_OF_BOUNDS)
    }
}
