//! Everything that a catalogue holds at one revision.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::ApplyError;
use super::head::note;
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

/// The revision that a batch made, if it is among these. The last ones are asked for most.
pub(super) fn done_as(done: &VecDeque<Done>, op: OpId, step: u32) -> Option<Revision> {
    let of_batch = |done: &&Done| done.op == op && done.step == step;
    done.iter().rev().find(of_batch).map(|done| done.revision)
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
        done_as(&self.done, op, step)
    }

    /// Applies a batch. What is refused changes nothing.
    ///
    /// # Errors
    ///
    /// [`ApplyError`]: another revision, an old fence, or changes that make no sense.
    pub fn apply(&mut self, batch: &Batch) -> Result<Revision, ApplyError> {
        let revision = self.head().apply(batch)?;
        if revision > self.revision {
            self.perform(batch);
        }
        Ok(revision)
    }

    /// Does what a batch says that was found to fit, by [`head`](Self::head), and to be none that was done before.
    pub(crate) fn perform(&mut self, batch: &Batch) {
        self.revision = Revision(self.revision.0 + 1);
        self.fence = batch.fence;
        for change in &batch.changes {
            self.change(change);
        }
        note(&mut self.done, batch, self.revision);
    }

    fn change(&mut self, change: &Change) {
        match change.clone() {
            Change::Advance { next_id } => self.next_id = next_id,
            Change::OpenIntent(intent) => drop(self.intents.insert(intent.op, intent)),
            Change::CloseIntent { op } => drop(self.intents.remove(&op)),
            // What is done is noted when all is changed.
            Change::Forget { .. } => {}
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
