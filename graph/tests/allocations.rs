//! What asking costs: on forests, nothing from the heap.
//!
//! A binary of its own, because the counting allocator counts everything in it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so and stops")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use diskdag_graph::{Answer, Change, DiskId, Facts, Graph, Key};

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged; the counter is a thread-local cell
// without a destructor, which neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
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

fn allocations<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let before = COUNT.with(Cell::get);
    let result = work();
    (result, COUNT.with(Cell::get) - before)
}

fn key(number: u64) -> Key {
    Key::File { device: 1, inode: number }
}

/// Ten chains of a hundred, each on a fork of the one before; below one of them a base is missing.
fn forest() -> Graph {
    let disk = |number: u64| {
        let facts = Facts::new(key(number)).at(format!("/d/{number}.qcow2"));
        match number {
            0 => facts,
            500 => facts.backed_by(Key::name("/gone/base.qcow2")),
            _ if number.is_multiple_of(100) => facts.backed_by(key(number / 2)),
            _ => facts.backed_by(key(number - 1)),
        }
    };
    let mut graph = Graph::new();
    graph.apply((0..1_000).map(|number| Change::Insert(disk(number)))).unwrap();
    graph
}

#[test]
fn the_counter_counts() {
    let (held, count) = allocations(|| vec![0_u8; 100]);
    assert_eq!((held.len(), count), (100, 1));
}

#[test]
fn asking_a_forest_allocates_nothing() {
    let graph = forest();
    let ids: Vec<DiskId> = (0..1_000).map(|number| graph.find_key(&key(number)).unwrap()).collect();
    let (counts, allocated) = allocations(|| {
        let (mut yes, mut needed, mut dependents, mut steps) = (0, 0, 0, 0);
        for &a in &ids {
            for &b in ids.iter().step_by(7) {
                yes += usize::from(graph.depends_on(a, b).is_yes());
            }
            needed += usize::from(matches!(graph.has_dependents(a), Answer::Yes));
            dependents += graph.dependents(a).count();
            dependents += graph.dependents(a).map(|id| usize::from(id == a)).sum::<usize>();
            steps += graph.chain(a).count() + graph.depth(a) as usize;
        }
        (yes, needed, dependents, steps)
    });
    assert_eq!(allocated, 0);
    assert!(counts.0 > 1_000 && counts.1 > 900 && counts.2 > 10_000 && counts.3 > 10_000);
}

#[test]
fn finding_a_disk_allocates_nothing() {
    let graph = forest();
    let path = std::path::PathBuf::from("/d/7.qcow2");
    let (found, allocated) = allocations(|| (graph.find(&path), graph.find_key(&key(7))));
    assert_eq!(allocated, 0);
    assert!(found.0.is_some() && found.0 == found.1);
}

#[test]
fn a_clone_costs_a_reference_count() {
    let graph = forest();
    let (clone, allocated) = allocations(|| graph.clone());
    assert_eq!((clone.len(), allocated), (1_001, 0));
}
