//! Recovery: what had begun is brought to its end or undone, by what lies on the disk.
//!
//! An open intent says what an operation was about to do. How far it came is read from the files
//! themselves: an overlay carries the operation's id in its header, and its bytes are known, so that one which
//! nobody has written to can be told from one that a virtual machine has started on. Nothing is assumed of
//! the time between: machines are started before recovery runs, people move files, other tools write.
//!
//! Recovery is idempotent, and may itself be cut off at any step: it repeats, from what lies there then, what
//! it would have done. What it cannot explain it keeps, and reports.

mod overlays;
mod trash;

use crate::catalogue::{Intent, Work};
use crate::error::Error;
use crate::host::Control;
use crate::pool::{Pool, Session};
use crate::report::{Outcome, Recovered};

pub(crate) use overlays::{Aim, overlays};
pub(crate) use trash::{listed_again, put_back_if_needed};
use trash::{trash, untrash};

impl Pool {
    /// Ends every operation that has begun and not ended, as far as that can be done without a person.
    ///
    /// # Errors
    ///
    /// [`Error`] if the catalogue or the pool's lock cannot be had, or the system refuses a step: then the
    /// operation stays open, and recovery can be tried again.
    pub fn recover(&self, control: &Control) -> Result<Recovered, Error> {
        let mut session = self.begin_anyway(control)?;
        recover_all(&mut session)
    }
}

/// The same within a writer's time.
pub(crate) fn recover_all(session: &mut Session<'_>) -> Result<Recovered, Error> {
    let mut recovered = Recovered::default();
    let intents: Vec<Intent> = session.state.intents.values().cloned().collect();
    for Intent { op, work, .. } in intents {
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
                recovered.questions.push(format!("{}: {}", action.disk.display(), action.detail));
            }
            recovered.actions.push(action);
        }
    }
    Ok(recovered)
}
