//! Snapshots that must not be removed.

use super::support::{Pool, kinds};
use crate::support::{items, text_of};

#[test]
fn a_pin_keeps_a_snapshot_and_says_why() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.ok("snap create s1 vm.qcow2");
    pool.ok("snap create s2 vm.qcow2");
    pool.ok("snap restore s1 vm.qcow2");
    pool.ok("trash purge --all");
    pool.run(["pin", "s2", "vm.qcow2", "--reason", "the audit needs it"]).go().exits(0);
    let listed = pool.json("snap list", 0);
    assert_eq!(items(&listed, "snapshots")[1]["pinned"], "the audit needs it");
    for line in ["snap rm s2 vm.qcow2", "snap rm --retire s2 vm.qcow2"] {
        let refused = pool.json(line, 4);
        assert_eq!(kinds(&refused), ["pinned"]);
        let blocker = &items(&refused, "blockers")[0];
        assert!(text_of(blocker, "detail").contains("the audit needs it"));
        assert!(text_of(blocker, "advice").contains("unpin"));
    }
    let judged = pool.json("can-rm vm@2-s2.qcow2", 4);
    assert_eq!(kinds(&judged), ["pinned", "snapshot"]);
    pool.ok("unpin s2 vm.qcow2");
    pool.ends("unpin s2 vm.qcow2", 5);
    pool.ok("snap rm s2 vm.qcow2");
}

#[test]
fn pins_need_a_reason_and_a_snapshot() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.ends("pin s1 vm.qcow2", 64);
    pool.run(["pin", "s1", "vm.qcow2", "--reason", ""]).go().exits(64);
    pool.ends("pin s1 vm.qcow2 --reason x", 5);
    pool.ends("pin s1 nowhere.qcow2 --reason x", 5);
}
