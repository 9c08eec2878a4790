//! What a disk inherits from its chain: the way to the nearest extra edge, and doubts.

use std::cmp::Reverse;
use std::ops::Range;

use crate::labels::{
    DOUBTFUL, EXTRA, Flags, Labels, MISSING, NONE, NOT_PLAIN, PAIR, Recs, SELF_DOUBTFUL,
    SELF_MISSING,
};
use crate::links::{Arc, Slots};
use crate::pages::Paged;

const INHERITED: Flags = DOUBTFUL | MISSING;

impl Labels {
    /// Hands [`EXTRA`] and the nearest exit down from `edited` to what depends on them through
    /// the forest: to all in their stretches that had the same exit. O(those, and the pairs of
    /// neighbours that they border on), for those whose exit changes.
    pub(super) fn update_exits(&mut self, slots: &Slots, edited: &mut [u32]) {
        // The upper ones first: then a walk from a lower one goes round what they have set.
        self.sort_upper_first(edited);
        for &slot in &*edited {
            let inherited = slots.parent(slot).map_or(NONE, |parent| *self.exit.get(parent));
            let exit = if slots.has_exit(slot) { slot } else { inherited };
            let before = *self.exit.get(slot);
            if before != exit {
                self.replace_exit(slots, slot, before, exit);
            }
        }
    }

    fn replace_exit(&mut self, slots: &Slots, slot: u32, before: u32, exit: u32) {
        let range = self.of(slot).range();
        let Self { recs, order, exit: exits, .. } = self;
        let (mut spot, end) = (order.spot(recs, range.start), order.spot(recs, range.end));
        'runs: while let Some(run) = order.run(&mut spot, end) {
            for at in run.slots() {
                let flags = recs.flags(at);
                // `before` itself may have come to lie above, and be its own exit still.
                let is_own = at == before && at != slot && slots.has_exit(at);
                if *exits.get(at) == before && !is_own {
                    *exits.at(at) = exit;
                    let now = if exit == NONE { flags & !EXTRA } else { flags | EXTRA };
                    if flags != now {
                        recs.set_flags(at, now);
                    }
                } else if flags & PAIR != 0 {
                    spot = order.spot(recs, recs.get(at).close());
                    continue 'runs;
                }
            }
        }
    }

    pub(super) fn sort_upper_first(&self, slots: &mut [u32]) {
        slots.sort_unstable_by_key(|slot| Reverse(self.of(*slot).open()));
    }

    /// Gives a slot that nothing needs, and that no edge outside the forest leaves, what its parent
    /// has.
    pub(super) fn inherit(&mut self, slot: u32, parent: Option<u32>) {
        let Some(parent) = parent else { return };
        let exit = *self.exit.get(parent);
        if exit != NONE {
            *self.exit.at(slot) = exit;
        }
        let flags = self.flags(slot);
        let now = flags | self.flags(parent) & (INHERITED | EXTRA);
        if flags != now {
            self.recs.set_flags(slot, now);
        }
    }

    /// What a disk is itself, as its dependents inherit it.
    pub(super) fn own(&self, slot: u32) -> Flags {
        own(self.flags(slot))
    }

    /// What an edge brings to its origin.
    fn brings(&self, arc: Arc) -> Flags {
        if arc.ends { self.own(arc.to) } else { self.flags(arc.to) & INHERITED }
    }

    fn derived(&self, slots: &Slots, slot: u32) -> Flags {
        let brought = slots.outgoing(slot).map(|arc| self.brings(arc));
        brought.fold(self.own(slot), |flags, more| flags | more)
    }

    /// Brings [`DOUBTFUL`] and [`MISSING`] up to date for all that depend on `changed`.
    ///
    /// Deletes, then derives again: a disk that may have lost its reason to carry a flag loses the
    /// flag, and so does what may have had it from there; then those look again at what they need.
    /// What is above a disk in the forest is gone over as a stretch of the list. O(k log k) for the
    /// k disks that may lose a flag or gain one, and their edges.
    pub(super) fn update_flags(&mut self, slots: &Slots, changed: &mut [u32]) {
        // The lower ones first, whose stretches hold the others.
        self.sort_upper_first(changed);
        changed.reverse();
        let mut work: Vec<(u32, Flags)> = Vec::new();
        for &slot in &*changed {
            let flags = self.flags(slot);
            // Where edges outside the forest are, a flag might be its own reason, round a cycle.
            let kept = if flags & EXTRA == 0 { self.derived(slots, slot) } else { self.own(slot) };
            let lost = flags & INHERITED & !kept;
            if lost != 0 {
                work.push((slot, lost));
            }
        }
        let mut again = Vec::new();
        while !work.is_empty() {
            work.sort_unstable_by_key(|(slot, _)| self.of(*slot).open());
            for (slot, lost) in std::mem::take(&mut work) {
                let lost = self.flags(slot) & lost & !self.own(slot);
                if lost != 0 {
                    again.push(slot);
                    self.take_flags(slots, slot, lost, &mut again);
                    let into = self.extras_into(slots, self.of(slot).range(), usize::MAX);
                    work.extend(into.iter().map(|arc| (arc.from, lost)));
                }
            }
        }
        again.sort_unstable_by_key(|slot| self.of(*slot).open());
        let mut gained = Vec::new();
        for slot in changed.iter().copied().chain(again) {
            self.gain(slots, slot, &mut gained);
        }
        while !gained.is_empty() {
            gained.sort_unstable_by_key(|slot| self.of(*slot).open());
            gained.dedup();
            for slot in std::mem::take(&mut gained) {
                self.gain(slots, slot, &mut gained);
            }
        }
    }

    /// Takes flags from a slot and from all above it that are not such themselves, nor above one
    /// that is. Those that may have them from elsewhere as well go to `again`.
    fn take_flags(&mut self, slots: &Slots, slot: u32, lost: Flags, again: &mut Vec<u32>) {
        let range = self.of(slot).range();
        let has_extras = slots.has_extras();
        // How far reaches what keeps each of the two.
        let mut kept = [(DOUBTFUL, 0), (MISSING, 0)];
        let Self { recs, order, .. } = self;
        let (mut spot, end) = (order.spot(recs, range.start), order.spot(recs, range.end));
        while let Some(run) = order.run(&mut spot, end) {
            let Recs { labels, flags } = &mut *recs;
            flags.each(
                run.slots(),
                |slot| *slot,
                |slot, flags| {
                    let label = labels.get(slot);
                    let mut loses = *flags & lost;
                    for (flag, until) in &mut kept {
                        if own(*flags) & *flag != 0 {
                            *until = label.close().max(*until);
                        }
                        if label.open() < *until {
                            loses &= !*flag;
                        }
                    }
                    *flags &= !loses;
                    if loses != 0 && has_extras && slots.has_exit(slot) {
                        again.push(slot);
                    }
                },
            );
            labels.each(
                run.slots(),
                |slot| *slot,
                |slot, label| {
                    label.set_plain(flags.get(slot) & NOT_PLAIN == 0);
                },
            );
        }
    }

    /// Gives a slot what it derives, and hands it to all above it in the forest; where an edge
    /// outside it leads on from there, to `gained`.
    fn gain(&mut self, slots: &Slots, slot: u32, gained: &mut Vec<u32>) {
        let new = self.derived(slots, slot) & !self.flags(slot);
        if new == 0 {
            return;
        }
        let range = self.of(slot).range();
        if self.flags(slot) & PAIR == 0 {
            self.recs.flag(slot, new);
        } else {
            self.give_flags(range.clone(), new);
        }
        for arc in self.extras_into(slots, range, usize::MAX) {
            if self.brings(arc) & !self.flags(arc.from) != 0 {
                gained.push(arc.from);
            }
        }
    }

    fn give_flags(&mut self, range: Range<u32>, new: Flags) {
        let Self { recs, order, .. } = self;
        let (mut spot, end) = (order.spot(recs, range.start), order.spot(recs, range.end));
        while let Some(run) = order.run(&mut spot, end) {
            let Recs { labels, flags } = &mut *recs;
            flags.each(run.slots(), |slot| *slot, |_, flags| *flags |= new);
            labels.each(run.slots(), |slot| *slot, |_, label| label.set_plain(false));
        }
    }
}

fn own(flags: Flags) -> Flags {
    (if flags & SELF_DOUBTFUL != 0 { DOUBTFUL } else { 0 })
        | (if flags & SELF_MISSING != 0 { MISSING } else { 0 })
}
