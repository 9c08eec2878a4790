//! What asking costs: on forests, nothing from the heap. What a disk costs, and what a version.
//!
//! A binary of its own, because the counting allocator counts everything in it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so and stops")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::borrow::Cow;
use std::cell::Cell;

use diskdag_graph::{Answer, Change, DiskId, EdgeFacts, Facts, Format, Graph, Key, Rule};

struct Counting;

/// Bytes per disk, in the shape that takes most, without those of its paths and of the names in its references.
const MOST_BYTES: usize = 120;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
    /// Bytes held, and bytes asked for altogether.
    static HELD: Cell<usize> = const { Cell::new(0) };
    static ASKED: Cell<usize> = const { Cell::new(0) };
}

fn hold(bytes: usize) {
    ASKED.with(|asked| asked.set(asked.get().wrapping_add(bytes)));
    HELD.with(|held| held.set(held.get().wrapping_add(bytes)));
}

fn give_back(bytes: usize) {
    HELD.with(|held| held.set(held.get().wrapping_sub(bytes)));
}

// SAFETY: every call goes to the system's allocator unchanged; the counters are thread-local
// cells without destructors, which neither allocate nor unwind. Blocks that move between threads are
// counted where they are asked for and given back; the tests keep to one thread.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        hold(layout.size());
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        give_back(layout.size());
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

/// Bytes that `work` leaves held.
fn held<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.with(Cell::get);
    let result = work();
    (result, HELD.with(Cell::get).wrapping_sub(before))
}

const MANY: u64 = 100_000;

/// What a disk stands on, by number.
type Parent = fn(u64) -> Option<u64>;

/// The length of a name as [`fleet`] gives them, and of a path.
const NAME: usize = "0000000.qcow2".len();
const PATH: usize = "/images/0000000.qcow2".len();

/// Overlays as a scan finds them, with all that it finds out about each.
fn fleet(parent: Parent) -> Vec<Change> {
    let name = |number: u64| format!("{number:07}.qcow2");
    let disk = |number: u64| {
        let path = std::path::PathBuf::from(format!("/images/{}", name(number)));
        let references = parent(number).map(|parent| EdgeFacts {
            name: name(parent).into_bytes().into(),
            format: Some(Cow::Borrowed(b"qcow2")),
            rule: Rule::Relative,
            ..EdgeFacts::backing(key(parent))
        });
        Change::Insert(Facts {
            paths: vec![path.into_boxed_path()],
            format: Format::Qcow2,
            virtual_size: Some(40 << 30),
            actual_size: Some((193 + number) << 12),
            length: Some((193 + number) << 12),
            references: references.into_iter().collect(),
            ..Facts::new(key(number))
        })
    };
    (0..MANY).map(disk).collect()
}

/// All that a graph holds: structure, labels, list, keys, paths, and the facts that it was given.
#[test]
fn a_graph_takes_so_many_bytes_per_disk() {
    let shapes: [(&str, Parent); 3] = [
        ("star", |disk| (disk > 0).then_some(0)),
        ("trees", |disk| (disk % 100 > 0).then(|| disk - disk % 100 + (disk % 100) / 3)),
        ("deep", |disk| disk.checked_sub(1)),
    ];
    for (shape, parent) in shapes {
        let (graph, held) = held(|| {
            let mut graph = Graph::new();
            graph.apply(fleet(parent)).unwrap();
            graph
        });
        let many = usize::try_from(MANY).unwrap();
        let edges = graph.edge_count();
        let bytes = (held - many * PATH - edges * NAME) / many;
        println!("{shape}: {bytes} bytes per disk");
        assert!(bytes <= MOST_BYTES, "{shape}: {bytes} bytes per disk");
        assert_eq!(graph.len(), many);
    }
}

/// Beside a version that a reader holds, a change copies the pages that it touches: as much in a
/// large graph as in a small one.
#[test]
fn a_version_costs_what_differs() {
    let mut graph = Graph::new();
    graph.apply(fleet(|disk| (disk > 0).then_some(disk / 2))).unwrap();
    let reader = graph.clone();
    let new = Facts::new(key(MANY)).at("/images/new.qcow2").backed_by(key(MANY / 2));
    let ((), copied) = held(|| {
        graph.apply([Change::Insert(new)]).unwrap();
    });
    assert!(copied < 256 << 10, "{copied} bytes copied for one new disk");
    assert_eq!(graph.len(), reader.len() + 1);
    // Alone again, nothing is copied any more.
    drop(reader);
    let (_, grown) = held(|| graph.apply([Change::Insert(Facts::new(key(MANY + 1)))]).unwrap());
    assert!(grown < 64 << 10, "{grown} bytes for one new disk");
}

/// Bytes that `work` asks for, whether it gives them back or not.
fn asked<T>(work: impl FnOnce() -> T) -> usize {
    let before = ASKED.with(Cell::get);
    drop(work());
    ASKED.with(Cell::get).wrapping_sub(before)
}

fn leaf(number: u64, parent: u64) -> Change {
    let path = std::path::PathBuf::from(format!("/images/leaf-{number}.qcow2")).into_boxed_path();
    let references = vec![EdgeFacts::backing(key(parent))];
    Change::Insert(Facts { paths: vec![path], references, ..Facts::new(key(number)) })
}

/// One leaf that comes by itself asks for room for what it is, one that goes asks for nothing.
#[test]
fn a_leaf_asks_for_its_own_room_alone() {
    const ROUNDS: u64 = 60;
    let shapes: [Parent; 2] = [|disk| (disk > 0).then_some(0), |disk| disk.checked_sub(1)];
    for parent in shapes {
        let mut graph = Graph::new();
        graph.apply(fleet(parent)).unwrap();
        // The first one makes room that the others find, and the slot that they take.
        graph.apply([leaf(MANY, 0)]).unwrap();
        graph.apply([Change::Remove(graph.find_key(&key(MANY)).unwrap())]).unwrap();
        let (mut coming, mut going) = (0, 0);
        for round in 0..ROUNDS {
            let change = leaf(MANY, round * 1_000);
            coming += allocations(|| graph.apply([change]).unwrap()).1;
            let id = graph.find_key(&key(MANY)).unwrap();
            going += allocations(|| graph.apply([Change::Remove(id)]).unwrap()).1;
        }
        // A leaf of the list that is full is cut in two now and then.
        assert!(coming < ROUNDS * 3 / 2, "{coming} allocations for {ROUNDS} leaves that come");
        assert_eq!(going, 0, "for {ROUNDS} leaves that go");
    }
}

/// What is written is copied beside a reader, and so can be counted: it does not grow with the
/// siblings.
#[test]
fn a_leaf_of_a_base_of_100_000_costs_what_one_of_1_000_costs() {
    let copied = |siblings: u64| {
        let mut graph = Graph::new();
        let changes = (0..siblings).map(|number| match number {
            0 => Change::Insert(Facts::new(key(0))),
            _ => leaf(number, 0),
        });
        graph.apply(changes.collect::<Vec<_>>()).unwrap();
        let reader = graph.clone();
        let goes = Change::Remove(graph.find_key(&key(siblings / 2)).unwrap());
        let going = asked(|| graph.apply([goes]).unwrap());
        let reader = (reader, graph.clone());
        let coming = asked(|| graph.apply([leaf(siblings, 0)]).unwrap());
        drop(reader);
        (going, coming)
    };
    let (few, many) = (copied(1_000), copied(100_000));
    for (few, many) in [(few.0, many.0), (few.1, many.1)] {
        assert!(many < few * 3, "{many} bytes written below many, {few} below few");
    }
}

/// Everything but two bases is re-pointed from one to the other: what lies between them moves, not
/// what is above.
#[test]
fn re_pointing_nearly_everything_moves_the_rest() {
    let mut graph = Graph::new();
    graph.apply(fleet(|disk| disk.checked_sub(1))).unwrap();
    graph.apply([Change::Insert(Facts::new(key(MANY)))]).unwrap();
    let disk = graph.find_key(&key(1)).unwrap();
    for onto in [MANY, 0, MANY] {
        let references = vec![EdgeFacts::backing(key(onto))];
        let moved = asked(|| graph.apply([Change::Repoint { disk, references }]).unwrap());
        assert!(moved < 64 << 10, "{moved} bytes asked for");
        let base = graph.find_key(&key(onto)).unwrap();
        assert_eq!(graph.dependents(base).len(), usize::try_from(MANY).unwrap() - 1);
    }
}
