//! Removing snapshots: the record goes first, the file second, and by way of the trash.

use std::path::PathBuf;

use crate::catalogue::{Change, OpId, SnapshotRecord};
use crate::error::{Effect, Error, ErrorKind};
use crate::fs::FsFile;
use crate::host::Control;
use crate::name::{Id, SnapshotName};
use crate::operate::judge::{self, Judged};
use crate::operate::select::{Selection, retired};
use crate::operate::trashing;
use crate::pool::{Pool, Session};
use crate::refusal::{Reason, ReasonKind, Refusal};
use crate::report::{DiskDone, Done, Notice};

/// Which snapshots to remove: all of them, or none.
#[derive(Clone, Debug)]
pub struct Remove {
    /// Which ones.
    pub which: Selection,
    /// What is still needed loses its name now and its file when nothing needs it any more.
    pub retire: bool,
    /// The operation's id, if the caller has one.
    pub op: Option<OpId>,
    /// Bytes that are committed with it. See [`Batch::tag`](crate::catalogue::Batch::tag).
    pub tag: Option<Vec<u8>>,
}

/// What a removal would do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemovePlan {
    /// What would become of each snapshot.
    pub steps: Vec<RemoveStep>,
    /// What stands in the way of all of it.
    pub refusal: Refusal,
}

/// What would become of one snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoveStep {
    /// The snapshot.
    pub snapshot: SnapshotName,
    /// Its number.
    pub id: Id,
    /// The disk that it was taken from.
    pub disk: PathBuf,
    /// Its file.
    pub path: PathBuf,
    /// What becomes of it.
    pub fate: Fate,
    /// Bytes that its file holds: given back when it is purged.
    pub frees: u64,
}

/// What becomes of a snapshot that is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fate {
    /// Its file goes to the trash.
    Trash,
    /// Its name goes; its file when nothing needs it any more.
    Retire,
    /// It was frozen where it lies, and can be written to again.
    Thaw,
}

impl Fate {
    /// A stable word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trash => "trash",
            Self::Retire => "retire",
            Self::Thaw => "thaw",
        }
    }
}

impl Remove {
    /// These, if nothing needs them.
    #[must_use]
    pub fn new(which: Selection) -> Self {
        Self { which, retire: false, op: None, tag: None }
    }
}

/// A plan, and what is held for it.
struct Planned {
    records: Vec<(SnapshotRecord, Fate)>,
    plan: RemovePlan,
    judged: Judged,
    _held: Vec<Box<dyn FsFile>>,
}

impl Pool {
    /// What [`remove`](Self::remove) would do, and what stands in its way. Changes nothing.
    ///
    /// # Errors
    ///
    /// As [`remove`](Self::remove), but for refusals, which are part of the plan.
    pub fn plan_remove(&self, remove: &Remove, control: &Control) -> Result<RemovePlan, Error> {
        let session = self.look(control)?;
        Ok(plan(&session, remove)?.plan)
    }

    /// Removes snapshots: their records go at once, their files to the trash, from where `gc` or `trash purge`
    /// take them for good; so nothing is freed yet. They are judged as a set: members don't block each other.
    /// One that another member needs is kept as retired until that has left the trash.
    ///
    /// # Errors
    ///
    /// [`ErrorKind`], by kind; a refusal names every dependent. If a dependent appears while the files
    /// go, they are put back, and that is a refusal too.
    pub fn remove(&self, remove: &Remove, control: &Control) -> Result<Done, Error> {
        self.when_free(control, || {
            let mut session = self.begin(control)?;
            if let Some(done) = session.done_before(remove.op, trashing::END) {
                return Ok(done);
            }
            let planned = plan(&session, remove)?;
            if !planned.plan.refusal.is_empty() {
                return Err(planned.plan.refusal.into_error());
            }
            let op = self.op(remove.op)?;
            carry_out(&mut session, op, remove, planned)
        })
    }
}

fn plan(session: &Session<'_>, remove: &Remove) -> Result<Planned, Error> {
    let pool = session.pool;
    let records = remove.which.records(session)?;
    let files: Vec<PathBuf> = records.iter().map(|record| pool.path(&record.file)).collect();
    let mut judged = judge::judge(session, &files)?;
    judged.ask_reflinks(session)?;
    let mut refusal = Refusal::default();
    let in_the_way = judged.refusal(session);
    if !remove.retire && !in_the_way.is_empty() {
        refusal.merge(in_the_way);
        const RETIRE: &str = "--retire: the name goes now, the file when nothing needs it";
        for reason in &mut refusal.reasons {
            match reason.kind {
                ReasonKind::Dependent => {
                    let item = session
                        .state
                        .trash
                        .values()
                        .find(|item| pool.path(&item.file) == reason.path);
                    reason.advice = Some(match item {
                        Some(item) => format!("`diskdag trash purge {}`, or {RETIRE}", item.id),
                        None => RETIRE.to_owned(),
                    });
                }
                ReasonKind::Owner => {
                    let first = "take the disk from its owner first, or ";
                    reason.advice = Some(format!("{first}{RETIRE}"));
                }
                _ => {}
            }
        }
    }
    refusal.reasons.extend(records.iter().filter_map(|record| judge::pinned(session, record)));
    let (mut steps, mut fates, mut held) = (Vec::new(), Vec::new(), Vec::new());
    let unneeded = judged.unneeded();
    for (at, (record, path)) in records.into_iter().zip(files).enumerate() {
        let fate = fate(&judged, &record, at, unneeded.contains(&at), &mut refusal);
        if fate != Fate::Retire {
            held.push(judge::hold(session, &path, &mut refusal)?);
        }
        steps.push(RemoveStep {
            snapshot: record.name.clone(),
            id: record.id,
            disk: pool.path(&record.disk),
            path,
            fate,
            frees: judged.frees(at),
        });
        fates.push((record, fate));
    }
    Ok(Planned { records: fates, plan: RemovePlan { steps, refusal }, judged, _held: held })
}

fn fate(
    judged: &Judged,
    record: &SnapshotRecord,
    at: usize,
    unneeded: bool,
    refusal: &mut Refusal,
) -> Fate {
    if record.frozen {
        if judged.is_blocked(at) || !unneeded {
            let detail = format!("is frozen as {}, and disks need it as it is", record.name);
            refusal.add(Reason::new(&*record.file, ReasonKind::Frozen, detail));
        }
        return Fate::Thaw;
    }
    if unneeded { Fate::Trash } else { Fate::Retire }
}

fn carry_out(
    session: &mut Session<'_>,
    op: OpId,
    remove: &Remove,
    planned: Planned,
) -> Result<Done, Error> {
    let pool = session.pool;
    let (mut changes, mut items, mut disks, mut notices) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut thaw = Vec::new();
    for (record, fate) in &planned.records {
        let path = pool.path(&record.file);
        let mut done = DiskDone {
            disk: pool.path(&record.disk),
            snapshot: Some(record.name.clone()),
            id: record.id,
            path: path.clone(),
        };
        match fate {
            Fate::Trash => {
                let item = trashing::item(session, op, record)?;
                (done.id, done.path) = (item.id, pool.path(&item.file));
                items.push(item);
            }
            Fate::Retire => {
                changes.push(Change::PutSnapshot(retired(record)));
                let detail = "has lost its name; the file goes when nothing needs it any more";
                notices.push(Notice::new(path, "retired", detail));
            }
            Fate::Thaw => {
                changes.push(Change::DropSnapshot { id: record.id });
                thaw.push(path);
            }
        }
        disks.push(done);
    }
    trashing::move_there(session, op, changes, &items, &planned.judged, remove.tag.as_deref())?;
    for path in thaw {
        if let Err(cause) = trashing::thaw(pool.fs(), &path) {
            let kind = ErrorKind::io("make writable", path, cause);
            return Err(Error { effect: Effect::Done, kind });
        }
    }
    Ok(Done { op, disks, notices, freed: 0 })
}
