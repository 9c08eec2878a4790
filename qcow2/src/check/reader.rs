//! Reads of tables, never beyond the file as it was told to be.
#![forbid(unsafe_code)]

use std::vec::Vec;

use super::CheckError;
use crate::control::Control;
use crate::open::ReadError;
use crate::source::{Source, fill};

/// How much is read at a time, in bytes.
pub(super) const CHUNK: u64 = 1 << 20;

/// An image's bytes.
#[derive(Debug)]
pub(super) struct Reader<'s, S: ?Sized> {
    source: &'s S,
    len: u64,
    control: &'s Control,
}

impl<S: ?Sized> Clone for Reader<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: ?Sized> Copy for Reader<'_, S> {}

impl<'s, S: Source + ?Sized> Reader<'s, S> {
    /// Of a file that has `len` bytes, as `fstat` told.
    pub(super) fn new(source: &'s S, len: u64, control: &'s Control) -> Self {
        Self { source, len, control }
    }

    /// Who may stop the check.
    pub(super) fn control(&self) -> &'s Control {
        self.control
    }

    /// The file's length in bytes.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The same as QEMU knows it: in whole sectors of 512 bytes.
    pub(super) fn sectors_len(&self) -> u64 {
        self.len.checked_next_multiple_of(512).unwrap_or(u64::MAX)
    }

    /// What the file occupies, in bytes, holes not counted.
    pub(super) fn allocated(&self) -> Result<u64, CheckError> {
        Ok(self.source.allocated().map_err(ReadError::Io)?)
    }

    /// Fills `buffer` from `offset` on. Beyond the end there are zeros, as for QEMU.
    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), CheckError> {
        self.control.go_on()?;
        let inside = self.len.saturating_sub(offset).min(buffer.len() as u64);
        let (inside, outside) =
            buffer.split_at_mut(usize::try_from(inside).unwrap_or(usize::MAX).min(buffer.len()));
        outside.fill(0);
        let found = fill(self.source, offset, inside).map_err(ReadError::Io)?;
        if found < inside.len() {
            let expected = offset + inside.len() as u64;
            let found = offset + found as u64;
            return Err(ReadError::ChangedDuringRead { expected, found }.into());
        }
        Ok(())
    }

    /// Whether the bytes from `start` to `end` are a hole, and so zeros. A hint: no is always possible.
    pub(super) fn is_hole(&self, start: u64, end: u64) -> bool {
        start >= self.len || self.source.next_data(start) >= end
    }

    /// Calls `each` with every word that is not 0, and where it lies, from `start` to `end` as far as the
    /// file goes. Holes are not read.
    pub(super) fn each_word(
        &self,
        start: u64,
        end: u64,
        mut each: impl FnMut(u64, u64) -> Result<(), CheckError>,
    ) -> Result<(), CheckError> {
        let end = end.min(self.len);
        let mut buffer = Vec::new();
        let mut at = start;
        while at < end {
            // Back to a word's start, should a hole end in the midst of one.
            let data = self.source.next_data(at);
            at = at.max(data - data % 8);
            if at >= end {
                break;
            }
            let length = (end - at).min(CHUNK);
            buffer.resize(usize::try_from(length.next_multiple_of(8)).unwrap_or_default(), 0);
            self.read(at, &mut buffer)?;
            for (number, bytes) in buffer.as_chunks::<8>().0.iter().enumerate() {
                let word = u64::from_be_bytes(*bytes);
                if word != 0 {
                    each(at + 8 * number as u64, word)?;
                }
            }
            at += length;
        }
        Ok(())
    }
}
