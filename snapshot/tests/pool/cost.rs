//! What operations cost, counted: how often something is forced out. Fewer would break a law; the tests of
//! the crash harness show which.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::time::Duration;

use diskdag_snapshot::catalogue::OpId;
use diskdag_snapshot::fs::Fs;
use diskdag_snapshot::sim::{Call, SimFs, Step};
use diskdag_snapshot::{Clones, Control, Create, Pool, Remove, Restore, Selection};

use crate::simulated::{host, image};
use crate::support::name;

struct World {
    fs: SimFs,
    pool: Pool,
}

impl World {
    /// A pool of so many disks, `/p/0.qcow2` and so on.
    fn new(disks: usize) -> Self {
        let fs = SimFs::default();
        fs.create_dir(Path::new("/p")).unwrap();
        for number in 0..disks {
            image(&fs, Self::disk(number), None);
        }
        let host = host(&fs);
        let pool =
            Pool::init(&host, Path::new("/p"), &diskdag_snapshot::pool::Config::default()).unwrap();
        // Whoever comes first after a start makes sure that what is in the log is there for good.
        pool.create(&Create::new(name("first"), vec![Self::disk(0)]), &control()).unwrap();
        // As another process finds it.
        let pool = Pool::find(&host, Path::new("/p")).unwrap();
        Self { fs, pool }
    }

    fn disk(number: usize) -> PathBuf {
        PathBuf::from(format!("/p/{number}.qcow2"))
    }

    /// How often what was forced out while `act` ran: files whole, files' data, directories.
    fn syncs(&self, act: impl FnOnce(&Pool)) -> [u64; 3] {
        let before = self.fs.counts();
        act(&self.pool);
        let after = self.fs.counts();
        [Call::Sync, Call::SyncData, Call::SyncDir].map(|call| after.of(call) - before.of(call))
    }
}

fn control() -> Control {
    Control { pool_wait: Duration::from_secs(600), ..Control::default() }
}

#[test]
fn each_operation_forces_out_what_its_laws_need_and_no_more() {
    let world = World::new(3);
    let (one, all) = (vec![World::disk(0)], (0..3).map(World::disk).collect::<Vec<_>>());
    let create = |name_: &str, disks: &[PathBuf]| {
        let create = Create::new(name(name_), disks.to_vec());
        world.syncs(|pool| drop(pool.create(&create, &control()).unwrap()))
    };
    // The overlay; the intent and the record, each one write over zeros of the log; the directory.
    assert_eq!(create("s1", &one), [1, 2, 1], "create of one disk");
    assert_eq!(create("s2", &all), [3, 2, 1], "create of three disks in one directory");
    let restore = Restore::new(name("s1"), one.clone());
    let restored = world.syncs(|pool| drop(pool.restore(&restore, &control()).unwrap()));
    assert_eq!(restored, [1, 2, 1], "restore");
    let new = (0..200).map(|number| PathBuf::from(format!("/p/new{number}.qcow2"))).collect();
    let clones = Clones::new(name("s2"), World::disk(1), new);
    let cloned = world.syncs(|pool| drop(pool.clone_snapshot(&clones, &control()).unwrap()));
    assert_eq!(cloned, [200, 2, 1], "two hundred clones, one commit");
    // Nothing needs s2 of disk 0 since it was gone back to s1, but what went to the trash then.
    let all_of_trash = world.syncs(|pool| drop(pool.purge_trash(None, &control()).unwrap()));
    assert_eq!(all_of_trash, [0, 1, 1], "purge");
    let remove = Remove::new(Selection::named(name("s2"), one));
    let removed = world.syncs(|pool| drop(pool.remove(&remove, &control()).unwrap()));
    assert_eq!(removed, [0, 2, 1], "rm");
    let read = world.syncs(|pool| drop(pool.list(None, &control()).unwrap()));
    assert_eq!(read, [0, 0, 0], "reading forces nothing out");
}

/// Of the catalogue a create learns what is there once, and of the disk no more than it has to.
#[test]
fn a_create_asks_for_nothing_twice() {
    let world = World::new(2);
    world.fs.trace();
    let create = Create::new(name("s"), vec![World::disk(1)]);
    world.pool.create(&create, &control()).unwrap();
    let steps = world.fs.traced();
    let count = |file: &str, call: Call| {
        let of_file = |step: &&Step| step.call == call && step.path.ends_with(file);
        steps.iter().filter(of_file).count()
    };
    assert_eq!(count("catalogue.log", Call::Open), 1, "read, locked and written through one file");
    assert_eq!(count("catalogue.log", Call::TryLock), 1);
    assert_eq!(count("catalogue.log", Call::SyncData), 2);
    assert_eq!(count("catalogue.log", Call::Write), 4, "two records, a mark behind each");
    assert_eq!(count("catalogue.redb", Call::Open), 1, "nothing is known in this process yet");
    assert_eq!(count("1.qcow2", Call::Open), 1);
    assert_eq!(count("1.qcow2", Call::Claim), 1);
    assert_eq!(count("config", Call::Open), 0, "a disk that names no other asks for no scope");
    assert_eq!(steps.iter().filter(|step| step.call == Call::List).count(), 0);

    world.fs.trace();
    let create = Create::new(name("t"), vec![World::disk(1)]);
    world.pool.create(&create, &control()).unwrap();
    let steps = world.fs.traced();
    let of_log = |step: &&Step| step.path.ends_with("catalogue.log");
    let calls: Vec<Call> = steps.iter().filter(of_log).map(|step| step.call).collect();
    use Call::{Open, Read, Stat, SyncData, TryLock, Write};
    let begin = [Open, Stat, TryLock, Stat, Read, Read];
    let commit = [Stat, Write, SyncData, Write];
    assert_eq!(calls, [&begin[..], &commit, &commit].concat(), "what is known is not read again");
}

/// A hundred threads: what the first does alone, and the others together.
#[test]
fn a_hundred_creates_at_once_share_their_commits() {
    let world = World::new(100);
    let together = Barrier::new(100);
    let syncs = world.syncs(|pool| {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..100)
                .map(|number| {
                    let (pool, together) = (pool.clone(), &together);
                    scope.spawn(move || {
                        together.wait();
                        let create = Create::new(name("s"), vec![World::disk(number)]);
                        pool.create(&create, &control()).unwrap().op
                    })
                })
                .collect();
            let ops: BTreeMap<OpId, ()> =
                threads.into_iter().map(|thread| (thread.join().unwrap(), ())).collect();
            assert_eq!(ops.len(), 100, "each is an operation of its own");
        });
    });
    let [files, commits, directories] = syncs;
    assert_eq!(files, 100, "every overlay is forced out");
    // How many turns it takes is the scheduler's; a hundred it never is, as all have come before the first
    // has had its turn.
    assert_eq!(commits, 2 * directories, "two commits and one directory a turn");
    assert!(directories < 100, "{directories} turns");
    assert_eq!(world.pool.state().unwrap().snapshots.len(), 101, "and the first one");
}
