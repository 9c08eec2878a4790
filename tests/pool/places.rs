//! Where pools are, and how they are found.

use super::support::Pool;
use crate::support::{Fleet, items, require_qemu};

#[test]
fn init_makes_a_pool_and_nothing_else() {
    let Some(qemu) = require_qemu() else { return };
    let pool = Pool { fleet: Fleet::new(), qemu };
    pool.disk("vm.qcow2");
    let before = std::fs::read(pool.fleet.path("vm.qcow2")).unwrap();
    let answer = pool.json("init .", 0);
    assert_eq!(answer["schema"], "diskdag/init/1");
    assert_eq!(answer["pool"], pool.fleet.root().to_str().unwrap());
    assert_eq!(std::fs::read(pool.fleet.path("vm.qcow2")).unwrap(), before);
    assert_eq!(pool.files(), ["vm.qcow2"]);
}

#[test]
fn pools_do_not_lie_in_each_other() {
    let Some(pool) = Pool::new() else { return };
    pool.fleet.folder("a/b");
    for dir in [".", "a", "a/b", ".."] {
        let answer = pool.run(["init", dir]).json().go().exits(4).value();
        assert_eq!(answer["kind"], "pool-there", "{dir}");
    }
    pool.ends("init nowhere", 5);
    let file = pool.disk("vm.qcow2");
    pool.run(["init"]).arg(file).go().exits(1).says("not a directory");
}

/// The first disk's path leads to the pool, from any working directory; without a disk, the directory itself.
#[test]
fn a_pool_is_found_by_walking_up() {
    let Some(pool) = Pool::new() else { return };
    pool.fleet.folder("deep/er");
    pool.disk("deep/er/vm.qcow2");
    let outside = pool.fleet.outside().to_owned();
    let run = |words: &[&str]| pool.fleet.diskdag(words[0]).args(&words[1..]).within(&outside);
    run(&["snap", "create", "s1", "images/deep/er/vm.qcow2"]).go().exits(0);
    assert!(pool.fleet.path("deep/er/vm@1-s1.qcow2").exists());
    run(&["snap", "list", "images/deep/er/vm.qcow2"]).go().exits(0).says("s1");
    run(&["snap", "list"]).go().exits(4).says("no pool");
    run(&["snap", "list", "--pool", "images/deep"]).go().exits(0).says("s1");
    let within = |words: &[&str]| {
        pool.fleet.diskdag(words[0]).args(&words[1..]).within(pool.fleet.path("deep/er"))
    };
    for line in [&["snap", "list"][..], &["gc"], &["recover"], &["trash", "list"]] {
        within(line).go().exits(0);
        run(line).go().exits(4);
        run(line).args(["--pool", "images"]).go().exits(0);
    }
    within(&["snap", "create", "s2", "vm.qcow2"]).go().exits(0);
    let listed = within(&["snap", "list", "--json"]).go().exits(0).value();
    assert_eq!(items(&listed, "snapshots").len(), 2);
}

/// Disks of two pools cannot be taken together.
#[test]
fn one_operation_one_pool() {
    let Some(pool) = Pool::with_vm() else { return };
    let other = pool.fleet.outside().join("other");
    std::fs::create_dir(&other).unwrap();
    pool.fleet.diskdag("init").arg(&other).go().exits(0);
    let disk = other.join("vm.qcow2");
    std::fs::copy(pool.fleet.path("vm.qcow2"), &disk).unwrap();
    pool.run(["snap", "create", "s1", "vm.qcow2"]).arg(&disk).go().exits(4).says("pool");
    assert!(pool.snapshots().is_empty());
}

/// Roots that a pool is made with are part of every question about it.
#[test]
fn configured_roots_belong_to_the_pool() {
    let Some(qemu) = require_qemu() else { return };
    let pool = Pool { fleet: Fleet::new(), qemu };
    let elsewhere = pool.fleet.outside().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    pool.disk("vm.qcow2");
    let init = pool.run(["init", ".", "--root"]).arg(&elsewhere).json().go().exits(0).value();
    assert_eq!(items(&init, "roots"), [elsewhere.to_str().unwrap()]);
    pool.ok("snap create s1 vm.qcow2");
    pool.ok("snap create s2 vm.qcow2");
    pool.ok("snap restore s1 vm.qcow2");
    pool.ok("trash purge --all");
    let base = pool.fleet.path("vm@2-s2.qcow2");
    pool.qemu.create(
        &elsewhere,
        "qcow2",
        &["-b", base.to_str().unwrap(), "-F", "qcow2", "c.qcow2"],
    );
    pool.ends("snap rm s2 vm.qcow2", 4).says("c.qcow2");
    let judged = pool.json("can-rm vm@2-s2.qcow2", 4);
    assert_eq!(items(&judged, "scope").len(), 2);
    assert_eq!(judged["scope-source"], "pool");
    let missing = pool.fleet.outside().join("nowhere");
    std::fs::remove_dir_all(pool.fleet.path(".diskdag")).unwrap();
    pool.run(["init", ".", "--root"]).arg(missing).go().exits(5);
}

/// Reading verbs write nothing: they work for somebody who may not.
#[test]
fn who_may_only_read_can_ask_everything() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.ok("snap create s1 vm.qcow2");
    pool.ok("snap create s2 vm.qcow2");
    pool.ok("snap restore s1 vm.qcow2");
    let ask = |line: &str| pool.run(line.split(' ')).unprivileged().go();
    for line in [
        "snap list",
        "trash list",
        "tree",
        "scan",
        "dependents vm@1-s1.qcow2",
        "can-rm vm.qcow2",
        "snap rm --dry-run --all --keep-last 2",
        "snap restore --dry-run s2 vm.qcow2",
        "trash purge --dry-run --all",
        "gc --dry-run",
    ] {
        let _as_allowed = ask(line).exits(0);
    }
    if crate::support::is_root() {
        let _refused = ask("snap create s3 vm.qcow2").exits(1).says("ermission");
    }
    assert_eq!(pool.snapshots(), ["vm.qcow2@s1", "vm.qcow2@s2"]);
}

/// What the link leads to is what lies in no pool; the link does.
#[test]
fn a_link_out_of_the_pool_says_where_it_leads() {
    let Some(pool) = Pool::with_vm() else { return };
    let outside = pool.fleet.outside().join("elsewhere.qcow2");
    std::fs::copy(pool.fleet.path("vm.qcow2"), &outside).unwrap();
    std::os::unix::fs::symlink(&outside, pool.fleet.path("link.qcow2")).unwrap();
    let refused = pool.ends("snap create s1 link.qcow2", 4);
    let _said = refused.says("leads to").says("elsewhere.qcow2");
}
