//! Disks that their pools would lose.

use std::path::{Path, PathBuf};

use diskdag_graph::{Disk, DiskId, Graph};
use diskdag_snapshot::Pool;
use diskdag_snapshot::pool::Parted;

use crate::failure::Failure;
use crate::verbs::can_rm;
use crate::verbs::what_if::named::Named;

/// One of them, and the directory at the top of the pool.
pub(super) struct OfPool {
    pub(super) pool: PathBuf,
    pub(super) parted: Parted,
}

/// A pool, and those of the disks that are moved or replaced which it is to be asked about.
pub(super) struct Asked {
    pub(super) pool: Pool,
    pub(super) disks: Vec<DiskId>,
}

/// Every pool that may have to do with these disks. What moves along with the whole of its pool lies where that has it.
pub(super) fn asked(
    before: &Graph,
    after: &Graph,
    disks: &[DiskId],
    named: &[Named],
) -> Result<Vec<Asked>, Failure> {
    if disks.is_empty() {
        return Ok(Vec::new());
    }
    let concerns = |pool: Pool| {
        let goes_along = |disk: &Disk<'_>| {
            let mut paths = disk.paths().filter(|path| path.starts_with(pool.top())).peekable();
            let now = after.disk(disk.id());
            let is_there =
                |path: PathBuf| now.iter().flat_map(Disk::paths).any(|now| now == &*path);
            paths.peek().is_some()
                && paths.all(|path| along(pool.top(), path, named).is_some_and(is_there))
        };
        let disks = disks.iter().filter_map(|id| before.disk(*id));
        let disks: Vec<DiskId> =
            disks.filter(|disk| !goes_along(disk)).map(|disk| disk.id()).collect();
        (!disks.is_empty()).then_some(Asked { pool, disks })
    };
    Ok(can_rm::pools(before)?.into_iter().filter_map(concerns).collect())
}

/// Where something would lie that stays where it is in a directory that is moved as a whole; nothing where that stays.
fn along(top: &Path, path: &Path, named: &[Named]) -> Option<PathBuf> {
    let (mut top, mut path, mut goes) = (top.to_owned(), path.to_owned(), false);
    for one in named.iter().filter(|one| one.is_directory) {
        let (Some(to), Ok(of_top)) = (one.lands(), top.strip_prefix(&one.path)) else { continue };
        // Behind a slash at the end there is nothing.
        let place = |rest: &Path| to.join(rest).components().collect::<PathBuf>();
        let rest = path.strip_prefix(&one.path).ok()?;
        (top, path, goes) = (place(of_top), place(rest), true);
    }
    goes.then_some(path)
}

/// Which of the disks would be parted from their snapshots. Of a catalogue that cannot be read nothing is known:
/// that is a doubt of the verdict on what is moved or replaced, which asks the same pools.
pub(super) fn of(before: &Graph, after: &Graph, asked: &[Asked]) -> Vec<OfPool> {
    let all = asked.iter().filter_map(|Asked { pool, disks }| {
        let parted = pool.parted(before, after, disks.iter().copied()).ok()?;
        Some(parted.into_iter().map(|parted| OfPool { pool: pool.top().to_owned(), parted }))
    });
    all.flatten().collect()
}
