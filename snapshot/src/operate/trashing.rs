//! Moving files to the trash, and the second look.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::catalogue::{Change, Intent, OpId, SnapshotRecord, TrashRecord, Work};
use crate::error::{Effect, Error, ErrorKind};
use crate::fs::{Access, Fs, give_name, is_absent};
use crate::name::trash_path;
use crate::operate::judge::Judged;
use crate::overlay::directory;
use crate::pool::Session;
use crate::recover::{listed_again, put_back_if_needed};
use crate::refusal::{Reason, ReasonKind, Refusal};

pub(super) use super::overlays::END;

/// A snapshot's place in the trash.
pub(super) fn item(
    session: &mut Session<'_>,
    op: OpId,
    record: &SnapshotRecord,
) -> Result<TrashRecord, ErrorKind> {
    let pool = session.pool;
    let path = pool.path(&record.file);
    let (id, file) = session.free_id(|id| Ok(vec![trash_path(&path, id)?]))?;
    Ok(TrashRecord {
        id,
        file: pool.recorded(&file).unwrap_or_default(),
        was: record.file.clone(),
        removed: pool.host().clock.now(),
        op,
        snapshot: Some(record.clone()),
    })
}

/// Commits `changes`, and with them that the snapshots of `items` are in the trash now; moves their files there;
/// asks once more who needs them; ends the operation. If a dependent has appeared, or something that cannot be
/// asked any more, all of them are put back, and that is a refusal.
pub(super) fn move_there(
    session: &mut Session<'_>,
    op: OpId,
    mut changes: Vec<Change>,
    items: &[TrashRecord],
    judged: &Judged,
    tag: Option<&[u8]>,
) -> Result<(), Error> {
    for item in items {
        changes.extend(item.snapshot.iter().map(|record| Change::DropSnapshot { id: record.id }));
        changes.push(Change::PutTrash(item.clone()));
    }
    if !items.is_empty() {
        let work = Work::Trash { items: items.to_vec() };
        changes.push(Change::OpenIntent(Intent {
            op,
            began: session.pool.host().clock.now(),
            work,
            tag: tag.map(<[u8]>::to_vec),
        }));
    }
    if items.is_empty() {
        return session
            .commit((op, END), changes, tag)
            .map_err(|error| Error::of_commit(op, error));
    }
    session.commit((op, 0), changes, None).map_err(|error| Error::of_commit(op, error))?;
    let undecided = |kind| Error { effect: Effect::Undecided(op), kind };
    let pool = session.pool;
    let mut moved: Vec<&TrashRecord> = Vec::new();
    for item in items {
        let (home, file) = (pool.path(&item.was), pool.path(&item.file));
        if let Err(cause) = give_name(pool.fs(), &home, &file) {
            // An error is no proof that nothing was done; a name with this number is nobody else's.
            match pool.fs().stat(&file) {
                Ok(_) => moved.push(item),
                Err(error) if is_absent(&error) => {}
                Err(cause) => return Err(undecided(ErrorKind::io("ask about", file, cause))),
            }
            put_back(session, &moved).map_err(undecided)?;
            undone(session, op, items).map_err(undecided)?;
            return Err(ErrorKind::io("move to the trash", home, cause).into());
        }
        moved.push(item);
    }
    sync(session, items).map_err(undecided)?;
    let all: Vec<&TrashRecord> = items.iter().collect();
    let looked = judged.again(session).and_then(|surveyed| {
        let needed = put_back_if_needed(session, &all, &surveyed, judged.files())?;
        let graph = &surveyed.graph;
        let files = items.iter().filter_map(|item| graph.find(&pool.path(&item.file)));
        let mut doubts = graph.removal(&files.collect::<Vec<_>>()).doubts;
        doubts.extend(surveyed.owned.doubts().iter().cloned());
        Ok((needed, doubts))
    });
    let (needed, doubts) =
        looked.map_err(|error| Error { effect: Effect::Undecided(op), kind: error.kind })?;
    if needed.is_empty() && doubts.is_empty() {
        return session
            .commit((op, END), vec![Change::CloseIntent { op }], tag)
            .map_err(|error| undecided(error.into()));
    }
    let rest: Vec<&TrashRecord> = items.iter().filter(|item| !needed.contains(&item.id)).collect();
    put_back(session, &rest).map_err(undecided)?;
    undone(session, op, items).map_err(undecided)?;
    let mut refusal = Refusal { doubts, ..Refusal::default() };
    for item in items.iter().filter(|item| needed.contains(&item.id)) {
        let detail = "somebody has come to need it while it was removed; it is back where it was";
        refusal.add(Reason::new(pool.path(&item.was), ReasonKind::Dependent, detail));
    }
    Err(refusal.into_error())
}

fn put_back(session: &Session<'_>, items: &[&TrashRecord]) -> Result<(), ErrorKind> {
    let pool = session.pool;
    for item in items {
        let (home, file) = (pool.path(&item.was), pool.path(&item.file));
        give_name(pool.fs(), &file, &home)
            .map_err(|cause| ErrorKind::io("put back", home, cause))?;
    }
    let owned: Vec<TrashRecord> = items.iter().map(|item| (*item).clone()).collect();
    sync(session, &owned)
}

fn sync(session: &Session<'_>, items: &[TrashRecord]) -> Result<(), ErrorKind> {
    let pool = session.pool;
    let paths = items.iter().map(|item| pool.path(&item.file));
    let dirs: BTreeSet<PathBuf> = paths.map(|path| directory(&path).to_owned()).collect();
    for dir in dirs {
        pool.fs().sync_dir(&dir).map_err(|cause| ErrorKind::io("sync", dir, cause))?;
    }
    Ok(())
}

/// Ends an operation whose files are back where they were.
fn undone(session: &mut Session<'_>, op: OpId, items: &[TrashRecord]) -> Result<(), ErrorKind> {
    let mut changes: Vec<Change> = items.iter().flat_map(listed_again).collect();
    changes.extend([Change::CloseIntent { op }, Change::Forget { op }]);
    let own = session.pool.op(None)?;
    Ok(session.commit((own, 0), changes, None)?)
}

/// Lets the owner write to a file again.
pub(super) fn thaw(fs: &dyn Fs, path: &Path) -> io::Result<()> {
    let file = fs.open(path, Access::Read)?;
    let mode = file.stat()?.mode;
    file.set_mode(mode | 0o200)
}
