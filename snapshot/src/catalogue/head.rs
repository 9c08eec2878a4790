//! What decides whether a batch fits, apart from the rows that it changes.

use std::borrow::Cow;
use std::collections::VecDeque;

use super::error::ApplyError;
use super::state::{Done, REMEMBERED, done_as};
use super::{Batch, Change, Fence, Revision, State};
use crate::name::Id;

/// What [`State::apply`] decides by, without the rows: it refuses and accepts the same batches. For stores that
/// decide first, write, and apply then.
#[derive(Clone, Debug)]
pub struct Head<'s> {
    revision: Revision,
    fence: Fence,
    next_id: Id,
    /// Copied when a second batch comes: most come alone.
    done: Cow<'s, VecDeque<Done>>,
    /// The last batch that fits, which is not noted in it yet.
    last: Option<&'s Batch>,
}

impl State {
    /// What the state decides by.
    #[must_use]
    pub const fn head(&self) -> Head<'_> {
        Head {
            revision: self.revision,
            fence: self.fence,
            next_id: self.next_id,
            done: Cow::Borrowed(&self.done),
            last: None,
        }
    }
}

impl<'s> Head<'s> {
    /// The revision that the batches so far make.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.revision
    }

    /// Decides about the next batch.
    ///
    /// # Errors
    ///
    /// As [`State::apply`].
    pub fn apply(&mut self, batch: &'s Batch) -> Result<Revision, ApplyError> {
        if let Some(last) = self.last.take() {
            note(self.done.to_mut(), last, self.revision);
        }
        if let Some(revision) = done_as(&self.done, batch.op, batch.step) {
            return Ok(revision);
        }
        if batch.fence < self.fence {
            return Err(ApplyError::Fenced { found: self.fence, given: batch.fence });
        }
        if batch.expected != self.revision {
            return Err(ApplyError::Conflict { found: self.revision, expected: batch.expected });
        }
        let next_id = batch.changes.iter().try_fold(self.next_id, |next, change| match change {
            // Ids are never reused: the counter only grows.
            Change::Advance { next_id } if *next_id < self.next_id => {
                Err(ApplyError::IdReused { next: self.next_id, given: *next_id })
            }
            Change::Advance { next_id } => Ok(*next_id),
            _ => Ok(next),
        })?;
        self.revision = Revision(self.revision.0 + 1);
        (self.fence, self.next_id) = (batch.fence, next_id);
        self.last = Some(batch);
        Ok(self.revision)
    }
}

/// Remembers a batch that made this revision, and forgets what it undoes.
pub(super) fn note(known: &mut VecDeque<Done>, batch: &Batch, revision: Revision) {
    for change in &batch.changes {
        if let Change::Forget { op } = change {
            known.retain(|done| done.op != *op);
        }
    }
    known.push_back(Done { op: batch.op, step: batch.step, revision });
    while known.len() > REMEMBERED {
        known.pop_front();
    }
}
