//! `diskdag measure` beside `qemu-img measure`, number by number.

use serde_json::Value;

use crate::support::{Fleet, Qemu, Random, made, require_qemu};

#[track_caller]
fn same(qemu: Qemu, fleet: &Fleet, arguments: &[&str], what: &str) {
    let whole: Vec<&str> = ["measure", "--output=json"].iter().chain(arguments).copied().collect();
    let ended = qemu.try_img(&fleet.root(), &whole);
    let answer = fleet.diskdag("measure").arg("--output=json").args(arguments);
    let answer = answer.within(fleet.root()).go().exits(ended.code.unwrap());
    if ended.code == Some(0) {
        let theirs: Value = serde_json::from_slice(&ended.stdout).unwrap();
        assert_eq!(answer.value(), theirs, "{arguments:?} {what}");
    }
}

const COPIES: [&str; 9] = [
    "cluster_size=512",
    "cluster_size=4k,refcount_bits=1",
    "cluster_size=2M,refcount_bits=64",
    "extended_l2=on,cluster_size=128k",
    "compat=0.10",
    "preallocation=metadata",
    "preallocation=full,lazy_refcounts=on",
    "backing_file=x,backing_fmt=qcow2",
    "compression_type=zstd",
];

#[test]
fn generated_chains() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    for seed in 100..140 {
        let mut random = Random::new(seed);
        let top = made::chain(qemu, &fleet.root(), &format!("m{seed}"), &mut random);
        let what = format!("seed {seed} {top:?}");
        same(qemu, &fleet, &[&top.name], &what);
        same(qemu, &fleet, &["-O", "qcow2", &top.name], &what);
        let copy = *random.pick(&COPIES);
        same(qemu, &fleet, &["-O", "qcow2", "-o", copy, &top.name], &format!("{copy} {what}"));
        let can_snapshot = !top.data_file && top.refcount_bits > 2;
        if can_snapshot && random.percent(50) {
            qemu.img(&fleet.root(), ["snapshot", "-c", "then", &top.name]);
            top.scribble(&fleet.root(), &mut random);
            same(qemu, &fleet, &["-O", "qcow2", "-l", "snapshot.name=then", &top.name], &what);
            same(qemu, &fleet, &["-O", "qcow2", "-l", "then", &top.name], &what);
        }
    }
}

#[test]
fn disks_that_are_not_there_yet() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    for size in ["0", "1", "1000", "64k", "1M", "1000000000", "10G", "1T", "64T", "8191P"] {
        same(qemu, &fleet, &["--size", size], "");
        same(qemu, &fleet, &["-O", "qcow2", "--size", size], "");
        for copy in COPIES {
            same(qemu, &fleet, &["-O", "qcow2", "-o", copy, "--size", size], "");
        }
    }
    let secret = "secret,id=key,data=correct-horse";
    let luks = "encrypt.format=luks,encrypt.key-secret=key";
    let theirs = qemu.img(
        &fleet.root(),
        ["measure", "--output=json", "--object", secret, "-O", "qcow2", "-o", luks, "--size", "1G"],
    );
    let ask = fleet.diskdag("measure").args(["--json", "-O", "qcow2", "-o", luks, "--size", "1G"]);
    assert_eq!(ask.go().exits(0).value(), serde_json::from_slice::<Value>(&theirs).unwrap());
}

#[test]
fn bitmaps_take_room_too() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    let root = fleet.root();
    for (name, size, cluster) in [("a", "1G", "64k"), ("b", "10T", "64k"), ("c", "3M", "512")] {
        qemu.create(&root, "qcow2", &["-o", &format!("cluster_size={cluster}"), name, size]);
        same(qemu, &fleet, &["-O", "qcow2", name], "none yet");
        for granularity in ["64k", "1M", "2G"] {
            let bitmap = format!("every-{granularity}");
            qemu.img(&root, ["bitmap", "--add", "-g", granularity, name, &bitmap]);
            same(qemu, &fleet, &["-O", "qcow2", name], "bitmaps");
            same(qemu, &fleet, &["-O", "qcow2", "-o", "compat=0.10", name], "version 2");
            same(qemu, &fleet, &["-O", "qcow2", "-o", "cluster_size=4k", name], "clusters");
            same(qemu, &fleet, &["-O", "raw", name], "raw");
        }
    }
}

#[test]
fn what_makes_no_sense() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    for copy in [
        "cluster_size=3k",
        "cluster_size=4M",
        "cluster_size=256",
        "refcount_bits=3",
        "refcount_bits=128",
        "refcount_bits=8,compat=0.10",
        "extended_l2=on,cluster_size=8k",
        "extended_l2=on,compat=0.10",
        "preallocation=some",
        "compat=2",
        "nonsense=1",
    ] {
        same(qemu, &fleet, &["-O", "qcow2", "-o", copy, "--size", "1G"], "");
    }
    same(qemu, &fleet, &["-O", "qcow2", "nothing"], "");
    fleet.diskdag("measure").args(["-O", "qcow2"]).go().exits(64);
}

#[test]
fn people_get_sizes_that_they_can_read() {
    let fleet = Fleet::new();
    let answer = fleet.diskdag("measure").args(["-O", "qcow2", "--size", "1G"]).go().exits(0);
    answer.says("required size: 393216 (384 KiB)").says("fully allocated size: 1074135040");
}
