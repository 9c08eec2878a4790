//! Every store in the tree keeps the laws that embedders' stores are held to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use diskdag_snapshot::catalogue::conformance::{self, Handles};
use diskdag_snapshot::catalogue::{LogCatalogue, MemoryCatalogue, State};
use diskdag_snapshot::fs::RealFs;

fn log_catalogues(log_len: u64) {
    let top = tempfile::tempdir().expect("a directory");
    let stores = AtomicUsize::new(0);
    conformance::run(|| {
        let dir = top.path().join(stores.fetch_add(1, Ordering::Relaxed).to_string());
        std::fs::create_dir(&dir).expect("a directory");
        let handle = || LogCatalogue::with_log_len(Arc::new(RealFs), &dir, log_len);
        handle().create(&State::default()).expect("a catalogue");
        Handles { one: Box::new(handle()), other: Box::new(handle()) }
    });
}

#[test]
fn in_memory() {
    conformance::run(|| {
        let store = MemoryCatalogue::new();
        Handles { one: Box::new(store.clone()), other: Box::new(store) }
    });
}

#[test]
fn log_and_checkpoint() {
    log_catalogues(LogCatalogue::LOG_LEN);
}

/// So short a log that checkpoints are made all the time.
#[test]
fn checkpoints_all_the_time() {
    log_catalogues(LogCatalogue::LOG_LEN_MIN);
}
