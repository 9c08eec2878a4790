//! What the other verbs know of a pool.

use super::support::{Pool, kinds};
use crate::support::{items, path_of, text_of};

/// A pool is a declared scope, and can-rm asks its catalogue.
#[test]
fn can_rm_asks_the_catalogue() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.ok("snap create s1 vm.qcow2");
    pool.ok("snap create s2 vm.qcow2");
    pool.ok("snap restore s1 vm.qcow2");
    let answer = pool.json("can-rm vm@2-s2.qcow2", 4);
    assert_eq!(answer["scope-source"], "pool");
    assert_eq!(kinds(&answer), ["dependent", "snapshot"], "what lies in the trash needs it");
    assert!(items(&answer, "checked").contains(&"catalogue".into()));
    assert_eq!(kinds(&pool.json("can-rm .vm@3.trash", 4)), ["trash"]);
    pool.ok("trash purge --all");
    let answer = pool.json("can-rm vm@2-s2.qcow2", 4);
    assert_eq!(kinds(&answer), ["snapshot"]);
    pool.ends("can-rm vm@2-s2.qcow2", 4).says("diskdag snap rm");
    let answer = pool.json("can-rm vm.qcow2", 0);
    assert_eq!((&answer["verdict"], &answer["scope-source"]), (&"yes".into(), &"pool".into()));
    // Whatever path leads to it.
    std::os::unix::fs::symlink(pool.fleet.root(), pool.fleet.outside().join("way")).unwrap();
    let way = pool.fleet.outside().join("way/vm@2-s2.qcow2");
    let answer = pool.fleet.diskdag("can-rm").arg(way).json().go().exits(4).value();
    assert_eq!(kinds(&answer), ["snapshot"]);
}

/// A snapshot under another name is none for its catalogue: that would be the loss of it.
#[test]
fn what_if_says_no_to_the_move_of_what_a_catalogue_has_by_its_name() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.ok("snap create s1 vm.qcow2");
    pool.ok("pin s1 vm.qcow2 --reason keep");
    let answer = pool.json("what-if --mv vm@1-s1.qcow2 old.qcow2 --rebase vm.qcow2 old.qcow2", 4);
    assert_eq!((&answer["verdict"], kinds(&answer)), (&"no".into(), vec!["pinned", "snapshot"]));
    pool.ends("what-if --mv vm@1-s1.qcow2 old.qcow2", 4)
        .says("the catalogue of a pool would not find these")
        .says("is the snapshot s1 of");
    // A symbolic link that leads to it, and another hard link, are names of which no catalogue knows.
    let (snapshot, root) = (pool.fleet.path("vm@1-s1.qcow2"), pool.fleet.root());
    std::os::unix::fs::symlink("vm@1-s1.qcow2", root.join("way")).unwrap();
    std::fs::hard_link(&snapshot, root.join("hard.qcow2")).unwrap();
    for name in ["way", "hard.qcow2"] {
        let answer = pool.json(&format!("what-if --mv {name} elsewhere"), 0);
        assert!(kinds(&answer).is_empty(), "{name}: {answer}");
    }
    let answer = pool.json("what-if --mv vm@1-s1.qcow2 old.qcow2", 4);
    assert!(kinds(&answer).contains(&"snapshot"), "{answer}");
    // What lies in the trash.
    std::fs::remove_file(root.join("hard.qcow2")).unwrap();
    pool.ok("snap restore s1 vm.qcow2");
    let answer = pool.json("what-if --mv .vm@2.trash kept.qcow2", 4);
    assert_eq!(kinds(&answer), ["trash"]);
}

/// It is found by its path: elsewhere it is a disk that has no snapshots.
#[test]
fn a_live_disk_that_is_moved_was_parted_from_its_snapshots_without_a_word() {
    let Some(pool) = Pool::with_vm() else { return };
    // Without a snapshot nothing of it is recorded.
    pool.json("what-if --mv vm.qcow2 new.qcow2", 0);
    pool.ok("snap create s1 vm.qcow2");
    pool.ok("snap create s2 vm.qcow2");
    pool.disk("other.qcow2");
    let answer = pool.json("what-if --mv vm.qcow2 new.qcow2", 6);
    let [one] = items(&answer, "pools") else { panic!("{answer}") };
    assert_eq!((path_of(one), &one["snapshots"]), (pool.fleet.path("vm.qcow2"), &2.into()));
    assert_eq!(one["pool"], pool.fleet.root().to_str().unwrap());
    assert_eq!(one["to"], pool.fleet.path("new.qcow2").to_str().unwrap());
    assert!(one["finds"].is_null() && answer["verdict"].is_null(), "{answer}");
    let text = pool.ends("what-if --mv vm.qcow2 new.qcow2", 6);
    text.says("would be parted from their snapshots")
        .says("2 snapshots")
        .never_says("nothing would");
    // Something else in its place would be taken for it; but an overlay of it is it, as it goes on.
    let answer = pool.json("what-if --mv other.qcow2 vm.qcow2", 6);
    assert_eq!(items(&answer, "pools")[0]["finds"], pool.fleet.path("vm.qcow2").to_str().unwrap());
    let answer =
        pool.json("what-if --mv vm.qcow2 by-hand.qcow2 --create vm.qcow2 by-hand.qcow2", 0);
    assert!(items(&answer, "pools").is_empty(), "{answer}");
    // So it is.
    std::fs::rename(pool.fleet.path("vm.qcow2"), pool.fleet.path("new.qcow2")).unwrap();
    pool.ends("snap restore s1 new.qcow2", 5);
    pool.ends("snap restore s1 vm.qcow2", 5);
}

/// What cannot be read is a doubt, never "nothing".
#[test]
fn a_catalogue_that_cannot_be_read_is_a_doubt() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.ok("snap create s1 vm.qcow2");
    pool.ok("can-rm vm.qcow2");
    let folder = pool.fleet.path(".diskdag");
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("catalogue") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let answer = pool.json("can-rm vm.qcow2", 7);
    assert_eq!(answer["verdict"], "unknown");
    let doubt = &items(&answer, "doubts")[0];
    assert!(text_of(doubt, "reason").contains("catalogue"), "{doubt}");
    assert_eq!(doubt["path"], pool.fleet.root().to_str().unwrap());
    let answer = pool.json("what-if --mv vm@1-s1.qcow2 vm.qcow2", 7);
    assert!(answer["doubts"].to_string().contains("catalogue"), "{answer}");
    let answer = pool.json("what-if --mv vm.qcow2 other.qcow2", 7);
    assert!(answer["doubts"].to_string().contains("catalogue"), "{answer}");
    pool.ok("tree .").says("catalogue");
}

#[test]
fn trees_and_dependents_call_snapshots_by_their_names() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.ok("snap create before-upgrade vm.qcow2");
    pool.ok("snap create after-upgrade vm.qcow2");
    pool.ok("tree").says("(snapshot before-upgrade)").says("(snapshot after-upgrade)");
    let tree = pool.json("tree", 0);
    let named: Vec<_> =
        items(&tree, "disks").iter().filter_map(|disk| disk["snapshot"].as_str()).collect();
    assert_eq!(named.len(), 2);
    let answer = pool.json("dependents vm@1-before-upgrade.qcow2", 0);
    let names: Vec<_> =
        items(&answer, "dependents").iter().map(|it| it["snapshot"].clone()).collect();
    assert!(names.contains(&"after-upgrade".into()), "{answer}");
    pool.ok("dependents vm@1-before-upgrade.qcow2").says("(snapshot after-upgrade)");
}

/// The records of a pool are no disks. Yet a disk that somebody has put among them is seen: it may need one.
#[test]
fn the_records_are_no_disks() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.ok("snap create s1 vm.qcow2");
    let scan = pool.json("scan .", 0);
    assert_eq!(scan["disks"], 2);
    assert!(items(&scan, "findings").is_empty(), "{scan}");
    pool.ok("tree .").never_says(".diskdag");
    pool.fleet.overlay(".diskdag/hidden.qcow2", "../vm.qcow2");
    pool.ends("can-rm vm.qcow2", 4).says("hidden.qcow2");
}
