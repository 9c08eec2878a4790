//! Working a batch of changes into the forest and its list.

use crate::index::{SlotMap, SlotSet};
use crate::labels::order::Entry;
use crate::labels::{Label, Labels, NONE, PAIR, PLACED, TARGET};
use crate::links::Slots;

/// What a batch of changes did to slots, as far as the labels must know.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    /// Slots that have no place yet.
    pub(crate) fresh: Vec<u32>,
    /// Slots whose edges were replaced: the parent that they had, or [`NONE`], and whether they
    /// needed anything.
    pub(crate) moved: SlotMap<(u32, bool)>,
    /// Slots that became, or stopped being, missing or of unknown needs.
    pub(crate) restated: Vec<u32>,
    /// Slots to be given back: nothing needs them, and they need nothing.
    pub(crate) leaving: SlotSet,
    /// Slots that gained or lost edges to them.
    pub(crate) targets: Vec<u32>,
}

impl Labels {
    /// Brings all labels up to date. What was edited in `slots` stands outside the forest; it is
    /// taken into it here.
    pub(crate) fn update(&mut self, slots: &mut Slots, mut changed: Changed) {
        if Self::is_worth_building(slots, changed.fresh.len()) {
            self.build(slots, &changed);
            return;
        }
        self.add_ended(slots, &mut changed);
        let Changed { mut fresh, moved, mut restated, leaving, targets } = changed;
        let stays = |slot: &u32| !leaving.contains(slot);
        fresh.retain(stays);
        let mut moved: Vec<(u32, u32)> = moved
            .into_iter()
            .filter(|(slot, _)| self.is_placed(*slot) && stays(slot))
            .map(|(slot, (parent, _))| (slot, parent))
            .collect();
        moved.sort_unstable();
        for &slot in &fresh {
            self.place(slots, slot);
        }
        let mut edited = fresh;
        let mut refused = Vec::new();
        for &(slot, parent) in &moved {
            edited.push(slot);
            if !self.settle(slots, slot, parent) {
                refused.push(slot);
            }
        }
        // Where a cycle was opened, the edge that was left out of the forest for its sake may
        // belong into it now.
        for &(slot, parent) in &moved {
            if slots.has_extras() && slots.parent(slot).unwrap_or(NONE) != parent {
                let into = self.extras_into(slots, self.of(slot).range(), usize::MAX);
                refused
                    .extend(into.iter().filter(|arc| arc.may_be_in_forest()).map(|arc| arc.from));
            }
        }
        for slot in refused {
            if slots.parent(slot).is_none() && self.settle(slots, slot, NONE) {
                edited.push(slot);
            }
        }
        for &slot in &leaving {
            self.displace(slot);
        }
        for slot in targets.into_iter().filter(stays) {
            self.mark_target(slots, slot);
        }
        for &slot in &edited {
            for arc in slots.outgoing(slot) {
                self.mark_target(slots, arc.to);
            }
        }
        self.update_exits(slots, &edited);
        self.update_depths(slots, &edited);
        // Over an edge that ends a chain nothing is inherited but what its target is itself.
        restated.retain(stays);
        for &slot in &restated {
            let ending = slots.extras_into(slot).filter(|arc| arc.ends);
            edited.extend(ending.map(|arc| arc.from));
        }
        edited.extend(restated);
        self.update_flags(slots, &edited);
    }

    /// An edge that ends its chain does so only if its target needs something: where that has
    /// changed, the origins of such edges have changed too.
    fn add_ended(&self, slots: &Slots, changed: &mut Changed) {
        let toggled =
            changed.moved.iter().filter(|(slot, (_, had))| slots.has_outgoing(**slot) != *had);
        let toggled: Vec<u32> = toggled.map(|(slot, _)| *slot).collect();
        for target in toggled {
            for arc in slots.incoming(target).filter(|arc| arc.would_end()) {
                if self.is_placed(arc.from) {
                    let parent = slots.parent(arc.from).unwrap_or(NONE);
                    let had = slots.has_outgoing(arc.from);
                    changed.moved.entry(arc.from).or_insert((parent, had));
                }
            }
        }
    }

    /// Gives a place to a slot that has none, and to what it needs first.
    fn place(&mut self, slots: &mut Slots, slot: u32) {
        if self.is_placed(slot) {
            return;
        }
        let mut way = vec![slot];
        let mut on_way = SlotSet::default();
        let mut at = slot;
        while let Some(to) = wanted(slots, at).filter(|to| !self.is_placed(*to)) {
            on_way.insert(at);
            if on_way.contains(&to) {
                break;
            }
            way.push(to);
            at = to;
        }
        while let Some(at) = way.pop() {
            let parent = wanted(slots, at).filter(|to| self.is_placed(*to));
            slots.set_in_forest(at, parent.is_some());
            let entry = Entry::open(self.id(at));
            self.recs.at(at).flags |= PLACED;
            *self.at_depth.at(0) += 1;
            self.insert(parent, &[entry]);
        }
    }

    /// Moves a slot below the parent that it should have now, if `parent`, which it had, is
    /// another. Whether that was possible: it is not where it would close a cycle.
    fn settle(&mut self, slots: &mut Slots, slot: u32, parent: u32) -> bool {
        let wanted = wanted(slots, slot);
        let target = wanted.filter(|wanted| !self.of(slot).holds(self.of(*wanted)));
        if target.unwrap_or(NONE) != parent {
            self.relocate(slot, target);
        }
        slots.set_in_forest(slot, target.is_some());
        target == wanted
    }

    /// Puts a run of entries first below `parent`, or at the end of all. O(run + log n), amortised.
    fn insert(&mut self, parent: Option<u32>, run: &[Entry]) {
        let Some(parent) = parent else {
            self.order.insert(&mut self.recs, None, run);
            return;
        };
        let id = self.id(parent);
        let label = self.recs.at(parent);
        let after = Some(label.open);
        if label.flags & PAIR != 0 {
            self.order.insert(&mut self.recs, after, run);
            return;
        }
        label.flags |= PAIR;
        let mut all = run.to_vec();
        all.push(Entry::close(id));
        self.order.insert(&mut self.recs, after, &all);
    }

    /// Moves a slot and all above it. O(k + log n) for k of them, amortised.
    fn relocate(&mut self, slot: u32, parent: Option<u32>) {
        let run = self.take(slot);
        self.insert(parent, &run);
    }

    /// Takes the entries of a slot and of all above it out of the list.
    fn take(&mut self, slot: u32) -> Vec<Entry> {
        let label = *self.of(slot);
        let from = self.order.spot(&self.recs, label.open);
        let to = match label.flags & PAIR {
            0 => from,
            _ => self.order.spot(&self.recs, label.close),
        };
        self.order.remove(from, to.behind())
    }

    /// Takes away the place of a slot that nothing needs. What still stands above it in the list is
    /// on its way out too.
    fn displace(&mut self, slot: u32) {
        if self.is_placed(slot) {
            for entry in self.take(slot) {
                let slot = entry.disk().slot;
                if !entry.is_close() {
                    self.forget_depth(slot);
                    self.recs.at(slot).flags &= !PLACED;
                }
            }
        }
        let generation = self.of(slot).generation;
        *self.recs.at(slot) = Label { generation, ..Label::BLANK };
        if *self.exit.get(slot) != NONE {
            *self.exit.at(slot) = NONE;
        }
    }

    fn is_placed(&self, slot: u32) -> bool {
        self.of(slot).flags & PLACED != 0
    }

    fn mark_target(&mut self, slots: &Slots, slot: u32) {
        let label = self.of(slot);
        if label.flags & PLACED != 0 {
            let is_target = slots.has_extras_into(slot);
            if is_target != (label.flags & TARGET != 0) {
                let open = label.open;
                self.recs.at(slot).flags ^= TARGET;
                self.order.set_target(&self.recs, open, is_target);
            }
        }
    }
}

/// The parent that a slot should have in the forest.
fn wanted(slots: &Slots, slot: u32) -> Option<u32> {
    slots.step(slot).filter(|step| step.may_be_in_forest()).map(|step| step.to)
}
