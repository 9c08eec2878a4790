//! A file, read at offsets.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io;

use super::{Source, Span, Stamp};
use crate::open::Stat;
use crate::sys;

/// A file, read at offsets (`pread`). The default: no change of the file under us does harm.
#[derive(Debug)]
pub struct FileSource(pub File);

impl Source for FileSource {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        Source::read_at(&self.0, offset, buffer)
    }

    fn next_data(&self, offset: u64) -> u64 {
        self.0.next_data(offset)
    }

    fn stamp(&self) -> io::Result<Stamp> {
        self.0.stamp()
    }

    fn span(&self, offset: u64) -> io::Result<Span> {
        self.0.span(offset)
    }

    fn allocated(&self) -> io::Result<u64> {
        self.0.allocated()
    }
}

impl Source for File {
    fn len(&self) -> io::Result<u64> {
        Ok(sys::stat(self)?.len)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, buffer, offset)
    }

    /// Asks the file system, and moves the descriptor's position, which nothing here uses.
    fn next_data(&self, offset: u64) -> u64 {
        crate::sys::next_data(self, offset)
    }

    fn stamp(&self) -> io::Result<Stamp> {
        let Stat { len, mtime, .. } = sys::stat(self)?;
        Ok(Stamp { len, modified: mtime })
    }

    fn span(&self, offset: u64) -> io::Result<Span> {
        sys::span(self, offset)
    }

    fn allocated(&self) -> io::Result<u64> {
        Ok(sys::stat(self)?.allocated)
    }
}
