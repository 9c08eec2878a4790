//! Reading guest bytes through all layers.
#![forbid(unsafe_code)]

use super::{Chain, ChainError, Layer};
use crate::image::split;
use crate::table::{Run, RunKind};
use crate::units::GuestOffset;

/// Layers whose place a read remembers; below them it walks down anew for each run. More than are ever
/// used, and nothing is allocated for them.
const REMEMBERED: usize = 32;

impl Chain {
    /// Reads guest bytes from `guest` on. Says how many there were before the disk's end.
    ///
    /// Neighbouring host bytes are read with one call of the source, straight into the buffer. Allocates
    /// nothing, once the L2 tables that it needs are in the cache, but for parts of compressed clusters.
    /// Any number of threads may read at once.
    ///
    /// # Errors
    ///
    /// [`ChainError`], with the layer that it is about. The buffer then holds anything.
    pub fn read_at(&self, guest: GuestOffset, buffer: &mut [u8]) -> Result<usize, ChainError> {
        let left = usize::try_from(self.size().saturating_sub(guest.get())).unwrap_or(usize::MAX);
        let length = left.min(buffer.len());
        let mut rest = buffer.get_mut(..length).unwrap_or_default();
        let mut at = guest.get();
        let mut descent = Descent::new(self.layers(), at.saturating_add(length as u64));
        let mut ahead = None;
        while !rest.is_empty() {
            let left = rest.len() as u64;
            let (depth, mut run) = match ahead.take() {
                Some(next) => next,
                None => descent.run(at, left)?,
            };
            // What lies side by side is one read, though one look at the tables did not tell.
            while run.len < left {
                let (further, next) = descent.run(at + run.len, left - run.len)?;
                if further != depth || next.len == 0 || !run.kind.continues(run.len, &next.kind) {
                    ahead = Some((further, next));
                    break;
                }
                run.len += next.len;
            }
            let (part, behind) = split(rest, run.len);
            match self.layers().get(depth) {
                Some(layer) => layer
                    .read_run(run.kind, at, part)
                    .map_err(|error| ChainError { depth, error })?,
                None => part.fill(0),
            }
            at = at.saturating_add(part.len() as u64);
            rest = behind;
        }
        Ok(length)
    }
}

/// Finds, front to back, which layer has the guest's bytes. What was found unallocated in a layer stays
/// so until its end: above a fragmented base the tables of the overlays are not asked for each fragment.
struct Descent<'c> {
    layers: &'c [Layer],
    /// Up to where all layers above this one are known to have nothing; not increasing.
    ends: [u64; REMEMBERED],
    depth: usize,
}

impl<'c> Descent<'c> {
    #[inline]
    fn new(layers: &'c [Layer], end: u64) -> Self {
        let mut ends = [0; REMEMBERED];
        ends[0] = end;
        Self { layers, ends, depth: 0 }
    }

    /// The layer that has the byte at `at`, and the run there. Where none has it the run is of zeros.
    #[inline]
    fn run(&mut self, at: u64, max: u64) -> Result<(usize, Run), ChainError> {
        while self.depth > 0 && self.ends.get(self.depth).is_none_or(|end| at >= *end) {
            self.depth -= 1;
        }
        let mut depth = self.depth;
        let end = self.ends.get(depth).copied().unwrap_or_default();
        let mut max = max.min(end.saturating_sub(at));
        loop {
            let Some(layer) = self.layers.get(depth) else {
                return Ok((depth, Run { kind: RunKind::Zero { reserved: None }, len: max }));
            };
            let run = layer.run(at, max).map_err(|error| ChainError { depth, error })?;
            let RunKind::Unallocated { .. } = run.kind else { return Ok((depth, run)) };
            max = max.min(run.len);
            depth += 1;
            // A shorter layer reads as zeros from its end on; what lies below it is out of reach.
            let size = self.layers.get(depth).map_or(0, Layer::size);
            if at >= size {
                return Ok((depth - 1, Run { kind: RunKind::Zero { reserved: None }, len: max }));
            }
            max = max.min(size - at);
            if let Some(end) = self.ends.get_mut(depth) {
                *end = at + max;
                self.depth = depth;
            }
        }
    }
}
