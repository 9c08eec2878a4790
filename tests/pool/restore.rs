//! Going back.

use super::support::{Pool, kinds};
use crate::support::{identity, items, text_of};

#[test]
fn what_was_live_goes_to_the_trash_and_comes_back_from_there() {
    let Some(pool) = Pool::with_vm() else { return };
    let first = pool.read("vm.qcow2");
    pool.ok("snap create s1 vm.qcow2");
    pool.write("vm.qcow2", 2);
    let second = pool.read("vm.qcow2");
    let live = identity(pool.fleet.path("vm.qcow2"));
    let done = pool.json("snap restore s1 vm.qcow2", 0);
    let item = &items(&done, "disks")[0];
    assert_eq!((&item["id"], text_of(item, "snapshot")), (&2.into(), "s1"));
    assert_eq!(identity(text_of(item, "path")), live, "what was live is there, whole");
    assert_eq!(pool.read("vm.qcow2"), first);
    assert_eq!(pool.read(".vm@2.trash"), second);

    // And back again: under its own name once that is free, or under another.
    pool.ends("trash restore 2", 4).says("--to");
    pool.ok("trash restore 2 --to undone.qcow2");
    assert_eq!(pool.read("undone.qcow2"), second);
    assert_eq!(pool.read("vm.qcow2"), first);
    pool.ok("snap restore s1 vm.qcow2");
}

#[test]
fn what_was_live_can_be_kept() {
    let Some(pool) = Pool::with_vm() else { return };
    let first = pool.read("vm.qcow2");
    pool.ok("snap create s1 vm.qcow2");
    pool.write("vm.qcow2", 2);
    let second = pool.read("vm.qcow2");
    pool.ok("snap restore s1 vm.qcow2 --keep experiment");
    assert_eq!(pool.snapshots(), ["vm.qcow2@s1", "vm.qcow2@experiment"]);
    assert_eq!(pool.read("vm.qcow2"), first);
    pool.write("vm.qcow2", 3);
    pool.ok("snap restore experiment vm.qcow2");
    assert_eq!(pool.read("vm.qcow2"), second);
    // Names that are taken are refused, also its own.
    for keep in ["s1", "experiment"] {
        pool.ends(&format!("snap restore s1 vm.qcow2 --keep {keep}"), 4).says("already");
    }
    assert_eq!(pool.read("vm.qcow2"), second);
}

#[test]
fn several_disks_go_back_together_or_not_at_all() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.disk("data.qcow2");
    let first = pool.read("vm.qcow2");
    pool.ok("snap create s1 vm.qcow2 data.qcow2");
    pool.write("vm.qcow2", 2);
    pool.write("data.qcow2", 3);
    let held = pool.qemu.hold(&pool.fleet.path("data.qcow2"), false);
    let before = pool.bytes();
    pool.ends("snap restore s1 vm.qcow2 data.qcow2", 75).says("data.qcow2");
    assert_eq!(pool.bytes(), before);
    held.release();
    pool.ok("snap restore s1 vm.qcow2 data.qcow2");
    assert_eq!(pool.read("vm.qcow2"), first);
    assert_eq!(pool.read("data.qcow2"), first);
    pool.ok("snap create only vm.qcow2");
    pool.ends("snap restore only vm.qcow2 data.qcow2", 5).says("data.qcow2").says("only");
}

/// Others that use the live path as their backing file would read other bytes: refused, each named.
#[test]
fn refused_while_others_use_the_live_path() {
    let Some(pool) = Pool::with_vm() else { return };
    let root = pool.fleet.root();
    pool.ok("snap create s1 vm.qcow2");
    pool.qemu.create(&root, "qcow2", &["-b", "vm.qcow2", "-F", "qcow2", "child.qcow2"]);
    pool.qemu.create(&root, "qcow2", &["-b", "child.qcow2", "-F", "qcow2", "grandchild.qcow2"]);
    let before = pool.bytes();
    let refused = pool.json("snap restore s1 vm.qcow2", 4);
    assert_eq!(kinds(&refused), ["dependent"]);
    let depths: Vec<_> = items(&refused, "blockers").iter().map(|it| it["depth"].clone()).collect();
    assert_eq!(depths, [1, 2]);
    assert_eq!(pool.bytes(), before);
    std::fs::remove_file(root.join("grandchild.qcow2")).unwrap();
    std::fs::remove_file(root.join("child.qcow2")).unwrap();
    pool.ok("snap restore s1 vm.qcow2");
}

/// What could not be read may be such a disk: 7, not done.
#[test]
fn refused_while_not_everything_can_be_asked() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.ok("snap create s1 vm.qcow2");
    // A header that is broken so that what it names cannot be said.
    let mut bytes = crate::support::Image::over("vm.qcow2").bytes();
    bytes[4..8].copy_from_slice(&9_u32.to_be_bytes());
    let broken = pool.fleet.bytes("broken.qcow2", &bytes);
    let refused = pool.json("snap restore s1 vm.qcow2", 7);
    assert_eq!(refused["kind"], "unknown");
    assert!(items(&refused, "blockers").is_empty());
    assert!(text_of(&items(&refused, "doubts")[0], "path").ends_with("/broken.qcow2"));
    pool.ends("snap restore s1 vm.qcow2", 7).says("broken.qcow2").says("waive");
    // A person who knows it says so.
    pool.run(["waive"]).arg(&broken).args(["--reason", "scratch"]).go().exits(0);
    pool.ok("snap restore s1 vm.qcow2");
}

#[test]
fn a_dry_run_changes_nothing() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.ok("snap create s1 vm.qcow2");
    pool.write("vm.qcow2", 2);
    let before = pool.bytes();
    let plan = pool.json("snap restore --dry-run s1 vm.qcow2", 0);
    assert_eq!((&plan["dry-run"], &plan["operation"]), (&true.into(), &serde_json::Value::Null));
    assert_eq!(items(&plan, "disks").len(), 1);
    assert_eq!(pool.bytes(), before);
    pool.ends("snap restore --dry-run nix vm.qcow2", 5);
}
