//! One batch of changes on its way into a graph.

use crate::apply::Applied;
use crate::facts::{DependencyKnowledge, EdgeFacts, EdgeKind, Facts, KeyRef, State};
use crate::graph::{Inner, bytes};
use crate::labels::{
    Changed, EDITED, Flags, GOING, LEAVING, MISSING_WITH_NEEDS, Moved, NONE, OUTSIDE, PLACED,
    PLACEHOLDER, SELF_DOUBTFUL, SELF_MISSING,
};
use crate::links::{Arc, CERTAIN, ENDS, STEP, traits};

/// One batch on its way into the graph.
pub(crate) struct Batch<'g> {
    pub(crate) inner: &'g mut Inner,
    /// Placeholders that may have lost the last one that needed them; of those that were removed when
    /// that was, else 0. In the order in which that came about.
    pub(crate) idle: &'g mut Vec<(u32, u64)>,
    pub(crate) changed: &'g mut Changed,
    pub(crate) applied: Applied,
    /// It is not worth while to wait for its end and make all labels anew.
    pub(crate) is_small: bool,
    /// It is of one change: nothing that it removes can come back in it.
    pub(crate) is_one: bool,
}

impl Batch<'_> {
    pub(crate) fn insert(&mut self, facts: &Facts) {
        let key = facts.key.as_ref();
        let hash = self.inner.by_key.hash(&key);
        self.inner.clock += 1;
        let at = self.inner.clock;
        let (slot, is_new) = match self.inner.slot_of_hash(key, hash) {
            Some(slot) => (slot, self.inner.is_placeholder(slot)),
            None if self.is_small && self.inner.insert_leaf(facts, hash, at) => {
                self.applied.inserted += 1;
                return;
            }
            None => (self.allocate(hash), true),
        };
        self.applied.inserted += usize::from(is_new);
        self.applied.updated += usize::from(!is_new);
        self.set(slot, facts, at, false);
    }

    pub(crate) fn repoint(&mut self, slot: u32, references: Vec<EdgeFacts>) {
        let Some(known) = self.inner.known(slot) else { return };
        let (facts, at) = (known.facts(references), known.told());
        self.inner.records.put(slot, &facts, at);
        self.inner.labels.unflag(slot, PLACEHOLDER);
        self.applied.updated += 1;
        self.relink(slot, &facts.references);
    }

    /// Takes a disk's references away. What else is known of it stays until the batch ends, in case
    /// that something needs the disk then, or that it was inserted again.
    pub(crate) fn remove(&mut self, slot: u32) {
        self.applied.removed += 1;
        if self.is_one && self.inner.remove_leaf(slot) {
            return;
        }
        self.inner.labels.flag(slot, PLACEHOLDER | GOING);
        self.unlink(slot);
        self.inner.clock += 1;
        self.idle.push((slot, self.inner.clock));
    }

    /// Makes `facts`, told at a time, what is known of `slot`.
    fn set(&mut self, slot: u32, facts: &Facts, at: u64, is_placeholder: bool) {
        let Inner { records, by_path, namesakes, .. } = &mut *self.inner;
        let before = records.get(slot);
        let before_paths = before.map(|known| known.paths());
        let paths = || facts.paths.iter().map(|path| &**path);
        let has_moved = !before_paths.into_iter().flatten().eq(paths());
        if let Some(known) = before {
            namesakes.forget(slot, known);
            if has_moved {
                known.paths().for_each(|path| by_path.remove(by_path.hash(bytes(path)), slot));
            }
        }
        records.put(slot, facts, at);
        if has_moved {
            paths().for_each(|path| by_path.insert(by_path.hash(bytes(path)), slot));
        }
        if facts.state == State::Missing
            && let Some(known) = records.get(slot)
        {
            namesakes.note(slot, known);
        }
        let is = Is {
            missing: facts.state == State::Missing,
            doubtful: facts.dependencies == DependencyKnowledge::Unknown,
            outside: records.get(slot).is_some_and(|known| known.lies_outside()),
            placeholder: is_placeholder,
        };
        self.state(slot, is);
        self.relink(slot, &facts.references);
    }

    /// Notes in the label what a disk is itself.
    fn state(&mut self, slot: u32, is: Is) {
        let Inner { labels, missing, doubtful, outside, .. } = &mut *self.inner;
        let flag = |wanted: bool, flag: Flags| if wanted { flag } else { 0 };
        let now = flag(is.missing, SELF_MISSING)
            | flag(is.doubtful, SELF_DOUBTFUL)
            | flag(is.outside, OUTSIDE);
        let all = now | flag(is.placeholder, PLACEHOLDER);
        let flags = labels.flags(slot);
        let changes = (flags ^ now) & (SELF_MISSING | SELF_DOUBTFUL | OUTSIDE);
        let kept = flags & !(SELF_MISSING | SELF_DOUBTFUL | OUTSIDE | PLACEHOLDER | GOING);
        if flags != kept | all {
            labels.set_flags(slot, kept | all);
        }
        if changes & (SELF_MISSING | SELF_DOUBTFUL) != 0 {
            self.changed.restated.push(slot);
        }
        for (change, is_member, set) in [
            (SELF_MISSING, is.missing, missing),
            (SELF_DOUBTFUL, is.doubtful, doubtful),
            (OUTSIDE, is.outside, outside),
        ] {
            match (changes & change != 0, is_member) {
                (true, true) => set.insert(slot),
                (true, false) => set.remove(&slot),
                (false, _) => {}
            }
        }
    }

    /// Makes these references of `slot` the edges that leave it. Edges that lead where they did stay as
    /// they are.
    fn relink(&mut self, slot: u32, references: &[EdgeFacts]) {
        let inner = &*self.inner;
        let is_still = |arc: Arc| {
            let edge = references.get(arc.position() as usize);
            edge.is_some_and(|edge| {
                let target = inner.known(arc.to).map(|known| known.key());
                arc.traits() == traits(edge) && target.is_some_and(|key| key == edge.target)
            })
        };
        let (mut before, mut still) = (0, 0);
        for arc in inner.slots.outgoing(slot) {
            before += 1;
            still += usize::from(is_still(arc));
        }
        if still < before || before < references.len() {
            self.unlink(slot);
            self.link(slot, references);
        }
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
    fn link(&mut self, slot: u32, references: &[EdgeFacts]) {
        // Over what nothing needs there is no cycle.
        let is_free =
            self.inner.labels.flags(slot) & PLACED == 0 && !self.inner.slots.has_incoming(slot);
        let first = references.iter().position(|edge| edge.kind == EdgeKind::Backing);
        // An edge is put before those that are there, and the step comes first.
        let others = (0..references.len()).rev().filter(|at| Some(*at) != first);
        for at in others.chain(first) {
            let edge = &references[at];
            let key = edge.target.as_ref();
            let hash = self.inner.by_key.hash(&key);
            let target = self.inner.slot_of_hash(key, hash);
            let target = target.unwrap_or_else(|| self.allocate_placeholder(key, hash));
            let step = if Some(at) == first { STEP } else { 0 };
            let position = u32::try_from(at).unwrap_or(NONE);
            let traits = traits(edge) | step;
            let slots = &mut self.inner.slots;
            let ends = traits & ENDS != 0 && slots.has_outgoing(target);
            let may_be = traits & (STEP | CERTAIN) == STEP | CERTAIN && !ends && slot != target;
            slots.connect(slot, target, position, traits, is_free && may_be);
        }
    }

    /// A slot for a disk that the graph does not hold yet, by the hash of its key.
    fn allocate(&mut self, hash: u32) -> u32 {
        let slot = self.inner.slots.add();
        self.inner.labels.next_generation(slot);
        self.inner.by_key.insert(hash, slot);
        self.changed.fresh.push(slot);
        slot
    }

    fn allocate_placeholder(&mut self, key: KeyRef<'_>, hash: u32) -> u32 {
        let slot = self.allocate(hash);
        self.set(slot, &Facts::placeholder(key.to_key()), 0, true);
        slot
    }

    pub(crate) fn finish(mut self) -> Applied {
        if self.idle.is_empty() && self.changed.is_empty() {
            return self.applied;
        }
        // Of a disk that came back in between, the last removal counts.
        for at in (0..self.idle.len()).rev() {
            let (slot, removed) = self.idle[at];
            let is_going = self.inner.labels.flags(slot) & GOING != 0;
            if is_going && removed > 0 && self.inner.slots.has_incoming(slot) {
                self.make_placeholder(slot, removed);
            }
        }
        for at in 0..self.idle.len() {
            let (slot, _) = self.idle[at];
            let is_idle = self.inner.labels.flags(slot) & (PLACEHOLDER | LEAVING) == PLACEHOLDER;
            if is_idle && !self.inner.slots.has_incoming(slot) {
                self.state(slot, Is { placeholder: true, ..Is::default() });
                self.inner.labels.flag(slot, LEAVING);
                self.changed.leaving.push(slot);
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
        let Some(known) = self.inner.known(slot) else { return };
        let paths = known.paths().map(Into::into).collect();
        let placeholder = Facts { paths, ..Facts::placeholder(known.key().to_key()) };
        self.set(slot, &placeholder, removed, true);
    }
}

/// What a disk is itself.
#[derive(Default)]
struct Is {
    missing: bool,
    doubtful: bool,
    outside: bool,
    placeholder: bool,
}

impl Inner {
    /// Gives a slot back; its ids go stale.
    pub(crate) fn free(&mut self, slot: u32) {
        let Self { records, by_path, by_key, namesakes, .. } = self;
        if let Some(known) = records.get(slot) {
            known.paths().for_each(|path| by_path.remove(by_path.hash(bytes(path)), slot));
            by_key.remove(by_key.hash(&known.key()), slot);
            namesakes.forget(slot, known);
        }
        records.clear(slot);
        let is_good_again = self.labels.next_generation(slot);
        self.slots.remove(slot, is_good_again);
    }
}
