//! The list beside a plain vector.

use proptest::prelude::*;

use super::*;
use crate::graph::DiskId;
use crate::labels::Recs;

/// The entry of a disk, whose slot has been taken more often than that of another.
fn open(recs: &mut Recs, slot: u32) -> Entry {
    let generation = u8::try_from(slot % 5).unwrap_or(0) + 1;
    while recs.get(slot).generation() < generation {
        recs.next_generation(slot);
    }
    Entry::open(DiskId { slot, generation })
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
        let run: Vec<Entry> = slots.clone().map(|slot| open(&mut self.recs, slot)).collect();
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
        self.order.sound(&self.recs);
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
    let entries: Vec<Entry> = (0..200_000).map(|slot| open(&mut pair.recs, slot)).collect();
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
    let entries: Vec<Entry> = (0..5_000).map(|slot| open(&mut pair.recs, slot)).collect();
    pair.order = Order::of(&entries, &mut pair.recs);
    let mut written = 0;
    for slot in 5_000..7_000 {
        let before: Vec<u32> = (0..slot).map(|slot| pair.recs.get(slot).open()).collect();
        let place = pair.order.start_of(&pair.recs, 2_500).behind_start();
        let entry = open(&mut pair.recs, slot);
        pair.order.insert(&mut pair.recs, place, &[entry]);
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
        pair.order.sound(&pair.recs);
        let next = u32::try_from(pair.model.len()).unwrap_or(0) + 2 * all;
        (0..40).for_each(|more| {
            let new = next + more;
            pair.insert(before, new..new + 1);
        });
        pair.check(|_| false);
        (0..40).for_each(|_| pair.remove(before..before + 1));
    }
}

/// An edit of the list, at so many thousandths of its length.
#[derive(Clone, Debug)]
enum Edit {
    /// So many entries, each where the one before it stands, or else behind it.
    One {
        at: usize,
        count: u32,
        is_before: bool,
    },
    /// So many entries at once.
    Run {
        at: usize,
        count: u32,
    },
    /// So many neighbours, one by one or at once.
    Remove {
        at: usize,
        count: usize,
        at_once: bool,
    },
    /// What is inserted next is put where the last removal was, and so on from there.
    Back {
        count: u32,
    },
    Target {
        at: usize,
        is_target: bool,
    },
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = || prop_oneof![Just(0), Just(1_000), 0..=1_000_usize];
    // As many as a leaf takes, or a tier, or a few of those, and some less or more.
    let around = |size: usize| {
        (0..4_usize, 0..5_usize).prop_map(move |(times, more)| (times * size + more).max(2) - 1)
    };
    let count = move || prop_oneof![1..4_usize, around(LEAF), around(FILL), around(FILL * TIER)];
    let number = move || count().prop_map(|count| u32::try_from(count).unwrap_or(1));
    prop_oneof![
        3 => (at(), number(), any::<bool>())
            .prop_map(|(at, count, is_before)| Edit::One { at, count, is_before }),
        2 => (at(), number()).prop_map(|(at, count)| Edit::Run { at, count }),
        4 => (at(), count(), any::<bool>())
            .prop_map(|(at, count, at_once)| Edit::Remove { at, count, at_once }),
        2 => number().prop_map(|count| Edit::Back { count }),
        2 => (at(), any::<bool>()).prop_map(|(at, is_target)| Edit::Target { at, is_target }),
    ]
}

proptest! {
    #[test]
    fn agrees_with_a_vector_where_leaves_and_tiers_come_and_go(
        begin in 0..3_000_u32,
        edits in prop::collection::vec(edit(), 1..40),
    ) {
        let mut pair = pair();
        let entries: Vec<Entry> = (0..begin).map(|slot| open(&mut pair.recs, slot)).collect();
        pair.order = Order::of(&entries, &mut pair.recs);
        pair.model = (0..begin).collect();
        let (mut next, mut last) = (begin, 0);
        let mut targets = std::collections::BTreeSet::new();
        for edit in edits {
            let len = pair.model.len();
            match edit {
                Edit::One { at, count, is_before } => for step in 0..count {
                    let behind = if is_before { 0 } else { step as usize };
                    pair.insert(len * at / 1_000 + behind, next..next + 1);
                    next += 1;
                },
                Edit::Run { at, count } => {
                    pair.insert(len * at / 1_000, next..next + count);
                    next += count;
                }
                Edit::Remove { at, count, at_once } => {
                    let from = (len * at / 1_000).min(len.saturating_sub(1));
                    let to = (from + count).min(len);
                    pair.model[from..to].iter().for_each(|slot| { targets.remove(slot); });
                    match at_once {
                        true if from < to => pair.remove(from..to),
                        _ => (from..to).for_each(|_| pair.remove(from..from + 1)),
                    }
                    last = from;
                }
                Edit::Back { count } => for _ in 0..count.min(300) {
                    pair.insert(last.min(pair.model.len()), next..next + 1);
                    next += 1;
                },
                Edit::Target { at, is_target } => {
                    if let Some(slot) = pair.model.get(len * at / 1_000).copied() {
                        pair.order.set_target(&pair.recs, slot, is_target);
                        if is_target { targets.insert(slot) } else { targets.remove(&slot) };
                    }
                }
            }
            pair.check(|slot| targets.contains(&slot));
        }
    }
}
