//! The extensions that have a meaning, each found at most once.
#![forbid(unsafe_code)]

use super::extensions::ExtensionKind;
use super::prefix::Prefix;
use crate::error::{Allowed, Error, ErrorKind, Structure};
use crate::format::{
    BACKING_FORMAT_MAX, EXTENSION_BACKING_FORMAT, EXTENSION_BITMAPS, EXTENSION_DATA_FILE,
    EXTENSION_FEATURE_NAMES, EXTENSION_LUKS, RawBitmaps, RawLuks,
};

/// Where an extension's data or the backing file's name lies: in the first cluster, and in the bytes at hand. At 0 there is the
/// magic, so 0 is none.
///
/// One integer (place above, length below) and not two: the parser keeps six of these in registers.
/// Written as pairs of halves and read back whole they cost more than the rest of the parse.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span(u64);

impl Span {
    #[inline]
    pub(super) fn new(at: u32, length: u32) -> Self {
        Self(u64::from(at) << 32 | u64::from(length))
    }

    #[inline]
    pub(super) fn data<'a>(self, prefix: Prefix<'a>) -> Option<&'a [u8]> {
        if !self.is_some() {
            return None;
        }
        if self.length() == 0 {
            return Some(&[]);
        }
        let at = usize::try_from(self.offset()).ok()?;
        prefix.bytes.get(at..)?.get(..usize::try_from(self.length()).ok()?)
    }

    #[inline]
    pub(super) fn view<'a, T: bytemuck::AnyBitPattern>(self, prefix: Prefix<'a>) -> Option<&'a T> {
        bytemuck::try_from_bytes(self.data(prefix)?).ok()
    }

    #[inline]
    pub(super) fn is_some(self) -> bool {
        self.0 != 0
    }

    /// Where the data lies, in bytes from the beginning of the file.
    #[inline]
    pub(super) fn offset(self) -> u64 {
        self.0 >> 32
    }

    /// How long the data is, in bytes.
    #[inline]
    pub(super) fn length(self) -> u64 {
        self.0 & u64::from(u32::MAX)
    }

    /// Becomes `span`; whether it was none before.
    #[inline]
    fn fill(&mut self, span: Self) -> bool {
        !core::mem::replace(self, span).is_some()
    }
}

/// The extensions that have a meaning.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    pub(super) backing_format: Span,
    pub(super) feature_names: Span,
    pub(super) bitmaps: Span,
    pub(super) luks: Span,
    pub(super) data_file_name: Span,
    /// How many extensions there are in all.
    pub(super) count: u32,
}

impl Known {
    /// Keeps the extension if it is a known one. Its length is checked here, what it says elsewhere.
    #[inline]
    pub(super) fn keep(&mut self, kind: u32, at: u32, data: &[u8]) -> Result<(), Error> {
        self.count = self.count.saturating_add(1);
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let span = Span::new(at, length);
        let (fits, first) = match kind {
            EXTENSION_BACKING_FORMAT => {
                (length <= BACKING_FORMAT_MAX, self.backing_format.fill(span))
            }
            EXTENSION_FEATURE_NAMES => (true, self.feature_names.fill(span)),
            EXTENSION_BITMAPS => (data.len() == size_of::<RawBitmaps>(), self.bitmaps.fill(span)),
            EXTENSION_LUKS => (data.len() == size_of::<RawLuks>(), self.luks.fill(span)),
            EXTENSION_DATA_FILE => (true, self.data_file_name.fill(span)),
            _ => return Ok(()),
        };
        if fits && first { Ok(()) } else { Err(refused(kind, at, length, fits)) }
    }
}

#[cold]
fn refused(kind: u32, at: u32, length: u32, fits: bool) -> Error {
    let found = length.into();
    let error = match kind {
        _ if fits => ErrorKind::Duplicate { extension: kind },
        EXTENSION_BACKING_FORMAT => ErrorKind::TooLarge { found, max: BACKING_FORMAT_MAX.into() },
        EXTENSION_BITMAPS => bad_length(found, size_of::<RawBitmaps>()),
        _ => bad_length(found, size_of::<RawLuks>()),
    };
    let field = ExtensionKind::new(kind).name();
    Error::new(Structure::Extension, field, u64::from(at) - 8, error)
}

fn bad_length(found: u64, expected: usize) -> ErrorKind {
    ErrorKind::BadField { found, allowed: Allowed::Exactly(expected as u64) }
}
