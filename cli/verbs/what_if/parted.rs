//! Disks that their pools would lose.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use diskdag_graph::{DiskId, Graph};
use diskdag_snapshot::pool::Parted;
use diskdag_snapshot::{Host, Pool};

use crate::failure::Failure;

/// One of them, and the directory at the top of the pool.
pub(super) struct OfPool {
    pub(super) pool: PathBuf,
    pub(super) parted: Parted,
}

/// Which of these disks would be parted from their snapshots. Of a catalogue that cannot be read nothing is known:
/// that is a doubt of the verdict on what is moved or replaced, which asks the same pools.
pub(super) fn of(before: &Graph, after: &Graph, disks: &[DiskId]) -> Result<Vec<OfPool>, Failure> {
    let paths = disks.iter().filter_map(|id| before.disk(*id)).flat_map(|disk| disk.paths());
    let mut all = Vec::new();
    for pool in Pool::around(&Host::real(NonZeroUsize::MIN), paths)? {
        let Ok(parted) = pool.parted(before, after, disks.iter().copied()) else { continue };
        all.extend(parted.into_iter().map(|parted| OfPool { pool: pool.top().to_owned(), parted }));
    }
    Ok(all)
}
