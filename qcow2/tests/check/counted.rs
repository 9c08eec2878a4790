//! How much is read: every table once, however often it is named.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use diskdag_qcow2::check::{Options, Report, check};
use diskdag_qcow2::source::{MemorySource, Source, Span, Stamp};
use diskdag_qcow2::{Control, Progress};

use crate::picture::{COPIED, Picture};

/// Counts reads and bytes, and refuses to read beyond the end.
struct Counting<S> {
    source: S,
    reads: AtomicU64,
    bytes: AtomicU64,
}

impl<S: Source> Source for Counting<S> {
    fn len(&self) -> io::Result<u64> {
        self.source.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        assert!(offset + buffer.len() as u64 <= self.len()?, "read beyond the end");
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(buffer.len() as u64, Ordering::Relaxed);
        self.source.read_at(offset, buffer)
    }

    fn next_data(&self, offset: u64) -> u64 {
        self.source.next_data(offset)
    }

    fn stamp(&self) -> io::Result<Stamp> {
        self.source.stamp()
    }

    fn span(&self, offset: u64) -> io::Result<Span> {
        self.source.span(offset)
    }

    fn allocated(&self) -> io::Result<u64> {
        self.source.allocated()
    }
}

/// What a check cost.
#[derive(Debug)]
pub struct Work {
    pub reads: u64,
    pub bytes: u64,
    /// Bytes of L2 tables whose entries were visited.
    pub visited: u64,
}

/// Checks, and counts.
pub fn counted(source: impl Source, len: u64) -> (Report, Work) {
    let source = Counting { source, reads: AtomicU64::new(0), bytes: AtomicU64::new(0) };
    let visited = Arc::new(AtomicU64::new(0));
    let most = visited.clone();
    let mut options = Options::default();
    options.control = Control::default().reporting(move |progress: Progress| {
        most.fetch_max(progress.done, Ordering::Relaxed);
    });
    let report = check(&source, len, &options).unwrap();
    let (reads, bytes) = (source.reads.into_inner(), source.bytes.into_inner());
    (report, Work { reads, bytes, visited: visited.load(Ordering::Relaxed) })
}

/// Reads, and bytes read.
fn work(picture: &Picture) -> (u64, u64) {
    let (_, work) = counted(MemorySource(&picture.file), picture.len());
    (work.reads, work.bytes)
}

#[test]
fn a_sound_image_costs_its_metadata() {
    let mut picture = Picture::usual();
    for index in 0..2 {
        let l2 = picture.l2(index);
        for entry in 0..100 {
            picture.data(l2, entry);
        }
    }
    let (reads, bytes) = work(&picture);
    // Two L2 tables, the refcount table, as much of a block as the file needs, a window of it, the header.
    assert!(bytes < 4 * 65_536, "{bytes} of {}", picture.len());
    assert!(reads < 12, "{reads}");
}

#[test]
fn tables_that_are_named_often_are_read_once() {
    let mut picture = Picture::new(16, 4, 1 << 40);
    let l2 = picture.cluster(1);
    let l1 = picture.cluster(1);
    for entry in 0..2048 {
        picture.put_l1(entry, l2 | COPIED).put(l1 + 8 * entry, l2);
    }
    picture.snapshots(&vec![(l1, 2048); 1000]);
    let (reads, bytes) = work(&picture);
    assert!(bytes < 2 * picture.len(), "{bytes} of {}", picture.len());
    assert!(reads < 30, "{reads}");
}

#[test]
fn many_threads_find_the_same() {
    let mut picture = Picture::new(16, 4, 1 << 40);
    // Enough tables that threads pay.
    for index in 0..150 {
        let table = picture.len();
        picture.file.resize(picture.file.len() + 65_536, 0);
        picture.put_l1(index, table | COPIED);
        for entry in 0..200 {
            let data = (4 + (index * 7919 + entry * 31) % 180) << 16;
            picture.put(table + 8 * entry, data | COPIED);
        }
    }
    let run = |threads| {
        let mut options = Options::default();
        options.threads = threads;
        check(&MemorySource(&picture.file), picture.len(), &options).unwrap()
    };
    let alone = run(1);
    assert!(alone.corruptions > 1000);
    for threads in [0, 2, 3, 8] {
        assert_eq!(run(threads), alone, "{threads} threads");
    }
}
