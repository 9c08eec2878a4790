//! What nobody needs any more.

use super::support::Pool;
use crate::support::{items, text_of};

/// The reasons for a file, dead or kept.
fn reason(answer: &serde_json::Value, list: &str, ending: &str) -> String {
    let found = items(answer, list).iter().find(|it| text_of(it, "path").ends_with(ending));
    found.map(|it| text_of(it, "reason").to_owned()).unwrap_or_default()
}

#[test]
fn trash_goes_when_it_is_old_enough() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.ok("snap create s1 vm.qcow2");
    pool.ok("snap restore s1 vm.qcow2");
    let before = pool.bytes();
    let answer = pool.json("gc", 0);
    assert_eq!(answer["schema"], "diskdag/gc/1");
    assert_eq!((&answer["dry-run"], &answer["freed"]), (&false.into(), &0.into()));
    assert!(items(&answer, "dead").is_empty());
    assert!(!reason(&answer, "kept", ".vm@2.trash").is_empty(), "{answer}");
    let plan = pool.json("gc --dry-run --older-than 0s", 0);
    assert_eq!(plan["dry-run"], true);
    let dead = &items(&plan, "dead")[0];
    assert_eq!(plan["freed"], dead["actual-size"]);
    assert_eq!(pool.bytes(), before);
    let none = pool.json("gc --older-than 0s --max-freed 1", 0);
    assert!(items(&none, "dead").is_empty(), "{none}");
    let done = pool.json("gc --older-than 0s", 0);
    assert_eq!(done["freed"], plan["freed"]);
    assert_eq!(pool.files(), ["vm.qcow2", "vm@1-s1.qcow2"]);
}

/// Three snapshots, of which the second is retired and needed by nothing but the third.
fn retire_s2(pool: &Pool) {
    pool.ok("snap create s1 vm.qcow2");
    pool.write("vm.qcow2", 2);
    pool.ok("snap create s2 vm.qcow2");
    pool.ok("snap create s3 vm.qcow2");
    pool.ok("snap restore s1 vm.qcow2");
    pool.ok("trash purge --all");
    pool.ok("snap rm --retire s2 vm.qcow2");
}

/// Whoever may need the one that is needed from out of the scope, that is no reason to keep the others.
#[test]
fn a_dependent_out_of_the_scope_keeps_what_it_needs_and_nothing_else() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.disk("other.qcow2");
    pool.ok("snap create s1 vm.qcow2 other.qcow2");
    pool.ok("snap restore s1 other.qcow2");
    let outside = pool.fleet.outside().to_owned();
    let base = pool.fleet.path("vm@1-s1.qcow2");
    let on = |dir: &std::path::Path, base: &std::path::Path, name: &str| {
        pool.qemu.create(dir, "qcow2", &["-b", base.to_str().unwrap(), "-F", "qcow2", name]);
    };
    on(&outside, &base, "over.qcow2");
    on(&pool.fleet.root(), &outside.join("over.qcow2"), "in.qcow2");
    pool.ends("snap rm s1 vm.qcow2", 4).says("over.qcow2").never_says("out-of-scope");
    pool.ok("snap rm --retire s1 vm.qcow2");
    let answer = pool.json("gc --older-than 0s --purge", 0);
    assert!(!reason(&answer, "dead", ".trash").is_empty(), "{answer}");
    assert_eq!(reason(&answer, "kept", "vm@1-s1.qcow2"), "something needs it");
    assert_eq!(items(&answer, "dead").len() + items(&answer, "kept").len(), 2, "{answer}");
}

#[test]
fn a_retired_snapshot_goes_once_nothing_needs_it() {
    let Some(pool) = Pool::with_vm() else { return };
    retire_s2(&pool);
    let answer = pool.json("gc --dry-run", 0);
    assert!(!reason(&answer, "kept", "vm@2-s2.qcow2").is_empty(), "{answer}");
    pool.ok("snap rm s3 vm.qcow2");
    pool.ok("trash purge --all");
    let answer = pool.json("gc", 0);
    assert!(!reason(&answer, "dead", "vm@2-s2.qcow2").is_empty(), "{answer}");
    assert_eq!(
        (&items(&answer, "dead")[0]["to-trash"], &answer["freed"]),
        (&true.into(), &0.into())
    );
    pool.ok("gc --older-than 0s");
    assert_eq!(pool.files(), ["vm.qcow2", "vm@1-s1.qcow2"]);
}

/// A retired snapshot goes to the trash, and frees nothing there: neither is said to be otherwise.
#[test]
fn what_went_to_the_trash_is_not_said_to_be_gone() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.ok("gc").says("nothing is dead");
    retire_s2(&pool);
    pool.ok("snap rm s3 vm.qcow2");
    pool.ok("trash purge --all");
    let words = "to the trash";
    pool.ok("gc --dry-run").says(words).says("would go").never_says("removed");
    pool.ok("gc").says(words).says("come back when").never_says("freed");
    pool.ok("gc --older-than 0s").says("removed, ").says(" freed").never_says(words);
}

/// Files that only look like ours, and files that nobody knows.
#[test]
fn what_is_not_ours_is_not_touched() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.ok("snap create s1 vm.qcow2");
    for name in [".vm@77.trash", ".vm@78.new", "vm@79-x.qcow2", "notes.txt", ".hidden", "core"] {
        pool.fleet.bytes(name, b"somebody's");
    }
    pool.fleet.overlay("vm@80-mine.qcow2", "vm@1-s1.qcow2");
    let before = pool.files();
    let answer = pool.json("gc --older-than 0s --purge", 0);
    assert_eq!(pool.files(), before, "{answer}");
}
