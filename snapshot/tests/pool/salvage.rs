//! A catalogue that was damaged: what its files still tell is taken over, and the images have the last word.

use std::fs;
use std::path::PathBuf;

use diskdag_snapshot::catalogue::{CatalogueError, State};
use diskdag_snapshot::{Create, Pool, Recovery, Remove, Selection};

use crate::support::{Fleet, name};

/// A pool with two snapshots of a disk, one of them pinned, and a frozen image.
fn fleet() -> (Fleet, PathBuf, State) {
    let fleet = Fleet::new();
    let disk = fleet.image("vm.qcow2", b"one");
    let golden = fleet.image("golden.qcow2", b"gold");
    let control = Fleet::control();
    for snapshot in ["a", "b"] {
        fleet.pool.create(&Create::new(name(snapshot), vec![disk.clone()]), &control).unwrap();
    }
    let mut freeze = Create::new(name("base"), vec![golden]);
    freeze.freeze = true;
    fleet.pool.create(&freeze, &control).unwrap();
    fleet.pool.pin(&name("a"), &disk, "the customer's", &control).unwrap();
    let state = fleet.pool.state().unwrap();
    assert_eq!((state.snapshots.len(), state.pins.len()), (3, 1));
    (fleet, disk, state)
}

/// As another process finds it: a handle believes what it has read.
fn again(fleet: &Fleet) -> Pool {
    Pool::find(fleet.pool.host(), &fleet.dir).unwrap()
}

fn damage(fleet: &Fleet, file: &str, at: usize) {
    let path = fleet.dir.join(".diskdag").join(file);
    let mut bytes = fs::read(&path).unwrap();
    bytes[at] ^= 0xff;
    fs::write(&path, bytes).unwrap();
    let loaded = again(fleet).state();
    assert!(matches!(loaded, Err(CatalogueError::Damaged { .. })), "{loaded:?}");
}

fn rebuild(fleet: &Fleet) -> (State, Vec<String>) {
    let recovery = Recovery { rebuild: true, ..Recovery::default() };
    let pool = again(fleet);
    let recovered = pool.recover_with(&recovery, &Fleet::control()).unwrap();
    let state = pool.state().unwrap();
    assert!(!state.confirmed, "a person has to look at it");
    (state, recovered.rebuilt.unwrap())
}

/// Where the last record of the log lies, and where the one before does.
fn last_records(fleet: &Fleet) -> [usize; 2] {
    let log = fs::read(fleet.dir.join(".diskdag/catalogue.log")).unwrap();
    let begins = |at: &usize| log[*at..].starts_with(b"\xC4REC");
    let mut places = (4096..log.len()).step_by(512).filter(begins).collect::<Vec<_>>();
    let last = places.pop().unwrap();
    [places.pop().unwrap(), last]
}

#[test]
fn what_was_recorded_before_the_damage_is_known_still() {
    let (fleet, _, before) = fleet();
    let [second_last, _] = last_records(&fleet);
    damage(&fleet, "catalogue.log", second_last + 100);
    let (state, lost) = rebuild(&fleet);
    // The pin was the last record, the frozen image the one before.
    assert!(state.pins.is_empty());
    assert!(lost[0].contains("pins"), "{lost:?}");
    assert_eq!(state.snapshots.len(), 2);
    for (id, record) in state.snapshots.iter() {
        assert_eq!(before.snapshots.get(id), Some(record), "as it was, with its time");
    }
    assert!(state.next_id > before.next_id);
}

#[test]
fn a_log_that_begins_with_the_pool_makes_up_for_a_lost_checkpoint() {
    let (fleet, _, before) = fleet();
    damage(&fleet, "catalogue.redb", 5000);
    let (state, lost) = rebuild(&fleet);
    assert_eq!(
        state.snapshots, before.snapshots,
        "with their times, and the frozen one as what it is"
    );
    assert_eq!(state.pins, before.pins);
    assert!(lost[0].contains("after revision"), "{lost:?}");
}

#[test]
fn checkpoint_and_log_that_are_lost_leave_names_and_headers() {
    let (fleet, _, before) = fleet();
    damage(&fleet, "catalogue.redb", 5000);
    damage(&fleet, "catalogue.log", 10);
    let (state, lost) = rebuild(&fleet);
    assert_eq!(state.snapshots.len(), 2, "the frozen image has a name like any other");
    assert!(state.pins.is_empty());
    assert!(lost.iter().any(|what| what == "pins"), "{lost:?}");
    for (id, record) in state.snapshots.iter() {
        let old = before.snapshots.get(id).unwrap();
        assert_eq!((&old.file, &old.name, &old.disk), (&record.file, &record.name, &record.disk));
    }
}

/// The log's header is gone, and with it all records; everything since the checkpoint is rebuilt from names. What
/// lies in the trash by now is no snapshot, whatever an old record says.
#[test]
fn files_have_the_last_word() {
    let (fleet, disk, before) = fleet();
    let golden = fleet.dir.join("golden.qcow2");
    let remove = Remove::new(Selection::named(name("b"), vec![disk]));
    assert!(fleet.pool.remove(&remove, &Fleet::control()).is_err(), "the live disk needs it");
    // A later record, so that the damage lies in the middle.
    fleet.pool.unpin(&name("a"), &fleet.dir.join("vm.qcow2"), &Fleet::control()).unwrap();
    fleet.pool.pin(&name("b"), &fleet.dir.join("vm.qcow2"), "again", &Fleet::control()).unwrap();
    // Somebody uses the frozen image as a disk again.
    let mut permissions = fs::metadata(&golden).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o644);
    fs::set_permissions(&golden, permissions).unwrap();
    let [second_last, _] = last_records(&fleet);
    damage(&fleet, "catalogue.log", second_last + 100);
    let (state, _) = rebuild(&fleet);
    assert!(!state.snapshots.values().any(|record| record.frozen), "it can be written to");
    assert_eq!(state.snapshots.len(), 2);
    assert_eq!(state.pins, before.pins, "as of the last record that follows");
    assert!(!fs::metadata(&golden).unwrap().permissions().readonly());
}
