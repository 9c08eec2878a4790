//! Which doubts stand in the way of which question.

use std::path::PathBuf;

use crate::doubt::{Doubt, DoubtKind, ScopeSource};
use crate::facts::{Format, State};
use crate::graph::{DiskId, Graph, Inner};
use crate::index::SlotSet;
use crate::labels::OUTSIDE;
use crate::links::Arc;
use crate::namesakes::file_names;

impl Graph {
    /// Everything that could not be asked, whatever the question: what the coverage says, and every
    /// disk whose own needs are not known; of an opaque reference the disks that make it, for those can be
    /// looked at. O(doubtful disks).
    pub fn doubts(&self) -> Vec<Doubt> {
        self.inner.scope_doubts(&SlotSet::default(), &SlotSet::default())
    }

    /// That a disk lies out of the scope, where nobody looked who else needs it: what [`Graph::dependents`] and
    /// [`Graph::removal`] say of it whoever depends on it. Nothing of a disk in scope, and nothing where the scope as a
    /// whole was assumed, which is a doubt about every disk. O(1).
    pub fn out_of_scope(&self, disk: DiskId) -> Option<Doubt> {
        let inner = &*self.inner;
        let is_asked = inner.is_live(disk) && !inner.is_scope_assumed();
        (is_asked && inner.is_outside(disk.slot)).then(|| inner.outside_doubt(disk.slot))
    }
}

impl Inner {
    /// Whether [`Inner::scope_doubts`] has anything to say about an image that nothing is known to
    /// depend on. Allocates nothing.
    pub(crate) fn has_doubt_alone(&self, image: u32) -> bool {
        let is_image = |slot: u32| slot == image;
        let from_outside = |slot| self.slots.incoming(slot).any(|arc| !is_image(arc.from));
        self.coverage.is_in_doubt()
            || self.is_outside(image)
            || self.doubtful.iter().any(|slot| self.matters(slot, is_image))
            || self.namesakes(image).any(from_outside)
    }

    /// The doubts about what depends on a set of images that is `settled`: they, judged as a set,
    /// and all that is known to depend on them. Could anything else need one of those? Who needs those that are `open`,
    /// too, is a part of the answer, so that it matters where they lie. O(doubtful disks + settled ones + missing files
    /// that bear a name of theirs + files out of the scope).
    pub(crate) fn scope_doubts(&self, settled: &SlotSet, open: &SlotSet) -> Vec<Doubt> {
        let is_settled = |slot: u32| settled.contains(&slot);
        let mut doubts: Vec<Doubt> = self.coverage.standing().collect();
        let outside = self.outside_of(open).into_iter();
        doubts.extend(outside.map(|slot| self.outside_doubt(slot)));
        for slot in self.doubtful.iter() {
            if self.matters(slot, is_settled) {
                self.doubts_about(slot, |referrer| !is_settled(referrer), &mut doubts);
            }
        }
        if self.missing.is_empty() {
            return doubts;
        }
        // By name and not by image: a thousand images of one name are asked about once.
        let facts = settled.iter().filter_map(|slot| self.known(*slot));
        let mut names: Vec<&[u8]> = facts.flat_map(file_names).collect();
        names.sort_unstable();
        names.dedup();
        let called = names.into_iter().flat_map(|name| self.missing_called(name));
        let mut missing: Vec<u32> = called.filter(|slot| !is_settled(*slot)).collect();
        missing.sort_unstable();
        missing.dedup();
        for slot in missing {
            let needed_by = self.slots.incoming(slot).find(|arc| !is_settled(arc.from));
            doubts.extend(needed_by.map(|arc| self.namesake_doubt(arc)));
        }
        doubts
    }

    /// Whether everything that could be asked was, whatever the disk and whoever depends on it. O(1).
    pub(crate) fn is_beyond_doubt(&self) -> bool {
        !self.coverage.is_in_doubt()
            && self.doubtful.is_empty()
            && self.missing.is_empty()
            && self.outside.is_empty()
    }

    fn is_scope_assumed(&self) -> bool {
        self.coverage.source == ScopeSource::Assumed
    }

    /// Whether it lies out of the scope, and nobody has waived that.
    fn is_outside(&self, slot: u32) -> bool {
        self.labels.flags(slot) & OUTSIDE != 0 && {
            let mut paths = self.known(slot).into_iter().flat_map(|known| known.paths());
            !paths.any(|path| self.coverage.is_waived(path))
        }
    }

    /// Those of the disks that lie out of the scope, by slot.
    fn outside_of(&self, disks: &SlotSet) -> Vec<u32> {
        if self.outside.is_empty() || disks.is_empty() || self.is_scope_assumed() {
            return Vec::new();
        }
        if self.outside.len() <= disks.len() {
            let among = self.outside.iter().filter(|slot| disks.contains(slot));
            return among.filter(|slot| self.is_outside(*slot)).collect();
        }
        let mut outside: Vec<u32> =
            disks.iter().copied().filter(|slot| self.is_outside(*slot)).collect();
        outside.sort_unstable();
        outside
    }

    /// The doubts behind a [`Graph::has_dependents`] that is not known: those about the scope, and
    /// the names that may mean the image.
    pub(crate) fn dependents_doubts(&self, image: u32) -> Vec<Doubt> {
        let above = self.dependents_of(&[image]);
        let above = above.iter().map(|found| found.dependent.disk.slot);
        let settled: SlotSet = above.chain([image]).collect();
        let mut doubts = self.scope_doubts(&settled, &settled);
        let possible = self.slots.incoming(image).filter(|arc| !arc.certain());
        doubts.extend(possible.map(|arc| self.directory_doubt(arc)));
        doubts
    }

    /// The doubts about whether `from` depends on `to`.
    pub(crate) fn chain_doubts(&self, from: u32, to: u32) -> Vec<Doubt> {
        let mut doubts = Vec::new();
        let below: Vec<u32> = self.needs_of(from).iter().map(|step| step.disk.slot).collect();
        let chain: SlotSet = below.iter().copied().chain([from]).collect();
        let mut listed = SlotSet::default();
        for slot in std::iter::once(from).chain(below.iter().copied()) {
            if self.doubtful.contains(&slot) && listed.insert(slot) {
                self.doubts_about(slot, |referrer| chain.contains(&referrer), &mut doubts);
            }
        }
        for slot in below {
            if self.missing.contains(&slot) && self.is_namesake(slot, to) {
                let from_chain = |arc: &Arc| chain.contains(&arc.from);
                let needed_by = self.slots.incoming(slot).find(from_chain);
                doubts.extend(needed_by.map(|arc| self.namesake_doubt(arc)));
            }
        }
        // Not sure to lead there, so a step of the way at least is not sure.
        let way = self.way(from, to, false);
        let mut possible: Vec<Arc> = way.into_iter().filter(|arc| !arc.certain()).collect();
        for arc in self.unsought(from) {
            if possible.iter().all(|known| known.from != arc.from) {
                possible.push(arc);
            }
        }
        doubts.extend(possible.into_iter().map(|arc| self.directory_doubt(arc)));
        doubts
    }

    /// Whether the unknown needs of `slot` say anything about a set of images. Those of a member
    /// do not, and an opaque reference is nothing beside the images that make it.
    fn matters(&self, slot: u32, is_image: impl Fn(u32) -> bool) -> bool {
        !is_image(slot)
            && (!self.is_opaque(slot)
                || !self.slots.has_incoming(slot)
                || self.slots.incoming(slot).any(|arc| !is_image(arc.from)))
    }

    fn is_opaque(&self, slot: u32) -> bool {
        self.known(slot).is_some_and(|known| known.state() == State::Opaque)
    }

    /// Why the needs of `slot` are not known. An opaque reference is in doubt because of the
    /// images that make it: one doubt for each that `referrer` accepts.
    fn doubts_about(&self, slot: u32, referrer: impl Fn(u32) -> bool, doubts: &mut Vec<Doubt>) {
        let Some(known) = self.known(slot) else { return };
        let kind = match (known.state(), known.format()) {
            (State::Opaque, _) => DoubtKind::Opaque,
            (State::Refused, _) => DoubtKind::Refused,
            (State::Unreadable, Format::Qcow2) => DoubtKind::Header,
            (State::Unreadable, _) => DoubtKind::File,
            (_, Format::Other | Format::Foreign(_)) => DoubtKind::Format,
            _ => DoubtKind::Other,
        };
        let reason = known.reason().unwrap_or("what it needs is not known");
        let doubt =
            |slot: u32| Doubt { path: self.path(slot).to_owned(), kind, reason: reason.to_owned() };
        let before = doubts.len();
        if kind == DoubtKind::Opaque {
            let mut referrers: Vec<u32> = self
                .slots
                .incoming(slot)
                .map(|arc| arc.from)
                .filter(|from| referrer(*from))
                .collect();
            referrers.sort_unstable();
            referrers.dedup();
            doubts.extend(referrers.into_iter().map(doubt));
        }
        if doubts.len() == before {
            doubts.push(doubt(slot));
        }
    }

    fn outside_doubt(&self, slot: u32) -> Doubt {
        Doubt {
            path: self.path(slot).to_owned(),
            kind: DoubtKind::OutOfScope,
            reason: "lies in none of the directories asked, so those beside it were not".to_owned(),
        }
    }

    /// The doubt because of an edge to a missing file.
    fn namesake_doubt(&self, arc: Arc) -> Doubt {
        let needed_by = self.path(arc.from).display().to_string();
        Doubt {
            path: self.path(arc.to).to_owned(),
            kind: DoubtKind::MissingNamesake,
            reason: format!(
                "needed by {} and missing; it bears the name of this image or of one that depends \
                 on it, which may have been moved",
                needed_by.escape_debug()
            ),
        }
    }

    fn directory_doubt(&self, arc: Arc) -> Doubt {
        Doubt {
            path: self.path(arc.from).to_owned(),
            kind: DoubtKind::WorkingDirectory,
            reason: "a reference of it is resolved from QEMU's working directory".to_owned(),
        }
    }
}

/// The doubt about a disk that is not there to be asked about.
pub(crate) fn stale() -> Doubt {
    Doubt {
        path: PathBuf::new(),
        kind: DoubtKind::Other,
        reason: "an image asked about is not in the graph any more".to_owned(),
    }
}
