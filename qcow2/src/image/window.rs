//! A window over the L2 tables, for reading them front to back.
#![forbid(unsafe_code)]

use std::boxed::Box;
use std::collections::HashMap;

use super::part::{Part, load};
use super::slices::SLICE_WORDS;
use super::{Image, ImageError};
use crate::format::Be64;
use crate::source::Spans;
use crate::table::{L2View, Mapping, RunKind};
use crate::units::GuestOffset;

/// Parts of tables that are remembered as uniform.
const UNIFORM_MAX: usize = 4096;

/// A window of a reader's own that moves over the tables, for readers from front to back: it neither takes
/// room in the cache nor a lock.
///
/// Two things keep an image from making it do much for little. Tables that lie in a hole of the file are not
/// read: they are zeros. And of tables that say the same of all their clusters it is remembered what they say,
/// so that a table which is named a hundred thousand times is read once.
pub(super) struct Window {
    words: Box<[Be64]>,
    limit: usize,
    /// Where in the file the part lies that was read last.
    at: Option<u64>,
    /// What all of it is, if it is all alike.
    whole: Option<Uniform>,
    spans: Spans,
    uniform: HashMap<u64, Uniform>,
}

/// What all of a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Uniform {
    Unallocated,
    Zero,
}

impl Window {
    /// A window of at most `bytes` bytes, between 4 and 64 KiB. Nothing is allocated before it is used.
    pub(super) fn new(bytes: usize) -> Self {
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

    /// How many words of a table are looked at together, at most: a power of two.
    #[inline]
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Where in the file the words lie.
    pub(super) fn offset(&self) -> u64 {
        self.at.unwrap_or_default()
    }

    /// The words of the part that was read last.
    #[inline]
    pub(super) fn words(&self) -> &[Be64] {
        &self.words
    }

    /// Moves to a part. What all of it is, if that can be said in a word, and how many parts from it on are the
    /// same, itself counted, maybe beyond the table's end; else it has been read.
    pub(super) fn move_to(
        &mut self,
        image: &Image,
        part: &Part,
    ) -> Result<Option<(Uniform, u64)>, ImageError> {
        if self.at == Some(part.offset) {
            return Ok(self.whole.map(|whole| (whole, 1)));
        }
        if let Some(uniform) = self.uniform.get(&part.offset) {
            return Ok(Some((*uniform, 1)));
        }
        let span = self.spans.at(image.source(), part.offset)?;
        let hole = if span.is_hole() { span.end() - part.offset } else { 0 };
        let parts = hole / (8 * part.words as u64);
        if parts > 0 {
            return Ok(Some((Uniform::Unallocated, parts)));
        }
        (self.at, self.whole) = (None, None);
        if self.words.len() != part.words {
            self.words = std::vec![Be64::new(0); part.words].into_boxed_slice();
        }
        load(image, part.offset, &mut self.words)?;
        self.at = Some(part.offset);
        self.whole = uniform(L2View::from_words(&self.words, *image.geometry()), part.bytes(image));
        if let Some(whole) = self.whole
            && self.uniform.len() < UNIFORM_MAX
        {
            self.uniform.insert(part.offset, whole);
        }
        Ok(self.whole.map(|whole| (whole, 1)))
    }
}

/// What all of a table's part is that stands for `bytes` guest bytes.
fn uniform(table: L2View<'_>, bytes: u64) -> Option<Uniform> {
    match table.get(0)?.mapping(table.geometry()) {
        Mapping::Unallocated | Mapping::ZeroPlain => {}
        _ => return None,
    }
    match table.run(0, GuestOffset(0), bytes)?.ok()? {
        run if run.len < bytes => None,
        run => match run.kind {
            RunKind::Unallocated { reserved: None } => Some(Uniform::Unallocated),
            RunKind::Zero { reserved: None } => Some(Uniform::Zero),
            _ => None,
        },
    }
}
