//! Where an image's bytes come from: positioned reads, or memory that never changes.
//!
//! The header of an image is always read into a buffer that the caller owns and reuses
//! ([`read_header`](crate::open::read_header)): a live image can be cut short under us, and a mapping of it then
//! dies with SIGBUS. A map ([`MappedSource`]) is for images that the caller knows to be immutable; for a
//! header alone it is slower than the read. Both give the same zero-copy views, because views are made
//! from `&[u8]`, wherever that lies.

mod file;
mod map;
mod memory;

pub use file::FileSource;
pub use map::MappedSource;
pub use memory::MemorySource;

use std::io;

/// Something that can be read at any offset, by several threads at once.
///
/// This is not [`std::io::Read`] with [`std::io::Seek`], because a cursor would have to be locked.
pub trait Source: Send + Sync {
    /// How many bytes there are now.
    ///
    /// # Errors
    ///
    /// Whatever the system answers.
    fn len(&self) -> io::Result<u64>;

    /// Whether there are none.
    ///
    /// # Errors
    ///
    /// As [`len`](Self::len).
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Reads into `buffer` from `offset` on, and says how many bytes; 0 means that there are no more. May
    /// read fewer than there are.
    ///
    /// # Errors
    ///
    /// Whatever the system answers. Reading beyond the end is no error.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// All bytes at once, if they lie in memory and never change.
    fn mapped(&self) -> Option<&[u8]> {
        None
    }
}

impl<S: Source + ?Sized> Source for &S {
    fn len(&self) -> io::Result<u64> {
        (**self).len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        (**self).read_at(offset, buffer)
    }

    fn mapped(&self) -> Option<&[u8]> {
        (**self).mapped()
    }
}

/// Reads until `buffer` is full or nothing is left, and says how many bytes. Reads cut short by a signal
/// go on.
pub(crate) fn fill<S: Source + ?Sized>(
    source: &S,
    offset: u64,
    buffer: &mut [u8],
) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match source.read_at(offset.saturating_add(done as u64), rest) {
            Ok(0) => break,
            Ok(more) => done += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}
