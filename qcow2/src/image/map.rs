//! What the guest's bytes are mapped to in one image, front to back.
#![forbid(unsafe_code)]

use core::ops::Range;

use super::pieces::{Batch, COMPRESSED, DATA, NOWHERE, PRESENT, Piece, Pieces as _};
use super::walk::{Level, Walk};
use super::{ImageError, View};
use crate::control::Control;
use crate::table::RunKind;
use crate::units::{GuestOffset, HostOffset};

/// Neighbouring guest bytes that one image maps alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageExtent {
    /// Where they begin.
    pub guest: GuestOffset,
    /// How many bytes.
    pub len: u64,
    /// What they are mapped to. A host offset may lie beyond the end of the file.
    pub kind: RunKind,
}

/// The extents of a range of guest bytes, as long as they can be: no two neighbours could be one. Ends
/// after its first error.
///
/// Reads each table once and keeps one window of it; does not use the cache. An image can map the same
/// table, and the same cluster, at any number of places, so there may be many more extents than the file
/// has bytes: who prints them should have a limit.
pub struct Map<'v> {
    view: &'v View,
    walk: Walk,
    batch: Batch,
    control: Control,
    at: u64,
    end: u64,
    /// What was found behind the extents in the batch.
    failed: Option<ImageError>,
}

impl View {
    /// The extents of a range of guest bytes; what is beyond the disk's end is left out.
    #[must_use]
    pub fn map(&self, range: Range<GuestOffset>) -> Map<'_> {
        let end = range.end.get().min(self.size());
        let at = range.start.get().min(end);
        let (walk, batch) = (Walk::literal(), Batch::new(at));
        Map { view: self, walk, batch, control: Control::none(), at, end, failed: None }
    }
}

impl Map<'_> {
    /// Lets a caller stop the walk within one extent too, which may be as long as the disk. Tells nothing of its
    /// progress, which the extents show.
    ///
    /// Where it was stopped the next item is an error, [`ImageError::Stopped`].
    #[must_use]
    pub fn controlled_by(mut self, control: &Control) -> Self {
        self.control = control.quiet();
        self
    }

    fn fill(&mut self) {
        self.batch.renew();
        let level = Level { depth: 0, below: false };
        while self.at < self.end && self.batch.has_room() {
            let Self { view, walk, batch, control, at, end, .. } = self;
            let went = control.go_on().map_err(ImageError::from);
            if let Err(error) = went.and_then(|()| walk.go(view, at, *end, level, batch)) {
                self.failed = Some(error);
                self.at = self.end;
            }
        }
        self.batch.complete(self.at >= self.end);
    }
}

impl Iterator for Map<'_> {
    type Item = Result<ImageExtent, ImageError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((start, piece)) = self.batch.take() {
                let (guest, len) = (GuestOffset(start), piece.length);
                return Some(Ok(ImageExtent { guest, len, kind: kind(&piece) }));
            }
            if self.at >= self.end && self.batch.is_empty() {
                return self.failed.take().map(Err);
            }
            self.fill();
        }
    }
}

impl core::iter::FusedIterator for Map<'_> {}

fn kind(piece: &Piece) -> RunKind {
    let place = (piece.offset != NOWHERE).then_some(HostOffset(piece.offset));
    match place {
        Some(offset) if piece.is(COMPRESSED) => RunKind::Compressed { offset, len: piece.stored() },
        Some(offset) if piece.is(DATA) => RunKind::Data { offset },
        reserved if piece.is(PRESENT) => RunKind::Zero { reserved },
        reserved => RunKind::Unallocated { reserved },
    }
}
