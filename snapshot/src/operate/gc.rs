//! Garbage: what nobody needs any more, each with the reason why it is dead, or why it is kept.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use crate::catalogue::{SnapshotRecord, Standing, TrashRecord};
use crate::error::{Effect, Error, ErrorKind};
use crate::fs::{Fs, Stat, is_absent};
use crate::host::Control;
use crate::operate::judge::{self, Judged};
use crate::operate::leftovers::{Leftover, leftovers};
use crate::operate::{trash, trashing};
use crate::pool::{Pool, Session};
use crate::refusal::Refusal;

/// How long something lies in the trash before `gc` takes it away, unless it is told otherwise.
const IN_THE_TRASH: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What to collect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collect {
    /// Only tell what would be done.
    pub dry_run: bool,
    /// What was put into the trash before this time is dead; without it, what has lain there for a week.
    pub older_than: Option<Timestamp>,
    /// Stop before more than so many bytes are freed.
    pub max_freed: Option<u64>,
    /// What is dead goes for good, not by way of the trash.
    pub purge: bool,
}

/// What was collected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Collected {
    /// What is dead.
    pub dead: Vec<Garbage>,
    /// What was looked at and is kept.
    pub kept: Vec<Garbage>,
    /// Bytes that were given back to the file system; of a dry run, that would be.
    pub freed: u64,
    /// Whether nothing was done.
    pub dry_run: bool,
}

/// A file, and why it is dead or kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Garbage {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
    /// Bytes that it holds.
    pub actual_size: u64,
    /// Of what is dead: it goes to the trash, and its bytes come back when that is purged.
    pub to_trash: bool,
}

/// A file that may be garbage.
struct Candidate {
    path: PathBuf,
    stat: Stat,
    what: What,
    reason: String,
    /// Bytes that come back with it, once somebody has asked.
    frees: u64,
}

enum What {
    /// It lies in the trash.
    Trash(TrashRecord),
    /// A snapshot that has lost its name.
    Retired(SnapshotRecord),
    /// A file of ours that is recorded nowhere: an overlay that never took its place, or what a purge that was
    /// cut off has left in the trash.
    Orphan,
}

impl Pool {
    /// Looks for what nobody needs any more, and takes it away: items of the trash that have lain there long
    /// enough, for good; retired snapshots that nothing needs any more, to the trash; leftovers of
    /// operations that were cut off. Nothing that is not ours is touched.
    ///
    /// # Errors
    ///
    /// [`ErrorKind`], by kind. What cannot be judged is kept, with the reason.
    pub fn collect(&self, collect: &Collect, control: &Control) -> Result<Collected, Error> {
        let mut session = match collect.dry_run {
            true => self.look(control)?,
            false => self.begin(control)?,
        };
        session.confirmed()?;
        let mut collected = Collected { dry_run: collect.dry_run, ..Collected::default() };
        loop {
            let dead = collected.dead.len();
            round(&mut session, collect, &mut collected).map_err(|error| after(dead > 0, error))?;
            // What is gone may have been the last that needed something else.
            if collect.dry_run || collected.dead.len() == dead {
                return Ok(collected);
            }
        }
    }

    /// Files of ours that neither the catalogue nor any header claims.
    pub(crate) fn orphans(&self, session: &Session<'_>) -> Result<Vec<PathBuf>, Error> {
        let mut ignored = Collected::default();
        let candidates = candidates(session, &Collect::default(), &mut ignored)?;
        let orphans = candidates.into_iter().filter(|it| matches!(it.what, What::Orphan));
        Ok(orphans.map(|it| it.path).collect())
    }
}

/// Looks once, and takes away what is dead.
fn round(
    session: &mut Session<'_>,
    collect: &Collect,
    collected: &mut Collected,
) -> Result<(), Error> {
    collected.kept.clear();
    let candidates = candidates(session, collect, collected)?;
    let files: Vec<PathBuf> = candidates.iter().map(|it| it.path.clone()).collect();
    let mut judged = judge::judge(session, &files)?;
    judged.ask_reflinks(session)?;
    let doubts = judged.doubts(session);
    let mut freed_so_far = collected.freed;
    let mut dead = Vec::new();
    for (at, mut candidate) in candidates.into_iter().enumerate() {
        let mut refusal = Refusal { doubts: doubts.clone(), ..Refusal::default() };
        // Only a look: whoever takes it away takes it for good then.
        let held = judge::hold(session, &candidate.path, &mut refusal).map(drop);
        candidate.frees = trash::freed(&candidate.stat, judged.reflinked(at));
        let would_free = freed_so_far.saturating_add(freed(&candidate, collect));
        let why = if judged.is_needed(at) && doubts.is_empty() {
            judged.needed_by(at)
        } else if let Err(error) = held {
            error.to_string()
        } else if !refusal.is_empty() {
            refusal.to_string()
        } else if collect.max_freed.is_some_and(|most| would_free > most) {
            "as much is freed as was asked for".to_owned()
        } else {
            freed_so_far = would_free;
            dead.push(candidate);
            continue;
        };
        collected.kept.push(garbage(&candidate, why));
    }
    collected.dead.extend(dead.iter().map(|it| {
        let to_trash = matches!(it.what, What::Retired(_)) && !collect.purge;
        Garbage { to_trash, ..garbage(it, it.reason.clone()) }
    }));
    if collect.dry_run {
        collected.freed = freed_so_far;
        return Ok(());
    }
    take_away(session, collect, dead, &judged, collected)
}

fn garbage(candidate: &Candidate, reason: String) -> Garbage {
    let actual_size = candidate.stat.allocated;
    Garbage { path: candidate.path.clone(), reason, actual_size, to_trash: false }
}

/// What only goes to the trash frees nothing yet.
fn freed(candidate: &Candidate, collect: &Collect) -> u64 {
    let for_good = collect.purge || !matches!(candidate.what, What::Retired(_));
    if for_good { candidate.frees } else { 0 }
}

/// Everything that may be garbage; what is not yet old enough, or pinned, is kept at once.
fn candidates(
    session: &Session<'_>,
    collect: &Collect,
    collected: &mut Collected,
) -> Result<Vec<Candidate>, Error> {
    let pool = session.pool;
    let now = pool.host().clock.now();
    let before =
        collect.older_than.unwrap_or_else(|| now.saturating_sub(IN_THE_TRASH).unwrap_or(now));
    let mut found = Vec::new();
    for record in session.state.trash.values() {
        let path = pool.path(&record.file);
        let Some(stat) = stat(pool.fs(), &path)? else { continue };
        if record.removed >= before {
            let reason = format!("lies in the trash only since {}", record.removed);
            let actual_size = stat.allocated;
            collected.kept.push(Garbage { path, reason, actual_size, to_trash: false });
            continue;
        }
        let reason = format!("lies in the trash since {}", record.removed);
        found.push(Candidate { path, stat, what: What::Trash(record.clone()), reason, frees: 0 });
    }
    let retired = |record: &&SnapshotRecord| record.standing == Standing::Retired;
    for record in session.state.snapshots.values().filter(retired) {
        let path = pool.path(&record.file);
        let Some(stat) = stat(pool.fs(), &path)? else { continue };
        if let Some(pin) = session.state.pins.get(&record.id) {
            let (reason, actual_size) = (format!("is pinned: {}", pin.reason), stat.allocated);
            collected.kept.push(Garbage { path, reason, actual_size, to_trash: false });
            continue;
        }
        let reason = format!("snapshot {} was retired, and nothing needs it any more", record.name);
        found.push(Candidate { path, stat, what: What::Retired(record.clone()), reason, frees: 0 });
    }
    let leftovers = leftovers(session)?.into_iter();
    found.extend(leftovers.map(|Leftover { path, stat, reason }| {
        let what = What::Orphan;
        Candidate { path, stat, what, reason, frees: 0 }
    }));
    Ok(found)
}

pub(super) fn stat(fs: &dyn Fs, path: &Path) -> Result<Option<Stat>, ErrorKind> {
    match fs.stat(path) {
        Ok(stat) => Ok(Some(stat)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(cause) => Err(ErrorKind::io("ask about", path, cause)),
    }
}

/// Takes away what is dead: what was in the trash or never was anything for good, what had been a snapshot to
/// the trash unless it is to be purged.
fn take_away(
    session: &mut Session<'_>,
    collect: &Collect,
    dead: Vec<Candidate>,
    judged: &Judged,
    collected: &mut Collected,
) -> Result<(), Error> {
    let pool = session.pool;
    let (mut for_good, mut orphans, mut to_trash) = (Vec::new(), Vec::new(), Vec::new());
    for candidate in dead {
        match candidate.what {
            What::Trash(record) => for_good.push(record),
            What::Orphan => orphans.push((candidate.path, candidate.frees)),
            What::Retired(record) => to_trash.push(record),
        }
    }
    let mut begun = false;
    if !to_trash.is_empty() {
        let items = retire_to_trash(session, &to_trash, judged)?;
        begun = true;
        if collect.purge {
            for_good.extend(items);
        }
    }
    if !for_good.is_empty() {
        let purged = trash::purge(session, &for_good).map_err(|error| after(begun, error))?;
        collected.freed += purged.freed;
        begun = true;
    }
    for (path, frees) in orphans {
        let failed = |begun, doing, path: &Path, cause| {
            after(begun, ErrorKind::io(doing, path, cause).into())
        };
        pool.fs().remove(&path).map_err(|cause| failed(begun, "remove", &path, cause))?;
        begun = true;
        let dir = crate::overlay::directory(&path);
        pool.fs().sync_dir(dir).map_err(|cause| failed(begun, "sync", dir, cause))?;
        collected.freed += frees;
    }
    Ok(())
}

/// An error that changed nothing itself, after something was collected: that stays so.
fn after(begun: bool, mut error: Error) -> Error {
    if begun && error.effect == Effect::None {
        error.effect = Effect::Done;
    }
    error
}

fn retire_to_trash(
    session: &mut Session<'_>,
    records: &[SnapshotRecord],
    judged: &Judged,
) -> Result<Vec<TrashRecord>, Error> {
    let op = session.pool.op(None)?;
    let mut items = Vec::with_capacity(records.len());
    for record in records {
        items.push(trashing::item(session, op, record)?);
    }
    trashing::move_there(session, op, Vec::new(), &items, judged, None)?;
    Ok(items)
}
