//! Snapshots become read-only after the commit: whoever writes next makes sure of it.

use std::path::Path;

use diskdag_snapshot::fs::Fs;
use diskdag_snapshot::pool::Config;
use diskdag_snapshot::sim::{Call, Disk, Habits, SimFs};
use diskdag_snapshot::{Create, Pool};

use crate::simulated::{host, image};
use crate::support::{Fleet, name};

fn fleet(names: &[&str]) -> SimFs {
    let fs = SimFs::default();
    fs.create_dir(Path::new("/p")).unwrap();
    for name in names {
        image(&fs, Path::new("/p").join(name), None);
    }
    Pool::init(&host(&fs), Path::new("/p"), &Config::default()).unwrap();
    SimFs::on(fs.disk().settled(), Habits::default())
}

fn create(fs: &SimFs, disk: &str, snapshot: &str, freeze: bool) {
    let pool = Pool::find(&host(fs), Path::new("/p")).unwrap();
    let mut create = Create::new(name(snapshot), vec![Path::new("/p").join(disk)]);
    create.freeze = freeze;
    pool.create(&create, &Fleet::control()).unwrap();
}

fn mode(fs: &SimFs, path: &str) -> u32 {
    fs.stat(Path::new(path)).unwrap().mode
}

fn unsealed(fs: &SimFs) -> usize {
    Pool::find(&host(fs), Path::new("/p")).unwrap().state().unwrap().snapshots.unsealed().count()
}

/// The disk as a kill leaves it between the commit and what comes after.
fn killed_before_sealing(fs: &SimFs, act: impl FnOnce()) -> Disk {
    fs.record();
    act();
    let moments = fs.recorded();
    let sealing = moments
        .iter()
        .rev()
        .find(|moment| moment.step.as_ref().is_some_and(|step| step.call == Call::SetMode));
    sealing.unwrap().disk.killed()
}

#[test]
fn a_kill_between_commit_and_sealing_is_made_good_by_whoever_writes_next() {
    for freeze in [false, true] {
        let fs = fleet(&["vm.qcow2", "b.qcow2"]);
        let killed = killed_before_sealing(&fs, || create(&fs, "vm.qcow2", "s1", freeze));
        let fs = SimFs::on(killed, Habits::default());
        let file = if freeze { "/p/vm.qcow2" } else { "/p/vm@1-s1.qcow2" };
        assert_eq!(mode(&fs, file), 0o644, "nobody has come to that");
        create(&fs, "b.qcow2", "s1", false);
        assert_eq!(mode(&fs, file), 0o444, "frozen: {freeze}");
        assert_eq!(unsealed(&fs), 2, "neither is known to be sealed for good");
        create(&fs, "b.qcow2", "s2", false);
        assert_eq!(unsealed(&fs), 1, "those before are");
    }
}

/// The change of the mode is not forced out by itself: the power takes it back.
#[test]
fn a_power_cut_after_sealing_is_made_good_by_whoever_writes_next() {
    let fs = fleet(&["vm.qcow2", "b.qcow2"]);
    create(&fs, "vm.qcow2", "s1", false);
    assert_eq!(mode(&fs, "/p/vm@1-s1.qcow2"), 0o444);
    let cuts = fs.disk().power_cuts(diskdag_snapshot::sim::Limits::default());
    let modes = cuts.into_iter().map(|remains| {
        let fs = SimFs::on(remains.disk, Habits::default());
        let before = mode(&fs, "/p/vm@1-s1.qcow2");
        create(&fs, "b.qcow2", "s1", false);
        assert_eq!(mode(&fs, "/p/vm@1-s1.qcow2"), 0o444);
        before
    });
    assert!(modes.collect::<Vec<_>>().contains(&0o644), "in some states it was taken back");
}

/// Looking costs nothing that grows with the pool: what is sealed is not asked again.
#[test]
fn what_is_sealed_is_not_asked_about_again() {
    let fs = fleet(&["vm.qcow2", "b.qcow2"]);
    for number in 0..20 {
        create(&fs, "vm.qcow2", &format!("s{number}"), false);
    }
    create(&fs, "b.qcow2", "last", false);
    fs.trace();
    create(&fs, "b.qcow2", "another", false);
    let asked = fs.traced();
    let of_vm = asked.iter().filter(|step| step.path.to_string_lossy().contains("/vm@"));
    assert_eq!(of_vm.count(), 0, "the last operation has nothing to do with that disk's");
}
