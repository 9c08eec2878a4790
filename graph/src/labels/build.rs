//! Making the labels: parents, preorder, flags, depths. Every walk is a loop.

use crate::DiskId;
use crate::labels::{EXTRA, Extra, Label, Labels, NEEDED, NONE, Traits};
use crate::structure::{Arc, Slots};

/// The first backing edge of a disk: where its chain goes on.
#[derive(Clone, Copy)]
struct Step {
    to: u32,
    position: u32,
    traits: Traits,
}

impl Step {
    const NOWHERE: Self = Self {
        to: NONE,
        position: NONE,
        traits: Traits { backing: false, certain: false, ends: true },
    };
}

impl Labels {
    /// Labels every live slot. `traits` says of an edge what the labelling must know.
    pub(crate) fn build(
        slots: &Slots,
        generations: &[u32],
        traits: impl Fn(Arc) -> Traits,
    ) -> Self {
        let bound = generations.len();
        let mut labels = Self {
            label: vec![Label::DEAD; bound],
            parent: vec![NONE; bound],
            depth: vec![0; bound],
            order: Vec::with_capacity(slots.len()),
            ..Self::default()
        };
        // The facts of an edge lie far apart in memory: they are asked once.
        let arcs: Vec<(Arc, Traits)> = slots.arcs().map(|arc| (arc, traits(arc))).collect();
        let steps = first_steps(&arcs, bound);
        let mut extras = labels.choose_parents(&arcs, &steps);
        labels.cut_cycles(slots, &mut extras);
        labels.number(slots, generations);
        extras.sort_unstable_by_key(|extra| (labels.of(extra.to).pre, extra.from));
        labels.extras = extras;
        labels.flag_extras();
        // Where no chain leaves the forest the numbering has counted the steps already.
        let leaves_forest =
            |slot: u32| labels.parent(slot).is_none() && steps[slot as usize].to != NONE;
        if slots.slots().any(leaves_forest) {
            labels.measure_chains(slots, &steps);
        }
        labels.deepest = labels.depth.iter().copied().max().unwrap_or(0);
        labels
    }

    /// Makes the forest of the first backing edges that are fit for it; returns all others. Notes
    /// on the way what is [`NEEDED`].
    fn choose_parents(&mut self, arcs: &[(Arc, Traits)], steps: &[Step]) -> Vec<Extra> {
        let mut extras = Vec::new();
        for &(arc, Traits { certain, ends, .. }) in arcs {
            if certain {
                self.label[arc.to as usize].flags |= NEEDED;
            }
            let is_first = steps[arc.from as usize].position == arc.position;
            if is_first && certain && !ends && arc.from != arc.to {
                self.parent[arc.from as usize] = arc.to;
            } else {
                extras.push(Extra { from: arc.from, to: arc.to, certain, ends });
            }
        }
        extras
    }

    /// Follows parents once from every slot; where that comes back to the walk it began, the
    /// smallest slot of the cycle loses its parent and the edge becomes an extra one.
    fn cut_cycles(&mut self, slots: &Slots, extras: &mut Vec<Extra>) {
        let mut seen_in = vec![NONE; self.label.len()];
        for start in slots.slots() {
            let mut at = start;
            while at != NONE && seen_in[at as usize] == NONE {
                seen_in[at as usize] = start;
                at = self.parent[at as usize];
            }
            if at == NONE || seen_in[at as usize] != start {
                continue;
            }
            let (mut from, mut member) = (at, self.parent[at as usize]);
            while member != at {
                from = from.min(member);
                member = self.parent[member as usize];
            }
            let to = std::mem::replace(&mut self.parent[from as usize], NONE);
            extras.push(Extra { from, to, certain: true, ends: false });
        }
    }

    /// Preorder without recursion: children as runs of one array, then a stack of runs.
    fn number(&mut self, slots: &Slots, generations: &[u32]) {
        let mut first = vec![0_u32; self.label.len() + 1];
        for slot in slots.slots() {
            if let Some(parent) = self.parent(slot) {
                first[parent as usize + 1] += 1;
            }
        }
        for at in 1..first.len() {
            first[at] += first[at - 1];
        }
        let mut fill = first.clone();
        let mut children = vec![0_u32; *first.last().unwrap_or(&0) as usize];
        for slot in slots.slots() {
            if let Some(parent) = self.parent(slot) {
                children[fill[parent as usize] as usize] = slot;
                fill[parent as usize] += 1;
            }
        }
        let mut next = fill;
        next.copy_from_slice(&first);
        let id = |slot: u32| DiskId { slot, generation: generations[slot as usize] };
        for root in slots.slots() {
            if self.parent[root as usize] != NONE {
                continue;
            }
            self.enter(id(root), root, 0);
            let mut at = root;
            loop {
                let child = next[at as usize];
                if child < first[at as usize + 1] {
                    next[at as usize] += 1;
                    let depth = self.depth[at as usize] + 1;
                    at = children[child as usize];
                    self.enter(id(at), root, depth);
                    continue;
                }
                self.label[at as usize].end = position(self.order.len());
                if at == root {
                    break;
                }
                at = self.parent[at as usize];
            }
        }
    }

    fn enter(&mut self, disk: DiskId, root: u32, depth: u32) {
        let pre = position(self.order.len());
        let slot = disk.slot;
        let Label { flags, .. } = self.label[slot as usize];
        self.label[slot as usize] = Label { pre, end: pre, root, flags };
        self.depth[slot as usize] = depth;
        self.order.push(disk);
    }

    /// Hands [`EXTRA`] and the nearest exit down the forest, from each origin of an extra edge to
    /// all that depend on it.
    fn flag_extras(&mut self) {
        if self.extras.is_empty() {
            return;
        }
        self.exit = vec![NONE; self.label.len()];
        for extra in &self.extras {
            self.exit[extra.from as usize] = extra.from;
        }
        for at in 0..self.order.len() {
            let slot = self.order[at].slot;
            if self.exit[slot as usize] == NONE
                && let Some(parent) = self.parent(slot)
            {
                self.exit[slot as usize] = self.exit[parent as usize];
            }
            if self.exit[slot as usize] != NONE {
                self.label[slot as usize].flags |= EXTRA;
            }
        }
    }

    /// Counts for every slot the other disks that its chain names, where chains leave the forest.
    /// Each slot has one step at most, so each is walked once: a walk ends at a chain's end, in a
    /// cycle, or where an earlier walk has been, and is then counted backwards.
    fn measure_chains(&mut self, slots: &Slots, steps: &[Step]) {
        #[derive(Clone, Copy, PartialEq)]
        enum Seen {
            Never,
            InThisWalk,
            Counted,
        }
        let mut seen = vec![Seen::Never; self.label.len()];
        // The disk behind the step that ends the chain: where the chain has met it before, it does
        // not count for a second time.
        let mut last = vec![NONE; self.label.len()];
        let goes_on = |slot: u32| {
            let step = steps[slot as usize];
            (step.to != NONE && !step.traits.ends).then_some(step.to)
        };
        for start in slots.slots() {
            let mut walk = Vec::new();
            let mut next = Some(start);
            while let Some(at) = next.filter(|at| seen[*at as usize] == Seen::Never) {
                seen[at as usize] = Seen::InThisWalk;
                walk.push(at);
                next = goes_on(at);
            }
            if let Some(entry) = next.filter(|at| seen[*at as usize] == Seen::InThisWalk) {
                let from = walk.iter().position(|at| *at == entry).unwrap_or(0);
                let others = position(walk.len() - from - 1);
                for member in walk.drain(from..) {
                    self.depth[member as usize] = others;
                    seen[member as usize] = Seen::Counted;
                }
            }
            while let Some(at) = walk.pop() {
                let to = steps[at as usize].to;
                let steps_below = match goes_on(at) {
                    Some(to) => {
                        last[at as usize] = last[to as usize];
                        self.depth[to as usize] + 1
                    }
                    None => {
                        last[at as usize] = to;
                        u32::from(to != NONE)
                    }
                };
                let comes_back = to != NONE && last[at as usize] == at;
                self.depth[at as usize] = steps_below - u32::from(comes_back);
                seen[at as usize] = Seen::Counted;
            }
        }
    }

    /// Sets `flag` on `origins` and on everything that depends on them, over all edges but those
    /// that end a chain before it gets there.
    pub(crate) fn flag_above(
        &mut self,
        slots: &Slots,
        origins: &[u32],
        flag: u32,
        traits: impl Fn(Arc) -> Traits,
    ) {
        let mut work = origins.to_vec();
        for &origin in origins {
            self.label[origin as usize].flags |= flag;
        }
        let mut next = 0;
        while let Some(&slot) = work.get(next) {
            let is_origin = next < origins.len();
            next += 1;
            for arc in slots.incoming(slot) {
                let flags = &mut self.label[arc.from as usize].flags;
                if *flags & flag == 0 && (is_origin || !traits(arc).ends) {
                    *flags |= flag;
                    work.push(arc.from);
                }
            }
        }
    }
}

/// Of every slot the backing edge that stands first among its references.
fn first_steps(arcs: &[(Arc, Traits)], bound: usize) -> Vec<Step> {
    let mut steps = vec![Step::NOWHERE; bound];
    for &(arc, traits) in arcs {
        let step = &mut steps[arc.from as usize];
        if traits.backing && arc.position < step.position {
            *step = Step { to: arc.to, position: arc.position, traits };
        }
    }
    steps
}

fn position(index: usize) -> u32 {
    // Slots are u32 by construction; a graph of 2^31 disks is refused when a disk is inserted.
    u32::try_from(index).unwrap_or(NONE)
}
