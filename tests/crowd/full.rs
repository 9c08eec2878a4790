//! A file system on which no block and no inode is free: what takes away still works, what adds is refused, and
//! nothing is lost.
//!
//! Mounted where that is allowed: a memory file system in a namespace of one's own, and for root a journaled
//! ext4 on a loop device.

use super::mounted::Small;
use crate::support::{items, require_qemu};

/// Every kind that can be mounted here.
fn all() -> Vec<Small> {
    let tmpfs = "mount -t tmpfs -o size=12m,nr_inodes=60 tmpfs \"$0\"";
    let ext4 = "truncate -s 16M \"$0.img\" && mkfs.ext4 -q -N 64 \"$0.img\" && mount -o loop \"$0.img\" \"$0\"";
    Small::of_kinds(&[("tmpfs", "-Urm", tmpfs), ("ext4", "-m", ext4)])
}

/// Takes every block and every inode.
fn fill(small: &Small) {
    small.sh("dd if=/dev/zero of=filler bs=64k 2>/dev/null || true; dd if=/dev/zero of=filler2 bs=512 2>/dev/null || true; i=0; while true > \"n$i\"; do i=$((i+1)); done 2>/dev/null || true");
    let full = small.run("sh", ["-c", "echo x > one-more 2>/dev/null && test -s one-more"]);
    assert_ne!(full.code, Some(0), "{} is not full", small.kind);
}

#[test]
fn what_takes_away_works_on_a_full_file_system() {
    if require_qemu().is_none() {
        return;
    }
    for small in all() {
        small.sh("qemu-img create -q -f qcow2 vm.qcow2 1M; qemu-io -c 'write -P 1 0 256k' vm.qcow2 >/dev/null");
        small.diskdag("init .", &[0]);
        small.diskdag("snap create s1 vm.qcow2", &[0]);
        small.sh("qemu-io -c 'write -P 2 0 256k' vm.qcow2 >/dev/null");
        small.diskdag("snap create s2 vm.qcow2", &[0]);
        small.sh("qemu-io -c 'write -P 3 0 256k' vm.qcow2 >/dev/null");
        small.diskdag("snap create s3 vm.qcow2", &[0]);
        small.diskdag("snap restore s1 vm.qcow2", &[0]);
        small.diskdag("trash purge --all", &[0]);
        let (live, s1) = (small.digest("vm.qcow2"), small.digest("vm@1-s1.qcow2"));
        fill(&small);

        // What adds is refused, with nothing lost and nothing left behind.
        let failed = small.diskdag("snap create s4 vm.qcow2", &[1]);
        let said = String::from_utf8_lossy(&failed.stderr).into_owned();
        assert!(said.contains("space"), "{}: {said}", small.kind);
        small.diskdag("snap clone s1 vm.qcow2 new.qcow2", &[1]);
        small.diskdag("snap restore s2 vm.qcow2", &[1]);
        assert_eq!(small.digest("vm.qcow2"), live, "{}", small.kind);
        let recovered = small.json("recover");
        assert!(items(&recovered, "actions").is_empty(), "{}: {recovered}", small.kind);
        assert_eq!(items(&small.json("snap list"), "snapshots").len(), 3);

        // What takes away works, and the space is there again.
        small.diskdag("snap rm s3 vm.qcow2", &[0]);
        assert_eq!(items(&small.json("trash list"), "items").len(), 1);
        let purged = small.json("trash purge --all");
        assert!(purged["freed"].as_u64().unwrap() > 256 << 10, "{}: {purged}", small.kind);
        fill(&small);
        small.diskdag("snap rm s2 vm.qcow2", &[0]);
        let collected = small.json("gc --older-than 0s");
        assert!(collected["freed"].as_u64().unwrap() > 0, "{}: {collected}", small.kind);
        assert_eq!(small.digest("vm.qcow2"), live, "{}", small.kind);
        assert_eq!(small.digest("vm@1-s1.qcow2"), s1, "{}", small.kind);
        small.diskdag("snap create s4 vm.qcow2", &[0]);
        println!("{}: done", small.kind);
    }
}
