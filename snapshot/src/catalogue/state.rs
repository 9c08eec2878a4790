//! Everything that a catalogue holds at one revision.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::ApplyError;
use super::{
    Batch, Change, Fence, Intent, OpId, Pin, Revision, Rows, SnapshotRecord, Snapshots, Standing,
    TrashRecord,
};
use crate::name::{Id, SnapshotName};

/// How many committed batches are remembered, so that one that is committed again is recognised.
pub(super) const REMEMBERED: usize = 1024;

/// What a catalogue holds. Plain data; [`State::apply`] is the one place in which it changes. A clone shares the rows,
/// however many there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct State {
    /// How often it was changed.
    pub revision: Revision,
    /// The newest fence that was committed under.
    pub fence: Fence,
    /// The id that is given next.
    pub next_id: Id,
    /// Whether a person stands by what is recorded. `false` after a catalogue was lost and rebuilt: then
    /// nothing may be removed.
    pub confirmed: bool,
    /// What could not be rebuilt.
    pub lost: Vec<String>,
    /// By id.
    pub snapshots: Snapshots,
    /// By the id of the snapshot.
    pub pins: Rows<Pin>,
    /// By id.
    pub trash: Rows<TrashRecord>,
    /// By operation.
    pub intents: BTreeMap<OpId, Intent>,
    /// The last 1024 batches, oldest first.
    pub done: VecDeque<Done>,
}

/// A batch that was committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Done {
    /// The operation.
    pub op: OpId,
    /// Which of its commits.
    pub step: u32,
    /// The revision that it made.
    pub revision: Revision,
}

impl Default for State {
    /// A new pool's.
    fn default() -> Self {
        Self {
            revision: Revision(0),
            fence: Fence(0),
            next_id: Id(1),
            confirmed: true,
            lost: Vec::new(),
            snapshots: Snapshots::default(),
            pins: Rows::new(),
            trash: Rows::new(),
            intents: BTreeMap::new(),
            done: VecDeque::new(),
        }
    }
}

impl State {
    /// The revision that a batch made, if it was committed already and is remembered.
    #[must_use]
    pub fn is_done(&self, op: OpId, step: u32) -> Option<Revision> {
        let of_batch = |done: &&Done| done.op == op && done.step == step;
        self.done.iter().rev().find(of_batch).map(|done| done.revision)
    }

    /// Applies a batch. What is refused changes nothing.
    ///
    /// # Errors
    ///
    /// [`ApplyError`]: another revision, an old fence, or changes that make no sense.
    pub fn apply(&mut self, batch: &Batch) -> Result<Revision, ApplyError> {
        if let Some(revision) = self.is_done(batch.op, batch.step) {
            return Ok(revision);
        }
        if batch.fence < self.fence {
            return Err(ApplyError::Fenced { found: self.fence, given: batch.fence });
        }
        if batch.expected != self.revision {
            return Err(ApplyError::Conflict { found: self.revision, expected: batch.expected });
        }
        batch.changes.iter().try_fold((), |(), change| self.check(change))?;
        self.revision = Revision(self.revision.0 + 1);
        self.fence = batch.fence;
        for change in &batch.changes {
            self.change(change);
        }
        let done = Done { op: batch.op, step: batch.step, revision: self.revision };
        self.done.push_back(done);
        while self.done.len() > REMEMBERED {
            self.done.pop_front();
        }
        Ok(self.revision)
    }

    /// What [`apply`](Self::apply) decides by, without the rows: it refuses and accepts the same batches. For
    /// stores that decide first, write, and apply then.
    #[must_use]
    pub fn head(&self) -> Self {
        Self {
            revision: self.revision,
            fence: self.fence,
            next_id: self.next_id,
            done: self.done.clone(),
            ..Self::default()
        }
    }

    /// Decides by what [`head`](Self::head) has. Ids are never reused: the counter only grows.
    fn check(&self, change: &Change) -> Result<(), ApplyError> {
        match change {
            Change::Advance { next_id } if *next_id < self.next_id => {
                Err(ApplyError::IdReused { next: self.next_id, given: *next_id })
            }
            _ => Ok(()),
        }
    }

    fn change(&mut self, change: &Change) {
        match change.clone() {
            Change::Advance { next_id } => self.next_id = next_id,
            Change::OpenIntent(intent) => drop(self.intents.insert(intent.op, intent)),
            Change::CloseIntent { op } => drop(self.intents.remove(&op)),
            Change::Forget { op } => self.done.retain(|done| done.op != op),
            Change::PutSnapshot(record) => drop(self.snapshots.insert(record.id, record)),
            Change::DropSnapshot { id } => drop(self.snapshots.remove(&id)),
            Change::Sealed { ids } => {
                for id in ids {
                    let record = self.snapshots.get(&id).filter(|record| record.unsealed).cloned();
                    if let Some(record) = record {
                        let record = SnapshotRecord { unsealed: false, ..record };
                        self.snapshots.insert(id, record);
                    }
                }
            }
            Change::PutPin(pin) => drop(self.pins.insert(pin.snapshot, pin)),
            Change::DropPin { snapshot } => drop(self.pins.remove(&snapshot)),
            Change::PutTrash(record) => drop(self.trash.insert(record.id, record)),
            Change::DropTrash { id } => drop(self.trash.remove(&id)),
            Change::Confirm { lost, confirmed } => (self.lost, self.confirmed) = (lost, confirmed),
        }
    }

    /// The kept snapshot of `disk` that is called `name`; the oldest, if there are several. O(log snapshots).
    #[must_use]
    pub fn snapshot(&self, disk: &Path, name: &SnapshotName) -> Option<&SnapshotRecord> {
        self.snapshots.named(disk, name)
    }

    /// The snapshot, kept or retired, that the file at `file` holds. O(log snapshots).
    #[must_use]
    pub fn snapshot_at(&self, file: &Path) -> Option<&SnapshotRecord> {
        self.snapshots.at(file)
    }

    /// The snapshots that have a name, oldest first.
    pub fn kept(&self) -> impl DoubleEndedIterator<Item = &SnapshotRecord> {
        self.snapshots.values().filter(|record| record.standing == Standing::Kept)
    }
}
