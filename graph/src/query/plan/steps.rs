//! The steps of a plan.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::facts::EdgeKind;
use crate::graph::{DiskId, Graph, Inner};
use crate::index::SlotSet;
use crate::links::Arc;
use crate::query::plan::hindrance::{Hindrance, HindranceKind};
use crate::query::plan::opened::{Met, Opener};
use crate::usage::{Access, InUse, Usage};

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
    /// directory. Give it an absolute name (`qemu-img rebase -u`; of a data file `qemu-img amend -o data_file=`), and
    /// ask again.
    Name {
        /// Which of its references.
        kind: EdgeKind,
    },
    /// Nothing can open it, because its chain is a cycle or broken, so nothing can be copied into it. Put its chain
    /// right, and ask again; or give it up.
    Repair,
}

impl Remedy {
    /// The word that stands in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rebase { .. } => "rebase",
            Self::Flatten => "flatten",
            Self::Convert => "convert",
            Self::Name { .. } => "name",
            Self::Repair => "repair",
        }
    }
}

/// One step of a plan: it makes one disk need nothing of the set any more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlanStep {
    /// The disk that is changed: one that needs a member of the set directly.
    pub disk: DiskId,
    /// How.
    pub remedy: Remedy,
    /// Bytes to be copied, at most: what the disks occupy whose content it takes over.
    pub copies: u64,
    /// What keeps it from being done as things are. Never empty for [`Remedy::Repair`].
    pub hindrances: Vec<Hindrance>,
}

/// What has to be done first, step by step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// Cheapest first, then by path.
    pub steps: Vec<PlanStep>,
}

impl Graph {
    /// What has to be done before the disks of `set` can be removed together: for every disk that
    /// needs one of them directly and is no member, a step for each sort of need (its chain, its data
    /// file, a name that is not sure), cheapest first, then by path. Once all are done nothing that is
    /// known needs the set. Empty where nothing does. Stale ids are passed over.
    ///
    /// What headers tell of the disks that a step has to open is held against it; give [`Plan::with_usage`] and
    /// [`Plan::with_access`] a say before acting on it.
    ///
    /// O(the direct dependents of the set, and the lengths of their chains; what several share counts once, but for
    /// what lies inside the set, or all of it where a disk has to be flattened).
    pub fn plan(&self, set: &[DiskId]) -> Plan {
        let inner = &*self.inner;
        let live = set.iter().filter(|id| inner.is_live(**id));
        let members: SlotSet = live.map(|id| id.slot).collect();
        let mut met = SlotSet::default();
        let mut opener = Opener::new(inner);
        let mut steps = Vec::new();
        for &member in &members {
            for arc in inner.slots.incoming(member).filter(|arc| !members.contains(&arc.from)) {
                if met.insert(arc.from) {
                    steps.extend(inner.steps_for(arc.from, &members, &mut opener));
                }
            }
        }
        steps.sort_by_key(|step| (step.copies, inner.path(step.disk.slot), step.remedy.name()));
        Plan { steps }
    }

    /// What keeps a disk from being changed so, as far as headers tell: first why nothing can open it, if so, then
    /// what it takes. Nothing of a stale id. O(the length of its chain).
    pub fn hindrances(&self, disk: DiskId, remedy: Remedy) -> Vec<Hindrance> {
        let inner = &*self.inner;
        if !inner.is_live(disk) {
            return Vec::new();
        }
        let met = Opener::new(inner).chain(disk.slot);
        let takes = inner.hindrances(disk.slot, remedy, met);
        met.stop(inner).into_iter().chain(takes).collect()
    }
}

impl Plan {
    /// Adds who has open what would be changed, and who writes to what is opened with it. Each file is asked about once.
    #[must_use]
    pub fn with_usage(mut self, graph: &Graph, usage: &dyn Usage) -> Self {
        let mut known: HashMap<PathBuf, InUse> = HashMap::new();
        let mut in_use = |path: &Path| match known.get(path) {
            Some(known) => known.clone(),
            None => {
                let answer = usage.in_use(path);
                known.insert(path.to_owned(), answer.clone());
                answer
            }
        };
        for step in &mut self.steps {
            let found = Hindrance::of_use_as(graph, step.disk, step.remedy, &mut in_use);
            step.hindrances.extend(found);
        }
        self
    }

    /// Adds what may not be written to and would have to be.
    #[must_use]
    pub fn with_access(mut self, graph: &Graph, access: &dyn Access) -> Self {
        for step in &mut self.steps {
            step.hindrances.extend(Hindrance::of_access(graph, step.disk, step.remedy, access));
        }
        self
    }
}

impl Inner {
    /// The steps for one disk: one for its chain, and one for each other sort of need.
    fn steps_for(&self, slot: u32, members: &SlotSet, opener: &mut Opener<'_>) -> Vec<PlanStep> {
        let disk = self.id(slot);
        let mut steps: Vec<PlanStep> = Vec::new();
        for arc in self.slots.outgoing(slot).filter(|arc| members.contains(&arc.to)) {
            let kind = if arc.is_backing() { EdgeKind::Backing } else { EdgeKind::DataFile };
            let (remedy, copies) = match (arc.certain(), kind) {
                (false, _) => (Remedy::Name { kind }, 0),
                (true, EdgeKind::DataFile) => (Remedy::Convert, self.own(arc.to)),
                (true, EdgeKind::Backing) => self.replaced(arc, members),
            };
            // A backing file's name is exchanged without opening what it names.
            let met = match remedy {
                Remedy::Name { kind: EdgeKind::Backing } => opener.alone(slot),
                _ => opener.by(arc),
            };
            let stop = met.stop(self);
            let (remedy, copies) = match (&stop, remedy) {
                (Some(_), Remedy::Rebase { .. } | Remedy::Flatten | Remedy::Convert) => {
                    (Remedy::Repair, 0)
                }
                _ => (remedy, copies),
            };
            let mut hindrances: Vec<Hindrance> = stop.into_iter().collect();
            if remedy != Remedy::Repair {
                hindrances.extend(self.hindrances(slot, remedy, met));
            }
            match steps.iter_mut().find(|step| step.remedy == remedy) {
                Some(step) => {
                    step.copies = step.copies.max(copies);
                    hindrances.retain(|one| !step.hindrances.contains(one));
                    step.hindrances.extend(hindrances);
                }
                None => steps.push(PlanStep { disk, remedy, copies, hindrances }),
            }
        }
        steps
    }

    /// How a disk is made to need no member of its chain, which it enters by `arc`, and what that copies.
    fn replaced(&self, arc: Arc, members: &SlotSet) -> (Remedy, u64) {
        // What is copied is read from the members that its chain goes through, down to the
        // first disk that stays. Where a chain ends in its first disk there is none below.
        let (mut at, mut copies) = (arc.to, self.own(arc.to));
        let mut seen = SlotSet::from_iter([arc.from, at]);
        let mut ends = arc.ends;
        let mut may_stay = true;
        loop {
            let step = self.slots.step(at).filter(|_| !ends);
            let Some(step) = step.filter(|step| seen.insert(step.to)) else {
                return (Remedy::Flatten, copies);
            };
            // What is not sure to be meant cannot be put below another, nor what is declared
            // raw and holds more: it is copied, with all below it.
            may_stay = may_stay && step.certain() && !step.ends;
            if !members.contains(&step.to) {
                if may_stay {
                    return (Remedy::Rebase { onto: self.id(step.to) }, copies);
                }
                may_stay = false;
            }
            copies = u64::saturating_add(copies, self.own(step.to));
            (at, ends) = (step.to, step.ends);
        }
    }

    fn own(&self, slot: u32) -> u64 {
        self.known(slot).and_then(|known| known.actual_size()).unwrap_or(0)
    }

    /// What keeps a disk from being changed or copied that can be opened.
    fn hindrances(&self, slot: u32, remedy: Remedy, met: Met) -> Vec<Hindrance> {
        let known = self.known(slot);
        let finding = |kind: &str| {
            let mut findings = known.iter().flat_map(|known| known.findings());
            findings.find(|finding| finding.kind == kind)
        };
        let mut all: Vec<Hindrance> = met.takes(self).collect();
        let mut add = |kind, detail: String| all.push(Hindrance::new(kind, self.id(slot), detail));
        if remedy != Remedy::Convert && finding("corrupt").is_some() {
            let detail = "is marked corrupt: repair it first (qemu-img check -r all)";
            add(HindranceKind::Corrupt, detail.to_owned());
        }
        if !matches!(remedy, Remedy::Name { .. })
            && let Some(snapshots) = finding("internal-snapshots")
        {
            let what = match remedy {
                Remedy::Convert => "which are not taken over",
                _ => "which would read other data from then on",
            };
            let detail = format!("holds {}, {what}: copy them out first", snapshots.detail);
            add(HindranceKind::Snapshots, detail);
        }
        all
    }
}
