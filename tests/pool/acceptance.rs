//! The lines by which snapshots were accepted, as they were written.
//!
//! ```console
//! $ diskdag init . && diskdag snap create s1 vm.qcow2 && (write) && diskdag snap create s2 vm.qcow2
//! $ diskdag snap rm s1 vm.qcow2          4: vm.qcow2 and vm@2-s2.qcow2 need it; --retire is offered
//! $ diskdag snap restore s1 vm.qcow2     0; qemu-img compare says it reads as s1 did
//! $ diskdag snap create s3 vm.qcow2      75 while qemu-nbd holds it, naming the pid or the lock
//! ```

use super::support::{Pool, content};
use crate::support::{Fleet, items, require_qemu, text_of};

#[test]
fn the_lines_in_their_order() {
    let Some(qemu) = require_qemu() else { return };
    let pool = Pool { fleet: Fleet::new(), qemu };
    let root = pool.fleet.root();
    pool.disk("vm.qcow2");
    let at_s1 = root.join("../at-s1.qcow2");
    std::fs::copy(root.join("vm.qcow2"), &at_s1).unwrap();

    pool.ok("init .");
    pool.ok("snap create s1 vm.qcow2");
    pool.write("vm.qcow2", 2);
    let at_s2 = pool.read("vm.qcow2");
    pool.ok("snap create s2 vm.qcow2");
    assert_eq!(pool.files(), ["vm.qcow2", "vm@1-s1.qcow2", "vm@2-s2.qcow2"]);

    let refused = pool.ends("snap rm s1 vm.qcow2", 4);
    let refused = refused.says("/vm.qcow2").says("/vm@2-s2.qcow2").says("--retire");
    assert!(refused.stdout.is_empty(), "{}", refused.whole());
    assert_eq!(pool.snapshots(), ["vm.qcow2@s1", "vm.qcow2@s2"]);

    pool.ok("snap restore s1 vm.qcow2");
    let same = qemu.try_img(&root, ["compare", "vm.qcow2", at_s1.to_str().unwrap()]);
    assert_eq!(same.code, Some(0), "{}", String::from_utf8_lossy(&same.stdout));
    assert_eq!(content(qemu, &root.join("vm@2-s2.qcow2")), at_s2, "the other snapshot stays");
    for file in pool.files() {
        let checked = qemu.try_img(&root, ["check", "-q", "-f", "qcow2", &file]);
        assert_eq!(checked.code, Some(0), "{file}");
    }

    let held = qemu.serve(&root.join("vm.qcow2"), &pool.fleet.outside().join("nbd"));
    let busy = pool.ends("snap create s3 vm.qcow2", 75);
    let named = busy.everything();
    assert!(named.contains("qemu-nbd") || named.contains("lock"), "{}", busy.whole());
    held.release();
    pool.ok("snap create s3 vm.qcow2");
}

/// The same in JSON: every key that json.md names.
#[test]
fn the_answers_in_json() {
    let Some(pool) = Pool::with_vm() else { return };
    let root = pool.fleet.root();
    let root = root.to_str().unwrap();
    let done = pool.json("snap create s1 vm.qcow2", 0);
    assert_eq!(done["schema"], "diskdag/snap-create/1");
    assert_eq!(done["pool"], root);
    assert_eq!(text_of(&done, "operation").len(), 32);
    let disk = &items(&done, "disks")[0];
    assert_eq!(disk["disk"], format!("{root}/vm.qcow2"));
    assert_eq!(disk["snapshot"], "s1");
    assert_eq!(disk["id"], 1);
    assert_eq!(disk["path"], format!("{root}/vm@1-s1.qcow2"));
    assert!(items(&done, "notices").is_empty() && items(&done, "recovered").is_empty());
    pool.ok("snap create s2 vm.qcow2");

    let listed = pool.json("snap list vm.qcow2", 0);
    assert_eq!(listed["schema"], "diskdag/snap-list/1");
    let first = &items(&listed, "snapshots")[0];
    assert_eq!(first["id"], 1);
    assert_eq!(first["name"], "s1");
    assert_eq!(first["disk"], format!("{root}/vm.qcow2"));
    assert_eq!(first["path"], format!("{root}/vm@1-s1.qcow2"));
    assert_eq!(first["virtual-size"], 1 << 20);
    assert_eq!(first["dependents"], 2);
    assert_eq!(first["actual-size"], first["frees"]);
    assert!(text_of(first, "created").ends_with('Z'), "{first}");

    let refused = pool.json("snap rm s1 vm.qcow2", 4);
    assert_eq!(refused["schema"], "diskdag/error/1");
    assert_eq!(refused["kind"], "refused");
    assert_eq!(refused["exit"], 4);
    assert_eq!(refused["effect"], "none");
    let paths: Vec<_> = items(&refused, "blockers").iter().map(|it| text_of(it, "path")).collect();
    assert_eq!(paths, [format!("{root}/vm@2-s2.qcow2"), format!("{root}/vm.qcow2")]);
    for blocker in items(&refused, "blockers") {
        assert_eq!(blocker["kind"], "dependent");
        assert!(text_of(blocker, "advice").contains("--retire"), "{blocker}");
    }
    assert!(items(&refused, "doubts").is_empty());

    let missing = pool.json("snap restore nix vm.qcow2", 5);
    assert_eq!((&missing["kind"], &missing["exit"]), (&"not-found".into(), &5.into()));
    let recovered = pool.json("recover", 0);
    assert_eq!(recovered["schema"], "diskdag/recover/1");
    assert!(items(&recovered, "actions").is_empty() && items(&recovered, "orphans").is_empty());
    assert_eq!(recovered["pool"], root);
}
