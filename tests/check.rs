//! `diskdag check` beside `qemu-img check`: the same object, the same exit code; and text that says more.

use serde_json::Value;

use crate::support::{Fleet, Image, Qemu, require_qemu};

/// Where qemu-img puts the refcount block of a new image with clusters of 64 KiB.
const BLOCK: usize = 131_072;

/// What qemu-img says and how it exits.
fn theirs(qemu: Qemu, fleet: &Fleet, image: &str) -> (Option<i32>, Value) {
    let finished = qemu.try_img(&fleet.root(), ["check", "--output=json", image]);
    let object = serde_json::from_slice(&finished.stdout).unwrap_or(Value::Null);
    (finished.code, object)
}

/// A disk of qemu-img's with a megabyte written, and then changed byte by byte.
fn disk(qemu: Qemu, fleet: &Fleet, name: &str, changes: &[(usize, u8)]) {
    qemu.create(&fleet.root(), "qcow2", &[name, "64M"]);
    crate::support::made::io(&fleet.root(), name, &["write 0 1M"]);
    let path = fleet.path(name);
    let mut bytes = std::fs::read(&path).unwrap();
    for (at, byte) in changes {
        bytes[*at] = *byte;
    }
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn the_object_and_the_exit_code_are_qemu_imgs() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    // Clean; a leak; a cluster that its refcount says is free; both; a refcount block that is none.
    let cases: [(&[(usize, u8)], i32); 5] = [
        (&[], 0),
        (&[(BLOCK + 101, 1)], 3),
        (&[(BLOCK + 13, 0)], 2),
        (&[(BLOCK + 13, 0), (BLOCK + 15, 2)], 2),
        (&[(65_536 + 6, 2)], 1),
    ];
    for (number, (changes, code)) in cases.into_iter().enumerate() {
        let name = format!("{number}.qcow2");
        disk(qemu, &fleet, &name, changes);
        if number == 1 {
            // Far enough for the cluster with the leak to be in the file.
            let file = std::fs::OpenOptions::new().write(true).open(fleet.path(&name)).unwrap();
            file.set_len(51 << 16).unwrap();
        }
        let (their_code, object) = theirs(qemu, &fleet, &name);
        assert_eq!(their_code, Some(code), "{name}: {object}");
        for spelling in [&["--json"][..], &["--output=json"], &["--output", "json", "-f", "qcow2"]]
        {
            let ask = fleet.diskdag("check").within(fleet.root()).args(spelling).arg(&name);
            assert_eq!(ask.go().exits(code).value(), object, "{name} {spelling:?}");
        }
    }
}

#[test]
fn raw_disks_have_nothing_to_check() {
    let fleet = Fleet::new();
    fleet.bytes("disk.raw", &[0; 4096]);
    fleet.base("base.qcow2");
    fleet.diskdag("check").image("disk.raw").go().exits(63);
    fleet.diskdag("check").image("base.qcow2").args(["-f", "raw"]).go().exits(63);
    let answer = fleet.diskdag("check").image("disk.raw").json().go().exits(63);
    assert_eq!(answer.object("error")["kind"], "unsupported");
}

#[test]
fn what_cannot_be_checked_exits_1() {
    let fleet = Fleet::new();
    fleet.bytes("cut.qcow2", &Image::new().bytes()[..80]);
    for name in ["cut.qcow2", "gone.qcow2", "."] {
        fleet.diskdag("check").image(name).go().exits(1);
    }
    fleet.diskdag("check").go().exits(64);
}

#[test]
fn text_says_what_where_how_often_and_what_to_run() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    disk(qemu, &fleet, "sound.qcow2", &[]);
    fleet.diskdag("check").image("sound.qcow2").go().exits(0).says("no errors").says("16 of 1024");
    let quiet = fleet.diskdag("check").image("sound.qcow2").arg("-q").go().exits(0);
    assert_eq!(quiet.text(), "");

    disk(qemu, &fleet, "broken.qcow2", &[(BLOCK + 13, 0), (BLOCK + 15, 0)]);
    let answer = fleet.diskdag("check").image("broken.qcow2").go().exits(2);
    let answer = answer.says("says it is free: 2 times").says("byte 393216");
    answer.says("qemu-img check -r all");
}

#[test]
fn a_sick_neighbour_is_told_but_not_counted() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    // The dirty bit.
    disk(qemu, &fleet, "dirty.qcow2", &[(79, 1)]);
    let answer = fleet.diskdag("check").image("dirty.qcow2").go().exits(0);
    assert!(answer.everything().contains("marked dirty"), "{}", answer.whole());
}

/// qemu-img opens the backing file, and fails without it.
#[test]
fn nothing_that_the_image_names_is_needed() {
    let fleet = Fleet::new();
    fleet.overlay("top.qcow2", "gone.qcow2");
    fleet.overlay("self.qcow2", "self.qcow2");
    for name in ["top.qcow2", "self.qcow2"] {
        let answer = fleet.diskdag("check").image(name).json().go();
        assert!(answer.value().get("format").is_some(), "{}", answer.whole());
    }
}
