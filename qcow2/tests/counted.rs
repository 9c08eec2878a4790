//! What parsing costs that can be counted: no allocation. A binary of its own, for the allocator's sake.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use diskdag_qcow2::create::{Backing, Create};
use diskdag_qcow2::open::{open_listed, read_header};
use diskdag_qcow2::{FeatureKind, Header, Reference, Salvage};

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
