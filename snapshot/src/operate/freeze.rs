//! Golden images: disks that become snapshots where they lie, with nothing on top of them.

use crate::catalogue::Change;
use crate::disk::freeze_file;
use crate::error::Error;
use crate::operate::create::{Create, record};
use crate::operate::found::Found;
use crate::pool::Session;
use crate::report::{DiskDone, Done, Notice};

/// The disks become snapshots where they lie.
pub(super) fn freeze(session: &mut Session<'_>, create: &Create) -> Result<Done, Error> {
    if let Some(done) = session.done_before(create.op, 0) {
        return Ok(done);
    }
    let op = session.pool.op(create.op)?;
    let mut found = Found::new(session, create)?;
    let paths: Vec<_> = found.paths().collect();
    let surveyed = session.pool.host().survey.follow(&paths, &session.control.call)?;
    found.look_below(session, create, surveyed.found())?;
    let Found { disks, refusal } = found;
    if !refusal.is_empty() {
        return Err(refusal.into_error());
    }
    let (mut changes, mut done) = (Vec::new(), Vec::new());
    for disk in &disks {
        let id = session.next_id();
        let record = record(session, create, op, id, disk, disk.recorded.clone());
        changes.push(Change::PutSnapshot(record));
        done.push(DiskDone {
            disk: disk.path.clone(),
            snapshot: Some(create.name.clone()),
            id,
            path: disk.path.clone(),
        });
    }
    session
        .commit((op, 0), changes, create.tag.as_deref())
        .map_err(|error| Error::of_commit(op, error))?;
    let mut notices = Vec::new();
    for disk in &disks {
        notices.extend(disk.notices.iter().cloned());
        for path in std::iter::once(&*disk.path).chain(disk.data_file()) {
            if let Err(error) = freeze_file(session.pool.fs(), path) {
                let detail = format!("could not be made read-only: {error}");
                notices.push(Notice::new(path, "not-read-only", detail));
            }
        }
    }
    Ok(Done { op, disks: done, notices, freed: 0 })
}
