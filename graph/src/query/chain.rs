//! The chain of an image, and the way between two.

use std::collections::{HashMap, HashSet};

use crate::facts::EdgeKind;
use crate::graph::{DiskId, Graph, Inner};
use crate::labels::EXTRA;
use crate::query::answer::{Answer, Doubts};

/// The chain of one image, itself first: at each step the backing file. Where one path of an image
/// leads elsewhere than another, the first path's is followed. A chain that is a cycle ends before
/// it would name a disk for the second time.
#[derive(Clone, Debug)]
pub struct Chain<'g> {
    inner: &'g Inner,
    next: Option<u32>,
    /// Kept only once an edge outside the forest was followed: before that nothing can repeat.
    seen: Option<HashSet<u32>>,
    start: u32,
}

impl Graph {
    /// The chain of `x`, top first. O(1) a step. What the chain lacks is in the states of its
    /// disks; see also [`Graph::chain_is_certain`].
    pub fn chain(&self, x: DiskId) -> Chain<'_> {
        let inner = &*self.inner;
        let next = inner.is_live(x).then_some(x.slot);
        Chain { inner, next, seen: None, start: x.slot }
    }

    /// Whether every step of [`Graph::chain`] is the one that QEMU would take: no name on it is
    /// resolved from QEMU's working directory. O(the length of the chain).
    pub fn chain_is_certain(&self, x: DiskId) -> bool {
        let inner = &*self.inner;
        self.chain(x).all(|disk| {
            let first = inner.first_backing(disk.slot);
            first.is_none_or(|(_, traits_certain, _)| traits_certain)
        })
    }

    /// The disks from `dependent` down to `x`, both included, on a shortest way, with the answer
    /// of [`Graph::depends_on`]: the list is empty unless something leads there. O(the length of
    /// the way), or O(disks below `dependent`) where edges outside the forest are involved.
    pub fn path(&self, dependent: DiskId, x: DiskId) -> (Answer<'_>, Vec<DiskId>) {
        let inner = &*self.inner;
        if !inner.is_live(dependent) || !inner.is_live(x) {
            return (Answer::Unknown(Doubts::of_stale_id(inner)), Vec::new());
        }
        (self.depends_on(dependent, x), inner.way(dependent.slot, x.slot))
    }
}

impl Iterator for Chain<'_> {
    type Item = DiskId;

    fn next(&mut self) -> Option<DiskId> {
        let at = self.next?;
        self.next = match self.inner.labels.parent(at) {
            Some(parent) => Some(parent),
            None => self.leave_forest(at),
        };
        if let Some(seen) = &mut self.seen {
            seen.insert(at);
            if self.next.is_some_and(|next| seen.contains(&next)) {
                self.next = None;
            }
        }
        Some(self.inner.id(at))
    }
}

impl Chain<'_> {
    /// The next disk where the forest ends: a cut cycle, a possible edge, one that ends the chain.
    fn leave_forest(&mut self, at: u32) -> Option<u32> {
        if self.inner.labels.of(at).flags & EXTRA == 0 {
            return None;
        }
        let (to, _, ends) = self.inner.first_backing(at)?;
        let inner = self.inner;
        let start = self.start;
        let seen = self.seen.get_or_insert_with(|| {
            let first = std::iter::successors(Some(start), |slot| inner.labels.parent(*slot));
            first.collect()
        });
        if seen.contains(&to) {
            return None;
        }
        if ends {
            // Nothing below `to` belongs to this chain.
            seen.extend(inner.slots.outgoing(to).map(|arc| arc.to));
        }
        Some(to)
    }
}

impl Inner {
    /// The first backing edge of `slot`: target, whether it is certain, whether it ends the chain.
    pub(crate) fn first_backing(&self, slot: u32) -> Option<(u32, bool, bool)> {
        let backing = self.slots.outgoing(slot).filter_map(|arc| {
            let edge = self.edge(arc)?;
            (edge.facts.kind == EdgeKind::Backing).then_some(arc)
        });
        let first = backing.min_by_key(|arc| arc.position)?;
        let traits = self.traits(first);
        Some((first.to, traits.certain, traits.ends))
    }

    fn way(&self, from: u32, to: u32) -> Vec<DiskId> {
        let (above, below) = (self.labels.of(from), self.labels.of(to));
        if below.is_below(above) && above.flags & EXTRA == 0 {
            let steps = std::iter::successors(Some(from), |slot| {
                (*slot != to).then(|| self.labels.parent(*slot)).flatten()
            });
            return steps.map(|slot| self.id(slot)).collect();
        }
        let mut came_from: HashMap<u32, u32> = HashMap::new();
        let mut work = vec![from];
        let mut next = 0;
        while let Some(&slot) = work.get(next) {
            next += 1;
            for arc in self.slots.outgoing(slot) {
                if arc.to == to {
                    let mut way = vec![to, slot];
                    let mut at = slot;
                    while let Some(before) = came_from.get(&at).filter(|_| at != from) {
                        way.push(*before);
                        at = *before;
                    }
                    return way.into_iter().rev().map(|slot| self.id(slot)).collect();
                }
                let goes_on = !self.traits(arc).ends;
                if goes_on && arc.to != from && !came_from.contains_key(&arc.to) {
                    came_from.insert(arc.to, slot);
                    work.push(arc.to);
                }
            }
        }
        Vec::new()
    }
}
