//! A disk's life on file systems of many kinds: journaled ext4, XFS and btrfs on loop devices, and one in memory.
//! Then the command is killed there, and recovers.

use super::mounted::Small;
use crate::support::{command, require_qemu};

/// The script that makes a file system in a file and mounts it. XFS wants 300 MiB at least; they are holes.
pub(super) fn on_loop(make: &str) -> String {
    format!(
        "truncate -s 400M \"$0.img\" && {make} \"$0.img\" >&2 && mount -o loop \"$0.img\" \"$0\""
    )
}

/// Every kind that can be mounted here.
fn all() -> Vec<Small> {
    let ext4 = on_loop("mkfs.ext4 -q -O has_journal");
    let (xfs, btrfs) = (on_loop("mkfs.xfs -q"), on_loop("mkfs.btrfs -q"));
    Small::of_kinds(&[
        ("tmpfs", "-Urm", "mount -t tmpfs -o size=64m tmpfs \"$0\""),
        ("ext4", "-m", &ext4),
        ("xfs", "-m", &xfs),
        ("btrfs", "-m", &btrfs),
    ])
}

/// What the first bytes of a disk are, as QEMU reads them.
#[track_caller]
fn reads(small: &Small, disk: &str, pattern: u8) {
    let said = small.sh(&format!("qemu-io -r -f qcow2 -c 'read -P {pattern} 0 256k' {disk} 2>&1"));
    assert!(!said.contains("failed"), "{}: {disk} does not read {pattern}: {said}", small.kind);
}

#[test]
fn a_disks_life_is_the_same_on_all_of_them() {
    if require_qemu().is_none() {
        return;
    }
    for small in all() {
        small.sh("qemu-img create -q -f qcow2 vm.qcow2 4M; qemu-io -c 'write -P 1 0 256k' vm.qcow2 >/dev/null");
        small.diskdag("init .", &[0]);
        small.diskdag("snap create s1 vm.qcow2", &[0]);
        small.sh("qemu-io -c 'write -P 2 0 256k' vm.qcow2 >/dev/null");
        small.diskdag("snap create s2 vm.qcow2", &[0]);
        small.sh("qemu-io -c 'write -P 3 0 256k' vm.qcow2 >/dev/null");
        small.diskdag("snap rm s1 vm.qcow2", &[4]);
        small.diskdag("snap restore s1 vm.qcow2", &[0]);
        reads(&small, "vm.qcow2", 1);
        small.diskdag("snap clone s2 vm.qcow2 new.qcow2", &[0]);
        reads(&small, "new.qcow2", 2);
        small.diskdag("trash restore 3 --to back.qcow2", &[0]);
        reads(&small, "back.qcow2", 3);
        small.sh("rm back.qcow2 new.qcow2");
        small.diskdag("snap rm s2 vm.qcow2", &[0]);
        small.diskdag("trash purge --all", &[0]);
        reads(&small, "vm@1-s1.qcow2", 1);
        small.sh("qemu-img check -q vm.qcow2 && qemu-img check -q vm@1-s1.qcow2");
    }
}

/// Killed by the size that a file may have: at the write of the overlay, so that an intent is open and a part of
/// the overlay lies there.
#[test]
fn what_was_cut_off_is_undone_on_all_of_them() {
    if require_qemu().is_none() {
        return;
    }
    let command = command();
    let command = command.to_str().expect("a path that a shell can read");
    for small in all() {
        small.sh("qemu-img create -q -f qcow2 vm.qcow2 4M; qemu-io -c 'write -P 1 0 256k' vm.qcow2 >/dev/null");
        small.diskdag("init .", &[0]);
        // In units of 512 bytes: beyond the overlay's first cluster, before its refcounts.
        let cut = format!("ulimit -f 200; exec {command} snap create s1 vm.qcow2");
        small.sh(&format!("if ({cut}) >/dev/null 2>&1; then exit 9; fi"));
        small.diskdag("recover", &[0]);
        reads(&small, "vm.qcow2", 1);
        assert_eq!(
            small.sh("ls | grep -v lost+found"),
            "vm.qcow2\n",
            "{}: nothing is left over",
            small.kind
        );
        small.diskdag("snap create s1 vm.qcow2", &[0]);
        reads(&small, "vm.qcow2", 1);
    }
}
