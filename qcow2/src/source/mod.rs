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
mod spans;

pub use file::FileSource;
pub use map::MappedSource;
pub use memory::MemorySource;
pub(crate) use spans::Spans;

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

    /// Where the next byte lies, from `offset` on, that may be other than 0: what is before it is a hole in
    /// a sparse file, and need not be read. `u64::MAX` if nothing follows.
    ///
    /// A hint for whoever reads tables that may be mostly holes; `offset` itself is always right. Cheaper
    /// than [`span`](Self::span), which also finds where data ends: file systems look for that one extent
    /// at a time.
    fn next_data(&self, offset: u64) -> u64 {
        offset
    }

    /// All bytes at once, if they lie in memory and never change.
    fn mapped(&self) -> Option<&[u8]> {
        None
    }

    /// What tells one state of the bytes from another.
    ///
    /// # Errors
    ///
    /// Whatever the system answers.
    fn stamp(&self) -> io::Result<Stamp> {
        Ok(Stamp { len: self.len()?, ..Stamp::default() })
    }

    /// Whether there are bytes at `offset`, or a hole that reads as zeros and occupies nothing, and where that
    /// ends. Who can't tell says that all is data.
    ///
    /// # Errors
    ///
    /// Whatever the system answers.
    fn span(&self, offset: u64) -> io::Result<Span> {
        let end = self.len()?;
        Ok(if offset < end { Span::Data { end } } else { Span::Hole { end: u64::MAX } })
    }

    /// How many bytes it occupies, holes not counted.
    ///
    /// # Errors
    ///
    /// Whatever the system answers.
    fn allocated(&self) -> io::Result<u64> {
        self.len()
    }
}

/// A state of the bytes of a source: equal stamps are no proof, unequal ones are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stamp {
    /// How many there are.
    pub len: u64,
    /// When they were last written to: seconds and nanoseconds since 1970, as exact as the file system is.
    pub modified: (i64, u32),
}

/// A part of a source: data, or a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Data up to `end`, an offset in bytes.
    Data {
        /// Where it ends.
        end: u64,
    },
    /// Nothing up to `end`. Beyond the end of the file there is nothing for ever: `u64::MAX`.
    Hole {
        /// Where it ends.
        end: u64,
    },
}

impl Span {
    /// Where it ends.
    #[inline]
    #[must_use]
    pub const fn end(self) -> u64 {
        match self {
            Self::Data { end } | Self::Hole { end } => end,
        }
    }

    /// Whether it is a hole.
    #[inline]
    #[must_use]
    pub const fn is_hole(self) -> bool {
        matches!(self, Self::Hole { .. })
    }
}

macro_rules! forward {
    ($($type:ty),*) => {$(
        impl<S: Source + ?Sized> Source for $type {
            fn len(&self) -> io::Result<u64> {
                (**self).len()
            }

            fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
                (**self).read_at(offset, buffer)
            }

            fn next_data(&self, offset: u64) -> u64 {
                (**self).next_data(offset)
            }

            fn mapped(&self) -> Option<&[u8]> {
                (**self).mapped()
            }

            fn stamp(&self) -> io::Result<Stamp> {
                (**self).stamp()
            }

            fn span(&self, offset: u64) -> io::Result<Span> {
                (**self).span(offset)
            }

            fn allocated(&self) -> io::Result<u64> {
                (**self).allocated()
            }
        }
    )*};
}

forward!(&S, std::boxed::Box<S>, std::sync::Arc<S>);

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
