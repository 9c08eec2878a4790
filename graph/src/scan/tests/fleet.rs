//! A directory of images of our own making. Every change gets a time of its own, so that none
//! depends on how finely the file system counts.

use std::fs::{File, FileTimes};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use diskdag_qcow2::create::{Backing, Create};

use crate::scan::{Control, Record, Scan, Scanned, Scope};
use crate::{Coverage, Facts, Graph, ScopeSource};

/// An hour: what a test has just written is old then.
pub(super) const LATER: i64 = 3_600_000_000_000;

pub(super) struct Fleet {
    directory: tempfile::TempDir,
    times: AtomicU64,
    /// Where changes are told, they need no times of their own.
    is_told: bool,
}

impl Fleet {
    pub(super) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), times: AtomicU64::new(0), is_told: false }
    }

    /// One whose changes are told.
    pub(super) fn told() -> Self {
        Self { is_told: true, ..Self::new() }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        match name {
            "" => self.directory.path().to_owned(),
            name => self.directory.path().join(name),
        }
    }

    /// Gives what was changed, and the directory that it lies in, times that nothing had before.
    pub(super) fn touch(&self, path: &Path) {
        if self.is_told {
            return;
        }
        let parent = path.parent().unwrap();
        for path in [path, parent] {
            if let Ok(file) = File::open(path) {
                let time = self.times.fetch_add(1, Ordering::Relaxed);
                let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + time);
                file.set_times(FileTimes::new().set_modified(time)).unwrap();
            }
        }
    }

    pub(super) fn folder(&self, name: &str) {
        std::fs::create_dir_all(self.path(name)).unwrap();
        self.touch(&self.path(name));
    }

    pub(super) fn image(&self, name: &str, backing: Option<&str>) {
        self.image_as(name, backing, Some("qcow2"));
    }

    /// The same with a format declared for the backing file, or none.
    pub(super) fn image_as(&self, name: &str, backing: Option<&str>, format: Option<&str>) {
        let path = self.path(name);
        let format = format.map(str::as_bytes);
        let backing = backing.map(|name| Backing { name: name.as_bytes(), format });
        let image = Create { virtual_size: 1 << 20, backing, ..Create::default() };
        // In place, where there is a file: whoever rebases does so.
        image.build().unwrap().write_to(&File::create(&path).unwrap()).unwrap();
        self.touch(&path);
    }

    /// Some images in two directories, and one that lies out of the scope.
    pub(super) fn some() -> Self {
        let fleet = Self::new();
        fleet.folder("in");
        fleet.folder("in/deep");
        fleet.folder("out");
        fleet.image("out/base", None);
        fleet.image("in/base", Some("../out/base"));
        for number in 0..8 {
            fleet.image(&format!("in/deep/{number}"), Some("../base"));
        }
        std::fs::write(fleet.path("in/deep/plain.raw"), [7; 700]).unwrap();
        std::os::unix::fs::symlink("deep/3", fleet.path("in/link")).unwrap();
        std::os::unix::fs::symlink("nowhere", fleet.path("in/dangling")).unwrap();
        fleet.touch(&fleet.path("in/deep"));
        fleet
    }

    /// A scan of `in`.
    pub(super) fn scan(&self) -> Scan {
        self.scan_of(["in"])
    }

    /// A scan of these.
    pub(super) fn scan_of<const N: usize>(&self, roots: [&str; N]) -> Scan {
        let scope = Scope::declared(roots.map(|root| self.path(root)), ScopeSource::Flag);
        Scan::new(scope).ahead(LATER)
    }

    pub(super) fn fresh(&self) -> Scanned {
        self.scan().run(&Control::default()).unwrap()
    }

    pub(super) fn again(&self, record: &Record) -> Scanned {
        self.scan().run_after(record, &Control::default()).unwrap()
    }
}

/// All that a graph says, whatever its ids.
pub(super) fn picture(graph: &Graph) -> (Vec<Facts>, Coverage) {
    let mut facts: Vec<Facts> = graph.disks().map(|disk| disk.facts()).collect();
    facts.sort_by_cached_key(|facts| format!("{:?}", facts.key));
    let mut coverage = graph.coverage().clone();
    coverage.doubts.sort_by(|one, other| one.path.cmp(&other.path));
    coverage.as_of = None;
    (facts, coverage)
}
