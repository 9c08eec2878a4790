//! Taking over a chain that somebody else has made.

use std::path::{Path, PathBuf};

use diskdag_graph::State as DiskState;

use crate::catalogue::{Change, SnapshotRecord, Standing};
use crate::disk::{Content, Disk, claim, freeze_file};
use crate::error::{Error, ErrorKind};
use crate::host::Control;
use crate::name::{NAME_MAX, SnapshotName};
use crate::pool::{Pool, Session};
use crate::refusal::{Reason, ReasonKind, Refusal};
use crate::report::{DiskDone, Done, Notice};

impl Pool {
    /// Records the backing files of a disk as its snapshots, each under the name that its file has, where it
    /// lies: nothing is renamed, since headers name it. They become read-only. What is recorded already, or
    /// lies outside of the pool, stays as it is and is said.
    ///
    /// # Errors
    ///
    /// [`ErrorKind`], by kind; refused for a chain that is broken.
    pub fn adopt(&self, disk: &Path, control: &Control) -> Result<Done, Error> {
        let mut session = self.begin(control)?;
        let live = Disk::find(self, disk)?;
        let mut refusal = live.standing(&session);
        let mut notices = live.notices.clone();
        let below = chain(&session, &live, &mut refusal)?;
        if !refusal.is_empty() {
            return Err(refusal.into_error());
        }
        let op = self.op(None)?;
        let created = self.host().clock.now();
        let (mut changes, mut disks) = (Vec::new(), Vec::new());
        let mut taken: Vec<SnapshotName> = session
            .state
            .kept()
            .filter(|it| it.disk == live.recorded)
            .map(|it| it.name.clone())
            .collect();
        // The oldest first, so that its number is the lowest.
        for path in below.into_iter().rev() {
            let layer = match Disk::find(self, &path) {
                Ok(layer) => layer,
                Err(Error { kind: ErrorKind::Refused(_), .. }) => {
                    notices.push(Notice::new(
                        path,
                        "outside-pool",
                        "lies outside of the pool and is left alone",
                    ));
                    continue;
                }
                Err(error) => return Err(error),
            };
            if session.state.snapshot_at(&layer.recorded).is_some() {
                notices.push(Notice::new(path, "recorded", "is recorded already"));
                continue;
            }
            let id = session.next_id();
            let name = name_of(&layer.path, &taken)?;
            taken.push(name.clone());
            disks.push(DiskDone {
                disk: live.path.clone(),
                snapshot: Some(name.clone()),
                id,
                path: layer.path.clone(),
            });
            changes.push(Change::PutSnapshot(SnapshotRecord {
                id,
                disk: live.recorded.clone(),
                name,
                file: layer.recorded.clone(),
                created,
                op,
                virtual_size: layer.virtual_size(),
                raw: layer.content == Content::Raw,
                frozen: false,
                adopted: true,
                inconsistent: false,
                unsealed: true,
                standing: Standing::Kept,
            }));
        }
        session.commit((op, 0), changes, None).map_err(|error| Error::of_commit(op, error))?;
        for done in &disks {
            notices.extend(self.freeze_adopted(&done.path));
        }
        Ok(Done { op, disks, notices, freed: 0 })
    }

    fn freeze_adopted(&self, path: &Path) -> Option<Notice> {
        let frozen = || {
            let file = self.fs().open(path, crate::fs::Access::Read)?;
            // A reader is no harm; whoever writes to it is.
            if let Ok(users) = claim(self, path, &*file)
                && !users.is_empty()
            {
                return Err(std::io::Error::other(users.to_string()));
            }
            freeze_file(self.fs(), path).map(drop)
        };
        let error = frozen().err()?;
        let detail = format!("was not made read-only: {error}");
        Some(Notice::new(path, "not-read-only", detail))
    }
}

/// What lies below a disk, nearest first; a chain that is broken cannot be taken over.
fn chain(session: &Session<'_>, live: &Disk, refusal: &mut Refusal) -> Result<Vec<PathBuf>, Error> {
    let survey = &session.pool.host().survey;
    let surveyed = survey.follow(std::slice::from_ref(&live.path), &session.control.call)?;
    let mut below = Vec::new();
    for found in &surveyed.images {
        let id = match found {
            Ok(id) => *id,
            Err(error) => return Err(ErrorKind::Survey(error.to_string()).into()),
        };
        let layers = surveyed.graph.chain(id).filter_map(|disk| surveyed.graph.disk(disk));
        for (depth, disk) in layers.enumerate() {
            // One that cannot be read does not say what lies below it either.
            if disk.state() != DiskState::Ok {
                let detail =
                    format!("needs {}, which is {}", disk.path().display(), disk.state().name());
                refusal.add(Reason::new(&live.path, ReasonKind::BrokenChain, detail));
            }
            if depth > 0 {
                below.push(disk.path().to_owned());
            }
        }
    }
    Ok(below)
}

/// The name of a file without what no snapshot's name may hold, and with a number if it is taken.
fn name_of(path: &Path, taken: &[SnapshotName]) -> Result<SnapshotName, ErrorKind> {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};

    let stem = path.file_stem().unwrap_or_default().as_bytes();
    let stem = stem.iter().skip_while(|byte| **byte == b'.');
    let plain =
        stem.map(|byte| if *byte == b':' || byte.is_ascii_control() { b'_' } else { *byte });
    let plain: Vec<u8> = plain.take(NAME_MAX - 12).collect();
    let plain = if plain.is_empty() { b"adopted".to_vec() } else { plain };
    let mut number = 1_u64;
    loop {
        let mut name = plain.clone();
        if number > 1 {
            name.extend_from_slice(format!("-{number}").as_bytes());
        }
        let name = SnapshotName::new(std::ffi::OsString::from_vec(name))?;
        if !taken.contains(&name) {
            return Ok(name);
        }
        number += 1;
    }
}
