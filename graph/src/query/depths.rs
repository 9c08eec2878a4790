//! Depths of all disks at once.

use crate::graph::{DiskId, Graph};

/// The depth of every disk of one graph, as [`Graph::depth`] gives it, to be kept apart from it.
#[derive(Clone, Debug)]
pub struct Depths {
    by_slot: Vec<u32>,
    deepest: u32,
}

impl Depths {
    /// The depth of `disk`; 0 for an id that names nothing.
    pub fn of(&self, disk: DiskId) -> u32 {
        self.by_slot.get(disk.slot as usize).copied().unwrap_or(0)
    }

    /// The greatest of all.
    pub fn deepest(&self) -> u32 {
        self.deepest
    }
}

impl Graph {
    /// [`Graph::depth`] of every disk. O(disks).
    pub fn depths(&self) -> Depths {
        let labels = &self.inner.labels;
        Depths { by_slot: labels.depths().to_vec(), deepest: labels.deepest() }
    }
}
