//! A window over the L2 tables, for reading them front to back.
#![forbid(unsafe_code)]

use std::boxed::Box;
use std::collections::HashMap;

use super::slices::SLICE_WORDS;
use super::view::{Part, Tables, load};
use super::{Image, ImageError};
use crate::format::Be64;
use crate::source::Spans;
use crate::table::{L2View, RunKind};

/// Parts of tables that are remembered as uniform.
const UNIFORM_MAX: usize = 4096;

/// A window of a reader's own that moves over the tables, for readers from front to back: it neither takes
/// room in the cache nor a lock.
///
/// Two things keep an image from making it do much for little. Tables that lie in a hole of the file are not
/// read: they are zeros. And of tables that say the same of all their clusters it is remembered what they say,
/// so that a table which is named a hundred thousand times is read once.
pub(crate) struct Window {
    words: Box<[Be64]>,
    limit: usize,
    at: Option<u64>,
    /// What all of the part that is in the window is, if it is all alike.
    whole: Option<RunKind>,
    spans: Spans,
    uniform: HashMap<u64, RunKind>,
}

impl Window {
    /// A window of at most `bytes` bytes, between 4 and 64 KiB. Nothing is allocated before it is used.
    pub(crate) fn new(bytes: usize) -> Self {
        let limit = (bytes / 8).clamp(SLICE_WORDS, 8192);
        // A window must not straddle two parts of a table.
        let limit = if limit.is_power_of_two() { limit } else { limit.next_power_of_two() / 2 };
        Self {
            words: Box::default(),
            limit,
            at: None,
            whole: None,
            spans: Spans::default(),
            uniform: HashMap::new(),
        }
    }

    /// The words of a part, if it is in the window; else none.
    #[inline]
    pub(super) fn loaded(&self, part: &Part) -> &[Be64] {
        if self.at != Some(part.offset) {
            return &[];
        }
        self.words.get(..part.words).unwrap_or_default()
    }
}

impl Tables for Window {
    fn words(&self) -> usize {
        self.limit
    }

    fn known(&mut self, image: &Image, part: &Part) -> Result<Option<(RunKind, u64)>, ImageError> {
        if self.at == Some(part.offset) {
            return Ok(self.whole.map(|kind| (kind, 1)));
        }
        if let Some(kind) = self.uniform.get(&part.offset) {
            return Ok(Some((*kind, 1)));
        }
        let span = self.spans.at(image.source(), part.offset)?;
        let hole = if span.is_hole() { span.end() - part.offset } else { 0 };
        let parts = hole / (8 * part.words as u64);
        Ok((parts > 0).then_some((RunKind::Unallocated { reserved: None }, parts)))
    }

    fn learn(&mut self, part: &Part, kind: RunKind) {
        let uniform = RunKind::Unallocated { reserved: None } == kind
            || RunKind::Zero { reserved: None } == kind;
        if uniform && self.at == Some(part.offset) {
            self.whole = Some(kind);
        }
        if uniform && self.uniform.len() < UNIFORM_MAX {
            self.uniform.insert(part.offset, kind);
        }
    }

    fn with<R>(
        &mut self,
        image: &Image,
        part: &Part,
        found: impl FnOnce(L2View<'_>) -> R,
    ) -> Result<R, ImageError> {
        if self.words.is_empty() {
            self.words = std::vec![Be64::new(0); part.words].into_boxed_slice();
        }
        let words = self.words.get_mut(..part.words).unwrap_or_default();
        if self.at != Some(part.offset) {
            (self.at, self.whole) = (None, None);
            load(image, part.offset, words)?;
            self.at = Some(part.offset);
        }
        Ok(found(L2View::from_words(words, *image.geometry())))
    }
}
