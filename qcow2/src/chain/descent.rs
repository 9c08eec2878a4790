//! The way down through the layers: where is what the guest sees?
#![forbid(unsafe_code)]

use std::boxed::Box;
use std::vec::Vec;

use super::layer::Kind;
use super::preallocation::is_preallocated;
use super::{Chain, ChainError, Layer};
use crate::control::{Control, Progress};
use crate::image::{
    BEYOND_END, DATA, Image, ImageError, Known, Level, NOWHERE, PRESENT, Piece, Pieces, Stop, Walk,
    ZERO,
};
use crate::source::Spans;
use crate::units::GuestOffset;

/// Bytes of tables that all layers together keep in mind, at 4 to 64 KiB each.
const WINDOWS: usize = 4 << 20;

/// Steps between two looks at the control: each reads one window at most.
const STEPS: u32 = 256;

/// A walk over all layers, front to back. What a layer has not allocated is looked for in the one below it, and
/// nothing else is.
pub(crate) struct Descent<'c> {
    layers: Box<[Walker<'c>]>,
    at: u64,
    end: u64,
    /// Up to where all layers above this one are known to have nothing, by depth; not increasing.
    ends: Vec<u64>,
    control: Control,
    /// Steps since the control was asked last.
    steps: u32,
}

/// A layer on the way through it.
struct Walker<'c> {
    layer: &'c Layer,
    walk: Walk,
    /// Whether clusters were allocated before they were written; `None` before it was asked for.
    preallocated: Option<bool>,
    /// What the file system said last of the file that holds the data, and from where on.
    spans: Spans,
}

impl<'c> Descent<'c> {
    /// Over `length` bytes from `start` on, or as many as there are.
    pub(crate) fn new(chain: &'c Chain, start: GuestOffset, length: u64) -> Self {
        let window = WINDOWS / chain.layers().len().max(1);
        let walker = |layer| Walker {
            layer,
            walk: Walk::bounded(window),
            preallocated: None,
            spans: Spans::default(),
        };
        let end = start.get().saturating_add(length).min(chain.size());
        let at = start.get().min(end);
        let layers = chain.layers().iter().map(walker).collect();
        Self { layers, at, end, ends: Vec::from([end]), control: Control::none(), steps: 0 }
    }

    /// Lets a caller stop it. Progress is told in bytes of the guest's disk.
    pub(crate) fn controlled_by(mut self, control: &Control) -> Self {
        self.control = control.clone();
        self
    }

    /// Has compressed clusters keep their place, each a piece of its own.
    pub(crate) fn placing_compressed(mut self) -> Self {
        self.layers.iter_mut().for_each(|walker| walker.walk.place_compressed());
        self
    }

    fn go_on(&self) -> Result<(), ChainError> {
        self.control.report(Progress { done: self.at, total: self.end });
        let depth = self.ends.len() - 1;
        self.control.go_on().map_err(|stop| ChainError { depth, error: stop.into() })
    }

    /// Where it is.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Whether it is at its end, or there was an error.
    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        self.at >= self.end
    }

    /// Goes on through the layer that is next to be asked, or one further down. There has to be room for a
    /// piece.
    ///
    /// # Errors
    ///
    /// What keeps it from going on; it is over then.
    pub(crate) fn go(&mut self, found: &mut impl Pieces) -> Result<(), ChainError> {
        if self.steps.is_multiple_of(STEPS)
            && let Err(error) = self.go_on()
        {
            self.at = self.end;
            return Err(error);
        }
        self.steps = self.steps.wrapping_add(1);
        while self.ends.len() > 1 && self.ends.last().is_some_and(|end| self.at >= *end) {
            self.ends.pop();
        }
        let depth = self.ends.len() - 1;
        let end = self.ends.last().copied().unwrap_or(self.end);
        let below = self.layers.get(depth + 1).map_or(0, |walker| walker.layer.size());
        let Some(walker) = self.layers.get_mut(depth) else {
            self.at = self.end;
            return Ok(());
        };
        let level =
            Level { depth: u32::try_from(depth).unwrap_or(u32::MAX), below: self.at < below };
        match walker.go(&mut self.at, end, level, found) {
            // Search on, as far as the layer below goes.
            Ok(Some(length)) => self.ends.push(self.at + length.min(below - self.at)),
            Ok(None) => {}
            Err(error) => {
                self.at = self.end;
                return Err(ChainError { depth, error });
            }
        }
        Ok(())
    }
}

impl Walker<'_> {
    /// QEMU's `bdrv_co_block_status` for one layer: what is there goes to `found`, or it says for how many
    /// bytes to search in the layer below.
    #[inline]
    fn go(
        &mut self,
        at: &mut u64,
        end: u64,
        level: Level,
        found: &mut impl Pieces,
    ) -> Result<Option<u64>, ImageError> {
        let view = match self.layer.kind() {
            Kind::View(view) => view,
            Kind::Raw(raw) => {
                let span = self.spans.at(raw.source(), *at)?;
                let length = (end - *at).min(span.end().saturating_sub(*at).max(1));
                let flags = PRESENT | if span.is_hole() { ZERO } else { DATA };
                found.push(Piece::new(level.depth, flags, *at, length));
                *at += length;
                return Ok(None);
            }
        };
        match self.walk.go(view, at, end, level, found)? {
            Stop::Further => Ok(None),
            Stop::Below { length } => Ok(Some(length)),
            Stop::Data { offset, length } => {
                let piece = self.data(view.image(), level.depth, offset, length)?;
                *at += piece.length;
                found.push(piece);
                Ok(None)
            }
        }
    }

    /// Data in clusters: is it in the file, and if its place was taken before it was written, is it there?
    /// What that tells of more of the file than was asked for the walk is told.
    #[cold]
    fn data(
        &mut self,
        image: &Image,
        depth: u32,
        offset: u64,
        length: u64,
    ) -> Result<Piece, ImageError> {
        // Without its data file an image can be mapped, but not read.
        let Ok((source, stamp)) = image.data_source() else {
            let known = Known { from: 0, to: u64::MAX, flags: PRESENT | DATA };
            self.walk.learn(known);
            return Ok(Piece::new(depth, known.flags, offset, length));
        };
        // The file's last cluster may be cut short; all of it is there.
        let bits = image.geometry().cluster_bits();
        let end = bits.clusters(stamp.len).saturating_mul(bits.size());
        if offset >= end {
            return Ok(Piece::new(depth, ZERO | BEYOND_END, NOWHERE, length));
        }
        let mut known = Known { from: 0, to: end, flags: PRESENT | DATA };
        let preallocated = match self.preallocated {
            Some(preallocated) => preallocated,
            None => *self.preallocated.insert(is_preallocated(image)?),
        };
        if preallocated {
            let span = self.spans.at(source, offset)?;
            (known.from, known.to) = (offset, span.end().min(end).max(offset + 1));
            known.flags |= if span.is_hole() { ZERO } else { 0 };
        }
        self.walk.learn(known);
        Ok(Piece::new(depth, known.flags, offset, length.min(known.to - offset)))
    }
}
