//! What a plan names, done by qemu-img on real files; and what it warns of, seen to happen.

use std::ffi::OsString;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::made::io;
use crate::support::{Fleet, Qemu, is_root, items, path_of, require_qemu, text_of};

/// The plan for the removal of an image.
fn plan(fleet: &Fleet, image: &str) -> Vec<Value> {
    let answer = fleet.diskdag("can-rm").rooted().image(image).json().go();
    let answer = answer.exits(4).scanned("can-rm");
    items(&answer, "plan").to_vec()
}

/// The step for a disk, or none.
fn step_of(plan: &[Value], path: &Path) -> Option<Value> {
    plan.iter().find(|step| path_of(step) == path).cloned()
}

/// The sorts of what stands in the way of a step.
fn hindrances(step: &Value) -> Vec<String> {
    let all = items(step, "hindrances").iter();
    all.map(|one| text_of(one, "kind").to_owned()).collect()
}

/// What a person would type for a step.
fn command(step: &Value) -> Vec<OsString> {
    let path = path_of(step);
    let words: Vec<OsString> = match text_of(step, "remedy") {
        "rebase" => {
            let onto = text_of(step, "onto");
            let format = if onto.ends_with(".raw") { "raw" } else { "qcow2" };
            ["rebase", "-f", "qcow2", "-b", onto, "-F", format].map(OsString::from).into()
        }
        // Where nothing can be opened, this is what would be tried.
        "flatten" | "repair" => ["rebase", "-f", "qcow2", "-b", ""].map(OsString::from).into(),
        other => panic!("{other}: {step}"),
    };
    words.into_iter().chain([path.into()]).collect()
}

/// Does it; whether it was done.
fn done(qemu: Qemu, fleet: &Fleet, step: &Value) -> bool {
    qemu.try_img(&fleet.root(), command(step)).code == Some(0)
}

/// What its guest reads.
fn content(qemu: Qemu, fleet: &Fleet, options: &[&str], path: &Path) -> Vec<u8> {
    let raw = fleet.temporary().join("content");
    let words = ["convert"].iter().chain(options).chain(&["-O", "raw"]);
    let words = words.map(OsString::from).chain([path.into(), raw.clone().into()]);
    qemu.img(&fleet.root(), words);
    std::fs::read(raw).unwrap()
}

/// `base <- middle`, each with data of its own.
fn fleet(qemu: Qemu) -> Fleet {
    let fleet = Fleet::new();
    let root = fleet.root();
    qemu.create(&root, "qcow2", &["base.qcow2", "1M"]);
    io(&root, "base.qcow2", &["write -P 1 0 64k"]);
    qemu.create(&root, "qcow2", &["-b", "base.qcow2", "-F", "qcow2", "middle.qcow2"]);
    io(&root, "middle.qcow2", &["write -P 2 64k 64k"]);
    fleet
}

/// One more overlay of the middle.
fn overlay(qemu: Qemu, fleet: &Fleet, name: &str, options: &[&str]) -> PathBuf {
    let words = [options, &["-b", "middle.qcow2", "-F", "qcow2", name, "1M"]].concat();
    qemu.create(&fleet.root(), "qcow2", &words);
    fleet.path(name)
}

/// Sets a bit of the incompatible features.
fn mark(path: &Path, byte: u64, bit: u8) {
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.write_all_at(&[bit], byte).unwrap();
}

const SECRET: [&str; 4] = [
    "--object",
    "secret,id=s,data=x",
    "-o",
    "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10",
];

#[test]
fn a_plan_is_what_qemu_img_can_do_and_leaves_every_guest_what_it_reads() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = fleet(qemu);
    overlay(qemu, &fleet, "plain.qcow2", &[]);
    overlay(qemu, &fleet, "old.qcow2", &["-o", "compat=0.10"]);
    overlay(qemu, &fleet, "fine.qcow2", &["-o", "extended_l2=on"]);
    let data = format!("data_file={}", fleet.path("data").display());
    overlay(qemu, &fleet, "apart.qcow2", &["-o", &data]);
    let dirty = overlay(qemu, &fleet, "dirty.qcow2", &[]);
    mark(&dirty, 79, 1);
    for (image, remedy, files) in [("middle.qcow2", "rebase", 5), ("base.qcow2", "flatten", 1)] {
        let plan = plan(&fleet, image);
        assert_eq!(plan.len(), files, "{plan:?}");
        for step in plan {
            assert_eq!((text_of(&step, "remedy"), hindrances(&step).len()), (remedy, 0), "{step}");
            let before = content(qemu, &fleet, &[], &path_of(&step));
            assert!(done(qemu, &fleet, &step), "{step}");
            assert!(content(qemu, &fleet, &[], &path_of(&step)) == before, "{step}");
        }
        fleet.diskdag("can-rm").rooted().image(image).go().exits(0);
        std::fs::remove_file(fleet.path(image)).unwrap();
        if image == "middle.qcow2" {
            for file in ["plain", "old", "fine", "apart"] {
                std::fs::remove_file(fleet.path(format!("{file}.qcow2"))).unwrap();
            }
        }
    }
    assert!(content(qemu, &fleet, &[], &dirty).starts_with(&[1; 1 << 16]));
}

#[test]
fn a_member_of_a_cycle_was_to_be_rebased_though_nothing_can_open_it() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = fleet(qemu);
    qemu.overlay(&fleet.root(), "a.qcow2", "b.qcow2", "qcow2");
    qemu.overlay(&fleet.root(), "b.qcow2", "a.qcow2", "qcow2");
    qemu.overlay(&fleet.root(), "above.qcow2", "a.qcow2", "qcow2");
    let all = plan(&fleet, "a.qcow2");
    assert_eq!(all.len(), 2, "{all:?}");
    for step in all {
        assert_eq!(text_of(&step, "remedy"), "repair", "{step}");
        assert_eq!(hindrances(&step), ["cycle"], "{step}");
        // The one above would be opened until no file can be: it is not tried.
        if path_of(&step) == fleet.path("b.qcow2") {
            assert!(!done(qemu, &fleet, &step), "{step}");
        }
    }
    let text = fleet.diskdag("can-rm").rooted().image("a.qcow2").go().exits(4);
    text.says("cannot be opened").says("needs itself").says("if you know what that is");
    // What is said to help does.
    let words = ["rebase", "-u", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", "b.qcow2"];
    qemu.img(&fleet.root(), words);
    let plan = plan(&fleet, "a.qcow2");
    assert_eq!(plan.len(), 1, "{plan:?}");
    assert!(text_of(&plan[0], "remedy") == "rebase" && done(qemu, &fleet, &plan[0]), "{plan:?}");
    fleet.diskdag("can-rm").rooted().image("a.qcow2").go().exits(0);
    // Removed together they are in nobody's way.
    qemu.overlay(&fleet.root(), "c.qcow2", "d.qcow2", "qcow2");
    qemu.overlay(&fleet.root(), "d.qcow2", "c.qcow2", "qcow2");
    fleet.diskdag("can-rm").rooted().image("c.qcow2").image("d.qcow2").go().exits(0);
}

#[test]
fn what_stands_in_the_way_of_a_step_is_told_and_does() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = fleet(qemu);
    let locked = overlay(qemu, &fleet, "locked.qcow2", &[]);
    let corrupt = overlay(qemu, &fleet, "corrupt.qcow2", &[]);
    mark(&corrupt, 79, 2);
    let newer = overlay(qemu, &fleet, "newer.qcow2", &[]);
    mark(&newer, 72, 0x80);
    let secret = overlay(qemu, &fleet, "secret.qcow2", &SECRET);
    let data = format!("data_file={}", fleet.path("data").display());
    let apart = overlay(qemu, &fleet, "apart.qcow2", &["-o", &data]);
    std::fs::remove_file(fleet.path("data")).unwrap();
    let held = qemu.hold(&locked, false);
    let all = plan(&fleet, "middle.qcow2");
    let expected = [
        (&locked, "rebase", "in-use"),
        (&corrupt, "rebase", "corrupt"),
        (&newer, "rebase", "features"),
        (&secret, "rebase", "encrypted"),
        (&apart, "repair", "broken"),
    ];
    assert_eq!(all.len(), expected.len(), "{all:?}");
    for (path, remedy, hindrance) in expected {
        let step = step_of(&all, path).unwrap();
        assert_eq!((text_of(&step, "remedy"), hindrances(&step)), (remedy, vec![hindrance.into()]));
        assert!(!done(qemu, &fleet, &step), "{step}");
    }
    held.release();
    let step = step_of(&plan(&fleet, "middle.qcow2"), &locked).unwrap();
    assert!(hindrances(&step).is_empty() && done(qemu, &fleet, &step), "{step}");
}

/// Nothing fails, and a snapshot that nobody looks at reads something else from then on.
#[test]
fn a_rebase_that_was_planned_changed_what_internal_snapshots_read() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = fleet(qemu);
    let path = overlay(qemu, &fleet, "snapped.qcow2", &[]);
    qemu.img(&fleet.root(), ["snapshot", "-c", "before", "snapped.qcow2"]);
    let snapshot = || content(qemu, &fleet, &["-l", "snapshot.name=before"], &path);
    let (before, of_snapshot) = (content(qemu, &fleet, &[], &path), snapshot());
    let [step] = &plan(&fleet, "middle.qcow2")[..] else { panic!("one disk needs it") };
    assert_eq!(hindrances(step), ["internal-snapshots"]);
    let text = fleet.diskdag("can-rm").rooted().image("middle.qcow2").go().exits(4);
    text.says("1 internal snapshot").says("copy them out first");
    assert!(done(qemu, &fleet, step), "{step}");
    assert!(content(qemu, &fleet, &[], &path) == before);
    assert!(snapshot() != of_snapshot, "QEMU looks after them by now");
}

#[test]
fn what_may_not_be_written_to_is_told_before_it_is_tried() {
    let Some(qemu) = require_qemu() else { return };
    if is_root() {
        return as_somebody_else(qemu);
    }
    let fleet = fleet(qemu);
    let path = overlay(qemu, &fleet, "sealed.qcow2", &[]);
    let mut mode = path.metadata().unwrap().permissions();
    mode.set_readonly(true);
    std::fs::set_permissions(&path, mode).unwrap();
    let [step] = &plan(&fleet, "middle.qcow2")[..] else { panic!("one disk needs it") };
    assert_eq!(hindrances(step), ["not-writable"]);
    assert!(!done(qemu, &fleet, step), "{step}");
}

/// Root may write whatever its mode says: it is asked for somebody who may not.
fn as_somebody_else(qemu: Qemu) {
    let fleet = fleet(qemu);
    overlay(qemu, &fleet, "roots.qcow2", &[]);
    let ask = || fleet.diskdag("can-rm").rooted().image("middle.qcow2").json();
    let answer = ask().unprivileged().go().exits(4).scanned("can-rm");
    assert_eq!(hindrances(&items(&answer, "plan")[0]), ["not-writable"], "{answer}");
    let answer = ask().go().exits(4).scanned("can-rm");
    assert_eq!(hindrances(&items(&answer, "plan")[0]).len(), 0, "{answer}");
}

/// It is only read, and cannot be opened for that while somebody writes to it.
#[test]
fn whoever_writes_to_what_a_step_only_reads_was_found_when_it_was_tried() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = fleet(qemu);
    overlay(qemu, &fleet, "leaf.qcow2", &[]);
    let base = fleet.path("base.qcow2");
    let held = qemu.hold(&base, false);
    let [step] = &plan(&fleet, "middle.qcow2")[..] else { panic!("one disk needs it") };
    assert_eq!(hindrances(step), ["in-use"], "{step}");
    assert_eq!(path_of(&items(step, "hindrances")[0]), base);
    let what_if =
        fleet.diskdag("what-if").rooted().arg("--flatten").image("leaf.qcow2").json().go();
    let hindered = what_if.exits(0).scanned("what-if");
    assert_eq!(path_of(&items(&items(&hindered, "hindered")[0], "by")[0]), base, "{hindered}");
    assert!(!done(qemu, &fleet, step), "{step}");
    held.release();
    // Who reads as well is in nobody's way.
    let held = qemu.hold(&base, true);
    let [step] = &plan(&fleet, "middle.qcow2")[..] else { panic!("one disk needs it") };
    assert!(hindrances(step).is_empty() && done(qemu, &fleet, step), "{step}");
    held.release();
}

/// A name that is resolved from the working directory: `rebase -u` does not change that of a data file.
#[test]
fn a_data_file_gets_its_absolute_name_by_another_command() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = fleet(qemu);
    qemu.create(&fleet.root(), "qcow2", &["-o", "data_file=data", "apart.qcow2", "1M"]);
    let [step] = &plan(&fleet, "data")[..] else { panic!("one disk may need it") };
    assert_eq!((text_of(step, "remedy"), text_of(step, "kind")), ("name", "data-file"));
    fleet.diskdag("can-rm").rooted().image("data").go().exits(4).says("qemu-img amend");
    let data = format!("data_file={}", fleet.path("data").display());
    qemu.img(&fleet.root(), ["amend", "-f", "qcow2", "-o", &data, "apart.qcow2"]);
    let [step] = &plan(&fleet, "data")[..] else { panic!("one disk needs it") };
    assert_eq!(text_of(step, "remedy"), "convert");
    let words = ["convert", "-O", "qcow2", "apart.qcow2", "own.qcow2"];
    qemu.img(&fleet.root(), words);
    std::fs::rename(fleet.path("own.qcow2"), fleet.path("apart.qcow2")).unwrap();
    fleet.diskdag("can-rm").rooted().image("data").go().exits(0);
}
