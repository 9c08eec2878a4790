//! A memory map of an image that nobody changes. All unsafe code of the crate is here.
#![expect(
    unsafe_code,
    reason = "a map is sound only while nobody changes the file, which the caller promises"
)]

use std::fs::File;
use std::io;

use memmap2::Mmap;

use super::Source;
use super::memory::copy;

/// A memory map of an image.
#[derive(Debug)]
pub struct MappedSource(Mmap);

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
        unsafe { Mmap::map(file) }.map(Self)
    }
}

impl Source for MappedSource {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(copy(&self.0, offset, buffer))
    }

    fn mapped(&self) -> Option<&[u8]> {
        Some(&self.0)
    }
}
