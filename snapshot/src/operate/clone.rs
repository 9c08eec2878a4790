//! New live disks on top of a snapshot.

use std::path::{Path, PathBuf};

use crate::catalogue::{OpId, OverlayMember, OverlayVerb};
use crate::disk::Disk;
use crate::error::{Error, ErrorKind};
use crate::fs::{Attributes, is_absent};
use crate::host::Control;
use crate::name::{SnapshotName, check_disk_name, pending_path};
use crate::operate::overlays::{self, Planned};
use crate::operate::restore::shape;
use crate::pool::{Pool, Session};
use crate::refusal::{Reason, ReasonKind, Refusal};
use crate::report::{DiskDone, Done};

/// Which snapshot to clone, and what the clones are called: all are made, or none.
#[derive(Clone, Debug)]
pub struct Clones {
    /// What the snapshot is called.
    pub name: SnapshotName,
    /// The disk that it was taken from.
    pub disk: PathBuf,
    /// The paths of the new disks, in the pool; nothing may be there.
    pub new: Vec<PathBuf>,
    /// The operation's id, if the caller has one.
    pub op: Option<OpId>,
    /// Bytes that are committed with it. See [`Batch::tag`](crate::catalogue::Batch::tag).
    pub tag: Option<Vec<u8>>,
}

impl Clones {
    /// Clones of this snapshot of this disk.
    #[must_use]
    pub fn new(name: SnapshotName, disk: PathBuf, new: Vec<PathBuf>) -> Self {
        Self { name, disk, new, op: None, tag: None }
    }
}

impl Pool {
    /// Makes new live disks on top of a snapshot, any number of them in one commit: all of them, or none. They
    /// hold nothing of their own at first.
    ///
    /// # Errors
    ///
    /// [`ErrorKind`], by kind; a refusal names every reason at once.
    pub fn clone_snapshot(&self, clones: &Clones, control: &Control) -> Result<Done, Error> {
        let mut session = self.begin(control)?;
        if let Some(done) = session.done_before(clones.op, overlays::END) {
            return Ok(done);
        }
        let planned = plan(&mut session, clones)?;
        let mut results = overlays::run(&mut session, vec![planned]);
        results.pop().unwrap_or_else(|| Err(ErrorKind::Stopped.into()))
    }
}

fn plan(session: &mut Session<'_>, clones: &Clones) -> Result<Planned, Error> {
    let pool = session.pool;
    let op = pool.op(clones.op)?;
    let recorded = recorded_disk(pool, &clones.disk)?;
    let record = session.state.snapshot(&recorded, &clones.name).cloned();
    let Some(record) = record else {
        let what = format!("has no snapshot called {}", clones.name);
        return Err(ErrorKind::NotFound { path: pool.path(&recorded), what }.into());
    };
    let snapshot = Disk::find(pool, &pool.path(&record.file))?;
    let own = snapshot.file.attributes();
    let own = own.map_err(|cause| ErrorKind::io("ask about", &snapshot.path, cause))?;
    // The snapshot is read-only; a clone is there to be written to.
    let attributes = Attributes { mode: own.mode | 0o200, ..own };
    let mut planned = Planned {
        op,
        verb: OverlayVerb::Clone,
        members: Vec::new(),
        attributes: vec![attributes; clones.new.len()],
        held: Vec::new(),
        freeze: false,
        disks: Vec::new(),
        notices: Vec::new(),
        tag: clones.tag.clone(),
    };
    let mut refusal = Refusal::default();
    for path in &clones.new {
        let (new, inside) = match place(pool, path)? {
            Ok(place) => place,
            Err(reason) => {
                refusal.add(reason);
                continue;
            }
        };
        if planned.members.iter().any(|member| member.live == inside) {
            refusal.add(Reason::new(path, ReasonKind::Twice, "is named twice"));
            continue;
        }
        let (id, pending) = session.free_id(|id| Ok(vec![pending_path(&new, id)?]))?;
        planned.members.push(OverlayMember {
            id,
            live: inside,
            side: pool.recorded(&pending).unwrap_or_default(),
            overlay: shape(pool, &record, &new)?,
            snapshot: None,
            trash: None,
        });
        let snapshot = Some(clones.name.clone());
        planned.disks.push(DiskDone {
            disk: pool.path(&recorded),
            snapshot,
            id: record.id,
            path: new,
        });
    }
    if refusal.is_empty() { Ok(planned) } else { Err(refusal.into_error()) }
}

/// The disk that a person means, as it is recorded: it may have gone, its snapshots are there all the same.
pub(super) fn recorded_disk(pool: &Pool, path: &Path) -> Result<PathBuf, Error> {
    let resolved = match pool.fs().resolve(path) {
        Ok(resolved) => resolved,
        Err(error) if is_absent(&error) => beside(pool, path)?,
        Err(cause) => return Err(ErrorKind::io("find", path, cause).into()),
    };
    pool.recorded(&resolved).ok_or_else(|| outside(pool, path).into())
}

/// Where a new disk goes: from the root, and as it is recorded; or why it cannot.
fn place(pool: &Pool, path: &Path) -> Result<Result<(PathBuf, PathBuf), Reason>, Error> {
    let new = beside(pool, path)?;
    let Some(inside) = pool.recorded(&new) else {
        let detail = format!("does not lie in the pool {}", pool.top().display());
        return Ok(Err(Reason::new(path, ReasonKind::OutsidePool, detail)));
    };
    if let Err(error) = check_disk_name(&new) {
        return Ok(Err(Reason::new(path, ReasonKind::Name, error.to_string())));
    }
    match pool.fs().stat(&new) {
        Ok(_) => Ok(Err(Reason::new(path, ReasonKind::Exists, "is there already"))),
        Err(error) if is_absent(&error) => Ok(Ok((new, inside))),
        Err(cause) => Err(ErrorKind::io("look for", new, cause).into()),
    }
}

/// The path of something that need not be there, in a directory that has to.
fn beside(pool: &Pool, path: &Path) -> Result<PathBuf, Error> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let dir = pool.fs().resolve(parent).map_err(|cause| match is_absent(&cause) {
        true => ErrorKind::NotFound { path: parent.to_owned(), what: "no such directory".into() },
        false => ErrorKind::io("find", parent, cause),
    })?;
    match path.file_name() {
        Some(name) => Ok(dir.join(name)),
        None => {
            let cause = std::io::Error::from(std::io::ErrorKind::InvalidInput);
            Err(ErrorKind::io("create", path, cause).into())
        }
    }
}

fn outside(pool: &Pool, path: &Path) -> ErrorKind {
    let detail = format!("does not lie in the pool {}", pool.top().display());
    crate::disk::refused(Reason::new(path, ReasonKind::OutsidePool, detail))
}
