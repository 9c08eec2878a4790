//! A directory of disks into a graph, warm, with one thread and with two.

mod fleet;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use diskdag_graph::ScopeSource;
use diskdag_graph::scan::{Control, Scan, Scope};
use fleet::{Files, Shape};
use std::num::NonZeroUsize;
use std::time::Duration;

fn scan(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut group = criterion.benchmark_group("scan");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    for files in [20_000_u32, 100_000] {
        let disks = usize::try_from(files).unwrap_or(usize::MAX);
        let fleet = Files::write(&dir.path().join(files.to_string()), Shape::Forest, disks)
            .expect("a fleet");
        group.throughput(Throughput::Elements(files.into()));
        for threads in 1..=2 {
            let threads = NonZeroUsize::MIN.saturating_add(threads - 1);
            let scope = Scope::declared([fleet.dir.clone()], ScopeSource::Flag);
            let scan = Scan::new(scope).threads(threads);
            group.bench_function(
                BenchmarkId::new(format!("threads-{threads}"), files),
                |bencher| {
                    bencher
                        .iter(|| scan.run(&Control::default()).map(|scanned| scanned.graph.len()));
                },
            );
        }
    }
    group.finish();
}

criterion_group!(benches, scan);
criterion_main!(benches);
