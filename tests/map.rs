//! `diskdag map` beside `qemu-img map`, extent by extent.

use serde_json::Value;

use crate::support::{Fleet, Image, Qemu, Random, made, require_qemu};

/// What qemu-img says, and how it ended.
fn theirs(qemu: Qemu, fleet: &Fleet, options: &[&str], image: &str) -> (i32, Vec<u8>) {
    let all = ["map"].iter().chain(options).chain([&image]);
    let ended = qemu.try_img(&fleet.root(), all);
    (ended.code.unwrap(), ended.stdout)
}

#[track_caller]
fn same_json(qemu: Qemu, fleet: &Fleet, options: &[&str], image: &str, what: &str) {
    let options: Vec<&str> = ["--output=json"].iter().chain(options).copied().collect();
    let (code, out) = theirs(qemu, fleet, &options, image);
    let answer = fleet.diskdag("map").args(&options).arg(image).within(fleet.root()).go();
    let ours = answer.exits(code).value();
    let theirs: Value = serde_json::from_slice(&out).unwrap();
    let (ours, theirs) = (ours.as_array().unwrap(), theirs.as_array().unwrap());
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert_eq!(ours, theirs, "{options:?} {what}");
    }
    assert_eq!(ours.len(), theirs.len(), "{options:?} {what}");
}

/// Version, cluster size, compression, subclusters, data file, preallocation, refcount width; over
/// each other, and over raw files.
#[test]
fn generated_chains() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    for seed in 0..50 {
        let mut random = Random::new(seed);
        let top = made::chain(qemu, &fleet.root(), &format!("map{seed}"), &mut random);
        let what = format!("seed {seed} {top:?}");
        same_json(qemu, &fleet, &[], &top.name, &what);
        let start = random.below(top.size + 1).to_string();
        let length = (random.below(top.size) + 1).to_string();
        same_json(qemu, &fleet, &["-s", &start], &top.name, &what);
        let both = [&*format!("--start-offset={start}"), &*format!("--max-length={length}")];
        same_json(qemu, &fleet, &both, &top.name, &what);

        let (code, out) = theirs(qemu, &fleet, &[], &top.name);
        let answer = fleet.diskdag("map").arg(&top.name).within(fleet.root()).go().exits(code);
        if code == 0 {
            assert_eq!(answer.text(), String::from_utf8(out).unwrap(), "{what}");
        } else {
            answer.says("compressed");
        }
    }
}

#[test]
fn snapshots_and_bitmaps_change_nothing() {
    let Some(qemu) = require_qemu() else { return };
    let (fleet, mut random) = (Fleet::new(), Random::new(7));
    let root = fleet.root();
    qemu.create(&root, "qcow2", &["-o", "cluster_size=4k", "vm", "8M"]);
    for round in 0..4 {
        let commands: Vec<_> =
            (0..20).map(|_| format!("write -P 3 {} 4k", random.below(2048) * 4096)).collect();
        made::io(&root, "vm", &commands);
        qemu.img(&root, ["snapshot", "-c", &format!("s{round}"), "vm"]);
        qemu.img(&root, ["bitmap", "--add", "vm", &format!("b{round}")]);
        same_json(qemu, &fleet, &[], "vm", "snapshots");
    }
}

#[test]
fn raw_and_empty_disks() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    qemu.create(&fleet.root(), "qcow2", &["empty", "0"]);
    qemu.create(&fleet.root(), "qcow2", &["hollow", "1T"]);
    same_json(qemu, &fleet, &[], "empty", "empty");
    same_json(qemu, &fleet, &[], "hollow", "hollow");
    same_json(qemu, &fleet, &["-s", "2T"], "hollow", "behind its end");
    same_json(qemu, &fleet, &["-s", "1.5G", "-l", "64k"], "hollow", "sizes with letters");
    for length in [1, 511, 512, 4096, 100_000] {
        fleet.bytes("disk.raw", &vec![7; length]);
        same_json(qemu, &fleet, &["-f", "raw"], "disk.raw", "raw");
    }
    // An image that is declared raw is one.
    same_json(qemu, &fleet, &["-f", "raw"], "hollow", "qcow2 as raw");
}

/// Trusted unless it is said otherwise: then what the image names is not opened.
#[test]
fn an_image_that_is_not_trusted() {
    let fleet = Fleet::three();
    let ask = |options: &[&str]| fleet.diskdag("map").args(options).image("leaf.qcow2").go();
    ask(&["--output=json"]).exits(0);
    ask(&["--no-follow"]).exits(1).says("not allowed").says("middle.qcow2");
    ask(&["--allow-dir", fleet.root().to_str().unwrap()]).exits(0);
    ask(&["--allow-dir", fleet.settings().to_str().unwrap()]).exits(1).says("not allowed");
    fleet.diskdag("map").arg("--no-follow").image("base.qcow2").go().exits(0);
}

/// Chains that have no end, and that end in nothing.
#[test]
fn broken_chains_end() {
    let fleet = Fleet::new();
    fleet.overlay("a.qcow2", "b.qcow2");
    fleet.overlay("b.qcow2", "./a.qcow2");
    fleet.overlay("self.qcow2", "../images/self.qcow2");
    fleet.overlay("gone.qcow2", "nothing.qcow2");
    fleet.overlay("remote.qcow2", "nbd://127.0.0.1:1/x");
    fleet.write("special", &Image::new().backing("/dev/zero", "raw"));
    for image in ["a.qcow2", "self.qcow2", "gone.qcow2", "remote.qcow2", "special", "nothing"] {
        for verb in ["map", "measure"] {
            fleet.diskdag(verb).image(image).go().exits(1);
        }
        fleet.diskdag("compare").image(image).image(image).go().exits(2);
    }
}
