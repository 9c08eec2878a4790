//! Where the guest's bytes are, through all layers: what `qemu-img map` prints.
#![forbid(unsafe_code)]

use std::boxed::Box;
use std::collections::HashSet;
use std::vec::Vec;

use super::layer::Kind;
use super::preallocation::is_preallocated;
use super::{Chain, ChainError, Layer};
use crate::image::{ImageError, View, Window};
use crate::source::Spans;
use crate::table::{Run, RunKind};
use crate::units::{GuestOffset, HostOffset};

/// Bytes of tables that all layers together keep in mind, at 4 to 64 KiB each.
const WINDOWS: usize = 4 << 20;

/// Pieces that are taken at most from tables which are used more than once.
const REPEATS: usize = 1000;

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

    /// Whether `next` could be a part of it: QEMU's `entry_mergeable`.
    fn continues(&self, next: &Self) -> bool {
        let place = match (self.offset, next.offset) {
            (None, None) => true,
            (Some(a), Some(b)) => a.get().wrapping_add(self.length) == b.get(),
            _ => false,
        };
        place
            && (self.depth, self.present, self.zero, self.data, self.compressed, self.beyond_end)
                == (
                    next.depth,
                    next.present,
                    next.zero,
                    next.data,
                    next.compressed,
                    next.beyond_end,
                )
    }
}

/// The extents of a chain, front to back, without gaps, as long as they can be. Ends after its first
/// error.
///
/// Reads each table once per place where it is used, in windows of its own. No sound image uses a table at two
/// places, but a forged one may at millions: after a thousand small pieces from such tables there is an error. Of a raw layer, and of an image whose
/// clusters were allocated before they were written, the file system is asked for holes, as QEMU does.
pub struct Extents<'c> {
    layers: Box<[Walker<'c>]>,
    at: u64,
    end: u64,
    /// What was found behind the extent that was given last.
    pending: Option<Result<Extent, ChainError>>,
    /// Up to where all layers above this one are known to have nothing, by depth; not increasing.
    ends: Vec<u64>,
}

struct Walker<'c> {
    layer: &'c Layer,
    window: Window,
    /// Whether clusters were allocated before they were written; `None` before it was asked for.
    preallocated: Option<bool>,
    /// The L1 entry that was looked at last, and whether its L2 table had been another's before.
    table: Option<(u64, bool)>,
    /// L2 tables that were looked at.
    seen: HashSet<HostOffset>,
    /// Pieces that came from tables which had been looked at before.
    repeats: usize,
    /// What the file system said last of the file that holds the data, and from where on.
    spans: Spans,
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
        let window = WINDOWS / self.layers().len().max(1);
        let walker = |layer| Walker {
            layer,
            window: Window::new(window),
            preallocated: None,
            table: None,
            seen: HashSet::new(),
            repeats: 0,
            spans: Spans::default(),
        };
        let end = start.get().saturating_add(length).min(self.size());
        let at = start.get().min(end);
        let layers = self.layers().iter().map(walker).collect();
        Extents { layers, at, end, pending: None, ends: Vec::from([end]) }
    }
}

impl Extents<'_> {
    /// The next piece, which may be a part of an extent.
    fn look(&mut self) -> Result<Option<Extent>, ChainError> {
        if self.at >= self.end {
            return Ok(None);
        }
        while self.ends.len() > 1 && self.ends.last().is_some_and(|end| self.at >= *end) {
            self.ends.pop();
        }
        loop {
            let depth = self.ends.len() - 1;
            let max = self.ends.last().copied().unwrap_or(self.end) - self.at;
            let below = self.layers.get(depth + 1).map(|walker| walker.layer.size());
            let Some(walker) = self.layers.get_mut(depth) else { return Ok(None) };
            let status =
                walker.status(self.at, max).map_err(|error| ChainError { depth, error })?;
            let Status { mut piece, allocated } = status;
            piece.depth = depth;
            piece.start = GuestOffset(self.at);
            match below {
                // Search on, as far as the layer below goes.
                Some(size) if !allocated && self.at < size => {
                    let end = self.at + piece.length.min(size - self.at);
                    self.ends.push(end);
                    continue;
                }
                _ if !allocated => piece.zero = true,
                _ => {}
            }
            self.at += piece.length.max(1);
            return Ok(Some(piece));
        }
    }

    fn advance(&mut self) -> Result<Option<Extent>, ChainError> {
        let next = self.pending.take().map_or_else(|| self.look(), |piece| piece.map(Some));
        let Some(mut extent) = next? else { return Ok(None) };
        loop {
            match self.look() {
                Ok(Some(next)) if extent.continues(&next) => extent.length += next.length,
                other => {
                    self.pending = other.transpose();
                    break;
                }
            }
        }
        Ok(Some(extent))
    }
}

impl Iterator for Extents<'_> {
    type Item = Result<Extent, ChainError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance().transpose();
        if !matches!(next, Some(Ok(_))) {
            self.at = self.end;
            self.pending = None;
        }
        next
    }
}

impl core::iter::FusedIterator for Extents<'_> {}

/// What one layer says of some bytes.
struct Status {
    piece: Extent,
    /// Whether the search ends here.
    allocated: bool,
}

impl Walker<'_> {
    /// QEMU's `bdrv_co_block_status` for one layer.
    fn status(&mut self, at: u64, max: u64) -> Result<Status, ImageError> {
        let mut piece = Extent {
            start: GuestOffset(at),
            length: max,
            depth: 0,
            present: true,
            zero: false,
            data: false,
            compressed: false,
            offset: None,
            beyond_end: false,
        };
        let view = match self.layer.kind() {
            Kind::View(view) => view,
            Kind::Raw(raw) => {
                let span = self.spans.at(raw.source(), at)?;
                piece.length = max.min(span.end().saturating_sub(at).max(1));
                piece.data = !span.is_hole();
                piece.zero = span.is_hole();
                piece.offset = Some(HostOffset(at));
                return Ok(Status { piece, allocated: true });
            }
        };
        let run = view.run_in(&mut self.window, GuestOffset(at), max)?;
        if let Some(index) = self.endless(view, GuestOffset(at), &run) {
            return Err(view.shared_table(index));
        }
        piece.length = run.len;
        match run.kind {
            RunKind::Unallocated { reserved } => {
                piece.present = false;
                piece.offset = reserved;
                return Ok(Status { piece, allocated: false });
            }
            RunKind::Zero { reserved } => {
                piece.zero = true;
                piece.offset = reserved;
            }
            RunKind::Compressed { .. } => {
                piece.data = true;
                piece.compressed = true;
            }
            RunKind::Data { offset } => {
                piece.data = true;
                piece.offset = Some(offset);
                self.data(offset, &mut piece)?;
            }
        }
        Ok(Status { piece, allocated: true })
    }

    /// Whether too much was made of tables that are used more than once; which L1 entry uses one again.
    #[inline]
    fn endless(&mut self, view: &View, guest: GuestOffset, run: &Run) -> Option<u64> {
        let (index, table) = view.table_of(guest);
        let again = match self.table {
            Some((last, again)) if last == index => again,
            _ => {
                let again = table.is_some_and(|table| !self.seen.insert(table));
                self.table = Some((index, again));
                again
            }
        };
        // A table that says the same of all its clusters makes no more work than a hole does.
        let small = run.len < 1 << (view.image().geometry().l1_bits() - 6);
        self.repeats += usize::from(again && small);
        (self.repeats > REPEATS).then_some(index)
    }

    /// Data in a cluster: is it in the file, and if its place was taken before it was written, is it there?
    fn data(&mut self, offset: HostOffset, piece: &mut Extent) -> Result<(), ImageError> {
        let Kind::View(view) = self.layer.kind() else { return Ok(()) };
        let image = view.image();
        // Without its data file an image can be mapped, but not read.
        let Ok((source, stamp)) = image.data_source() else { return Ok(()) };
        if offset.get() >= stamp.len {
            (piece.data, piece.present, piece.zero) = (false, false, true);
            piece.offset = None;
            piece.beyond_end = true;
            return Ok(());
        }
        let whole = image.geometry().cluster_bits().clusters(stamp.len - offset.get());
        piece.length = piece.length.min(whole.saturating_mul(image.geometry().cluster_size()));
        let preallocated = match self.preallocated {
            Some(known) => known,
            None => *self.preallocated.insert(is_preallocated(image)?),
        };
        if preallocated {
            let span = self.spans.at(source, offset.get())?;
            piece.length = piece.length.min(span.end().saturating_sub(offset.get()).max(1));
            piece.zero = span.is_hole();
        }
        Ok(())
    }
}
