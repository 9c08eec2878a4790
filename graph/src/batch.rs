//! One batch of changes on its way into a graph.

use std::sync::Arc as Shared;

use crate::apply::Applied;
use crate::facts::{Certainty, DependencyKnowledge, EdgeFacts, EdgeKind, Facts, Key, State};
use crate::graph::{Inner, Told, bytes};
use crate::labels::{
    Changed, EDITED, Flags, GOING, LEAVING, MISSING_WITH_NEEDS, Moved, NONE, PLACED, PLACEHOLDER,
    SELF_DOUBTFUL, SELF_MISSING,
};
use crate::links::{BACKING, CERTAIN, ENDS, STEP};

/// One batch on its way into the graph.
pub(crate) struct Batch<'g> {
    pub(crate) inner: &'g mut Inner,
    /// Placeholders that may have lost the last one that needed them; of those that were removed when
    /// that was, else 0.
    pub(crate) idle: &'g mut Vec<(u32, u64)>,
    pub(crate) changed: &'g mut Changed,
    pub(crate) applied: Applied,
}

impl Batch<'_> {
    pub(crate) fn insert(&mut self, facts: Facts) {
        let (slot, is_new) = match self.inner.slot_of_key(&facts.key) {
            Some(slot) => (slot, self.inner.is_placeholder(slot)),
            None => (self.allocate(&facts.key), true),
        };
        self.applied.inserted += usize::from(is_new);
        self.applied.updated += usize::from(!is_new);
        self.inner.clock += 1;
        let at = self.inner.clock;
        self.set(slot, Told { facts, at }, false);
    }

    pub(crate) fn repoint(&mut self, slot: u32, references: Vec<EdgeFacts>) {
        let Some(told) = self.inner.disks.at(slot) else { return };
        let facts = &mut Shared::make_mut(told).facts;
        let before = std::mem::replace(&mut facts.references, references);
        self.inner.labels.unflag(slot, PLACEHOLDER);
        self.applied.updated += 1;
        self.relink(slot, &before);
    }

    /// Takes a disk's references away. What else is known of it stays until the batch ends, in case
    /// that something needs the disk then, or that it was inserted again.
    pub(crate) fn remove(&mut self, slot: u32) {
        self.applied.removed += 1;
        self.inner.labels.flag(slot, PLACEHOLDER | GOING);
        self.unlink(slot);
        self.inner.clock += 1;
        self.idle.push((slot, self.inner.clock));
    }

    /// Makes `told` what is known of `slot`.
    fn set(&mut self, slot: u32, mut told: Told, is_placeholder: bool) {
        let inner = &mut *self.inner;
        // A list that was pushed to has room for four, which nobody will need.
        told.facts.paths.shrink_to_fit();
        told.facts.references.shrink_to_fit();
        let before = inner.disks.at(slot).replace(Shared::new(told));
        let Some(facts) = inner.disks.get(slot).as_ref().map(|told| &told.facts) else { return };
        let before = before.as_ref().map(|told| &told.facts);
        let before_paths = before.map_or(&[][..], |facts| &facts.paths);
        if facts.paths != before_paths {
            for path in before_paths {
                inner.by_path.remove(bytes(path), slot);
            }
            for path in &facts.paths {
                inner.by_path.insert(bytes(path), slot);
            }
        }
        let is = Is {
            missing: facts.state == State::Missing,
            doubtful: facts.dependencies == DependencyKnowledge::Unknown,
            placeholder: is_placeholder,
        };
        inner.namesakes.replace(slot, before, facts);
        let had_gone = inner.labels.flags(slot) & GOING != 0;
        self.state(slot, is);
        let before = before.filter(|_| !had_gone);
        self.relink(slot, before.map_or(&[], |facts| &facts.references));
    }

    /// Notes in the label what a disk is itself.
    fn state(&mut self, slot: u32, is: Is) {
        let Inner { labels, missing, doubtful, .. } = &mut *self.inner;
        let flag = |wanted: bool, flag: Flags| if wanted { flag } else { 0 };
        let now = flag(is.missing, SELF_MISSING) | flag(is.doubtful, SELF_DOUBTFUL);
        let all = now | flag(is.placeholder, PLACEHOLDER);
        let flags = labels.flags(slot);
        let changes = (flags ^ now) & (SELF_MISSING | SELF_DOUBTFUL);
        let kept = flags & !(SELF_MISSING | SELF_DOUBTFUL | PLACEHOLDER | GOING);
        if flags != kept | all {
            labels.set_flags(slot, kept | all);
        }
        if changes != 0 {
            self.changed.restated.push(slot);
        }
        for (change, is_member, set) in
            [(SELF_MISSING, is.missing, missing), (SELF_DOUBTFUL, is.doubtful, doubtful)]
        {
            match (changes & change != 0, is_member) {
                (true, true) => set.insert(slot),
                (true, false) => set.remove(&slot),
                (false, _) => {}
            }
        }
    }

    /// Makes the references of `slot` the edges that leave it. Those that lead where those
    /// `before` did stay as they are.
    fn relink(&mut self, slot: u32, before: &[EdgeFacts]) {
        let Some(facts) = self.inner.facts(slot) else { return };
        let alike = |(before, now): (&EdgeFacts, &EdgeFacts)| {
            before.target == now.target && traits(before) == traits(now)
        };
        if before.len() == facts.references.len() && before.iter().zip(&facts.references).all(alike)
        {
            return;
        }
        self.unlink(slot);
        self.link(slot);
    }

    /// Takes away the edges that leave `slot`.
    fn unlink(&mut self, slot: u32) {
        let Self { inner, idle, changed, .. } = self;
        let had = inner.slots.has_outgoing(slot);
        let flags = inner.labels.flags(slot);
        if flags & (EDITED | PLACED) == PLACED {
            inner.labels.flag(slot, EDITED);
            let parent = inner.slots.parent(slot).unwrap_or(NONE);
            changed.moved.push(Moved { slot, parent, had });
        }
        if had {
            let Inner { slots, labels, .. } = &mut **inner;
            slots.disconnect(slot, |left, in_forest| {
                if labels.flags(left) & PLACEHOLDER != 0 {
                    idle.push((left, 0));
                }
                if !in_forest {
                    changed.targets.push(left);
                }
            });
        }
    }

    /// Connects `slot` with its targets, making placeholders of those nobody has inserted.
    fn link(&mut self, slot: u32) {
        // Held, so that placeholders may be made meanwhile.
        let Some(told) = self.inner.disks.get(slot).clone() else { return };
        // Over what nothing needs there is no cycle.
        let is_free =
            self.inner.labels.flags(slot) & PLACED == 0 && !self.inner.slots.has_incoming(slot);
        let references = &told.facts.references;
        let first = references.iter().position(|edge| edge.kind == EdgeKind::Backing);
        // An edge is put before those that are there, and the step comes first.
        let others = (0..references.len()).rev().filter(|at| Some(*at) != first);
        for at in others.chain(first) {
            let edge = &references[at];
            let target = self.inner.slot_of_key(&edge.target);
            let target = target.unwrap_or_else(|| self.allocate_placeholder(&edge.target));
            let step = if Some(at) == first { STEP } else { 0 };
            let position = u32::try_from(at).unwrap_or(NONE);
            let traits = traits(edge) | step;
            let slots = &mut self.inner.slots;
            let ends = traits & ENDS != 0 && slots.has_outgoing(target);
            let may_be = traits & (STEP | CERTAIN) == STEP | CERTAIN && !ends && slot != target;
            slots.connect(slot, target, position, traits, is_free && may_be);
        }
    }

    /// A slot for a disk that the graph does not hold yet.
    fn allocate(&mut self, key: &Key) -> u32 {
        let slot = self.inner.slots.add();
        self.inner.labels.next_generation(slot);
        self.inner.by_key.insert(key, slot);
        self.changed.fresh.push(slot);
        slot
    }

    fn allocate_placeholder(&mut self, key: &Key) -> u32 {
        let slot = self.allocate(key);
        let told = Told { facts: Facts::placeholder(key.clone()), at: 0 };
        self.inner.namesakes.replace(slot, None, &told.facts);
        *self.inner.disks.at(slot) = Some(Shared::new(told));
        self.state(slot, Is { missing: true, doubtful: false, placeholder: true });
        slot
    }

    pub(crate) fn finish(mut self) -> Applied {
        for at in 0..self.idle.len() {
            let (slot, removed) = self.idle[at];
            let flags = self.inner.labels.flags(slot);
            if flags & PLACEHOLDER == 0 || flags & LEAVING != 0 {
                continue;
            }
            if !self.inner.slots.has_incoming(slot) {
                self.state(slot, Is { missing: false, doubtful: false, placeholder: true });
                self.inner.labels.flag(slot, LEAVING);
                self.changed.leaving.push(slot);
            } else if flags & GOING != 0 && removed > 0 {
                self.make_placeholder(slot, removed);
            }
        }
        let Self { inner, changed, applied, .. } = self;
        let moved = changed.moved.iter().map(|moved| &moved.slot);
        for &slot in changed.restated.iter().chain(moved) {
            let flags = inner.labels.flags(slot);
            let is = flags & SELF_MISSING != 0 && inner.slots.has_outgoing(slot);
            if is != (flags & MISSING_WITH_NEEDS != 0) {
                inner.labels.toggle(slot, MISSING_WITH_NEEDS);
                inner.missing_with_needs -= usize::from(!is);
                inner.missing_with_needs += usize::from(is);
            }
        }
        inner.labels.update(&mut inner.slots, changed);
        for &slot in &changed.leaving {
            inner.free(slot);
        }
        applied
    }

    /// Leaves of a disk that was removed what those see who still need it.
    fn make_placeholder(&mut self, slot: u32, removed: u64) {
        let Some(facts) = self.inner.facts(slot) else { return };
        let paths = facts.paths.clone();
        let placeholder = Facts { paths, ..Facts::placeholder(facts.key.clone()) };
        self.set(slot, Told { facts: placeholder, at: removed }, true);
    }
}

/// What a disk is itself.
struct Is {
    missing: bool,
    doubtful: bool,
    placeholder: bool,
}

/// What the structure must know of a reference.
fn traits(edge: &EdgeFacts) -> u32 {
    let flag = |wanted: bool, flag: u32| if wanted { flag } else { 0 };
    flag(edge.kind == EdgeKind::Backing, BACKING)
        | flag(edge.certainty == Certainty::Certain, CERTAIN)
        | flag(edge.ends_chain, ENDS)
}

impl Inner {
    /// Gives a slot back; its ids go stale.
    fn free(&mut self, slot: u32) {
        if let Some(told) = self.disks.at(slot).take() {
            for path in &told.facts.paths {
                self.by_path.remove(bytes(path), slot);
            }
            self.by_key.remove(&told.facts.key, slot);
            self.namesakes.forget(slot, &told.facts);
        }
        let is_good_again = self.labels.next_generation(slot);
        self.slots.remove(slot, is_good_again);
    }
}
