//! The steps that `create`, `restore` and `clone` share, for any number of operations at once.
//!
//! Intents are committed; overlays are written and forced out, each where nobody looks for it; each takes its
//! place in one step; directories are forced out, each once; records are committed; what has become a
//! snapshot is made read-only. Operations that are run together share the commits and the directories.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use crate::catalogue::{Change, Intent, OpId, OverlayMember, OverlayVerb, Work};
use crate::disk::{Disk, freeze_file, freeze_open};
use crate::error::{Effect, Error, ErrorKind};
use crate::fs::Attributes;
use crate::operate::writing::write_all;
use crate::overlay::{self, WriteError, directory};
use crate::pool::{Commit, Pool, Session};
use crate::recover;
use crate::report::{DiskDone, Done, Notice, Outcome};

/// An operation that nothing stands in the way of.
pub(crate) struct Planned {
    pub(crate) op: OpId,
    pub(crate) verb: OverlayVerb,
    pub(crate) members: Vec<OverlayMember>,
    /// Of the overlays, in the order of the members.
    pub(crate) attributes: Vec<Attributes>,
    /// Images that are claimed, until the operation has ended.
    pub(crate) held: Vec<Disk>,
    /// Whether those have become snapshots once the operation is committed, and are to be read-only.
    pub(crate) freeze: bool,
    pub(crate) disks: Vec<DiskDone>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) tag: Option<Vec<u8>>,
}

/// Steps of an operation's commits: where it begins, and where it is done.
const BEGIN: u32 = 0;
pub(crate) const END: u32 = 1;

/// Runs them all; each succeeds or fails for itself.
pub(crate) fn run(session: &mut Session<'_>, planned: Vec<Planned>) -> Vec<Result<Done, Error>> {
    let mut runs: Vec<(Planned, Result<(), Error>)> = Vec::with_capacity(planned.len());
    let intents = planned.iter().map(|plan| {
        let work = Work::Overlay { verb: plan.verb, members: plan.members.clone() };
        let began = session.pool.host().clock.now();
        let intent = Intent { op: plan.op, began, work, tag: plan.tag.clone() };
        let changes = vec![Change::OpenIntent(intent)];
        Commit { step: (plan.op, BEGIN), changes, tag: None }
    });
    let begun = session.commit_all(intents.collect());
    for (plan, begun) in planned.into_iter().zip(begun) {
        let result = begun.map_err(|error| Error::of_commit(plan.op, error));
        runs.push((plan, result));
    }
    let written = write_all(session, &runs);
    for ((plan, result), written) in runs.iter_mut().zip(written) {
        if result.is_ok() {
            *result = put_in_place(session, plan, written);
        }
    }
    sync_directories(session.pool, &mut runs);
    let ready: Vec<usize> = runs
        .iter()
        .enumerate()
        .filter(|(_, (_, result))| result.is_ok())
        .map(|(at, _)| at)
        .collect();
    let records = ready.iter().filter_map(|at| runs.get(*at)).map(|(plan, _)| {
        let changes = end(plan.op, &plan.members, false);
        Commit { step: (plan.op, END), changes, tag: plan.tag.clone() }
    });
    let committed = session.commit_all(records.collect());
    for (at, committed) in ready.into_iter().zip(committed) {
        if let (Some((plan, result)), Err(error)) = (runs.get_mut(at), committed) {
            // Everything is in its place: recovery finishes it.
            *result = Err(Error { effect: Effect::Undecided(plan.op), kind: error.into() });
        }
    }
    runs.into_iter().map(|(plan, result)| result.map(|()| finish(session.pool, plan))).collect()
}

/// What the catalogue learns when overlays have taken their places.
pub(crate) fn end(op: OpId, members: &[OverlayMember], inconsistent: bool) -> Vec<Change> {
    let mut changes = Vec::new();
    for member in members {
        if let Some(record) = &member.snapshot {
            let inconsistent = record.inconsistent || inconsistent;
            changes.push(Change::PutSnapshot(crate::catalogue::SnapshotRecord {
                inconsistent,
                ..record.clone()
            }));
        }
        if let Some(record) = &member.trash {
            changes.push(Change::PutTrash(record.clone()));
        }
    }
    changes.push(Change::CloseIntent { op });
    changes
}

/// Puts all overlays of one operation in their places, if they were written.
fn put_in_place(
    session: &mut Session<'_>,
    plan: &Planned,
    written: Result<(), WriteError>,
) -> Result<(), Error> {
    let pool = session.pool;
    let placed = written.map_err(|error| (error.kind, error.synced)).and_then(|()| {
        session.go_on().map_err(|kind| (kind, true))?;
        let publish = |member| overlay::publish(pool, plan.verb, member);
        plan.members.iter().try_for_each(publish).map_err(|kind| (kind, true))
    });
    match placed {
        Ok(()) => Ok(()),
        // What was not forced out may be lost: nothing is built on it, and only a later look at the disk
        // itself tells.
        Err((kind, false)) => Err(Error { effect: Effect::Undecided(plan.op), kind }),
        Err((kind, true)) => Err(Error { effect: undo(session, plan), kind }),
    }
}

/// Takes back what an operation has begun, as recovery does it.
fn undo(session: &mut Session<'_>, plan: &Planned) -> Effect {
    match recover::overlays(session, plan.op, plan.verb, &plan.members, recover::Aim::Undo) {
        Ok(actions) if actions.iter().all(|action| action.outcome == Outcome::Undone) => {
            Effect::None
        }
        Ok(_) => Effect::Undecided(plan.op),
        Err(error) => {
            tracing::warn!(op = %plan.op, %error, "an operation that failed could not be undone");
            Effect::Undecided(plan.op)
        }
    }
}

fn sync_directories(pool: &Pool, runs: &mut [(Planned, Result<(), Error>)]) {
    let mut results: BTreeMap<PathBuf, bool> = BTreeMap::new();
    for (plan, result) in runs.iter_mut().filter(|(_, result)| result.is_ok()) {
        let dirs: BTreeSet<PathBuf> = plan
            .members
            .iter()
            .flat_map(|member| [&member.live, &member.side])
            .map(|path| directory(&pool.path(path)).to_owned())
            .collect();
        for dir in dirs {
            let synced = match results.get(&dir) {
                Some(true) => Ok(()),
                Some(false) => Err(std::io::Error::other("forcing it out failed")),
                None => pool.fs().sync_dir(&dir),
            };
            results.insert(dir.clone(), synced.is_ok());
            if let Err(cause) = synced {
                let kind = ErrorKind::io("sync", dir, cause);
                *result = Err(Error { effect: Effect::Undecided(plan.op), kind });
                break;
            }
        }
    }
}

/// After the commit: nothing here can fail the operation any more.
fn finish(pool: &Pool, plan: Planned) -> Done {
    let Planned { op, held, disks, mut notices, freeze, .. } = plan;
    let mut learn = |path: &Path, frozen: io::Result<bool>| {
        if let Err(error) = frozen {
            let detail = format!("could not be made read-only: {error}");
            notices.push(Notice::new(path, "not-read-only", detail));
        }
    };
    for (disk, done) in held.iter().zip(&disks).filter(|_| freeze) {
        learn(&done.path, freeze_open(&*disk.file));
        if let Some(path) = disk.data_file() {
            learn(path, freeze_file(pool.fs(), path));
        }
    }
    for disk in &disks {
        tracing::info!(%op, disk = %disk.disk.display(), id = %disk.id, path = %disk.path.display(), "done");
    }
    Done { op, disks, notices, freed: 0 }
}
