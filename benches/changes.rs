//! Changes to a graph of 10,000, 100,000 and 1,000,000 disks, each by itself: a leaf that comes and
//! goes, the same beside a reader that holds the version before, and a subtree that is re-pointed.

mod fleet;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use diskdag_graph::{Change, EdgeFacts, Facts, Graph, Key};
use fleet::{Random, Shape};
use std::time::Duration;

const SIZES: [usize; 3] = [10_000, 100_000, 1_000_000];

/// As `fleet::graph` names them.
fn key(disk: usize) -> Key {
    Key::File { device: 1, inode: disk as u64 }
}

fn leaf(disk: usize, parent: usize) -> Change {
    let facts = Facts::new(key(disk)).at(format!("/images/disk-{disk:07}.qcow2"));
    Change::Insert(facts.backed_by(key(parent)))
}

fn come_and_go(graph: &mut Graph, disks: usize, parent: usize) {
    graph.apply([leaf(disks, parent)]).expect("a new disk");
    let id = graph.find_key(&key(disks)).expect("the new disk");
    graph.apply([Change::Remove(id)]).expect("the disk is there");
}

fn changes(criterion: &mut Criterion) {
    for shape in [Shape::Star, Shape::Forest, Shape::Deep] {
        for disks in SIZES {
            let (mut graph, ids) =
                fleet::graph(&shape.parents(disks)).expect("a graph of the fleet");
            let label = |what: &str| BenchmarkId::new(format!("{what}/{}", shape.name()), disks);
            let mut random = Random(1);
            let mut parent = || if shape == Shape::Star { 0 } else { random.below(disks) };
            let mut group = criterion.benchmark_group("changes");
            group.warm_up_time(Duration::from_millis(500));
            group.measurement_time(Duration::from_secs(2));
            group.bench_function(label("a-leaf-comes-and-goes"), |bencher| {
                bencher.iter(|| come_and_go(&mut graph, disks, parent()));
            });
            group.bench_function(label("beside-a-reader"), |bencher| {
                bencher.iter_batched(
                    || (),
                    |()| {
                        let held = graph.clone();
                        come_and_go(&mut graph, disks, parent());
                        held
                    },
                    BatchSize::SmallInput,
                );
            });
            // The last thousand disks: in a chain all that is above them moves along.
            let moved = ids[disks - 1_000];
            let mut targets = [0, 1].into_iter().cycle();
            group.bench_function(label("re-point"), |bencher| {
                bencher.iter(|| {
                    let target = targets.next().unwrap_or(0);
                    let references = vec![EdgeFacts::backing(key(target))];
                    graph.apply([Change::Repoint { disk: moved, references }])
                });
            });
            group.finish();
        }
    }
}

criterion_group!(benches, changes);
criterion_main!(benches);
