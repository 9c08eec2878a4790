//! Disks that QEMU's own tools hold open.

use super::support::{Pool, kinds};
use crate::support::{items, text_of};

/// In use is 75, with who holds it; nothing has changed, and reading verbs don't mind.
#[test]
fn a_disk_in_use_is_refused_and_its_holder_named() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.ok("snap create s1 vm.qcow2");
    let held = pool.qemu.serve(&pool.fleet.path("vm.qcow2"), &pool.fleet.outside().join("nbd"));
    for line in
        ["snap create s2 vm.qcow2", "snap restore s1 vm.qcow2", "snap create --freeze s2 vm.qcow2"]
    {
        let files = pool.files();
        let refused = pool.json(line, 75);
        assert_eq!(refused["kind"], "in-use", "{refused}");
        assert_eq!(kinds(&refused), ["in-use"]);
        let detail = text_of(&items(&refused, "blockers")[0], "detail");
        assert!(detail.contains("qemu-nbd") || detail.contains("lock"), "{detail}");
        assert_eq!(pool.files(), files);
    }
    assert_eq!(pool.snapshots(), ["vm.qcow2@s1"]);
    pool.ok("tree .");
    pool.ok("recover");
    pool.ok("gc");
    pool.ok("snap clone s1 vm.qcow2 beside.qcow2");
    held.release();
    pool.ok("snap create s2 vm.qcow2");
}

/// Also by somebody who only reads: the disk would be exchanged under them.
#[test]
fn a_reader_is_a_user_too() {
    let Some(pool) = Pool::with_vm() else { return };
    let held = pool.qemu.hold(&pool.fleet.path("vm.qcow2"), true);
    pool.ends("snap create s1 vm.qcow2", 75);
    held.release();
    pool.ok("snap create s1 vm.qcow2");
}

/// A snapshot that somebody reads through, or opens itself, stays.
#[test]
fn a_snapshot_in_use_is_not_removed() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.ok("snap create s1 vm.qcow2");
    pool.ok("snap create s2 vm.qcow2");
    pool.ok("snap restore s1 vm.qcow2");
    pool.ok("trash purge --all");
    let held = pool.qemu.hold(&pool.fleet.path("vm@2-s2.qcow2"), true);
    let refused = pool.json("snap rm s2 vm.qcow2", 75);
    assert_eq!(kinds(&refused), ["in-use"]);
    held.release();
    pool.ok("snap rm s2 vm.qcow2");
    // Nor what lies in the trash.
    let trash =
        pool.fleet.root().join(pool.files().into_iter().find(|it| it.ends_with(".trash")).unwrap());
    let held = pool.qemu.hold(&trash, true);
    pool.ends("trash purge --all", 75);
    held.release();
    pool.ok("trash purge --all");
}

/// A guest that goes on writing to another disk of the pool is no obstacle.
#[test]
fn other_disks_may_be_in_use() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.disk("other.qcow2");
    let held = pool.qemu.hold(&pool.fleet.path("other.qcow2"), false);
    pool.ok("snap create s1 vm.qcow2");
    pool.ok("snap restore s1 vm.qcow2");
    pool.ok("snap rm --all --older-than 0s --retire");
    pool.ok("gc");
    held.release();
}
