//! Bytes that lie in memory.
#![forbid(unsafe_code)]

use std::io;

use super::Source;

/// Bytes that lie in memory, owned or borrowed: `MemorySource(vec)`, `MemorySource(&bytes)`.
#[derive(Clone, Copy, Debug)]
pub struct MemorySource<B>(pub B);

impl<B: AsRef<[u8]> + Send + Sync> Source for MemorySource<B> {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.as_ref().len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(copy(self.0.as_ref(), offset, buffer))
    }

    fn mapped(&self) -> Option<&[u8]> {
        Some(self.0.as_ref())
    }
}

/// Copies from `offset` on as much as there is and fits.
pub(super) fn copy(bytes: &[u8], offset: u64, buffer: &mut [u8]) -> usize {
    let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..));
    let rest = rest.unwrap_or_default();
    let length = rest.len().min(buffer.len());
    if let (Some(to), Some(from)) = (buffer.get_mut(..length), rest.get(..length)) {
        to.copy_from_slice(from);
    }
    length
}
