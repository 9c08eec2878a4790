//! What would have to be done first, so that these can be removed.

use crate::facts::EdgeKind;
use crate::graph::{DiskId, Graph};
use crate::index::SlotSet;

/// What frees one disk of the need for a set of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Remedy {
    /// Copy into it what it reads from the set, and put it on the disk below (`qemu-img rebase`).
    Rebase {
        /// The first disk of its chain that stays.
        onto: DiskId,
    },
    /// Copy into it all that it reads from below: nothing of its chain stays (`qemu-img rebase
    /// -b ""`). Also where what would stay cannot be put below it: its name is resolved from QEMU's
    /// working directory, or it is declared raw and holds more.
    Flatten,
    /// Copy its external data file: convert it to an image that holds its own data.
    Convert,
    /// It is not sure that it needs the set: its reference is resolved from QEMU's working
    /// directory. Give it an absolute name, and ask again.
    Name,
}

impl Remedy {
    /// The word that stands in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rebase { .. } => "rebase",
            Self::Flatten => "flatten",
            Self::Convert => "convert",
            Self::Name => "name",
        }
    }
}

/// One step of a plan: it makes one disk need nothing of the set any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanStep {
    /// The disk that is changed: one that needs a member of the set directly.
    pub disk: DiskId,
    /// How.
    pub remedy: Remedy,
    /// Bytes to be copied, at most: what the disks occupy whose content it takes over.
    pub copies: u64,
}

impl Graph {
    /// What has to be done before the disks of `set` can be removed together: for every disk that
    /// needs one of them directly and is no member, a step for each sort of need (its chain, its data
    /// file, a name that is not sure), cheapest first, then by path. Once all are done nothing that is
    /// known needs the set. Empty where nothing does. Stale ids are passed over.
    ///
    /// O(the direct dependents of the set, and for each the length of its chain inside the set, or of
    /// the whole of it where it has to be flattened).
    pub fn plan(&self, set: &[DiskId]) -> Vec<PlanStep> {
        let inner = &*self.inner;
        let live = set.iter().filter(|id| inner.is_live(**id));
        let members: SlotSet = live.map(|id| id.slot).collect();
        let mut met = SlotSet::default();
        let mut steps = Vec::new();
        for &member in &members {
            for arc in inner.slots.incoming(member).filter(|arc| !members.contains(&arc.from)) {
                if met.insert(arc.from) {
                    steps.extend(self.steps_for(arc.from, &members));
                }
            }
        }
        steps.sort_by_key(|step| (step.copies, inner.path(step.disk.slot), step.remedy.name()));
        steps
    }

    /// The steps for one disk: one for its chain, and one for each other sort of need.
    fn steps_for(&self, slot: u32, members: &SlotSet) -> Vec<PlanStep> {
        let inner = &*self.inner;
        let disk = inner.id(slot);
        let own = |slot: u32| inner.known(slot).and_then(|known| known.actual_size()).unwrap_or(0);
        let mut steps: Vec<PlanStep> = Vec::new();
        let mut add =
            |remedy: Remedy, copies: u64| match steps.iter_mut().find(|step| step.remedy == remedy)
            {
                Some(step) => step.copies = step.copies.max(copies),
                None => steps.push(PlanStep { disk, remedy, copies }),
            };
        for arc in inner.slots.outgoing(slot).filter(|arc| members.contains(&arc.to)) {
            let Some(edge) = inner.edge(arc) else { continue };
            if !arc.certain() {
                add(Remedy::Name, 0);
            } else if edge.facts.kind == EdgeKind::DataFile {
                add(Remedy::Convert, own(arc.to));
            } else {
                // What is copied is read from the members that its chain goes through, down to the
                // first disk that stays. Where a chain ends in its first disk there is none below.
                let (mut at, mut copies) = (arc.to, own(arc.to));
                let mut seen = SlotSet::from_iter([slot, at]);
                let mut ends = arc.ends;
                let mut may_stay = true;
                let onto = loop {
                    let step = inner.slots.step(at).filter(|_| !ends);
                    let Some(step) = step.filter(|step| seen.insert(step.to)) else { break None };
                    // What is not sure to be meant cannot be put below another, nor what is declared
                    // raw and holds more: it is copied, with all below it.
                    may_stay = may_stay && step.certain() && !step.ends;
                    if !members.contains(&step.to) {
                        if may_stay {
                            break Some(step.to);
                        }
                        may_stay = false;
                    }
                    copies = u64::saturating_add(copies, own(step.to));
                    (at, ends) = (step.to, step.ends);
                };
                match onto {
                    Some(onto) => add(Remedy::Rebase { onto: inner.id(onto) }, copies),
                    None => add(Remedy::Flatten, copies),
                }
            }
        }
        steps
    }
}
