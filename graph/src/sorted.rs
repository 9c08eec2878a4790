//! Small ordered sets of which versions share whatever is the same in both.

use std::ops::RangeInclusive;
use triomphe::Arc as Shared;

use crate::sizes::cut;

/// Items in a run, at most.
const RUN: usize = cut(256, 4);

/// An ordered set, as runs behind reference counts. O(log n) to find; O(log n + [`RUN`] + n / RUN)
/// to change, with constants of a memory copy.
#[derive(Clone, Debug)]
pub(crate) struct Sorted<T> {
    runs: Vec<Shared<Vec<T>>>,
}

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Self { runs: Vec::new() }
    }
}

impl<T: Ord + Copy> Sorted<T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// O(n / [`RUN`]).
    pub(crate) fn len(&self) -> usize {
        self.runs.iter().map(|run| run.len()).sum()
    }

    /// The run that holds `item`, or would.
    fn run(&self, item: &T) -> usize {
        self.runs
            .partition_point(|run| run.first().is_some_and(|first| first <= item))
            .saturating_sub(1)
    }

    pub(crate) fn contains(&self, item: &T) -> bool {
        self.runs.get(self.run(item)).is_some_and(|run| run.binary_search(item).is_ok())
    }

    pub(crate) fn insert(&mut self, item: T) {
        let at = self.run(&item);
        let Some(run) = self.runs.get_mut(at) else {
            self.runs.push(Shared::new(vec![item]));
            return;
        };
        let Err(place) = run.binary_search(&item) else { return };
        let run = Shared::make_mut(run);
        run.insert(place, item);
        if run.len() > RUN {
            // Who inserts in ascending order leaves full runs behind.
            let from = if place == RUN { RUN - 1 } else { RUN / 2 };
            let rest = run.split_off(from);
            self.runs.insert(at + 1, Shared::new(rest));
        }
    }

    pub(crate) fn remove(&mut self, item: &T) {
        let at = self.run(item);
        let Some(run) = self.runs.get_mut(at) else { return };
        let Ok(place) = run.binary_search(item) else { return };
        let run = Shared::make_mut(run);
        run.remove(place);
        if run.is_empty() {
            self.runs.remove(at);
        }
    }

    /// The items in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = T> + '_ {
        self.runs.iter().flat_map(|run| run.iter().copied())
    }

    /// The items of a range in ascending order.
    pub(crate) fn range(&self, range: RangeInclusive<T>) -> impl Iterator<Item = T> + '_ {
        let (first, last) = range.into_inner();
        let at = self.run(&first);
        let runs = self.runs.get(at..).unwrap_or_default().iter();
        let items = runs.flat_map(|run| run.iter().copied());
        items.skip_while(move |item| *item < first).take_while(move |item| *item <= last)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn agrees_with_a_tree() {
        let (mut sorted, mut tree) = (Sorted::default(), BTreeSet::new());
        let mut random = 1_u32;
        for step in 0..20_000_u32 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let item = random >> 19;
            if random >> 8 & 3 == 0 {
                sorted.remove(&item);
                tree.remove(&item);
            } else {
                sorted.insert(item);
                tree.insert(item);
            }
            assert_eq!(sorted.contains(&step), tree.contains(&step));
            assert_eq!(sorted.len(), tree.len());
            if step % 1_000 == 0 {
                assert!(sorted.iter().eq(tree.iter().copied()));
                let range = || 1_000..=5_000 + step / 10;
                assert!(sorted.range(range()).eq(tree.range(range()).copied()));
            }
        }
        let before = sorted.clone();
        while let Some(item) = tree.pop_first() {
            sorted.remove(&item);
        }
        assert!(sorted.is_empty() && !before.is_empty());
    }
}
