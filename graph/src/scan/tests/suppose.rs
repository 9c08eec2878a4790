//! What is supposed, beside what is found when it was really done.

use std::collections::HashSet;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use diskdag_qcow2::create::{Backing, Create};
use proptest::prelude::*;

use super::fleet::Fleet;
use super::programs::{Opened, acts, folders};
use crate::facts::Key;
use crate::scan::{Control, Scanned, SupposeError, Supposed, Supposition};
use crate::{DiskId, Facts, Graph, State};

/// One of a few names in one of a few directories, the last of which is out of the scope.
type Place = (u8, u8);

#[derive(Clone, Debug)]
enum Idea {
    Move(Place, Place),
    Remove(Place),
    Rebase(Place, Option<Place>),
    Create(Place, Place),
    MoveFolder(u8, u8),
}

/// Directories, some of which may not be there or be symbolic links to others.
fn folder(fleet: &Fleet, number: u8) -> PathBuf {
    let names = ["in/a", "in/a/b", "in/c", "in/c/b", "in/d", "in/c/d", "out/d"];
    fleet.path(names[usize::from(number)])
}

fn path(fleet: &Fleet, (directory, name): Place) -> PathBuf {
    let directory = ["in", "in/a", "in/a/b", "out"][usize::from(directory)];
    fleet.path(&format!("{directory}/{name}"))
}

fn ideas() -> impl Strategy<Value = Idea> {
    let place = || (0..4_u8, 0..5_u8);
    prop_oneof![
        5 => (place(), place()).prop_map(|(from, to)| Idea::Move(from, to)),
        1 => place().prop_map(Idea::Remove),
        2 => (place(), proptest::option::of(place())).prop_map(|(at, onto)| Idea::Rebase(at, onto)),
        1 => (place(), place()).prop_map(|(at, onto)| Idea::Create(at, onto)),
        3 => (0..7_u8, 0..7_u8).prop_map(|(from, to)| Idea::MoveFolder(from, to)),
    ]
}

impl Idea {
    fn supposition(&self, fleet: &Fleet, graph: &Graph) -> Option<Supposition> {
        // What is no file is known by a name, and not found again by its inode.
        let is_there = |disk: &DiskId| {
            let disk = graph.disk(*disk).unwrap();
            disk.state() != State::Missing && matches!(disk.key().to_key(), Key::File { .. })
        };
        let disk = |place: Place| graph.find(&path(fleet, place)).filter(is_there);
        Some(match *self {
            Self::Move(from, to) => {
                Supposition::Move { from: path(fleet, from), to: path(fleet, to) }
            }
            Self::MoveFolder(from, to) => {
                Supposition::Move { from: folder(fleet, from), to: folder(fleet, to) }
            }
            Self::Remove(place) => Supposition::Remove(disk(place)?),
            Self::Rebase(place, onto) => {
                Supposition::Rebase { disk: disk(place)?, onto: onto.map(|at| path(fleet, at)) }
            }
            Self::Create(at, onto) => {
                Supposition::Create { path: path(fleet, at), onto: path(fleet, onto) }
            }
        })
    }
}

fn suppose(scanned: &Scanned, all: &[Supposition]) -> Result<Supposed, SupposeError> {
    scanned.suppose(all, &Control::default())
}

/// All names of regular files.
fn files(fleet: &Fleet) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![fleet.path("in"), fleet.path("out")];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            match (kind.is_dir(), kind.is_file()) {
                (true, _) => open.push(entry.path()),
                (_, true) => files.push(entry.path()),
                _ => {}
            }
        }
    }
    files
}

fn inode(path: &Path) -> u64 {
    path.symlink_metadata().unwrap().ino()
}

/// Does it, by whatever the system calls are, and returns the images that a scan is asked about then: what was moved
/// or made, and the disks in directories that were moved. Disks are known by the inode that they had.
fn really(fleet: &Fleet, graph: &Graph, all: &[Supposition]) -> Vec<PathBuf> {
    let inode_of = |disk: DiskId| match graph.disk(disk).unwrap().key().to_key() {
        Key::File { inode, .. } => inode,
        Key::Name(_) => panic!("a file that was not looked at"),
    };
    let write = |at: &Path, onto: Option<&Path>| {
        let content = onto.and_then(|onto| std::fs::read(onto).ok());
        let is_raw = content.is_some_and(|content| !content.starts_with(b"QFI\xfb"));
        let format = Some(if is_raw { &b"raw"[..] } else { b"qcow2" });
        let backing =
            onto.map(|onto| Backing { name: onto.as_os_str().as_encoded_bytes(), format });
        let image = Create { virtual_size: 1 << 20, backing, ..Create::default() };
        image.build().unwrap().write_to(&File::create(at).unwrap()).unwrap();
    };
    // As long as they are open nobody else gets their inodes.
    let _held: Vec<File> = files(fleet).into_iter().filter_map(|it| File::open(it).ok()).collect();
    let there = graph.disks().filter(|disk| disk.state() != State::Missing);
    let mut disks: Vec<PathBuf> = there.flat_map(|disk| disk.paths()).map(Path::to_owned).collect();
    let before = disks.clone();
    let (mut images, mut rewritten): (Vec<PathBuf>, Vec<(u64, Option<&Path>)>) = Default::default();
    for one in all {
        match one {
            Supposition::Move { from, to } => {
                let to = if to.is_dir() { to.join(from.file_name().unwrap()) } else { to.clone() };
                let top = from.canonicalize();
                let is_folder = from.symlink_metadata().unwrap().is_dir();
                std::fs::rename(from, &to).unwrap();
                if !is_folder {
                    images.push(to);
                    continue;
                }
                let (top, to) = (top.unwrap(), to.canonicalize().unwrap());
                for path in images.iter_mut().chain(&mut disks) {
                    if let Ok(rest) = path.strip_prefix(&top) {
                        *path = to.join(rest);
                    }
                }
            }
            Supposition::Create { path, onto } => {
                write(path, None);
                images.push(path.clone());
                rewritten.push((inode(path), Some(onto)));
            }
            Supposition::Remove(disk) => {
                let names = files(fleet).into_iter().filter(|name| inode(name) == inode_of(*disk));
                names.for_each(|name| std::fs::remove_file(name).unwrap());
            }
            Supposition::Rebase { .. } => {}
        }
    }
    // Where what was made has got to by then, and what it is on.
    rewritten.extend(all.iter().filter_map(|one| match one {
        Supposition::Rebase { disk, onto } => Some((inode_of(*disk), onto.as_deref())),
        _ => None,
    }));
    for (number, onto) in rewritten {
        // Of what is gone nothing is changed.
        if let Some(at) = files(fleet).into_iter().find(|name| inode(name) == number) {
            write(&at, onto);
        }
    }
    let moved = disks.into_iter().zip(before).filter(|(now, before)| now != before);
    images.extend(moved.map(|(now, _)| now));
    images
}

/// All that a graph says, whatever ids and keys it has; and nothing of sizes, as what is written is longer.
fn picture(graph: &Graph) -> Vec<Facts> {
    let name = |key: &Key| {
        let disk = graph.find_key(key).and_then(|id| graph.disk(id)).unwrap();
        Key::name(format!("{:?} {:?}", disk.path(), disk.state()))
    };
    let facts = graph.disks().map(|disk| {
        let mut facts = disk.facts();
        facts.references.iter_mut().for_each(|edge| edge.target = name(&edge.target));
        let is_image = facts.format == crate::Format::Qcow2;
        if is_image {
            (facts.length, facts.actual_size, facts.virtual_size) = (None, None, None);
        }
        Facts { key: name(&facts.key), ..facts }
    });
    let mut facts: Vec<Facts> = facts.collect();
    facts.sort_by_cached_key(|facts| format!("{facts:?}"));
    facts
}

/// The images that would be asked about.
fn placed(all: &[Supposition]) -> Vec<PathBuf> {
    let place = |one: &Supposition| match one {
        Supposition::Move { to: path, .. } | Supposition::Create { path, .. } => Some(path.clone()),
        _ => None,
    };
    all.iter().filter_map(place).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    /// The oracle does it, and scans as if nobody had ever looked.
    #[test]
    fn what_is_supposed_is_what_is_found_when_it_is_done(
        fleet_of in proptest::collection::vec(acts(), 4..24),
        ideas in proptest::collection::vec(ideas(), 1..5),
        is_named_twice in proptest::bool::weighted(0.3),
    ) {
        let fleet = Fleet::new();
        folders(&fleet);
        fleet_of.iter().for_each(|act| act.run(&fleet));
        // What is supposed is done afterwards, by whoever runs this.
        drop(Opened(&fleet));
        folders(&fleet);
        // A root in another one may move, too.
        let before = match is_named_twice {
            true => fleet.scan_of(["in", "in/a", "in/a/b"]).run(&Control::default()).unwrap(),
            false => fleet.fresh(),
        };
        let mut all: Vec<Supposition> = Vec::new();
        let mut names = HashSet::new();
        for idea in &ideas {
            let Some(one) = idea.supposition(&fleet, &before.graph) else { continue };
            // What was made is found again by the name that it gets.
            if placed(std::slice::from_ref(&one)).iter().any(|path| !names.insert(path.clone())) {
                continue;
            }
            all.push(one);
            match suppose(&before, &all) {
                Ok(_) => {}
                Err(SupposeError::Scan(error)) => panic!("{error}"),
                Err(_) => drop(all.pop()),
            }
        }
        let supposed = suppose(&before, &all).unwrap();
        let images = really(&fleet, &before.graph, &all);
        let found = fleet.scan().images(images).run(&Control::default()).unwrap();
        prop_assert_eq!(picture(&supposed.what.graph), picture(&found.graph), "{:?}", all);
    }
}

pub(super) fn id(scanned: &Scanned, path: &Path) -> DiskId {
    scanned.graph.find(path).unwrap()
}

pub(super) fn moved(scanned: &Scanned, from: &Path, to: &Path) -> Supposed {
    suppose(scanned, &[Supposition::Move { from: from.to_owned(), to: to.to_owned() }]).unwrap()
}

#[test]
fn what_makes_no_sense_is_not_supposed() {
    let fleet = Fleet::some();
    let scanned = fleet.fresh();
    std::fs::hard_link(fleet.path("in/base"), fleet.path("in/same")).unwrap();
    let refused = |from: &str, to: &str| {
        let one = Supposition::Move { from: fleet.path(from), to: fleet.path(to) };
        suppose(&scanned, &[one]).unwrap_err()
    };
    assert!(matches!(refused("in/base", "nowhere/base"), SupposeError::NoDirectory { .. }));
    assert!(matches!(refused("in/none", "in/other"), SupposeError::NotThere { .. }));
    fleet.folder("in/deep/below");
    fleet.folder("in/full/deep");
    assert!(matches!(refused("in/deep", "in/deep/below"), SupposeError::Inside { .. }));
    assert!(matches!(refused("in/deep", "in/full"), SupposeError::Exists { .. }));
    assert!(matches!(refused("in/deep", "in/base"), SupposeError::Exists { .. }));
    assert!(matches!(refused("in/deep", "in"), SupposeError::SameFile { .. }));
    assert!(matches!(refused("in", "out"), SupposeError::Root { .. }));
    // What lies in another root is searched from there.
    let of = |roots: [&str; 2]| fleet.scan_of(roots).run(&Control::default()).unwrap();
    let both = of(["in/deep", "in"]);
    let after = moved(&both, &fleet.path("in/deep"), &fleet.path("in/elsewhere"));
    assert!(
        after.what.graph.find(&fleet.path("in/elsewhere/3")).is_some() && after.outside.is_empty()
    );
    let apart = Supposition::Move { from: fleet.path("in/full"), to: fleet.path("in/deep") };
    let apart = suppose(&of(["in/deep", "in/full"]), &[apart]);
    assert!(matches!(apart, Err(SupposeError::Root { .. })));
    assert!(matches!(refused("out", "in/out"), SupposeError::NotSearched { .. }));
    std::os::unix::fs::symlink(fleet.path("in/deep"), fleet.path("in/way")).unwrap();
    assert!(matches!(refused("in/way", "in/other"), SupposeError::NotAFile { .. }));
    assert!(matches!(refused("in/base", "in/base"), SupposeError::SameFile { .. }));
    assert!(matches!(refused("in/base", "in/same"), SupposeError::SameFile { .. }));
    let plain = id(&scanned, &fleet.path("in/deep/plain.raw"));
    let one = Supposition::Rebase { disk: plain, onto: None };
    assert!(matches!(suppose(&scanned, &[one]), Err(SupposeError::NotQcow2 { .. })));
    let one = Supposition::Create { path: fleet.path("in/base"), onto: fleet.path("in/same") };
    assert!(matches!(suppose(&scanned, &[one]), Err(SupposeError::Exists { .. })));
}

/// Its copy is another file for those who know it by a hard link that stays; else it is the same disk.
#[test]
fn a_move_to_another_file_system_is_a_copy() {
    let elsewhere = Path::new("/dev/shm");
    let fleet = Fleet::some();
    let device = |path: &Path| path.metadata().map(|metadata| metadata.dev()).ok();
    if [None, device(&fleet.path(""))].contains(&device(elsewhere)) {
        println!("skipped: no second file system at {}", elsewhere.display());
        return;
    }
    let to = elsewhere.join(format!("diskdag-no-such-file-{}", std::process::id()));
    let scanned = fleet.fresh();
    let seven = id(&scanned, &fleet.path("in/deep/7"));
    let size = scanned.graph.disk(seven).unwrap().actual_size().unwrap();
    let after = moved(&scanned, &fleet.path("in/deep/7"), &to);
    assert_eq!((after.copied, after.what.freed), (size, 0));
    assert_eq!(after.what.graph.disk(seven).unwrap().path(), to);
    std::fs::hard_link(fleet.path("in/deep/7"), fleet.path("in/seven")).unwrap();
    let scanned = fleet.fresh();
    let seven = id(&scanned, &fleet.path("in/seven"));
    let after = moved(&scanned, &fleet.path("in/deep/7"), &to);
    let stays = after.what.graph.disk(seven).unwrap();
    assert_eq!(stays.paths().collect::<Vec<_>>(), [fleet.path("in/seven")]);
    assert_ne!(after.what.graph.find(&to), Some(seven));
    assert!(after.what.graph.find(&to).is_some());
}

#[test]
fn an_overlay_of_an_overlay_that_would_be_made_has_the_size_of_the_first() {
    let fleet = Fleet::some();
    let scanned = fleet.fresh();
    let make = |name: &str, onto: &str| Supposition::Create {
        path: fleet.path(name),
        onto: fleet.path(onto),
    };
    let all = [make("in/second", "in/first"), make("in/first", "in/deep/plain.raw")];
    let after = suppose(&scanned, &all).unwrap().what.graph;
    for name in ["in/first", "in/second"] {
        let disk = after.disk(after.find(&fleet.path(name)).unwrap()).unwrap();
        assert_eq!(disk.virtual_size(), Some(1024), "{name}");
    }
}
