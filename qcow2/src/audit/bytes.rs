//! Reading tables front to back, holes left out.
#![forbid(unsafe_code)]

use std::io;
use std::vec::Vec;

use crate::control::{self, Control};
use crate::source::{Source, Span, fill};

/// Why the audit of a layer ended early.
#[derive(Debug)]
pub(super) enum Stop {
    /// The system's answer to a read.
    Io(io::Error),
    /// Bytes that were there are gone.
    Changed,
    /// The caller's wish.
    Told(control::Stop),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<control::Stop> for Stop {
    fn from(stop: control::Stop) -> Self {
        Self::Told(stop)
    }
}

/// Bytes that are read at a time.
const CHUNK: u64 = 64 << 10;

/// Calls `each` with every word of a table that is not zero: its index, and the word. The table has to lie
/// inside the file; holes of the file are not read. Asks before each read whether to go on.
pub(super) fn words(
    source: &dyn Source,
    control: &Control,
    start: u64,
    count: u64,
    mut each: impl FnMut(u64, u64),
) -> Result<(), Stop> {
    let end = start.saturating_add(count.saturating_mul(8));
    let mut buffer = Vec::new();
    let (mut at, mut data_end) = (start, start);
    while at < end {
        if at >= data_end {
            match source.span(at)? {
                Span::Hole { end: hole } if hole >= at.saturating_add(8) => {
                    // A word that begins in the hole and ends behind it is read.
                    at += (hole.min(end) - at) / 8 * 8;
                    continue;
                }
                Span::Hole { .. } => data_end = at.saturating_add(8),
                Span::Data { end } => data_end = end.max(at.saturating_add(8)),
            }
        }
        control.go_on()?;
        let upto = data_end.min(end).min(at.saturating_add(CHUNK));
        let length = (upto - at).next_multiple_of(8).min(end - at);
        buffer.clear();
        buffer.resize(usize::try_from(length).unwrap_or_default(), 0);
        if fill(source, at, &mut buffer)? < buffer.len() {
            return Err(Stop::Changed);
        }
        for (index, word) in ((at - start) / 8..).zip(buffer.chunks_exact(8)) {
            let word = word.first_chunk().map_or(0, |word| u64::from_be_bytes(*word));
            if word != 0 {
                each(index, word);
            }
        }
        at += length;
    }
    Ok(())
}

/// The first bytes at `offset`, at most `length`, as many as there are.
pub(super) fn peek(source: &dyn Source, offset: u64, length: usize) -> Result<Vec<u8>, Stop> {
    let mut bytes = std::vec![0; length];
    let found = fill(source, offset, &mut bytes)?;
    bytes.truncate(found);
    Ok(bytes)
}
