//! Recovery of `create`, `restore` and `clone`. FORMAT.md has the table: what is seen, and what is done.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::failed;
use super::held::{built_upon, by_second_names, hold, needed, places};
use super::stage::{Seen, Stage, same_file, stage};
use crate::catalogue::{Change, OpId, OverlayMember, OverlayVerb, SnapshotRecord};
use crate::disk::seal_one;
use crate::error::{Error, ErrorKind};
use crate::fs::is_absent;
use crate::name::SnapshotName;
use crate::operate::{END, end};
use crate::overlay::{directory, look, take_back, waiting_path};
use crate::pool::{Pool, Session};
use crate::report::{Action, Outcome};

/// What is wanted of an operation that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    /// Whichever end is nearer.
    Settle,
    /// That it had never been: it has failed, and its caller is told so.
    Undo,
}

/// Brings the operation to its end or undoes it, and says what was done about each disk.
pub(crate) fn overlays(
    session: &mut Session<'_>,
    op: OpId,
    verb: OverlayVerb,
    members: &[OverlayMember],
    aim: Aim,
) -> Result<Vec<Action>, Error> {
    let pool = session.pool;
    let mut seen = Vec::with_capacity(members.len());
    for member in members {
        let stage = stage(pool, op, verb, member)?;
        seen.push(Seen { member, stage });
    }
    if seen.iter().any(|seen| matches!(seen.stage, Stage::Unexplained(_))) {
        return Ok(seen.iter().map(|seen| untouched(pool, op, seen)).collect());
    }
    let upon = by_second_names(session, &seen)?;
    if !upon.is_empty() {
        explain(pool, &mut seen, &upon);
        return Ok(seen.iter().map(|seen| untouched(pool, op, seen)).collect());
    }
    let taken = seen.iter().filter(|seen| matches!(seen.stage, Stage::Taken { .. })).count();
    let whole = taken == seen.len() && aim == Aim::Settle;
    let kept = built_upon(session, op, verb, &seen)?;
    let held = if whole { None } else { hold(session, op, verb, &seen)? };
    match held {
        Some(_held) => undo(session, op, verb, &seen, &kept),
        None => finish(session, op, verb, &seen, &kept),
    }
}

/// What keeps second names of live disks.
fn explain(pool: &Pool, seen: &mut [Seen<'_>], upon: &[(PathBuf, String)]) {
    for Seen { member, stage } in seen {
        let side = pool.path(&member.side);
        let what: Vec<&str> =
            upon.iter().filter(|(name, _)| *name == side).map(|(_, what)| &**what).collect();
        if !what.is_empty() {
            *stage = Stage::Unexplained(format!(
                "has {} as a second name, and {}: let it name the disk itself, and recover again",
                side.display(),
                what.join("; ")
            ));
        }
    }
}

fn undo(
    session: &mut Session<'_>,
    op: OpId,
    verb: OverlayVerb,
    seen: &[Seen<'_>],
    kept: &BTreeSet<PathBuf>,
) -> Result<Vec<Action>, Error> {
    let pool = session.pool;
    let mut dirs = BTreeSet::new();
    for Seen { member, stage } in seen {
        let live = pool.path(&member.live);
        if let Stage::Taken { .. } = stage {
            take_back(pool, verb, member)?;
            // The old file has to be back for good before the overlay goes.
            let dir = directory(&live);
            pool.fs().sync_dir(dir).map_err(failed("sync", dir))?;
        }
        dirs.insert(directory(&live).to_owned());
    }
    for seen in seen {
        discard(pool, op, verb, seen, kept)?;
    }
    let back = second_names_back(session, seen)?;
    for dir in dirs {
        pool.fs().sync_dir(&dir).map_err(failed("sync", &dir))?;
    }
    if !back.is_empty() {
        let mut seen = seen.to_vec();
        explain(pool, &mut seen, &back);
        return Ok(seen.iter().map(|seen| untouched(pool, op, seen)).collect());
    }
    let end = pool.op(None)?;
    session.commit((end, 0), vec![Change::CloseIntent { op }, Change::Forget { op }], None)?;
    let action = |seen: &Seen<'_>| {
        let side = pool.path(&seen.member.side);
        let detail = match &seen.stage {
            _ if kept.contains(&side) => {
                "the overlay had not taken its place; it stays, because somebody has built upon it"
            }
            Stage::NotBegun => "nothing had been done",
            Stage::Taken { .. } => "the old disk is live again, nobody had written to the overlay",
            _ => "the overlay had not taken its place, and is removed",
        };
        action(pool, op, seen.member, Outcome::Undone, detail)
    };
    Ok(seen.iter().map(action).collect())
}

/// The second look: somebody may have come to stand on a second name while it went. It is given back.
fn second_names_back(
    session: &Session<'_>,
    seen: &[Seen<'_>],
) -> Result<Vec<(PathBuf, String)>, Error> {
    let pool = session.pool;
    let linked = seen.iter().filter(|seen| matches!(seen.stage, Stage::Linked));
    let mut back = Vec::new();
    let names: Vec<PathBuf> = linked.clone().map(|seen| pool.path(&seen.member.side)).collect();
    let missed = needed(session, &names, &BTreeSet::new())?;
    for (Seen { member, .. }, side) in linked.zip(names) {
        if missed.contains(&side) {
            let live = pool.path(&member.live);
            pool.fs().link(&live, &side).map_err(failed("give back", &side))?;
            back.push((side, "somebody has come to stand on it while it went".to_owned()));
        }
    }
    Ok(back)
}

/// Removes the overlay, wherever it waits, and a second name of the live file. Each is looked at once more:
/// only what is provably ours goes.
fn discard(
    pool: &Pool,
    op: OpId,
    verb: OverlayVerb,
    Seen { member, stage }: &Seen<'_>,
    kept: &BTreeSet<PathBuf>,
) -> Result<(), ErrorKind> {
    let fs = pool.fs();
    let (live, side) = (pool.path(&member.live), pool.path(&member.side));
    if matches!(stage, Stage::Linked) && same_file(pool, &live, &side)? {
        fs.remove(&side).map_err(failed("remove", &side))?;
    }
    for path in places(pool, verb, member)?.into_iter().filter(|path| !kept.contains(path)) {
        let place = look(fs, &path, op, member).map_err(failed("look at", &path))?;
        if place.is_nobodys() {
            match fs.remove(&path) {
                Err(error) if !is_absent(&error) => {
                    return Err(ErrorKind::io("remove", path, error));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn finish(
    session: &mut Session<'_>,
    op: OpId,
    verb: OverlayVerb,
    seen: &[Seen<'_>],
    kept: &BTreeSet<PathBuf>,
) -> Result<Vec<Action>, Error> {
    let pool = session.pool;
    let mut dirs = BTreeSet::new();
    for seen in seen {
        let member = seen.member;
        let waits_in_vain = !matches!(seen.stage, Stage::Taken { .. });
        let leftover = verb != OverlayVerb::Clone
            && look(pool.fs(), &waiting_path(&pool.path(&member.live), member)?, op, member)
                .is_ok_and(|place| place.is_nobodys());
        if waits_in_vain || leftover {
            discard(pool, op, verb, seen, kept)?;
        } else if verb == OverlayVerb::Clone {
            one_name_is_enough(pool, member)?;
        }
        dirs.insert(directory(&pool.path(&member.live)).to_owned());
    }
    let back = second_names_back(session, seen)?;
    for dir in dirs {
        pool.fs().sync_dir(&dir).map_err(failed("sync", &dir))?;
    }
    let took_place = |seen: &&Seen<'_>| matches!(seen.stage, Stage::Taken { .. });
    let done: Vec<OverlayMember> =
        seen.iter().filter(took_place).map(|it| as_found(pool, it)).collect();
    let is_cut = done.len() < seen.len() && verb != OverlayVerb::Clone;
    // The operation's own last step: who asks for it again is told that it is done.
    let tag = session.tag_of(op);
    session.commit((op, END), end(op, &done, is_cut), tag.as_deref())?;
    for member in done.iter().filter(|member| member.snapshot.is_some()) {
        // It is marked as unsealed: whoever writes to the pool next tries again.
        let sealed = member.snapshot.as_ref().and_then(|record| seal_one(pool, record));
        tracing::debug!(?sealed, "a snapshot is to be read-only");
    }
    let action = |seen: &Seen<'_>| {
        let (outcome, detail) = match (&seen.stage, is_cut) {
            (Stage::Taken { moved: Some(to), .. }, _) if to.as_os_str().is_empty() => {
                (Outcome::Finished, "the live disk is gone; what it was before is kept".to_owned())
            }
            (Stage::Taken { moved: Some(to), .. }, _) => (
                Outcome::Finished,
                format!("the live disk was renamed: it is {} now", to.display()),
            ),
            (Stage::Taken { .. }, false) => {
                (Outcome::Finished, "the overlay had taken its place".to_owned())
            }
            (Stage::Taken { .. }, true) => (
                Outcome::InconsistentSet,
                "the crash fell between the disks of the set, and this one was written to since"
                    .to_owned(),
            ),
            (_, false) => (Outcome::Undone, "the overlay had not taken its place".to_owned()),
            (_, true) => (
                Outcome::InconsistentSet,
                "the crash fell between the disks of the set: this one is as it was before"
                    .to_owned(),
            ),
        };
        let side = pool.path(&seen.member.side);
        let detail = match back.iter().find(|(name, _)| *name == side) {
            Some((name, why)) => format!("{detail}; {} stays: {why}", name.display()),
            None => detail,
        };
        action(pool, op, seen.member, outcome, detail)
    };
    Ok(seen.iter().map(action).collect())
}

/// A clone that was given its name by a link, and kept the one that it had while it waited.
fn one_name_is_enough(pool: &Pool, member: &OverlayMember) -> Result<(), ErrorKind> {
    let (live, side) = (pool.path(&member.live), pool.path(&member.side));
    match pool.fs().stat(&side) {
        Ok(_) if same_file(pool, &live, &side)? => {
            // The name that stays is the younger one, and may not be on the medium yet.
            let dir = directory(&live);
            pool.fs().sync_dir(dir).map_err(failed("sync", dir))?;
            pool.fs().remove(&side).map_err(failed("remove", &side))
        }
        Err(error) if !is_absent(&error) => Err(ErrorKind::io("ask about", side, error)),
        _ => Ok(()),
    }
}

/// The member, with the disk where it lies now.
fn as_found(pool: &Pool, seen: &Seen<'_>) -> OverlayMember {
    let Stage::Taken { moved: Some(to), .. } = &seen.stage else { return seen.member.clone() };
    let Some(disk) = pool.recorded(to).filter(|disk| !disk.as_os_str().is_empty()) else {
        return seen.member.clone();
    };
    let snapshot = seen.member.snapshot.clone();
    let snapshot = snapshot.map(|record| SnapshotRecord { disk: disk.clone(), ..record });
    OverlayMember { live: disk, snapshot, ..seen.member.clone() }
}

fn untouched(pool: &Pool, op: OpId, seen: &Seen<'_>) -> Action {
    let detail = match &seen.stage {
        Stage::Unexplained(detail) => detail.clone(),
        _ => "belongs to an operation that cannot be explained".to_owned(),
    };
    action(pool, op, seen.member, Outcome::Kept, detail)
}

fn action(
    pool: &Pool,
    op: OpId,
    member: &OverlayMember,
    outcome: Outcome,
    detail: impl Into<String>,
) -> Action {
    let name = member.snapshot.as_ref().map(|record| record.name.clone());
    let snapshot: Option<SnapshotName> = name;
    Action { op, disk: pool.path(&member.live), snapshot, outcome, detail: detail.into() }
}
