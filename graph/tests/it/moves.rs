//! Thousands of disks re-pointed, so that the list behind the index has many leaves: beside walks.

use std::collections::BTreeSet;

use diskdag_graph::{Change, DiskId, EdgeFacts, Facts, Graph, Key};

const DISKS: usize = 3_000;

fn key(disk: usize) -> Key {
    Key::File { device: 1, inode: disk as u64 }
}

/// Who stands on whom, and a graph of the same.
struct Fleet {
    graph: Graph,
    ids: Vec<DiskId>,
    /// Of disks that are missing there are neither references nor facts.
    parents: Vec<Option<usize>>,
    random: u64,
}

impl Fleet {
    fn new(seed: u64, parent: impl Fn(usize, usize) -> Option<usize>) -> Self {
        let mut fleet =
            Self { graph: Graph::new(), ids: Vec::new(), parents: Vec::new(), random: seed };
        for disk in 0..DISKS {
            let chosen = fleet.below(disk.max(1));
            fleet.parents.push(parent(disk, chosen));
        }
        let changes: Vec<Change> = (0..DISKS).map(|disk| fleet.insertion(disk)).collect();
        fleet.graph.apply(changes).unwrap();
        fleet.ids = (0..DISKS).map(|disk| fleet.graph.find_key(&key(disk)).unwrap()).collect();
        fleet
    }

    fn below(&mut self, bound: usize) -> usize {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.random >> 33).unwrap() % bound
    }

    fn insertion(&self, disk: usize) -> Change {
        let facts = Facts::new(key(disk));
        Change::Insert(match self.parents[disk] {
            Some(parent) => facts.backed_by(key(parent)),
            None => facts,
        })
    }

    fn chain(&self, disk: usize) -> Vec<usize> {
        std::iter::successors(Some(disk), |at| self.parents[*at]).collect()
    }

    /// A change that keeps it a forest.
    fn change(&mut self) -> Change {
        let disk = self.below(DISKS);
        let onto = self.below(DISKS);
        let is_cycle = self.chain(onto).contains(&disk);
        self.parents[disk] = (!is_cycle).then_some(onto);
        let references = self.parents[disk].map(|parent| EdgeFacts::backing(key(parent)));
        Change::Repoint { disk: self.ids[disk], references: references.into_iter().collect() }
    }

    fn check(&mut self) {
        let mut above = vec![BTreeSet::new(); DISKS];
        for disk in 0..DISKS {
            let chain = self.chain(disk);
            assert_eq!(self.graph.depth(self.ids[disk]) as usize, chain.len() - 1);
            for below in &chain[1..] {
                above[*below].insert(self.ids[disk]);
            }
        }
        for (disk, above) in above.iter().enumerate() {
            let dependents = self.graph.dependents(self.ids[disk]);
            assert_eq!(dependents.len(), above.len());
            assert_eq!(&dependents.collect::<BTreeSet<_>>(), above, "above {disk}");
        }
        for _ in 0..DISKS {
            let (a, b) = (self.below(DISKS), self.below(DISKS));
            let depends = above[b].contains(&self.ids[a]);
            assert_eq!(self.graph.depends_on(self.ids[a], self.ids[b]).is_yes(), depends);
        }
    }
}

fn run(seed: u64, parent: impl Fn(usize, usize) -> Option<usize>) {
    println!("seed {seed}");
    let mut fleet = Fleet::new(seed, parent);
    fleet.check();
    for round in 0..40 {
        let many = if round % 2 == 0 { 1 } else { 25 };
        let held = fleet.graph.clone();
        for _ in 0..10 {
            let mut changes: Vec<Change> = (0..many).map(|_| fleet.change()).collect();
            // Of changes that name a disk twice the last one counts.
            if round % 3 == 0 {
                let disk = fleet.below(DISKS);
                changes.push(fleet.insertion(disk));
            }
            fleet.graph.apply(changes).unwrap();
        }
        drop(held);
        fleet.check();
    }
}

#[test]
fn trees() {
    run(1, |disk, chosen| (disk > 0).then_some(chosen));
}

#[test]
fn many_small_trees() {
    run(2, |disk, _| (disk % 20 > 0).then(|| disk - disk % 20 + disk % 20 / 2));
}

#[test]
fn a_chain() {
    run(3, |disk, _| disk.checked_sub(1));
}

#[test]
fn two_stars() {
    run(4, |disk, _| (disk > 1).then_some(disk % 2));
}
