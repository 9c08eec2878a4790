//! Every question, asked of the graph and of the oracle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use diskdag_graph::{Answer, BlockerKind, DiskId, Doubt, DoubtKind, EdgeKind, Graph, Verdict};

use crate::oracle::{self, Name, Oracle, Reached, file};
use crate::program::{Run, key};

/// The graph and the oracle of a run, with the names of ids and the ways of every disk.
struct Pair<'r> {
    graph: &'r Graph,
    oracle: &'r Oracle,
    ids: &'r BTreeMap<Name, DiskId>,
    names: BTreeMap<DiskId, Name>,
    sure: BTreeMap<Name, Reached>,
    all: BTreeMap<Name, Reached>,
}

/// Panics where the two differ. Each of `sets` is a set of disks, a bit a disk.
pub(crate) fn compare(run: &Run, sets: &[u64]) {
    let pair = Pair::of(run);
    pair.identity();
    pair.relations();
    pair.dependents();
    pair.dependencies();
    pair.chains();
    pair.ways();
    pair.shape();
    for name in pair.names() {
        pair.removal(&BTreeSet::from([name]));
    }
    for bits in sets {
        pair.removal(&pair.names().filter(|name| bits >> (name % 64) & 1 == 1).collect());
    }
    if let Some(stale) = run.stale() {
        pair.stale(stale);
    }
}

/// The same for what tells one version of a graph from another.
pub(crate) fn compare_version(run: &Run) {
    let pair = Pair::of(run);
    pair.identity();
    pair.relations();
}

impl<'r> Pair<'r> {
    fn of(run: &'r Run) -> Self {
        let Run { graph, oracle, ids, .. } = run;
        let names = || oracle.disks.keys();
        Self {
            graph,
            oracle,
            ids,
            names: ids.iter().map(|(name, id)| (*id, *name)).collect(),
            sure: names().map(|name| (*name, oracle.below(*name, true))).collect(),
            all: names().map(|name| (*name, oracle.below(*name, false))).collect(),
        }
    }
}

impl Pair<'_> {
    fn id(&self, name: Name) -> DiskId {
        self.ids[&name]
    }

    fn names(&self) -> impl Iterator<Item = Name> {
        self.oracle.disks.keys().copied()
    }

    fn set(&self, ids: impl IntoIterator<Item = DiskId>) -> BTreeSet<Name> {
        let mut set = BTreeSet::new();
        for id in ids {
            assert!(set.insert(self.names[&id]), "{id:?} comes twice");
        }
        set
    }

    fn identity(&self) {
        let Self { graph, oracle, .. } = self;
        assert_eq!(graph.len(), oracle.disks.len());
        assert_eq!(graph.edge_count(), oracle.references().count());
        assert_eq!(graph.structure().node_count(), graph.len());
        assert_eq!(graph.edges().count(), graph.edge_count());
        assert_eq!(sorted(&graph.doubts()), oracle.doubts(&BTreeSet::new(), &BTreeSet::new()));
        assert_eq!(self.set(graph.disks().map(|disk| disk.id())), self.names().collect());
        for name in 0..48 {
            assert_eq!(graph.find_key(&key(name)), self.ids.get(&name).copied());
            let Some(disk) = self.ids.get(&name).and_then(|id| graph.disk(*id)) else { continue };
            let said = &oracle.disks[&name].said;
            let needs: Vec<Name> = disk.needs().iter().map(|edge| self.names[&edge.to]).collect();
            assert_eq!(needs, said.references.iter().map(|one| one.to).collect::<Vec<_>>());
            let mut needed_by: Vec<_> = disk.needed_by().map(|e| self.names[&e.from]).collect();
            needed_by.sort_unstable();
            assert_eq!(needed_by, oracle.needed_by(name).collect::<Vec<_>>());
            assert_eq!(disk.is_needed(), !needed_by.is_empty());
        }
        for directory in 0..4 {
            for number in 0..5 {
                let path = format!("/d{directory}/{}", file(number));
                let found = graph.find(Path::new(&path)).map(|id| self.names[&id]);
                assert_eq!(found, oracle.find(&path), "{path}");
            }
        }
    }

    fn relations(&self) {
        for a in self.names() {
            for b in self.names() {
                let expected = self.oracle.depends_on(a, b, &self.sure[&a], &self.all[&a]);
                let answer = self.graph.depends_on(self.id(a), self.id(b));
                assert_eq!(plain(&answer), expected, "does {a} depend on {b}?");
                if let Answer::Unknown(doubts) = answer {
                    self.chain_doubts(a, b, &doubts.list());
                }
            }
        }
    }

    /// Every doubt on the chain is named, and nothing else.
    fn chain_doubts(&self, a: Name, b: Name, doubts: &[Doubt]) {
        use oracle::Condition::{Opaque, Unreadable};
        assert!(!doubts.is_empty(), "nobody says why {a} may depend on {b}");
        let chain = || self.all[&a].keys().copied().chain([a]).collect::<BTreeSet<_>>();
        let mut expected = BTreeSet::new();
        for at in chain() {
            match self.oracle.disks[&at].said.condition {
                Unreadable => {
                    expected.insert((DoubtKind::File, self.oracle.path(at)));
                }
                Opaque => {
                    let referrers: Vec<Name> =
                        self.oracle.needed_by(at).filter(|from| chain().contains(from)).collect();
                    let named = if referrers.is_empty() { vec![at] } else { referrers };
                    expected
                        .extend(named.iter().map(|n| (DoubtKind::Opaque, self.oracle.path(*n))));
                }
                _ => {}
            }
            if self.all[&a].contains_key(&at) && self.oracle.is_namesake(at, b) {
                expected.insert((DoubtKind::MissingNamesake, self.oracle.path(at)));
            }
        }
        let (directories, others): (Vec<&Doubt>, Vec<&Doubt>) =
            doubts.iter().partition(|doubt| doubt.kind == DoubtKind::WorkingDirectory);
        let others: BTreeSet<_> = others.into_iter().map(said).collect();
        assert_eq!(others, expected, "why {a} may depend on {b}");
        assert_eq!(directories.is_empty(), !self.all[&a].contains_key(&b));
    }

    fn dependents(&self) {
        for x in self.names() {
            let dependents = self.graph.dependents(self.id(x));
            let expected: BTreeSet<Name> =
                self.names().filter(|name| self.all[name].contains_key(&x)).collect();
            assert_eq!(dependents.len(), expected.len());
            assert_eq!(self.set(dependents.clone()), expected, "who depends on {x}?");
            let mut folded = Vec::new();
            let mut rest = dependents.clone();
            folded.extend(rest.next());
            rest.for_each(|id| folded.push(id));
            assert_eq!(folded, dependents.clone().collect::<Vec<_>>());

            let nearest = dependents.nearest_first();
            assert_eq!(self.set(nearest.iter().map(|dependent| dependent.disk)), expected);
            let order =
                |d: &diskdag_graph::Dependent| (d.depth, self.oracle.path(self.names[&d.disk]));
            assert!(nearest.is_sorted_by_key(order));
            for dependent in &nearest {
                let y = self.names[&dependent.disk];
                let certain = self.sure[&y].contains_key(&x);
                let depth = if certain { self.sure[&y][&x] } else { self.all[&y][&x] };
                assert_eq!((dependent.certain, dependent.depth), (certain, depth), "{y} on {x}");
                assert!(self.begins_with(y, x, depth, certain, dependent.kind), "{y} on {x}");
                assert_eq!(dependent.is_direct(), depth == 1);
            }
            let first_possible = nearest.len() - nearest.iter().filter(|d| !d.certain).count();
            let sure = dependents.clone().take(first_possible).map(|id| self.names[&id]);
            assert!(sure.into_iter().all(|y| self.sure[&y].contains_key(&x)));

            let settled = expected.iter().copied().chain([x]).collect();
            let doubts = self.oracle.doubts(&settled, &settled);
            assert_eq!(sorted(&dependents.doubts()), doubts, "doubts about {x}");
            assert_eq!(dependents.is_complete(), doubts.is_empty());
            let outside = self.graph.out_of_scope(self.id(x)).map(|doubt| said(&doubt));
            let expected_outside = (DoubtKind::OutOfScope, self.oracle.path(x));
            assert_eq!(outside, self.oracle.lies_outside(x).then_some(expected_outside));
            let answer = match (first_possible > 0, expected.is_empty() && doubts.is_empty()) {
                (true, _) => oracle::Answer::Yes,
                (false, true) => oracle::Answer::No,
                (false, false) => oracle::Answer::Unknown,
            };
            let has = self.graph.has_dependents(self.id(x));
            assert_eq!(plain(&has), answer, "does anything depend on {x}?");
            if let Answer::Unknown(why) = has {
                assert!(!why.list().is_empty(), "nobody says why {x} may be needed");
            }
        }
    }

    /// Whether a shortest way from `y` to `x` begins with a reference of this kind.
    fn begins_with(&self, y: Name, x: Name, depth: u32, certain: bool, kind: EdgeKind) -> bool {
        let below = if certain { &self.sure } else { &self.all };
        self.oracle.disks[&y].said.references.iter().any(|one| {
            let rest =
                if one.to == x && depth == 1 { Some(0) } else { below[&one.to].get(&x).copied() };
            one.kind == kind
                && (one.certain || !certain)
                && (depth == 1 || !one.ends)
                && rest == Some(depth - 1)
        })
    }

    fn dependencies(&self) {
        for x in self.names() {
            let needs = self.graph.dependencies(self.id(x));
            assert_eq!(
                self.set(needs.iter().map(|step| step.disk)),
                self.all[&x].keys().copied().collect()
            );
            assert!(needs.is_sorted_by_key(|step| step.depth));
            for step in needs {
                let y = self.names[&step.disk];
                let sure = self.sure[&x].get(&y);
                assert_eq!(step.certain, sure.is_some());
                assert_eq!(step.depth, *sure.unwrap_or(&self.all[&x][&y]), "{x} on {y}");
            }
        }
    }

    fn chains(&self) {
        let mut deepest = 0;
        for x in self.names() {
            let expected = self.oracle.chain(x);
            let chain: Vec<Name> = self.graph.chain(self.id(x)).map(|id| self.names[&id]).collect();
            assert_eq!(chain, expected, "the chain of {x}");
            let depth = u32::try_from(expected.len() - 1).unwrap();
            assert_eq!(self.graph.depth(self.id(x)), depth, "the depth of {x}");
            assert_eq!(self.graph.depths().of(self.id(x)), depth);
            deepest = deepest.max(depth);
            // The chain ends with an edge that ends it, or with what the last disk refers to.
            let ended = match expected.as_slice() {
                [.., above, _] => self.oracle.step(*above).is_some_and(|step| step.ends),
                _ => false,
            };
            let steps = if ended { &expected[..expected.len() - 1] } else { &expected[..] };
            let mut steps = steps.iter().filter_map(|at| self.oracle.step(*at));
            let certain = steps.all(|step| step.certain);
            assert_eq!(self.graph.chain_is_certain(self.id(x)), certain, "the chain of {x}");
        }
        assert_eq!(self.graph.deepest(), deepest);
    }

    fn ways(&self) {
        for a in self.names() {
            for b in self.names() {
                let (answer, way) = self.graph.path(self.id(a), self.id(b));
                let way: Vec<Name> = way.iter().map(|id| self.names[id]).collect();
                let sure = answer.is_yes();
                let length = if sure { self.sure[&a].get(&b) } else { self.all[&a].get(&b) };
                let Some(length) = length else {
                    assert!(way.is_empty(), "no way leads from {a} to {b}");
                    continue;
                };
                assert_eq!(way.len(), *length as usize + 1, "from {a} to {b}: {way:?}");
                assert_eq!((way.first(), way.last()), (Some(&a), Some(&b)));
                for (at, step) in way.windows(2).enumerate() {
                    let last = at + 2 == way.len();
                    let good = self.oracle.disks[&step[0]].said.references.iter().any(|one| {
                        one.to == step[1] && (one.certain || !sure) && (last || !one.ends)
                    });
                    assert!(good, "from {a} to {b}: {way:?}");
                }
            }
        }
    }

    fn shape(&self) {
        let Self { graph, oracle, .. } = self;
        let of = |wanted: &dyn Fn(Name) -> bool| -> BTreeSet<Name> {
            self.names().filter(|name| wanted(*name)).collect()
        };
        let needs = |name: Name| !oracle.disks[&name].said.references.is_empty();
        assert_eq!(self.set(graph.roots()), of(&|name| !needs(name)));
        let needed = |name: Name| oracle.needed_by(name).next().is_some();
        assert_eq!(self.set(graph.leaves()), of(&|name| !needed(name)));
        let missing = |name: Name| oracle.disks[&name].said.condition == oracle::Condition::Missing;
        assert_eq!(self.set(graph.missing()), of(&missing));
        let cycles = graph.cycles();
        let found: BTreeSet<_> =
            cycles.iter().map(|cycle| self.set(cycle.iter().copied())).collect();
        assert_eq!(found, oracle.cycles());
        assert_eq!(cycles.len(), found.len());
        for a in self.names() {
            for b in self.names() {
                let with = |x: Name| self.sure[&x].keys().copied().chain([x]);
                let both: BTreeSet<Name> =
                    with(a).filter(|name| with(b).any(|other| other == *name)).collect();
                let steps = |name: &Name| if *name == a { 0 } else { self.sure[&a][name] };
                let found = graph.common_base(self.id(a), self.id(b)).map(|id| self.names[&id]);
                assert_eq!(found.is_some(), !both.is_empty(), "{a} and {b}");
                if let Some(found) = found {
                    assert!(both.contains(&found), "{a} and {b} meet in {found}");
                    assert_eq!(Some(steps(&found)), both.iter().map(steps).min());
                }
            }
        }
    }

    fn removal(&self, set: &BTreeSet<Name>) {
        let ids: Vec<DiskId> = set.iter().map(|name| self.id(*name)).collect();
        let removal = self.graph.removal(&ids);
        let blocks = |y: Name, x: Name| !set.contains(&y) && self.all[&y].contains_key(&x);
        let blockers: BTreeSet<Name> =
            self.names().filter(|y| set.iter().any(|x| blocks(*y, *x))).collect();
        assert_eq!(self.set(removal.blockers.iter().map(|blocker| blocker.disk)), blockers);
        assert!(removal.blockers.is_sorted_by_key(|one| (one.depth, one.path.as_os_str())));
        for blocker in &removal.blockers {
            let (y, x) = (self.names[&blocker.disk], self.names[&blocker.image]);
            let certain = set.iter().any(|x| self.sure[&y].contains_key(x));
            let below = if certain { &self.sure[&y] } else { &self.all[&y] };
            let nearest = set.iter().filter_map(|x| below.get(x)).min();
            assert_eq!(Some(&blocker.depth), nearest, "{y} in the way of {set:?}");
            assert_eq!(below.get(&x), nearest, "{y} in the way of {x}");
            assert_eq!(blocker.detail.starts_with("needs"), certain);
            assert_eq!(blocker.kind, BlockerKind::Dependent);
        }
        let doubts = self.oracle.doubts(&blockers.union(set).copied().collect(), set);
        assert_eq!(sorted(&removal.doubts), doubts, "doubts about {set:?}");
        let verdict = |blocked: bool| match (blocked, doubts.is_empty()) {
            (true, _) => Verdict::No,
            (false, true) => Verdict::Yes,
            (false, false) => Verdict::Unknown,
        };
        assert_eq!(removal.verdict, verdict(!blockers.is_empty()), "{set:?}");
        assert_eq!(removal.images.len(), set.len());
        for (image, x) in removal.images.iter().zip(set) {
            assert_eq!(image.disk, self.id(*x));
            let blocked = blockers.iter().any(|y| blocks(*y, *x));
            assert_eq!(image.verdict, verdict(blocked), "{x} of {set:?}");
            assert_eq!(image.frees, self.oracle.frees(*x));
        }
        let frees = set.iter().fold(0_u64, |sum, x| sum.saturating_add(self.oracle.frees(*x)));
        assert_eq!(removal.frees, frees);
        let twice: Vec<DiskId> = ids.iter().chain(&ids).copied().collect();
        assert_eq!(self.graph.freed_by(&twice), frees);
    }

    /// An id that names nothing: never a yes or a no.
    fn stale(&self, stale: DiskId) {
        let graph = self.graph;
        assert!(graph.has_dependents(stale).is_unknown());
        assert!(graph.out_of_scope(stale).is_none());
        assert!(graph.depends_on(stale, stale).is_unknown());
        let dependents = graph.dependents(stale);
        assert!(!dependents.is_complete() && !dependents.doubts().is_empty());
        assert_eq!((dependents.len(), dependents.nearest_first().len()), (0, 0));
        assert_eq!(graph.chain(stale).count() + graph.dependencies(stale).len(), 0);
        assert_eq!((graph.depth(stale), graph.freed_by(&[stale])), (0, 0));
        assert_eq!(graph.removal(&[stale]).verdict, Verdict::Unknown);
        for id in self.ids.values().copied() {
            assert!(graph.depends_on(id, stale).is_unknown());
            assert!(graph.depends_on(stale, id).is_unknown());
            assert_eq!(graph.path(id, stale).1, []);
            assert_eq!(graph.common_base(id, stale), None);
            assert_ne!(graph.removal(&[id, stale]).verdict, Verdict::Yes);
        }
    }
}

fn plain(answer: &Answer<'_>) -> oracle::Answer {
    match answer {
        Answer::Yes => oracle::Answer::Yes,
        Answer::No => oracle::Answer::No,
        Answer::Unknown(_) => oracle::Answer::Unknown,
    }
}

fn said(doubt: &Doubt) -> (DoubtKind, String) {
    (doubt.kind, doubt.path.to_str().unwrap_or_default().to_owned())
}

fn sorted(doubts: &[Doubt]) -> Vec<(DoubtKind, String)> {
    let mut doubts: Vec<_> = doubts.iter().map(said).collect();
    doubts.sort();
    doubts
}
