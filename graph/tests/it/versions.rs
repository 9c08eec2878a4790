//! Readers and a writer at the same time: every version is whole, and nobody waits.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use diskdag_graph::{Change, DiskId, EdgeFacts, Facts, Graph, Key};

const CHAINS: u64 = 64;

fn key(number: u64) -> Key {
    Key::File { device: 1, inode: number }
}

/// In every version each chain is as long as the others: 64 bases, and the same number of overlays
/// on each.
fn grow(graph: &Graph, level: u64) -> Vec<Change> {
    let top = |chain: u64| key((level - 1) * CHAINS + chain);
    let overlay = |chain: u64| Facts::new(key(level * CHAINS + chain)).backed_by(top(chain));
    assert!(graph.find_key(&top(0)).is_some());
    (0..CHAINS).map(|chain| Change::Insert(overlay(chain))).collect()
}

/// Takes the lowest overlay out of every chain, as a commit or a rebase does.
fn shrink(graph: &Graph, level: u64) -> Vec<Change> {
    let id = |number: u64| graph.find_key(&key(number)).unwrap();
    let above = |chain: u64| Change::Repoint {
        disk: id((level + 1) * CHAINS + chain),
        references: vec![EdgeFacts::backing(key(chain))],
    };
    let remove = |chain: u64| Change::Remove(id(level * CHAINS + chain));
    (0..CHAINS).map(above).chain((0..CHAINS).map(remove)).collect()
}

/// Panics where a version is not whole.
fn verify(graph: &Graph) -> usize {
    let base = |chain: u64| graph.find_key(&key(chain)).unwrap();
    let length = graph.dependents(base(0)).len();
    assert_eq!(graph.len(), usize::try_from(CHAINS).unwrap() * (length + 1));
    for chain in (0..CHAINS).step_by(9) {
        let above: Vec<DiskId> = graph.dependents(base(chain)).collect();
        assert_eq!(above.len(), length);
        for disk in above {
            assert!(graph.depends_on(disk, base(chain)).is_yes());
            assert!(graph.depends_on(disk, base((chain + 1) % CHAINS)).is_no());
            assert_eq!(graph.chain(disk).last(), Some(base(chain)));
            assert_eq!(graph.chain(disk).count(), graph.depth(disk) as usize + 1);
        }
    }
    assert_eq!(graph.deepest() as usize, length);
    length
}

#[test]
fn a_writer_at_full_rate_and_readers_that_hold_versions() {
    let mut graph = Graph::new();
    graph.apply((0..CHAINS).map(|chain| Change::Insert(Facts::new(key(chain))))).unwrap();
    let current = Arc::new(Mutex::new(graph.clone()));
    let (done, checked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let reader = || {
        let (current, done, checked) = (current.clone(), done.clone(), checked.clone());
        std::thread::spawn(move || {
            // Versions of different ages are held all the time.
            let mut held: Vec<(Graph, usize)> = Vec::new();
            loop {
                let is_last = done.load(Ordering::Acquire);
                let version = current.lock().unwrap().clone();
                let length = verify(&version);
                held.push((version, length));
                if held.len() > 8 {
                    held.remove(checked.load(Ordering::Relaxed) % 8);
                }
                for (version, length) in &held {
                    assert_eq!(verify(version), *length, "a version has changed");
                }
                checked.fetch_add(1, Ordering::Relaxed);
                if is_last {
                    return;
                }
            }
        })
    };
    let readers = [reader(), reader()];
    let mut lowest = 1;
    for level in 1..200 {
        graph.apply(grow(&graph, level)).unwrap();
        *current.lock().unwrap() = graph.clone();
        if level - lowest > 12 {
            graph.apply(shrink(&graph, lowest)).unwrap();
            *current.lock().unwrap() = graph.clone();
            lowest += 1;
        }
    }
    done.store(true, Ordering::Release);
    for reader in readers {
        reader.join().unwrap();
    }
    assert!(checked.load(Ordering::Relaxed) >= 2);
    verify(&graph);
}

#[test]
fn versions_of_one_graph_go_their_own_ways() {
    let mut one = Graph::new();
    one.apply((0..10).map(|number| Change::Insert(Facts::new(key(number))))).unwrap();
    let mut other = one.clone();
    let id = |graph: &Graph, number| graph.find_key(&key(number)).unwrap();
    let onto = |to| vec![EdgeFacts::backing(key(to))];
    one.apply([Change::Repoint { disk: id(&one, 1), references: onto(0) }]).unwrap();
    other.apply([Change::Repoint { disk: id(&other, 0), references: onto(1) }]).unwrap();
    assert!(one.depends_on(id(&one, 1), id(&one, 0)).is_yes());
    assert!(one.depends_on(id(&one, 0), id(&one, 1)).is_no());
    assert!(other.depends_on(id(&other, 0), id(&other, 1)).is_yes());
    assert!(other.depends_on(id(&other, 1), id(&other, 0)).is_no());
    assert_eq!((one.structure().edge_count(), other.structure().edge_count()), (1, 1));
}
