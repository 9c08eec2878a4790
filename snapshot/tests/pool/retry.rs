//! An embedder that was killed, comes up again, recovers, and does what it was about to do once more, under
//! the same id: it is done once, and the embedder's own row is committed once with it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use diskdag_snapshot::catalogue::{
    Batch, Catalogue, CatalogueError, Fence, MemoryCatalogue, OpId, Revision, State,
};
use diskdag_snapshot::fs::Fs;
use diskdag_snapshot::sim::{Fault, Habits, SimFs};
use diskdag_snapshot::{Control, Create, Done, Error, Pool, Remove, Restore, Selection};

use crate::simulated::{host, image};
use crate::support::name;

/// The embedder's store: the pool's records, and what was committed beside them.
#[derive(Clone, Debug, Default)]
struct Store {
    records: MemoryCatalogue,
    rows: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Catalogue for Store {
    fn load(&self) -> Result<State, CatalogueError> {
        self.records.load()
    }

    fn commit(&self, batch: &Batch) -> Result<Revision, CatalogueError> {
        let before = self.records.load()?.revision;
        let revision = self.records.commit(batch)?;
        if revision > before {
            self.rows.lock().unwrap().extend(batch.tag.clone());
        }
        Ok(revision)
    }

    fn fence(&self) -> Result<Fence, CatalogueError> {
        self.records.fence()
    }
}

const DISK: &str = "/p/vm.qcow2";

fn pool(fs: &SimFs, store: &Store) -> Pool {
    let host = host(fs);
    let there = fs.stat(Path::new("/p/.diskdag")).is_ok();
    let find = || Pool::find(&host, Path::new("/p"));
    let pool = if there {
        find()
    } else {
        Pool::init(&host, Path::new("/p"), &diskdag_snapshot::pool::Config::default())
    };
    pool.unwrap().with_catalogue(Arc::new(store.clone()))
}

/// A pool with one disk and, of it, the snapshots `a` and `b`.
fn world() -> (SimFs, Store) {
    let fs = SimFs::default();
    fs.create_dir(Path::new("/p")).unwrap();
    image(&fs, Path::new(DISK), None);
    let store = Store::default();
    let pool = pool(&fs, &store);
    for snapshot in ["a", "b"] {
        pool.create(&Create::new(name(snapshot), disks()), &Control::default()).unwrap();
    }
    pool.restore(&Restore::new(name("a"), disks()), &Control::default()).unwrap();
    pool.purge_trash(None, &Control::default()).unwrap();
    (fs, store)
}

fn disks() -> Vec<PathBuf> {
    vec![PathBuf::from(DISK)]
}

const OP: OpId = OpId([7; 16]);
const ROW: &[u8] = b"a row of the embedder's";

/// Kills the embedder before each of its calls, and has it try again after recovery.
fn once(what: &str, act: impl Fn(&Pool) -> Result<Done, Error>, is_done: impl Fn(&State) -> bool) {
    for number in 1.. {
        let (fs, store) = world();
        let pool_of_now = pool(&fs, &store);
        fs.fail_at(fs.calls() + number, Fault::PowerOff);
        let first = act(&pool_of_now);
        let fs = SimFs::on(fs.disk().killed(), Habits::default());
        let again = pool(&fs, &store);
        again.recover(&Control::default()).unwrap();
        act(&again).unwrap_or_else(|error| panic!("{what}, killed at call {number}: {error}"));
        act(&again).unwrap_or_else(|error| panic!("{what}, once more: {error}"));
        let state = store.load().unwrap();
        assert!(is_done(&state), "{what}, killed at call {number}: {state:?}");
        assert!(state.intents.is_empty());
        let rows = store.rows.lock().unwrap().clone();
        assert_eq!(rows, [ROW], "{what}, killed at call {number}: the embedder's rows");
        if first.is_ok() {
            assert!(number > 6, "killed at {number} calls only");
            return;
        }
    }
}

#[test]
fn create_is_done_once() {
    let mut create = Create::new(name("c"), disks());
    (create.op, create.tag) = (Some(OP), Some(ROW.to_vec()));
    once(
        "create",
        |pool| pool.create(&create, &Control::default()),
        |state| state.snapshots.values().filter(|record| record.op == OP).count() == 1,
    );
}

#[test]
fn restore_is_done_once() {
    let mut restore = Restore::new(name("b"), disks());
    (restore.op, restore.tag) = (Some(OP), Some(ROW.to_vec()));
    once(
        "restore",
        |pool| pool.restore(&restore, &Control::default()),
        |state| state.trash.values().filter(|record| record.op == OP).count() == 1,
    );
}

#[test]
fn remove_is_done_once() {
    let mut remove = Remove::new(Selection::named(name("b"), disks()));
    (remove.op, remove.tag) = (Some(OP), Some(ROW.to_vec()));
    once(
        "remove",
        |pool| pool.remove(&remove, &Control::default()),
        |state| state.trash.values().filter(|record| record.op == OP).count() == 1,
    );
}
