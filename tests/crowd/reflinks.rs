//! XFS and btrfs share blocks between files: what is shared is in use as long as one of them is there.

use diskdag_qcow2::create::Create;
use serde_json::Value;

use super::file_systems::on_loop;
use super::mounted::Small;
use crate::support::{items, text_of};

const MIB: u64 = 1 << 20;

/// Everything that `du` says of a disk: own, exclusive, reflinked.
fn bytes(answer: &Value, name: &str) -> [u64; 3] {
    let disks = items(answer, "disks");
    let found = disks.iter().find(|disk| text_of(disk, "path").ends_with(name)).unwrap();
    ["own", "exclusive", "reflinked"].map(|key| found[key].as_u64().unwrap())
}

/// Bytes in use. XFS gives back those of removed files in its own time, but before it is frozen.
fn used(small: &Small) -> u64 {
    let said = small.sh("sync; fsfreeze -f .; fsfreeze -u .; stat -f -c '%b %f %S' .");
    let numbers: Vec<u64> = said.split_whitespace().map(|it| it.parse().unwrap()).collect();
    let &[all, free, size] = numbers.as_slice() else { panic!("{said}") };
    (all - free) * size
}

#[test]
fn what_is_reflinked_does_not_come_back_with_one_of_the_files() {
    let (xfs, btrfs) = (on_loop("mkfs.xfs -q"), on_loop("mkfs.btrfs -q"));
    for small in Small::of_kinds(&[("xfs", "-m", &xfs), ("btrfs", "-m", &btrfs)]) {
        small.sh("mkdir in; head -c 16M /dev/urandom > in/golden.raw; sync
             cp --reflink=always in/golden.raw in/vm.raw; head -c 4M /dev/urandom > in/alone.raw
             head -c 2M /dev/urandom | dd of=in/vm.raw conv=notrunc status=none; sync");
        let kind = small.kind;
        let answer = small.json("du --root in in");
        let [own, exclusive, reflinked] = bytes(&answer, "vm.raw");
        assert!(own >= 16 * MIB && reflinked + exclusive == own, "{kind}: {answer}");
        assert!((2 * MIB..3 * MIB).contains(&exclusive), "{kind}: {answer}");
        assert_eq!(bytes(&answer, "alone.raw"), [4 * MIB, 4 * MIB, 0], "{kind}: {answer}");
        let verdict = small.json("can-rm --root in in/vm.raw");
        assert_eq!(verdict["frees"], exclusive, "{kind}: {verdict}");
        // What the file system itself says when the file is gone, whatever it needs for its own books.
        let before = used(&small);
        small.sh("rm in/vm.raw");
        let freed = before.saturating_sub(used(&small));
        assert!(freed.abs_diff(exclusive) < MIB, "{kind}: {freed}, not {exclusive}");
        let [own, exclusive, _] = bytes(&small.json("du --root in in"), "golden.raw");
        assert_eq!(own, exclusive, "{kind}: nobody shares it any more");
    }
}

/// A pool with a snapshot, s1, that shares all but two MiB of itself with a copy.
fn snapshot_beside_a_copy(small: &Small) {
    let image = Create { virtual_size: 64 * MIB, ..Create::default() }.build().unwrap();
    let path = small.top.parent().unwrap().join("vm.qcow2");
    image.write_to(&std::fs::File::create(&path).unwrap()).unwrap();
    small.sh(&format!(
        "mkdir in; cp {0} in/vm.qcow2; head -c 8M /dev/urandom >> in/vm.qcow2; sync
         cp --reflink=always in/vm.qcow2 in/copy.qcow2
         head -c 2M /dev/urandom | dd of=in/vm.qcow2 seek=1 bs=1M conv=notrunc status=none; sync",
        path.display()
    ));
    small.diskdag("init in", &[0]);
    small.diskdag("snap create s1 in/vm.qcow2", &[0]);
}

/// The copy shares nearly all of the snapshot, and stays: that was said to come back, too.
#[test]
fn what_a_snapshot_shares_with_a_copy_is_not_said_to_come_back_with_it() {
    let (xfs, btrfs) = (on_loop("mkfs.xfs -q"), on_loop("mkfs.btrfs -q"));
    for small in Small::of_kinds(&[("xfs", "-m", &xfs), ("btrfs", "-m", &btrfs)]) {
        let kind = small.kind;
        snapshot_beside_a_copy(&small);
        small.diskdag("snap create s2 in/vm.qcow2", &[0]);
        let listed = small.json("snap list in/vm.qcow2");
        let first = &items(&listed, "snapshots")[0];
        let [frees, actual] = ["frees", "actual-size"].map(|key| first[key].as_u64().unwrap());
        assert!(actual >= 8 * MIB, "{kind}: {listed}");
        assert!((2 * MIB..3 * MIB).contains(&frees), "{kind}: {listed}");
        // Nothing needs it any more: it went to the trash, and is purged from there.
        small.sh("rm in/vm.qcow2; rm in/vm@*s2.qcow2");
        small.diskdag("snap rm s1 in/vm.qcow2", &[0]);
        let purged = small.json("trash purge --all --dry-run --pool in");
        assert_eq!(purged["freed"], frees, "{kind}: {purged}");
    }
}

/// A snapshot in the trash that shares nearly all of itself with a copy outside of it: gc counts, and frees, the rest.
#[test]
fn what_gc_takes_away_frees_only_what_no_other_file_shares() {
    let (xfs, btrfs) = (on_loop("mkfs.xfs -q"), on_loop("mkfs.btrfs -q"));
    for small in Small::of_kinds(&[("xfs", "-m", &xfs), ("btrfs", "-m", &btrfs)]) {
        let kind = small.kind;
        snapshot_beside_a_copy(&small);
        small.sh("rm in/vm.qcow2");
        small.diskdag("snap rm s1 in/vm.qcow2", &[0]);
        let plan = small.json("gc --dry-run --older-than 0s --pool in");
        let [dead] = items(&plan, "dead") else { panic!("{kind}: {plan}") };
        let [freed, actual] =
            [&plan["freed"], &dead["actual-size"]].map(|value| value.as_u64().unwrap());
        assert!(actual >= 8 * MIB, "{kind}: {plan}");
        assert!((2 * MIB..3 * MIB).contains(&freed), "{kind}: {plan}");
        // As much as it frees may be taken away, and no less is enough.
        let most = |bytes: u64| {
            let words = format!("gc --dry-run --older-than 0s --max-freed {bytes} --pool in");
            items(&small.json(&words), "dead").len()
        };
        assert_eq!((most(freed), most(freed - 1)), (1, 0), "{kind}: {plan}");
        // What the file system itself says when it is gone, whatever it needs for its own books.
        let before = used(&small);
        let done = small.json("gc --older-than 0s --pool in");
        assert_eq!(done["freed"], freed, "{kind}: {done}");
        let given_back = before.saturating_sub(used(&small));
        assert!(given_back.abs_diff(freed) < MIB, "{kind}: {given_back}, not {freed}");
    }
}
