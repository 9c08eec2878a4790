//! The trash.

use super::support::{Pool, kinds};
use crate::support::{items, text_of};

#[test]
fn removed_snapshots_come_back_whole() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.ok("snap create s1 vm.qcow2");
    pool.write("vm.qcow2", 2);
    pool.ok("snap create s2 vm.qcow2");
    pool.ok("snap restore s1 vm.qcow2");
    pool.ok("trash purge --all");
    let before = pool.read("vm@2-s2.qcow2");
    let done = pool.json("snap rm s2 vm.qcow2", 0);
    assert_eq!(done["freed"], 0, "what lies in the trash is not free");
    let id = items(&done, "disks")[0]["id"].clone();
    let listed = pool.json("trash list", 0);
    assert_eq!(listed["schema"], "diskdag/trash-list/1");
    let item = &items(&listed, "items")[0];
    assert_eq!(item["id"], id);
    assert!(text_of(item, "was").ends_with("/vm@2-s2.qcow2"));
    assert!(text_of(item, "path").ends_with(".trash"));
    assert!(text_of(item, "removed").ends_with('Z'));
    assert!(item["actual-size"].as_u64().unwrap() > 0);
    let needs = items(item, "needs");
    assert!(needs[0].as_str().unwrap().ends_with("/vm@1-s1.qcow2"), "{item}");
    // What it needs stays as long as it lies there.
    pool.ends("snap rm s1 vm.qcow2", 4).says(".trash");
    pool.ok("trash list").says("vm@2-s2.qcow2");
    pool.ok(&format!("trash restore {id}"));
    assert_eq!(pool.snapshots(), ["vm.qcow2@s1", "vm.qcow2@s2"]);
    assert_eq!(pool.read("vm@2-s2.qcow2"), before);
    assert!(items(&pool.json("trash list", 0), "items").is_empty());
}

#[test]
fn what_is_purged_is_free() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.ok("snap create s1 vm.qcow2");
    pool.ok("snap restore s1 vm.qcow2");
    pool.ok("snap restore s1 vm.qcow2");
    let listed = pool.json("trash list", 0);
    let sizes: Vec<u64> =
        items(&listed, "items").iter().map(|it| it["actual-size"].as_u64().unwrap()).collect();
    assert_eq!(sizes.len(), 2);
    let before = pool.bytes();
    let plan = pool.json("trash purge --all --dry-run", 0);
    assert_eq!(plan["freed"], sizes.iter().sum::<u64>());
    assert_eq!(pool.bytes(), before);
    let first = items(&listed, "items")[0]["id"].clone();
    let done = pool.json(&format!("trash purge {first}"), 0);
    assert_eq!(done["freed"], sizes[0]);
    assert_eq!(items(&pool.json("trash list", 0), "items").len(), 1);
    pool.ends(&format!("trash purge {first}"), 5);
    pool.ends("trash purge", 64);
    pool.ends("trash purge x", 64);
    pool.ends("trash restore 99", 5);
    pool.ok("trash purge --all");
    assert_eq!(pool.files(), ["vm.qcow2", "vm@1-s1.qcow2"]);
    pool.ok("trash purge --all");
}

/// Somebody has put an overlay on an item of the trash: it is not taken away under them.
#[test]
fn what_is_needed_is_not_purged() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.ok("snap create s1 vm.qcow2");
    pool.ok("snap restore s1 vm.qcow2");
    let root = pool.fleet.root();
    pool.qemu.create(&root, "qcow2", &["-b", ".vm@2.trash", "-F", "qcow2", "rescued.qcow2"]);
    let refused = pool.json("trash purge --all", 4);
    assert_eq!(kinds(&refused), ["dependent"]);
    pool.ends("trash purge --all", 4).says("rescued.qcow2");
    pool.ok("gc --older-than 0s").says("kept");
    assert!(root.join(".vm@2.trash").exists());
}
