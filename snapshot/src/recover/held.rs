//! Who stands on what an operation has made or moved, and who has it open: that decides whether it can be taken
//! back.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::failed;
use super::stage::{Seen, Stage};
use crate::catalogue::{OpId, OverlayMember, OverlayVerb};
use crate::disk::claim;
use crate::error::{Error, ErrorKind};
use crate::fs::{Access, FsFile};
use crate::overlay::{Place, look, waiting_path};
use crate::pool::{Pool, Session};

/// Takes hold of all overlays that have their place, so that they can be taken back; `None` if somebody has
/// written to one, has it open, or has built upon it.
pub(super) fn hold(
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
        if !claim(pool, &live, &*file)?.is_empty() {
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
pub(super) fn needed(
    session: &Session<'_>,
    names: &[PathBuf],
    ours: &BTreeSet<PathBuf>,
) -> Result<BTreeSet<PathBuf>, Error> {
    if names.is_empty() {
        return Ok(BTreeSet::new());
    }
    let surveyed = session.survey_to_the_end(names)?;
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
pub(super) fn built_upon(
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

/// What stands on the second names that live disks have for a while where names cannot be exchanged, by the name:
/// it would be left without its backing file if the name went. In doubt something does.
pub(super) fn by_second_names(
    session: &Session<'_>,
    seen: &[Seen<'_>],
) -> Result<Vec<(PathBuf, String)>, Error> {
    let pool = session.pool;
    let linked = seen.iter().filter(|seen| matches!(seen.stage, Stage::Linked));
    let mut names: Vec<(PathBuf, PathBuf)> = Vec::new();
    // The overlay that waits for the live name stands on the other one, too.
    let mut ours: BTreeSet<PathBuf> = BTreeSet::new();
    for Seen { member, .. } in linked {
        let live = pool.path(&member.live);
        ours.insert(waiting_path(&live, member)?);
        names.push((live, pool.path(&member.side)));
    }
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let sides: Vec<PathBuf> = names.iter().map(|(_, side)| side.clone()).collect();
    let surveyed = session.survey_to_the_end(&sides)?;
    let graph = &surveyed.graph;
    let mut found = Vec::new();
    for ((live, side), id) in names.into_iter().zip(&surveyed.images) {
        let id = match id {
            Ok(id) => *id,
            Err(error) => {
                found.push((side, format!("it could not be asked about: {error}")));
                continue;
            }
        };
        let removal = graph.removal(&[id]);
        let direct = removal.blockers.iter().filter(|blocker| blocker.depth == 1);
        let direct = direct.filter(|blocker| !ours.contains(&blocker.path));
        for disk in direct.filter_map(|blocker| graph.disk(blocker.disk)) {
            // Whoever does not say the live name says the other one, for all that is known here.
            let says_live = |name: &[u8]| Some(last(name)) == live.file_name().map(OsStr::as_bytes);
            let names = graph.disk(id).map(|disk| disk.key());
            let mut edges = disk.references().into_iter();
            if edges.any(|edge| Some(edge.target) == names && !says_live(edge.name)) {
                found.push((side.clone(), format!("{} stands on it", disk.path().display())));
            }
        }
        let doubts = removal.doubts.iter();
        found.extend(doubts.map(|doubt| {
            let path = doubt.path.display();
            (
                side.clone(),
                format!("{path} may stand on it, and could not be asked: {}", doubt.reason),
            )
        }));
    }
    Ok(found)
}

/// A name without the directories before it.
fn last(name: &[u8]) -> &[u8] {
    name.rsplit(|byte| *byte == b'/').next().unwrap_or(name)
}

/// Where the overlay may lie that has not taken its place.
pub(super) fn places(
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
