//! Bytes, plans, orphans and what-ifs, asked of the graph and of the oracle.

use std::collections::BTreeSet;

use diskdag_graph::{
    BlockerKind, Bytes, Certainty, Change, DiskId, EdgeFacts, EdgeKind, PlanStep, Remedy,
};

use crate::oracle::{Condition, Name, Oracle, Reference};
use crate::program::{Run, Step, Told, key};

/// Panics where the two differ. Each of `sets` is a set of disks, a bit a disk.
pub(crate) fn compare_questions(run: &Run, sets: &[u64]) {
    space(run);
    for bits in sets {
        let chosen = run.oracle.disks.keys().filter(|name| bits >> (*name % 64) & 1 == 1);
        let set: BTreeSet<Name> = chosen.copied().collect();
        plan(run, &set);
        orphans(run, &set);
        what_if(run, &set);
    }
}

impl Oracle {
    /// Whether there is an end to what has to be opened with a disk, and all of it is there, when it is entered by
    /// one of its references. What names from the working directory lead to is not known.
    fn opens(&self, name: Name, by: &Reference) -> bool {
        let is_there = |name: Name| {
            matches!(self.disks[&name].said.condition, Condition::Fine | Condition::Opaque)
        };
        let is_step = by.kind == EdgeKind::DataFile || Some(by) == self.step(name);
        let (mut at, mut step) = (name, if is_step { self.step(name) } else { Some(by) });
        let mut seen = BTreeSet::new();
        // Entered by another reference it may come once more, by a chain that leads back to it.
        let mut is_apart = !is_step;
        loop {
            if !std::mem::take(&mut is_apart) && !seen.insert(at) {
                return false;
            }
            let data = self.disks[&at].said.references.iter();
            let mut data = data.filter(|one| one.kind == EdgeKind::DataFile && one.certain);
            if !is_there(at) || !data.all(|one| is_there(one.to)) {
                return false;
            }
            match step {
                Some(step) if step.certain && step.ends => return is_there(step.to),
                Some(next) if next.certain => (at, step) = (next.to, self.step(next.to)),
                _ => return true,
            }
        }
    }

    /// All that a disk keeps by its references, whatever they end, but for what only goes through
    /// `without`.
    fn keeps(&self, x: Name, without: Option<Name>) -> BTreeSet<Name> {
        let mut kept = BTreeSet::new();
        let mut work = vec![x];
        while let Some(at) = work.pop() {
            for reference in &self.disks[&at].said.references {
                if Some(reference.to) != without && kept.insert(reference.to) {
                    work.push(reference.to);
                }
            }
        }
        kept
    }

    /// Nothing needs it but what it needs itself.
    fn keeps_itself(&self, x: Name) -> bool {
        let kept = self.keeps(x, None);
        self.disks.keys().all(|y| *y == x || !self.keeps(*y, None).contains(&x) || kept.contains(y))
    }

    fn bytes(&self, x: Name) -> Bytes {
        let own = |name: &Name| self.disks[name].said.allocated;
        let below: BTreeSet<Name> =
            self.keeps(x, None).into_iter().filter(|name| *name != x).collect();
        let others = self.disks.keys().filter(|name| **name != x && self.keeps_itself(**name));
        let kept_by_others: BTreeSet<Name> =
            others.flat_map(|name| self.keeps(*name, Some(x)).into_iter().chain([*name])).collect();
        let (shared, alone): (Vec<Name>, Vec<Name>) =
            below.iter().partition(|name| kept_by_others.contains(name));
        let sum = |bytes: &mut dyn Iterator<Item = u64>| bytes.fold(0, u64::saturating_add);
        let exclusive = self.frees(x);
        let of_alone = &mut alone.iter().map(|name| self.frees(*name));
        Bytes {
            own: own(&x),
            shared: Some(sum(&mut shared.iter().map(own))),
            exclusive,
            retained: exclusive.saturating_add(sum(of_alone)),
        }
    }
}

fn space(run: &Run) {
    let space = run.graph.space();
    let mut total: u64 = 0;
    for (name, id) in &run.ids {
        let expected = run.oracle.bytes(*name);
        let found = space.of(*id);
        // Sums that do not fit are cut off at different places.
        let fits = run.oracle.disks.values().all(|disk| disk.said.allocated < 1 << 32);
        let same = (found.own, found.exclusive, found.retained)
            == (expected.own, expected.exclusive, expected.retained);
        assert!(same, "{name}: {found:?}, not {expected:?}");
        assert!(!fits || found == expected, "{name}: {found:?}, not {expected:?}");
        total = total.saturating_add(expected.own);
    }
    assert_eq!(space.total(), total);
    assert_eq!(run.stale().map(|stale| space.of(stale)).unwrap_or_default(), Bytes::default());
}

/// After its steps nothing is in the way of the set; each step is needed.
fn plan(run: &Run, set: &BTreeSet<Name>) {
    let graph = &run.graph;
    let ids: Vec<DiskId> = set.iter().map(|name| run.ids[name]).collect();
    let steps = graph.plan(&ids).steps;
    assert!(steps.is_sorted_by_key(|step| step.copies), "{steps:?}");
    let needs_set = |name: &Name| {
        let references = &run.oracle.disks[name].said.references;
        !set.contains(name) && references.iter().any(|one| set.contains(&one.to))
    };
    let direct: BTreeSet<DiskId> =
        run.oracle.disks.keys().filter(|name| needs_set(name)).map(|name| run.ids[name]).collect();
    assert_eq!(steps.iter().map(|step| step.disk).collect::<BTreeSet<_>>(), direct);
    let repointed = direct.iter().map(|disk| {
        let own: Vec<Remedy> =
            steps.iter().filter(|step| step.disk == *disk).map(|step| step.remedy).collect();
        let references = graph.disk(*disk).unwrap().facts().references.into_iter();
        let treated = references.filter_map(|edge| {
            let into_set = graph.find_key(&edge.target).is_some_and(|to| ids.contains(&to));
            if !into_set {
                return Some(edge.clone());
            }
            let wanted = |remedy: &Remedy| match remedy {
                Remedy::Name { kind } => {
                    edge.certainty == Certainty::Possible && edge.kind == *kind
                }
                Remedy::Repair => edge.certainty == Certainty::Certain,
                Remedy::Convert => {
                    edge.certainty == Certainty::Certain && edge.kind == EdgeKind::DataFile
                }
                _ => edge.certainty == Certainty::Certain && edge.kind == EdgeKind::Backing,
            };
            match own.iter().find(|remedy| wanted(remedy)) {
                Some(Remedy::Rebase { onto }) => {
                    let target = graph.disk(*onto).unwrap().key().to_key();
                    Some(EdgeFacts { target, ends_chain: false, ..edge.clone() })
                }
                Some(_) => None,
                None => Some(edge.clone()),
            }
        });
        Change::Repoint { disk: *disk, references: treated.collect() }
    });
    let after = graph.what_if(repointed.collect::<Vec<_>>()).unwrap();
    for (name, id) in &run.ids {
        let into_set = |one: &&Reference| one.certain && set.contains(&one.to);
        let mut needs = run.oracle.disks[name].said.references.iter().filter(into_set);
        let is_hopeless = direct.contains(id) && needs.any(|by| !run.oracle.opens(*name, by));
        let repairs = |step: &&PlanStep| step.disk == *id && step.remedy == Remedy::Repair;
        let found = steps.iter().find(repairs);
        assert_eq!(found.is_some(), is_hopeless, "{name}: {steps:?}");
        assert!(found.is_none_or(|step| !step.hindrances.is_empty()), "{steps:?}");
    }
    // A disk of the set that nobody inserted goes with the last that needed it.
    let left: Vec<DiskId> =
        ids.iter().copied().filter(|id| after.graph.disk(*id).is_some()).collect();
    let removal = after.graph.removal(&left);
    let dependents = removal.blockers.iter().filter(|one| one.kind == BlockerKind::Dependent);
    assert_eq!(dependents.count(), 0, "{set:?}: {steps:?} do not suffice");
    for step in steps {
        if let Remedy::Rebase { onto } = step.remedy {
            assert!(!ids.contains(&onto) && graph.depends_on(step.disk, onto).is_yes());
        }
    }
}

fn orphans(run: &Run, claimed: &BTreeSet<Name>) {
    let oracle = &run.oracle;
    let kept: BTreeSet<Name> = claimed
        .iter()
        .flat_map(|name| oracle.keeps(*name, None).into_iter().chain([*name]))
        .collect();
    let is_orphan = |name: &&Name| !kept.contains(name) && oracle.is_usable(**name);
    let expected: BTreeSet<DiskId> =
        oracle.disks.keys().filter(is_orphan).map(|name| run.ids[name]).collect();
    let found = run.graph.orphans(claimed.iter().map(|name| run.ids[name]));
    assert_eq!(found.iter().copied().collect::<BTreeSet<_>>(), expected);
    assert_eq!(found.len(), expected.len());
    assert!(claimed.iter().all(|name| run.graph.find_key(&key(*name)) == Some(run.ids[name])));
}

/// What comes of removing the set.
fn what_if(run: &Run, set: &BTreeSet<Name>) {
    let steps: Vec<Step> = set.iter().map(|name| Step::Remove(*name)).collect();
    compare_what_if(run, &steps);
}

/// What would come of a batch is what the oracle says of before and after, and the graph stays as it was.
pub(crate) fn compare_what_if(run: &Run, batch: &[Step]) {
    let Told { changes, after, applied, removed } = run.told(batch);
    let before = &run.oracle;
    let what = match (run.graph.what_if(changes), applied) {
        (Ok(what), Ok(applied)) => {
            assert_eq!(what.applied, applied);
            what
        }
        (what, applied) => return assert_eq!(what.err(), applied.err()),
    };
    let id = |name: &Name| what.graph.find_key(&key(*name)).unwrap();
    let ids = |names: BTreeSet<Name>| -> BTreeSet<DiskId> { names.iter().map(id).collect() };
    assert_eq!(what.graph.len(), after.disks.len());
    let is_missing = |oracle: &Oracle, name: &Name| {
        oracle.disks.get(name).is_some_and(|disk| disk.said.condition == Condition::Missing)
    };
    let names = || after.disks.keys().copied();
    let newly: BTreeSet<Name> =
        names().filter(|x| is_missing(&after, x) && !is_missing(before, x)).collect();
    let broken: BTreeSet<Name> = names()
        .filter(|name| after.below(*name, false).keys().any(|below| newly.contains(below)))
        .collect();
    assert_eq!(what.newly_missing.iter().copied().collect::<BTreeSet<_>>(), ids(newly));
    assert_eq!(what.broken.iter().copied().collect::<BTreeSet<_>>(), ids(broken));
    let is_there = |name: &Name| after.disks.contains_key(name) && !is_missing(&after, name);
    let gone = removed.iter().filter(|name| !is_there(name));
    let frees = gone.fold(0_u64, |sum, name| sum.saturating_add(before.frees(*name)));
    assert_eq!(what.freed, frees);
    let known = before.cycles();
    let is_new = |cycle: &BTreeSet<Name>| !known.iter().any(|one| cycle.is_subset(one));
    let cycles: BTreeSet<BTreeSet<DiskId>> =
        after.cycles().into_iter().filter(is_new).map(ids).collect();
    let found = what.cycles.iter().map(|cycle| cycle.iter().copied().collect());
    assert_eq!(found.collect::<BTreeSet<BTreeSet<DiskId>>>(), cycles);
    // Round after round: who is needed by none but those that are needed no more.
    let was_needed = |name: Name| before.needed_by(name).next().is_some();
    let mut unneeded: BTreeSet<Name> = BTreeSet::new();
    loop {
        let is_needed_no_more = |name: &Name| {
            let mut needed_by = after.needed_by(*name).peekable();
            after.is_usable(*name)
                && (was_needed(*name) || needed_by.peek().is_some())
                && needed_by.all(|from| unneeded.contains(&from))
        };
        let next: BTreeSet<Name> = names().filter(is_needed_no_more).collect();
        if next.is_subset(&unneeded) {
            break;
        }
        unneeded.extend(next);
    }
    assert_eq!(what.unneeded.iter().copied().collect::<BTreeSet<_>>(), ids(unneeded));
    assert!(before.disks.keys().all(|name| run.graph.find_key(&key(*name)) == Some(run.ids[name])));
}
