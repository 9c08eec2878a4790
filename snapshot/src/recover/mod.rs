//! Recovery: what had begun is brought to its end or undone, by what lies on the disk.
//!
//! An open intent says what an operation was about to do. How far it came is read from the files
//! themselves: an overlay carries the operation's id in its header, and its bytes are known, so that one which
//! nobody has written to can be told from one that a virtual machine has started on. Nothing is assumed of
//! the time between: machines are started before recovery runs, people move files, other tools write.
//!
//! Recovery is idempotent, and may itself be cut off at any step: it repeats, from what lies there then, what
//! it would have done. What it cannot explain it keeps, and reports.

mod held;
mod overlays;
mod rebuild;
mod stage;
mod trash;

use std::io;
use std::path::Path;

use crate::catalogue::{Change, Intent, OpId, SnapshotRecord, Work};
use crate::disk::seal_one;
use crate::error::{Error, ErrorKind};
use crate::host::Control;
use crate::pool::{Pool, Session};
use crate::report::{Outcome, Recovered};

pub(crate) use overlays::{Aim, overlays};
pub(crate) use trash::{listed_again, put_back_if_needed};
use trash::{trash, untrash};

/// What a person has decided about a pool that cannot be recovered without one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// A catalogue that is lost or damaged is rebuilt from names and headers. Nothing can be removed until it
    /// is confirmed.
    pub rebuild: bool,
    /// The person stands by what was rebuilt.
    pub confirm: bool,
    /// Operations that cannot be explained: their intents are dropped, and all files left as they are.
    pub forget: Vec<OpId>,
}

impl Pool {
    /// Ends every operation that has begun and not ended, as far as that can be done without a person. Does
    /// nothing, and takes no lock, where nothing has to be done.
    ///
    /// # Errors
    ///
    /// [`Error`] if the catalogue or the pool's lock cannot be had, or the system refuses a step: then the
    /// operation stays open, and recovery can be tried again.
    pub fn recover(&self, control: &Control) -> Result<Recovered, Error> {
        if self.state()?.intents.is_empty() {
            return Ok(Recovered::default());
        }
        let mut session = self.begin_anyway(control)?;
        settle(&mut session)
    }

    /// The same, with what a person has decided; then looks at all that is recorded: snapshots that a crash
    /// left writable are made read-only, and leftovers are named.
    ///
    /// # Errors
    ///
    /// As [`recover`](Self::recover).
    pub fn recover_with(&self, recovery: &Recovery, control: &Control) -> Result<Recovered, Error> {
        let mut rebuilt = None;
        if recovery.rebuild && self.has_lost_catalogue()? {
            rebuilt = Some(self.rebuild(control)?);
        }
        let mut session = self.begin_anyway(control)?;
        for op in &recovery.forget {
            if !session.state.intents.contains_key(op) {
                let (path, what) = (self.top().to_owned(), format!("no operation {op} is open"));
                return Err(ErrorKind::NotFound { path, what }.into());
            }
            let own = self.op(None)?;
            let changes = vec![Change::CloseIntent { op: *op }, Change::Forget { op: *op }];
            session.commit((own, 0), changes, None)?;
        }
        let mut recovered = settle(&mut session)?;
        if recovery.confirm && !session.state.confirmed {
            let own = self.op(None)?;
            let confirm = Change::Confirm { lost: Vec::new(), confirmed: true };
            session.commit((own, 0), vec![confirm], None)?;
            recovered.confirmed = true;
        }
        if !session.state.confirmed {
            recovered.questions.push(format!(
                "the catalogue was rebuilt; lost are: {}. See `snap list`, then confirm it",
                session.state.lost.join("; ")
            ));
        }
        recovered.sealed = std::mem::take(&mut session.sealing.made);
        // Those that cannot be are logged.
        let writable = |record: &&SnapshotRecord| seal_one(self, record) == Some(true);
        let sealed = session.state.snapshots.values().filter(writable);
        recovered.sealed.extend(sealed.map(|record| self.path(&record.file)));
        recovered.orphans = self.orphans(&session)?;
        recovered.rebuilt = rebuilt;
        Ok(recovered)
    }
}

/// Ends all open operations within a writer's time.
fn settle(session: &mut Session<'_>) -> Result<Recovered, Error> {
    let mut recovered = Recovered::default();
    let intents: Vec<Intent> = session.state.intents.values().cloned().collect();
    for Intent { op, work, .. } in intents {
        session.go_on()?;
        let actions = match &work {
            Work::Overlay { verb, members } => overlays(session, op, *verb, members, Aim::Settle)?,
            Work::Trash { items } => trash(session, op, items)?,
            Work::Untrash { items } => untrash(session, op, items)?,
        };
        for action in actions {
            tracing::info!(
                %op, disk = %action.disk.display(), outcome = action.outcome.name(), detail = action.detail,
                "recovered"
            );
            if action.outcome == Outcome::Kept {
                let disk = action.disk.display();
                recovered.questions.push(format!("{disk}: {} (operation {op})", action.detail));
            }
            recovered.actions.push(action);
        }
    }
    Ok(recovered)
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ErrorKind {
    let path = path.to_owned();
    move |cause| ErrorKind::io(doing, path, cause)
}
