//! What an operation costs in a pool that is large: what it costs in one that is small.
//!
//! A binary of its own, because the counting allocator counts everything in it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so and stops")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diskdag_snapshot::catalogue::{MemoryCatalogue, OpId, SnapshotRecord, Standing, State};
use diskdag_snapshot::fs::Fs;
use diskdag_snapshot::name::Id;
use diskdag_snapshot::pool::Config;
use diskdag_snapshot::sim::SimFs;
use diskdag_snapshot::{Control, Create, Pool, SnapshotName};

#[path = "pool/simulated.rs"]
mod simulated;
use simulated::{host, image};

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged; the counters are thread-local
// cells without destructors, which neither allocate nor unwind.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        BYTES.with(|bytes| bytes.set(bytes.get() + layout.size()));
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is handed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often something was asked of the heap, and how many bytes.
fn counted(work: impl FnOnce()) -> (u64, usize) {
    let before = (COUNT.with(Cell::get), BYTES.with(Cell::get));
    work();
    (COUNT.with(Cell::get) - before.0, BYTES.with(Cell::get) - before.1)
}

fn snapshot(id: u64) -> SnapshotRecord {
    SnapshotRecord {
        id: Id(id),
        disk: format!("disks/disk{}.qcow2", id % 1000).into(),
        name: SnapshotName::new(format!("daily-{id}")).unwrap(),
        file: format!("disks/disk{}@{id}-daily-{id}.qcow2", id % 1000).into(),
        created: jiff::Timestamp::UNIX_EPOCH,
        op: OpId([7; 16]),
        virtual_size: 1 << 30,
        raw: false,
        frozen: false,
        adopted: false,
        inconsistent: false,
        unsealed: false,
        standing: Standing::Kept,
    }
}

/// A pool whose catalogue holds so many snapshots of other disks.
fn pool(snapshots: u64) -> Pool {
    let fs = SimFs::default();
    fs.create_dir(Path::new("/p")).unwrap();
    image(&fs, Path::new("/p/vm.qcow2"), None);
    let host = host(&fs);
    let mut state = State { next_id: Id(snapshots + 1), ..State::default() };
    for id in 1..=snapshots {
        state.snapshots.insert(Id(id), snapshot(id));
    }
    let pool = Pool::init(&host, Path::new("/p"), &Config::default()).unwrap();
    pool.with_catalogue(Arc::new(MemoryCatalogue::with(state)))
}

/// What the second of two creates costs; somebody else holds the state meanwhile.
fn create(pool: &Pool) -> (u64, usize) {
    let disks = || vec![PathBuf::from("/p/vm.qcow2")];
    let name = |text: &str| SnapshotName::new(text).unwrap();
    pool.create(&Create::new(name("first"), disks()), &Control::default()).unwrap();
    let held = pool.state().unwrap();
    let cost = counted(|| {
        let second = Create::new(name("second"), disks());
        drop(pool.create(&second, &Control::default()).unwrap());
    });
    assert_eq!(held.snapshots.len() + 1, pool.state().unwrap().snapshots.len());
    cost
}

#[test]
fn a_snapshot_costs_the_same_beside_ten_and_beside_a_hundred_thousand() {
    let (few, few_bytes) = create(&pool(10));
    let (many, many_bytes) = create(&pool(100_000));
    println!("{few} allocations, {few_bytes} bytes beside ten; {many}, {many_bytes} beside 100000");
    // A tree of a hundred thousand is some levels deeper; each level is a node to be copied, of each index.
    assert!(many < few + 400, "{many} allocations, and {few} beside ten");
    assert!(many_bytes < few_bytes + (1 << 20), "{many_bytes} bytes, and {few_bytes} beside ten");
}

#[test]
fn what_is_recorded_is_given_away_without_a_copy() {
    let (few, many) = (pool(10), pool(100_000));
    let [few, many] = [few, many].map(|pool| counted(|| drop(pool.state().unwrap())));
    assert_eq!(few, many, "the rows are shared");
}
