//! Disks that a pool would no longer find, because something else would lie at their paths, or nothing.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use diskdag_graph::{DiskId, Graph, State};

use super::Pool;
use crate::catalogue::CatalogueError;

/// A disk that would not be found where its snapshots are recorded to be taken of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parted {
    /// Which disk.
    pub disk: DiskId,
    /// Where it is found now.
    pub path: PathBuf,
    /// So many snapshots of it have a name: none could be restored any more.
    pub snapshots: usize,
    /// What would be found there instead, if anything.
    pub now: Option<DiskId>,
}

impl Pool {
    /// Which of these disks would be parted from their snapshots if `before` became `after`. A catalogue has a disk
    /// by its path: moved by another than this library it is another disk, without a snapshot. An overlay of the disk
    /// that comes to lie in its place goes on as it, as when a snapshot is taken.
    ///
    /// O(disks + snapshots).
    ///
    /// # Errors
    ///
    /// [`CatalogueError`]: the catalogue cannot be read.
    pub fn parted(
        &self,
        before: &Graph,
        after: &Graph,
        disks: impl IntoIterator<Item = DiskId>,
    ) -> Result<Vec<Parted>, CatalogueError> {
        let state = self.state()?;
        let mut snapshots: HashMap<&Path, usize> = HashMap::new();
        // A golden image lies where it lay: it is a snapshot itself.
        for record in state.kept().filter(|record| record.file != record.disk) {
            *snapshots.entry(&record.disk).or_default() += 1;
        }
        let is_there = |id: &DiskId| after.disk(*id).is_some_and(|it| it.state() != State::Missing);
        let mut parted = Vec::new();
        for disk in disks.into_iter().filter_map(|id| before.disk(id)) {
            for path in disk.paths() {
                // What cannot be resolved any more is recorded by the name that led to it, if at all.
                let real = self.fs().resolve(path).unwrap_or_else(|_| path.to_owned());
                let recorded = self.recorded(&real);
                let count = recorded.and_then(|recorded| snapshots.get(&*recorded).copied());
                let Some(snapshots) = count else { continue };
                let now = after.find(path).filter(is_there);
                let goes_on = |now| now == disk.id() || after.depends_on(now, disk.id()).is_yes();
                if !now.is_some_and(goes_on) {
                    let path = path.to_owned();
                    parted.push(Parted { disk: disk.id(), path, snapshots, now });
                }
            }
        }
        Ok(parted)
    }
}
