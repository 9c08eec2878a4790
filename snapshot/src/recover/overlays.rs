//! Recovery of `create`, `restore` and `clone`. FORMAT.md has the table: what is seen, and what is done.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::catalogue::{Change, OpId, OverlayMember, OverlayVerb, SnapshotRecord};
use crate::disk::claim;
use crate::error::{Error, ErrorKind};
use crate::fs::{Access, FsFile, Kind, is_absent, read_up_to};
use crate::marker::Marker;
use crate::name::SnapshotName;
use crate::operate::{END, end, freeze_file};
use crate::overlay::{Place, directory, look, take_back, waiting_path};
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

/// How far one overlay came.
#[derive(Debug)]
enum Stage {
    /// Nothing of it is there.
    NotBegun,
    /// It lies where it was written, or waits there; the live path is not ours.
    Waiting,
    /// As that, and the live file has the other name as a second one.
    Linked,
    /// It has its place. The old file, if there was one, lies aside.
    Taken {
        /// Nobody has written to it.
        pristine: bool,
        /// Where it is now, if a person has moved it since.
        moved: Option<PathBuf>,
    },
    /// None of these.
    Unexplained(String),
}

/// One overlay and how far it came.
struct Seen<'m> {
    member: &'m OverlayMember,
    stage: Stage,
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
        return Ok(seen.iter().map(|seen| kept(pool, op, seen)).collect());
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

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ErrorKind {
    let path = path.to_owned();
    move |cause| ErrorKind::io(doing, path, cause)
}

fn stage(
    pool: &Pool,
    op: OpId,
    verb: OverlayVerb,
    member: &OverlayMember,
) -> Result<Stage, ErrorKind> {
    let (live, side) = (pool.path(&member.live), pool.path(&member.side));
    let at = |path: &Path| look(pool.fs(), path, op, member).map_err(failed("look at", path));
    let (at_live, at_side) = (at(&live)?, at(&side)?);
    let pristine = at_live == Place::Pristine;
    if verb == OverlayVerb::Clone {
        return Ok(match (&at_live, &at_side) {
            (live, _) if live.is_overlay() => Stage::Taken { pristine, moved: None },
            (_, Place::Absent) => Stage::NotBegun,
            (_, side) if side.is_nobodys() => Stage::Waiting,
            _ => Stage::Unexplained(format!("{} is not what was written there", side.display())),
        });
    }
    let waiting = waiting_path(&live, member)?;
    let at_waiting = at(&waiting)?;
    Ok(match (&at_live, &at_side, &at_waiting) {
        (live, Place::Other, _) if live.is_overlay() => Stage::Taken { pristine, moved: None },
        (Place::Other | Place::Absent, Place::Absent, Place::Absent) => Stage::NotBegun,
        (Place::Other | Place::Absent, side, Place::Absent) if side.is_nobodys() => Stage::Waiting,
        (Place::Other | Place::Absent, Place::Absent, waiting) if waiting.is_nobodys() => {
            Stage::Waiting
        }
        (Place::Other, Place::Other, waiting)
            if (waiting.is_nobodys() || *waiting == Place::Absent)
                && same_file(pool, &live, &side)? =>
        {
            Stage::Linked
        }
        // The overlay never got there; whether `side` is the disk's last name is not known.
        (Place::Absent, Place::Other, waiting) if waiting.is_nobodys() => {
            Stage::Unexplained(format!("is gone; what it was lies at {}", side.display()))
        }
        (Place::Absent, Place::Other, _) => Stage::Taken {
            pristine: false,
            moved: Some(moved_to(pool, op, member)?.unwrap_or_default()),
        },
        (live, Place::Absent, _) if live.is_overlay() => {
            Stage::Unexplained(format!("is an overlay of {}, which is gone", side.display()))
        }
        (Place::Other, Place::Other, _) => match moved_to(pool, op, member)? {
            Some(moved) => Stage::Taken { pristine: false, moved: Some(moved) },
            None => Stage::Unexplained(format!(
                "somebody has put another file there; what it was lies at {}",
                side.display()
            )),
        },
        _ => Stage::Unexplained(format!("{} is not what was written there", side.display())),
    })
}

fn same_file(pool: &Pool, a: &Path, b: &Path) -> Result<bool, ErrorKind> {
    let stat = |path: &Path| pool.fs().stat(path).map_err(failed("ask about", path));
    Ok(stat(a)?.identity() == stat(b)?.identity())
}

/// The file in the same directory that carries the overlay's mark: a live disk that a person has renamed.
fn moved_to(pool: &Pool, op: OpId, member: &OverlayMember) -> Result<Option<PathBuf>, ErrorKind> {
    let live = pool.path(&member.live);
    let dir = directory(&live);
    let marker = Marker { op, id: member.id };
    // A second name that taking back was cut off over is ours, and nobody's disk.
    let waiting = waiting_path(&live, member)?;
    let entries = pool.fs().list(dir).map_err(failed("list", dir))?;
    for entry in entries.iter().filter(|entry| entry.kind == Kind::File) {
        let path = dir.join(&entry.name);
        if path == waiting {
            continue;
        }
        let file = match pool.fs().open(&path, Access::Read) {
            Ok(file) => file,
            Err(error) if is_absent(&error) => continue,
            Err(cause) => return Err(ErrorKind::io("open", path, cause)),
        };
        let len = file.len().map_err(failed("read", &path))?;
        let head = read_up_to(&*file, 0, 4096).map_err(failed("read", &path))?;
        let header = diskdag_qcow2::Header::parse_prefix(&head, len);
        if header.is_ok_and(|header| Marker::of(&header) == Some(marker)) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Takes hold of all overlays that have their place, so that they can be taken back; `None` if somebody has
/// written to one, has it open, or has built upon it.
fn hold(
    session: &Session<'_>,
    op: OpId,
    verb: OverlayVerb,
    seen: &[Seen<'_>],
) -> Result<Option<Vec<Box<dyn FsFile>>>, Error> {
    let pool = session.pool;
    let taken = |seen: &&Seen<'_>| matches!(seen.stage, Stage::Taken { .. });
    let mut held = Vec::new();
    for Seen { member, stage } in seen.iter().filter(taken) {
        let live = pool.path(&member.live);
        if !matches!(stage, Stage::Taken { pristine: true, moved: None }) {
            return Ok(None);
        }
        let file = pool.fs().open(&live, Access::Read).map_err(failed("open", &live))?;
        if !claim(pool, session.control, &live, &*file)?.is_empty() {
            return Ok(None);
        }
        // Somebody may have written to it and closed it before it was ours.
        let now = look(pool.fs(), &live, op, member).map_err(failed("look at", &live))?;
        if now != Place::Pristine {
            return Ok(None);
        }
        held.push(file);
    }
    // The names that lead elsewhere afterwards, or nowhere. After `create` the live one reads the same.
    let of = |member: &OverlayMember| match verb {
        OverlayVerb::Create => vec![pool.path(&member.side)],
        OverlayVerb::Restore => vec![pool.path(&member.side), pool.path(&member.live)],
        OverlayVerb::Clone => vec![pool.path(&member.live)],
    };
    let members: Vec<_> = seen.iter().filter(taken).map(|seen| seen.member).collect();
    let names: Vec<PathBuf> = members.iter().copied().flat_map(of).collect();
    // An overlay that has its place needs what lies aside, and so do others that are taken back.
    let ours: BTreeSet<PathBuf> = members.iter().map(|it| pool.path(&it.live)).collect();
    let needed = needed(session, &names, &ours)?;
    Ok(needed.is_empty().then_some(held))
}

/// Of these names, those that somebody needs; but for `ours`.
fn needed(
    session: &Session<'_>,
    names: &[PathBuf],
    ours: &BTreeSet<PathBuf>,
) -> Result<BTreeSet<PathBuf>, Error> {
    if names.is_empty() {
        return Ok(BTreeSet::new());
    }
    let surveyed = session.survey(names)?;
    let ours: Vec<_> = ours.iter().filter_map(|path| surveyed.graph.find(path)).collect();
    let mut needed = BTreeSet::new();
    for (name, found) in names.iter().zip(&surveyed.images) {
        let Ok(id) = found else { continue };
        let blockers = surveyed.graph.removal(&[*id]).blockers;
        // Whoever needs it over others needs them by their names.
        let direct = |blocker: &&diskdag_graph::Blocker| blocker.depth == 1;
        if blockers.iter().filter(direct).any(|blocker| !ours.contains(&blocker.disk)) {
            needed.insert(name.clone());
        }
    }
    Ok(needed)
}

/// Overlays that wait in vain and on which somebody has built since: they stay. One of `create` is its own
/// backing file until it has its place, so that nobody can have.
fn built_upon(
    session: &Session<'_>,
    op: OpId,
    verb: OverlayVerb,
    seen: &[Seen<'_>],
) -> Result<BTreeSet<PathBuf>, Error> {
    let pool = session.pool;
    let mut waiting = Vec::new();
    if verb != OverlayVerb::Create {
        for Seen { member, .. } in seen.iter().filter(|seen| matches!(seen.stage, Stage::Waiting)) {
            for path in places(pool, verb, member)? {
                let place = look(pool.fs(), &path, op, member);
                if place.map_err(failed("look at", &path))?.is_nobodys() {
                    waiting.push(path);
                }
            }
        }
    }
    needed(session, &waiting, &BTreeSet::new())
}

/// Where the overlay may lie that has not taken its place.
fn places(
    pool: &Pool,
    verb: OverlayVerb,
    member: &OverlayMember,
) -> Result<Vec<PathBuf>, ErrorKind> {
    let mut places = vec![pool.path(&member.side)];
    if verb != OverlayVerb::Clone {
        places.push(waiting_path(&pool.path(&member.live), member)?);
    }
    Ok(places)
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
    for dir in dirs {
        pool.fs().sync_dir(&dir).map_err(failed("sync", &dir))?;
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
        }
        dirs.insert(directory(&pool.path(&member.live)).to_owned());
    }
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
        let path = pool.path(&member.side);
        if let Err(error) = freeze_file(pool.fs(), &path) {
            tracing::warn!(path = %path.display(), %error, "a snapshot could not be made read-only");
        }
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
        action(pool, op, seen.member, outcome, detail)
    };
    Ok(seen.iter().map(action).collect())
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

fn kept(pool: &Pool, op: OpId, seen: &Seen<'_>) -> Action {
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
