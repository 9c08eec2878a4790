//! What the guest's bytes are mapped to in one image, front to back.
#![forbid(unsafe_code)]

use core::ops::Range;

use super::{ImageError, View, Window};
use crate::table::{Run, RunKind};
use crate::units::GuestOffset;

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
    window: Window,
    at: u64,
    end: u64,
    /// What was found behind the extent that was given last.
    pending: Option<Result<Run, ImageError>>,
}

impl View {
    /// The extents of a range of guest bytes; what is beyond the disk's end is left out.
    #[must_use]
    pub fn map(&self, range: Range<GuestOffset>) -> Map<'_> {
        let end = range.end.get().min(self.size());
        let at = range.start.get().min(end);
        Map { view: self, window: Window::new(usize::MAX), at, end, pending: None }
    }
}

impl Map<'_> {
    fn look(&mut self) -> Result<Option<Run>, ImageError> {
        if self.at >= self.end {
            return Ok(None);
        }
        let max = self.end - self.at;
        let run = self.view.run_in(&mut self.window, GuestOffset(self.at), max)?;
        self.at += run.len.max(1);
        Ok(Some(run))
    }

    fn advance(&mut self) -> Result<Option<ImageExtent>, ImageError> {
        let next = self.pending.take().map_or_else(|| self.look(), |run| run.map(Some));
        let Some(first) = next? else { return Ok(None) };
        let mut len = first.len;
        let mut end = self.at;
        loop {
            match self.look() {
                Ok(Some(next)) if first.kind.continues(len, &next.kind) => {
                    len += next.len;
                    end = self.at;
                }
                other => {
                    self.pending = other.transpose();
                    break;
                }
            }
        }
        let guest = GuestOffset(end - len);
        Ok(Some(ImageExtent { guest, len, kind: first.kind }))
    }
}

impl Iterator for Map<'_> {
    type Item = Result<ImageExtent, ImageError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance().transpose();
        if !matches!(next, Some(Ok(_))) {
            self.at = self.end;
            self.pending = None;
        }
        next
    }
}

impl core::iter::FusedIterator for Map<'_> {}
