//! A graph made of all its disks at once: nothing is looked up, and what finds disks by key and by path is made
//! when it is first needed.

use std::sync::{Arc as Shared, OnceLock};

use crate::apply::{ApplyError, MAX_DISKS};
use crate::facts::State;
use crate::graph::{Graph, Inner, bytes};
use crate::index::Index;
use crate::labels::{Changed, MISSING_WITH_NEEDS, OUTSIDE, SELF_DOUBTFUL, SELF_MISSING};
use crate::links::{NewEdge, Slots};
use crate::parallel::both;
use crate::records::{InPile, Known, Pile, Records};

/// What finds disks, made when it is first asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unindexed {
    by_key: OnceLock<Index>,
    by_path: OnceLock<Index>,
}

impl Graph {
    /// The graph of the disks at these places, whose keys are all different, each with so many of the edges, which
    /// lead to disks by their positions; made by so many threads. The same as [`Graph::apply`] makes of them one by
    /// one. O(disks + edges).
    ///
    /// # Errors
    ///
    /// [`ApplyError::TooManyDisks`].
    pub(crate) fn of_all(
        (piles, places): (&[Pile], &[InPile]),
        (counts, edges): (&[u32], &[NewEdge<u32>]),
        threads: usize,
    ) -> Result<Self, ApplyError> {
        if counts.len() + edges.len() > MAX_DISKS {
            return Err(ApplyError::TooManyDisks { max: MAX_DISKS });
        }
        let known = |place: &InPile| piles.get(place.pile as usize)?.known(place.at as usize);
        let labelled = || {
            let mut inner = Inner::default();
            inner.slots = Slots::of(counts, edges);
            for ((place, count), slot) in places.iter().zip(counts).zip(0..) {
                inner.labels.next_generation(slot);
                if let Some(known) = known(place) {
                    inner.say(slot, known, *count > 0);
                }
            }
            let Inner { labels, slots, .. } = &mut inner;
            labels.build(slots, &Changed::default());
            inner
        };
        // The records ask the heap for most, which is dearer in a thread that has just begun: they stay in this one.
        let records = || Records::of(piles, places);
        let (mut inner, records) = both(threads, places.len(), labelled, records);
        inner.clock = 1;
        inner.unindexed = Some(Box::default());
        inner.records = records;
        Ok(Self { inner: Shared::new(inner), ..Self::default() })
    }

    /// Makes what finds disks, so that nobody who asks or changes the graph later has to.
    pub(crate) fn index(&mut self) {
        Shared::make_mut(&mut self.inner).index();
    }
}

impl Inner {
    /// Notes what a new disk is itself.
    fn say(&mut self, slot: u32, known: Known<'_>, has_needs: bool) {
        if known.is_doubtful() {
            self.labels.flag(slot, SELF_DOUBTFUL);
            self.doubtful.insert(slot);
        }
        if known.lies_outside() {
            self.labels.flag(slot, OUTSIDE);
            self.outside.insert(slot);
        }
        if known.state() == State::Missing {
            self.labels.flag(slot, SELF_MISSING);
            self.missing.insert(slot);
            self.namesakes.note(slot, known);
            if has_needs {
                self.labels.flag(slot, MISSING_WITH_NEEDS);
                self.missing_with_needs += 1;
            }
        }
    }

    /// What finds disks by key.
    pub(crate) fn by_key(&self) -> &Index {
        match &self.unindexed {
            None => &self.by_key,
            Some(later) => later.by_key.get_or_init(|| {
                Index::of(self.all_known().map(|(slot, known)| (known.key(), slot)))
            }),
        }
    }

    /// What finds disks by path.
    pub(crate) fn by_path(&self) -> &Index {
        match &self.unindexed {
            None => &self.by_path,
            Some(later) => {
                later.by_path.get_or_init(|| {
                    Index::of(self.all_known().flat_map(|(slot, known)| {
                        known.paths().map(move |path| (bytes(path), slot))
                    }))
                })
            }
        }
    }

    fn all_known(&self) -> impl Iterator<Item = (u32, Known<'_>)> {
        self.slots.slots().filter_map(|slot| Some((slot, self.known(slot)?)))
    }

    /// To be called before anything is changed in place: what finds disks is kept up to date from then on.
    pub(crate) fn index(&mut self) {
        if self.unindexed.is_some() {
            self.by_key();
            self.by_path();
        }
        if let Some(Unindexed { by_key, by_path }) = self.unindexed.take().map(|made| *made) {
            self.by_key = by_key.into_inner().unwrap_or_default();
            self.by_path = by_path.into_inner().unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::facts::{Certainty, Change, DependencyKnowledge, EdgeFacts, Facts, Key};
    use crate::links::all_traits;

    /// For each disk: what its references lead to and what kind they are, and what it is itself.
    type Drawn = (Vec<(usize, u8)>, u8);

    fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
        let references = prop::collection::vec((0..40_usize, any::<u8>()), 0..4);
        prop::collection::vec((references, any::<u8>()), 1..40)
    }

    fn key(disk: usize) -> Key {
        Key::File { device: 1, inode: disk as u64 }
    }

    fn facts(disk: usize, count: usize, (references, is): &Drawn) -> Facts {
        let references = references.iter().map(|(target, kind)| {
            let target = key(target % count);
            let edge = match kind & 3 {
                0 => EdgeFacts::data_file(target),
                _ => EdgeFacts::backing(target),
            };
            let certainty = [Certainty::Certain, Certainty::Possible];
            let certainty = certainty[usize::from(kind & 12 == 12)];
            EdgeFacts { certainty, ends_chain: kind & 48 == 48, ..edge }
        });
        let long = if is & 48 == 48 { "x".repeat(5_000) } else { String::new() };
        let mut facts =
            Facts::new(key(disk)).at(format!("/{}", disk % 30)).at(format!("/{disk}{long}"));
        facts.references = references.collect();
        facts.state = if is & 3 == 3 { State::Missing } else { State::Ok };
        if is & 12 == 12 {
            facts.dependencies = DependencyKnowledge::Unknown;
        }
        facts
    }

    proptest! {
        #[test]
        fn at_once_is_as_one_by_one(drawn in drawn(), change in 0..40_usize) {
            let count = drawn.len();
            let all: Vec<Facts> =
                (0..).zip(&drawn).map(|(disk, drawn)| facts(disk, count, drawn)).collect();
            let mut edges = Vec::new();
            let mut counts = Vec::new();
            for facts in &all {
                let to = |edge: &EdgeFacts| match edge.target {
                    Key::File { inode, .. } => u32::try_from(inode).unwrap(),
                    Key::Name(_) => unreachable!(),
                };
                let links = facts.references.iter().map(to).zip(all_traits(&facts.references));
                edges.extend(links.map(|(to, traits)| NewEdge { to, traits }));
                counts.push(u32::try_from(facts.references.len()).unwrap());
            }
            // In two piles, and in another order than theirs.
            let mut piles = [Pile::default(), Pile::default()];
            let place = |facts: &Facts| {
                let pile = facts.references.len() % 2;
                let at = u32::try_from(piles[pile].len()).unwrap();
                piles[pile].push(facts, 1);
                InPile { pile: u32::try_from(pile).unwrap(), at }
            };
            let mut places: Vec<InPile> = all.iter().rev().map(place).collect();
            places.reverse();
            let mut one = Graph::of_all((&piles, &places), (&counts, &edges), 1).unwrap();
            let mut other = Graph::new();
            other.apply(all.iter().cloned().map(Change::Insert)).unwrap();
            for step in 0..3 {
                compare(&one, &other, count)?;
                let disk = (change + step) % count;
                for graph in [&mut one, &mut other] {
                    let id = graph.find_key(&key(disk));
                    let change = match (step, id) {
                        (0, Some(disk)) => Change::Repoint { disk, references: Vec::new() },
                        (1, Some(disk)) => Change::Remove(disk),
                        _ => Change::Insert(all[disk].clone()),
                    };
                    graph.apply([change]).unwrap();
                }
            }
        }
    }

    fn compare(one: &Graph, other: &Graph, count: usize) -> Result<(), TestCaseError> {
        prop_assert_eq!((one.len(), one.edge_count()), (other.len(), other.edge_count()));
        let key_of = |graph: &Graph, id| graph.disk(id).unwrap().key().to_key();
        for path in 0..30 {
            let path = format!("/{path}");
            let find = |graph: &Graph| graph.find(Path::new(&path)).map(|id| key_of(graph, id));
            prop_assert_eq!(find(one), find(other));
        }
        for a in 0..count {
            let ids = |disk| (one.find_key(&key(disk)), other.find_key(&key(disk)));
            let (Some(x), Some(y)) = ids(a) else {
                prop_assert_eq!(ids(a), (None, None));
                continue;
            };
            prop_assert_eq!(one.disk(x).unwrap().facts(), other.disk(y).unwrap().facts());
            prop_assert_eq!(one.depth(x), other.depth(y));
            let above = |graph: &Graph, id| {
                let mut keys: Vec<String> =
                    graph.dependents(id).map(|id| format!("{:?}", key_of(graph, id))).collect();
                keys.sort();
                keys
            };
            prop_assert_eq!(above(one, x), above(other, y));
            for b in 0..count {
                if let (Some(u), Some(v)) = ids(b) {
                    let (here, there) = (one.depends_on(x, u), other.depends_on(y, v));
                    prop_assert_eq!(here.is_yes(), there.is_yes());
                    prop_assert_eq!(here.is_no(), there.is_no());
                }
            }
        }
        Ok(())
    }
}
