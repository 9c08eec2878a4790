//! The catalogue: reading it, and what a commit costs beside its floor, a write over zeros that is
//! forced out.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use diskdag_snapshot::catalogue::conformance::{batch, op, snapshot};
use diskdag_snapshot::catalogue::{Batch, Catalogue, Change, LogCatalogue, State};
use diskdag_snapshot::fs::RealFs;

fn handle(dir: &Path) -> LogCatalogue {
    LogCatalogue::new(Arc::new(RealFs), dir)
}

fn state(snapshots: u64) -> State {
    let rows = (1..=snapshots).map(snapshot).map(|record| (record.id, record));
    State { snapshots: rows.collect(), ..State::default() }
}

/// Replaces a record: the state stays as large as it is.
fn next(state: &mut State, number: &mut u64) -> Batch {
    *number += 1;
    let batch = batch(state, op(*number), 0, vec![Change::PutSnapshot(snapshot(1))]);
    state.apply(&batch).expect("fits");
    batch
}

fn catalogue(criterion: &mut Criterion) {
    let top = tempfile::tempdir().expect("a temporary directory");
    let mut group = criterion.benchmark_group("catalogue");
    for snapshots in [1_000, 100_000] {
        let dir = top.path().join(snapshots.to_string());
        std::fs::create_dir(&dir).expect("a directory");
        let mut state = state(snapshots);
        handle(&dir).create(&state).expect("a catalogue");
        group.bench_function(format!("load/{snapshots}"), |bencher| {
            bencher.iter(|| handle(&dir).load().expect("loads"));
        });
        let known = handle(&dir);
        known.load().expect("loads");
        group.bench_function(format!("load-again/{snapshots}"), |bencher| {
            bencher.iter(|| known.load().expect("loads"));
        });
        let mut number = 0;
        group.bench_function(format!("commit/{snapshots}"), |bencher| {
            let batch = || next(&mut state, &mut number);
            let commit = |batch: Batch| known.commit(&batch).expect("commits");
            bencher.iter_batched(batch, commit, BatchSize::PerIteration);
        });
        group.bench_function(format!("commit-100-together/{snapshots}"), |bencher| {
            let batches = || (0..100).map(|_| next(&mut state, &mut number)).collect::<Vec<_>>();
            let commit = |batches: Vec<Batch>| {
                assert!(known.commit_all(&batches).iter().all(Result::is_ok));
            };
            bencher.iter_batched(batches, commit, BatchSize::PerIteration);
        });
    }
    // The floor: 1 KiB over zeros, forced out, and again somewhere else.
    let file = File::create_new(top.path().join("floor")).expect("a file");
    file.write_all_at(&vec![0; 1 << 20], 0).expect("written");
    file.sync_all().expect("forced out");
    let mut at = 0;
    group.bench_function("floor", |bencher| {
        bencher.iter(|| {
            at = (at + 1024) % (1 << 20);
            file.write_all_at(&[1; 1024], at).expect("written");
            file.sync_data().expect("forced out");
        });
    });
    group.finish();
}

criterion_group!(benches, catalogue);
criterion_main!(benches);
