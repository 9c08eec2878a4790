//! Which combinations of choices are looked at: all, or, where they are too many, the telling ones.

/// How many combinations of what was pending are looked at in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Up to so many, all of them.
    pub exact: usize,
    /// If there are more: those in which everything up to a point happened, all but one, only one; and so
    /// many drawn by chance, always the same.
    pub drawn: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { exact: 256, drawn: 64 }
    }
}

/// Calls `take` with combinations of one option for each dimension: `options[d]` says how many there are,
/// of which 0 is "nothing of it happened" and the last is "all of it".
pub(super) fn combinations(options: &[usize], limits: Limits, mut take: impl FnMut(&[usize])) {
    let product = options.iter().try_fold(1_usize, |product, n| product.checked_mul(*n));
    if product.is_some_and(|product| product <= limits.exact) {
        all(options, take);
        return;
    }
    let last: Vec<usize> = options.iter().map(|n| n.saturating_sub(1)).collect();
    let none = vec![0; options.len()];
    take(&none);
    take(&last);
    for (dimension, count) in options.iter().enumerate() {
        let mut prefix = none.clone();
        for (to, from) in prefix.iter_mut().zip(&last).take(dimension) {
            *to = *from;
        }
        for option in 0..*count {
            for basis in [&none, &last, &prefix] {
                let mut chosen = basis.clone();
                if let Some(chosen) = chosen.get_mut(dimension) {
                    *chosen = option;
                }
                take(&chosen);
            }
        }
    }
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    for _ in 0..limits.drawn {
        let chosen: Vec<_> = options.iter().map(|count| chance.below(*count)).collect();
        take(&chosen);
    }
}

fn all(options: &[usize], mut take: impl FnMut(&[usize])) {
    let mut chosen = vec![0; options.len()];
    loop {
        take(&chosen);
        // Counts up, the first dimension fastest.
        let mut carried = true;
        for (digit, count) in chosen.iter_mut().zip(options) {
            *digit += 1;
            carried = *digit >= *count;
            if !carried {
                break;
            }
            *digit = 0;
        }
        if carried {
            return;
        }
    }
}

/// `SplitMix64`: the same numbers in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % (count.max(1) as u64)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn taken(options: &[usize], limits: Limits) -> BTreeSet<Vec<usize>> {
        let mut taken = BTreeSet::new();
        combinations(options, limits, |chosen| {
            taken.insert(chosen.to_vec());
        });
        taken
    }

    #[test]
    fn few_are_taken_all() {
        assert_eq!(taken(&[], Limits::default()).len(), 1);
        assert_eq!(taken(&[2, 3, 4], Limits::default()).len(), 24);
        assert_eq!(taken(&[1, 1], Limits::default()), BTreeSet::from([vec![0, 0]]));
    }

    #[test]
    fn of_many_the_telling_ones() {
        let limits = Limits { exact: 16, drawn: 8 };
        let taken = taken(&[2; 20], limits);
        for length in 0..=20 {
            let prefix: Vec<_> = (0..20).map(|at| usize::from(at < length)).collect();
            assert!(taken.contains(&prefix), "the first {length}");
        }
        for one in 0..20 {
            assert!(taken.contains(&(0..20).map(|at| usize::from(at == one)).collect::<Vec<_>>()));
            assert!(taken.contains(&(0..20).map(|at| usize::from(at != one)).collect::<Vec<_>>()));
        }
        assert!(taken.len() > 60);
    }

    #[test]
    fn every_option_is_in_range() {
        for chosen in taken(&[3, 1, 7, 2, 9], Limits { exact: 1, drawn: 100 }) {
            assert!(chosen.iter().zip([3, 1, 7, 2, 9]).all(|(option, count)| *option < count));
        }
    }
}
