//! Pools on the simulated file system.

use std::path::Path;
use std::sync::Arc;

use diskdag_qcow2::create::{Backing, Create as NewImage};
use diskdag_snapshot::Host;
use diskdag_snapshot::fs::{Fs, write_all};
use diskdag_snapshot::host::{LocksOnly, RandomIds, SystemClock};
use diskdag_snapshot::sim::SimFs;
use diskdag_snapshot::survey::FsSurvey;

pub(crate) fn host(fs: &SimFs) -> Host {
    let shared: Arc<dyn Fs> = Arc::new(fs.clone());
    Host {
        survey: Arc::new(FsSurvey::new(Arc::clone(&shared))),
        fs: shared,
        usage: Arc::new(LocksOnly),
        clock: Arc::new(SystemClock),
        ids: Arc::new(RandomIds),
    }
}

/// An image of 1 MiB.
pub(crate) fn image(fs: &SimFs, path: impl AsRef<Path>, backing: Option<&str>) {
    let backing = backing.map(|name| Backing { name: name.as_bytes(), format: Some(b"qcow2") });
    let new = NewImage { virtual_size: 1 << 20, backing, ..NewImage::default() };
    let layout = new.build().unwrap();
    let file = fs.create(path.as_ref(), 0o644).unwrap();
    file.set_len(layout.len).unwrap();
    for (offset, bytes) in &layout.pieces {
        write_all(&*file, *offset, bytes).unwrap();
    }
}
