//! Removing snapshots.

use super::support::{Pool, kinds};
use crate::support::{items, text_of};

/// `s1 <- s2 <- s3 <- vm`, and then the live disk goes back to `s1`: nothing needs `s3` any more.
fn three() -> Option<Pool> {
    let pool = Pool::with_vm()?;
    for (name, byte) in [("s1", 2), ("s2", 3), ("s3", 4)] {
        pool.ok(&format!("snap create {name} vm.qcow2"));
        pool.write("vm.qcow2", byte);
    }
    pool.ok("snap restore s1 vm.qcow2");
    pool.ok("trash purge --all");
    Some(pool)
}

#[test]
fn a_set_is_judged_as_a_set() {
    let Some(pool) = three() else { return };
    pool.ends("snap rm s2 vm.qcow2", 4).says("vm@3-s3.qcow2");
    let before = pool.read("vm.qcow2");
    // s1 is needed by the live disk; s2 and s3 need each other only.
    pool.ok("snap rm --keep-last 2 vm.qcow2 --retire");
    assert_eq!(pool.snapshots(), ["vm.qcow2@s2", "vm.qcow2@s3"]);
    pool.ok("snap rm --older-than 0s vm.qcow2");
    assert!(pool.snapshots().is_empty());
    assert_eq!(pool.read("vm.qcow2"), before);
}

#[test]
fn policies_are_shown_first() {
    let Some(pool) = three() else { return };
    let before = pool.bytes();
    let plan = pool.json("snap rm --dry-run --keep-last 1 vm.qcow2", 4);
    assert_eq!(plan["schema"], "diskdag/snap-rm/1");
    let names: Vec<_> = items(&plan, "disks").iter().map(|it| text_of(it, "snapshot")).collect();
    assert_eq!(names, ["s1", "s2"]);
    assert_eq!(kinds(&plan), ["dependent"]);
    let plan = pool.json("snap rm -n --keep-last 1 --retire vm.qcow2", 0);
    for step in items(&plan, "disks") {
        assert_eq!(step["fate"], "retire", "{step}");
        assert!(step["frees"].as_u64().unwrap() > 0, "{step}");
    }
    // Nothing is a week old yet; that is no error.
    let plan = pool.json("snap rm -n --older-than 7d vm.qcow2", 0);
    assert!(items(&plan, "disks").is_empty());
    let plan = pool.json("snap rm -n --older-than 2000-01-01T00:00:00Z --all", 0);
    assert!(items(&plan, "disks").is_empty());
    pool.ok("snap rm -n s3 vm.qcow2").says("trash").says("s3");
    assert_eq!(pool.bytes(), before, "a plan has changed something");
}

/// The name goes now, the file when nothing needs it any more.
#[test]
fn retired_snapshots_go_when_they_can() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.ok("snap create s1 vm.qcow2");
    pool.ok("snap create s2 vm.qcow2");
    let before = pool.read("vm.qcow2");
    pool.ok("snap rm --retire s1 vm.qcow2").says("nothing needs it");
    assert_eq!(pool.snapshots(), ["vm.qcow2@s2"]);
    assert!(pool.files().contains(&"vm@1-s1.qcow2".to_owned()));
    pool.ends("snap restore s1 vm.qcow2", 5);
    // The name is free again.
    pool.ok("snap create s1 vm.qcow2");
    assert_eq!(pool.snapshots(), ["vm.qcow2@s2", "vm.qcow2@s1"]);
    pool.ok("gc");
    assert!(pool.files().contains(&"vm@1-s1.qcow2".to_owned()), "it is still needed");
    assert_eq!(pool.read("vm.qcow2"), before);
}

#[test]
fn what_the_words_of_rm_mean() {
    let Some(pool) = three() else { return };
    for (line, code) in [
        ("snap rm", 64),
        ("snap rm s3", 64),
        ("snap rm --keep-last 1", 64),
        ("snap rm --all", 64),
        ("snap rm --older-than tomorrow vm.qcow2", 64),
        ("snap rm --keep-last x vm.qcow2", 64),
        ("snap rm s9 vm.qcow2", 5),
        ("snap rm s3 nowhere.qcow2", 5),
        ("snap rm --keep-last 0 s9 vm.qcow2", 5),
    ] {
        pool.ends(line, code);
    }
    assert_eq!(pool.snapshots().len(), 3);
    pool.ok("snap rm --older-than 0s s3 vm.qcow2");
    assert_eq!(pool.snapshots(), ["vm.qcow2@s1", "vm.qcow2@s2"]);
}

/// A live disk that is gone leaves its snapshots, and they can still be named by it.
#[test]
fn snapshots_of_a_disk_that_is_gone() {
    let Some(pool) = Pool::with_vm() else { return };
    let before = pool.read("vm.qcow2");
    pool.ok("snap create s1 vm.qcow2");
    std::fs::remove_file(pool.fleet.path("vm.qcow2")).unwrap();
    assert_eq!(pool.snapshots(), ["vm.qcow2@s1"]);
    pool.ok("snap clone s1 vm.qcow2 again.qcow2");
    assert_eq!(pool.read("again.qcow2"), before);
    std::fs::remove_file(pool.fleet.path("again.qcow2")).unwrap();
    pool.ok("snap rm s1 vm.qcow2");
}

/// An overlay that somebody else has made, in a root outside of the pool, keeps the snapshot from going.
#[test]
fn roots_outside_of_the_pool_are_asked() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.ok("snap create s1 vm.qcow2");
    pool.ok("snap create s2 vm.qcow2");
    pool.ok("snap restore s1 vm.qcow2");
    pool.ok("trash purge --all");
    let elsewhere = pool.fleet.outside().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let base = pool.fleet.path("vm@2-s2.qcow2");
    let base = base.to_str().unwrap();
    pool.qemu.create(&elsewhere, "qcow2", &["-b", base, "-F", "qcow2", "clone.qcow2"]);
    let rm = || pool.run(["snap", "rm", "s2", "vm.qcow2", "--root"]).arg(&elsewhere);
    rm().go().exits(4).says("clone.qcow2");
    let rooted = pool.run(["snap", "rm", "s2", "vm.qcow2"]).env("DISKDAG_ROOTS", &elsewhere);
    rooted.go().exits(4).says("clone.qcow2");
    std::fs::remove_file(elsewhere.join("clone.qcow2")).unwrap();
    rm().go().exits(0);
}
