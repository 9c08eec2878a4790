//! The trash: what lies there, taking it back, and taking it away for good.

use std::path::PathBuf;

use crate::catalogue::{Change, Intent, TrashRecord, Work};
use crate::error::{Effect, Error, ErrorKind};
use crate::fs::{Fs, FsFile, Stat, give_name, is_absent};
use crate::host::Control;
use crate::name::Id;
use crate::operate::judge;
use crate::overlay::directory;
use crate::pool::{Pool, Session};
use crate::recover::listed_again;
use crate::refusal::{Reason, ReasonKind, Refusal};
use crate::report::{DiskDone, Done};

impl Pool {
    /// Takes items back out of the trash: all of them, or none. `to` is another name for a single item, in the
    /// same directory, for when its own is taken.
    ///
    /// # Errors
    ///
    /// [`ErrorKind`], by kind; refused if something is there already.
    pub fn restore_trash(
        &self,
        items: &[Id],
        to: Option<&std::path::Path>,
        control: &Control,
    ) -> Result<Done, Error> {
        let mut session = self.begin(control)?;
        let op = self.op(None)?;
        let mut refusal = Refusal::default();
        let mut records = Vec::new();
        for record in find(&session, items)? {
            let record = match to {
                Some(to) if items.len() == 1 => renamed(self, record, to, &mut refusal)?,
                _ => record,
            };
            let home = self.path(&record.was);
            match self.fs().stat(&home) {
                Ok(_) => {
                    let reason = Reason::new(&home, ReasonKind::Exists, "is there already");
                    refusal.add(reason.advising("restore it under another name with --to"));
                }
                Err(error) if is_absent(&error) => {}
                Err(cause) => return Err(ErrorKind::io("look for", home, cause).into()),
            }
            let taken = record.snapshot.as_ref().is_some_and(|snapshot| {
                session.state.snapshot(&snapshot.disk, &snapshot.name).is_some()
            });
            if taken {
                let detail = "its disk has another snapshot of its name by now";
                refusal.add(Reason::new(&home, ReasonKind::Exists, detail));
            }
            records.push(record);
        }
        if !refusal.is_empty() {
            return Err(refusal.into_error());
        }
        let (began, work) = (self.host().clock.now(), Work::Untrash { items: records.clone() });
        session
            .commit((op, 0), vec![Change::OpenIntent(Intent { op, began, work, tag: None })], None)
            .map_err(|error| Error::of_commit(op, error))?;
        match take_back(&mut session, &records) {
            Ok(()) => {}
            Err(kind) => return Err(Error { effect: Effect::Undecided(op), kind }),
        }
        let mut changes: Vec<Change> = records.iter().flat_map(listed_again).collect();
        changes.push(Change::CloseIntent { op });
        let done = session.commit((op, 1), changes, None);
        done.map_err(|error| Error { effect: Effect::Undecided(op), kind: error.into() })?;
        let disks = records.iter().map(|record| DiskDone {
            disk: self.path(&record.was),
            snapshot: record.snapshot.as_ref().map(|snapshot| snapshot.name.clone()),
            id: record.id,
            path: self.path(&record.was),
        });
        Ok(Done { op, disks: disks.collect(), notices: Vec::new(), freed: 0 })
    }

    /// Takes items of the trash away for good; without any, all. The record goes first, the file second: what a
    /// crash leaves in between `gc` finds.
    ///
    /// # Errors
    ///
    /// [`ErrorKind`], by kind; refused if anything needs one of them, or has it open.
    pub fn purge_trash(&self, items: Option<&[Id]>, control: &Control) -> Result<Done, Error> {
        self.when_free(control, || {
            let mut session = self.begin(control)?;
            let records = chosen(&session, items)?;
            purge(&mut session, &records)
        })
    }

    /// What [`purge_trash`](Self::purge_trash) would answer. Changes nothing.
    ///
    /// # Errors
    ///
    /// As [`purge_trash`](Self::purge_trash).
    pub fn plan_purge(&self, items: Option<&[Id]>, control: &Control) -> Result<Done, Error> {
        let session = self.look(control)?;
        let records = chosen(&session, items)?;
        let there = permitted(&session, &records)?.files;
        let freed = there.iter().map(|(_, freed)| freed).sum();
        Ok(Done { op: self.op(None)?, disks: disks(self, &records), notices: Vec::new(), freed })
    }
}

/// Those that are named, or all.
fn chosen(session: &Session<'_>, items: Option<&[Id]>) -> Result<Vec<TrashRecord>, Error> {
    match items {
        Some(items) => find(session, items),
        None => Ok(session.state.trash.values().cloned().collect()),
    }
}

/// Files that may go for good, held until they are gone, with the bytes that come back with each.
struct Permitted {
    files: Vec<(PathBuf, u64)>,
    _held: Vec<Box<dyn FsFile>>,
}

/// Asks whether anything stands in the way of taking them away for good.
fn permitted(session: &Session<'_>, records: &[TrashRecord]) -> Result<Permitted, Error> {
    let pool = session.pool;
    let mut there = Vec::new();
    for record in records {
        let path = pool.path(&record.file);
        match pool.fs().stat(&path) {
            Ok(stat) => there.push((path, stat)),
            Err(error) if is_absent(&error) => {}
            Err(cause) => return Err(ErrorKind::io("ask about", path, cause).into()),
        }
    }
    let files: Vec<PathBuf> = there.iter().map(|(path, _)| path.clone()).collect();
    session.confirmed()?;
    if files.is_empty() {
        return Ok(Permitted { files: Vec::new(), _held: Vec::new() });
    }
    // Held before the graph is asked: nobody who honours QEMU's locks opens them in between.
    let (mut refusal, mut held) = (Refusal::default(), Vec::new());
    for path in &files {
        held.push(judge::hold(session, path, &mut refusal)?);
    }
    let mut judged = judge::judge(session, &files)?;
    refusal.merge(judged.refusal(session));
    if !refusal.is_empty() {
        return Err(refusal.into_error());
    }
    judged.ask_reflinks(session)?;
    let files = there.into_iter().enumerate();
    let files = files.map(|(at, (path, stat))| (path, freed(&stat, judged.reflinked(at))));
    Ok(Permitted { files: files.collect(), _held: held })
}

/// With another name left nothing is given back, nor what other files share.
pub(super) fn freed(stat: &Stat, reflinked: u64) -> u64 {
    if stat.links == 1 { stat.allocated.saturating_sub(reflinked) } else { 0 }
}

fn disks(pool: &Pool, records: &[TrashRecord]) -> Vec<DiskDone> {
    let disk = |record: &TrashRecord| DiskDone {
        disk: pool.path(&record.was),
        snapshot: record.snapshot.as_ref().map(|snapshot| snapshot.name.clone()),
        id: record.id,
        path: pool.path(&record.file),
    };
    records.iter().map(disk).collect()
}

/// Takes them away for good, if nothing stands in the way.
pub(super) fn purge(session: &mut Session<'_>, records: &[TrashRecord]) -> Result<Done, Error> {
    let pool = session.pool;
    let op = pool.op(None)?;
    let permitted = permitted(session, records)?;
    let changes = records.iter().map(|record| Change::DropTrash { id: record.id }).collect();
    session.commit((op, 0), changes, None).map_err(|error| Error::of_commit(op, error))?;
    let mut freed_bytes = 0;
    let mut dirs = std::collections::BTreeSet::new();
    for (path, freed) in &permitted.files {
        remove(pool.fs(), path).map_err(|kind| Error { effect: Effect::Done, kind })?;
        freed_bytes += freed;
        dirs.insert(directory(path).to_owned());
    }
    for dir in dirs {
        let synced = pool.fs().sync_dir(&dir).map_err(|cause| ErrorKind::io("sync", dir, cause));
        synced.map_err(|kind| Error { effect: Effect::Done, kind })?;
    }
    Ok(Done { op, disks: disks(pool, records), notices: Vec::new(), freed: freed_bytes })
}

fn remove(fs: &dyn Fs, path: &std::path::Path) -> Result<(), ErrorKind> {
    match fs.remove(path) {
        Err(error) if !is_absent(&error) => Err(ErrorKind::io("remove", path, error)),
        _ => Ok(()),
    }
}

fn find(session: &Session<'_>, items: &[Id]) -> Result<Vec<TrashRecord>, Error> {
    let mut records: Vec<TrashRecord> = Vec::with_capacity(items.len());
    for id in items {
        if records.iter().any(|record| record.id == *id) {
            continue;
        }
        let record = session.state.trash.get(id).cloned();
        records.push(record.ok_or_else(|| ErrorKind::NotFound {
            path: session.pool.top().to_owned(),
            what: format!("there is no item {id} in the trash"),
        })?);
    }
    Ok(records)
}

/// The item under another name: its backing file lies in the same directory, so it has to stay there.
fn renamed(
    pool: &Pool,
    record: TrashRecord,
    to: &std::path::Path,
    refusal: &mut Refusal,
) -> Result<TrashRecord, Error> {
    let home = pool.path(&record.was);
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
    let same = match parent {
        Some(parent) => pool.fs().resolve(parent).is_ok_and(|parent| parent == directory(&home)),
        None => true,
    };
    let Some(name) = to.file_name().filter(|_| same) else {
        let detail = "lies in another directory, from where its backing file would not be found";
        refusal.add(Reason::new(to, ReasonKind::Name, detail));
        return Ok(record);
    };
    let was = pool.recorded(&home.with_file_name(name)).unwrap_or_default();
    let snapshot = record.snapshot.map(|snapshot| crate::catalogue::SnapshotRecord {
        file: was.clone(),
        adopted: true,
        ..snapshot
    });
    Ok(TrashRecord { was, snapshot, ..record })
}

fn take_back(session: &mut Session<'_>, records: &[TrashRecord]) -> Result<(), ErrorKind> {
    let pool = session.pool;
    let mut dirs = std::collections::BTreeSet::new();
    for record in records {
        let (home, file) = (pool.path(&record.was), pool.path(&record.file));
        give_name(pool.fs(), &file, &home)
            .map_err(|cause| ErrorKind::io("restore", &home, cause))?;
        dirs.insert(directory(&home).to_owned());
    }
    for dir in dirs {
        pool.fs().sync_dir(&dir).map_err(|cause| ErrorKind::io("sync", dir, cause))?;
    }
    Ok(())
}
