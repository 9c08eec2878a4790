//! Where the guest's bytes are, through all layers: what `qemu-img map` prints.
#![forbid(unsafe_code)]

use super::descent::Descent;
use super::{Chain, ChainError};
use crate::control::Control;
use crate::image::{
    BEYOND_END, Batch, COMPRESSED, DATA, NOWHERE, PRESENT, Piece, Pieces as _, ZERO,
};
use crate::units::{GuestOffset, HostOffset};

/// Neighbouring guest bytes that come from one place, in the words of `qemu-img map --output=json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are qemu-img's")]
#[non_exhaustive]
pub struct Extent {
    /// Where they begin.
    pub start: GuestOffset,
    /// How many bytes.
    pub length: u64,
    /// The layer that they come from, 0 is the top. What is nowhere comes from the layer where the search
    /// ended: the base, or the one above a layer that is too short.
    pub depth: usize,
    /// Whether that layer has them allocated, as data or as zeros.
    pub present: bool,
    /// Whether they read as zeros without being looked at.
    pub zero: bool,
    /// Whether there is data to be read.
    pub data: bool,
    /// Whether it is compressed.
    pub compressed: bool,
    /// Where it lies in the layer's file, or its external data file; not if it is compressed. Zeros may have
    /// a place too, one that is set aside for them.
    pub offset: Option<HostOffset>,
    /// Data that would lie beyond the end of the file: it reads as zeros, and nothing is present. `qemu-img`
    /// shows the place as data all the same.
    pub beyond_end: bool,
}

impl Extent {
    /// Nothing, in no layer: zeros.
    pub(crate) const fn nothing(start: GuestOffset, length: u64) -> Self {
        Self {
            start,
            length,
            depth: 0,
            present: false,
            zero: true,
            data: false,
            compressed: false,
            offset: None,
            beyond_end: false,
        }
    }
}

impl From<(u64, Piece)> for Extent {
    #[inline]
    fn from((start, piece): (u64, Piece)) -> Self {
        Self {
            start: GuestOffset(start),
            length: piece.length,
            depth: piece.depth() as usize,
            present: piece.is(PRESENT),
            zero: piece.is(ZERO),
            data: piece.is(DATA),
            compressed: piece.is(COMPRESSED),
            offset: (piece.offset != NOWHERE).then_some(HostOffset(piece.offset)),
            beyond_end: piece.is(BEYOND_END),
        }
    }
}

/// The extents of a chain, front to back, without gaps, as long as they can be. Ends after its first
/// error.
///
/// Looks some hundred extents ahead. Reads each table once per place where it is used, in windows of its own,
/// and one of a layer further below only where those above it have nothing. No sound image uses a table at two
/// places, but a forged one may at millions: after a thousand small pieces from such tables there is an error.
/// Of a raw layer, and of an image whose clusters were allocated before they were written, the file system is
/// asked for holes, as QEMU does.
///
/// A few nanoseconds for each extent, beside reading the tables.
pub struct Extents<'c> {
    descent: Descent<'c>,
    batch: Batch,
    /// What was found behind the extents in the batch.
    failed: Option<ChainError>,
}

impl Chain {
    /// The extents of the whole disk.
    #[must_use]
    pub fn extents(&self) -> Extents<'_> {
        self.extents_of(GuestOffset(0), u64::MAX)
    }

    /// The extents of `length` bytes from `start` on, or of as many as there are.
    #[must_use]
    pub fn extents_of(&self, start: GuestOffset, length: u64) -> Extents<'_> {
        let descent = Descent::new(self, start, length);
        let batch = Batch::new(descent.at());
        Extents { descent, batch, failed: None }
    }
}

impl Extents<'_> {
    /// Lets a caller stop the walk within one extent too, which may be as long as the disk. Progress is told in
    /// bytes of the guest's disk.
    ///
    /// Where it was stopped the next item is an error,
    /// [`ImageError::Stopped`](crate::ImageError::Stopped).
    #[must_use]
    pub fn controlled_by(mut self, control: &Control) -> Self {
        self.descent = self.descent.controlled_by(control);
        self
    }

    /// Has compressed clusters keep their place, each an extent of its own, as `qemu-img map` doesn't.
    pub(crate) fn placing_compressed(mut self) -> Self {
        self.descent = self.descent.placing_compressed();
        self
    }

    #[cold]
    fn fill(&mut self) {
        self.batch.renew();
        while !self.descent.is_over() && self.batch.has_room() {
            if let Err(error) = self.descent.go(&mut self.batch) {
                self.failed = Some(error);
            }
        }
        self.batch.complete(self.descent.is_over());
    }
}

impl Iterator for Extents<'_> {
    type Item = Result<Extent, ChainError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(found) = self.batch.take() {
                return Some(Ok(found.into()));
            }
            if self.descent.is_over() && self.batch.is_empty() {
                return self.failed.take().map(Err);
            }
            self.fill();
        }
    }
}

impl core::iter::FusedIterator for Extents<'_> {}
