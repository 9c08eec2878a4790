//! New disks on top of a snapshot.

use super::support::{Pool, kinds};
use crate::support::items;

#[test]
fn two_hundred_at_once() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.ok("snap create v1 vm.qcow2");
    let before = pool.read("vm.qcow2");
    pool.fleet.folder("clones");
    let names: Vec<String> = (1..=200).map(|at| format!("clones/c{at}.qcow2")).collect();
    let words = ["snap", "clone", "v1", "vm.qcow2"].map(str::to_owned);
    let done = pool.run(words.iter().chain(&names)).json().go().exits(0).value();
    assert_eq!(done["schema"], "diskdag/snap-clone/1");
    assert_eq!(items(&done, "disks").len(), 200);
    for name in [&names[0], &names[199]] {
        assert_eq!(pool.read(name), before, "{name}");
    }
    pool.write(&names[0], 9);
    assert_eq!(pool.read(&names[1]), before);
    let listed = pool.json("snap list", 0);
    assert_eq!(items(&listed, "snapshots")[0]["dependents"], 201);
    pool.ends("snap rm v1 vm.qcow2", 4).says("c200.qcow2");
    // A clone is a live disk like any other.
    pool.ok("snap create s1 clones/c1.qcow2");
}

/// All or none: something that is in the way of one is in the way of all.
#[test]
fn nothing_is_overwritten() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.ok("snap create v1 vm.qcow2");
    let before = pool.bytes();
    let refused = pool.json("snap clone v1 vm.qcow2 a.qcow2 vm.qcow2 b.qcow2", 4);
    assert_eq!(kinds(&refused), ["exists"]);
    pool.ends("snap clone v1 vm.qcow2 a.qcow2 a.qcow2", 4).says("twice");
    pool.ends("snap clone v1 vm.qcow2 a@3-x.qcow2", 4).says("a@3-x.qcow2");
    pool.ends("snap clone v1 vm.qcow2 ../outside.qcow2", 4).says("pool");
    pool.ends("snap clone v1 vm.qcow2 no/such/folder.qcow2", 5);
    pool.ends("snap clone v2 vm.qcow2 a.qcow2", 5).says("v2");
    pool.ends("snap clone v1 other.qcow2 a.qcow2", 5);
    assert_eq!(pool.bytes(), before);
}
