//! Shapes of up to a hundred thousand disks, as attackers and real fleets make them. Every question ends,
//! nothing recurses (the stack is small), nothing grows with the square (that would take minutes).

use std::collections::HashSet;
use std::time::{Duration, Instant};

use diskdag_graph::{Certainty, Change, DiskId, EdgeFacts, Facts, Graph, Key, State, Verdict};

const MANY: u64 = 100_000;

/// For the shapes that cost more to ask about, so that all of them can be asked in a debug build.
const FEWER: u64 = 30_000;

/// What no linear test here comes near to, and every quadratic one exceeds.
const FAR_TOO_LONG: Duration = Duration::from_secs(60);

fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    let start = Instant::now();
    let thread = std::thread::Builder::new().stack_size(256 * 1024).spawn(test).unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
    let elapsed = start.elapsed();
    assert!(elapsed < FAR_TOO_LONG, "took {elapsed:?}");
}

fn key(number: u64) -> Key {
    Key::File { device: 1, inode: number }
}

fn disk(number: u64) -> Facts {
    Facts::new(key(number)).at(format!("/d/{number}"))
}

fn possible(target: Key) -> EdgeFacts {
    EdgeFacts { certainty: Certainty::Possible, ..EdgeFacts::backing(target) }
}

fn with(mut facts: Facts, edge: EdgeFacts) -> Facts {
    facts.references.push(edge);
    facts
}

fn graph(disks: impl IntoIterator<Item = Facts>) -> Graph {
    let mut graph = Graph::new();
    graph.apply(disks.into_iter().map(Change::Insert)).unwrap();
    graph
}

fn id(graph: &Graph, number: u64) -> DiskId {
    graph.find_key(&key(number)).unwrap()
}

/// Number 0 is the base.
fn chain_of(length: u64) -> impl Iterator<Item = Facts> {
    (0..length).map(|number| match number.checked_sub(1) {
        Some(below) => disk(number).backed_by(key(below)),
        None => disk(number),
    })
}

/// Asks everything about `top`, `base` and the whole.
fn ask_all(graph: &Graph, top: DiskId, base: DiskId) {
    let everything: Vec<DiskId> = graph.disks().map(|disk| disk.id()).collect();
    for x in [top, base] {
        let dependents = graph.dependents(x);
        let listed = dependents.nearest_first();
        assert_eq!(dependents.len(), listed.len());
        assert_eq!(dependents.count(), listed.len());
        assert_eq!(graph.chain(x).count(), graph.depth(x) as usize + 1);
        graph.chain_is_certain(x);
        graph.dependencies(x);
        assert_eq!(graph.removal(&[x]).images.len(), 1);
    }
    assert_ne!(graph.path(top, base).1.len(), 1);
    graph.common_base(top, base);
    graph.cycles();
    graph.deepest();
    let (roots, leaves): (HashSet<_>, HashSet<_>) =
        (graph.roots().collect(), graph.leaves().collect());
    let all = graph.removal(&everything);
    assert_eq!((all.images.len(), all.blockers.len()), (everything.len(), 0));
    graph.freed_by(&everything);
    // What a tree of the whole fleet asks of each disk.
    for disk in &everything {
        assert!(graph.depth(*disk) <= graph.deepest());
        assert!(!graph.has_dependents(*disk).is_no() || leaves.contains(disk));
        assert!(!graph.depends_on(*disk, base).is_yes() || !roots.contains(disk));
    }
}

#[test]
fn a_chain_of_100_000() {
    on_a_small_stack(|| {
        let graph = graph(chain_of(MANY));
        let (base, top) = (id(&graph, 0), id(&graph, MANY - 1));
        ask_all(&graph, top, base);
        assert!(graph.depends_on(top, base).is_yes() && graph.depends_on(base, top).is_no());
        assert_eq!(graph.path(top, base).1.len(), 100_000);
        assert_eq!((graph.deepest(), graph.depth(top)), (99_999, 99_999));
        assert_eq!(graph.common_base(top, base), Some(base));
        let all_but_top: Vec<DiskId> = (0..MANY - 1).map(|number| id(&graph, number)).collect();
        let removal = graph.removal(&all_but_top);
        assert_eq!(removal.blockers.len(), 1);
        assert!(removal.images.iter().all(|image| image.verdict == Verdict::No));
    });
}

#[test]
fn a_star_of_100_000() {
    on_a_small_stack(|| {
        let overlay = |number| disk(number).backed_by(key(0));
        let mut graph = graph((1..MANY).map(overlay).chain([disk(0)]));
        let base = id(&graph, 0);
        ask_all(&graph, id(&graph, 1), base);
        assert_eq!(graph.removal(&[base]).blockers.len(), 99_999);
        let overlays: Vec<DiskId> = graph.dependents(base).collect();
        assert_eq!(graph.removal(&overlays).verdict, Verdict::Yes);
        // Said again, re-pointed, taken away: all of them, in the order in which they came.
        graph.apply((1..MANY).map(|number| Change::Insert(overlay(number)))).unwrap();
        let elsewhere = |number| Change::Repoint {
            disk: id(&graph, number),
            references: vec![EdgeFacts::backing(key(MANY)), EdgeFacts::data_file(key(0))],
        };
        let changes: Vec<Change> = (1..MANY).map(elsewhere).collect();
        graph.apply(changes).unwrap();
        assert_eq!((graph.len(), graph.edge_count()), (100_001, 199_998));
        let changes: Vec<Change> =
            (0..MANY).map(|number| Change::Remove(id(&graph, number))).collect();
        graph.apply(changes).unwrap();
        assert!(graph.is_empty() && graph.edge_count() == 0);
    });
}

#[test]
fn a_chain_of_100_000_with_a_data_file_each() {
    on_a_small_stack(|| {
        let data_files = (MANY..2 * MANY).map(disk);
        let images = chain_of(MANY).zip(MANY..);
        let images = images.map(|(image, data)| with(image, EdgeFacts::data_file(key(data))));
        let graph = graph(images.chain(data_files));
        let (lowest, top) = (id(&graph, MANY), id(&graph, MANY - 1));
        ask_all(&graph, top, lowest);
        assert!(graph.depends_on(top, lowest).is_yes());
        assert_eq!(graph.dependents(lowest).len(), 100_000);
        for number in 0..MANY {
            let data_file = id(&graph, MANY + number);
            assert!(graph.depends_on(top, data_file).is_yes());
            assert!(graph.depends_on(id(&graph, number), top).is_no() || number == MANY - 1);
        }
    });
}

#[test]
fn a_chain_that_shares_one_data_file() {
    on_a_small_stack(|| {
        let images = chain_of(FEWER).map(|image| with(image, EdgeFacts::data_file(key(FEWER))));
        let graph = graph(images.chain([disk(FEWER)]));
        let (data_file, top) = (id(&graph, FEWER), id(&graph, FEWER - 1));
        ask_all(&graph, top, data_file);
        assert_eq!(graph.dependents(data_file).len(), 30_000);
    });
}

/// The intervals of the origins grow by one disk a step: what was looked at must not be looked at
/// again.
#[test]
fn a_chain_in_which_each_disk_may_need_the_one_above() {
    on_a_small_stack(|| {
        let images = chain_of(FEWER).zip(1..);
        let images = images.map(|(image, above)| with(image, possible(key(above % FEWER))));
        let graph = graph(images);
        let (base, top) = (id(&graph, 0), id(&graph, FEWER - 1));
        ask_all(&graph, top, base);
        assert!(graph.depends_on(base, top).is_unknown());
        assert_eq!(graph.dependents(top).len(), 30_000);
        assert!(graph.cycles().is_empty());
    });
}

#[test]
fn a_ring() {
    on_a_small_stack(|| {
        let graph =
            graph((0..FEWER).map(|number| disk(number).backed_by(key((number + 1) % FEWER))));
        let (one, other) = (id(&graph, 0), id(&graph, FEWER / 2));
        ask_all(&graph, one, other);
        assert!(graph.depends_on(one, one).is_yes());
        assert_eq!(graph.cycles().len(), 1);
        assert_eq!(graph.deepest(), 29_999);
    });
}

#[test]
fn a_star_of_possible_edges() {
    on_a_small_stack(|| {
        let overlay = |number| with(disk(number), possible(key(0)));
        let graph = graph((1..FEWER).map(overlay).chain([disk(0), disk(FEWER)]));
        let base = id(&graph, 0);
        ask_all(&graph, id(&graph, 1), base);
        assert!(graph.has_dependents(base).is_unknown());
        let elsewhere = id(&graph, FEWER);
        for number in 1..FEWER {
            let overlay = id(&graph, number);
            assert!(graph.depends_on(overlay, base).is_unknown());
            assert!(graph.depends_on(overlay, elsewhere).is_no());
        }
    });
}

/// Every overlay declares its base raw, and the base holds a qcow2 header with a reference.
#[test]
fn a_star_of_edges_that_end_the_chain() {
    on_a_small_stack(|| {
        let edge = || EdgeFacts { ends_chain: true, ..EdgeFacts::backing(key(0)) };
        let overlays = (1..FEWER).map(|number| with(disk(number), edge()));
        let graph = graph(overlays.chain([disk(0).backed_by(key(FEWER)), disk(FEWER)]));
        let (base, below) = (id(&graph, 0), id(&graph, FEWER));
        ask_all(&graph, id(&graph, 1), base);
        assert_eq!(graph.dependents(below).len(), 1);
        for number in 1..FEWER {
            assert!(graph.depends_on(id(&graph, number), base).is_yes());
            assert!(graph.depends_on(id(&graph, number), below).is_no());
        }
    });
}

/// A deep chain over a name that is resolved from the working directory, asked for every depth.
#[test]
fn a_chain_on_a_possible_edge() {
    on_a_small_stack(|| {
        let images = chain_of(FEWER).skip(1).chain([with(disk(0), possible(key(FEWER)))]);
        let graph = graph(images.chain([disk(FEWER)]));
        let (base, top) = (id(&graph, FEWER), id(&graph, FEWER - 1));
        ask_all(&graph, top, base);
        assert_eq!((graph.deepest(), graph.depth(top)), (30_000, 30_000));
    });
}

#[test]
fn a_disk_of_100_000_references_to_missing_files_of_one_name() {
    on_a_small_stack(|| {
        let name = |number| Key::name(format!("/gone/{number}/base.qcow2"));
        let mut image = disk(1);
        image.references = (0..MANY).map(|number| possible(name(number))).collect();
        let moved = disk(2).at("/there/base.qcow2");
        let mut graph = graph([image.clone(), moved, disk(3)]);
        assert_eq!(graph.len(), 100_003);
        let (image_id, moved) = (id(&graph, 1), id(&graph, 2));
        assert!(graph.depends_on(image_id, moved).is_unknown());
        assert!(graph.depends_on(image_id, id(&graph, 3)).is_no());
        assert_eq!(graph.removal(&[moved]).doubts.len(), 100_000);
        assert_eq!(graph.removal(&[image_id, moved]).verdict, Verdict::Yes);
        graph.apply([Change::Repoint { disk: image_id, references: Vec::new() }]).unwrap();
        assert_eq!(graph.len(), 3);
    });
}

/// Every overlay of a fleet lost its base, and all disks bear the same name.
#[test]
fn missing_files_of_one_name_below_images_of_that_name() {
    on_a_small_stack(|| {
        let image = |number: u64| {
            let gone = Key::name(format!("/gone/{number}/disk.qcow2"));
            Facts::new(key(number)).at(format!("/d/{number}/disk.qcow2")).backed_by(gone)
        };
        let graph = graph((0..FEWER).map(image));
        ask_all(&graph, id(&graph, 0), id(&graph, 1));
        for number in 0..FEWER {
            assert!(graph.has_dependents(id(&graph, number)).is_unknown());
        }
        assert_eq!(graph.missing().count(), 30_000);
        assert!(graph.depends_on(id(&graph, 0), id(&graph, 1)).is_unknown());
    });
}

#[test]
fn thousands_of_doubtful_disks() {
    on_a_small_stack(|| {
        let unreadable = |number| Facts {
            state: State::Unreadable,
            dependencies: diskdag_graph::DependencyKnowledge::Unknown,
            ..disk(number)
        };
        let graph = graph((0..FEWER).map(unreadable));
        ask_all(&graph, id(&graph, 0), id(&graph, 1));
        assert_eq!(graph.removal(&[id(&graph, 0)]).doubts.len(), 29_999);
    });
}
