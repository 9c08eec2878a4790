//! The list beside a plain vector.

use super::*;
use crate::graph::DiskId;
use crate::labels::Recs;

fn disk(slot: u32) -> DiskId {
    DiskId { slot, generation: 1 }
}

struct Pair {
    recs: Recs,
    order: Order,
    model: Vec<u32>,
    random: u32,
}

impl Pair {
    fn below(&mut self, bound: usize) -> usize {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.random >> 8) as usize % bound
    }

    fn insert(&mut self, at: usize, slots: std::ops::Range<u32>) {
        let run: Vec<Entry> = slots.clone().map(|slot| Entry::open(disk(slot))).collect();
        let place = match at {
            0 => Place::START,
            _ => self.order.start_of(&self.recs, self.model[at - 1]).behind_start(),
        };
        self.order.insert(&mut self.recs, place, &run);
        self.model.splice(at..at, slots);
    }

    fn remove(&mut self, at: std::ops::Range<usize>) {
        let from = self.order.start_of(&self.recs, self.model[at.start]);
        let to = self.order.end_of(&self.recs, self.model[at.end - 1]);
        assert_eq!(self.order.entries_between(from, to), at.len());
        if at.len() == 1 {
            self.order.remove_one(from);
            self.model.remove(at.start);
            return;
        }
        let gone: Vec<u32> = self.order.remove(from, to).iter().map(|entry| entry.slot()).collect();
        let expected: Vec<u32> = self.model.drain(at).collect();
        assert_eq!(gone, expected);
    }

    fn check(&self, targets: impl Fn(u32) -> bool) {
        self.check_bounds();
        let tags: Vec<u32> = self.model.iter().map(|slot| self.recs.get(*slot).open()).collect();
        assert!(tags.is_sorted_by(|a, b| a < b), "tags do not grow along the list");
        let (mut from, to) = (Spot::START, self.order.spot(&self.recs, LAST));
        assert_eq!(self.order.count(from, to), self.model.len());
        let mut listed = Vec::new();
        while let Some(run) = self.order.run(&mut from, to) {
            listed.extend(run.slots());
        }
        assert_eq!(listed, self.model);
        for (slot, tag) in self.model.iter().zip(&tags).step_by(7) {
            let mut run = self.order.spot(&self.recs, *tag);
            let end = self.order.spot(&self.recs, tag + 1);
            let found = self.order.run(&mut run, end).and_then(|run| run.slots().next());
            assert_eq!(found, Some(*slot));
        }
        let mut marked = Vec::new();
        self.order.targets(&self.recs, 0..LAST, |slot| {
            marked.push(slot);
            true
        });
        let expected = self.model.iter().copied().filter(|slot| targets(*slot));
        assert_eq!(marked, expected.collect::<Vec<_>>());
    }
}

impl Pair {
    /// Who looks for a tag comes to the leaf that holds it.
    fn check_bounds(&self) {
        let mut least = 0;
        for (tier, number) in self.order.tiers.iter().zip(0..) {
            assert_eq!(tier.first, tier.leaves[0].first, "tier {number}");
            for (leaf, at) in tier.leaves.iter().zip(0..) {
                assert!(leaf.first >= least && (number + at > 0 || leaf.first == 0));
                least = leaf.first;
                for entry in leaf.entries() {
                    assert_eq!(self.order.leaf_of(entry.tag(&self.recs)), (number, at));
                    least = entry.tag(&self.recs);
                }
            }
        }
    }
}

fn pair() -> Pair {
    let recs = Recs::default();
    Pair { recs, order: Order::default(), model: Vec::new(), random: 1 }
}

/// Insertions at random, at one place, behind the last insertion, in runs; removals of runs.
#[test]
fn agrees_with_a_vector_whatever_comes() {
    let mut pair = pair();
    let mut next = 0;
    for round in 0..60 {
        let place = pair.below(pair.model.len() + 1);
        for step in 0..200_u32 {
            let at = match round % 4 {
                0 => pair.below(pair.model.len() + 1),
                1 => place,
                2 => (place + step as usize).min(pair.model.len()),
                _ => 1.min(pair.model.len()),
            };
            pair.insert(at, next..next + 1);
            next += 1;
        }
        let run = u32::try_from(pair.below(2_000)).unwrap_or(1) + 1;
        let at = pair.below(pair.model.len() + 1);
        pair.insert(at, next..next + run);
        next += run;
        for _ in 0..20 {
            let at = pair.below(pair.model.len());
            pair.remove(at..at + 1);
        }
        if round % 3 == 2 {
            let from = pair.below(pair.model.len());
            let len = pair.below(pair.model.len() - from) + 1;
            pair.remove(from..from + len);
        }
        for slot in
            (0..next).step_by(97).filter(|slot| pair.model.contains(slot)).collect::<Vec<_>>()
        {
            pair.order.set_target(&pair.recs, slot, true);
        }
        pair.check(|slot| slot % 97 == 0);
    }
    let all = pair.model.len();
    pair.remove(0..all);
    assert!(pair.order.tiers.is_empty());
}

/// A list of as many as that holds hundreds of leaves and several tiers.
#[test]
fn a_list_made_at_once_takes_insertions_everywhere() {
    let mut pair = pair();
    let entries: Vec<Entry> = (0..200_000).map(|slot| Entry::open(disk(slot))).collect();
    pair.order = Order::of(&entries, &mut pair.recs);
    pair.model = (0..200_000).collect();
    assert!(pair.order.tiers.len() > 3);
    for slot in 200_000..203_000 {
        let at = pair.below(pair.model.len());
        pair.insert(at, slot..slot + 1);
    }
    pair.check(|_| false);
    let before = pair.order.clone();
    pair.remove(500..190_000);
    pair.check(|_| false);
    assert_eq!(before.entries_between(Place::START, before.end()), 203_000);
}

/// More than there are tags at the distance at which entries are appended.
#[test]
fn appending_goes_on_when_the_tags_run_out() {
    let mut pair = pair();
    for slot in 0..LAST / STRIDE + 3_000 {
        let at = pair.model.len();
        pair.insert(at, slot..slot + 1);
    }
    pair.check(|_| false);
}

/// Tags written per insertion at the worst place, counted as what a version does not share.
#[test]
fn insertions_at_one_place_write_few_tags() {
    let mut pair = pair();
    let entries: Vec<Entry> = (0..5_000).map(|slot| Entry::open(disk(slot))).collect();
    pair.order = Order::of(&entries, &mut pair.recs);
    let mut written = 0;
    for slot in 5_000..7_000 {
        let before: Vec<u32> = (0..slot).map(|slot| pair.recs.get(slot).open()).collect();
        let place = pair.order.start_of(&pair.recs, 2_500).behind_start();
        pair.order.insert(&mut pair.recs, place, &[Entry::open(disk(slot))]);
        let pairs = before.iter().zip(0..);
        written += pairs.filter(|(tag, slot)| pair.recs.get(*slot).open() != **tag).count();
    }
    assert!(written < 2_000 * 40, "{written} tags written for 2,000 insertions");
}

#[test]
fn what_comes_after_the_first_leaf_of_a_tier_went_is_found() {
    let mut pair = pair();
    let all = u32::try_from(4 * TIER * LEAF).unwrap_or(0);
    pair.insert(0, 0..all);
    let len = |tier: &Tier| tier.leaves.iter().map(Leaf::len).sum::<usize>();
    let before = len(&pair.order.tiers[0]);
    let first = pair.order.tiers[1].leaves[0].len();
    for at_once in [true, false] {
        match at_once {
            true => pair.remove(before..before + first),
            false => (0..first).for_each(|_| pair.remove(before..before + 1)),
        }
        pair.check_bounds();
        let next = u32::try_from(pair.model.len()).unwrap_or(0) + 2 * all;
        (0..40).for_each(|more| {
            let new = next + more;
            pair.insert(before, new..new + 1);
        });
        pair.check(|_| false);
        (0..40).for_each(|_| pair.remove(before..before + 1));
    }
}
