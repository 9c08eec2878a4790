//! One file: open, header, close; over 20,000 files in turn, so that their names and inodes are as
//! cold for the processor as on a host.

mod fleet;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use diskdag_qcow2::open::{Opened, open_image, open_listed, read_header};
use fleet::{Files, Shape};
use std::error::Error;
use std::path::PathBuf;

const FILES: usize = 20_000;

/// Opens the next file, reads its header into `buffer`, and says how long its backing name is.
fn length<'p, E: Error + 'static>(
    paths: &mut impl Iterator<Item = &'p PathBuf>,
    open: impl Fn(&'p PathBuf) -> Result<Opened, E>,
    buffer: &mut Vec<u8>,
) -> Result<usize, Box<dyn Error>> {
    let opened = open(paths.next().ok_or("a fleet without files")?)?;
    let header = read_header(&opened.file, opened.stat.len, buffer)?;
    Ok(header.backing_name().map_or(0, <[u8]>::len))
}

fn open(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let fleet = Files::write(&dir.path().join("open"), Shape::Forest, FILES).expect("a fleet");
    let mut paths = fleet.paths.iter().cycle();
    let mut buffer = Vec::new();
    let mut group = criterion.benchmark_group("open");
    group.throughput(Throughput::Elements(1));
    // What a scan does to a file that the directory has just shown to be one.
    group.bench_function("listed", |bencher| {
        bencher.iter(|| length(&mut paths, |path| open_listed(path), &mut buffer).ok());
    });
    // What is done to a path that comes from somewhere else.
    group.bench_function("any-path", |bencher| {
        bencher.iter(|| length(&mut paths, |path| open_image(path), &mut buffer).ok());
    });
    group.finish();
}

criterion_group!(benches, open);
criterion_main!(benches);
