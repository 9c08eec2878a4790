//! Parts of L2 tables: what is read, cached and looked at together.
#![forbid(unsafe_code)]

use super::{Image, ImageError};
use crate::format::Be64;
use crate::source::fill;
use crate::units::{GuestOffset, HostOffset};

/// A part of a table: a power of two of words that has a certain entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    /// Where in the file it lies.
    pub(super) offset: u64,
    pub(super) words: usize,
    /// Of the entry in it.
    pub(super) index: usize,
}

impl Part {
    /// The part of at most `words` words of the table at `table` that has the entry for `guest`.
    #[inline]
    pub(super) fn of(image: &Image, table: HostOffset, guest: GuestOffset, words: usize) -> Self {
        let geometry = image.geometry();
        let entry = geometry.l2_index(guest);
        let whole = usize::try_from(geometry.cluster_size() / 8).unwrap_or(usize::MAX);
        let words = words.min(whole);
        let entries = (words / geometry.l2_words()) as u64;
        let first = entry & !(entries - 1);
        let offset =
            table.get().saturating_add(first.saturating_mul(8 * geometry.l2_words() as u64));
        Self { offset, words, index: usize::try_from(entry - first).unwrap_or_default() }
    }

    /// How many guest bytes it stands for: a power of two.
    #[inline]
    pub(super) fn bytes(&self, image: &Image) -> u64 {
        let entries = (self.words / image.geometry().l2_words()) as u64;
        entries << image.geometry().cluster_bits().get()
    }
}

/// Reads words of a table, which lies inside the file at least in part; the rest is zeros.
pub(super) fn load(image: &Image, offset: u64, words: &mut [Be64]) -> Result<(), ImageError> {
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(words);
    let there = usize::try_from(image.len().saturating_sub(offset)).unwrap_or(usize::MAX);
    let there = there.min(bytes.len());
    let (inside, beyond) = bytes.split_at_mut(there);
    beyond.fill(0);
    if fill(image.source(), offset, inside)? < inside.len() {
        return Err(ImageError::ChangedDuringRead);
    }
    Ok(())
}
