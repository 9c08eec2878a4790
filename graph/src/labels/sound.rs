//! Whether the labels are what the edges make of them, worked out in the plainest way. For tests and fuzzing:
//! what a wrong flag or bound does to answers may take a fleet to be seen, and is seen here at once.

use std::collections::BTreeMap;

use crate::labels::{
    DOUBTFUL, EDITED, EXTRA, Flags, GOING, LEAVING, Labels, MISSING, NONE, NOT_PLAIN, PAIR, PLACED,
    SELF_DOUBTFUL, SELF_MISSING, TARGET,
};
use crate::links::Slots;

impl Labels {
    /// Panics where a label is not what it should be after a batch.
    pub(crate) fn assert_sound(&self, slots: &Slots) {
        self.assert_list(slots);
        let live: Vec<u32> =
            slots.slots().filter(|slot| self.flags(*slot) & LEAVING == 0).collect();
        let inherited = self.inherited(slots, &live);
        let mut at_depth: BTreeMap<u32, u32> = BTreeMap::new();
        for &slot in &live {
            let flags = self.flags(slot);
            assert_eq!(flags & (PLACED | EDITED | GOING), PLACED, "the state of {slot}");
            assert_eq!(flags & TARGET != 0, slots.has_extras_into(slot), "edges into {slot}");
            let above = slots.parent(slot).map_or(NONE, |parent| *self.exit.get(parent));
            let exit = if slots.has_exit(slot) { slot } else { above };
            assert_eq!(*self.exit.get(slot), exit, "the exit of {slot}");
            assert_eq!(flags & EXTRA != 0, exit != NONE, "what {slot} says of its exit");
            assert_eq!(flags & (DOUBTFUL | MISSING), inherited[&slot], "doubts of {slot}");
            let is_plain = self.of(slot).is_plain_of(self.id(slot));
            assert_eq!(is_plain, flags & NOT_PLAIN == 0, "whether {slot} is plain");
            let depth = others_on_chain(slots, slot);
            assert_eq!(self.depth(slot), depth, "the depth of {slot}");
            *at_depth.entry(depth).or_default() += 1;
        }
        assert_eq!(self.deepest, at_depth.keys().next_back().copied().unwrap_or(0));
        for depth in 0..=self.deepest + 1 {
            let count = at_depth.get(&depth).copied().unwrap_or(0);
            assert_eq!(*self.at_depth.get(depth), count, "how many disks are {depth} deep");
        }
    }

    /// The list is a walk over the forest, which holds every edge that it may.
    fn assert_list(&self, slots: &Slots) {
        let mut way: Vec<u32> = Vec::new();
        let mut count = 0;
        for entry in self.order.sound(&self.recs) {
            let slot = entry.slot();
            if entry.is_close() {
                assert_eq!(way.pop(), Some(slot), "what ends here");
                continue;
            }
            count += 1;
            assert_eq!(way.last().copied(), slots.parent(slot), "what is around {slot}");
            assert_eq!(entry.is_target(), self.flags(slot) & TARGET != 0, "the mark of {slot}");
            let step = slots.step(slot).filter(|step| step.may_be_in_forest());
            match slots.parent(slot) {
                Some(parent) => assert_eq!(step.map(|step| step.to), Some(parent)),
                None => {
                    let closes_cycle = |to: u32| self.of(slot).holds(self.of(to));
                    assert!(step.is_none_or(|step| closes_cycle(step.to)), "{slot} has no parent");
                }
            }
            if self.flags(slot) & PAIR != 0 {
                way.push(slot);
            } else {
                assert!(slots.first_child(slot).is_none(), "{slot} has children");
            }
        }
        assert!(way.is_empty(), "{way:?} do not end");
        let stays = |slot: &u32| self.flags(*slot) & LEAVING == 0;
        assert_eq!(count, slots.slots().filter(stays).count(), "disks in the list");
    }

    /// The doubts of each: its own, and what comes along edges, until nothing more does.
    fn inherited(&self, slots: &Slots, live: &[u32]) -> BTreeMap<u32, Flags> {
        let own = |slot: u32| {
            let flags = self.flags(slot);
            let of = |said: Flags, flag: Flags| if flags & said != 0 { flag } else { 0 };
            of(SELF_DOUBTFUL, DOUBTFUL) | of(SELF_MISSING, MISSING)
        };
        let mut found: BTreeMap<u32, Flags> = live.iter().map(|slot| (*slot, own(*slot))).collect();
        let mut work: Vec<u32> = live.to_vec();
        while let Some(to) = work.pop() {
            for arc in slots.incoming(to) {
                let brought = if arc.ends { own(to) } else { found[&to] };
                let Some(flags) = found.get_mut(&arc.from) else { continue };
                if brought & !*flags != 0 {
                    *flags |= brought;
                    work.push(arc.from);
                }
            }
        }
        found
    }
}

/// How many other disks a chain names before it ends or would name one again.
fn others_on_chain(slots: &Slots, slot: u32) -> u32 {
    let mut seen = crate::index::SlotSet::from_iter([slot]);
    let mut at = slot;
    while let Some(step) = slots.step(at).filter(|step| seen.insert(step.to)) {
        if step.ends {
            break;
        }
        at = step.to;
    }
    u32::try_from(seen.len() - 1).unwrap_or(NONE)
}
