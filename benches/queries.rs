//! Questions to a graph that is there: 10,000, 100,000 and 1,000,000 disks in the shapes star, forest
//! and deep chain.

mod fleet;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fleet::Shape;
use std::hint::black_box;
use std::time::Duration;

const SIZES: [usize; 3] = [10_000, 100_000, 1_000_000];
const SHAPES: [Shape; 3] = [Shape::Star, Shape::Forest, Shape::Deep];
/// Questions asked in turn: enough to touch a great part of the disks.
const QUESTIONS: usize = 65_536;

fn queries(criterion: &mut Criterion) {
    for shape in SHAPES {
        for disks in SIZES {
            let parents = shape.parents(disks);
            let (graph, ids) = fleet::graph(&parents).expect("a graph of the fleet");
            let pairs: Vec<_> =
                shape.pairs(disks, QUESTIONS).into_iter().map(|(a, b)| (ids[a], ids[b])).collect();
            let (base, leaf) = (ids[0], ids[disks - 1]);
            let label =
                |question: &str| BenchmarkId::new(format!("{question}/{}", shape.name()), disks);

            let mut group = criterion.benchmark_group("queries");
            group.warm_up_time(Duration::from_millis(500));
            group.measurement_time(Duration::from_secs(2));
            group.throughput(Throughput::Elements(1));
            let mut questions = pairs.iter().cycle();
            group.bench_function(label("depends_on"), |bencher| {
                bencher.iter(|| {
                    let (a, b) = questions.next().copied().unwrap_or((base, base));
                    graph.depends_on(black_box(a), black_box(b)).is_yes()
                });
            });
            group.bench_function(label("removal-of-a-leaf"), |bencher| {
                bencher.iter(|| graph.removal(&[black_box(leaf)]));
            });

            // Everything above the first disk, per item.
            let dependents = graph.dependents(base).len() as u64;
            group.sample_size(10).throughput(Throughput::Elements(dependents));
            group.bench_function(label("dependents"), |bencher| {
                bencher.iter(|| {
                    graph.dependents(black_box(base)).fold(0, |_, id| black_box(id).number())
                });
            });
            group.bench_function(label("removal-of-the-base"), |bencher| {
                bencher.iter(|| graph.removal(&[black_box(base)]));
            });
            group.finish();
        }
    }
}

criterion_group!(benches, queries);
criterion_main!(benches);
