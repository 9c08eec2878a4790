//! Recovery of what goes to the trash and of what comes back from there.

use std::path::{Path, PathBuf};

use diskdag_graph::State as DiskState;

use super::failed;
use crate::catalogue::{Change, OpId, TrashRecord};
use crate::error::{Error, ErrorKind};
use crate::fs::{Stat, give_name, is_absent};
use crate::operate::END;
use crate::overlay::directory;
use crate::pool::{Pool, Session};
use crate::report::{Action, Outcome};
use crate::survey::Surveyed;

/// Where an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Where it lay before it went to the trash.
    Home,
    /// In the trash.
    Trash,
    /// Under both names: a rename that was made of a link, cut in the middle.
    Both,
    /// Nowhere.
    Gone,
}

fn stat(pool: &Pool, path: &Path) -> Result<Option<Stat>, ErrorKind> {
    match pool.fs().stat(path) {
        Ok(stat) => Ok(Some(stat)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(cause) => Err(ErrorKind::io("ask about", path, cause)),
    }
}

fn find(pool: &Pool, item: &TrashRecord) -> Result<At, ErrorKind> {
    let home = stat(pool, &pool.path(&item.was))?;
    let trash = stat(pool, &pool.path(&item.file))?;
    Ok(match (home, trash) {
        (Some(home), Some(trash)) if home.identity() == trash.identity() => At::Both,
        // Somebody has put something else where it lay.
        (_, Some(_)) => At::Trash,
        (Some(_), None) => At::Home,
        (None, None) => At::Gone,
    })
}

/// Ends a removal: what has reached the trash stays there unless somebody needs it now, what has not is
/// listed again.
pub(crate) fn trash(
    session: &mut Session<'_>,
    op: OpId,
    items: &[TrashRecord],
) -> Result<Vec<Action>, Error> {
    let pool = session.pool;
    let (mut actions, mut changes) = (Vec::new(), Vec::new());
    let mut reached = Vec::new();
    for item in items {
        let (home, file) = (pool.path(&item.was), pool.path(&item.file));
        match find(pool, item)? {
            At::Trash => reached.push(item),
            At::Both => {
                // The name that stays may be the younger one, and not on the medium yet.
                sync(pool, &file)?;
                pool.fs().remove(&file).map_err(failed("remove", &file))?;
                sync(pool, &file)?;
                changes.extend(listed_again(item));
                actions.push(action(pool, op, item, Outcome::Undone, "had not reached the trash"));
            }
            At::Home => {
                changes.extend(listed_again(item));
                actions.push(action(pool, op, item, Outcome::Undone, "had not reached the trash"));
            }
            At::Gone => {
                changes.push(Change::DropTrash { id: item.id });
                let detail = format!("is gone, from {} as from the trash", home.display());
                actions.push(action(pool, op, item, Outcome::Finished, detail));
            }
        }
    }
    for item in &reached {
        sync(pool, &pool.path(&item.file))?;
    }
    let homes: Vec<PathBuf> = reached.iter().map(|item| pool.path(&item.was)).collect();
    let back = match homes.is_empty() {
        true => Vec::new(),
        false => {
            let surveyed = session.survey_to_the_end(&homes)?;
            put_back_if_needed(session, &reached, &surveyed, &homes)?
        }
    };
    for item in reached {
        let (outcome, detail) = match back.contains(&item.id) {
            true => (Outcome::Undone, "somebody needs it: it is back where it was"),
            false => (Outcome::Finished, "lies in the trash"),
        };
        if outcome == Outcome::Undone {
            changes.extend(listed_again(item));
        }
        actions.push(action(pool, op, item, outcome, detail));
    }
    changes.push(Change::CloseIntent { op });
    if actions.iter().all(|action| action.outcome == Outcome::Undone) {
        changes.push(Change::Forget { op });
        session.commit((pool.op(None)?, 0), changes, None)?;
    } else {
        let tag = session.tag_of(op);
        session.commit((op, END), changes, tag.as_deref())?;
    }
    Ok(actions)
}

/// The second look: puts back what has just gone to the trash and is needed by somebody in the whole scope, or
/// named by an owner, as it is now. `images` are what the survey was asked about, their homes among them. Says which.
pub(crate) fn put_back_if_needed(
    session: &Session<'_>,
    items: &[&TrashRecord],
    surveyed: &Surveyed,
    images: &[PathBuf],
) -> Result<Vec<crate::name::Id>, Error> {
    let pool = session.pool;
    let mut back = Vec::new();
    for item in items {
        let home = pool.path(&item.was);
        // Under which path others name it is the survey's business.
        let mut asked = images.iter().zip(&surveyed.images);
        let id = asked.find(|(image, _)| **image == home).and_then(|(_, id)| id.as_ref().ok());
        let named = id.and_then(|id| surveyed.graph.disk(*id));
        let is_needed =
            named.is_some_and(|disk| disk.state() == DiskState::Missing && disk.is_needed());
        if is_needed || surveyed.is_claimed(&home) {
            let file = pool.path(&item.file);
            give_name(pool.fs(), &file, &home).map_err(failed("put back", &home))?;
            sync(pool, &home)?;
            back.push(item.id);
        }
    }
    Ok(back)
}

/// What the catalogue learns of an item that is back.
pub(crate) fn listed_again(item: &TrashRecord) -> Vec<Change> {
    let record = item.snapshot.clone().map(Change::PutSnapshot);
    record.into_iter().chain([Change::DropTrash { id: item.id }]).collect()
}

/// Ends a return from the trash: what has left it is listed again, what has not stays there.
pub(crate) fn untrash(
    session: &mut Session<'_>,
    op: OpId,
    items: &[TrashRecord],
) -> Result<Vec<Action>, Error> {
    let pool = session.pool;
    let (mut actions, mut changes) = (Vec::new(), Vec::new());
    for item in items {
        let file = pool.path(&item.file);
        let at = find(pool, item)?;
        if at == At::Both {
            // The name that stays is the younger one, and may not be on the medium yet.
            sync(pool, &file)?;
            pool.fs().remove(&file).map_err(failed("remove", &file))?;
        }
        let (outcome, detail) = match at {
            At::Home | At::Both => (Outcome::Finished, "is back where it was"),
            At::Trash => (Outcome::Undone, "still lies in the trash"),
            At::Gone => (Outcome::Finished, "is gone, from where it was as from the trash"),
        };
        match at {
            At::Home | At::Both => {
                sync(pool, &file)?;
                changes.extend(listed_again(item));
            }
            At::Gone => changes.push(Change::DropTrash { id: item.id }),
            At::Trash => {}
        }
        actions.push(action(pool, op, item, outcome, detail));
    }
    changes.push(Change::CloseIntent { op });
    let end = pool.op(None)?;
    session.commit((end, 0), changes, None)?;
    Ok(actions)
}

fn sync(pool: &Pool, path: &Path) -> Result<(), ErrorKind> {
    let dir = directory(path);
    pool.fs().sync_dir(dir).map_err(failed("sync", dir))
}

fn action(
    pool: &Pool,
    op: OpId,
    item: &TrashRecord,
    outcome: Outcome,
    detail: impl Into<String>,
) -> Action {
    let snapshot = item.snapshot.as_ref().map(|record| record.name.clone());
    Action { op, disk: pool.path(&item.was), snapshot, outcome, detail: detail.into() }
}
