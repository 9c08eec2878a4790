//! Who depends on x? And what does x depend on?

use std::collections::HashSet;
use std::path::Path;

use crate::doubt::Doubt;
use crate::facts::EdgeKind;
use crate::graph::{DiskId, Graph, Inner, bytes};
use crate::labels::Above;
use crate::query::answer::Doubts;

type Hasher = foldhash::fast::RandomState;

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
    run: std::slice::Iter<'g, DiskId>,
    next: usize,
}

/// One disk that depends on another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dependent {
    /// Which one.
    pub disk: DiskId,
    /// Number of edges between the two, at least 1.
    pub depth: u32,
    /// How it hangs on the next one on the way.
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
        let above = of.map_or(Above { own: 0..0, more: Vec::new() }, |x| inner.labels.above(x));
        let run = inner.labels.slice(above.own.clone()).iter();
        Dependents { inner, of, above, run, next: 0 }
    }

    /// Everything that `x` depends on, at any depth, nearest first. Rests on x's chain alone.
    /// O(disks and edges found).
    pub fn dependencies(&self, x: DiskId) -> Vec<Dependent> {
        let inner = &*self.inner;
        if !inner.is_live(x) {
            return Vec::new();
        }
        let steps = inner.needs_of(x.slot).into_iter();
        steps.map(|(slot, step)| Dependent { disk: inner.id(slot), ..step }).collect()
    }
}

impl<'g> Dependents<'g> {
    /// Whether this is everything: nothing in scope could not be asked.
    pub fn is_complete(&self) -> bool {
        self.of.is_some_and(|x| self.inner.scope_doubts(&[x]).next().is_none())
    }

    /// What could not be asked and might depend on the disk.
    pub fn doubts(&self) -> Vec<Doubt> {
        match self.of {
            Some(x) => self.inner.scope_doubts(&[x]).collect(),
            None => Doubts::of_stale_id(self.inner).list(),
        }
    }

    /// The disks with their distances, nearest first; within one distance by path.
    /// O(k log k) for k disks and their edges.
    pub fn nearest_first(&self) -> Vec<Dependent> {
        self.of.map(|x| self.inner.above_by_distance(x, &self.above)).unwrap_or_default()
    }
}

impl Iterator for Dependents<'_> {
    type Item = DiskId;

    #[inline]
    fn next(&mut self) -> Option<DiskId> {
        loop {
            if let Some(id) = self.run.next() {
                return Some(*id);
            }
            let (range, _) = self.above.more.get(self.next)?;
            self.next += 1;
            self.run = self.inner.labels.slice(range.clone()).iter();
        }
    }

    #[inline]
    fn fold<B, F: FnMut(B, DiskId) -> B>(self, init: B, mut f: F) -> B {
        let mut value = self.run.fold(init, |value, id| f(value, *id));
        for (range, _) in self.above.more.iter().skip(self.next) {
            for id in self.inner.labels.slice(range.clone()) {
                value = f(value, *id);
            }
        }
        value
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let more = self.above.more.iter().skip(self.next);
        let count = self.run.len() + more.map(|(range, _)| range.len()).sum::<usize>();
        (count, Some(count))
    }
}

impl ExactSizeIterator for Dependents<'_> {}

impl Inner {
    fn above_by_distance(&self, x: u32, above: &Above) -> Vec<Dependent> {
        let certain: Vec<_> =
            above.more.iter().filter(|(_, certain)| *certain).map(|(range, _)| range).collect();
        let is_certain = |slot: u32| {
            let pre = self.labels.of(slot).pre;
            let at = certain.partition_point(|range| range.end <= pre);
            above.own.contains(&pre) || certain.get(at).is_some_and(|range| range.contains(&pre))
        };
        let count =
            above.own.len() + above.more.iter().map(|(range, _)| range.len()).sum::<usize>();
        let mut seen = hashbrown::HashSet::with_capacity_and_hasher(count, Hasher::default());
        let mut found: Vec<(&Path, Dependent)> = Vec::with_capacity(count);
        let mut work = vec![(x, 0_u32)];
        let mut next = 0;
        while let Some(&(slot, depth)) = work.get(next) {
            next += 1;
            for arc in self.slots.incoming(slot) {
                let Some(edge) = self.edge(arc) else { continue };
                let passes = slot == x || !edge.facts.ends_chain;
                if passes && seen.insert(arc.from) {
                    let dependent = Dependent {
                        disk: edge.from,
                        depth: depth + 1,
                        kind: edge.facts.kind,
                        certain: is_certain(arc.from),
                    };
                    found.push((self.shown_path(arc.from), dependent));
                    if arc.from != x {
                        work.push((arc.from, depth + 1));
                    }
                }
            }
        }
        found.sort_by(|(a_path, a), (b_path, b)| {
            a.depth.cmp(&b.depth).then_with(|| bytes(a_path).cmp(bytes(b_path)))
        });
        found.into_iter().map(|(_, dependent)| dependent).collect()
    }

    /// What is below `x`, nearest first, with the slot beside it.
    pub(crate) fn needs_of(&self, x: u32) -> Vec<(u32, Dependent)> {
        let mut listed = HashSet::new();
        let mut found: Vec<(u32, Dependent)> = Vec::new();
        // What is surely needed first, so that a disk reached both ways counts as certain.
        for certain_only in [true, false] {
            let mut walked = HashSet::from([x]);
            let mut work = vec![(x, 0_u32)];
            let mut next = 0;
            while let Some(&(slot, depth)) = work.get(next) {
                next += 1;
                let mut arcs: Vec<_> = self.slots.outgoing(slot).collect();
                arcs.sort_unstable_by_key(|arc| arc.position);
                for arc in arcs {
                    let Some(edge) = self.edge(arc) else { continue };
                    let traits = self.traits(arc);
                    if certain_only && !traits.certain {
                        continue;
                    }
                    if listed.insert(arc.to) {
                        let depth = depth + 1;
                        let (disk, kind) = (edge.to, edge.facts.kind);
                        found
                            .push((arc.to, Dependent { disk, depth, kind, certain: certain_only }));
                    }
                    if !traits.ends && walked.insert(arc.to) {
                        work.push((arc.to, depth + 1));
                    }
                }
            }
        }
        found.sort_by_key(|(_, step)| step.depth);
        found
    }
}
