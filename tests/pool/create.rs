//! Taking snapshots.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Command;

use super::support::{Pool, kinds};
use crate::support::{finish, identity, items, text_of};

/// The snapshot is the old file itself, read-only; the live path is an overlay that names it by a relative
/// name.
#[test]
fn the_old_file_becomes_the_snapshot() {
    let Some(pool) = Pool::with_vm() else { return };
    let (live, before) = (pool.fleet.path("vm.qcow2"), pool.read("vm.qcow2"));
    let old = identity(&live);
    pool.ok("snap create s1 vm.qcow2");
    let snapshot = pool.fleet.path("vm@1-s1.qcow2");
    assert_eq!(identity(&snapshot), old);
    assert_ne!(identity(&live), old);
    assert_eq!(snapshot.metadata().unwrap().mode() & 0o222, 0, "a snapshot can be written to");
    assert_ne!(live.metadata().unwrap().mode() & 0o200, 0);
    let info = pool.qemu.info(&pool.fleet.root(), "vm.qcow2");
    assert_eq!(info["backing-filename"], "vm@1-s1.qcow2");
    assert_eq!(info["backing-filename-format"], "qcow2");
    assert_eq!(info["virtual-size"], 1 << 20);
    assert_eq!(pool.read("vm.qcow2"), before);
    assert_eq!(pool.read("vm@1-s1.qcow2"), before);
    pool.write("vm.qcow2", 7);
    assert_eq!(pool.read("vm@1-s1.qcow2"), before, "a snapshot does not change");
    assert_ne!(pool.read("vm.qcow2"), before);
}

#[test]
fn several_disks_at_once_or_none() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.disk("data.qcow2");
    pool.disk("log.qcow2");
    let done = pool.json("snap create s1 vm.qcow2 data.qcow2 log.qcow2", 0);
    assert_eq!(items(&done, "disks").len(), 3);
    assert_eq!(pool.snapshots(), ["vm.qcow2@s1", "data.qcow2@s1", "log.qcow2@s1"]);
    // One that cannot be taken keeps all from being taken, and all reasons are named.
    let held = pool.qemu.hold(&pool.fleet.path("data.qcow2"), false);
    let files = pool.bytes();
    let refused = pool.json("snap create s2 vm.qcow2 data.qcow2 log.qcow2", 75);
    assert!(text_of(&items(&refused, "blockers")[0], "path").ends_with("/data.qcow2"));
    assert_eq!(pool.bytes(), files, "a refusal has changed something");
    held.release();
    pool.ends("snap create s2 vm.qcow2 nowhere.qcow2", 5);
    pool.ends("snap create s2 vm.qcow2 ./vm.qcow2", 4).says("twice");
    pool.ends("snap create s1 vm.qcow2 log.qcow2", 4).says("already");
    assert_eq!(pool.snapshots().len(), 3);
}

#[test]
fn a_golden_image_gets_no_overlay() {
    let Some(pool) = Pool::with_vm() else { return };
    let before = pool.read("vm.qcow2");
    pool.ok("snap create --freeze v1 vm.qcow2");
    assert_eq!(pool.files(), ["vm.qcow2"]);
    let refused = pool.json("snap create s2 vm.qcow2", 4);
    assert_eq!(kinds(&refused), ["frozen"]);
    assert!(text_of(&items(&refused, "blockers")[0], "advice").contains("clone"));
    pool.ok("snap clone v1 vm.qcow2 a.qcow2 b.qcow2");
    pool.write("a.qcow2", 9);
    assert_eq!(pool.read("b.qcow2"), before);
    pool.ends("snap rm v1 vm.qcow2", 4).says("a.qcow2").says("b.qcow2");
    let listed = pool.json("snap list", 0);
    assert_eq!(items(&listed, "snapshots")[0]["frozen"], true);
}

#[test]
fn a_link_means_the_disk_that_it_names() {
    let Some(pool) = Pool::with_vm() else { return };
    let folder = pool.fleet.folder("links");
    symlink("../vm.qcow2", folder.join("vm-link.qcow2")).unwrap();
    pool.ok("snap create s1 links/vm-link.qcow2").says("symbolic link");
    assert_eq!(pool.snapshots(), ["vm.qcow2@s1"]);
    assert!(pool.fleet.path("vm@1-s1.qcow2").exists());
    assert!(folder.join("vm-link.qcow2").is_symlink(), "the link stays a link");
    // One that leads out of the pool leads to no disk of the pool.
    let outside = pool.fleet.outside().join("other.qcow2");
    std::fs::copy(pool.fleet.path("vm@1-s1.qcow2"), &outside).unwrap();
    symlink(&outside, folder.join("out.qcow2")).unwrap();
    pool.ends("snap create s2 vm.qcow2 links/out.qcow2", 4).says("does not lie in the pool");
}

#[test]
fn what_stays_in_the_snapshot_is_said() {
    let Some(pool) = Pool::with_vm() else { return };
    let root = pool.fleet.root();
    pool.qemu.img(&root, ["snapshot", "-c", "inside", "vm.qcow2"]);
    pool.qemu.img(&root, ["bitmap", "--add", "vm.qcow2", "b0"]);
    let done = pool.json("snap create s1 vm.qcow2", 0);
    let mut said: Vec<_> = items(&done, "notices").iter().map(|it| text_of(it, "kind")).collect();
    said.sort_unstable();
    assert_eq!(said, ["bitmaps", "internal-snapshots"]);
    let listed = pool.qemu.img(&root, ["snapshot", "-l", "vm@1-s1.qcow2"]);
    assert!(String::from_utf8_lossy(&listed).contains("inside"));
}

#[test]
fn cluster_size_and_subclusters_are_the_disks_own() {
    let Some(pool) = Pool::new() else { return };
    let root = pool.fleet.root();
    for (name, options) in [
        ("small.qcow2", "cluster_size=4096"),
        ("big.qcow2", "cluster_size=2M"),
        ("sub.qcow2", "extended_l2=on,cluster_size=128k"),
        ("old.qcow2", "compat=0.10"),
    ] {
        pool.qemu.create(&root, "qcow2", &["-o", options, name, "5M"]);
        pool.write(name, 3);
        let (was, before) = (pool.qemu.info(&root, name), pool.read(name));
        pool.ok(&format!("snap create s {name}"));
        let is = pool.qemu.info(&root, name);
        assert_eq!(is["cluster-size"], was["cluster-size"], "{name}");
        assert_eq!(is["virtual-size"], was["virtual-size"], "{name}");
        let extended =
            |info: &serde_json::Value| info["format-specific"]["data"]["extended-l2"].clone();
        if name == "sub.qcow2" {
            assert_eq!(extended(&is), true, "{name}");
        }
        assert_eq!(pool.read(name), before, "{name}");
        pool.write(name, 4);
        let checked = pool.qemu.try_img(&root, ["check", "-q", name]);
        assert_eq!(checked.code, Some(0), "{name}");
    }
}

#[test]
fn a_raw_disk_becomes_qcow2_only_if_that_is_allowed() {
    let Some(pool) = Pool::new() else { return };
    pool.fleet.bytes("plain.raw", &[5; 70_000]);
    let refused = pool.json("snap create s1 plain.raw", 4);
    assert_eq!(kinds(&refused), ["raw"]);
    assert!(text_of(&items(&refused, "blockers")[0], "advice").contains("--allow-format-change"));
    pool.ok("snap create s1 plain.raw --allow-format-change");
    let info = pool.qemu.info(&pool.fleet.root(), "plain.raw");
    assert_eq!(info["format"], "qcow2");
    assert_eq!(info["backing-filename-format"], "raw");
    let read = pool.read("plain.raw");
    assert!(read.iter().take(70_000).all(|byte| *byte == 5));
    assert!(read.iter().skip(70_000).all(|byte| *byte == 0));
}

#[test]
fn an_external_data_file_is_frozen_with_the_image() {
    let Some(pool) = Pool::new() else { return };
    let root = pool.fleet.root();
    pool.qemu.create(&root, "qcow2", &["-o", "data_file=table.data", "table.qcow2", "1M"]);
    pool.write("table.qcow2", 6);
    let before = pool.read("table.qcow2");
    let refused = pool.json("snap create s1 table.qcow2", 4);
    assert_eq!(kinds(&refused), ["data-file"]);
    pool.ok("snap create s1 table.qcow2 --allow-data-file").says("table.data");
    let mode = root.join("table.data").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o222, 0);
    pool.write("table.qcow2", 7);
    assert_eq!(pool.read("table@1-s1.qcow2"), before);
}

/// Two hundred layers are the default; the number can be set, and what a disk would have is said.
#[test]
fn chains_do_not_grow_without_end() {
    let Some(pool) = Pool::with_vm() else { return };
    for layer in 1..=3 {
        pool.ok(&format!("snap create --max-depth 4 s{layer} vm.qcow2"));
    }
    let refused = pool.json("snap create --max-depth 4 s4 vm.qcow2", 4);
    assert_eq!(kinds(&refused), ["too-deep"]);
    assert!(text_of(&items(&refused, "blockers")[0], "advice").contains("--max-depth"));
    pool.ok("snap create s4 vm.qcow2");
}

/// A pool is found by its folder, and everything in it by relative names: moved whole or copied, it works.
#[test]
fn a_pool_can_be_moved_and_copied() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.ok("snap create s1 vm.qcow2");
    let before = pool.read("vm@1-s1.qcow2");
    pool.write("vm.qcow2", 2);
    let copied = pool.fleet.outside().join("copied");
    let copy = finish(Command::new("cp").arg("-a").arg(pool.fleet.root()).arg(&copied));
    assert_eq!(copy.code, Some(0));
    let moved = pool.fleet.outside().join("moved");
    std::fs::rename(pool.fleet.root(), &moved).unwrap();
    for place in [&copied, &moved] {
        let run = |words: &[&str]| {
            pool.fleet.diskdag(words[0]).args(&words[1..]).within(place).go().exits(0)
        };
        run(&["snap", "create", "s2", "vm.qcow2"]);
        run(&["snap", "restore", "s1", "vm.qcow2"]);
        let content = super::support::content(pool.qemu, &place.join("vm.qcow2"));
        assert_eq!(content, before, "{}", place.display());
        run(&["snap", "list"]).says("s1").says("s2");
    }
    std::fs::rename(&moved, pool.fleet.root()).unwrap();
}
