//! What a live disk may not be. Nothing is changed, every reason is named, and so is the way on.

use std::ffi::OsStr;

use super::support::{Pool, kinds};
use crate::support::{Image, feature, items, text_of};

/// Refused with this kind, with words about the way on; and no byte in the pool is another.
#[track_caller]
fn refused(pool: &Pool, line: &str, code: i32, kind: &str) -> String {
    let before = pool.bytes();
    let answer = pool.run(line.split(' ')).json().go().exits(code);
    let value = answer.value();
    assert_eq!(kinds(&value), [kind], "{}", answer.whole());
    assert_eq!(pool.bytes(), before, "{line} has changed something");
    let blocker = &items(&value, "blockers")[0];
    // The same in words.
    let text = pool.run(line.split(' ')).go().exits(code).says(kind);
    let detail = text_of(blocker, "detail");
    assert!(text.everything().contains(detail), "{detail:?}\n{}", text.whole());
    text.everything()
}

#[test]
fn an_encrypted_disk() {
    let Some(pool) = Pool::new() else { return };
    let root = pool.fleet.root();
    let secret = ["create", "-q", "--object", "secret,id=s,data=x", "-f", "qcow2", "-o"];
    let options =
        ["encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10", "e.qcow2", "1M"];
    pool.qemu.img(&root, secret.iter().chain(&options));
    refused(&pool, "snap create s1 e.qcow2", 4, "encrypted");
}

#[test]
fn a_disk_with_several_hard_links() {
    let Some(pool) = Pool::with_vm() else { return };
    std::fs::hard_link(pool.fleet.path("vm.qcow2"), pool.fleet.path("second.qcow2")).unwrap();
    refused(&pool, "snap create s1 vm.qcow2", 4, "hard-links");
}

#[test]
fn damaged_metadata() {
    let Some(pool) = Pool::new() else { return };
    for (name, bits) in [("dirty.qcow2", feature::DIRTY), ("corrupt.qcow2", feature::CORRUPT)] {
        let image = Image { incompatible: bits, ..Image::new() };
        pool.fleet.write(name, &image);
        let said = refused(&pool, &format!("snap create s1 {name}"), 4, "metadata");
        assert!(said.contains("qemu-img check -r all"), "{said}");
    }
    // The L1 table lies on the header; the refcount table behind the end of the file.
    let plain = Image::new().bytes();
    for (name, at, value) in [("l1.qcow2", 40, 0_u64), ("refcounts.qcow2", 48, 1 << 30)] {
        let mut bytes = plain.clone();
        bytes[at..at + 8].copy_from_slice(&value.to_be_bytes());
        pool.fleet.bytes(name, &bytes);
        refused(&pool, &format!("snap create s1 {name}"), 4, "metadata");
    }
    // A header that makes no sense at all.
    let mut bytes = plain;
    bytes[20..24].copy_from_slice(&99_u32.to_be_bytes());
    pool.fleet.bytes("nonsense.qcow2", &bytes);
    refused(&pool, "snap create s1 nonsense.qcow2", 4, "metadata");
}

#[test]
fn another_format() {
    let Some(pool) = Pool::new() else { return };
    pool.qemu.create(&pool.fleet.root(), "vmdk", &["other.vmdk", "1M"]);
    refused(&pool, "snap create s1 other.vmdk --allow-format-change", 4, "format");
}

#[test]
fn a_broken_chain() {
    let Some(pool) = Pool::new() else { return };
    pool.fleet.overlay("top.qcow2", "gone.qcow2");
    refused(&pool, "snap create s1 top.qcow2", 4, "broken-chain");
}

#[test]
fn snapshots_and_trash_are_no_live_disks() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.ok("snap create s1 vm.qcow2");
    pool.ok("snap restore s1 vm.qcow2");
    refused(&pool, "snap create s2 vm@1-s1.qcow2", 4, "snapshot");
    refused(&pool, "snap create s2 .vm@2.trash", 4, "trash");
    // A disk that is called like one of ours.
    pool.disk("other@7-x.qcow2");
    refused(&pool, "snap create s2 other@7-x.qcow2", 4, "name");
}

#[test]
fn not_in_a_pool() {
    let Some(pool) = Pool::with_vm() else { return };
    let outside = pool.fleet.outside().join("other.qcow2");
    std::fs::copy(pool.fleet.path("vm.qcow2"), &outside).unwrap();
    let create = || pool.run(["snap", "create", "s1"]).arg(&outside);
    create().go().exits(4).says("no pool").says("diskdag init");
    assert_eq!(create().json().go().exits(4).value()["kind"], "no-pool");
    // With a pool named, or found by the first disk, it lies outside of that one.
    let both = pool.run(["snap", "create", "s1", "vm.qcow2"]).arg(&outside).json().go().exits(4);
    assert_eq!(kinds(&both.value()), ["outside-pool"]);
    create().arg("--pool").arg(pool.fleet.root()).json().go().exits(4);
    assert!(pool.snapshots().is_empty());
}

#[test]
fn what_is_not_there_or_no_file() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.ends("snap create s1 nowhere.qcow2", 5).says("nowhere.qcow2");
    pool.ends("snap create s1 no/where.qcow2", 5).says("where.qcow2");
    pool.fleet.folder("folder");
    pool.ends("snap create s1 folder", 4).says("not a regular file");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(pool.fleet.path("pipe"))
            .status()
            .unwrap()
            .success()
    );
    // It does not wait for somebody to write to the pipe.
    pool.ends("snap create s1 pipe", 4).says("not a regular file");
}

#[test]
fn names_that_break_a_rule() {
    let Some(pool) = Pool::with_vm() else { return };
    let long = "x".repeat(101);
    for name in ["", ".hidden", "a/b", "a:b", "a\nb", "a\u{1b}b", &long] {
        let answer = pool.run(["snap", "create", name, "vm.qcow2"]).go().exits(64);
        assert!(answer.stdout.is_empty(), "{}", answer.whole());
        let value = pool.run(["snap", "create", name, "vm.qcow2"]).json().go().exits(64).value();
        assert_eq!(value["exit"], 64);
        pool.run(["snap", "rm", name, "vm.qcow2"]).go().exits(64);
    }
    for name in
        ["x", "before upgrade", "größe", "a@3-b", "v1.2", "-".repeat(3).as_str(), &long[1..]]
    {
        pool.run(["snap", "create", "--", name, "vm.qcow2"]).go().exits(0);
    }
    // A name may hold any other byte.
    let odd = <OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"odd\xff");
    pool.run([OsStr::new("snap"), OsStr::new("create"), odd, OsStr::new("vm.qcow2")]).go().exits(0);
    let listed = pool.json("snap list", 0);
    assert_eq!(items(&listed, "snapshots").last().unwrap()["name-bytes"], "b2Rk/w==");
    pool.ok("snap list").says("odd\\xff");
    let rm = [OsStr::new("snap"), OsStr::new("restore"), odd, OsStr::new("vm.qcow2")];
    pool.run(rm).go().exits(0);
}

#[test]
fn file_names_that_would_be_too_long() {
    let Some(pool) = Pool::new() else { return };
    let name = format!("{}.qcow2", "d".repeat(180));
    pool.disk(&name);
    let said = refused(&pool, &format!("snap create {} {name}", "s".repeat(90)), 4, "name");
    assert!(said.contains("255"), "{said}");
    pool.ok(&format!("snap create {} {name}", "s".repeat(60)));
}

/// Everything that stands in the way is said at once.
#[test]
fn all_reasons_at_once() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.fleet.bytes("plain.raw", &[1; 4096]);
    pool.disk("linked.qcow2");
    std::fs::hard_link(pool.fleet.path("linked.qcow2"), pool.fleet.path("other.qcow2")).unwrap();
    pool.fleet.write("dirty.qcow2", &Image { incompatible: feature::DIRTY, ..Image::new() });
    let line = "snap create s1 vm.qcow2 plain.raw linked.qcow2 dirty.qcow2";
    let answer = pool.json(line, 4);
    assert_eq!(kinds(&answer), ["hard-links", "metadata", "raw"]);
    assert!(pool.snapshots().is_empty());
}
