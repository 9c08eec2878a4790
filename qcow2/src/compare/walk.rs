//! One of the two chains on the way through it.
#![forbid(unsafe_code)]

use std::vec::Vec;

use core::iter::Peekable;

use super::again::{Again, Place};
use super::{CHUNK, CompareError, Doing, Side};
use crate::chain::{Chain, ChainError, Extent, Extents, Layer};
use crate::control::{Control, Progress};
use crate::error::{Error, ErrorKind, Structure};
use crate::units::GuestOffset;

/// A sparse file is asked for holes once for so many bytes of data.
const ASKED: u64 = CHUNK;

/// What a chain has at some place.
#[derive(Clone, Copy)]
pub(super) struct Piece {
    pub(super) end: u64,
    pub(super) depth: usize,
    extent: Extent,
    /// The file system has nothing where the data lies.
    hole: bool,
}

impl Piece {
    pub(super) fn is_zero(&self) -> bool {
        self.extent.zero || self.hole
    }

    /// What has to be the same to be strictly the same.
    pub(super) fn form(&self) -> [bool; 5] {
        let extent = &self.extent;
        let placed = extent.offset.is_some() && !extent.compressed;
        [extent.present, extent.zero, extent.data, extent.compressed, placed]
    }
}

pub(super) struct Walk<'c> {
    pub(super) chain: &'c Chain,
    side: Side,
    extents: Peekable<Extents<'c>>,
    buffer: Vec<u8>,
    again: Again,
    /// The layer and the guest cluster that were noted last.
    noted: Option<(usize, u64)>,
    /// A layer, and whether its file has holes.
    sparse: (usize, bool),
    control: &'c Control,
}

impl<'c> Walk<'c> {
    pub(super) fn new(chain: &'c Chain, side: Side, control: &'c Control) -> Self {
        // What is read counts, not what is looked at: the first walk alone would tell twice as much.
        let extents = chain.extents().placing_compressed().controlled_by(&control.quiet());
        let (buffer, again) = (Vec::new(), Again::default());
        let extents = extents.peekable();
        let sparse = (usize::MAX, false);
        Self { chain, side, extents, buffer, again, noted: None, sparse, control }
    }

    /// What is at `at`, which never goes back.
    pub(super) fn extent(&mut self, at: u64) -> Result<Piece, CompareError> {
        loop {
            match self.extents.peek() {
                Some(Ok(extent)) => {
                    let extent = *extent;
                    let end = extent.start.get().saturating_add(extent.length);
                    if end > at {
                        let (hole, end) = self.hole(&extent, at, end)?;
                        return Ok(Piece { end, depth: extent.depth, extent, hole });
                    }
                    self.extents.next();
                }
                Some(Err(_)) => {
                    if let Some(Err(error)) = self.extents.next() {
                        return Err(self.failed(Doing::Mapping, at, error));
                    }
                }
                None => {
                    // The extents go up to the disk's end, and nobody asks behind it.
                    let extent = Extent::nothing(GuestOffset(at), u64::MAX - at);
                    return Ok(Piece { end: u64::MAX, depth: 0, extent, hole: false });
                }
            }
        }
    }

    /// Whether there is a hole of the file where the data at `at` lies, and up to where that is so, `end` at most.
    fn hole(&mut self, extent: &Extent, at: u64, end: u64) -> Result<(bool, u64), CompareError> {
        let (false, false, true, Some(offset)) =
            (extent.zero, extent.compressed, extent.data, extent.offset)
        else {
            return Ok((false, end));
        };
        let depth = extent.depth;
        let view = self.chain.layers().get(depth).and_then(Layer::view);
        let Some((source, stamp)) = view.and_then(|view| view.image().data_source().ok()) else {
            return Ok((false, end));
        };
        let failed = |error: std::io::Error| {
            let error = ChainError { depth, error: error.into() };
            CompareError { side: self.side, doing: Doing::Mapping, at: GuestOffset(at), error }
        };
        if self.sparse.0 != depth {
            // Of a file that occupies its whole length nothing has to be asked.
            self.sparse = (depth, source.allocated().map_err(failed)? < stamp.len);
        }
        if !self.sparse.1 {
            return Ok((false, end));
        }
        let place = offset.get().saturating_add(at - extent.start.get());
        let hole = source.next_data(place).saturating_sub(place);
        // Where data ends the file system finds only extent by extent.
        let length = if hole > 0 { hole } else { ASKED };
        Ok((hole > 0, end.min(at.saturating_add(length))))
    }

    /// Takes notice of where the next `len` bytes lie, which are in one extent.
    pub(super) fn note(&mut self, at: u64, len: u64) -> Result<(), CompareError> {
        let Some(Ok(extent)) = self.extents.peek() else { return Ok(()) };
        let Extent { depth, start, compressed, offset, .. } = *extent;
        let Some(image) =
            self.chain.layers().get(depth).and_then(Layer::view).map(|view| view.image())
        else {
            return Ok(());
        };
        let Some(offset) = offset else { return Ok(()) };
        let bits = image.geometry().cluster_bits();
        let (size, shift) = (bits.size(), bits.get());
        for cluster in at >> shift..=(at + len - 1) >> shift {
            // A cluster may be read in several parts.
            if self.noted == Some((depth, cluster)) {
                continue;
            }
            self.noted = Some((depth, cluster));
            let from = (cluster << shift).max(start.get()) - start.get();
            let place = match compressed {
                true => Place::Compressed(offset.get(), size, image.compression()),
                false => Place::Cluster(offset.get().saturating_add(from) >> shift),
            };
            if !self.again.note(depth, place, size) {
                let kind = ErrorKind::Overlap { with: Structure::Cluster };
                let error = Error::new(Structure::Cluster, "offset", offset.get(), kind);
                let error = ChainError { depth, error: error.into() };
                return Err(self.failed(Doing::Reading, at, error));
            }
        }
        Ok(())
    }

    fn failed(&self, doing: Doing, at: u64, error: ChainError) -> CompareError {
        CompareError { side: self.side, doing, at: GuestOffset(at), error }
    }

    pub(super) fn read(&mut self, at: u64, len: u64) -> Result<&[u8], CompareError> {
        let buffer = core::mem::take(&mut self.buffer);
        self.buffer = self.read_into(at, len, buffer)?;
        Ok(self.buffer.get(..usize::try_from(len).unwrap_or_default()).unwrap_or_default())
    }

    /// Reads into a buffer of the caller's, which comes back: `len` bytes, and behind them whatever was there.
    pub(super) fn read_into(
        &mut self,
        at: u64,
        len: u64,
        mut buffer: Vec<u8>,
    ) -> Result<Vec<u8>, CompareError> {
        self.control.report(Progress { done: at, total: self.chain.size() });
        if let Err(stop) = self.control.go_on() {
            let error = ChainError { depth: 0, error: stop.into() };
            return Err(self.failed(Doing::Reading, at, error));
        }
        let len = usize::try_from(len).unwrap_or_default();
        if buffer.len() < len {
            buffer.resize(len, 0);
        }
        let into = buffer.get_mut(..len).unwrap_or_default();
        match self.chain.read_at(GuestOffset(at), into) {
            Ok(_) => Ok(buffer),
            Err(error) => Err(self.failed(Doing::Reading, at, error)),
        }
    }

    pub(super) fn first_nonzero(&mut self, at: u64, end: u64) -> Result<Option<u64>, CompareError> {
        for from in (at..end).step_by(usize::try_from(CHUNK).unwrap_or(usize::MAX)) {
            let bytes = self.read(from, CHUNK.min(end - from))?;
            // Whole words first: that is one comparison of memory for what is all zeros.
            let zeros = bytes
                .chunks(4096)
                .take_while(|chunk| chunk.iter().fold(0, |all, byte| all | byte) == 0);
            let zeros = zeros.map(<[u8]>::len).sum::<usize>();
            if let Some(more) = bytes.iter().skip(zeros).position(|byte| *byte != 0) {
                return Ok(Some(from + (zeros + more) as u64));
            }
        }
        Ok(None)
    }
}
