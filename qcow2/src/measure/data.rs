//! How many clusters of a copy would hold data.
#![forbid(unsafe_code)]

use crate::chain::{Chain, ChainError, Descent};
use crate::control::Control;
use crate::format::Be64;
use crate::image::{DATA, Piece, Pieces, PlainData, ZERO};
use crate::units::GuestOffset;

/// How many clusters of `cluster_size` bytes hold a byte of data that is not known to be zeros. Where the data
/// lies is of no interest: tables are counted a chunk of words at a time.
pub(super) fn clusters(
    chain: &Chain,
    cluster_size: u64,
    control: &Control,
) -> Result<u64, ChainError> {
    let mut count = Count { cluster_size, at: 0, clusters: 0, counted_to: 0 };
    let mut descent = Descent::new(chain, GuestOffset(0), u64::MAX).controlled_by(control);
    while !descent.is_over() {
        descent.go(&mut count)?;
    }
    Ok(count.clusters)
}

struct Count {
    cluster_size: u64,
    /// Where the next piece begins, in bytes of the guest's disk.
    at: u64,
    clusters: u64,
    /// Up to which cluster all are counted.
    counted_to: u64,
}

impl Pieces for Count {
    #[inline]
    fn has_room(&self) -> bool {
        true
    }

    #[inline]
    fn push(&mut self, piece: Piece) {
        let end = self.at.saturating_add(piece.length);
        if piece.is(DATA) && !piece.is(ZERO) {
            let first = (self.at / self.cluster_size).max(self.counted_to);
            self.counted_to = end.div_ceil(self.cluster_size);
            self.clusters += self.counted_to.saturating_sub(first);
        }
        self.at = end;
    }

    #[inline]
    fn data(&mut self, words: &[Be64], plain: &PlainData, tag: u64) -> usize {
        let clusters = plain.prefix(words);
        if clusters > 0 {
            self.push(Piece::tagged(tag, (clusters as u64) << plain.bits));
        }
        clusters
    }
}
