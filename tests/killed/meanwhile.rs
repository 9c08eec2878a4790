//! What others do between a kill and recovery: machines are started, disks are renamed, overlays are made.

use super::cases::words;
use super::seen::Copy;
use super::trace::{self, End};
use crate::pool::support::Pool;
use crate::support::{items, text_of};

/// A copy of the pool in which the command was killed right after its `count`th call of this name.
fn killed_after(pool: &Pool, line: &str, name: &str, count: usize) -> Option<Copy> {
    let mut seen = 0;
    for call in 1.. {
        let copy = Copy::of(&pool.fleet.root(), pool.qemu);
        match trace::run(&copy.root, words(line), call)? {
            End::Killed { call: _ } if seen == count => return Some(copy),
            End::Killed { call } if call == name => seen += 1,
            End::Killed { .. } => {}
            End::Ran { .. } => panic!("{line} makes {seen} calls of {name}, not {count}"),
        }
    }
    None
}

fn write(copy: &Copy, disk: &str, byte: u8) {
    let command = format!("write -P {byte} 0 64k");
    let words = ["-f", "qcow2", "-c", &command, disk];
    let mut io = std::process::Command::new("qemu-io");
    let done = crate::support::finish(io.args(words).current_dir(&copy.root));
    assert_eq!(done.code, Some(0), "{done:?}");
}

fn actions(answer: &serde_json::Value) -> Vec<&str> {
    items(answer, "actions").iter().map(|action| text_of(action, "action")).collect()
}

/// Nobody has written: the operation is finished. Somebody has: finished as well, and nothing of theirs is lost.
#[test]
fn a_machine_that_was_started_keeps_what_it_wrote() {
    let Some(pool) = Pool::with_vm() else { return };
    let Some(copy) = killed_after(&pool, "snap create s1 vm.qcow2", "renameat2", 1) else { return };
    write(&copy, "vm.qcow2", 9);
    let live = copy.read("vm.qcow2".as_ref());
    let answer = copy.json("recover");
    assert_eq!(actions(&answer), ["finished"], "{answer}");
    assert_eq!(copy.read("vm.qcow2".as_ref()), live);
    let listed = copy.json("snap list");
    let snapshot = &items(&listed, "snapshots")[0];
    assert_eq!(text_of(snapshot, "name"), "s1");
    let old = crate::pool::support::content(pool.qemu, &pool.fleet.path("vm.qcow2"));
    let taken = crate::pool::support::content(pool.qemu, text_of(snapshot, "path").as_ref());
    assert!(taken == old, "the snapshot reads what the disk read");
}

/// While the machine runs: it is not disturbed, and recovery does not undo anything under it.
#[test]
fn a_machine_that_runs_is_not_disturbed() {
    let Some(pool) = Pool::with_vm() else { return };
    let Some(copy) = killed_after(&pool, "snap create s1 vm.qcow2", "renameat2", 1) else { return };
    let held = pool.qemu.hold(&copy.root.join("vm.qcow2"), false);
    let answer = copy.json("recover");
    assert_eq!(actions(&answer), ["finished"], "{answer}");
    held.release();
    assert_eq!(items(&copy.json("snap list"), "snapshots").len(), 1);
    copy.run(words("snap create s2 vm.qcow2")).exits(0);
}

/// Three disks, cut between the first and the second. Nobody has written: undone whole. Somebody has: each is
/// kept as it is, and said to be no set.
#[test]
fn a_set_that_was_cut_in_the_middle() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.disk("b.qcow2");
    pool.disk("c.qcow2");
    let line = "snap create s1 vm.qcow2 b.qcow2 c.qcow2";
    let Some(copy) = killed_after(&pool, line, "renameat2", 1) else { return };
    let answer = copy.json("recover");
    assert_eq!(actions(&answer), ["undone"; 3], "{answer}");
    assert!(items(&copy.json("snap list"), "snapshots").is_empty());

    let Some(copy) = killed_after(&pool, line, "renameat2", 1) else { return };
    for disk in ["vm.qcow2", "b.qcow2", "c.qcow2"] {
        write(&copy, disk, 9);
    }
    let live = copy.read("vm.qcow2".as_ref());
    let answer = copy.json("recover");
    assert_eq!(actions(&answer), ["inconsistent-set"; 3], "{answer}");
    let listed = copy.json("snap list");
    assert_eq!(items(&listed, "snapshots").len(), 1);
    assert_eq!(items(&listed, "snapshots")[0]["inconsistent"], true);
    assert_eq!(copy.read("vm.qcow2".as_ref()), live);
    copy.run(["snap", "list"]).exits(0).says("inconsistent");
    // The next is a set again.
    copy.run(words("snap create s2 vm.qcow2 b.qcow2 c.qcow2")).exits(0);
}

/// A live disk that a person has renamed is recognised, and said.
#[test]
fn a_live_disk_that_was_renamed() {
    let Some(pool) = Pool::with_vm() else { return };
    let Some(copy) = killed_after(&pool, "snap create s1 vm.qcow2", "renameat2", 1) else { return };
    std::fs::rename(copy.root.join("vm.qcow2"), copy.root.join("renamed.qcow2")).unwrap();
    let answer = copy.json("recover");
    assert_eq!(actions(&answer), ["finished"], "{answer}");
    assert!(text_of(&items(&answer, "actions")[0], "detail").contains("renamed.qcow2"), "{answer}");
    let listed = copy.json("snap list");
    assert!(text_of(&items(&listed, "snapshots")[0], "disk").ends_with("/renamed.qcow2"));
    copy.run(words("snap restore s1 renamed.qcow2")).exits(0);
}

/// What cannot be explained is kept, asked about, and not done again; a person decides, by a word.
#[test]
fn what_cannot_be_explained_is_left_to_a_person() {
    let Some(pool) = Pool::with_vm() else { return };
    let Some(copy) = killed_after(&pool, "snap create s1 vm.qcow2", "renameat2", 1) else { return };
    // The old disk, which the overlay needs, is gone.
    let old = copy.root.join("vm@1-s1.qcow2");
    let aside = copy.root.join("../aside");
    std::fs::rename(&old, &aside).unwrap();
    let asked = copy.run(["recover", "--json"]).exits(8).value();
    assert_eq!(actions(&asked), ["kept"], "{asked}");
    assert_eq!(items(&asked, "questions").len(), 1);
    // Nothing is written before that is settled.
    let refused = copy.run(words("snap create s2 vm.qcow2 --json")).exits(8).value();
    assert_eq!(refused["kind"], "needs-recovery");
    assert_eq!(text_of(&items(&refused, "recovered")[0], "action"), "kept");
    copy.run(["recover"]).exits(8).says("--forget");
    copy.run(words("can-rm vm.qcow2")).exits_one_of(&[7]);
    // Put back, it is explained.
    std::fs::rename(&aside, &old).unwrap();
    assert_eq!(actions(&copy.json("recover")), ["finished"]);

    let Some(copy) = killed_after(&pool, "snap create s1 vm.qcow2", "renameat2", 1) else { return };
    std::fs::remove_file(copy.root.join("vm@1-s1.qcow2")).unwrap();
    let asked = copy.run(["recover", "--json"]).exits(8).value();
    let operation = text_of(&items(&asked, "actions")[0], "operation").to_owned();
    copy.run(["recover", "--forget", &"0".repeat(32)]).exits(5);
    copy.run(["recover", "--forget", "nonsense"]).exits(64);
    copy.run(["recover", "--forget", &operation]).exits(0);
    copy.run(["recover"]).exits(0).says("nothing to recover");
}

/// The command's own writing verbs recover before they write, and say it.
#[test]
fn writing_verbs_recover_first() {
    let Some(pool) = Pool::with_vm() else { return };
    let cut = || killed_after(&pool, "snap create s1 vm.qcow2", "renameat2", 1);
    let Some(copy) = cut() else { return };
    let done = copy.json("snap create s2 vm.qcow2");
    let recovered = &items(&done, "recovered")[0];
    assert_eq!((text_of(recovered, "snapshot"), text_of(recovered, "action")), ("s1", "finished"));
    assert_eq!(items(&copy.json("snap list"), "snapshots").len(), 2);
    let copy = cut().unwrap();
    let said = copy.run(words("snap rm s1 vm.qcow2")).exits(4);
    assert!(String::from_utf8_lossy(&said.stderr).contains("recovered"), "{}", said.whole());
    // Reading verbs don't: they say that something is open.
    let copy = cut().unwrap();
    let before = std::fs::read(copy.root.join(".diskdag/catalogue.log")).unwrap();
    copy.run(["snap", "list"]).exits(0).says("diskdag recover");
    copy.run(words("snap rm -n --keep-last 1 vm.qcow2")).exits(8);
    copy.run(["gc", "--dry-run"]).exits(8);
    copy.run(["tree"]).exits(0);
    assert_eq!(std::fs::read(copy.root.join(".diskdag/catalogue.log")).unwrap(), before);
}
