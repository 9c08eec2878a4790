//! Which snapshots a person means.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::catalogue::{SnapshotRecord, Standing};
use crate::error::{Error, ErrorKind};
use crate::name::SnapshotName;
use crate::operate::clone::recorded_disk;
use crate::pool::Session;

/// A selection of snapshots: those that meet all that is said. A selection that says nothing but disks means
/// all their snapshots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Of these disks; without any, of all disks of the pool.
    pub disks: Vec<PathBuf>,
    /// Of this name.
    pub name: Option<SnapshotName>,
    /// Taken before this time.
    pub older_than: Option<Timestamp>,
    /// But the newest so many of each disk: by id, not by time.
    pub keep_last: Option<usize>,
}

impl Selection {
    /// The snapshot of this name, of each of these disks.
    #[must_use]
    pub fn named(name: SnapshotName, disks: Vec<PathBuf>) -> Self {
        Self { disks, name: Some(name), ..Self::default() }
    }

    /// The records, oldest first. A name that a disk has no snapshot of is an error; a policy that finds
    /// nothing is not.
    pub(super) fn records(&self, session: &Session<'_>) -> Result<Vec<SnapshotRecord>, Error> {
        let pool = session.pool;
        let mut disks = Vec::with_capacity(self.disks.len());
        for disk in &self.disks {
            disks.push(recorded_disk(pool, disk)?);
        }
        if let Some(name) = &self.name {
            for disk in &disks {
                if session.state.snapshot(disk, name).is_none() {
                    let what = format!("has no snapshot called {name}");
                    return Err(ErrorKind::NotFound { path: pool.path(disk), what }.into());
                }
            }
        }
        let of_disks = |record: &&SnapshotRecord| disks.is_empty() || disks.contains(&record.disk);
        let candidates: Vec<_> = session.state.kept().filter(of_disks).collect();
        let mut newer: HashMap<&Path, usize> = HashMap::new();
        let mut selected = Vec::new();
        for record in candidates.into_iter().rev() {
            let newer = newer.entry(&record.disk).or_default();
            if self.name.as_ref().is_none_or(|name| record.name == *name)
                && self.older_than.is_none_or(|time| record.created < time)
                && self.keep_last.is_none_or(|keep| *newer >= keep)
            {
                selected.push(record.clone());
            }
            *newer += 1;
        }
        selected.reverse();
        Ok(selected)
    }
}

/// The snapshot of a disk that a person names, whether kept or retired.
pub(super) fn one(
    session: &Session<'_>,
    name: &SnapshotName,
    disk: &Path,
) -> Result<SnapshotRecord, Error> {
    let recorded = recorded_disk(session.pool, disk)?;
    session.state.snapshot(&recorded, name).cloned().ok_or_else(|| {
        let what = format!("has no snapshot called {name}");
        ErrorKind::NotFound { path: session.pool.path(&recorded), what }.into()
    })
}

/// A record on its way out.
pub(super) fn retired(record: &SnapshotRecord) -> SnapshotRecord {
    SnapshotRecord { standing: Standing::Retired, ..record.clone() }
}
