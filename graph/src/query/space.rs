//! Where the bytes are: what each disk occupies, what it shares, what goes with it.

use std::collections::HashSet;

use crate::graph::{DiskId, Graph, Inner};
use crate::query::dominators::Dominators;

/// The bytes of one disk. All are allocated bytes: holes count nothing.
///
/// What the file system itself shares between files (reflinks) is no file's alone: where it was asked
/// ([`crate::Facts::reflinked`]) it is not given back, so that at least as much is as said here; it is more only where all
/// files that share something go. Where it was not asked, what is given back is at most as much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// What the file occupies.
    pub own: u64,
    /// What the disks below it occupy that others need as well: they stay if it goes. Below is all that
    /// edges lead to, also from a disk at which its chain ends. `None` where
    /// so many disks need so many others over edges outside the forest (see ARCHITECTURE.md) that
    /// to add it all up was given up: never among fewer than 500 disks of four references each.
    pub shared: Option<u64>,
    /// What the file system gives back when the file is deleted under all its known paths: its own
    /// bytes but for what is reflinked, or nothing while there are other hard links to it.
    pub exclusive: u64,
    /// What it gives back when, after that, everything goes that nothing needs any more because of
    /// it: the disk and those that it alone keeps.
    pub retained: u64,
}

/// The bytes of every disk of one version of a graph, as [`Graph::space`] adds them up.
#[derive(Clone, Debug)]
pub struct Space {
    graph: Graph,
    /// Per slot.
    bytes: Vec<Bytes>,
    total: u64,
}

/// Steps that are spent on what is shared over edges outside the forest, per disk of the graph.
const STEPS: usize = 64;

/// And at least: a small graph whose disks nearly all need each other is added up all the same.
const FEWEST: usize = 1 << 20;

impl Space {
    /// The bytes of `disk`; nothing for an id that names nothing.
    pub fn of(&self, disk: DiskId) -> Bytes {
        let is_live = self.graph.inner.is_live(disk);
        let bytes = is_live.then(|| self.bytes.get(disk.slot as usize).copied());
        bytes.flatten().unwrap_or_default()
    }

    /// What all files together occupy.
    pub fn total(&self) -> u64 {
        self.total
    }
}

impl Graph {
    /// The bytes of every disk. A disk counts as kept by every disk that needs it, also by one that
    /// only may. Members of a cycle that nothing else needs keep themselves.
    ///
    /// O(disks) in a forest, else O((disks + edges) log disks).
    pub fn space(&self) -> Space {
        let inner = &*self.inner;
        let mut bytes = vec![Bytes::default(); inner.slots.bound() as usize];
        let mut total: u64 = 0;
        for slot in inner.slots.slots() {
            if let Some(known) = inner.known(slot) {
                let own = known.actual_size().unwrap_or(0);
                let exclusive = known.exclusive_bytes();
                total = total.saturating_add(own);
                bytes[slot as usize] = Bytes { own, shared: None, exclusive, retained: exclusive };
            }
        }
        // Allocated by what a disk alone keeps, itself included.
        let mut kept: Vec<u64> = bytes.iter().map(|bytes| bytes.own).collect();
        Dominators::of(&inner.slots).upwards(|slot, keeper| {
            if let Some(keeper) = keeper {
                let (slot, keeper) = (slot as usize, keeper as usize);
                let retained = bytes[slot].retained;
                let sum = &mut bytes[keeper].retained;
                *sum = sum.saturating_add(retained);
                kept[keeper] = kept[keeper].saturating_add(kept[slot]);
            }
        });
        inner.add_shared(&mut bytes, &kept);
        Space { graph: self.clone(), bytes, total }
    }

    /// Bytes that the file system gives back when the disks of `set` are deleted under every path
    /// known here. A file that has more hard links than that frees nothing, and what the file system shares
    /// with other files, as far as it was asked ([`crate::Facts::reflinked`]), stays. O(set).
    pub fn freed_by(&self, set: &[DiskId]) -> u64 {
        let mut seen = HashSet::new();
        let disks = set.iter().filter(|id| seen.insert(**id));
        let disks = disks.filter_map(|id| self.inner.live(*id));
        let bytes = disks.map(|known| known.exclusive_bytes());
        bytes.fold(0, u64::saturating_add)
    }
}

impl Inner {
    /// What is below each disk and not kept by it alone.
    fn add_shared(&self, bytes: &mut [Bytes], kept: &[u64]) {
        let mut below: Vec<Option<u64>> = vec![None; bytes.len()];
        let mut steps = self.slots.len().saturating_mul(STEPS).max(FEWEST);
        let mut way = Vec::new();
        for start in self.slots.slots() {
            if self.labels.is_extra(start) {
                let found = self.bytes_below(start, bytes, &mut steps);
                below[start as usize] = found;
                continue;
            }
            // Down the forest to where it is known, and back up again.
            let mut at = start;
            while below[at as usize].is_none() {
                way.push(at);
                match self.slots.parent(at) {
                    Some(parent) => at = parent,
                    None => break,
                }
            }
            while let Some(at) = way.pop() {
                let sum = self.slots.parent(at).map_or(Some(0), |parent| {
                    Some(below[parent as usize]?.saturating_add(bytes[parent as usize].own))
                });
                below[at as usize] = sum;
            }
        }
        for slot in self.slots.slots() {
            let at = slot as usize;
            let of_it_alone = kept[at].saturating_sub(bytes[at].own);
            bytes[at].shared = below[at].map(|below| below.saturating_sub(of_it_alone));
        }
    }

    /// What the disks below `slot` occupy, each once, itself not included.
    fn bytes_below(&self, slot: u32, bytes: &[Bytes], steps: &mut usize) -> Option<u64> {
        let mut seen = crate::index::SlotSet::from_iter([slot]);
        let mut work = vec![slot];
        let mut sum: u64 = 0;
        while let Some(at) = work.pop() {
            for arc in self.slots.outgoing(at) {
                *steps = steps.checked_sub(1)?;
                if seen.insert(arc.to) {
                    sum = sum.saturating_add(bytes[arc.to as usize].own);
                    work.push(arc.to);
                }
            }
        }
        Some(sum)
    }
}
