//! A catalogue from nothing: from the names of files and from their headers.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use diskdag_qcow2::Header;
use jiff::Timestamp;

use crate::catalogue::{OpId, SnapshotRecord, Standing, State, TrashRecord};
use crate::error::{Error, ErrorKind};
use crate::fs::{Access, Kind, is_absent, read_up_to};
use crate::marker::Marker;
use crate::name::{FileName, Id};
use crate::pool::{FOLDER, Pool};

/// How far beyond the highest id that left a trace the next one lies: ids that left none are not given again
/// either.
const MARGIN: u64 = 1000;

/// Operations whose records are lost.
const NOBODYS: OpId = OpId([0; 16]);

/// The headers that are looked at: our overlays' are short.
const HEAD: usize = 4096;

impl Pool {
    /// What the files of the pool say of its snapshots and its trash, for when the catalogue is lost. It is not
    /// confirmed, and says what could not be rebuilt. Writes nothing. O(files), each opened once.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`]: a directory or a file that cannot be read may hold anything.
    pub fn rebuilt(&self) -> Result<State, Error> {
        let now = self.host().clock.now();
        let mut state = State { confirmed: false, ..State::default() };
        let mut highest = Id(0);
        let mut open = vec![self.top().to_owned()];
        while let Some(dir) = open.pop() {
            let entries =
                self.fs().list(&dir).map_err(|cause| ErrorKind::io("list", &dir, cause))?;
            for entry in entries {
                let path = dir.join(&entry.name);
                match entry.kind {
                    Kind::Directory if entry.name != FOLDER => open.push(path),
                    Kind::File => {
                        let seen = self.look_into(&path)?;
                        let id = seen.marker.map_or(Id(0), |marker| marker.id);
                        highest = highest.max(id);
                        if let Some(name) = FileName::parse(&entry.name) {
                            highest = highest.max(name.id());
                            self.record(&mut state, &path, name, &seen, now);
                        }
                    }
                    _ => {}
                }
            }
        }
        state.next_id = Id(highest.0 + MARGIN);
        state.lost = lost(&state);
        Ok(state)
    }

    /// Adds what an old catalogue, of which nobody knows how old, says of files that are there. The files have the
    /// last word.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if it cannot be told whether a file is there.
    pub(crate) fn complete(&self, state: &mut State, old: State) -> Result<(), ErrorKind> {
        for (id, record) in old.snapshots.iter() {
            let is_there = match state.snapshots.get(id) {
                Some(rebuilt) => rebuilt.file == record.file,
                // Their names are their own: only the old catalogue knew of them.
                None => record.frozen || record.adopted,
            };
            if is_there && self.is_still(record)? {
                state.snapshots.insert(*id, record.clone());
            }
        }
        for (id, item) in old.trash.iter() {
            if state.trash.get(id).is_some_and(|rebuilt| rebuilt.file == item.file) {
                state.trash.insert(*id, item.clone());
            }
        }
        let pins = old.pins.iter().filter(|(id, _)| state.snapshots.contains_key(id));
        state.pins = pins.map(|(id, pin)| (*id, pin.clone())).collect();
        state.next_id = state.next_id.max(Id(old.next_id.0.saturating_add(MARGIN)));
        state.lost = vec![
            format!(
                "what was recorded after revision {}: pins, names that were retired",
                old.revision.0
            ),
            "when snapshots were taken since: they are dated now".to_owned(),
            UNFINISHED.to_owned(),
        ];
        Ok(())
    }

    /// Whether the file of a record is there. A frozen disk that can be written to is a live disk again.
    fn is_still(&self, record: &SnapshotRecord) -> Result<bool, ErrorKind> {
        let path = self.path(&record.file);
        match self.fs().stat(&path) {
            Ok(stat) => Ok(stat.kind == Kind::File && (!record.frozen || stat.mode & 0o222 == 0)),
            Err(error) if is_absent(&error) => Ok(false),
            Err(cause) => Err(ErrorKind::io("look for", path, cause)),
        }
    }

    fn look_into(&self, path: &Path) -> Result<Seen, ErrorKind> {
        let failed = |cause| ErrorKind::io("read", path, cause);
        let file = self.fs().open(path, Access::Read).map_err(failed)?;
        let len = file.len().map_err(failed)?;
        let head = read_up_to(&*file, 0, HEAD).map_err(failed)?;
        let own_name = path.file_name().unwrap_or_default().as_encoded_bytes();
        Ok(match Header::parse_prefix(&head, len) {
            Ok(header) => Seen {
                virtual_size: header.virtual_size() & !511,
                raw: false,
                marker: Marker::of(&header),
                names_itself: header
                    .backing_name()
                    .is_some_and(|name| name.strip_prefix(b"./").unwrap_or(name) == own_name),
            },
            // A header that is longer, or one that makes no sense, is no raw disk.
            Err(error) => Seen {
                virtual_size: len.next_multiple_of(512),
                raw: matches!(error.kind, diskdag_qcow2::ErrorKind::NotQcow2 { .. }),
                marker: None,
                names_itself: false,
            },
        })
    }

    fn record(&self, state: &mut State, path: &Path, name: FileName, seen: &Seen, now: Timestamp) {
        let recorded = self.recorded(path).unwrap_or_default();
        match name {
            // An overlay that never took its place; `gc` finds it.
            FileName::Snapshot { .. } if seen.names_itself => {}
            FileName::Snapshot { id, .. } => {
                let Some((disk, name)) = self.disk_of(path) else { return };
                let record = SnapshotRecord {
                    id,
                    disk: self.recorded(&disk).unwrap_or_default(),
                    name,
                    file: recorded,
                    created: now,
                    op: NOBODYS,
                    virtual_size: seen.virtual_size,
                    raw: seen.raw,
                    frozen: false,
                    adopted: false,
                    inconsistent: false,
                    unsealed: true,
                    standing: Standing::Kept,
                };
                state.snapshots.insert(id, record);
            }
            FileName::Trash { stem, id } => {
                let extension = if seen.raw { "" } else { ".qcow2" };
                let mut home = stem;
                home.push(extension);
                let was = self.recorded(&path.with_file_name(home)).unwrap_or_default();
                let snapshot = None;
                let item =
                    TrashRecord { id, file: recorded, was, removed: now, op: NOBODYS, snapshot };
                state.trash.insert(id, item);
            }
            FileName::Pending { .. } => {}
        }
    }

    /// The disk that a snapshot's file was taken from: of the two readings of its name the one whose disk is
    /// there; else the one with an extension.
    fn disk_of(&self, path: &Path) -> Option<(PathBuf, crate::SnapshotName)> {
        let file: &OsStr = path.file_name()?;
        let readings = [FileName::parse(file), FileName::parse_without_extension(file)];
        let mut disks = readings.into_iter().flatten().filter_map(|reading| match reading {
            FileName::Snapshot { disk, name, .. } => Some((path.with_file_name(disk), name)),
            _ => None,
        });
        let first = disks.next()?;
        let is_there = |path: &Path| self.fs().stat(path).is_ok();
        if is_there(&first.0) {
            return Some(first);
        }
        Some(disks.find(|(disk, _)| is_there(disk)).unwrap_or(first))
    }

    /// Whether the catalogue is lost or damaged.
    pub(super) fn has_lost_catalogue(&self) -> Result<bool, Error> {
        use crate::catalogue::CatalogueError;

        match self.state() {
            Ok(_) => Ok(false),
            Err(CatalogueError::Missing { .. } | CatalogueError::Damaged { .. }) => Ok(true),
            Err(CatalogueError::Io { cause, .. }) if is_absent(&cause) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }
}

/// What a file says of itself.
struct Seen {
    virtual_size: u64,
    raw: bool,
    marker: Option<Marker>,
    names_itself: bool,
}

/// Of the intents nothing can be told.
const UNFINISHED: &str = "operations that had begun and not ended: `gc` finds what they left";

/// What neither names nor headers tell.
fn lost(state: &State) -> Vec<String> {
    let mut lost = vec![
        "pins".to_owned(),
        "which snapshots had been retired: they are listed again".to_owned(),
        "when snapshots were taken: they are dated now".to_owned(),
        "which disks were frozen, and which files had been adopted".to_owned(),
        UNFINISHED.to_owned(),
    ];
    if !state.trash.is_empty() {
        lost.push("where what is in the trash lay: its names are guessed".to_owned());
    }
    lost
}
