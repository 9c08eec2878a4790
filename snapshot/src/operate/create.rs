//! Taking a snapshot: the live disk becomes one, and an overlay of it takes its place.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::catalogue::{OpId, OverlayMember, OverlayShape, OverlayVerb, SnapshotRecord, Standing};
use crate::disk::{Allowed, Disk, backing_name};
use crate::error::{Effect, Error, ErrorKind};
use crate::host::Control;
use crate::name::{Id, SnapshotName, pending_path, snapshot_path};
use crate::operate::found::Found;
use crate::operate::freeze::freeze;
use crate::operate::overlays::{self, Planned};
use crate::operate::threads::in_threads;
use crate::pool::{Pool, Session};
use crate::refusal::{Reason, ReasonKind};
use crate::report::{DiskDone, Done, Notice};
use crate::survey::Surveyed;

/// Which snapshot to take of which disks: of all, or of none.
#[derive(Clone, Debug)]
pub struct Create {
    /// What it is called.
    pub name: SnapshotName,
    /// The disks.
    pub disks: Vec<PathBuf>,
    /// The disks become golden images: they are snapshots where they lie, nothing is put on top of them, and
    /// they can be cloned but not written to.
    pub freeze: bool,
    /// A raw disk may become a qcow2 image.
    pub allow_format_change: bool,
    /// A disk that keeps its data in an external file may be snapshotted; that file is frozen with it.
    pub allow_data_file: bool,
    /// The most layers that a disk may have afterwards.
    pub max_depth: u32,
    /// The operation's id, if the caller has one: doing it again then does nothing.
    pub op: Option<OpId>,
    /// Bytes that are committed with the snapshot. See [`Batch::tag`](crate::catalogue::Batch::tag).
    pub tag: Option<Vec<u8>>,
}

/// QEMU opens a file for every layer, and fails near 900.
pub const MAX_DEPTH: u32 = 200;

impl Create {
    /// A snapshot of this name of these disks, as careful as can be.
    #[must_use]
    pub fn new(name: SnapshotName, disks: Vec<PathBuf>) -> Self {
        Self {
            name,
            disks,
            freeze: false,
            allow_format_change: false,
            allow_data_file: false,
            max_depth: MAX_DEPTH,
            op: None,
            tag: None,
        }
    }

    pub(super) fn allowed(&self) -> Allowed {
        Allowed {
            // What is frozen where it lies keeps its format.
            format_change: self.allow_format_change || self.freeze,
            data_file: self.allow_data_file,
        }
    }
}

impl Pool {
    /// Takes a snapshot of one or several disks: of all of them, or of none.
    ///
    /// At no instant is a live path absent, and its guest's content never changes. When this returns `Ok` the
    /// snapshot survives the power going out in the next instant: 2 + disks + directories calls to force
    /// things out.
    ///
    /// # Errors
    ///
    /// [`ErrorKind`], by kind; a refusal names every reason at once. [`Error::effect`] says what was changed.
    pub fn create(&self, create: &Create, control: &Control) -> Result<Done, Error> {
        self.when_free(control, || {
            if create.freeze {
                return freeze(&mut self.begin(control)?, create);
            }
            loop {
                let run = |creates: Vec<Create>| create_all(self, &creates, control);
                let done = self.creates().run(create.clone(), run);
                match done.unwrap_or_else(|| Err(ErrorKind::Stopped.into())) {
                    // Whoever ran it was stopped by a caller of its own.
                    Err(Error { kind: ErrorKind::Stopped, effect: Effect::None })
                        if !control.should_stop() => {}
                    done => return done,
                }
            }
        })
    }
}

/// Takes several snapshots, each for itself, under one lock.
fn create_all(pool: &Pool, creates: &[Create], control: &Control) -> Vec<Result<Done, Error>> {
    let mut session = match pool.begin(control) {
        Ok(session) => session,
        Err(error) => return refuse_all(creates.len(), error),
    };
    let mut results: Vec<Option<Result<Done, Error>>> = creates.iter().map(|_| None).collect();
    let mut left: Vec<usize> = (0..creates.len()).collect();
    while !left.is_empty() {
        let (mut ready, mut later) = (Vec::new(), Vec::new());
        let mut taken = HashSet::new();
        for place in left {
            let Some(create) = creates.get(place) else { continue };
            // A disk that another of this round takes is the next round's.
            let asked = if creates.len() > 1 { &create.disks[..] } else { &[] };
            let paths: Vec<PathBuf> =
                asked.iter().filter_map(|path| pool.fs().resolve(path).ok()).collect();
            if paths.iter().any(|path| taken.contains(path)) {
                later.push(place);
            } else if let Some(done) = session.done_before(create.op, overlays::END) {
                put(&mut results, place, Ok(done));
            } else {
                taken.extend(paths);
                ready.push((place, create));
            }
        }
        let mut found = Vec::new();
        for (place, create, these) in find_all(&session, ready) {
            match these {
                Ok(these) => found.push((place, create, these)),
                Err(error) => put(&mut results, place, Err(error)),
            }
        }
        let (mut planned, mut places) = (Vec::new(), Vec::new());
        for (place, plan) in plan_all(&mut session, found) {
            match plan {
                Ok(plan) => {
                    planned.push(plan);
                    places.push(place);
                }
                Err(error) => put(&mut results, place, Err(error)),
            }
        }
        for (place, result) in places.into_iter().zip(overlays::run(&mut session, planned)) {
            put(&mut results, place, result);
        }
        left = later;
    }
    results.into_iter().map(|it| it.unwrap_or_else(|| Err(ErrorKind::Stopped.into()))).collect()
}

fn put<T>(slots: &mut [Option<T>], place: usize, value: T) {
    if let Some(slot) = slots.get_mut(place) {
        *slot = Some(value);
    }
}

/// Creates up to this number are looked at one after the other.
const FEW: usize = 8;

/// Finds and claims the disks of all, which are different ones.
fn find_all<'c>(
    session: &Session<'_>,
    creates: Vec<(usize, &'c Create)>,
) -> Vec<(usize, &'c Create, Result<Found, Error>)> {
    let find = |(place, create)| (place, create, Found::new(session, create));
    match creates.len() {
        ..=FEW => creates.into_iter().map(find).collect(),
        _ => in_threads(2, creates, find),
    }
}

/// What lies below all of them is looked at once.
fn plan_all(
    session: &mut Session<'_>,
    found: Vec<(usize, &Create, Found)>,
) -> Vec<(usize, Result<Planned, Error>)> {
    let paths = found.iter().flat_map(|(.., found)| found.paths()).collect::<Vec<_>>();
    let below = match paths.is_empty() {
        true => None,
        false => match session.pool.host().survey.follow(&paths, &session.control.call) {
            Ok(below) => Some(below),
            Err(error) => {
                let errors = refuse_all(found.len(), error.into());
                return found.iter().map(|(place, ..)| *place).zip(errors).collect();
            }
        },
    };
    let mut images = below.iter().flat_map(Surveyed::found);
    let plan_one = |(place, create, mut found): (usize, &Create, Found)| {
        // All of them, whatever comes of the first.
        let images: Vec<_> = images.by_ref().take(found.paths().count()).collect();
        let looked = found.look_below(session, create, images.into_iter());
        (place, looked.and_then(|()| plan(session, create, found)))
    };
    found.into_iter().map(plan_one).collect()
}

/// What none of them could have: the pool, or a look at the chains. Only the first learns every detail.
fn refuse_all<T>(count: usize, error: Error) -> Vec<Result<T, Error>> {
    let text = error.to_string();
    let like = match &error.kind {
        ErrorKind::Locked { pool } => Some(pool.clone()),
        _ => None,
    };
    let is_stopped = matches!(error.kind, ErrorKind::Stopped);
    let other = || match &like {
        Some(pool) => ErrorKind::Locked { pool: pool.clone() }.into(),
        None if is_stopped => ErrorKind::Stopped.into(),
        None => ErrorKind::Together(text.clone()).into(),
    };
    let mut all: Vec<Result<T, Error>> = vec![Err(error)];
    all.extend(std::iter::repeat_with(|| Err(other())).take(count.saturating_sub(1)));
    all
}

/// What is to be done with the disks, if nothing stands in the way.
fn plan(session: &mut Session<'_>, create: &Create, found: Found) -> Result<Planned, Error> {
    let op = session.pool.op(create.op)?;
    let Found { disks, mut refusal } = found;
    let (mut members, mut attributes, mut done, mut notices) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for disk in &disks {
        let places = |id| {
            Ok(vec![snapshot_path(&disk.path, id, &create.name)?, pending_path(&disk.path, id)?])
        };
        let (id, side) = match session.free_id(places) {
            Ok(free) => free,
            Err(ErrorKind::FileName(error)) => {
                refusal.add(Reason::new(&disk.path, ReasonKind::Name, error.to_string()));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let recorded = session.pool.recorded(&side).unwrap_or_default();
        let own = disk.file.attributes();
        attributes.push(own.map_err(|cause| ErrorKind::io("ask about", &disk.path, cause))?);
        members.push(OverlayMember {
            id,
            live: disk.recorded.clone(),
            side: recorded.clone(),
            overlay: shape(disk, &side),
            snapshot: Some(record(session, create, op, id, disk, recorded)),
            trash: None,
        });
        done.push(DiskDone {
            disk: disk.path.clone(),
            snapshot: Some(create.name.clone()),
            id,
            path: side,
        });
        notices.extend(disk.notices.iter().cloned().chain(disk.left_behind()));
        notices.extend(disk.data_file().map(|path| {
            Notice::new(path, "data-file", "belongs to the snapshot now, and is read-only")
        }));
    }
    if !refusal.is_empty() {
        return Err(refusal.into_error());
    }
    let (verb, tag) = (OverlayVerb::Create, create.tag.clone());
    Ok(Planned {
        op,
        verb,
        members,
        attributes,
        held: disks,
        freeze: true,
        disks: done,
        notices,
        tag,
    })
}

/// The overlay of a disk that will lie at `side`: as big, with the same clusters.
fn shape(disk: &Disk, side: &Path) -> OverlayShape {
    let clusters = disk.clusters();
    OverlayShape {
        virtual_size: disk.virtual_size(),
        cluster_bits: clusters.bits,
        backing: backing_name(&disk.path, side),
        raw_backing: disk.is_raw(),
        extended_l2: clusters.extended_l2,
    }
}

/// The snapshot as it is recorded.
pub(super) fn record(
    session: &Session<'_>,
    create: &Create,
    op: OpId,
    id: Id,
    disk: &Disk,
    file: PathBuf,
) -> SnapshotRecord {
    SnapshotRecord {
        id,
        disk: disk.recorded.clone(),
        name: create.name.clone(),
        file,
        created: session.pool.host().clock.now(),
        op,
        virtual_size: disk.virtual_size(),
        raw: disk.is_raw(),
        frozen: create.freeze,
        adopted: false,
        inconsistent: false,
        unsealed: true,
        standing: Standing::Kept,
    }
}

#[cfg(test)]
mod tests;
