//! What parsing, reading and mapping cost that can be counted: allocations, reads, bytes. A binary of its own, for
//! the allocator's sake.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]
#![allow(unreachable_pub, reason = "modules that the fuzz targets share")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use diskdag_qcow2::compare::{Comparison, compare};
use diskdag_qcow2::create::{Backing, Create};
use diskdag_qcow2::measure::{Target, measure};
use diskdag_qcow2::open::{open_listed, read_header};
use diskdag_qcow2::source::{MemorySource, Source};
use diskdag_qcow2::{
    Chain, ClusterBits, FeatureKind, GuestOffset, Header, Image, Layer, Reference, Salvage,
};

#[path = "../../fuzz/src/build.rs"]
#[allow(dead_code, reason = "shared with the fuzz targets, which read more of it")]
mod build;
#[path = "../../fuzz/src/zstd.rs"]
#[allow(dead_code, reason = "shared with the fuzz targets, which read more of it")]
mod zstd;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = ALLOCATIONS.get();
    let done = work();
    (ALLOCATIONS.get() - before, done)
}

fn overlay() -> diskdag_qcow2::create::Layout {
    let backing = Some(Backing { name: b"../base.qcow2", format: Some(b"qcow2") });
    Create { virtual_size: 1 << 30, backing, ..Create::default() }.build().unwrap()
}

#[test]
fn parsing_and_asking_allocate_nothing() {
    let image = overlay();
    let (count, header) = allocations(|| Header::parse_prefix(image.header(), image.len).unwrap());
    assert_eq!(count, 0);
    let (count, _) = allocations(|| {
        (
            header.extensions().count(),
            header.feature_name(FeatureKind::Autoclear, 1),
            header.findings(1).count(),
            header.obstacles().count(),
            Reference::classify(header.backing_name().unwrap()).rule(),
        )
    });
    assert_eq!(count, 0);
}

#[test]
fn refusing_and_salvaging_allocate_nothing() {
    let image = overlay();
    let mut bytes = image.header().to_vec();
    bytes[35] = 3;
    let (count, salvage) = allocations(|| {
        let error = Header::parse(&bytes).unwrap_err();
        Salvage::of(&bytes, bytes.len() as u64, error)
    });
    assert_eq!(count, 0);
    assert_eq!(salvage.unwrap().backing_name, Some(&b"../base.qcow2"[..]));
}

#[test]
fn a_buffer_is_allocated_once_for_all_images() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("overlay.qcow2");
    overlay().write_to(&std::fs::File::create(&path).unwrap()).unwrap();
    let opened = open_listed(&path).unwrap();
    let mut buffer = Vec::new();
    let mut read = || read_header(&opened.file, opened.stat.len, &mut buffer).unwrap().l1_size();
    assert_eq!(allocations(&mut read).0, 1);
    assert_eq!(allocations(&mut read).0, 0);
}

/// A file in memory, and how often and how much was read of it.
#[derive(Clone)]
struct Counted {
    bytes: Arc<[u8]>,
    reads: Arc<AtomicU64>,
    read: Arc<AtomicU64>,
}

impl Source for Counted {
    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.bytes[usize::try_from(offset).unwrap().min(self.bytes.len())..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.read.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

impl Counted {
    /// Reads and bytes since it was asked last.
    fn cost(&self) -> (u64, u64) {
        (self.reads.swap(0, Ordering::Relaxed), self.read.swap(0, Ordering::Relaxed))
    }
}

const CLUSTERS: u64 = 4096;
/// 512 bytes, so that 64 of them fill a table.
const CLUSTER: u64 = 512;

/// An image whose guest cluster `n` lies in the data cluster that `place` says, if any.
fn image(place: impl Fn(u64) -> Option<u64>) -> Counted {
    let cluster_bits = ClusterBits::new(9).unwrap();
    let virtual_size = CLUSTERS * CLUSTER;
    let layout = Create { virtual_size, cluster_bits, ..Create::default() }.build().unwrap();
    let tables_at = layout.len.next_multiple_of(CLUSTER);
    let tables = CLUSTERS / (CLUSTER / 8);
    let data_at = tables_at + tables * CLUSTER;
    let mut bytes = vec![0; usize::try_from(data_at + CLUSTERS * CLUSTER).unwrap()];
    for (offset, piece) in &layout.pieces {
        bytes[usize::try_from(*offset).unwrap()..][..piece.len()].copy_from_slice(piece);
    }
    let mut put = |at: u64, word: u64| {
        bytes[usize::try_from(at).unwrap()..][..8].copy_from_slice(&word.to_be_bytes());
    };
    let l1 = Header::parse_prefix(layout.header(), layout.len).unwrap().l1_table_offset().get();
    for table in 0..tables {
        put(l1 + 8 * table, 1 << 63 | (tables_at + table * CLUSTER));
    }
    for (cluster, place) in (0..CLUSTERS).map(|cluster| (cluster, place(cluster))) {
        let entry = place.map_or(0, |place| 1 << 63 | (data_at + place * CLUSTER));
        put(tables_at + 8 * cluster, entry);
    }
    let data = &mut bytes[usize::try_from(data_at).unwrap()..];
    for (at, byte) in data.iter_mut().enumerate() {
        *byte = (at / 512 * 7 + at).to_le_bytes()[0];
    }
    let zero = || Arc::new(AtomicU64::new(0));
    Counted { bytes: bytes.into(), reads: zero(), read: zero() }
}

fn chain(layers: &[&Counted]) -> Chain {
    let layer =
        |source: &Counted| Layer::image(Image::open(source.clone()).unwrap().active().unwrap());
    Chain::new(layers.iter().map(|source| layer(source)).collect())
}

#[test]
fn a_warm_read_allocates_nothing_and_reads_neighbours_at_once() {
    let (top, middle) = (image(|cluster| (cluster >= 1000).then_some(cluster)), image(|_| None));
    // Every other cluster of the first thousand is in the base alone.
    let base = image(|cluster| cluster.is_multiple_of(2).then_some(cluster));
    let chain = chain(&[&top, &middle, &base]);
    let mut buffer = vec![0; 1000 * 512];
    for (from, reads) in [(1100, [1, 0, 0]), (0, [0, 0, 500]), (900, [1, 0, 50])] {
        let mut read = || chain.read_at(GuestOffset(from * CLUSTER), &mut buffer).unwrap();
        read();
        for source in [&top, &middle, &base] {
            source.cost();
        }
        assert_eq!(allocations(&mut read), (0, 1000 * 512));
        let found = [&top, &middle, &base].map(|source| source.cost().0);
        assert_eq!(found, reads, "from cluster {from}: sixteen tables, one run of data");
    }
}

/// Zeros, subclusters, holes; a cluster of deflate costs what its library allocates, which is one piece.
#[test]
fn a_warm_read_of_any_kind_of_cluster_allocates_nothing() {
    for seed in 0..24_u8 {
        let choices: Vec<u8> = (0..200_u8).map(|at| at.wrapping_mul(37) ^ seed).collect();
        let built = build::build(&mut build::Choices(&choices), 40, seed % 4 == 3);
        let chain = Chain::new(vec![Layer::image(
            Image::open(MemorySource(built.file)).unwrap().active().unwrap(),
        )]);
        let packed = chain.extents().map(Result::unwrap).filter(|extent| extent.compressed);
        let packed = packed.map(|extent| extent.length / built.cluster as u64).sum::<u64>();
        let mut buffer = vec![0; built.guest.len()];
        let mut read = || chain.read_at(GuestOffset(0), &mut buffer).unwrap();
        read();
        let (count, length) = allocations(&mut read);
        assert_eq!(length, built.guest.len());
        assert!(count as u64 <= packed, "seed {seed}: {count} allocations for {packed} of deflate");
    }
}

/// Each cluster again makes its own tables, out of the memory that is there.
#[test]
fn a_warm_read_of_zstd_allocates_nothing() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/zstd");
    let blobs = std::fs::read_dir(corpus).unwrap().map(|it| std::fs::read(it.unwrap().path()));
    for blob in blobs.map(Result::unwrap).take(40) {
        let image = Image::open(MemorySource(zstd::image(&blob))).unwrap();
        let view = image.active().unwrap();
        let mut buffer = [0; zstd::CLUSTER];
        // Two clusters from the same bytes: the one that was decompressed last is kept.
        let mut read = |cluster: u64| {
            view.read_at(GuestOffset(cluster * zstd::CLUSTER as u64), &mut buffer).unwrap();
        };
        for cluster in [0, 1, 0] {
            read(cluster);
        }
        assert_eq!(allocations(|| [1, 0, 1].map(&mut read)).0, 0);
    }
}

/// 64 tables of 512 bytes; of each the file is asked once, however many extents it makes.
#[test]
fn a_walk_reads_each_table_once_and_allocates_the_same_for_one_extent_as_for_thousands() {
    let ordered = image(Some);
    let shuffled = image(|cluster| Some(cluster * 0x9e37 % CLUSTERS));
    let mut counts = Vec::new();
    for source in [&ordered, &shuffled] {
        let chain = chain(&[source]);
        source.cost();
        let (count, extents) = allocations(|| chain.extents().map(Result::unwrap).count());
        counts.push((count, extents));
        // The refcount table and a block, to see whether it was preallocated, are few.
        let (reads, bytes) = source.cost();
        assert!(
            (64..=68).contains(&reads) && bytes <= 68 * CLUSTER,
            "{reads} reads, {bytes} bytes"
        );

        let (_, measured) = allocations(|| measure(&chain, &Target::QCOW2).unwrap());
        assert!(measured.required >= CLUSTERS * CLUSTER);
        let (reads, bytes) = source.cost();
        assert!(
            (64..=68).contains(&reads) && bytes <= 68 * CLUSTER,
            "{reads} reads, {bytes} bytes"
        );
    }
    let [(few, one), (many, thousands)] = counts[..] else { unreachable!() };
    assert_eq!((one, thousands), (1, 4096));
    assert!(few < 40 && many == few, "{few} and {many} allocations");
}

/// Tables further down are read only for what those above do not have.
#[test]
fn of_a_hidden_layer_nothing_is_read() {
    let (top, base) = (image(|cluster| (cluster < 4032).then_some(cluster)), image(Some));
    let chain = chain(&[&top, &base]);
    base.cost();
    assert_eq!(chain.extents().map(Result::unwrap).count(), 2);
    let (reads, bytes) = base.cost();
    // One table, and what tells whether the base was preallocated.
    assert!(reads <= 5 && bytes <= 5 * CLUSTER, "{reads} reads, {bytes} bytes");
    measure(&chain, &Target::QCOW2).unwrap();
    assert!(base.cost().0 <= 5);
}

/// What is zeros on both sides is not read; what has to be read is read once.
#[test]
fn a_comparison_reads_what_may_differ_and_that_once() {
    let sparse = |cluster: u64| cluster.is_multiple_of(64).then_some(cluster);
    let (one, other) = (image(sparse), image(sparse));
    let (first, second) = (chain(&[&one]), chain(&[&other]));
    one.cost();
    let found = compare(&first, &second, false).unwrap();
    assert_eq!(found, Comparison::Identical { sizes_differ: false });
    let (_, bytes) = one.cost();
    // 64 clusters of data; the tables for the map, and again for the reads.
    assert!(bytes <= (64 + 2 * 64 + 8) * CLUSTER, "{bytes}");
}
