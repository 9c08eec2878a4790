//! What a scan opens and counts; that it can be stopped; that threads change nothing.

use std::fs::File;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use diskdag_graph::scan::{Control, Scan, ScanError, Scope};
use diskdag_graph::{Graph, Key, ScopeSource, State};
use diskdag_qcow2::create::{Backing, Create};

/// A directory of images of our own making.
pub(crate) struct Fleet {
    directory: tempfile::TempDir,
}

impl Fleet {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        match name {
            "" => self.directory.path().to_owned(),
            name => self.directory.path().join(name),
        }
    }

    pub(crate) fn image(&self, name: &str, backing: Option<&str>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let backing = backing.map(|name| Backing { name: name.as_bytes(), format: Some(b"qcow2") });
        let image = Create { virtual_size: 1 << 20, backing, ..Create::default() };
        image.build().unwrap().write_to(&File::create(path).unwrap()).unwrap();
    }

    fn scan(&self) -> Scan {
        Scan::new(Scope::declared([self.path("")], ScopeSource::Flag))
    }

    /// Forty directories of twelve images each, every one on the one before.
    fn forest() -> Self {
        let fleet = Self::new();
        for directory in 0..40 {
            for image in 0..12_u32 {
                let below = image.checked_sub(1).map(|below| format!("{below}.qcow2"));
                fleet.image(&format!("{directory}/{image}.qcow2"), below.as_deref());
            }
        }
        fleet
    }
}

/// The disks with what they need, whatever their ids.
fn picture(graph: &Graph) -> Vec<(PathBuf, Vec<PathBuf>)> {
    let path = |id| graph.disk(id).unwrap().path().to_owned();
    let needs = |disk: diskdag_graph::Disk<'_>| {
        (disk.path().to_owned(), disk.needs().iter().map(|edge| path(edge.to)).collect())
    };
    let mut picture: Vec<_> = graph.disks().map(needs).collect();
    picture.sort();
    picture
}

#[test]
fn every_file_is_opened_once_and_every_directory_listed_once() {
    let fleet = Fleet::forest();
    std::os::unix::fs::symlink(fleet.path(""), fleet.path("0/up")).unwrap();
    let scanned = fleet.scan().run(&Control::default()).unwrap();
    assert_eq!(scanned.graph.len(), 480);
    assert_eq!(scanned.statistics.directories, 41);
    assert_eq!(scanned.statistics.files, 480);
    assert_eq!(scanned.statistics.opened, 480, "references are looked up, not opened again");
    assert!(scanned.graph.coverage().doubts.is_empty());
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let fleet = Fleet::forest();
    let one = fleet.scan().run(&Control::default()).unwrap();
    for threads in 2..=5 {
        let threads = NonZeroUsize::new(threads).unwrap();
        let many = fleet.scan().threads(threads).run(&Control::default()).unwrap();
        assert_eq!(picture(&one.graph), picture(&many.graph));
    }
}

/// Workers bring what they find in whatever order; disks are numbered in that of their paths.
#[test]
fn the_number_of_threads_does_not_change_the_order_of_the_disks_either() {
    let fleet = Fleet::forest();
    // Enough for many pieces of one directory, of which each refers to the one before and after it.
    for image in 0..2_000_u32 {
        let below = match image % 3 {
            0 => None,
            1 => Some(format!("{}.qcow2", image - 1)),
            _ => Some(format!("../{}/3.qcow2", image % 40)),
        };
        fleet.image(&format!("many/{image}.qcow2"), below.as_deref());
    }
    for linked in 0..12 {
        let links = [("a", 39), ("z", 0)];
        for (name, directory) in links {
            let link = fleet.path(&format!("{directory}/{name}{linked}.qcow2"));
            std::fs::hard_link(fleet.path(&format!("many/{}.qcow2", linked * 100)), link).unwrap();
        }
    }
    fleet.image("7/elsewhere.qcow2", Some("file:3.qcow2"));
    fleet.image("8/gone.qcow2", Some("nothing.qcow2"));
    let in_order = |threads: usize| {
        let scan = fleet.scan().threads(NonZeroUsize::new(threads).unwrap());
        let scanned = scan.run(&Control::default()).unwrap();
        scanned.graph.disks().map(|disk| (disk.id(), disk.facts().clone())).collect::<Vec<_>>()
    };
    let one = in_order(1);
    assert!(one.len() > 40 * 12 + 2_000);
    for threads in [2, 3, 8, 2, 3] {
        assert!(one == in_order(threads), "{threads} threads");
    }
}

#[test]
fn following_an_image_lists_no_directory_and_opens_its_chain_alone() {
    let fleet = Fleet::forest();
    let scanned = Scan::follow(vec![fleet.path("7/5.qcow2")]).run(&Control::default()).unwrap();
    assert_eq!(scanned.statistics.directories, 0);
    assert_eq!(scanned.statistics.opened, 6);
    let id = *scanned.images[0].as_ref().unwrap();
    assert_eq!(scanned.graph.chain(id).count(), 6);
}

#[test]
fn a_stopped_scan_is_no_answer() {
    let fleet = Fleet::forest();
    let cancelled = Control::default().cancelled_by(Arc::new(AtomicBool::new(true)));
    assert_eq!(fleet.scan().run(&cancelled).unwrap_err(), ScanError::Stopped);
    let late = Control::default().until(Instant::now());
    assert_eq!(fleet.scan().run(&late).unwrap_err(), ScanError::Stopped);
    // Stopped in the middle, from the inside, with every number of threads.
    for threads in 1..=4 {
        let flag = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&flag);
        let control = Control::default().cancelled_by(flag).reporting(move |progress| {
            stop.store(progress.directories > 3, Ordering::Relaxed);
        });
        let threads = NonZeroUsize::new(threads).unwrap();
        let outcome = fleet.scan().threads(threads).run(&control);
        assert_eq!(outcome.unwrap_err(), ScanError::Stopped);
    }
}

#[test]
fn progress_counts_everything() {
    let fleet = Fleet::forest();
    let most = Arc::new([AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0)]);
    let seen = Arc::clone(&most);
    let control = Control::default().reporting(move |progress| {
        let counts = [progress.directories, progress.files, progress.images];
        for (most, count) in seen.iter().zip(counts) {
            most.fetch_max(count, Ordering::Relaxed);
        }
    });
    fleet.scan().threads(NonZeroUsize::new(3).unwrap()).run(&control).unwrap();
    let counts: Vec<u64> = most.iter().map(|most| most.load(Ordering::Relaxed)).collect();
    assert_eq!(counts, [41, 480, 480]);
}

/// A base reached by a link in another directory resolves its own names from there: both are true.
#[test]
fn an_image_with_names_in_two_directories_needs_what_each_of_them_names() {
    let fleet = Fleet::new();
    fleet.image("a/base", None);
    fleet.image("b/base", None);
    fleet.image("a/over", Some("base"));
    std::fs::hard_link(fleet.path("a/over"), fleet.path("b/over")).unwrap();
    let scanned = fleet.scan().run(&Control::default()).unwrap();
    let graph = &scanned.graph;
    let over = graph.find(&fleet.path("b/over")).unwrap();
    assert_eq!(graph.find(&fleet.path("a/over")), Some(over));
    for base in ["a/base", "b/base"] {
        let base = graph.find(&fleet.path(base)).unwrap();
        assert!(graph.depends_on(over, base).is_yes());
    }
}

#[test]
fn what_is_missing_is_a_node_under_the_path_that_qemu_would_open() {
    let fleet = Fleet::new();
    fleet.image("dir/over", Some("../gone"));
    let scanned = fleet.scan().run(&Control::default()).unwrap();
    let missing: Vec<_> = scanned.graph.missing().collect();
    assert_eq!(missing.len(), 1);
    let disk = scanned.graph.disk(missing[0]).unwrap();
    assert_eq!(disk.state(), State::Missing);
    assert_eq!(disk.key(), Key::name(fleet.path("gone").as_os_str().as_encoded_bytes()));
}

/// A symbolic link is a path but holds no blocks: it must not stand in for a hard link elsewhere.
#[test]
fn a_file_with_a_hard_link_out_of_scope_frees_nothing_whatever_symbolic_links_it_has() {
    let (fleet, elsewhere) = (Fleet::new(), Fleet::new());
    fleet.image("disk", None);
    std::os::unix::fs::symlink(fleet.path("disk"), fleet.path("link")).unwrap();
    let freed = || {
        let scanned = fleet.scan().run(&Control::default()).unwrap();
        let disk = scanned.graph.find(&fleet.path("link")).unwrap();
        scanned.graph.freed_by(&[disk])
    };
    assert!(freed() > 0);
    std::fs::hard_link(fleet.path("disk"), elsewhere.path("disk")).unwrap();
    assert_eq!(freed(), 0);
}
