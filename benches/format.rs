//! What the guest sees of an image: mapped, measured, and read through eight layers, warm.

mod fleet;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use diskdag_qcow2::GuestOffset;
use diskdag_qcow2::chain::{Chain, Policy};
use diskdag_qcow2::measure::{Target, measure};
use fleet::{Dense, Order, Random};
use std::path::{Path, PathBuf};

fn open(path: &Path) -> Chain {
    Chain::open(path, &Policy::trusting(PathBuf::new())).expect("a chain")
}

/// 64 GiB of disk: a million clusters. Side by side they are one extent; shuffled, each is one.
fn tables(criterion: &mut Criterion) {
    const SIZE: u64 = 64 << 30;
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut group = criterion.benchmark_group("tables");
    group.sample_size(10).throughput(Throughput::Elements(SIZE >> 16));
    for (name, order) in [("ordered", Order::Ordered), ("shuffled", Order::Shuffled)] {
        let path = dir.path().join(name);
        let image = Dense { size: SIZE, order, backing: None, layer: (0, 1), is_filled: false };
        image.write(&path).expect("an image");
        group.bench_function(format!("map/{name}"), |bencher| {
            bencher.iter(|| open(&path).extents().map_while(Result::ok).count());
        });
        group.bench_function(format!("measure/{name}"), |bencher| {
            bencher.iter(|| measure(&open(&path), &Target::QCOW2).map(|found| found.required).ok());
        });
    }
    group.finish();
}

/// Each layer has every eighth cluster of 64 MiB.
fn guest(criterion: &mut Criterion) {
    const SIZE: u64 = 64 << 20;
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut below: Option<String> = None;
    for layer in 0..8 {
        let name = format!("layer-{layer}.qcow2");
        let image = Dense {
            size: SIZE,
            order: Order::Ordered,
            backing: below.as_deref(),
            layer: (layer, 8),
            is_filled: true,
        };
        image.write(&dir.path().join(&name)).expect("an image");
        below = Some(name);
    }
    let chain = open(&dir.path().join(below.unwrap_or_default()));
    let mut group = criterion.benchmark_group("guest");
    for step in [4_u64 << 10, 1 << 20] {
        let mut buffer = vec![0; usize::try_from(step).unwrap_or_default()];
        let mut chance = Random(step);
        let places = usize::try_from(SIZE / step).unwrap_or_default();
        group.throughput(Throughput::Bytes(step));
        group.bench_function(format!("random/{step}"), |bencher| {
            bencher.iter(|| {
                let at = chance.below(places) as u64 * step;
                chain.read_at(GuestOffset(at), &mut buffer).ok()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, tables, guest);
criterion_main!(benches);
