//! What is known of each disk, whole and piece by piece, and which disks look alike: asked of the graph and
//! of the oracle.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use diskdag_graph::{Candidate, DiskId, Facts, Format};

use crate::oracle::{Condition, Name, Oracle};
use crate::program::{Run, facts, key};

/// So many candidates are named for a missing file.
const MOST: usize = 16;

/// Panics where the two differ.
pub(crate) fn compare_views(run: &Run) {
    let views = Views { run, names: run.ids.iter().map(|(name, id)| (*id, *name)).collect() };
    run.oracle.disks.keys().for_each(|name| views.facts(*name));
    views.edges();
    views.deepest_chains();
    views.duplicates();
    views.relocated();
}

struct Views<'r> {
    run: &'r Run,
    names: BTreeMap<DiskId, Name>,
}

impl Views<'_> {
    fn set(&self, ids: &[DiskId]) -> BTreeSet<Name> {
        let set: BTreeSet<Name> = ids.iter().map(|id| self.names[id]).collect();
        assert_eq!(set.len(), ids.len(), "a disk comes twice");
        set
    }

    fn path(&self, id: DiskId) -> String {
        self.run.oracle.path(self.names[&id])
    }

    /// They are what was told last, and nothing else is taken for them.
    fn facts(&self, name: Name) {
        let disk = self.run.graph.disk(self.run.ids[&name]).unwrap();
        let told = facts(&self.run.oracle.disks[&name].said);
        assert_eq!(disk.facts(), told);
        assert!(disk.is_as_in(&told));
        let others: [fn(&mut Facts); 6] = [
            |facts| facts.in_scope = !facts.in_scope,
            |facts| facts.paths.push(std::path::Path::new("/other").into()),
            |facts| facts.unseen_links += 1,
            |facts| facts.reflinked += 1,
            |facts| facts.length = facts.length.map_or(Some(1), |length| Some(length + 1)),
            |facts| facts.references.push(diskdag_graph::EdgeFacts::backing(key(0))),
        ];
        for change in others {
            let mut other = told.clone();
            change(&mut other);
            assert!(!disk.is_as_in(&other), "{other:?}");
        }
        let Facts { key, paths, format, state, virtual_size, actual_size, length, .. } = &told;
        assert!(disk.key() == *key && disk.paths().eq(paths.iter().map(|path| &**path)));
        assert_eq!((disk.format(), disk.state(), disk.length()), (*format, *state, *length));
        assert_eq!((disk.virtual_size(), disk.actual_size()), (*virtual_size, *actual_size));
        assert_eq!((disk.reflinked(), disk.in_scope()), (told.reflinked, told.in_scope));
        let references: Vec<_> = disk.references().iter().map(|one| one.to_facts()).collect();
        assert_eq!(references, told.references);
    }

    /// Those of the graph, of its disks, and of petgraph's structure are the same.
    fn edges(&self) {
        let Run { graph, oracle, ids, .. } = self.run;
        let mut expected: Vec<(u64, u64, u32)> = Vec::new();
        let mut told = Vec::new();
        for (name, disk) in &oracle.disks {
            for (one, position) in disk.said.references.iter().zip(0..) {
                expected.push((ids[name].number(), ids[&one.to].number(), position));
                told.push((*name, one.to, one.kind, one.certain, one.ends));
            }
        }
        let mut found: Vec<_> = graph
            .edges()
            .map(|edge| {
                let certain = edge.facts.certainty == diskdag_graph::Certainty::Certain;
                let (from, to) = (self.names[&edge.from], self.names[&edge.to]);
                (from, to, edge.facts.kind, certain, edge.facts.ends_chain)
            })
            .collect();
        let order = |one: &(Name, Name, _, bool, bool)| {
            (one.0, one.1, one.2 == diskdag_graph::EdgeKind::Backing, one.3, one.4)
        };
        found.sort_by_key(order);
        told.sort_by_key(order);
        assert_eq!(found, told);
        let structure = graph.structure();
        let mut found: Vec<(u64, u64, u32)> = structure
            .edge_indices()
            .map(|edge| {
                let (from, to) = structure.edge_endpoints(edge).unwrap();
                (from.index() as u64, to.index() as u64, structure[edge])
            })
            .collect();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }

    fn deepest_chains(&self) {
        let Run { graph, oracle, .. } = self.run;
        let tops = oracle.disks.keys().filter(|name| oracle.needed_by(**name).next().is_none());
        let deep = |name: &Name| (oracle.chain(*name).len() - 1, oracle.path(*name));
        let mut all: Vec<(usize, String)> = tops.map(deep).collect();
        all.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        for (depth, most) in [(0, 2), (1, usize::MAX), (graph.deepest(), 1)] {
            let found = graph.deepest_chains(depth, most).into_iter();
            let found: Vec<_> = found.map(|(id, depth)| (depth as usize, self.path(id))).collect();
            let expected: Vec<_> =
                all.iter().filter(|one| one.0 >= depth as usize).take(most).cloned().collect();
            assert_eq!(found, expected);
        }
    }

    fn duplicates(&self) {
        let oracle = &self.run.oracle;
        let mut alike: HashMap<(Format, u64, u64), BTreeSet<Name>> = HashMap::new();
        for (name, disk) in &oracle.disks {
            let looks = disk.said.looks;
            let is_base = disk.said.references.is_empty();
            if let (Condition::Fine, true, Some(length), Some(size)) = (
                disk.said.condition,
                is_base,
                looks.length.filter(|length| *length > 0),
                looks.size,
            ) {
                alike.entry((looks.format, length, size)).or_default().insert(*name);
            }
        }
        let expected: BTreeSet<_> = alike.into_values().filter(|names| names.len() > 1).collect();
        let found = self.run.graph.duplicates();
        for one in &found {
            let frees = || self.set(&one.disks).into_iter().map(|name| oracle.frees(name));
            let sum = frees().fold(0, u64::saturating_add);
            assert_eq!(one.wasted, sum - frees().max().unwrap());
            assert!(one.disks.is_sorted_by_key(|id| self.path(*id)));
        }
        assert!(found.is_sorted_by_key(|one| std::cmp::Reverse(one.wasted)));
        let sets = found.iter().map(|one| self.set(&one.disks));
        assert_eq!(sets.collect::<BTreeSet<_>>(), expected);
    }

    fn relocated(&self) {
        let Run { graph, oracle, .. } = self.run;
        let found = graph.relocated();
        assert!(found.is_sorted_by_key(|one| self.path(one.missing)));
        let mut left: BTreeMap<Name, Vec<Candidate>> =
            found.into_iter().map(|one| (self.names[&one.missing], one.candidates)).collect();
        for (missing, disk) in &oracle.disks {
            if disk.said.condition != Condition::Missing {
                continue;
            }
            let expected = self.candidates(*missing);
            let found = left.remove(missing).unwrap_or_default();
            assert!(found.iter().all(|one| expected.contains(one)), "{found:?} {expected:?}");
            assert_eq!(found.len(), expected.len().min(MOST), "{found:?} {expected:?}");
        }
        assert!(left.is_empty(), "they are not missing: {left:?}");
    }

    fn candidates(&self, missing: Name) -> Vec<Candidate> {
        let Run { oracle, ids, .. } = self.run;
        let of_it = || oracle.references().filter(|(_, one)| one.to == missing);
        let formats: HashSet<Format> = of_it().filter_map(|(_, one)| one.declared).collect();
        let sizes: BTreeSet<u64> =
            of_it().filter_map(|(from, _)| oracle.disks[&from].said.looks.size).collect();
        let only = |sizes: &BTreeSet<u64>| sizes.first().copied().filter(|_| sizes.len() == 1);
        let (format, size) = (formats.iter().next().filter(|_| formats.len() == 1), only(&sizes));
        let is_fine = |name: &Name| oracle.disks[name].said.condition == Condition::Fine;
        let looks = |name: &Name| oracle.disks[name].said.looks;
        let same_format = |name: &Name| format.map(|format| *format == looks(name).format);
        let same_size = |name: &Name| size.zip(looks(name).size).map(|(a, b)| a == b);
        let agrees = |name: &Name| same_format(name) == Some(true) && same_size(name) == Some(true);
        let is_rare = oracle.disks.keys().filter(|name| is_fine(name) && agrees(name)).count();
        let may_be = |name: &&Name| {
            is_fine(name)
                && !oracle.below(**name, false).contains_key(&missing)
                && (oracle.is_namesake(missing, **name) || (agrees(name) && is_rare <= MOST))
        };
        let needed = of_it().next().is_some();
        let all = oracle.disks.keys().filter(|_| needed).filter(may_be);
        all.map(|name| Candidate {
            disk: ids[name],
            same_name: oracle.is_namesake(missing, *name),
            same_format: same_format(name),
            same_size: same_size(name),
        })
        .collect()
    }
}

impl Oracle {
    /// Whether the disk is one that could be used and lies in scope.
    pub(crate) fn is_usable(&self, name: Name) -> bool {
        let said = &self.disks[&name].said;
        said.condition == Condition::Fine && said.looks.in_scope
    }
}
