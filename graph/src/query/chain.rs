//! The chain of an image, and the way between two.

use crate::graph::{DiskId, Graph, Inner};
use crate::index::{SlotMap, SlotSet};
use crate::labels::EXTRA;
use crate::links::Arc;
use crate::query::answer::{Answer, Doubts};

/// The chain of one image, itself first: at each step the backing file. Where one path of an image
/// leads elsewhere than another, the first reference is followed. A chain that is a cycle ends
/// before it would name a disk for the second time.
#[derive(Clone, Debug)]
pub struct Chain<'g> {
    inner: &'g Inner,
    next: Option<u32>,
    /// Kept only once an edge outside the forest was followed: before that nothing can repeat.
    seen: Option<SlotSet>,
    start: u32,
    /// The step before ended the chain, whatever the next disk refers to.
    ends: bool,
}

impl Graph {
    /// The chain of `x`, top first. O(1) a step. What the chain lacks is in the states of its
    /// disks; see also [`Graph::chain_is_certain`].
    pub fn chain(&self, x: DiskId) -> Chain<'_> {
        let inner = &*self.inner;
        let next = inner.is_live(x).then_some(x.slot);
        Chain { inner, next, seen: None, start: x.slot, ends: false }
    }

    /// Whether every step of [`Graph::chain`] is the one that QEMU would take: no name on it is
    /// resolved from QEMU's working directory. The step at which a cycle closes counts. O(the length of the chain).
    pub fn chain_is_certain(&self, x: DiskId) -> bool {
        let inner = &*self.inner;
        let mut chain = self.chain(x);
        // Whether the disk is the last in any case, asked before its own step is taken.
        let mut is_last = false;
        while let Some(disk) = chain.next() {
            let step = inner.slots.step(disk.slot);
            if !is_last && step.is_some_and(|step| !step.certain()) {
                return false;
            }
            is_last = chain.ends;
        }
        true
    }

    /// The disks from `dependent` down to `x`, both included, on a shortest way, with the answer
    /// of [`Graph::depends_on`]: the list is empty unless something leads there. Where the answer
    /// is yes, the way goes over certain edges only, on a shortest of those. From a disk on a cycle to
    /// itself it goes once round.
    ///
    /// O(the length of the way), or O(disks and edges below `dependent`) where edges outside the
    /// forest are involved.
    pub fn path(&self, dependent: DiskId, x: DiskId) -> (Answer<'_>, Vec<DiskId>) {
        let inner = &*self.inner;
        if !inner.is_live(dependent) || !inner.is_live(x) {
            return (Answer::Unknown(Doubts::of_stale_id(inner)), Vec::new());
        }
        let answer = self.depends_on(dependent, x);
        let (from, to) = (dependent.slot, x.slot);
        let way = match answer {
            Answer::No => Vec::new(),
            Answer::Yes => inner.way_down(from, to).unwrap_or_else(|| inner.way(from, to, true)),
            Answer::Unknown(_) => inner.way(from, to, false),
        };
        let mut ids: Vec<DiskId> = way.iter().map(|arc| inner.id(arc.from)).collect();
        ids.extend(way.last().map(|arc| inner.id(arc.to)));
        (answer, ids)
    }
}

impl Iterator for Chain<'_> {
    type Item = DiskId;

    fn next(&mut self) -> Option<DiskId> {
        let at = self.next?;
        self.next = if self.ends {
            None
        } else {
            self.inner.slots.parent(at).or_else(|| self.leave_forest(at))
        };
        if let Some(seen) = &mut self.seen {
            seen.insert(at);
            self.next = self.next.filter(|next| !seen.contains(next));
        }
        Some(self.inner.id(at))
    }
}

impl Chain<'_> {
    /// The next disk where the forest ends: a cut cycle, a possible edge, one that ends the chain.
    fn leave_forest(&mut self, at: u32) -> Option<u32> {
        if self.inner.labels.flags(at) & EXTRA == 0 {
            return None;
        }
        let step = self.inner.slots.step(at)?;
        let (inner, start) = (self.inner, self.start);
        self.seen.get_or_insert_with(|| {
            std::iter::successors(Some(start), |slot| inner.slots.parent(*slot)).collect()
        });
        self.ends = step.ends;
        Some(step.to)
    }
}

impl Inner {
    /// The way from one slot down to another, where it lies in the forest and nothing is shorter.
    fn way_down(&self, from: u32, to: u32) -> Option<Vec<Arc>> {
        let (above, below) = (self.labels.of(from), self.labels.of(to));
        if !below.is_below(above) || self.labels.flags(from) & EXTRA != 0 {
            return None;
        }
        let steps = std::iter::successors(self.slots.step(from), |step| self.slots.step(step.to));
        let mut arcs = Vec::new();
        for step in steps {
            arcs.push(step);
            if step.to == to {
                break;
            }
        }
        Some(arcs)
    }

    /// A shortest way from one slot down to another, edge by edge; over certain edges wherever
    /// there is the choice. Empty if there is none.
    pub(crate) fn way(&self, from: u32, to: u32, certain_only: bool) -> Vec<Arc> {
        let mut came_by: SlotMap<Arc> = SlotMap::default();
        let mut work = vec![from];
        let mut next = 0;
        while let Some(&slot) = work.get(next) {
            next += 1;
            let arcs = self.slots.outgoing(slot).filter(|arc| arc.certain() || !certain_only);
            let mut arcs: Vec<Arc> = arcs.collect();
            arcs.sort_unstable_by_key(|arc| (!arc.certain(), arc.position()));
            for arc in arcs {
                if arc.to == to {
                    let before = |arc: &Arc| came_by.get(&arc.from).copied();
                    let mut way: Vec<Arc> = std::iter::successors(Some(arc), before).collect();
                    way.reverse();
                    return way;
                }
                if !arc.ends && arc.to != from && !came_by.contains_key(&arc.to) {
                    came_by.insert(arc.to, arc);
                    work.push(arc.to);
                }
            }
        }
        Vec::new()
    }
}
