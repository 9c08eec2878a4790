//! Making all labels anew, for a batch that brings more disks than there were. Every walk is a loop.

use crate::labels::order::{Entry, Order};
use crate::labels::{
    Changed, EXTRA, Flags, LEAVING, Labels, NONE, NOT_PLAIN, PAIR, PLACED, SAID, TARGET,
};
use crate::links::Slots;
use crate::pages::Paged;
use crate::sizes::cut;

/// Fewer new disks than this are never worth it, but in an empty graph.
const MANY: usize = cut(1024, 8);

impl Labels {
    /// Whether to make all labels anew is cheaper than to work `fresh` disks into them.
    pub(crate) fn is_worth_building(slots: &Slots, fresh: usize) -> bool {
        let others = slots.len() - fresh;
        others == 0 || (fresh >= MANY && fresh >= others)
    }

    /// Labels every live slot. Keeps what is said of them. O(slots + edges).
    pub(crate) fn build(&mut self, slots: &mut Slots, changed: &Changed) {
        let stays = |slot: &u32| self.flags(*slot) & LEAVING == 0;
        let live: Vec<u32> = slots.slots().filter(stays).collect();
        for slot in &changed.leaving {
            self.recs.clear(*slot);
        }
        choose_parents(slots, &live);
        let recs = std::mem::take(&mut self.recs);
        *self = Self { recs, ..Self::default() };
        let mut sheet = Sheet::with_room(slots.bound());
        let entries = self.number(slots, &live, &mut sheet);
        self.take(sheet, &live);
        self.order = Order::of(&entries, &mut self.recs);
        let leaves_forest =
            |slot: &u32| slots.parent(*slot).is_none() && slots.step(*slot).is_some();
        if live.iter().any(leaves_forest) {
            self.count_depths(slots, &live);
        }
        let said = live.into_iter().filter(|slot| self.flags(*slot) & SAID != 0);
        let mut said: Vec<u32> = said.collect();
        self.update_flags(slots, &mut said);
    }

    /// Goes over the forest in preorder: entries, depths, exits.
    fn number(&mut self, slots: &Slots, live: &[u32], sheet: &mut Sheet) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(live.len() + live.len() / 4);
        let has_extras = slots.has_extras();
        for &root in live {
            if slots.parent(root).is_some() {
                continue;
            }
            let mut at = root;
            let (mut depth, mut exit) = (0, NONE);
            loop {
                let first = slots.first_child(at);
                if has_extras {
                    exit = if slots.has_exit(at) { at } else { exit };
                }
                let is_pair = first.is_some();
                let is_target = has_extras && slots.has_extras_into(at);
                entries.push(Entry::open(self.id(at)).marked(is_target));
                sheet.enter(at, depth, exit != NONE, is_pair, is_target);
                if exit != NONE {
                    *self.exit.at(at) = exit;
                }
                if let Some(child) = first {
                    (at, depth) = (child, depth + 1);
                    continue;
                }
                let next = loop {
                    if at == root {
                        break None;
                    }
                    if let Some(sibling) = slots.next_sibling(at) {
                        break Some(sibling);
                    }
                    at = slots.parent(at).unwrap_or(root);
                    depth -= 1;
                    entries.push(Entry::close(at));
                };
                let Some(sibling) = next else { break };
                if has_extras {
                    exit = slots.parent(sibling).map_or(NONE, |parent| *self.exit.get(parent));
                }
                at = sibling;
            }
        }
        entries
    }

    /// Takes over what was worked out, page by page.
    fn take(&mut self, sheet: Sheet, live: &[u32]) {
        let Sheet { mut flags, depth, at_depth } = sheet;
        for &slot in live {
            let before = self.recs.flags(slot);
            let now = &mut flags[slot as usize];
            *now |= before & SAID;
            if (*now ^ before) & NOT_PLAIN != 0 {
                self.recs.set_flags(slot, *now);
            }
        }
        self.recs.flags.fill(flags.into_iter());
        if at_depth.len() > 1 {
            self.deepest = u32::try_from(at_depth.len() - 1).unwrap_or(NONE);
            self.depth.fill(depth.into_iter());
        }
        self.at_depth.fill(at_depth.into_iter());
    }
}

/// What is worked out of every slot, before it goes into pages.
struct Sheet {
    flags: Vec<Flags>,
    depth: Vec<u32>,
    at_depth: Vec<u32>,
}

impl Sheet {
    fn with_room(bound: u32) -> Self {
        let bound = bound as usize;
        Self { flags: vec![0; bound], depth: vec![0; bound], at_depth: Vec::new() }
    }

    fn enter(&mut self, slot: u32, depth: u32, has_exit: bool, is_pair: bool, is_target: bool) {
        let flag = |wanted: bool, flag: Flags| if wanted { flag } else { 0 };
        self.flags[slot as usize] =
            PLACED | flag(is_pair, PAIR) | flag(is_target, TARGET) | flag(has_exit, EXTRA);
        self.depth[slot as usize] = depth;
        let depth = depth as usize;
        if depth >= self.at_depth.len() {
            self.at_depth.resize(depth + 1, 0);
        }
        self.at_depth[depth] += 1;
    }
}

/// Makes the forest of the steps that are fit for it. Follows them once from every slot; where that
/// comes back to the walk it began, the smallest slot of the cycle stays without a parent.
fn choose_parents(slots: &mut Slots, live: &[u32]) {
    let bound = slots.bound() as usize;
    let mut parent = vec![NONE; bound];
    for &slot in live {
        let step = slots.step(slot).filter(|step| step.may_be_in_forest());
        parent[slot as usize] = step.map_or(NONE, |step| step.to);
    }
    let mut seen_in = vec![NONE; bound];
    for &start in live {
        let mut at = start;
        while at != NONE && seen_in[at as usize] == NONE {
            seen_in[at as usize] = start;
            at = parent[at as usize];
        }
        if at == NONE || seen_in[at as usize] != start {
            continue;
        }
        let (mut smallest, mut member) = (at, parent[at as usize]);
        while member != at {
            smallest = smallest.min(member);
            member = parent[member as usize];
        }
        parent[smallest as usize] = NONE;
    }
    for &slot in live {
        slots.set_in_forest(slot, parent[slot as usize] != NONE);
    }
}
