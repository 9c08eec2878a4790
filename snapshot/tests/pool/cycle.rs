//! The life of a disk: taken, written, gone back, cloned, removed.

use diskdag_snapshot::{Clones, Create, ErrorKind, Remove, Restore, Selection};

use crate::support::{Fleet, name, read_guest, write_guest};

#[test]
fn a_disk_goes_back_to_what_it_was() {
    let fleet = Fleet::new();
    let (pool, control) = (&fleet.pool, Fleet::control());
    let disk = fleet.image("vm.qcow2", b"first");
    let done = pool.create(&Create::new(name("s1"), vec![disk.clone()]), &control).unwrap();
    assert_eq!(done.disks[0].path, fleet.dir.join("vm@1-s1.qcow2"));
    assert_eq!(read_guest(&disk, 5), b"first");
    write_guest(&disk, b"second");
    assert_eq!(read_guest(&disk, 6), b"second");
    pool.create(&Create::new(name("s2"), vec![disk.clone()]), &control).unwrap();
    write_guest(&disk, b"third.");

    let remove = Remove::new(Selection::named(name("s1"), vec![disk.clone()]));
    let error = pool.remove(&remove, &control).unwrap_err();
    let ErrorKind::Refused(refusal) = error.kind else { panic!("{error:?}") };
    let mut needed_by: Vec<_> = refusal.reasons.iter().map(|it| it.path.clone()).collect();
    needed_by.sort();
    assert_eq!(needed_by, [fleet.dir.join("vm.qcow2"), fleet.dir.join("vm@2-s2.qcow2")]);

    pool.restore(&Restore::new(name("s1"), vec![disk.clone()]), &control).unwrap();
    assert_eq!(read_guest(&disk, 5), b"first");
    let clones = Clones::new(name("s2"), disk.clone(), vec![fleet.dir.join("new.qcow2")]);
    pool.clone_snapshot(&clones, &control).unwrap();
    assert_eq!(read_guest(&fleet.dir.join("new.qcow2"), 6), b"second");
    let state = pool.state().unwrap();
    assert_eq!(state.snapshots.len(), 2);
    assert_eq!(state.trash.len(), 1);
    assert!(state.intents.is_empty());
}
