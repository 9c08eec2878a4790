//! What single words of a table say, where there are neither subclusters nor an external data file.
#![forbid(unsafe_code)]

use super::pieces::{COMPRESSED, DATA, NOWHERE, PRESENT, ZERO};
use super::walk::Known;
use crate::format::{Be64, ENTRY_OFFSET, L2_COMPRESSED, L2_ZERO};
use crate::table::Geometry;

/// Words that are compared at a time.
const CHUNK: usize = 8;

/// Tells words that are nothing but data in a range of the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlainData {
    pub(crate) bits: u32,
    /// The first cluster of the range: never the header's, which stands for none.
    first: u64,
    clusters: u64,
}

impl PlainData {
    #[inline]
    pub(super) fn new(geometry: &Geometry, known: &Known) -> Self {
        let bits = geometry.cluster_bits().get();
        let first = known.from.div_ceil(geometry.cluster_size()).max(1);
        let clusters = (known.to.min(ENTRY_OFFSET) >> bits).saturating_sub(first);
        Self { bits, first, clusters }
    }

    /// Whether a word is an offset in the range, with or without the copied bit, and nothing else.
    ///
    /// Rotated so that the number of its cluster is what is left of such a word: all else that may be there -
    /// the zero flag, an offset inside a cluster, compression, reserved bits - goes to the top, and makes that
    /// number one that no file has.
    #[inline]
    pub(super) const fn has(&self, word: u64) -> bool {
        self.cluster(word).wrapping_sub(self.first) < self.clusters
    }

    #[inline]
    const fn cluster(&self, word: u64) -> u64 {
        (word << 1).rotate_right(self.bits + 1)
    }

    /// How many of the first words are such, one after the other.
    pub(crate) fn prefix(&self, words: &[Be64]) -> usize {
        let plain = *self;
        let all = |chunk: &&[Be64]| chunk.iter().all(|word| plain.has(word.get()));
        let chunks = words.chunks_exact(CHUNK).take_while(all).count() * CHUNK;
        let rest = words.get(chunks..).unwrap_or_default();
        chunks + rest.iter().take_while(|word| plain.has(word.get())).count()
    }

    /// How many of `words`, in chunks, go on where `before` ends, in the file and in the range, with the same
    /// copied bit.
    #[inline(never)]
    pub(super) fn run(&self, words: &[Be64], before: u64) -> usize {
        let left = self.first + self.clusters
            - 1
            - self.cluster(before).min(self.first + self.clusters - 1);
        let left = usize::try_from(left).unwrap_or(usize::MAX).min(words.len());
        let mut next = before.wrapping_add(1 << self.bits);
        let mut run = 0;
        for chunk in words.get(..left).unwrap_or_default().chunks_exact(CHUNK) {
            let odd = chunk
                .iter()
                .zip(0_u64..)
                .fold(0, |odd, (word, at)| odd | (word.get() ^ next.wrapping_add(at << self.bits)));
            if odd != 0 {
                break;
            }
            next = next.wrapping_add((CHUNK as u64) << self.bits);
            run += CHUNK;
        }
        run
    }
}

/// How many words at the beginning are that one, rounded down to whole chunks.
#[inline]
pub(super) fn same(words: &[Be64], first: Be64) -> usize {
    let first = word_as_stored(first);
    let alike = words.chunks_exact(CHUNK).take_while(|chunk| {
        chunk.iter().fold(0, |odd, word| odd | (word_as_stored(*word) ^ first)) == 0
    });
    alike.count() * CHUNK
}

#[inline]
fn word_as_stored(word: Be64) -> u64 {
    bytemuck::cast(word)
}

/// What a word says that is no data in the range: its flags, and where the cluster lies. `None` where the general
/// decoder has to be asked.
#[inline]
pub(super) fn other(word: u64, geometry: &Geometry) -> Option<(u64, u64)> {
    let offset = word & ENTRY_OFFSET;
    match (word & L2_COMPRESSED != 0, word & L2_ZERO != 0) {
        (true, _) => Some((PRESENT | DATA | COMPRESSED, NOWHERE)),
        (_, true) if geometry.is_version_2() || !geometry.cluster_bits().is_aligned(offset) => None,
        (_, true) => Some((PRESENT | ZERO, if offset == 0 { NOWHERE } else { offset })),
        _ => (offset == 0).then_some((ZERO, NOWHERE)),
    }
}
