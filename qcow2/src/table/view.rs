//! An L2 table as it lies on disk.
#![forbid(unsafe_code)]

use super::{Geometry, L2Entry};
use crate::format::Be64;

/// An L2 table, or a part of one that begins with some entry, as it lies on disk.
#[derive(Clone, Copy, Debug)]
pub struct L2View<'a> {
    words: &'a [Be64],
    geometry: Geometry,
}

impl<'a> L2View<'a> {
    /// Of bytes that begin with an entry. Bytes behind the last whole entry are left out.
    #[inline]
    #[must_use]
    pub fn new(bytes: &'a [u8], geometry: Geometry) -> Self {
        let whole = bytes.len() - bytes.len() % (8 * geometry.l2_words());
        let words = bytes.get(..whole).and_then(|whole| bytemuck::try_cast_slice(whole).ok());
        Self { words: words.unwrap_or_default(), geometry }
    }

    /// Of words that begin with an entry.
    #[inline]
    #[must_use]
    pub const fn from_words(words: &'a [Be64], geometry: Geometry) -> Self {
        Self { words, geometry }
    }

    /// The form of the table.
    #[inline]
    #[must_use]
    pub const fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// How many entries there are.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.words.len() / self.geometry.l2_words()
    }

    /// Whether there are none.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Entry `index`, counted from the view's beginning.
    #[inline]
    #[must_use]
    pub fn get(&self, index: usize) -> Option<L2Entry> {
        if self.geometry.extended_l2() {
            let at = index.checked_mul(2)?;
            let (entry, bitmap) = (self.words.get(at)?, self.words.get(at + 1)?);
            Some(L2Entry { entry: entry.get(), bitmap: bitmap.get() })
        } else {
            Some(L2Entry { entry: self.words.get(index)?.get(), bitmap: 0 })
        }
    }

    /// The entries in order.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = L2Entry> + 'a {
        let extended = self.geometry.extended_l2();
        self.words.chunks_exact(self.geometry.l2_words()).map(move |words| match words {
            [entry, bitmap] if extended => L2Entry { entry: entry.get(), bitmap: bitmap.get() },
            [entry, ..] => L2Entry { entry: entry.get(), bitmap: 0 },
            [] => L2Entry::default(),
        })
    }

    /// The words as stored.
    #[inline]
    #[must_use]
    pub const fn words(&self) -> &'a [Be64] {
        self.words
    }
}
