//! Going back: an overlay of a snapshot takes the live disk's place.

use std::path::PathBuf;

use crate::catalogue::{
    OpId, OverlayMember, OverlayShape, OverlayVerb, SnapshotRecord, Standing, TrashRecord,
};
use crate::disk::{Disk, backing_name};
use crate::error::{Error, ErrorKind};
use crate::host::Control;
use crate::name::{SnapshotName, pending_path, snapshot_path, trash_path};
use crate::operate::overlays::{self, Planned};
use crate::pool::{Pool, Session};
use crate::refusal::{Reason, ReasonKind, Refusal};
use crate::report::{DiskDone, Done, Notice};

/// Which snapshot to go back to, of which disks: of all, or of none.
#[derive(Clone, Debug)]
pub struct Restore {
    /// What it is called.
    pub name: SnapshotName,
    /// The disks.
    pub disks: Vec<PathBuf>,
    /// What is live now becomes a snapshot of this name; else it goes to the trash.
    pub keep: Option<SnapshotName>,
    /// The operation's id, if the caller has one.
    pub op: Option<OpId>,
    /// Bytes that are committed with it. See [`Batch::tag`](crate::catalogue::Batch::tag).
    pub tag: Option<Vec<u8>>,
}

impl Restore {
    /// Back to this snapshot of these disks.
    #[must_use]
    pub fn new(name: SnapshotName, disks: Vec<PathBuf>) -> Self {
        Self { name, disks, keep: None, op: None, tag: None }
    }
}

impl Pool {
    /// Makes disks read what they read when a snapshot was taken: all of them, or none.
    ///
    /// The snapshot stays, and can be gone back to again. What was live goes to the trash, or becomes a
    /// snapshot. At no instant is a live path absent.
    ///
    /// # Errors
    ///
    /// [`ErrorKind`], by kind; a refusal names every reason at once, among them whoever uses a live path as
    /// backing file: its content would change under them.
    pub fn restore(&self, restore: &Restore, control: &Control) -> Result<Done, Error> {
        self.when_free(control, || {
            let mut session = self.begin(control)?;
            session.confirmed()?;
            if let Some(done) = session.done_before(restore.op, overlays::END) {
                return Ok(done);
            }
            let planned = plan(&mut session, restore)?;
            let mut results = overlays::run(&mut session, vec![planned]);
            results.pop().unwrap_or_else(|| Err(ErrorKind::Stopped.into()))
        })
    }

    /// What [`restore`](Self::restore) would answer. Changes nothing.
    ///
    /// # Errors
    ///
    /// As [`restore`](Self::restore).
    pub fn plan_restore(&self, restore: &Restore, control: &Control) -> Result<Done, Error> {
        let mut session = self.look(control)?;
        session.confirmed()?;
        let Planned { op, disks, notices, .. } = plan(&mut session, restore)?;
        Ok(Done { op, disks, notices, freed: 0 })
    }
}

fn plan(session: &mut Session<'_>, restore: &Restore) -> Result<Planned, Error> {
    let op = session.pool.op(restore.op)?;
    let mut refusal = Refusal::default();
    let mut disks: Vec<(Disk, SnapshotRecord)> = Vec::new();
    for path in &restore.disks {
        let disk = Disk::find(session.pool, path)?;
        if disks.iter().any(|(other, _)| other.stat.identity() == disk.stat.identity()) {
            refusal.add(Reason::new(path, ReasonKind::Twice, "is named twice"));
            continue;
        }
        let record = session.state.snapshot(&disk.recorded, &restore.name).cloned();
        let Some(record) = record else {
            let what = format!("has no snapshot called {}", restore.name);
            return Err(ErrorKind::NotFound { path: disk.path, what }.into());
        };
        refusal.merge(disk.standing(session));
        if let Some(keep) = &restore.keep
            && session.state.snapshot(&disk.recorded, keep).is_some()
        {
            let detail = format!("has a snapshot called {keep} already");
            refusal.add(Reason::new(&disk.path, ReasonKind::Exists, detail));
        }
        refusal.merge(disk.claim(session.pool)?);
        disks.push((disk, record));
    }
    users(session, &disks, &mut refusal)?;
    let mut planned = Planned {
        op,
        verb: OverlayVerb::Restore,
        members: Vec::new(),
        attributes: Vec::new(),
        held: Vec::new(),
        freeze: restore.keep.is_some(),
        disks: Vec::new(),
        notices: Vec::new(),
        tag: restore.tag.clone(),
    };
    for (disk, record) in disks {
        match member(session, restore, op, &disk, &record, &mut planned) {
            Ok(member) => planned.members.push(member),
            Err(ErrorKind::FileName(error)) => {
                refusal.add(Reason::new(&disk.path, ReasonKind::Name, error.to_string()));
            }
            Err(error) => return Err(error.into()),
        }
        planned.notices.extend(disk.notices.iter().cloned());
        planned.held.push(disk);
    }
    if refusal.is_empty() { Ok(planned) } else { Err(refusal.into_error()) }
}

/// Whoever uses a live path as backing file would find other content there.
fn users(
    session: &Session<'_>,
    disks: &[(Disk, SnapshotRecord)],
    refusal: &mut Refusal,
) -> Result<(), Error> {
    let paths: Vec<PathBuf> = disks.iter().map(|(disk, _)| disk.path.clone()).collect();
    let surveyed = session.survey(&paths)?;
    for (path, found) in paths.iter().zip(&surveyed.images) {
        let id = match found {
            Ok(id) => *id,
            Err(error) => {
                let cause = std::io::Error::other(error.to_string());
                return Err(ErrorKind::io("ask about", path, cause).into());
            }
        };
        // Each for itself: that two of them depend on each other is no excuse here. Owners are not asked: whoever
        // goes back does it for the owner of the live path, which stays where it is.
        let removal = surveyed.graph.removal(&[id]);
        for blocker in removal.blockers {
            let detail = format!("{}; its content would change under it", blocker.detail);
            let mut reason = Reason::new(blocker.path, ReasonKind::Dependent, detail);
            reason.depth = blocker.depth;
            refusal.add(reason);
        }
        refusal.merge(Refusal { doubts: removal.doubts, ..Refusal::default() });
    }
    Ok(())
}

fn member(
    session: &mut Session<'_>,
    restore: &Restore,
    op: OpId,
    disk: &Disk,
    record: &SnapshotRecord,
    planned: &mut Planned,
) -> Result<OverlayMember, ErrorKind> {
    let pool = session.pool;
    let (id, side) = session.free_id(|id| {
        let side = match &restore.keep {
            Some(keep) => snapshot_path(&disk.path, id, keep)?,
            None => trash_path(&disk.path, id)?,
        };
        Ok(vec![side, pending_path(&disk.path, id)?])
    })?;
    let recorded = pool.recorded(&side).unwrap_or_default();
    let now = pool.host().clock.now();
    let file = pool.path(&record.file);
    let overlay = shape(pool, record, &disk.path)?;
    let own = disk.file.attributes();
    planned.attributes.push(own.map_err(|cause| ErrorKind::io("ask about", &disk.path, cause))?);
    planned.disks.push(DiskDone {
        disk: disk.path.clone(),
        snapshot: Some(restore.name.clone()),
        id,
        path: side.clone(),
    });
    if restore.keep.is_none() {
        let detail = format!("what was live lies in the trash as item {id}");
        planned.notices.push(Notice::new(&disk.path, "trashed", detail));
    }
    let snapshot = restore.keep.as_ref().map(|keep| SnapshotRecord {
        id,
        disk: disk.recorded.clone(),
        name: keep.clone(),
        file: recorded.clone(),
        created: now,
        op,
        virtual_size: disk.virtual_size(),
        raw: disk.is_raw(),
        frozen: false,
        adopted: false,
        inconsistent: false,
        unsealed: true,
        standing: Standing::Kept,
    });
    let trash = restore.keep.is_none().then(|| TrashRecord {
        id,
        file: recorded.clone(),
        was: disk.recorded.clone(),
        removed: now,
        op,
        snapshot: None,
    });
    tracing::debug!(%op, snapshot = %file.display(), "an overlay of it takes the live disk's place");
    Ok(OverlayMember { id, live: disk.recorded.clone(), side: recorded, overlay, snapshot, trash })
}

/// An overlay at `overlay` of a snapshot that has to be there.
pub(super) fn shape(
    pool: &Pool,
    record: &SnapshotRecord,
    overlay: &std::path::Path,
) -> Result<OverlayShape, ErrorKind> {
    let file = pool.path(&record.file);
    let snapshot = Disk::find(pool, &file).map_err(|error| error.kind)?;
    let clusters = snapshot.clusters();
    Ok(OverlayShape {
        virtual_size: snapshot.virtual_size(),
        cluster_bits: clusters.bits,
        backing: backing_name(overlay, &file),
        raw_backing: snapshot.is_raw(),
        extended_l2: clusters.extended_l2,
    })
}
