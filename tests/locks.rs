//! Images that somebody holds open. QEMU's own locks, taken by QEMU itself; the plain case, with
//! `qemu-nbd`, is in `acceptance.rs`.

use crate::support::{Answer, Fleet, identity, items, path_of, require_qemu};

fn can_rm(fleet: &Fleet, name: &str) -> Answer {
    fleet.diskdag("can-rm").rooted().image(name).json().go()
}

/// Only what holds it stands in the way: `in-use` is the one blocker, and it names the image.
#[test]
fn a_writer_blocks() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::three();
    let leaf = fleet.path("leaf.qcow2");
    can_rm(&fleet, "leaf.qcow2").exits(0);
    let held = qemu.hold(&leaf, false);
    let answer = can_rm(&fleet, "leaf.qcow2").exits(4).scanned("can-rm");
    let blockers = items(&answer, "blockers");
    assert_eq!(blockers.len(), 1, "{answer}");
    assert_eq!(blockers[0]["kind"], "in-use");
    assert_eq!(identity(path_of(&blockers[0])), identity(&leaf));
    held.release();
    can_rm(&fleet, "leaf.qcow2").exits(0);
}

#[test]
fn a_reader_blocks() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::three();
    let held = qemu.hold(&fleet.path("leaf.qcow2"), true);
    let answer = can_rm(&fleet, "leaf.qcow2").exits(4).scanned("can-rm");
    assert_eq!(answer["blockers"][0]["kind"], "in-use", "{answer}");
    held.release();
    can_rm(&fleet, "leaf.qcow2").exits(0);
}

/// Both reasons are given: who needs it, and that it is in use.
#[test]
fn in_use_stands_beside_the_dependents() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::three();
    let _held = qemu.hold(&fleet.path("leaf.qcow2"), false);
    // QEMU opened the whole chain.
    let answer = can_rm(&fleet, "middle.qcow2").exits(4).scanned("can-rm");
    let mut kinds: Vec<_> = items(&answer, "blockers")
        .iter()
        .map(|blocker| blocker["kind"].as_str().unwrap())
        .collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["dependent", "in-use"], "{answer}");
}

/// A disk in use elsewhere in the scope is no obstacle to this one.
#[test]
fn others_in_use_do_not_block() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::three();
    fleet.overlay("other.qcow2", "middle.qcow2");
    let held = qemu.hold(&fleet.path("other.qcow2"), false);
    can_rm(&fleet, "leaf.qcow2").exits(0);
    // A set is in use when one of its members is.
    let both = fleet.diskdag("can-rm").rooted().image("leaf.qcow2").image("other.qcow2").json();
    let answer = both.go().exits(4).scanned("can-rm");
    assert_eq!(items(&answer, "blockers").len(), 1);
    held.release();
}

/// Asking must not disturb: the holder goes on writing, and others can still open the image.
#[test]
fn asking_takes_no_lock() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::three();
    let leaf = fleet.path("leaf.qcow2");
    for _ in 0..20 {
        can_rm(&fleet, "leaf.qcow2").exits(0);
        let held = qemu.hold(&leaf, false);
        can_rm(&fleet, "leaf.qcow2").exits(4);
        held.release();
    }
    // Images that may not be written are asked all the same.
    let mut closed = leaf.metadata().unwrap().permissions();
    closed.set_readonly(true);
    std::fs::set_permissions(&leaf, closed).unwrap();
    fleet.diskdag("can-rm").rooted().arg(&leaf).unprivileged().go().exits(0);
}

/// A scan and a chain are readings; nothing about them needs the image to be free.
#[test]
fn reading_verbs_work_on_images_in_use() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::three();
    let _held = qemu.hold(&fleet.path("leaf.qcow2"), false);
    fleet.diskdag("scan").rooted().arg(fleet.root()).go().exits(0);
    fleet.diskdag("chain").image("leaf.qcow2").go().exits(0);
    fleet.diskdag("info").image("leaf.qcow2").go().exits(0);
    fleet.diskdag("dependents").rooted().image("base.qcow2").go().exits(0);
}
