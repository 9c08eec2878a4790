//! Parsing a header: hot, over and over the same one, and cold, over more headers than the caches
//! of a processor core hold, in random order.

mod fleet;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use diskdag_qcow2::Header;
use diskdag_qcow2::format::RawHeaderV3;
use fleet::{Random, header};
use std::hint::black_box;

/// Bytes per header, as many as the first read of a file gives.
const EACH: usize = 1024;
/// 128 MiB of them: what has not been touched since the round before lies in memory, or at best in
/// a cache that the cores share.
const COLD: usize = 131_072;

fn hot(criterion: &mut Criterion) {
    let bytes = header(Some(b"disk-000000.qcow2"));
    let mut group = criterion.benchmark_group("header/hot");
    group.throughput(Throughput::Elements(1));
    group.bench_function("view", |bencher| {
        bencher.iter(|| {
            let raw = RawHeaderV3::view(black_box(&bytes))?;
            Some((raw.v2.size.get(), raw.v2.backing_file_offset.get()))
        });
    });
    group.bench_function("parse", |bencher| {
        bencher.iter(|| Header::parse(black_box(&bytes)).map(|header| header.backing_name()));
    });
    group.finish();
}

fn cold(criterion: &mut Criterion) {
    let mut one = header(Some(b"disk-000000.qcow2"));
    one.resize(EACH, 0);
    let all = one.repeat(COLD);
    let mut random = Random(3);
    let mut group = criterion.benchmark_group("header/cold");
    group.throughput(Throughput::Elements(1));
    group.bench_function("parse", |bencher| {
        bencher.iter(|| {
            let at = random.below(COLD) * EACH;
            let bytes = all.get(at..at + EACH).unwrap_or_default();
            Header::parse_prefix(bytes, fleet::FILE_LEN).map(|header| header.virtual_size())
        });
    });
    group.finish();
}

criterion_group!(benches, hot, cold);
criterion_main!(benches);
