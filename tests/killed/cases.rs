//! The operations that are killed, and what has to hold afterwards.

use super::seen::{Copy, Seen};
use super::trace::{self, End};
use crate::pool::support::Pool;
use crate::support::items;

/// An operation.
struct Case {
    /// What has happened before, a line a command; `write DISK BYTE` is the guest, `over NAME` makes an overlay of
    /// vm.qcow2.
    before: &'static [&'static str],
    /// What is killed.
    line: &'static str,
    /// It does one thing, whole or not at all. Else it may have done some of what it does.
    is_atomic: bool,
}

/// How thorough to be: at each call (`calls`), and at each call of recovery as well (`every`).
fn is_asked_for(thoroughness: &[&str]) -> bool {
    let asked = std::env::var("DISKDAG_KILL").unwrap_or_default();
    thoroughness.contains(&&*asked)
}

pub(crate) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(' ')
}

impl Case {
    /// Kills it at each call, and looks.
    fn run(&self) {
        let Some(pool) = Pool::with_vm() else { return };
        for line in self.before {
            match line.strip_prefix("write ").and_then(|rest| rest.split_once(' ')) {
                Some((disk, byte)) => pool.write(disk, byte.parse().unwrap()),
                None => match line.split_once(' ') {
                    Some(("disk", name)) => drop(pool.disk(name)),
                    // As `qemu-img create -b` makes it.
                    Some(("over", name)) => {
                        pool.qemu.create(
                            &pool.fleet.root(),
                            "qcow2",
                            &["-b", "vm.qcow2", "-F", "qcow2", name],
                        );
                    }
                    _ => drop(pool.ok(line)),
                },
            }
        }
        let root = pool.fleet.root();
        let copy = || Copy::of(&root, pool.qemu);
        let undisturbed = copy();
        let before = undisturbed.look();
        let ran = trace::run(&undisturbed.root, words(self.line), usize::MAX);
        let Some(ran) = ran else { return };
        let End::Ran { code: 0, calls } = ran else { panic!("{}: {ran:?}", self.line) };
        let after = undisturbed.look();
        let mut reached = Vec::new();
        let each = is_asked_for(&["calls", "every"]);
        for call in (1..=calls).filter(|call| each || calls < 16 || call % 2 == 0) {
            let pool = copy();
            match trace::run(&pool.root, words(self.line), call) {
                Some(End::Killed { call }) => reached.push(call),
                // Threads may share the work otherwise, and make a call less.
                Some(End::Ran { code: 0, .. }) => {}
                other => panic!("{} at call {call}: {other:?}", self.line),
            }
            let said = format!("{}, killed before call {call} ({:?})", self.line, reached.last());
            self.judge(&pool, &before, &after, &said);
        }
        println!("{}: killed before {} of {calls} calls: {reached:?}", self.line, reached.len());
        assert!(reached.len() > 3, "{reached:?}");
        if is_asked_for(&["every"]) {
            self.kill_recovery(&copy, &before, &after, calls);
        }
    }

    /// What holds wherever it was killed.
    fn judge(&self, pool: &Copy, before: &Seen, after: &Seen, said: &str) {
        // A machine is started before anybody recovers: each live path opens, and reads what it read before or
        // what it reads after.
        for (disk, content) in &before.live {
            let now = pool.read(&pool.root.join(disk));
            let now = now.unwrap_or_else(|| panic!("{said}: {disk} does not open"));
            let then = after.live.get(disk);
            assert!(now == *content || Some(&now) == then, "{said}: {disk} reads {now:?}");
        }
        pool.json("recover");
        let settled = pool.look();
        let again = pool.json("recover");
        assert!(items(&again, "actions").is_empty(), "{said}: recovery again does {again}");
        assert_eq!(pool.look(), settled, "{said}: recovery again has changed something");
        pool.run(["scan", "."]).exits(0);
        if self.is_atomic {
            assert!(
                settled == *before || settled == *after,
                "{said}: neither before nor after: {settled:#?}\nbefore {before:#?}\nafter {after:#?}"
            );
        } else {
            assert_eq!(settled.live, before.live, "{said}");
            let of = |seen: &Seen| seen.snapshots.clone();
            assert!(
                of(&settled) == of(before) || of(&settled) == of(after),
                "{said}: {settled:#?}"
            );
        }
        // Once more, it succeeds.
        if settled == *before || !self.is_atomic {
            pool.run(words(self.line)).exits(0);
            assert_eq!(pool.look(), *after, "{said}: done again it does something else");
        }
        // What the kill has left behind can be told from everything else, and taken away.
        let collected = pool.json("gc");
        let left = pool.json("recover");
        assert!(items(&left, "orphans").is_empty(), "{said}: {collected} leaves {left}");
        let files = std::fs::read_dir(&pool.root).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let unfinished: Vec<_> = names.filter(|name| name.ends_with(".new")).collect();
        assert!(unfinished.is_empty(), "{said}: {unfinished:?} stay");
    }

    /// Recovery, killed at each of its own calls.
    fn kill_recovery(&self, copy: &impl Fn() -> Copy, before: &Seen, after: &Seen, calls: usize) {
        for call in 1..=calls {
            for second in 1.. {
                let pool = copy();
                trace::run(&pool.root, words(self.line), call);
                let ended = trace::run(&pool.root, ["recover"], second);
                let said = format!(
                    "{}, killed before call {call}; recovery, before call {second}",
                    self.line
                );
                self.judge(&pool, before, after, &said);
                if !matches!(ended, Some(End::Killed { .. })) {
                    break;
                }
            }
        }
    }
}

/// A pool is there whole, or it can be made once more.
#[test]
fn init() {
    let Some(pool) = Pool::with_vm() else { return };
    std::fs::remove_dir_all(pool.fleet.path(".diskdag")).unwrap();
    for call in 1.. {
        let copy = Copy::of(&pool.fleet.root(), pool.qemu);
        let Some(ended) = trace::run(&copy.root, ["init", "."], call) else { return };
        copy.run(["init", "."]).exits_one_of(&[0, 4]);
        copy.run(words("snap create s1 vm.qcow2")).exits(0);
        copy.run(["scan", "."]).exits(0);
        let mut names = std::fs::read_dir(&copy.root).unwrap();
        let left = names.any(|entry| entry.unwrap().file_name() == ".diskdag.new");
        assert!(!left, "killed before call {call}: .diskdag.new stays");
        if let End::Ran { code, calls } = ended {
            assert_eq!(code, 0);
            println!("init: killed before {calls} calls");
            break;
        }
    }
}

#[test]
fn create() {
    Case { before: &[], line: "snap create s1 vm.qcow2", is_atomic: true }.run();
}

#[test]
fn create_with_a_snapshot_below() {
    let before = &["snap create s1 vm.qcow2", "write vm.qcow2 2"];
    Case { before, line: "snap create s2 vm.qcow2", is_atomic: true }.run();
}

#[test]
fn create_of_three_disks() {
    let before = &["disk b.qcow2", "disk c.qcow2", "write b.qcow2 2"];
    Case { before, line: "snap create s1 vm.qcow2 b.qcow2 c.qcow2", is_atomic: true }.run();
}

#[test]
fn create_frozen() {
    Case { before: &[], line: "snap create --freeze v1 vm.qcow2", is_atomic: true }.run();
}

#[test]
fn restore() {
    let before = &["snap create s1 vm.qcow2", "write vm.qcow2 2"];
    Case { before, line: "snap restore s1 vm.qcow2", is_atomic: true }.run();
}

#[test]
fn restore_and_keep() {
    let before = &["snap create s1 vm.qcow2", "write vm.qcow2 2"];
    Case { before, line: "snap restore s1 vm.qcow2 --keep was", is_atomic: true }.run();
}

#[test]
fn clone() {
    let before = &["snap create s1 vm.qcow2", "write vm.qcow2 2"];
    Case { before, line: "snap clone s1 vm.qcow2 a.qcow2 b.qcow2", is_atomic: true }.run();
}

/// A snapshot that nothing needs.
const DEAD: &[&str] = &[
    "snap create s1 vm.qcow2",
    "write vm.qcow2 2",
    "snap create s2 vm.qcow2",
    "write vm.qcow2 3",
    "snap restore s1 vm.qcow2",
    "trash purge --all",
];

#[test]
fn rm() {
    Case { before: DEAD, line: "snap rm s2 vm.qcow2", is_atomic: true }.run();
}

#[test]
fn retire() {
    Case { before: DEAD, line: "snap rm --retire s1 vm.qcow2", is_atomic: true }.run();
}

#[test]
fn trash_restore() {
    let before = &[
        "snap create s1 vm.qcow2",
        "write vm.qcow2 2",
        "snap create s2 vm.qcow2",
        "snap restore s1 vm.qcow2",
        "trash purge --all",
        "snap rm s2 vm.qcow2",
    ];
    Case { before, line: "trash restore 4", is_atomic: true }.run();
}

#[test]
fn purge() {
    let before =
        &["snap create s1 vm.qcow2", "snap restore s1 vm.qcow2", "snap restore s1 vm.qcow2"];
    Case { before, line: "trash purge --all", is_atomic: false }.run();
}

#[test]
fn gc() {
    let before = &[
        "snap create s1 vm.qcow2",
        "write vm.qcow2 2",
        "snap create s2 vm.qcow2",
        "snap create s3 vm.qcow2",
        "snap rm --retire s2 vm.qcow2",
        "snap restore s1 vm.qcow2",
        "trash purge --all",
        "snap rm s3 vm.qcow2",
    ];
    Case { before, line: "gc --older-than 0s --purge", is_atomic: false }.run();
}

#[test]
fn adopt() {
    Case { before: &["over top.qcow2"], line: "snap adopt top.qcow2", is_atomic: true }.run();
}

#[test]
fn pin() {
    Case { before: DEAD, line: "pin s2 vm.qcow2 --reason kept", is_atomic: true }.run();
}
