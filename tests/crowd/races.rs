//! A removal raced with somebody who has come to need what is removed.

use std::path::Path;
use std::process::Command;

use super::rounds;
use crate::pool::support::Pool;
use crate::support::{Finished, finish, items};

/// A pool in which nothing needs snapshot `s2`, number 2.
fn with_a_dead_snapshot() -> Option<Pool> {
    let pool = Pool::with_vm()?;
    pool.ok("snap create s1 vm.qcow2");
    pool.write("vm.qcow2", 2);
    pool.ok("snap create s2 vm.qcow2");
    pool.ok("snap restore s1 vm.qcow2");
    pool.ok("trash purge --all");
    Some(pool)
}

/// Runs two things at once, the first of them a little earlier.
fn at_once<A: Send, B: Send>(
    first: impl FnOnce() -> A + Send,
    second: impl FnOnce() -> B + Send,
) -> (A, B) {
    std::thread::scope(|scope| {
        let first = scope.spawn(first);
        let second = second();
        (first.join().unwrap(), second)
    })
}

/// Either the clone is there, and what it needs; or the snapshot is gone, and there is no clone.
#[test]
fn a_removal_and_a_clone() {
    let Some(pool) = with_a_dead_snapshot() else { return };
    let content = pool.read("vm@2-s2.qcow2");
    let rm = || {
        pool.run(["snap", "rm", "s2", "vm.qcow2", "--wait"]).go().exits_one_of(&[0, 4, 5, 75]).code
    };
    let clone = || {
        let words = ["snap", "clone", "s2", "vm.qcow2", "clone.qcow2", "--wait"];
        pool.run(words).go().exits_one_of(&[0, 4, 5, 75]).code
    };
    let (mut removed, mut cloned) = (0, 0);
    for round in 0..rounds(30) {
        let (rm, clone) = match round % 2 {
            0 => at_once(rm, clone),
            _ => {
                let (clone, rm) = at_once(clone, rm);
                (rm, clone)
            }
        };
        assert_ne!((rm, clone), (0, 0), "round {round}: the snapshot went, and its clone stayed");
        assert!(rm == 0 || clone == 0, "round {round}: neither was done: {rm} {clone}");
        let trashed = pool.json("trash list", 0);
        if clone == 0 {
            cloned += 1;
            assert_eq!(pool.read("clone.qcow2"), content, "round {round}");
            assert!(items(&trashed, "items").is_empty(), "round {round}: {trashed}");
            std::fs::remove_file(pool.fleet.path("clone.qcow2")).unwrap();
        } else {
            removed += 1;
            assert!(!pool.fleet.path("clone.qcow2").exists(), "round {round}: a clone of nothing");
            let item = items(&trashed, "items")[0]["id"].clone();
            pool.ok(&format!("trash restore {item}"));
        }
        assert_eq!(pool.read("vm@2-s2.qcow2"), content, "round {round}");
        assert!(items(&pool.json("recover", 0), "actions").is_empty(), "round {round}");
    }
    println!("{removed} removals and {cloned} clones came first");
}

/// `qemu-img create -b` takes no lock. Whenever it comes, what it needs is not lost: it is where it was, or in
/// the trash, from where it comes back whole.
#[test]
fn a_removal_and_an_overlay_that_qemu_makes() {
    let Some(pool) = with_a_dead_snapshot() else { return };
    let content = pool.read("vm@2-s2.qcow2");
    let root = pool.fleet.root();
    let create = || -> Finished {
        let words =
            ["create", "-q", "-f", "qcow2", "-b", "vm@2-s2.qcow2", "-F", "qcow2", "child.qcow2"];
        finish(Command::new("qemu-img").args(words).current_dir(&root))
    };
    let rm =
        || pool.run(["snap", "rm", "s2", "vm.qcow2", "--wait"]).go().exits_one_of(&[0, 4, 75]).code;
    let exists = |name: &str| Path::new(&root).join(name).exists();
    for round in 0..rounds(20) {
        let (rm, created) = match round % 2 {
            0 => at_once(rm, create),
            _ => {
                let (created, rm) = at_once(create, rm);
                (rm, created)
            }
        };
        let is_child = created.code == Some(0) && exists("child.qcow2");
        if is_child && rm != 0 {
            assert!(exists("vm@2-s2.qcow2"), "round {round}: refused, and gone");
        }
        if !exists("vm@2-s2.qcow2") {
            assert_eq!(rm, 0, "round {round}");
            let trashed = pool.json("trash list", 0);
            // It is not taken away for good under the child.
            if is_child {
                pool.ends("can-rm child.qcow2", 0);
            }
            let item = items(&trashed, "items")[0]["id"].clone();
            pool.ok(&format!("trash restore {item}"));
        }
        if is_child {
            assert_eq!(pool.read("child.qcow2"), content, "round {round}");
        }
        if exists("child.qcow2") {
            std::fs::remove_file(root.join("child.qcow2")).unwrap();
        }
        assert_eq!(pool.snapshots(), ["vm.qcow2@s1", "vm.qcow2@s2"], "round {round}");
    }
}

/// A machine is started while its disk is exchanged: it has the one or the other, and each reads what it has to.
#[test]
fn a_snapshot_and_a_machine_that_starts() {
    let Some(pool) = Pool::with_vm() else { return };
    for round in 0..rounds(10) {
        let byte = u8::try_from(round % 200 + 3).unwrap();
        let name = format!("r{round}");
        let before = pool.read("vm.qcow2");
        let write = || {
            let command = format!("write -P {byte} 512k 64k");
            let words = ["-f", "qcow2", "-c", &command, "vm.qcow2"];
            finish(Command::new("qemu-io").args(words).current_dir(pool.fleet.root()))
        };
        let create =
            || pool.run(["snap", "create", &name, "vm.qcow2"]).go().exits_one_of(&[0, 75]).code;
        let (create, wrote) = at_once(create, write);
        let said = String::from_utf8_lossy(&wrote.stdout).into_owned();
        let has_written = wrote.code == Some(0) && !said.contains("failed");
        let mut after = before.clone();
        after[512 << 10..576 << 10].fill(byte);
        let live = pool.read("vm.qcow2");
        // Whoever was told that the write is done finds it done.
        assert!(live == after || (!has_written && live == before), "round {round}: {said}");
        if create == 0 {
            let listed = pool.json("snap list", 0);
            let path = items(&listed, "snapshots").last().unwrap()["path"].as_str().unwrap();
            let snapshot = pool.read(path);
            assert!(snapshot == before || snapshot == after, "round {round}");
            pool.ok(&format!("snap restore {name} vm.qcow2"));
            assert_eq!(pool.read("vm.qcow2"), snapshot, "round {round}");
            pool.ok("trash purge --all");
        }
    }
}
