//! A memory map of an image that nobody changes. All unsafe code of the crate is here.
#![expect(
    unsafe_code,
    reason = "a map is sound only while nobody changes the file, which the caller promises"
)]

use std::fs::File;
use std::io;

use memmap2::Mmap;

use super::memory::copy;
use super::{Source, Span, Stamp};

/// A memory map of an image.
#[derive(Debug)]
pub struct MappedSource {
    map: Mmap,
    /// To see whether the promise still holds.
    file: File,
}

impl MappedSource {
    /// Maps the whole file.
    ///
    /// # Safety
    ///
    /// As long as this value lives, nobody may change or shorten the file: neither this process nor another.
    /// Otherwise bytes change under a `&[u8]`, which is undefined behaviour, and reading what was cut off
    /// kills the process with SIGBUS. That holds for images that are read-only by arrangement (a golden
    /// image, a snapshot) or that a read lease guards. Never for a live disk.
    ///
    /// # Errors
    ///
    /// Whatever the system answers; a file that does not fit into the address space is one.
    pub unsafe fn new(file: &File) -> io::Result<Self> {
        // SAFETY: the caller promises that the file stays as it is while the map lives.
        let map = unsafe { Mmap::map(file) }?;
        Ok(Self { map, file: file.try_clone()? })
    }
}

impl Source for MappedSource {
    fn len(&self) -> io::Result<u64> {
        Ok(self.map.len() as u64)
    }

    /// Copies out of the map. The file is asked for its length first: should it have been cut short after
    /// all, this reads less than there was, which is seen, instead of dying.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let now = usize::try_from(Source::len(&self.file)?).unwrap_or(usize::MAX);
        Ok(copy(self.map.get(..now).unwrap_or(&self.map), offset, buffer))
    }

    fn mapped(&self) -> Option<&[u8]> {
        Some(&self.map)
    }

    fn stamp(&self) -> io::Result<Stamp> {
        self.file.stamp()
    }

    fn span(&self, offset: u64) -> io::Result<Span> {
        self.file.span(offset)
    }

    fn allocated(&self) -> io::Result<u64> {
        self.file.allocated()
    }
}
