//! A set of positions, as ranges.

use std::collections::BTreeMap;
use std::ops::Range;

/// Disjoint ranges that do not touch each other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ranges {
    /// Start to end.
    ends: BTreeMap<u32, u32>,
}

impl From<Range<u32>> for Ranges {
    fn from(range: Range<u32>) -> Self {
        Self { ends: BTreeMap::from([(range.start, range.end)]) }
    }
}

impl Ranges {
    /// The ranges in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Range<u32>> + '_ {
        self.ends.iter().map(|(start, end)| *start..*end)
    }

    /// Adds `range` and returns those parts of it that are new. O(log n), amortised: what it
    /// touches becomes one.
    pub(crate) fn add(&mut self, range: Range<u32>) -> Vec<Range<u32>> {
        let Range { mut start, mut end } = range;
        let before = self.ends.range(..=start).next_back().filter(|(_, to)| **to >= start);
        if before.is_some_and(|(_, to)| *to >= end) || start >= end {
            return Vec::new();
        }
        let first = before.map_or(start, |(from, _)| *from);
        let touched: Vec<Range<u32>> =
            self.ends.range(first..=end).map(|(from, to)| *from..*to).collect();
        let mut new = Vec::new();
        let mut at = start;
        for have in touched {
            if at < have.start {
                new.push(at..have.start);
            }
            at = at.max(have.end);
            self.ends.remove(&have.start);
            start = start.min(have.start);
            end = end.max(have.end);
        }
        if at < end {
            new.push(at..end);
        }
        self.ends.insert(start, end);
        new
    }

    /// What is in this set and not in `holes`. O(both).
    pub(crate) fn without(&self, holes: &Self) -> Self {
        let mut left = Self::default();
        let mut holes = holes.iter().peekable();
        for Range { mut start, end } in self.iter() {
            while let Some(hole) = holes.peek().filter(|hole| hole.start < end).cloned() {
                if start < hole.start {
                    left.ends.insert(start, hole.start);
                }
                start = start.max(hole.end);
                if hole.end > end {
                    break;
                }
                holes.next();
            }
            if start < end {
                left.ends.insert(start, end);
            }
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ranges: &[Range<u32>]) -> Ranges {
        let mut set = Ranges::default();
        for range in ranges {
            set.add(range.clone());
        }
        set
    }

    fn list(set: &Ranges) -> Vec<Range<u32>> {
        set.iter().collect()
    }

    #[test]
    fn adding_says_what_is_new_and_merges_what_touches() {
        let mut set = of(&[2..4, 6..8, 20..21]);
        assert_eq!(set.add(3..7), vec![4..6]);
        assert_eq!(list(&set), vec![2..8, 20..21]);
        assert_eq!(set.add(2..8), vec![]);
        assert_eq!(set.add(8..9), vec![8..9]);
        assert_eq!(set.add(0..30), vec![0..2, 9..20, 21..30]);
        assert_eq!(list(&set), vec![0..30]);
    }

    #[test]
    fn subtracting_agrees_with_sets_of_positions() {
        let positions = |set: &Ranges| set.iter().flatten().collect::<Vec<u32>>();
        // Every pair of subsets of six positions.
        let subset = |bits: u32| {
            let mut set = Ranges::default();
            for at in (0..6).filter(|at| bits >> at & 1 == 1) {
                set.add(at..at + 1);
            }
            set
        };
        for a in 0..64 {
            for b in 0..64 {
                let left = positions(&subset(a).without(&subset(b)));
                assert_eq!(left, positions(&subset(a & !b)), "{a:b} without {b:b}");
            }
        }
    }
}
