//! Is the same data being read again?
#![forbid(unsafe_code)]

use std::boxed::Box;

use crate::format::{DEFLATE_RATIO_MAX, ZSTD_RATIO_MAX};
use crate::header::Compression;

/// How many places are remembered. A forged image needs as many clusters that exist to go unnoticed.
const PLACES: usize = 1 << 16;
/// How many bytes may be read more than once, as from an image in which two entries came to name one cluster.
const BYTES_MAX: u64 = 256 << 20;

/// Places of data that were read lately, and how much was read at one of them again. No sound image maps a cluster
/// at two places.
#[derive(Default)]
pub(super) struct Again {
    /// Number and layer.
    places: Box<[(u64, usize)]>,
    bytes: u64,
}

/// Where data lies, so that two places which are the same can't both be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A cluster, by its number.
    Cluster(u64),
    /// A compressed cluster, by its first byte, and the size that it has unpacked.
    Compressed(u64, u64, Compression),
}

impl Place {
    /// A number of its own in one layer, not 0.
    fn number(self) -> u64 {
        match self {
            Self::Cluster(number) => 2 * number + 1,
            Self::Compressed(offset, cluster_size, compression) => {
                // As short as it can be: what begins within that overlaps.
                let shortest = match compression {
                    Compression::Deflate => cluster_size / DEFLATE_RATIO_MAX,
                    Compression::Zstd => cluster_size / ZSTD_RATIO_MAX,
                };
                2 * (offset / shortest.max(1)) + 2
            }
        }
    }
}

impl Again {
    /// Takes notice that `bytes` bytes are read there. `false` if by now too many were read again.
    pub(super) fn note(&mut self, depth: usize, place: Place, bytes: u64) -> bool {
        if self.places.is_empty() {
            self.places = std::vec![(0, 0); PLACES].into_boxed_slice();
        }
        let key = (place.number(), depth);
        let slot = (key.0 ^ (depth as u64) << 48).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
        let Some(known) = usize::try_from(slot).ok().and_then(|slot| self.places.get_mut(slot))
        else {
            return true;
        };
        if *known == key {
            self.bytes = self.bytes.saturating_add(bytes);
        }
        *known = key;
        self.bytes <= BYTES_MAX
    }
}
