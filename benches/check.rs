//! Checks of images with dense metadata: 64 GiB and 1 TiB of 64 KiB clusters, all allocated, in the guest's
//! order and shuffled. The data is holes, so that the files take 10 and 160 MiB.

mod fleet;

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use diskdag_qcow2::check::{Options, check};
use fleet::{Dense, Order};
use std::fs::File;

fn all(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut group = criterion.benchmark_group("check");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    for (name, size) in [("64G", 64 << 30), ("1T", 1 << 40)] {
        for (name_of_order, order) in [("ordered", Order::Ordered), ("shuffled", Order::Shuffled)] {
            let path = dir.path().join(format!("{name}-{name_of_order}"));
            let dense = Dense::hollow(size, order);
            dense.write(&path).expect("an image");
            let file = File::open(&path).expect("the image");
            let length = file.metadata().expect("its length").len();
            group.throughput(Throughput::Bytes(dense.metadata()));
            for threads in [1, 2] {
                let mut options = Options::default();
                options.threads = threads;
                let report = check(&file, length, &options).expect("an answer");
                assert!(report.is_clean() && report.allocated_clusters == size / 65536);
                group.bench_function(
                    format!("{name}/{name_of_order}/{threads}-threads"),
                    |bencher| {
                        bencher
                            .iter(|| check(&file, length, &options).map(|it| it.corruptions).ok());
                    },
                );
            }
        }
    }
    group.finish();
}

criterion_group!(benches, all);
criterion_main!(benches);
