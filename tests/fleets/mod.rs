//! Fleets made by chance: nested folders, names that repeat, relative and absolute references,
//! links, missing files, cycles by accident. A naive oracle, which knows them from how they were
//! made, says who needs whom; the command has to say the same about every image.

mod model;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::{
    Fleet, Identity, Random, identity, items, path_of, paths_of, require_qemu, text_of,
};
use model::{File, Model, Target};

/// The end of an edge as both sides can name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    File(Identity),
    Missing(String),
}

/// A model that lies on the disk.
struct Made {
    fleet: Fleet,
    model: Model,
    identities: Vec<Identity>,
}

impl Made {
    fn new(seed: u64, size: usize) -> Made {
        let fleet = Fleet::new();
        let mut random = Random::new(seed);
        let model = Model::random(&mut random, &fleet, size);
        let paths = model.files.iter().map(|file| &file.paths[0]);
        let identities: Vec<_> = paths.map(identity).collect();
        assert_eq!(identities.iter().collect::<BTreeSet<_>>().len(), identities.len());
        Made { fleet, model, identities }
    }

    fn end(&self, target: &Target) -> End {
        match target {
            Target::File(index) => End::File(self.identities[*index]),
            Target::Missing(path) => End::Missing(path.clone()),
        }
    }

    fn set(&self, files: &BTreeSet<usize>) -> BTreeSet<Identity> {
        files.iter().map(|index| self.identities[*index]).collect()
    }
}

/// The same path without its dots: it leads to nothing, so nobody can ask the file system.
fn plain(path: &std::path::Path) -> String {
    model::normal(path.to_str().unwrap())
}

fn graph_is_right(made: &Made) {
    let Made { fleet, model, .. } = made;
    let answer = fleet.diskdag("graph").rooted().arg(fleet.root()).json().go();
    let answer = answer.exits_one_of(&[0, 6, 7]).scanned("graph");

    let mut ends = BTreeMap::new();
    let mut files = BTreeSet::new();
    let mut missing = BTreeSet::new();
    for disk in items(&answer, "disks") {
        let end = match text_of(disk, "state") {
            "ok" => {
                let found = identity(path_of(disk));
                assert!(files.insert(found), "a file is two disks: {disk}");
                let index = made.identities.iter().position(|known| *known == found);
                let expected = index.map(|index| model.files[index].paths.iter().cloned());
                let expected: BTreeSet<_> = expected.expect("a disk that was made").collect();
                let said =
                    items(disk, "paths").iter().map(|path| path.as_str().unwrap().to_owned());
                assert_eq!(said.collect::<BTreeSet<_>>(), expected, "{disk}");
                End::File(found)
            }
            "missing" => {
                let path = plain(&path_of(disk));
                missing.insert(path.clone());
                End::Missing(path)
            }
            other => panic!("state {other}: {disk}"),
        };
        ends.insert(disk["id"].to_string(), end);
    }
    assert_eq!(files, made.identities.iter().copied().collect());
    assert_eq!(missing, model.missing());

    let edge = |edge: &Value| {
        let [from, to] = ["from", "to"].map(|key| ends[&edge[key].to_string()].clone());
        (from, to, text_of(edge, "kind").to_owned())
    };
    let found: BTreeSet<_> = items(&answer, "edges").iter().map(edge).collect();
    let expected = model
        .edges()
        .into_iter()
        .map(|(from, to, kind)| (End::File(made.identities[from]), made.end(&to), kind.to_owned()));
    assert_eq!(found, expected.collect());
}

fn scan_is_right(made: &Made) {
    let Made { fleet, model, .. } = made;
    let answer = fleet.diskdag("scan").rooted().arg(fleet.root()).json().go();
    let broken = !model.missing().is_empty() || !model.cycles().is_empty();
    let answer = answer.exits(if broken { 6 } else { 0 }).scanned("scan");

    let mut missing = BTreeMap::new();
    for entry in items(&answer, "missing") {
        let needed_by = items(entry, "needed-by").iter().map(|path| path.as_str().unwrap());
        let needed_by: BTreeSet<_> = needed_by.map(identity).collect();
        let before = missing.insert(plain(&path_of(entry)), needed_by);
        assert!(before.is_none(), "said twice: {entry}");
    }
    let mut expected: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (from, to, _) in model.edges() {
        if let Target::Missing(path) = to {
            expected.entry(path).or_default().insert(made.identities[from]);
        }
    }
    assert_eq!(missing, expected);

    let cycle = |cycle: &Value| -> BTreeSet<_> {
        cycle.as_array().unwrap().iter().map(|path| identity(path.as_str().unwrap())).collect()
    };
    let found: BTreeSet<_> = items(&answer, "cycles").iter().map(cycle).collect();
    let expected: BTreeSet<_> = model.cycles().iter().map(|members| made.set(members)).collect();
    assert_eq!(found, expected);
}

fn dependents_are_right(made: &Made, index: usize, path: &str) {
    let Made { fleet, model, .. } = made;
    let answer = fleet.diskdag("dependents").rooted().arg(path).json().go();
    let doubtful = model.is_doubtful(&model.with_dependents(index));
    let answer = answer.exits(if doubtful { 7 } else { 0 });
    let whole = answer.whole();
    let answer = answer.scanned("dependents");
    assert_eq!(answer["complete"], !doubtful, "{whole}");
    let mut found = BTreeMap::new();
    let mut last = 0;
    for entry in items(&answer, "dependents") {
        let depth = entry["depth"].as_u64().unwrap();
        assert!(depth >= last, "not nearest first\n{whole}");
        last = depth;
        assert_eq!(entry["direct"], depth == 1, "{whole}");
        let before = found.insert(identity(path_of(entry)), depth);
        assert!(before.is_none(), "said twice: {entry}\n{whole}");
    }
    // Whether a disk in a cycle is its own dependent is a matter of words.
    found.remove(&made.identities[index]);
    let expected = model.dependents(index);
    let expected = expected.iter().map(|(other, depth)| (made.identities[*other], *depth));
    assert_eq!(found, expected.collect(), "{whole}");
}

fn removal_is_right(made: &Made, set: &BTreeSet<usize>, paths: &[&str]) -> i32 {
    let Made { fleet, model, .. } = made;
    let answer = fleet.diskdag("can-rm").rooted().args(paths).json().go();
    let mut blockers = BTreeSet::new();
    for index in set {
        blockers.extend(model.dependents(*index).into_keys().filter(|other| !set.contains(other)));
    }
    let (code, verdict) = match (blockers.is_empty(), model.is_doubtful(set)) {
        (false, _) => (4, "no"),
        (true, true) => (7, "unknown"),
        (true, false) => (0, "yes"),
    };
    let answer = answer.exits(code);
    let whole = answer.whole();
    let answer = answer.scanned("can-rm");
    assert_eq!(answer["verdict"], verdict, "{whole}");
    let found: BTreeSet<_> = paths_of(&answer, "blockers").iter().map(identity).collect();
    assert_eq!(found, made.set(&blockers), "{whole}");
    assert_eq!(items(&answer, "blockers").len(), blockers.len(), "said twice\n{whole}");
    assert_eq!(items(&answer, "images").len(), set.len(), "{whole}");
    code
}

fn chain_is_right(made: &Made, path: &str) {
    let Some(expected) = made.model.chain(path) else { return };
    let broken = matches!(expected.last(), Some(Target::Missing(_)));
    let answer = made.fleet.diskdag("chain").arg(path).json().go();
    let answer = answer.exits(if broken { 6 } else { 0 });
    let whole = answer.whole();
    let answer = answer.object("chain");
    let found = items(&answer, "chain").iter().map(|part| match text_of(part, "state") {
        "ok" => End::File(identity(path_of(part))),
        _ => End::Missing(plain(&path_of(part))),
    });
    let expected: Vec<_> = expected.iter().map(|target| made.end(target)).collect();
    assert_eq!(found.collect::<Vec<_>>(), expected, "{whole}");
    let (false, Some(qemu)) = (broken, require_qemu()) else { return };
    let theirs = qemu.chain(made.fleet.outside(), path);
    let theirs = theirs.iter().map(|part| End::File(identity(part["filename"].as_str().unwrap())));
    assert_eq!(theirs.collect::<Vec<_>>(), expected, "the model is not QEMU's: {path}");
}

fn everything_is_right(seed: u64, size: usize) {
    println!("seed {seed}, {size} images");
    let made = Made::new(seed, size);
    let mut random = Random::new(!seed);
    let mut codes = BTreeSet::new();
    graph_is_right(&made);
    scan_is_right(&made);
    for (index, File { paths, .. }) in made.model.files.iter().enumerate() {
        let path = random.pick(paths);
        dependents_are_right(&made, index, path);
        codes.insert(removal_is_right(&made, &BTreeSet::from([index]), &[path]));
        if random.percent(30) {
            chain_is_right(&made, path);
        }
    }
    for _ in 0..size / 4 {
        // Disks that belong together make sets that may go; chance alone hardly ever does.
        let first = random.below(made.model.files.len());
        let mut set = made.model.with_dependents(first);
        if random.percent(30) {
            set.insert(random.below(made.model.files.len()));
        }
        if random.percent(30) && set.len() > 1 {
            let out = *random.pick(&set.iter().copied().collect::<Vec<_>>());
            set.remove(&out);
        }
        let paths: Vec<_> =
            set.iter().map(|index| random.pick(&made.model.files[*index].paths).as_str()).collect();
        codes.insert(removal_is_right(&made, &set, &paths));
    }
    // Else chance has made a fleet that asks nothing.
    assert!(size < 100 || codes == BTreeSet::from([0, 4, 7]), "{codes:?}");
}

#[test]
fn two_hundred_images() {
    everything_is_right(1, 200);
}

#[test]
fn two_hundred_other_images() {
    everything_is_right(2, 200);
}

#[test]
fn many_small_fleets() {
    for seed in 100..112 {
        everything_is_right(seed, 25);
    }
}
