//! Labels: what makes a relation a comparison of two numbers.
//!
//! Nearly every disk needs at most one other, so the graph is nearly a forest. The labels are made
//! in two layers:
//!
//! 1. **A spanning forest.** Every disk has at most one *parent*: the target of its first certain
//!    backing edge that does not end the chain. One edge of each cycle is cut, at its smallest
//!    slot. A walk over the forest numbers the disks in preorder, so that the disks above `x` (all
//!    that depend on it through the forest) are exactly those numbered `x.pre + 1 .. x.end`, one
//!    slice of [`Labels::slice`].
//! 2. **Extra edges**, everything that is not in the forest: data files, second paths, possible
//!    edges, edges that end a chain, cut edges of cycles. They are kept sorted by the preorder
//!    number of their target, so that those which lead to `x` or to anything above it are one
//!    slice too; each adds the interval of its origin to what is above `x`.
//!
//! `a` depends on `b` when b's interval holds a, or one that an extra edge adds to it does. A
//! disk whose chain meets no extra edge carries no [`EXTRA`] flag, and for it the answer is two
//! reads and two comparisons, whatever the depth.
//!
//! Made anew in O(disks + edges) at the end of a batch of changes.

use std::ops::Range;

use crate::DiskId;
use crate::structure::{Arc, Slots};

/// Stands for "no slot".
pub(crate) const NONE: u32 = u32::MAX;

/// Some disk on this one's chain, itself included, has an edge outside the forest.
pub(crate) const EXTRA: u32 = 1;
/// This one's chain leads to a disk whose own needs are not known.
pub(crate) const DOUBTFUL: u32 = 2;
/// This one's chain leads to a reference behind which there is nothing.
pub(crate) const MISSING: u32 = 4;

/// The label of one slot: 16 bytes, so that a relation reads one cache line per disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label {
    /// Position in preorder.
    pub(crate) pre: u32,
    /// One past the last position of the disks above this one.
    pub(crate) end: u32,
    /// The end of the chain as far as the forest goes.
    pub(crate) root: u32,
    /// [`EXTRA`], [`DOUBTFUL`], [`MISSING`].
    pub(crate) flags: u32,
}

impl Label {
    const DEAD: Self = Self { pre: NONE, end: 0, root: NONE, flags: 0 };

    /// Whether `other` is this disk or above it.
    #[inline]
    pub(crate) fn holds(&self, other: &Self) -> bool {
        other.pre.wrapping_sub(self.pre) < self.end.wrapping_sub(self.pre)
    }

    /// Whether `other` is above this disk.
    #[inline]
    pub(crate) fn is_below(&self, other: &Self) -> bool {
        // One unsigned comparison: 0 <= other.pre - (pre + 1) < end - (pre + 1).
        other.pre.wrapping_sub(self.pre.wrapping_add(1))
            < self.end.wrapping_sub(self.pre.wrapping_add(1))
    }
}

/// An edge that is not in the forest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extra {
    pub(crate) arc: Arc,
    pub(crate) certain: bool,
    pub(crate) ends: bool,
}

/// How the labelling sees one edge; asked once per edge.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traits {
    pub(crate) backing: bool,
    pub(crate) certain: bool,
    pub(crate) ends: bool,
}

/// All labels of a graph.
#[derive(Clone, Debug, Default)]
pub(crate) struct Labels {
    label: Vec<Label>,
    /// Per slot: the disk that it needs first, as far as the forest goes.
    parent: Vec<u32>,
    /// Per slot: backing steps to the end of the chain, as far as the forest goes.
    depth: Vec<u32>,
    /// The disks in preorder.
    order: Vec<DiskId>,
    /// By the preorder position of the target.
    extras: Vec<Extra>,
    deepest: u32,
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
        let mut extras = labels.choose_parents(slots, &traits);
        labels.cut_cycles(slots, &mut extras);
        labels.number(slots, generations);
        extras.sort_unstable_by_key(|extra| {
            (labels.label[extra.arc.to as usize].pre, extra.arc.from)
        });
        labels.extras = extras;
        labels.flag_extras();
        labels.deepest = labels.depth.iter().copied().max().unwrap_or(0);
        labels
    }

    #[inline]
    pub(crate) fn of(&self, slot: u32) -> &Label {
        &self.label[slot as usize]
    }

    pub(crate) fn parent(&self, slot: u32) -> Option<u32> {
        let parent = self.parent[slot as usize];
        (parent != NONE).then_some(parent)
    }

    pub(crate) fn depth(&self, slot: u32) -> u32 {
        self.depth[slot as usize]
    }

    /// The greatest depth of the forest.
    pub(crate) fn deepest(&self) -> u32 {
        self.deepest
    }

    /// The disks at these positions of the preorder.
    pub(crate) fn slice(&self, range: Range<u32>) -> &[DiskId] {
        &self.order[range.start as usize..range.end as usize]
    }

    pub(crate) fn has_extras(&self) -> bool {
        !self.extras.is_empty()
    }

    /// The extra edges whose targets have a position in `range`.
    pub(crate) fn extras_into(&self, range: Range<u32>) -> &[Extra] {
        let position = |extra: &Extra| self.label[extra.arc.to as usize].pre;
        let from = self.extras.partition_point(|extra| position(extra) < range.start);
        let to = self.extras.partition_point(|extra| position(extra) < range.end);
        &self.extras[from..to.max(from)]
    }

    fn choose_parents(&mut self, slots: &Slots, traits: &impl Fn(Arc) -> Traits) -> Vec<Extra> {
        let mut chosen = vec![NONE; self.label.len()];
        for arc in slots.arcs() {
            let Traits { backing, certain, ends } = traits(arc);
            let best = &mut chosen[arc.from as usize];
            if backing && certain && !ends && arc.from != arc.to && arc.position < *best {
                *best = arc.position;
                self.parent[arc.from as usize] = arc.to;
            }
        }
        let mut extras = Vec::new();
        for arc in slots.arcs() {
            if chosen[arc.from as usize] != arc.position || self.parent[arc.from as usize] != arc.to
            {
                let Traits { certain, ends, .. } = traits(arc);
                extras.push(Extra { arc, certain, ends });
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
            let (mut root, mut member) = (at, self.parent[at as usize]);
            while member != at {
                root = root.min(member);
                member = self.parent[member as usize];
            }
            let to = self.parent[root as usize];
            self.parent[root as usize] = NONE;
            let arc = slots.outgoing(root).find(|arc| arc.to == to);
            extras.extend(arc.map(|arc| Extra { arc, certain: true, ends: false }));
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
        for root in slots.slots() {
            if self.parent[root as usize] != NONE {
                continue;
            }
            self.enter(DiskId { slot: root, generation: generations[root as usize] }, root, 0);
            let mut at = root;
            loop {
                let child = next[at as usize];
                if child < first[at as usize + 1] {
                    next[at as usize] += 1;
                    let depth = self.depth[at as usize] + 1;
                    at = children[child as usize];
                    self.enter(
                        DiskId { slot: at, generation: generations[at as usize] },
                        root,
                        depth,
                    );
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
        self.label[slot as usize] = Label { pre, end: pre, root, flags: 0 };
        self.depth[slot as usize] = depth;
        self.order.push(disk);
    }

    /// Hands [`EXTRA`] down the forest, from each origin to all that depend on it.
    fn flag_extras(&mut self) {
        if self.extras.is_empty() {
            return;
        }
        for extra in &self.extras {
            self.label[extra.arc.from as usize].flags |= EXTRA;
        }
        for &DiskId { slot, .. } in &self.order {
            let parent = self.parent[slot as usize];
            if parent != NONE {
                let inherited = self.label[parent as usize].flags & EXTRA;
                self.label[slot as usize].flags |= inherited;
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
        let mut first = origins.len();
        let mut next = 0;
        while let Some(&slot) = work.get(next) {
            let is_origin = first > 0;
            first = first.saturating_sub(1);
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

    /// Everything above `slot`: disjoint ranges of preorder positions. `slot` itself is in one
    /// only if it lies on a cycle.
    pub(crate) fn above(&self, slot: u32) -> Above {
        let label = self.of(slot);
        if self.extras_into(label.pre..label.end).is_empty() {
            return Above { own: label.pre.saturating_add(1)..label.end, more: Vec::new() };
        }
        let itself = label.pre..label.pre.saturating_add(1);
        let own = label.pre..label.end;
        let (certain, returns) = self.reach(slot, Vec::from([own]), true);
        let (mut possible, may_return) = self.reach(slot, certain.clone(), false);
        subtract(&mut possible, &certain);
        if may_return && !returns {
            insert(&mut possible, itself.clone());
        }
        let mut certain = certain;
        if !returns {
            subtract(&mut certain, std::slice::from_ref(&itself));
        }
        let certain = certain.into_iter().map(|range| (range, true));
        let possible = possible.into_iter().map(|range| (range, false));
        Above { own: 0..0, more: certain.chain(possible).collect() }
    }

    /// The closure of `ranges` under extra edges, sorted and disjoint, and whether one of those
    /// edges leads back to `slot`. Edges that end a chain count only where they lead to `slot`.
    fn reach(
        &self,
        slot: u32,
        mut work: Vec<Range<u32>>,
        certain_only: bool,
    ) -> (Vec<Range<u32>>, bool) {
        let at = self.of(slot).pre;
        let mut done: Vec<Range<u32>> = Vec::new();
        let mut returns = false;
        while let Some(range) = work.pop() {
            if covered(&done, &range) {
                continue;
            }
            for extra in self.extras_into(range.clone()) {
                if (certain_only && !extra.certain) || (extra.ends && extra.arc.to != slot) {
                    continue;
                }
                let from = self.of(extra.arc.from);
                let range = from.pre..from.end;
                returns |= range.contains(&at);
                if !covered(&done, &range) {
                    work.push(range);
                }
            }
            insert(&mut done, range);
        }
        (done, returns)
    }
}

/// What is above a disk, as ranges of preorder positions.
#[derive(Clone, Debug)]
pub(crate) struct Above {
    /// The disk's own interval, without the disk, where no extra edge adds to it.
    pub(crate) own: Range<u32>,
    /// Else all of it: disjoint ranges, and whether they are reached through certain edges.
    pub(crate) more: Vec<(Range<u32>, bool)>,
}

/// Whether one of the sorted, disjoint, non-touching `ranges` holds all of `range`.
fn covered(ranges: &[Range<u32>], range: &Range<u32>) -> bool {
    let at = ranges.partition_point(|have| have.end < range.end);
    ranges.get(at).is_some_and(|have| have.start <= range.start && range.end <= have.end)
}

/// Adds `range`, merging what it touches.
fn insert(ranges: &mut Vec<Range<u32>>, mut range: Range<u32>) {
    let from = ranges.partition_point(|have| have.end < range.start);
    let to = ranges.partition_point(|have| have.start <= range.end);
    if from < to {
        range.start = range.start.min(ranges[from].start);
        range.end = range.end.max(ranges[to - 1].end);
    }
    ranges.splice(from..to.max(from), [range]);
}

/// Takes the sorted, disjoint `holes` out of the sorted, disjoint `ranges`.
fn subtract(ranges: &mut Vec<Range<u32>>, holes: &[Range<u32>]) {
    let mut left = Vec::with_capacity(ranges.len());
    for range in ranges.drain(..) {
        let mut start = range.start;
        let from = holes.partition_point(|hole| hole.end <= range.start);
        for hole in holes[from..].iter().take_while(|hole| hole.start < range.end) {
            if start < hole.start {
                left.push(start..hole.start);
            }
            start = start.max(hole.end);
        }
        if start < range.end {
            left.push(start..range.end);
        }
    }
    *ranges = left;
}

fn position(index: usize) -> u32 {
    // Slots are u32 by construction; a graph of 2^32 disks is refused when a disk is inserted.
    u32::try_from(index).unwrap_or(NONE)
}
