//! How many other disks a chain names, kept for every disk.

use crate::index::SlotMap;
use crate::labels::{Labels, NONE};
use crate::links::Slots;
use crate::pages::Paged;

/// Where a slot is in the counting.
#[derive(Clone, Copy, PartialEq)]
enum Seen {
    Never,
    InThisWalk,
}

impl Labels {
    /// Sets the depth of a slot that has a place, and where its chain is ended.
    fn note_depth(&mut self, slot: u32, depth: u32, last: u32) {
        let before = *self.depth.get(slot);
        if before != depth {
            *self.at_depth.at(before) -= 1;
            *self.at_depth.at(depth) += 1;
            *self.depth.at(slot) = depth;
            self.deepest = self.deepest.max(depth);
        }
        if *self.last.get(slot) != last {
            *self.last.at(slot) = last;
        }
    }

    /// Forgets the depth of a slot that loses its place.
    pub(super) fn forget_depth(&mut self, slot: u32) {
        self.note_depth(slot, 0, NONE);
        *self.at_depth.at(0) -= 1;
        self.lower_deepest();
    }

    fn lower_deepest(&mut self) {
        while self.deepest > 0 && *self.at_depth.get(self.deepest) == 0 {
            self.deepest -= 1;
        }
    }

    /// Counts for a slot that was not counted, that nothing needs and that no edge outside the forest
    /// leaves.
    pub(super) fn count_leaf(&mut self, slot: u32, parent: Option<u32>) {
        let depth = parent.map_or(0, |parent| self.depth(parent) + 1);
        if depth > 0 {
            *self.depth.at(slot) = depth;
            self.deepest = self.deepest.max(depth);
        }
        *self.at_depth.at(depth) += 1;
        let last = parent.map_or(NONE, |parent| *self.last.get(parent));
        if last != NONE {
            *self.last.at(slot) = last;
        }
    }

    /// Brings the depths of `edited` up to date, and of all whose chains lead through them.
    ///
    /// What is above a disk in the forest goes up or down with it: one pass over its stretch.
    /// `steps_outside` says that one of them had a step that was not in the forest. Where there is
    /// such a step, all are counted again.
    pub(super) fn update_depths(&mut self, slots: &Slots, edited: &mut [u32], steps_outside: bool) {
        if steps_outside || !edited.iter().all(|slot| self.goes_with_parent(slots, *slot)) {
            self.count_depths(slots, edited);
            return;
        }
        // The upper ones first: then what is above one is in step with it when its turn comes.
        self.sort_upper_first(edited);
        for &slot in &*edited {
            let depth = slots.parent(slot).map_or(0, |parent| self.depth(parent) + 1);
            self.shift_depths(slot, depth);
        }
        self.lower_deepest();
    }

    /// Whether the depth of a slot is one more than that of its parent, and of all above it so too.
    fn goes_with_parent(&self, slots: &Slots, slot: u32) -> bool {
        let in_forest = match slots.parent(slot) {
            Some(parent) => *self.last.get(parent) == NONE,
            None => slots.step(slot).is_none(),
        };
        let steps_in = || {
            let into = self.extras_into(slots, self.of(slot).range(), usize::MAX);
            into.iter().any(|arc| arc.is_step() && !arc.ends)
        };
        in_forest && *self.last.get(slot) == NONE && !steps_in()
    }

    /// Gives a slot a depth, and moves what is above it in the forest along.
    fn shift_depths(&mut self, slot: u32, depth: u32) {
        let before = self.depth(slot);
        if before == depth {
            return;
        }
        let range = self.of(slot).range();
        let Self { recs, order, depth: depths, at_depth, deepest, .. } = self;
        let mut counts: Vec<u32> = Vec::new();
        let (mut spot, end) = (order.spot(recs, range.start), order.spot(recs, range.end));
        while let Some(run) = order.run(&mut spot, end) {
            depths.each(
                run.slots(),
                |slot| *slot,
                |_, at| {
                    let over = at.saturating_sub(before);
                    *at = depth + over;
                    let over = over as usize;
                    if over >= counts.len() {
                        counts.resize(over + 1, 0);
                    }
                    counts[over] += 1;
                },
            );
        }
        let over = |over: &(u32, u32)| over.0;
        let counts = || (0_u32..).zip(counts.iter().copied());
        at_depth.each(counts().map(|(at, count)| (before + at, count)), over, |(_, count), at| {
            *at -= count;
        });
        at_depth.each(counts().map(|(at, count)| (depth + at, count)), over, |(_, count), at| {
            *at += count;
        });
        let most = counts().last().map_or(0, |(at, _)| depth + at);
        *deepest = (*deepest).max(most);
    }

    /// Counts anew for `edited` and for all whose chains lead through them.
    pub(super) fn count_depths(&mut self, slots: &Slots, edited: &[u32]) {
        let mut seen: SlotMap<Seen> = SlotMap::default();
        let mut affected = Vec::new();
        for &slot in edited {
            if seen.insert(slot, Seen::Never).is_none() {
                affected.push(slot);
            }
        }
        let mut next = 0;
        while let Some(&slot) = affected.get(next) {
            next += 1;
            for arc in slots.incoming(slot).filter(|arc| arc.is_step() && !arc.ends) {
                if seen.insert(arc.from, Seen::Never).is_none() {
                    affected.push(arc.from);
                }
            }
        }
        for &start in &affected {
            self.count_chain(slots, start, &mut seen);
        }
        self.lower_deepest();
    }

    /// Counts for every slot the other disks that its chain names. Each slot has one step at most,
    /// so each is walked once: a walk ends at a chain's end, in a cycle, or where nothing changed or
    /// an earlier walk has been, and is then counted backwards.
    fn count_chain(&mut self, slots: &Slots, start: u32, seen: &mut SlotMap<Seen>) {
        let goes_on = |slot: u32| slots.step(slot).filter(|step| !step.ends).map(|step| step.to);
        let mut walk = Vec::new();
        let mut next = Some(start);
        while let Some(at) = next.filter(|at| seen.get(at) == Some(&Seen::Never)) {
            seen.insert(at, Seen::InThisWalk);
            walk.push(at);
            next = goes_on(at);
        }
        if let Some(entry) = next.filter(|at| seen.get(at) == Some(&Seen::InThisWalk)) {
            let from = walk.iter().position(|at| *at == entry).unwrap_or(0);
            let others = u32::try_from(walk.len() - from - 1).unwrap_or(NONE);
            for member in walk.drain(from..) {
                self.note_depth(member, others, NONE);
                seen.remove(&member);
            }
        }
        while let Some(at) = walk.pop() {
            // The disk behind the step that ends the chain: where the chain has met it before, it
            // does not count for a second time.
            let (steps, last) = match slots.step(at) {
                None => (0, NONE),
                Some(step) if step.ends => (1, step.to),
                Some(step) => (self.depth(step.to) + 1, *self.last.get(step.to)),
            };
            self.note_depth(at, steps - u32::from(last == at), last);
            seen.remove(&at);
        }
    }
}
