//! Does a depend on b?

use crate::graph::{DiskId, Graph, Inner};
use crate::labels::{DOUBTFUL, EXTRA, MISSING};
use crate::query::answer::{Answer, Doubts};

impl Graph {
    /// Whether `a` needs `b`, at any depth.
    ///
    /// Rests on a's chain alone: what else could not be read does not matter. A disk depends on
    /// itself only if it lies on a cycle.
    ///
    /// O(1) whatever the depth, without allocating, where no edge outside the forest touches both
    /// (data files, second paths, possible edges, cycles: see ARCHITECTURE.md); else O(e log e) in
    /// the number e of such edges that lead to `b` or to what depends on it.
    #[inline]
    pub fn depends_on(&self, a: DiskId, b: DiskId) -> Answer<'_> {
        let inner = &*self.inner;
        if !inner.is_live(a) || !inner.is_live(b) {
            return Answer::Unknown(Doubts::of_stale_id(inner));
        }
        let (above, below) = (inner.labels.of(a.slot), inner.labels.of(b.slot));
        let depends = below.is_below(above);
        // This test first: it nearly always goes the same way, and what is left then is chosen without
        // a branch. A branch on the answer itself costs a misprediction every other random question.
        if above.flags == 0 {
            return if depends { Answer::Yes } else { Answer::No };
        }
        if depends { Answer::Yes } else { inner.depends_on_slowly(a.slot, b.slot) }
    }

    /// Whether anything depends on `x`: the question of [`Graph::dependents`] without the names.
    /// O(1) for yes; a no costs a look at every doubt.
    pub fn has_dependents(&self, x: DiskId) -> Answer<'_> {
        let inner = &*self.inner;
        if !inner.is_live(x) {
            return Answer::Unknown(Doubts::of_stale_id(inner));
        }
        if inner.slots.incoming(x.slot).any(|arc| inner.traits(arc).certain) {
            return Answer::Yes;
        }
        let in_doubt =
            inner.slots.has_incoming(x.slot) || inner.scope_doubts(&[x.slot]).next().is_some();
        if in_doubt { Answer::Unknown(Doubts::of_scope(inner, x.slot)) } else { Answer::No }
    }
}

impl Inner {
    #[cold]
    fn depends_on_slowly(&self, a: u32, b: u32) -> Answer<'_> {
        let flags = self.labels.of(a).flags;
        let reached = if flags & EXTRA == 0 { None } else { self.reaches(a, b) };
        let in_doubt = || {
            flags & DOUBTFUL != 0
                || reached == Some(false)
                || (flags & MISSING != 0 && self.meets_namesake(a, b))
        };
        match reached {
            Some(true) => Answer::Yes,
            _ if in_doubt() => Answer::Unknown(Doubts::of_chain(self, a, b)),
            _ => Answer::No,
        }
    }

    /// Whether an edge outside the forest leads from a to b: `Some(true)` for certain,
    /// `Some(false)` if only through possible edges.
    fn reaches(&self, a: u32, b: u32) -> Option<bool> {
        let (above, below) = (self.labels.of(a), self.labels.of(b));
        let mut possible = false;
        let mut further = false;
        for extra in self.labels.extras_into(below.pre..below.end) {
            if extra.ends && extra.arc.to != b {
                continue;
            }
            let origin = self.labels.of(extra.arc.from);
            if origin.holds(above) {
                if extra.certain {
                    return Some(true);
                }
                possible = true;
            }
            further |= !self.labels.extras_into(origin.pre..origin.end).is_empty();
        }
        if further {
            let above_b = self.labels.above(b);
            let found = above_b.more.iter().find(|(range, _)| range.contains(&above.pre));
            return found.map(|(_, certain)| *certain);
        }
        possible.then_some(false)
    }

    /// Whether a's chain leads to a missing file that bears b's name.
    fn meets_namesake(&self, a: u32, b: u32) -> bool {
        let label = self.labels.of(a);
        if label.flags & EXTRA == 0 {
            return self.is_namesake(label.root, b);
        }
        self.missing.iter().any(|missing| {
            self.is_namesake(*missing, b)
                && (self.labels.of(*missing).is_below(label) || self.reaches(a, *missing).is_some())
        })
    }
}
