//! The beginning of a file, with the file's length: what tells "not read yet" from "not there".
#![forbid(unsafe_code)]

use crate::error::{Error, ErrorKind, Structure};

/// The first bytes of a file of `file_len` bytes. Never longer than the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prefix<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) file_len: u64,
}

impl<'a> Prefix<'a> {
    #[inline]
    pub(super) fn new(bytes: &'a [u8], file_len: u64) -> Self {
        let cut = usize::try_from(file_len).unwrap_or(usize::MAX).min(bytes.len());
        Self { bytes: bytes.get(..cut).unwrap_or(bytes), file_len }
    }

    /// `length` bytes at `offset`, or why they can't be had: they are beyond the bytes given
    /// (`NeedMore`), or beyond the file (`Truncated`).
    #[inline]
    pub(super) fn get(
        &self,
        structure: Structure,
        field: &'static str,
        offset: u64,
        length: u64,
    ) -> Result<&'a [u8], Error> {
        let end = offset.saturating_add(length);
        match (usize::try_from(offset), usize::try_from(end)) {
            (Ok(from), Ok(to)) if to <= self.bytes.len() => {
                self.bytes.get(from..to).ok_or_else(|| self.short(structure, field, offset, end))
            }
            _ => Err(self.short(structure, field, offset, end)),
        }
    }

    #[cold]
    pub(super) fn short(
        &self,
        structure: Structure,
        field: &'static str,
        offset: u64,
        need: u64,
    ) -> Error {
        let kind = if need <= self.file_len {
            ErrorKind::NeedMore { need }
        } else {
            ErrorKind::Truncated { need, have: self.file_len }
        };
        Error::new(structure, field, offset, kind)
    }
}
