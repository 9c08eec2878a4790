//! What a pool holds, with sizes and dependents: asked of the headers, changing nothing.

use std::path::{Path, PathBuf};

use diskdag_graph::{DiskId, Doubt};

use crate::catalogue::{Pin, SnapshotRecord, TrashRecord};
use crate::error::Error;
use crate::fs::is_absent;
use crate::host::Control;
use crate::name::Id;
use crate::operate::clone::recorded_disk;
use crate::pool::Pool;

/// The snapshots of a pool, or of one disk.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Listing {
    /// Oldest first.
    pub snapshots: Vec<ListedSnapshot>,
    /// What could not be asked: then dependents are lower bounds.
    pub doubts: Vec<Doubt>,
    /// Operations that have begun and not ended.
    pub open: usize,
    /// Whether a person stands by what is recorded; not so after the catalogue was rebuilt.
    pub confirmed: bool,
}

/// One snapshot.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListedSnapshot {
    /// What is recorded.
    pub record: SnapshotRecord,
    /// The disk, from the root.
    pub disk: PathBuf,
    /// Its file, from the root.
    pub path: PathBuf,
    /// Whether the file is there.
    pub is_there: bool,
    /// Bytes that its file holds on the host's file system.
    pub actual_size: Option<u64>,
    /// Bytes that removing it would give back: none that it shares with other files by reflinks.
    pub frees: Option<u64>,
    /// How many disks need it, at any depth.
    pub dependents: usize,
    /// The pin on it.
    pub pin: Option<Pin>,
}

/// One item of the trash.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListedTrash {
    /// What is recorded.
    pub record: TrashRecord,
    /// Where it lies, from the root.
    pub path: PathBuf,
    /// Where it lay, from the root.
    pub was: PathBuf,
    /// Bytes that its file holds on the host's file system; `None` if it is not there.
    pub actual_size: Option<u64>,
    /// What it needs: none of these can go before it.
    pub needs: Vec<PathBuf>,
}

impl Pool {
    /// The snapshots of `disk`, or of all disks. Takes no lock, and waits for nobody.
    ///
    /// # Errors
    ///
    /// [`Error`]: the catalogue cannot be read, or the scan fails.
    pub fn list(&self, disk: Option<&Path>, control: &Control) -> Result<Listing, Error> {
        let state = self.state()?;
        let disk = disk.map(|disk| recorded_disk(self, disk)).transpose()?;
        let of_disk = |record: &&SnapshotRecord| {
            disk.as_ref().is_none_or(|disk| record.disk == *disk || record.file == *disk)
        };
        let records: Vec<SnapshotRecord> = state.kept().filter(of_disk).cloned().collect();
        let files: Vec<PathBuf> = records.iter().map(|record| self.path(&record.file)).collect();
        let mut surveyed = self.survey(&files, &control.call)?;
        let there: Vec<DiskId> = surveyed.images.iter().flatten().copied().collect();
        surveyed.ask_reflinks(&there, &control.call)?;
        let graph = &surveyed.graph;
        let snapshots = records.into_iter().zip(files).zip(&surveyed.images);
        let listed = snapshots.map(|((record, path), found)| {
            let disk = found.as_ref().ok().and_then(|id| graph.disk(*id));
            let size = disk.as_ref().and_then(diskdag_graph::Disk::actual_size);
            ListedSnapshot {
                disk: self.path(&record.disk),
                path,
                is_there: size.is_some(),
                actual_size: size,
                frees: disk.as_ref().map(|disk| graph.freed_by(&[disk.id()])),
                dependents: disk.map_or(0, |disk| graph.dependents(disk.id()).len()),
                pin: state.pins.get(&record.id).cloned(),
                record,
            }
        });
        Ok(Listing {
            snapshots: listed.collect(),
            doubts: graph.doubts(),
            open: state.intents.len(),
            confirmed: state.confirmed,
        })
    }

    /// What lies in the trash, oldest first.
    ///
    /// # Errors
    ///
    /// As [`list`](Self::list).
    pub fn list_trash(&self, control: &Control) -> Result<Vec<ListedTrash>, Error> {
        let trash = self.state()?.trash;
        let files: Vec<PathBuf> = trash.values().map(|record| self.path(&record.file)).collect();
        let surveyed = self.host().survey.follow(&files, &control.call)?;
        let mut listed = Vec::with_capacity(files.len());
        for ((record, path), found) in trash.values().zip(files).zip(&surveyed.images) {
            let actual_size = match self.fs().stat(&path) {
                Ok(stat) => Some(stat.allocated),
                Err(error) if is_absent(&error) => None,
                Err(cause) => return Err(crate::ErrorKind::io("ask about", path, cause).into()),
            };
            let below = found.iter().flat_map(|id| surveyed.graph.dependencies(*id));
            let needs = below.filter_map(|needed| surveyed.graph.disk(needed.disk));
            let needs = needs.map(|disk| disk.path().to_owned()).collect();
            listed.push(ListedTrash {
                was: self.path(&record.was),
                record: record.clone(),
                path,
                actual_size,
                needs,
            });
        }
        Ok(listed)
    }
}

impl ListedSnapshot {
    /// Its number.
    #[must_use]
    pub fn id(&self) -> Id {
        self.record.id
    }
}
