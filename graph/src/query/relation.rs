//! Does a depend on b?

use crate::facts::EdgeKind;
use crate::graph::{DiskId, Graph, Inner};
use crate::index::SlotSet;
use crate::labels::{DOUBTFUL, EXTRA, MISSING};
use crate::links::Arc;
use crate::query::answer::{Answer, Doubts};
use crate::sizes::cut;

impl Graph {
    /// Whether `a` needs `b`, at any depth.
    ///
    /// Rests on a's chain alone: what else could not be read does not matter. A disk depends on
    /// itself only if it lies on a cycle. A missing file that the chain leads to and that bears a file name
    /// of `b` may be `b`, moved: unknown then. So it is with stale ids. Where a scan has followed chains alone
    /// ([`crate::scan::Scan::follow`]), what a backing file's name means that QEMU resolves from its working
    /// directory was not looked for, nor what that needs: never a no then.
    ///
    /// O(1) whatever the depth, without allocating, where no edge outside the forest touches both
    /// (data files, second paths, possible edges, cycles: see ARCHITECTURE.md); else O(e log e) in
    /// the number e of such edges that lead to `b` or to what depends on it. Where a's chain leads
    /// to a missing file that bears b's name as well as to such edges, O(disks and edges below a).
    #[inline]
    pub fn depends_on(&self, a: DiskId, b: DiskId) -> Answer<'_> {
        let inner = &*self.inner;
        // Nearly always all this is so, and what is left then is chosen without a branch: one on the
        // answer itself costs a misprediction every other random question.
        if let (Some(above), Some(below)) = (inner.labels.label(a.slot), inner.labels.label(b.slot))
            && above.is_plain_of(a)
            && below.is_of(b)
        {
            return if below.is_below(above) { Answer::Yes } else { Answer::No };
        }
        inner.depends_on_slowly(a, b)
    }

    /// Whether anything depends on `x`: the question of [`Graph::dependents`] without the names. Not
    /// known for a stale id.
    ///
    /// O(1), without allocating. Only where a missing file bears x's name, O(the edges that lead
    /// to such files).
    pub fn has_dependents(&self, x: DiskId) -> Answer<'_> {
        let inner = &*self.inner;
        if !inner.is_live(x) {
            return Answer::Unknown(Doubts::of_stale_id(inner));
        }
        if inner.slots.is_surely_needed(x.slot) {
            return Answer::Yes;
        }
        let in_doubt = inner.slots.has_incoming(x.slot) || inner.has_doubt_alone(x.slot);
        if in_doubt { Answer::Unknown(Doubts::of_scope(inner, x.slot)) } else { Answer::No }
    }
}

impl Inner {
    #[cold]
    fn depends_on_slowly(&self, a: DiskId, b: DiskId) -> Answer<'_> {
        if !self.is_live(a) || !self.is_live(b) {
            return Answer::Unknown(Doubts::of_stale_id(self));
        }
        let (a, b) = (a.slot, b.slot);
        if self.labels.of(b).is_below(self.labels.of(a)) {
            return Answer::Yes;
        }
        let flags = self.labels.flags(a);
        let reached = if flags & EXTRA == 0 { None } else { self.reaches(a, b) };
        let in_doubt = || {
            flags & DOUBTFUL != 0
                || reached == Some(false)
                || (flags & MISSING != 0 && self.meets_namesake(a, b))
                || (flags & EXTRA != 0 && !self.unsought(a).is_empty())
        };
        match reached {
            Some(true) => Answer::Yes,
            _ if in_doubt() => Answer::Unknown(Doubts::of_chain(self, a, b)),
            _ => Answer::No,
        }
    }

    /// Whether an edge outside the forest leads from a to b: `Some(true)` for certain,
    /// `Some(false)` if only through possible edges.
    pub(crate) fn reaches(&self, a: u32, b: u32) -> Option<bool> {
        /// Up to here looking at every edge into b is cheaper than a look from the other side.
        const FEW: usize = cut(16, 2);
        /// Edges looked at from a's side before b's is looked at instead.
        const MANY: usize = cut(4096, 8);
        let below = self.labels.of(b);
        let into = self.labels.extras_into(&self.slots, below.range(), FEW + 1).len();
        if into == 0 {
            return None;
        }
        if into > FEW
            && let Some(found) = self.reaches_downward(a, b, MANY)
        {
            return found;
        }
        self.reaches_upward(a, b)
    }

    fn reaches_upward(&self, a: u32, b: u32) -> Option<bool> {
        let (above, below) = (self.labels.of(a), self.labels.of(b));
        let mut possible = false;
        let mut further = false;
        for extra in self.labels.extras_into(&self.slots, below.range(), usize::MAX) {
            if extra.ends && extra.to != b {
                continue;
            }
            let origin = self.labels.of(extra.from);
            if origin.holds(above) {
                if extra.certain() {
                    return Some(true);
                }
                possible = true;
            }
            further =
                further || !self.labels.extras_into(&self.slots, origin.range(), 1).is_empty();
        }
        if further {
            let above_b = self.labels.above(&self.slots, b);
            let found = above_b.more.iter().find(|(range, _)| range.contains(&above.open()));
            return found.map(|(_, certain)| *certain);
        }
        possible.then_some(false)
    }

    /// The same question asked from a's side; `None` if it would take more than `steps` edges.
    fn reaches_downward(&self, a: u32, b: u32, mut steps: usize) -> Option<Option<bool>> {
        let below = self.labels.of(b);
        for certain_only in [true, false] {
            let mut left = SlotSet::default();
            let mut work = vec![a];
            while let Some(slot) = work.pop() {
                for exit in self.labels.exits(&self.slots, slot) {
                    if !left.insert(exit) {
                        break;
                    }
                    for arc in self.slots.outgoing(exit) {
                        steps = steps.checked_sub(1)?;
                        if certain_only && !arc.certain() {
                            continue;
                        }
                        let gets_there = !arc.ends && below.holds(self.labels.of(arc.to));
                        if arc.to == b || gets_there {
                            return Some(Some(certain_only));
                        }
                        if !arc.ends {
                            work.push(arc.to);
                        }
                    }
                }
            }
        }
        Some(None)
    }

    /// The steps of a's chain that QEMU resolves from its working directory, where nobody has looked
    /// for all that they may mean: what they lead to may need anything. Not so data files, which need
    /// nothing.
    pub(crate) fn unsought(&self, a: u32) -> Vec<Arc> {
        if !self.coverage.is_of_chains_alone() {
            return Vec::new();
        }
        let below = self.needs_of(a).into_iter().map(|step| step.disk.slot);
        let arcs = std::iter::once(a).chain(below).flat_map(|slot| self.slots.outgoing(slot));
        let is_unsought = |arc: &Arc| {
            let edge = self.edge(*arc);
            !arc.certain() && edge.is_some_and(|edge| edge.facts.kind == EdgeKind::Backing)
        };
        arcs.filter(is_unsought).collect()
    }

    /// Whether a's chain leads to a missing file that bears b's name.
    fn meets_namesake(&self, a: u32, b: u32) -> bool {
        if self.namesakes(b).next().is_none() {
            return false;
        }
        self.needs_of(a).iter().any(|step| {
            let slot = step.disk.slot;
            self.missing.contains(&slot) && self.is_namesake(slot, b)
        })
    }
}
