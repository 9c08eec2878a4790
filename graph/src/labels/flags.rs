//! What a disk inherits from its chain: the way to the nearest extra edge, and doubts.

use crate::labels::{DOUBTFUL, EXTRA, Labels, MISSING, NONE, SELF_DOUBTFUL, SELF_MISSING};
use crate::links::{Arc, Slots};

const INHERITED: u32 = DOUBTFUL | MISSING;

impl Labels {
    /// Hands [`EXTRA`] and the nearest exit down from `edited` to what depends on them through
    /// the forest, as far as that changes anything.
    pub(super) fn update_exits(&mut self, slots: &Slots, edited: &[u32]) {
        for &slot in edited {
            let inherited = slots.parent(slot).map_or(NONE, |parent| *self.exit.get(parent));
            let exit = if slots.has_exit(slot) { slot } else { inherited };
            let mut work = vec![slot];
            while let Some(at) = work.pop() {
                if *self.exit.get(at) == exit || (at != slot && slots.has_exit(at)) {
                    continue;
                }
                *self.exit.at(at) = exit;
                let flags = &mut self.recs.at(at).flags;
                *flags = if exit == NONE { *flags & !EXTRA } else { *flags | EXTRA };
                work.extend(slots.children(at).map(|arc| arc.from));
            }
        }
    }

    /// What a disk is itself, as its dependents inherit it.
    pub(super) fn own(&self, slot: u32) -> u32 {
        let flags = self.of(slot).flags;
        (if flags & SELF_DOUBTFUL != 0 { DOUBTFUL } else { 0 })
            | (if flags & SELF_MISSING != 0 { MISSING } else { 0 })
    }

    /// What an edge brings to its origin.
    fn brings(&self, arc: Arc) -> u32 {
        if arc.ends { self.own(arc.to) } else { self.of(arc.to).flags & INHERITED }
    }

    fn derived(&self, slots: &Slots, slot: u32) -> u32 {
        let brought = slots.outgoing(slot).map(|arc| self.brings(arc));
        brought.fold(self.own(slot), |flags, more| flags | more)
    }

    /// Brings [`DOUBTFUL`] and [`MISSING`] up to date for all that depend on `changed`.
    ///
    /// Deletes, then derives again: a disk that may have lost its reason to carry a flag loses the
    /// flag, and so does what may have had it from there; then those look again at what they need.
    /// O(disks that may lose a flag or gain one, and their edges).
    pub(super) fn update_flags(&mut self, slots: &Slots, changed: &[u32]) {
        let mut work: Vec<(u32, u32)> = Vec::new();
        for &slot in changed {
            let flags = self.of(slot).flags;
            // Where edges outside the forest are, a flag might be its own reason, round a cycle.
            let kept = if flags & EXTRA == 0 { self.derived(slots, slot) } else { self.own(slot) };
            let lost = flags & INHERITED & !kept;
            if lost != 0 {
                work.push((slot, lost));
            }
        }
        let mut again = changed.to_vec();
        while let Some((slot, lost)) = work.pop() {
            let lost = self.of(slot).flags & lost & !self.own(slot);
            if lost == 0 {
                continue;
            }
            self.recs.at(slot).flags &= !lost;
            again.push(slot);
            work.extend(slots.incoming(slot).map(|arc| (arc.from, lost)));
        }
        let mut gained = Vec::new();
        for slot in again {
            let derived = self.derived(slots, slot);
            if derived & !self.of(slot).flags != 0 {
                self.recs.at(slot).flags |= derived;
                gained.push(slot);
            }
        }
        while let Some(slot) = gained.pop() {
            for arc in slots.incoming(slot) {
                let brought = self.brings(arc);
                if brought & !self.of(arc.from).flags != 0 {
                    self.recs.at(arc.from).flags |= brought;
                    gained.push(arc.from);
                }
            }
        }
    }
}
