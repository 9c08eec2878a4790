//! A source that says what was read of it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use diskdag_qcow2::source::{MemorySource, Source};

/// Bytes that count how often, and how many of them, are read; never beyond their end.
#[derive(Clone)]
pub struct Counting {
    bytes: Arc<[u8]>,
    reads: Arc<AtomicU64>,
    read: Arc<AtomicU64>,
}

impl Source for Counting {
    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.read.fetch_add(buffer.len() as u64, Ordering::Relaxed);
        MemorySource(&*self.bytes).read_at(offset, buffer)
    }
}

impl Counting {
    pub fn new(bytes: &[u8]) -> Self {
        Self { bytes: bytes.into(), reads: Arc::default(), read: Arc::default() }
    }

    /// Panics if more was read since it was asked last than `times` the bytes there are, or in more reads than
    /// one a word.
    pub fn bounded(&self, what: &str, times: u64) {
        let length = self.bytes.len() as u64;
        let (reads, bytes) = self.cost();
        assert!(bytes <= times * length + (64 << 10), "{what}: {bytes} bytes of {length}");
        assert!(reads <= length / 8 + 256, "{what}: {reads} reads of {length} bytes");
    }

    /// Reads and bytes since it was asked last.
    pub fn cost(&self) -> (u64, u64) {
        (self.reads.swap(0, Ordering::Relaxed), self.read.swap(0, Ordering::Relaxed))
    }
}
