//! Who depends on x? And what does x depend on?

use std::ops::Range;

use crate::doubt::Doubt;
use crate::facts::EdgeKind;
use crate::graph::{DiskId, Graph, Inner, bytes};
use crate::index::SlotSet;
use crate::labels::{Above, Run, Spot};
use crate::links::Arc;
use crate::query::answer::Doubts;

/// Everything that depends on one disk, as [`Graph::dependents`] returns it.
///
/// Iterates over the disks in no particular order, a slice per run; those that may depend on it
/// only through a possible edge come last. [`Dependents::nearest_first`] sorts by distance.
#[derive(Clone, Debug)]
#[must_use = "a list of dependents is whole only if is_complete says so"]
pub struct Dependents<'g> {
    inner: &'g Inner,
    of: Option<u32>,
    above: Above,
    /// What is left of the range before `next`, and of its stretch the run that is being read.
    places: Range<Spot>,
    run: Run<'g>,
    next: usize,
}

/// One disk that depends on another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dependent {
    /// Which one.
    pub disk: DiskId,
    /// Number of edges between the two on a shortest way, at least 1. The way goes over certain
    /// edges where `certain` says that there is such a way.
    pub depth: u32,
    /// The kind of the edge at the dependent's end of that way; seen from the dependent
    /// ([`Graph::dependencies`]), at the other end.
    pub kind: EdgeKind,
    /// It does depend; else it may, through a name that QEMU resolves from its working directory.
    pub certain: bool,
}

impl Dependent {
    /// Whether nothing lies between the two.
    pub fn is_direct(&self) -> bool {
        self.depth == 1
    }
}

impl Graph {
    /// Everything that depends on `x`, at any depth. Rests on the whole scope: see
    /// [`Dependents::is_complete`].
    ///
    /// O(1) to ask, then a slice read per disk; O(e log e) to ask where e edges outside the forest
    /// lead to `x` or to what depends on it.
    pub fn dependents(&self, x: DiskId) -> Dependents<'_> {
        let inner = &*self.inner;
        let of = inner.is_live(x).then_some(x.slot);
        let above = of.map_or(Above::NOTHING, |x| inner.labels.above(&inner.slots, x));
        let places = inner.labels.stretch(above.own.clone());
        Dependents { inner, of, above, places, run: Run::default(), next: 0 }
    }

    /// Everything that `x` depends on, at any depth, nearest first. Rests on x's chain alone.
    /// O(disks and edges found).
    pub fn dependencies(&self, x: DiskId) -> Vec<Dependent> {
        let inner = &*self.inner;
        if !inner.is_live(x) {
            return Vec::new();
        }
        inner.needs_of(x.slot)
    }
}

impl<'g> Dependents<'g> {
    /// Whether this is everything: nothing in scope could not be asked, and neither the disk nor any of these lies
    /// out of it, where nobody looked. O(1), or O(dependents) where there are missing files, files out of the scope
    /// or disks whose needs are not known.
    pub fn is_complete(&self) -> bool {
        self.of.is_some() && (self.inner.is_beyond_doubt() || self.doubts().is_empty())
    }

    /// What could not be asked and might depend on the disk.
    pub fn doubts(&self) -> Vec<Doubt> {
        match self.of {
            Some(x) => {
                let above = self.clone().map(|id| id.slot);
                let settled: SlotSet = std::iter::once(x).chain(above).collect();
                self.inner.scope_doubts(&settled, &settled)
            }
            None => Doubts::of_stale_id(self.inner).list(),
        }
    }

    fn next_run(&mut self) -> Option<Run<'g>> {
        let labels = &self.inner.labels;
        loop {
            if let Some(run) = labels.run(&mut self.places) {
                return Some(run);
            }
            let (range, _) = self.above.more.get(self.next)?;
            self.next += 1;
            self.places = labels.stretch(range.clone());
        }
    }

    /// The disks with their distances, nearest first; within one distance by path.
    /// O(k log k) for k disks and their edges.
    pub fn nearest_first(&self) -> Vec<Dependent> {
        let found = self.of.map(|x| self.inner.dependents_of(&[x])).unwrap_or_default();
        found.into_iter().map(|found| found.dependent).collect()
    }
}

impl Iterator for Dependents<'_> {
    type Item = DiskId;

    #[inline]
    fn next(&mut self) -> Option<DiskId> {
        loop {
            if let Some(disk) = self.run.take_first() {
                return Some(disk);
            }
            self.run = self.next_run()?;
        }
    }

    #[inline]
    fn fold<B, F: FnMut(B, DiskId) -> B>(mut self, init: B, mut f: F) -> B {
        let mut value = init;
        loop {
            let run = std::mem::take(&mut self.run);
            value = run.disks().fold(value, &mut f);
            match self.next_run() {
                Some(run) => self.run = run,
                None => return value,
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let labels = &self.inner.labels;
        let more = self.above.more.iter().skip(self.next);
        let more = more.map(|(range, _)| labels.count(&labels.stretch(range.clone())));
        let count = self.run.len() + labels.count(&self.places) + more.sum::<usize>();
        (count, Some(count))
    }
}

impl ExactSizeIterator for Dependents<'_> {}

/// A dependent, and which of several disks it depends on.
pub(crate) struct Found {
    pub(crate) dependent: Dependent,
    pub(crate) on: u32,
}

impl Inner {
    /// Everything that depends on one of the slots `on`, each once, with the nearest of them;
    /// nearest first, within one distance by path. One of `on` is listed itself where it depends
    /// on one of them. One walk however many there are.
    pub(crate) fn dependents_of(&self, on: &[u32]) -> Vec<Found> {
        let starts: SlotSet = on.iter().copied().collect();
        let above =
            |slot: &u32| self.labels.count(&self.labels.stretch(self.labels.of(*slot).range()));
        let intervals = on.iter().take(16).map(above);
        let likely = intervals.fold(0, usize::saturating_add).min(self.slots.len());
        let mut listed = SlotSet::with_capacity_and_hasher(likely, starts.hasher().clone());
        let mut found: Vec<(&[u8], Found)> = Vec::with_capacity(likely);
        // What surely depends first, so that a disk found both ways counts as certain.
        self.walk_up(on, true, |arc, on, below| {
            let is_new = listed.insert(arc.from);
            if is_new {
                found.extend(self.found(arc, on, below, true));
            }
            is_new && !starts.contains(&arc.from)
        });
        if self.slots.has_extras() {
            let mut walked = starts;
            self.walk_up(on, false, |arc, on, below| {
                if listed.insert(arc.from) {
                    found.extend(self.found(arc, on, below, false));
                }
                walked.insert(arc.from)
            });
        }
        found.sort_by_key(|(path, Found { dependent, .. })| (dependent.depth, *path));
        found.into_iter().map(|(_, found)| found).collect()
    }

    /// Goes up from `on`, nearest first, over certain edges or over all. `meet` is told each edge,
    /// where the way began and how many edges lie below, and says whether to go on from there.
    fn walk_up(&self, on: &[u32], certain_only: bool, mut meet: impl FnMut(Arc, u32, u32) -> bool) {
        let mut work: Vec<(u32, u32, u32)> = on.iter().map(|slot| (*slot, *slot, 0)).collect();
        let mut next = 0;
        while let Some(&(slot, on, below)) = work.get(next) {
            next += 1;
            for arc in self.slots.incoming(slot) {
                // An edge that ends the chain leads to its target and to nothing behind it.
                let passes = (arc.certain() || !certain_only) && (below == 0 || !arc.ends);
                if passes && meet(arc, on, below) {
                    work.push((arc.from, on, below + 1));
                }
            }
        }
    }

    /// The dependent at the upper end of an edge, with its path for the order.
    fn found(&self, arc: Arc, on: u32, below: u32, certain: bool) -> Option<(&[u8], Found)> {
        let edge = self.edge(arc)?;
        let (disk, kind) = (edge.from, edge.facts.kind);
        let dependent = Dependent { disk, depth: below + 1, kind, certain };
        Some((bytes(self.path(arc.from)), Found { dependent, on }))
    }

    /// What is below `x`, nearest first.
    pub(crate) fn needs_of(&self, x: u32) -> Vec<Dependent> {
        let mut listed = SlotSet::default();
        let mut found: Vec<Dependent> = Vec::new();
        // What is surely needed first, so that a disk reached both ways counts as certain.
        let passes: &[bool] = if self.slots.has_extras() { &[true, false] } else { &[true] };
        for &certain_only in passes {
            let mut walked = SlotSet::from_iter([x]);
            let mut work = vec![(x, 0_u32)];
            let mut next = 0;
            while let Some(&(slot, depth)) = work.get(next) {
                next += 1;
                let mut arcs: Vec<_> = self.slots.outgoing(slot).collect();
                arcs.sort_unstable_by_key(|arc| arc.position());
                for arc in arcs {
                    let Some(edge) = self.edge(arc) else { continue };
                    if certain_only && !arc.certain() {
                        continue;
                    }
                    if listed.insert(arc.to) {
                        let (disk, kind) = (edge.to, edge.facts.kind);
                        found.push(Dependent {
                            disk,
                            depth: depth + 1,
                            kind,
                            certain: certain_only,
                        });
                    }
                    if !arc.ends && walked.insert(arc.to) {
                        work.push((arc.to, depth + 1));
                    }
                }
            }
        }
        found.sort_by_key(|step| step.depth);
        found
    }
}
