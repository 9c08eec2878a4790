//! Pools: snapshots taken, overlays written and re-pointed.

use crate::Result;
use diskdag_qcow2::create::{Backing, Create as NewImage, Layout};
use diskdag_snapshot::fs::RealFs;
use diskdag_snapshot::{Control, Create, Host, Pool, SnapshotName};
use std::fs::File;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// An overlay of 1 GiB.
pub(crate) fn overlay(backing: &[u8]) -> Result<Layout> {
    let backing = Some(Backing { name: backing, format: Some(b"qcow2") });
    Ok(NewImage { virtual_size: 1 << 30, backing, ..NewImage::default() }.build()?)
}

/// Makes an overlay's bytes and writes them, forcing nothing out.
pub(crate) fn write_overlay(path: &Path, backing: &[u8]) -> Result<()> {
    let layout = overlay(backing)?;
    let file = File::options().read(true).write(true).create_new(true).open(path)?;
    Ok(layout.write_to(&file)?)
}

/// A pool of bases.
pub(crate) struct Disks {
    pool: Pool,
    disks: Vec<PathBuf>,
    next: usize,
}

impl Disks {
    /// So many disks of 1 GiB in a new directory, a pool, all of it on the medium.
    pub(crate) fn new(dir: &Path, count: usize) -> Result<Self> {
        std::fs::create_dir(dir)?;
        let base = NewImage { virtual_size: 1 << 30, ..NewImage::default() }.build()?;
        let disks: Vec<PathBuf> =
            (0..count).map(|number| dir.join(format!("{number}.qcow2"))).collect();
        for disk in &disks {
            base.write_to(&File::create_new(disk)?)?;
        }
        rustix::fs::sync();
        let pool = Pool::init(
            &Host::real(NonZeroUsize::MIN),
            dir,
            &diskdag_snapshot::pool::Config::default(),
        )?;
        Ok(Self { pool, disks, next: 0 })
    }

    fn take(&mut self, count: usize) -> Result<Vec<PathBuf>> {
        let taken = self.disks.get(self.next..self.next + count).ok_or("no disk is left")?;
        self.next += count;
        Ok(taken.to_vec())
    }

    /// Takes a snapshot of the next disk.
    pub(crate) fn create(&mut self) -> Result<()> {
        let create = Create::new(SnapshotName::new("s")?, self.take(1)?);
        self.pool.create(&create, &Control::default())?;
        Ok(())
    }

    /// Takes snapshots of the next `count` disks, each by a thread of its own, all at once.
    pub(crate) fn create_at_once(&mut self, count: usize) -> Result<()> {
        let disks = self.take(count)?;
        let pool = &self.pool;
        let name = SnapshotName::new("s")?;
        std::thread::scope(|scope| {
            let create = |disk| {
                let create = Create::new(name.clone(), vec![disk]);
                scope.spawn(move || pool.create(&create, &Control::default()).map(drop))
            };
            let threads: Vec<_> = disks.into_iter().map(create).collect();
            for thread in threads {
                thread.join().map_err(|_| "a thread has panicked")??;
            }
            Ok(())
        })
    }
}

/// Re-points an overlay, durably.
pub(crate) fn repoint(path: &Path, name: &[u8]) -> Result<()> {
    Ok(diskdag_snapshot::repoint(&RealFs, path, name)?)
}
