//! Working a batch of changes into the forest and its list.

use crate::index::SlotSet;
use crate::labels::order::{Entry, Place};
use crate::labels::{EDITED, LEAVING, Labels, NONE, PAIR, PLACED, TARGET};
use crate::links::Slots;
use crate::pages::Paged;

/// What a batch of changes did to slots, as far as the labels must know; and room for what they work
/// out from it. Kept between batches, so that a small one asks nothing of the heap.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    /// Slots that have no place yet.
    pub(crate) fresh: Vec<u32>,
    /// Slots whose edges were replaced, each once: they are [`EDITED`].
    pub(crate) moved: Vec<Moved>,
    /// Slots that became, or stopped being, missing or of unknown needs.
    pub(crate) restated: Vec<u32>,
    /// Slots to be given back, which are [`LEAVING`]: nothing needs them, and they need nothing.
    pub(crate) leaving: Vec<u32>,
    /// Slots that gained or lost edges to them.
    pub(crate) targets: Vec<u32>,
    edited: Vec<u32>,
    leaves: Vec<u32>,
    refused: Vec<u32>,
}

/// A slot whose edges were replaced.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moved {
    pub(crate) slot: u32,
    /// The parent that it had, or [`NONE`].
    pub(crate) parent: u32,
    /// Whether it needed anything.
    pub(crate) had: bool,
}

impl Changed {
    /// Whether there is nothing to be worked in.
    pub(crate) fn is_empty(&self) -> bool {
        let Self { fresh, moved, restated, leaving, targets, .. } = self;
        moved.is_empty() && [fresh, restated, leaving, targets].iter().all(|list| list.is_empty())
    }

    /// Forgets the batch and keeps the room, unless that is large.
    pub(crate) fn clear(&mut self) {
        let Self { fresh, moved, restated, leaving, targets, edited, leaves, refused } = self;
        for list in [fresh, restated, leaving, targets, edited, leaves, refused] {
            list.clear();
            list.shrink_to(ROOM);
        }
        moved.clear();
        moved.shrink_to(ROOM);
    }
}

/// Items that a list of a batch keeps room for.
const ROOM: usize = 1024;

impl Labels {
    /// Brings all labels up to date. What was edited in `slots` stands outside the forest; it is
    /// taken into it here.
    pub(crate) fn update(&mut self, slots: &mut Slots, changed: &mut Changed) {
        if Self::is_worth_building(slots, changed.fresh.len()) {
            self.build(slots, changed);
            return;
        }
        self.add_ended(slots, changed);
        let Changed { fresh, moved, restated, leaving, targets, edited, leaves, refused } = changed;
        fresh.retain(|slot| self.stays(*slot));
        for &slot in &*fresh {
            self.place(slots, slot);
        }
        // Also of a disk that goes: what stood on it may be counted as on a cycle with it.
        let counts = |slot: u32| self.stays(slot) || self.flags(slot) & PAIR != 0;
        let is_outside = |moved: &Moved| moved.had && moved.parent == NONE && counts(moved.slot);
        let mut steps_outside = moved.iter().any(is_outside);
        moved.retain(|moved| self.stays(moved.slot));
        moved.sort_unstable_by_key(|moved| moved.slot);
        for &slot in &*fresh {
            // Nothing inherits from what nothing needs: that can wait until all else is known.
            if !slots.has_incoming(slot) && !slots.has_exit(slot) {
                leaves.push(slot);
            } else {
                *self.at_depth.at(0) += 1;
                edited.push(slot);
            }
        }
        for &Moved { slot, parent, .. } in &*moved {
            self.recs.unflag(slot, EDITED);
            edited.push(slot);
            if !self.settle(slots, slot, parent) {
                refused.push(slot);
            }
        }
        // Where a cycle was opened, the edge that was left out of the forest for its sake may
        // belong into it now.
        for &Moved { slot, parent, .. } in &*moved {
            if slots.has_extras() && slots.parent(slot).unwrap_or(NONE) != parent {
                let into = self.extras_into(slots, self.of(slot).range(), usize::MAX);
                refused
                    .extend(into.iter().filter(|arc| arc.may_be_in_forest()).map(|arc| arc.from));
            }
        }
        for &slot in &*refused {
            if slots.parent(slot).is_none() && self.settle(slots, slot, NONE) {
                steps_outside = true;
                edited.push(slot);
            }
        }
        for &slot in &*leaving {
            self.displace(slot);
        }
        for &slot in &*targets {
            if self.stays(slot) {
                self.mark_target(slots, slot);
            }
        }
        for &slot in &*edited {
            for arc in slots.outgoing(slot) {
                self.mark_target(slots, arc.to);
            }
        }
        for &slot in &*leaves {
            self.count_leaf(slot, slots.parent(slot));
        }
        self.update_exits(slots, edited);
        self.update_depths(slots, edited, steps_outside);
        // Over an edge that ends a chain nothing is inherited but what its target is itself.
        restated.retain(|slot| self.stays(*slot));
        for &slot in &*restated {
            let ending = slots.extras_into(slot).filter(|arc| arc.ends);
            edited.extend(ending.map(|arc| arc.from));
        }
        edited.extend_from_slice(restated);
        self.update_flags(slots, edited);
        for &slot in &*leaves {
            self.inherit(slot, slots.parent(slot));
        }
    }

    /// Labels a slot that nothing needs, which needs nothing but its parent, of the forest, if it has one.
    pub(crate) fn add_leaf(&mut self, slot: u32, parent: Option<u32>) {
        self.recs.next_generation(slot);
        self.place_below(slot, parent);
        self.count_leaf(slot, parent);
        self.inherit(slot, parent);
    }

    /// An edge that ends its chain does so only if its target needs something: where that has
    /// changed, the origins of such edges have changed too.
    fn add_ended(&mut self, slots: &Slots, changed: &mut Changed) {
        for at in 0..changed.moved.len() {
            let Moved { slot: target, had, .. } = changed.moved[at];
            if slots.has_outgoing(target) == had {
                continue;
            }
            for arc in slots.incoming(target).filter(|arc| arc.would_end()) {
                let flags = self.flags(arc.from);
                if flags & PLACED != 0 && flags & EDITED == 0 {
                    self.recs.flag(arc.from, EDITED);
                    let parent = slots.parent(arc.from).unwrap_or(NONE);
                    let had = slots.has_outgoing(arc.from);
                    changed.moved.push(Moved { slot: arc.from, parent, had });
                }
            }
        }
    }

    fn stays(&self, slot: u32) -> bool {
        self.flags(slot) & LEAVING == 0
    }

    /// Gives a place to a slot that has none, and to what it needs first.
    fn place(&mut self, slots: &mut Slots, slot: u32) {
        if self.is_placed(slot) {
            return;
        }
        // Nearly always what it needs is there.
        if wanted(slots, slot).is_none_or(|to| self.is_placed(to)) {
            self.place_on_parent(slots, slot);
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
            self.place_on_parent(slots, at);
        }
    }

    fn place_on_parent(&mut self, slots: &mut Slots, slot: u32) {
        let parent = wanted(slots, slot).filter(|to| self.is_placed(*to));
        slots.set_in_forest(slot, parent.is_some());
        self.place_below(slot, parent);
    }

    /// Gives a slot that has none a place below its parent, or behind all trees.
    fn place_below(&mut self, slot: u32, parent: Option<u32>) {
        let entry = Entry::open(self.id(slot));
        self.recs.flag(slot, PLACED);
        let Some(parent) = parent else {
            let end = self.order.end();
            self.order.insert(&mut self.recs, end, &[entry]);
            return;
        };
        let place = self.order.start_of(&self.recs, parent).behind_start();
        if self.flags(parent) & PAIR != 0 {
            self.order.insert(&mut self.recs, place, &[entry]);
        } else {
            let close = Entry::close(parent);
            self.recs.flag(parent, PAIR);
            self.order.insert(&mut self.recs, place, &[entry, close]);
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

    /// Moves a slot and all above it below `parent`, or out of all trees.
    ///
    /// It goes to the end of the new parent's stretch that is nearer; and where less lies between
    /// here and there than above the slot, that is what moves, to the other side. O(log n), and the
    /// smaller of the two, amortised.
    fn relocate(&mut self, slot: u32, parent: Option<u32>) {
        if let Some(parent) = parent.filter(|parent| self.flags(*parent) & PAIR == 0) {
            let place = self.order.start_of(&self.recs, parent).behind_start();
            let close = Entry::close(parent);
            self.recs.flag(parent, PAIR);
            self.order.insert(&mut self.recs, place, &[close]);
        }
        let (from, to) = self.stand(slot);
        let above = self.order.entries_between(from, to);
        let between = |place: Place| match place <= from {
            true => (place, from),
            false => (to, place),
        };
        let distance = |place| {
            let (from, to) = between(place);
            self.order.entries_between(from, to)
        };
        let (front, back) = self.ends_below(parent);
        let (is_front, distance) = match (distance(front), distance(back)) {
            (front, back) if front <= back => (true, front),
            (_, back) => (false, back),
        };
        let place = if is_front { front } else { back };
        if distance == 0 {
            return;
        }
        if distance < above {
            let goes_behind = place <= from;
            let (from, to) = between(place);
            let run = self.order.remove(from, to);
            let (start, end) = self.stand(slot);
            self.order.insert(&mut self.recs, if goes_behind { end } else { start }, &run);
        } else {
            let run = self.order.remove(from, to);
            let (front, back) = self.ends_below(parent);
            self.order.insert(&mut self.recs, if is_front { front } else { back }, &run);
        }
    }

    /// The places around a slot and all above it.
    fn stand(&self, slot: u32) -> (Place, Place) {
        (self.order.start_of(&self.recs, slot), self.order.end_of(&self.recs, slot))
    }

    /// The first and the last place for a child of `parent`, or for a root.
    fn ends_below(&self, parent: Option<u32>) -> (Place, Place) {
        match parent {
            None => (Place::START, self.order.end()),
            Some(parent) => {
                let (start, end) = self.stand(parent);
                (start.behind_start(), end.before_end())
            }
        }
    }

    /// Takes away the place of a slot that nothing needs. What still stands above it in the list is
    /// on its way out too.
    pub(crate) fn displace(&mut self, slot: u32) {
        if self.is_placed(slot) {
            self.take_out(slot);
        }
        self.recs.clear(slot);
        if *self.exit.get(slot) != NONE {
            *self.exit.at(slot) = NONE;
        }
    }

    fn take_out(&mut self, slot: u32) {
        let start = self.order.start_of(&self.recs, slot);
        let behind = start.behind_start();
        let is_pair = self.flags(slot) & PAIR != 0;
        if is_pair && !self.order.ends_at(behind, slot) {
            let (from, to) = self.stand(slot);
            for entry in self.order.remove(from, to) {
                let slot = entry.slot();
                if !entry.is_close() {
                    self.forget_depth(slot);
                    self.recs.unflag(slot, PLACED);
                }
            }
            return;
        }
        if is_pair {
            self.order.remove_one(behind);
        }
        self.order.remove_one(start);
        self.forget_depth(slot);
    }

    fn is_placed(&self, slot: u32) -> bool {
        self.flags(slot) & PLACED != 0
    }

    fn mark_target(&mut self, slots: &Slots, slot: u32) {
        let flags = self.flags(slot);
        if flags & PLACED != 0 {
            let is_target = slots.has_extras_into(slot);
            if is_target != (flags & TARGET != 0) {
                self.recs.toggle(slot, TARGET);
                self.order.set_target(&self.recs, slot, is_target);
            }
        }
    }
}

/// The parent that a slot should have in the forest.
fn wanted(slots: &Slots, slot: u32) -> Option<u32> {
    slots.step(slot).filter(|step| step.may_be_in_forest()).map(|step| step.to)
}
