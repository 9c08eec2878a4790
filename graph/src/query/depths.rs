//! Depths of all disks at once.

use crate::graph::{DiskId, Graph};

/// The depth of every disk of one graph, as [`Graph::depth`] gives it, to be kept apart from it.
#[derive(Clone, Debug)]
pub struct Depths {
    graph: Graph,
}

impl Depths {
    /// The depth of `disk`; 0 for an id that names nothing.
    pub fn of(&self, disk: DiskId) -> u32 {
        self.graph.depth(disk)
    }

    /// The greatest of all.
    pub fn deepest(&self) -> u32 {
        self.graph.deepest()
    }
}

impl Graph {
    /// [`Graph::depth`] of every disk: a handle to this version. O(1).
    pub fn depths(&self) -> Depths {
        Depths { graph: self.clone() }
    }
}
