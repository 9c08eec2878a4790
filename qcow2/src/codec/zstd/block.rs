//! Blocks: from literals and sequences to bytes.
#![forbid(unsafe_code)]

use super::literals::Literals;
use super::sequences::{Sequence, Tables};
use super::{BLOCK_MAX, DecodeFault, INVALID};

/// Copies up to this long are made in one piece.
const SHORT: usize = 16;

/// What one block hands to the next of its frame.
pub(super) struct History {
    pub(super) literals: Literals,
    pub(super) tables: Tables,
    /// How far back the last three matches were.
    pub(super) offsets: [u64; 3],
}

impl Default for History {
    fn default() -> Self {
        Self { literals: Literals::default(), tables: Tables::default(), offsets: [1, 4, 8] }
    }
}

/// The output: what was made, and the room that is left. Matches don't reach behind the frame's start.
pub(super) struct Output<'a> {
    bytes: &'a mut [u8],
    start: usize,
    at: usize,
}

impl<'a> Output<'a> {
    pub(super) fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, start: 0, at: 0 }
    }

    pub(super) fn begin_frame(&mut self) {
        self.start = self.at;
    }

    pub(super) fn frame(&self) -> &[u8] {
        self.bytes.get(self.start..self.at).unwrap_or_default()
    }

    pub(super) fn is_full(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// Room for `length` bytes, which count as made.
    #[inline]
    fn room(&mut self, length: usize) -> Result<&mut [u8], DecodeFault> {
        let end = self.at.checked_add(length).ok_or(DecodeFault::TooLong)?;
        let room = self.bytes.get_mut(self.at..end).ok_or(DecodeFault::TooLong)?;
        self.at = end;
        Ok(room)
    }

    #[inline]
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), DecodeFault> {
        self.room(bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }

    pub(super) fn fill(&mut self, byte: u8, length: usize) -> Result<(), DecodeFault> {
        self.room(length)?.fill(byte);
        Ok(())
    }

    /// Copies from `offset` bytes back; where it reaches into its own output, that is repeated.
    #[inline]
    fn repeat(&mut self, offset: u64, length: usize) -> Result<(), DecodeFault> {
        let offset = usize::try_from(offset).map_err(|_| INVALID)?;
        if offset == 0 || offset > self.at - self.start {
            return Err(INVALID);
        }
        let to = self.at;
        self.room(length)?;
        let from = to - offset;
        if offset >= SHORT && length <= SHORT && self.short(from, to) {
            return Ok(());
        }
        // The repeated part doubles each time.
        let mut done = 0;
        while done < length {
            let part = (offset + done).min(length - done);
            self.bytes.copy_within(from..from + part, to + done);
            done += part;
        }
        Ok(())
    }

    /// Copies [`SHORT`] bytes, of which those that are too many are written over later. `false` if there is no
    /// room for them.
    #[inline]
    fn short(&mut self, from: usize, to: usize) -> bool {
        let Some(chunk) = self.bytes.get(from..).and_then(<[u8]>::first_chunk::<SHORT>) else {
            return false;
        };
        let chunk = *chunk;
        match self.bytes.get_mut(to..).and_then(<[u8]>::first_chunk_mut::<SHORT>) {
            Some(room) => {
                *room = chunk;
                true
            }
            None => false,
        }
    }

    /// Copies the first `length` of these literals.
    #[inline]
    fn push_first(&mut self, literals: &[u8], length: usize) -> Result<(), DecodeFault> {
        let to = self.at;
        if length <= SHORT
            && let Some(chunk) = literals.first_chunk::<SHORT>()
            && let Some(room) = self.bytes.get_mut(to..).and_then(<[u8]>::first_chunk_mut::<SHORT>)
        {
            *room = *chunk;
            self.at += length;
            return Ok(());
        }
        self.push(literals.get(..length).ok_or(INVALID)?)
    }
}

impl History {
    /// Decodes a compressed block.
    pub(super) fn block(
        &mut self,
        mut block: &[u8],
        output: &mut Output<'_>,
    ) -> Result<(), DecodeFault> {
        self.literals.read(&mut block)?;
        let mut literals = self.literals.bytes.as_slice();
        let mut left = BLOCK_MAX;
        if let Some(mut sequences) = self.tables.read(block)? {
            while let Some(sequence) = sequences.next()? {
                let Sequence { literals: count, length, .. } = sequence;
                left = left.checked_sub(count.saturating_add(length)).ok_or(INVALID)?;
                let offset = resolve(&mut self.offsets, &sequence);
                let later = literals.get(count..).ok_or(INVALID)?;
                output.push_first(literals, count)?;
                output.repeat(offset, length)?;
                literals = later;
            }
        }
        left.checked_sub(literals.len()).ok_or(INVALID)?;
        output.push(literals)
    }
}

/// How far back a match is, and what that does to the last three. 0 is invalid.
#[inline]
fn resolve(last: &mut [u64; 3], sequence: &Sequence) -> u64 {
    let [a, b, c] = *last;
    // Without literals before it a match isn't the last one again: the meanings move by one.
    let offset = match sequence.offset + u64::from(sequence.literals == 0) {
        1 => return a,
        2 => {
            *last = [b, a, c];
            return b;
        }
        3 if sequence.offset <= 3 => c,
        4 if sequence.offset == 3 => a.saturating_sub(1),
        _ => sequence.offset - 3,
    };
    *last = [offset, a, b];
    offset
}
