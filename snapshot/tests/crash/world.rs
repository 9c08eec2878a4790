//! A pool on a simulated disk, and the host around it, in which nothing is left to chance.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use diskdag_snapshot::catalogue::{LogCatalogue, OpId, State};
use diskdag_snapshot::fs::Fs;
use diskdag_snapshot::host::{Clock, LocksOnly, OpIds};
use diskdag_snapshot::sim::{Disk, Habits, SimFs};
use diskdag_snapshot::survey::FsSurvey;
use diskdag_snapshot::{
    Control, Create, Error, Host, Pool, Remove, Restore, Selection, SnapshotName,
};
use jiff::Timestamp;

use crate::guest;

/// The pool's top directory.
pub(crate) const TOP: &str = "/p";

/// The pool's folder.
pub(crate) const FOLDER: &str = "/p/.diskdag";

/// The live disks of the fleet.
pub(crate) const DISKS: [&str; 3] = ["/p/vm.qcow2", "/p/b.qcow2", "/p/sub/c.qcow2"];

/// An overlay of snapshot `s1` that somebody else has made.
pub(crate) const OTHERS: &str = "/p/other.qcow2";

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_800_000_000).expect("in range")
    }

    fn pause(&self, _: Duration) {}
}

/// The same ids in every run; others after every start of the host.
struct Counted {
    start: u64,
    next: AtomicU64,
}

impl OpIds for Counted {
    fn next(&self) -> std::io::Result<OpId> {
        let mut id = [0; 16];
        let (start, next) = id.split_at_mut(8);
        start.copy_from_slice(&self.start.to_be_bytes());
        next.copy_from_slice(&self.next.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        Ok(OpId(id))
    }
}

/// A host that has come up for the `start`th time, on this file system.
pub(crate) fn host(fs: &SimFs, start: u64) -> Host {
    let fs: Arc<dyn Fs> = Arc::new(fs.clone());
    Host {
        survey: Arc::new(FsSurvey::new(Arc::clone(&fs))),
        fs,
        usage: Arc::new(LocksOnly),
        clock: Arc::new(Still),
        ids: Arc::new(Counted { start, next: AtomicU64::new(0) }),
    }
}

/// The pool, opened anew.
pub(crate) fn pool(fs: &SimFs, start: u64) -> Result<Pool, Error> {
    Pool::find(&host(fs, start), Path::new(TOP))
}

/// Waits for nobody.
pub(crate) fn control() -> Control {
    Control { pool_wait: Duration::ZERO, ..Control::default() }
}

pub(crate) fn name(text: &str) -> SnapshotName {
    SnapshotName::new(text).expect("a good name")
}

pub(crate) fn paths(of: &[&str]) -> Vec<PathBuf> {
    of.iter().map(PathBuf::from).collect()
}

/// Bytes that tell where and by whom they were written.
pub(crate) fn pattern(mark: u8) -> [u8; 600] {
    std::array::from_fn(|at| mark ^ u8::try_from(at % 7).expect("small"))
}

/// A pool without disks, and with a catalogue whose log has so many bytes.
fn empty(log: u64) -> SimFs {
    let fs = SimFs::default();
    for dir in [TOP, FOLDER, "/p/sub"] {
        fs.create_dir(Path::new(dir)).expect("nothing is there");
    }
    let shared: Arc<dyn Fs> = Arc::new(fs.clone());
    let catalogue = LogCatalogue::with_log_len(shared, FOLDER, log);
    catalogue.create(&State::default()).expect("there is room");
    fs
}

/// The fleet, with a log that is nearly half full: the next commit makes a checkpoint.
pub(crate) fn fleet() -> Disk {
    fleet_with(LogCatalogue::LOG_LEN_MIN)
}

/// The fleet, with room in its log: nothing makes a checkpoint.
pub(crate) fn fleet_with_room() -> Disk {
    fleet_with(LogCatalogue::LOG_LEN_MIN * 8)
}

/// Three disks. Of the first there are snapshots `s1` (1), on which it and an overlay of somebody else's
/// stand, and `k1` (2), on which nothing stands; a third one, `k2` (3), lies in the trash (4). Of the second
/// there is a snapshot `s1` (5).
fn fleet_with(log: u64) -> Disk {
    let fs = empty(log);
    for (disk, mark) in DISKS.into_iter().zip([0x10, 0x20, 0x30]) {
        let path = Path::new(disk);
        guest::make(&fs, path, None).expect("there is room");
        guest::write(&fs, path, 0, &pattern(mark)[..512]).expect("sound");
        guest::write(&fs, path, 1024, &pattern(mark + 1)[..100]).expect("sound");
    }
    let (pool, control) = (pool(&fs, 0).expect("a pool"), control());
    let vm = Path::new(DISKS[0]);
    let disks = || vec![vm.to_owned()];
    pool.create(&Create::new(name("s1"), disks()), &control).expect("nothing is in the way");
    guest::make(&fs, Path::new(OTHERS), Some("vm@1-s1.qcow2")).expect("there is room");
    guest::write(&fs, Path::new(OTHERS), 2048, &pattern(0x40)[..512]).expect("sound");
    for (keep, mark) in [("k1", 0x50), ("k2", 0x60)] {
        guest::write(&fs, vm, 1100, &pattern(mark)[..400]).expect("sound");
        let restore = Restore { keep: Some(name(keep)), ..Restore::new(name("s1"), disks()) };
        pool.restore(&restore, &control).expect("nothing is in the way");
    }
    guest::write(&fs, vm, 4096, &pattern(0x70)[..512]).expect("sound");
    let remove = Remove::new(Selection::named(name("k2"), disks()));
    pool.remove(&remove, &control).expect("nothing needs it");
    let second = Path::new(DISKS[1]);
    pool.create(&Create::new(name("s1"), vec![second.to_owned()]), &control).expect("as before");
    guest::write(&fs, second, 512, &pattern(0x71)[..512]).expect("sound");
    fs.disk().settled()
}

/// A file system that does what is assumed of the medium, and no more.
pub(crate) const CARELESS: Habits = Habits::PLAIN;

/// One with a journal that is written in order.
pub(crate) const ORDERED: Habits = Habits { ordered: true, ..CARELESS };

/// One that can give a file several names, and has no other step for names (NFS).
pub(crate) const BY_LINKS: Habits = Habits { exchange: false, no_replace: false, ..CARELESS };

/// The disk in use after the host has come up again, with a file system of these habits.
pub(crate) fn up(disk: &Disk, habits: Habits) -> SimFs {
    SimFs::on(disk.clone(), habits)
}
