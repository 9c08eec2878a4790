//! A leaf that comes or goes: by far the commonest change, and the one that touches least.
//!
//! Nothing needs it; it needs one disk at most, surely, as its backing file; and nothing about it is a reason
//! for doubt. So nobody else learns anything from it, and nothing has to be kept until the end of a batch: it is
//! one insertion into each of the arrays, or one removal. Whatever is not such a leaf takes the long way
//! ([`crate::batch`]), to the same result.

use crate::facts::{DependencyKnowledge, Facts, State};
use crate::graph::{Inner, bytes};
use crate::labels::{
    DOUBTFUL, EDITED, EXTRA, GOING, LEAVING, MISSING, NONE, PAIR, PLACED, PLACEHOLDER,
};
use crate::links::{BACKING, CERTAIN, traits};

impl Inner {
    /// Inserts a disk that the graph does not hold, told at a time, if it is a leaf; whether it is. `hash` is
    /// that of its key. O(log disks).
    pub(crate) fn insert_leaf(&mut self, facts: &Facts, hash: u32, at: u64) -> bool {
        if facts.state == State::Missing
            || facts.dependencies == DependencyKnowledge::Unknown
            || !facts.in_scope
        {
            return false;
        }
        let parent = match &facts.references[..] {
            [] => None,
            [edge] if traits(edge) == BACKING | CERTAIN => {
                let key = edge.target.as_ref();
                let Some(parent) = self.slot_of_hash(key, self.by_key.hash(&key)) else {
                    return false;
                };
                if self.labels.flags(parent) & (PLACED | EDITED | GOING | LEAVING) != PLACED {
                    return false;
                }
                Some(parent)
            }
            _ => return false,
        };
        let slot = self.slots.add_leaf(parent.unwrap_or(NONE));
        self.labels.add_leaf(slot, parent);
        self.by_key.insert(hash, slot);
        for path in &facts.paths {
            self.by_path.insert(self.by_path.hash(bytes(path)), slot);
        }
        self.records.put(slot, facts, at);
        true
    }

    /// Removes a disk of the graph if it is a leaf; whether it was. O(log disks).
    pub(crate) fn remove_leaf(&mut self, slot: u32) -> bool {
        if self.labels.flags(slot) & !(PAIR | DOUBTFUL | MISSING | EXTRA) != PLACED
            || self.slots.has_incoming(slot)
            || self.slots.has_exit(slot)
        {
            return false;
        }
        // A placeholder may have to go with it.
        let parent = self.slots.parent(slot);
        if parent.is_some_and(|parent| self.labels.flags(parent) & PLACEHOLDER != 0) {
            return false;
        }
        self.slots.disconnect(slot, |_, _| {});
        self.labels.displace(slot);
        self.free(slot);
        true
    }
}
