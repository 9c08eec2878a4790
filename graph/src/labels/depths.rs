//! How many other disks a chain names, kept for every disk.

use crate::index::SlotMap;
use crate::labels::{Labels, NONE};
use crate::links::Slots;

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

    /// Counts anew for `edited` and for all whose chains lead through them.
    pub(super) fn update_depths(&mut self, slots: &Slots, edited: &[u32]) {
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
