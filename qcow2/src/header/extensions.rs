//! Header extensions: one walk, used by the parser, by the iterator and by [`Salvage`](super::Salvage).
#![forbid(unsafe_code)]

use core::fmt;
use core::iter::FusedIterator;

use nom::IResult;
use nom::bytes::complete::take;

use super::Header;
use super::layout::area_end;
use super::prefix::Prefix;
use crate::error::{Error, ErrorKind, Structure};
use crate::format::{
    EXTENSION_BACKING_FORMAT, EXTENSION_BITMAPS, EXTENSION_DATA_FILE, EXTENSION_END,
    EXTENSION_FEATURE_NAMES, EXTENSION_LUKS, EXTENSION_PAD, RawExtension,
};

/// What an extension holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExtensionKind {
    /// The name of the backing file's format.
    BackingFormat,
    /// Names for feature bits.
    FeatureNames,
    /// Where the persistent bitmaps are.
    Bitmaps,
    /// Where the LUKS header is.
    Luks,
    /// The name of the external data file.
    DataFile,
    /// None that the specification names: to be preserved by a writer, ignored by a reader.
    Unknown(u32),
}

impl ExtensionKind {
    /// From the type as it is stored.
    #[inline]
    #[must_use]
    pub const fn new(kind: u32) -> Self {
        match kind {
            EXTENSION_BACKING_FORMAT => Self::BackingFormat,
            EXTENSION_FEATURE_NAMES => Self::FeatureNames,
            EXTENSION_BITMAPS => Self::Bitmaps,
            EXTENSION_LUKS => Self::Luks,
            EXTENSION_DATA_FILE => Self::DataFile,
            other => Self::Unknown(other),
        }
    }

    /// The type as it is stored.
    #[must_use]
    pub const fn get(self) -> u32 {
        match self {
            Self::BackingFormat => EXTENSION_BACKING_FORMAT,
            Self::FeatureNames => EXTENSION_FEATURE_NAMES,
            Self::Bitmaps => EXTENSION_BITMAPS,
            Self::Luks => EXTENSION_LUKS,
            Self::DataFile => EXTENSION_DATA_FILE,
            Self::Unknown(other) => other,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::BackingFormat => "backing_format",
            Self::FeatureNames => "feature_names",
            Self::Bitmaps => "bitmaps",
            Self::Luks => "luks",
            Self::DataFile => "data_file_name",
            Self::Unknown(_) => "unknown extension",
        }
    }
}

impl fmt::Display for ExtensionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(kind) => write!(f, "unknown extension {kind:#010x}"),
            known => f.write_str(known.name()),
        }
    }
}

/// One header extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extension<'a> {
    /// What it holds.
    pub kind: ExtensionKind,
    /// Where its data lies, in bytes from the beginning of the file.
    pub offset: u64,
    /// Its data, without padding.
    pub data: &'a [u8],
}

/// The header extensions in the order in which they lie there, the end marker left out.
#[derive(Clone, Debug)]
pub struct Extensions<'a> {
    prefix: Prefix<'a>,
    /// Both in the first cluster, so 32 bits are plenty.
    offset: u32,
    end: u32,
}

/// An extension's type as stored, the place of its data, and the data.
pub(super) type Found<'a> = (u32, u32, &'a [u8]);

/// Type and length. One cast: nom's integers are put together byte by byte, which would cost as much
/// as all the rest of the walk.
#[inline]
fn record(input: &[u8]) -> IResult<&[u8], (u32, u32), ()> {
    let (rest, record) = take(size_of::<RawExtension>())(input)?;
    let Ok(RawExtension { kind, length }) = bytemuck::try_from_bytes(record) else {
        return Err(nom::Err::Error(()));
    };
    Ok((rest, (kind.get(), length.get())))
}

impl<'a> Extensions<'a> {
    /// The area from `offset` (the end of the header) to `end` (the backing name, or the end of the
    /// cluster). Neither is beyond the first cluster.
    #[inline]
    pub(super) fn new(prefix: Prefix<'a>, offset: u32, end: u32) -> Self {
        Self { prefix, offset, end }
    }

    /// The next extension; `None` at the end marker or where the area ends.
    #[inline]
    pub(super) fn advance(&mut self) -> Result<Option<Found<'a>>, Error> {
        if self.offset >= self.end {
            return Ok(None);
        }
        let at = self.offset;
        let rest = self.prefix.bytes.get(at as usize..).unwrap_or_default();
        let (kind, length) = match record(rest) {
            Ok((_, found)) => found,
            Err(_) => self.record_at_end_of_file(at.into())?,
        };
        // QEMU's order: an end marker, too, has to lie in the area with the length it claims.
        let offset = at + 8;
        if offset > self.end || length > self.end - offset {
            let found = u64::from(offset) + u64::from(length);
            let kind = ErrorKind::OutOfBounds { found, limit: self.end.into() };
            return Err(Error::new(Structure::Extension, "length", u64::from(at) + 4, kind));
        }
        if kind == EXTENSION_END {
            self.offset = self.end;
            return Ok(None);
        }
        let end = offset + length;
        let data = match self.prefix.bytes.get(offset as usize..end as usize) {
            Some(data) => data,
            // No data need not lie in the file.
            None if length == 0 => &[],
            None => return Err(self.no_data(kind, offset, end)),
        };
        self.offset = offset + length.next_multiple_of(EXTENSION_PAD);
        Ok(Some((kind, offset, data)))
    }

    #[cold]
    fn no_data(&self, kind: u32, offset: u32, end: u32) -> Error {
        let name = ExtensionKind::new(kind).name();
        self.prefix.short(Structure::Extension, name, offset.into(), end.into())
    }

    /// Bytes beyond the file are zeros, as QEMU reads them: a list that runs off the file has ended.
    #[cold]
    fn record_at_end_of_file(&self, at: u64) -> Result<(u32, u32), Error> {
        if at + 8 <= self.prefix.file_len {
            return Err(self.prefix.short(Structure::Extension, "type", at, at + 8));
        }
        let mut padded = [0; 8];
        for (to, offset) in padded.iter_mut().zip(at..self.prefix.file_len) {
            match usize::try_from(offset).ok().and_then(|offset| self.prefix.bytes.get(offset)) {
                Some(byte) => *to = *byte,
                None => {
                    return Err(self.prefix.short(
                        Structure::Extension,
                        "type",
                        at,
                        self.prefix.file_len,
                    ));
                }
            }
        }
        Ok(record(&padded).map_or((EXTENSION_END, 0), |(_, found)| found))
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = Extension<'a>;

    #[inline]
    fn next(&mut self) -> Option<Extension<'a>> {
        // The parser has walked the same bytes; were there an error after all, the list ends.
        let Ok(Some((kind, offset, data))) = self.advance() else {
            self.offset = self.end;
            return None;
        };
        Some(Extension { kind: ExtensionKind::new(kind), offset: offset.into(), data })
    }
}

impl FusedIterator for Extensions<'_> {}

impl<'a> Header<'a> {
    /// The header extensions, unknown ones included. Walks the area: linear in the first cluster.
    #[inline]
    #[must_use]
    pub fn extensions(&self) -> Extensions<'a> {
        Extensions::new(self.prefix, self.header_length, area_end(self.raw, self.cluster_bits))
    }
}
