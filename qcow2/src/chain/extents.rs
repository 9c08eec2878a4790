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
use crate::table::RunKind;
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
}

/// What an extent is, packed: there may be millions of them, and what is written bit by bit and read at
/// once costs more than all else.
#[derive(Clone, Copy)]
struct Piece {
    length: u64,
    /// `NOWHERE` if there is none.
    offset: u64,
    depth: usize,
    flags: u8,
}

/// No offset: beyond all that the format can hold.
const NOWHERE: u64 = u64::MAX;
const PRESENT: u8 = 1;
const ZERO: u8 = 2;
const DATA: u8 = 4;
const COMPRESSED: u8 = 8;
const BEYOND_END: u8 = 16;

impl Piece {
    /// Whether `next` could be a part of it: QEMU's `entry_mergeable`.
    #[inline]
    fn continues(&self, next: &Self) -> bool {
        let expected =
            if self.offset == NOWHERE { NOWHERE } else { self.offset.wrapping_add(self.length) };
        expected == next.offset && self.flags == next.flags && self.depth == next.depth
    }

    fn extent(&self, start: u64) -> Extent {
        let is = |flag: u8| self.flags & flag != 0;
        Extent {
            start: GuestOffset(start),
            length: self.length,
            depth: self.depth,
            present: is(PRESENT),
            zero: is(ZERO),
            data: is(DATA),
            compressed: is(COMPRESSED),
            offset: (self.offset != NOWHERE).then_some(HostOffset(self.offset)),
            beyond_end: is(BEYOND_END),
        }
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
    /// What was found behind the extent that was given last, and where it begins.
    pending: Option<Result<(u64, Piece), ChainError>>,
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
    /// The next piece, which may be a part of an extent; it ends at `at`.
    #[inline]
    fn look(&mut self) -> Result<Option<Piece>, ChainError> {
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
            let mut piece = match walker.status(self.at, max) {
                Ok(piece) => piece,
                Err(error) => return Err(ChainError { depth, error }),
            };
            if piece.flags & (PRESENT | BEYOND_END) == 0 {
                match below {
                    // Search on, as far as the layer below goes.
                    Some(size) if self.at < size => {
                        let end = self.at + piece.length.min(size - self.at);
                        self.ends.push(end);
                        continue;
                    }
                    _ => piece.flags |= ZERO,
                }
            }
            piece.depth = depth;
            self.at += piece.length.max(1);
            return Ok(Some(piece));
        }
    }

    fn advance(&mut self) -> Result<Option<Extent>, ChainError> {
        let start = self.at;
        let first = match self.pending.take() {
            Some(first) => Some(first?),
            None => self.look()?.map(|piece| (start, piece)),
        };
        let Some((start, mut piece)) = first else { return Ok(None) };
        loop {
            let next_start = self.at;
            match self.look() {
                Ok(Some(next)) if piece.continues(&next) => piece.length += next.length,
                Ok(None) => break,
                // Another extent, or an error: given when it is asked for, behind this one.
                other => {
                    let next = other.transpose();
                    self.pending = next.map(|next| next.map(|piece| (next_start, piece)));
                    break;
                }
            }
        }
        Ok(Some(piece.extent(start)))
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

impl Walker<'_> {
    /// QEMU's `bdrv_co_block_status` for one layer. What is neither present nor beyond the end is searched
    /// for in the layer below.
    #[inline]
    fn status(&mut self, at: u64, max: u64) -> Result<Piece, ImageError> {
        let piece = |length, offset, flags| Piece { length, offset, depth: 0, flags };
        let view = match self.layer.kind() {
            Kind::View(view) => view,
            Kind::Raw(raw) => {
                let span = self.spans.at(raw.source(), at)?;
                let length = max.min(span.end().saturating_sub(at).max(1));
                return Ok(piece(length, at, PRESENT | if span.is_hole() { ZERO } else { DATA }));
            }
        };
        let (offset, len) = view.data_in(&self.window, GuestOffset(at), max);
        if len != 0 {
            if let Some(index) = self.endless(view, GuestOffset(at), len) {
                return Err(view.shared_table(index));
            }
            return self.data(offset, len);
        }
        let run = view.run_in(&mut self.window, GuestOffset(at), max)?;
        if let Some(index) = self.endless(view, GuestOffset(at), run.len) {
            return Err(view.shared_table(index));
        }
        let place = |reserved: Option<HostOffset>| reserved.map_or(NOWHERE, HostOffset::get);
        Ok(match run.kind {
            RunKind::Unallocated { reserved } => piece(run.len, place(reserved), 0),
            RunKind::Zero { reserved } => piece(run.len, place(reserved), PRESENT | ZERO),
            RunKind::Compressed { .. } => piece(run.len, NOWHERE, PRESENT | DATA | COMPRESSED),
            RunKind::Data { offset } => self.data(offset.get(), run.len)?,
        })
    }

    /// Whether too much was made of tables that are used more than once; which L1 entry uses one again.
    #[inline]
    fn endless(&mut self, view: &View, guest: GuestOffset, len: u64) -> Option<u64> {
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
        let small = len < 1 << (view.image().geometry().l1_bits() - 6);
        self.repeats += usize::from(again && small);
        (self.repeats > REPEATS).then_some(index)
    }

    /// Data in a cluster: is it in the file, and if its place was taken before it was written, is it there?
    #[inline]
    fn data(&mut self, offset: u64, len: u64) -> Result<Piece, ImageError> {
        let mut piece = Piece { length: len, offset, depth: 0, flags: PRESENT | DATA };
        let Kind::View(view) = self.layer.kind() else { return Ok(piece) };
        let image = view.image();
        // Without its data file an image can be mapped, but not read.
        let Ok((source, stamp)) = image.data_source() else { return Ok(piece) };
        if offset >= stamp.len {
            (piece.offset, piece.flags) = (NOWHERE, ZERO | BEYOND_END);
            return Ok(piece);
        }
        // The file's last cluster may be cut short.
        let bits = image.geometry().cluster_bits();
        if len > stamp.len - offset {
            let whole = bits.clusters(stamp.len - offset);
            piece.length = len.min(whole.saturating_mul(bits.size()));
        }
        let preallocated = match self.preallocated {
            Some(known) => known,
            None => *self.preallocated.insert(is_preallocated(image)?),
        };
        if preallocated {
            let span = self.spans.at(source, offset)?;
            piece.length = piece.length.min(span.end().saturating_sub(offset).max(1));
            if span.is_hole() {
                piece.flags |= ZERO;
            }
        }
        Ok(piece)
    }
}
