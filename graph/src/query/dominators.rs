//! Who alone keeps whom: the dominators of the graph, seen from the disks that nothing needs.

use crate::labels::NONE;
use crate::links::Slots;

/// Per slot the nearest disk without which it would not be needed any more; [`NONE`] where there is
/// no single one, and where nothing needs it.
pub(crate) struct Dominators {
    nearest: Vec<u32>,
    /// The slots, each after the one that keeps it.
    order: Vec<u32>,
}

impl Dominators {
    /// O(disks + edges) where the graph is a forest, else O((disks + edges) log disks), by
    /// Lengauer and Tarjan, "A fast algorithm for finding dominators in a flowgraph" (1979).
    /// Nothing recurses.
    pub(crate) fn of(slots: &Slots) -> Self {
        match slots.has_extras() {
            false => Self::of_forest(slots),
            true => Search::new(slots).run(slots),
        }
    }

    /// In a forest two children of one disk have nothing above them in common: a disk is kept by its
    /// only child, or by nobody alone.
    fn of_forest(slots: &Slots) -> Self {
        let mut nearest = vec![NONE; slots.bound() as usize];
        let mut order = Vec::with_capacity(slots.len());
        for top in slots.slots().filter(|slot| !is_kept_by_one(slots, *slot)) {
            order.push(top);
            let mut at = top;
            while let Some(to) = slots.parent(at).filter(|to| is_kept_by_one(slots, *to)) {
                nearest[to as usize] = at;
                order.push(to);
                at = to;
            }
        }
        Self { nearest, order }
    }

    /// Calls `meet` with every slot and the one that keeps it, from the last kept to the first: what
    /// a slot keeps has been met before the slot.
    pub(crate) fn upwards(&self, mut meet: impl FnMut(u32, Option<u32>)) {
        for &slot in self.order.iter().rev() {
            let nearest = self.nearest[slot as usize];
            meet(slot, (nearest != NONE).then_some(nearest));
        }
    }
}

fn is_kept_by_one(slots: &Slots, slot: u32) -> bool {
    let mut children = slots.children(slot);
    children.next().is_some() && children.next().is_none()
}

/// The search, with vertices numbered in the order of a depth-first walk. Vertex 0 stands above the
/// disks that keep themselves.
struct Search {
    /// Per slot: its vertex.
    number: Vec<u32>,
    slot: Vec<u32>,
    parent: Vec<u32>,
    semi: Vec<u32>,
    ancestor: Vec<u32>,
    label: Vec<u32>,
    nearest: Vec<u32>,
    /// Lists of vertices by their semidominators.
    bucket: Vec<u32>,
    next_in_bucket: Vec<u32>,
}

impl Search {
    fn new(slots: &Slots) -> Self {
        let mut search = Self {
            number: vec![NONE; slots.bound() as usize],
            slot: vec![NONE],
            parent: vec![0],
            semi: Vec::new(),
            ancestor: Vec::new(),
            label: Vec::new(),
            nearest: Vec::new(),
            bucket: Vec::new(),
            next_in_bucket: Vec::new(),
        };
        for top in slots.slots().filter(|slot| keeps_itself(slots, *slot)) {
            search.walk(slots, top);
        }
        // What is left is needed from cycles alone that nothing else needs. All members of such a
        // cycle keep themselves.
        let rest: Vec<u32> =
            slots.slots().filter(|slot| search.number[*slot as usize] == NONE).collect();
        for component in sources(slots, &rest) {
            for slot in component {
                search.walk(slots, slot);
            }
        }
        let count = search.slot.len();
        search.semi = (0..count).map(|at| u32::try_from(at).unwrap_or(NONE)).collect();
        search.label = search.semi.clone();
        search.ancestor = vec![NONE; count];
        search.nearest = vec![0; count];
        search.bucket = vec![NONE; count];
        search.next_in_bucket = vec![NONE; count];
        search
    }

    /// Numbers what can be reached from `top`; depth first, so that the tree is a proper one.
    fn walk(&mut self, slots: &Slots, top: u32) {
        let mut work = vec![(top, 0)];
        while let Some((slot, parent)) = work.pop() {
            if self.number[slot as usize] != NONE {
                continue;
            }
            let number = u32::try_from(self.slot.len()).unwrap_or(NONE);
            self.number[slot as usize] = number;
            self.slot.push(slot);
            self.parent.push(parent);
            let unseen = |arc: &crate::links::Arc| self.number[arc.to as usize] == NONE;
            work.extend(slots.outgoing(slot).filter(unseen).map(|arc| (arc.to, number)));
        }
    }

    fn run(mut self, slots: &Slots) -> Dominators {
        let roots = self.kept_by_root(slots);
        for at in (1..self.slot.len()).rev() {
            let vertex = u32::try_from(at).unwrap_or(NONE);
            let mut semi = if roots[at] { 0 } else { self.semi[at] };
            for arc in slots.incoming(self.slot[at]) {
                let from = self.number[arc.from as usize];
                let best = self.eval(from);
                semi = semi.min(self.semi[best as usize]);
            }
            semi = semi.min(self.parent[at]);
            self.semi[at] = semi;
            self.next_in_bucket[at] = std::mem::replace(&mut self.bucket[semi as usize], vertex);
            let parent = self.parent[at];
            self.ancestor[at] = parent;
            let mut waiting = std::mem::replace(&mut self.bucket[parent as usize], NONE);
            while waiting != NONE {
                let best = self.eval(waiting);
                let is_lower = self.semi[best as usize] < self.semi[waiting as usize];
                self.nearest[waiting as usize] = if is_lower { best } else { parent };
                waiting = self.next_in_bucket[waiting as usize];
            }
        }
        for at in 1..self.slot.len() {
            if self.nearest[at] != self.semi[at] {
                self.nearest[at] = self.nearest[self.nearest[at] as usize];
            }
        }
        let mut nearest = vec![NONE; slots.bound() as usize];
        for at in 1..self.slot.len() {
            if self.nearest[at] != 0 {
                nearest[self.slot[at] as usize] = self.slot[self.nearest[at] as usize];
            }
        }
        self.slot.remove(0);
        Dominators { nearest, order: self.slot }
    }

    /// The vertices that an edge from vertex 0 leads to: those whose walk began with them.
    fn kept_by_root(&self, slots: &Slots) -> Vec<bool> {
        let mut kept: Vec<bool> = self.parent.iter().map(|parent| *parent == 0).collect();
        let begun: Vec<u32> = (1..self.slot.len())
            .filter(|at| kept[*at] && slots.has_incoming(self.slot[*at]))
            .map(|at| self.slot[at])
            .collect();
        // Of a cycle that keeps itself the walk began with one member only.
        for component in sources(slots, &begun) {
            for slot in component {
                kept[self.number[slot as usize] as usize] = true;
            }
        }
        kept
    }

    /// The vertex of the smallest semidominator between `vertex` and the root of its tree so far.
    fn eval(&mut self, vertex: u32) -> u32 {
        if self.ancestor[vertex as usize] == NONE {
            return self.label[vertex as usize];
        }
        let mut way = Vec::new();
        let mut at = vertex;
        while self.ancestor[self.ancestor[at as usize] as usize] != NONE {
            way.push(at);
            at = self.ancestor[at as usize];
        }
        while let Some(at) = way.pop() {
            let above = self.ancestor[at as usize];
            let (own, other) = (self.label[at as usize], self.label[above as usize]);
            if self.semi[other as usize] < self.semi[own as usize] {
                self.label[at as usize] = other;
            }
            self.ancestor[at as usize] = self.ancestor[above as usize];
        }
        self.label[vertex as usize]
    }
}

fn keeps_itself(slots: &Slots, slot: u32) -> bool {
    slots.incoming(slot).all(|arc| arc.from == slot)
}

/// Of the components in which disks need each other: those with a member among `start`, or above
/// one, that nothing outside of them needs.
fn sources(slots: &Slots, start: &[u32]) -> Vec<Vec<u32>> {
    if start.is_empty() {
        return Vec::new();
    }
    let mut above = crate::index::SlotSet::default();
    let mut work = start.to_vec();
    while let Some(slot) = work.pop() {
        if above.insert(slot) {
            work.extend(slots.incoming(slot).map(|arc| arc.from));
        }
    }
    let mut members: Vec<u32> = above.into_iter().collect();
    members.sort_unstable();
    let mut components = slots.cycles(&members, |_| true);
    components.retain(|component| {
        let inside: crate::index::SlotSet = component.iter().copied().collect();
        let mut needed_by = component.iter().flat_map(|slot| slots.incoming(*slot));
        needed_by.all(|arc| inside.contains(&arc.from))
    });
    components
}
