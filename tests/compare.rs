//! `diskdag compare` beside `qemu-img compare`: the same words and the same codes.

use crate::support::{Fleet, Image, Qemu, Random, made, require_qemu};

#[track_caller]
fn same(qemu: Qemu, fleet: &Fleet, arguments: &[&str], what: &str) -> i32 {
    let whole: Vec<&str> = ["compare"].iter().chain(arguments).copied().collect();
    let ended = qemu.try_img(&fleet.root(), &whole);
    let ask = fleet.diskdag("compare").args(arguments).within(fleet.root());
    let answer = ask.go().exits(ended.code.unwrap());
    let theirs = String::from_utf8(ended.stdout).unwrap();
    if theirs.starts_with("Strict mode: Offset") {
        // QEMU's piece may begin earlier: it takes reaching the disk's end for a part of the status.
        assert!(answer.text().starts_with("Strict mode: Offset"), "{}", answer.whole());
        return answer.code;
    }
    assert_eq!(answer.text(), theirs, "{arguments:?} {what}\n{}", answer.whole());
    answer.code
}

/// Each beside a copy of itself, flat and in another form; then a byte is changed.
#[test]
fn generated_chains() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    let root = fleet.root();
    let mut different = 0;
    for seed in 200..240 {
        let mut random = Random::new(seed);
        let top = made::chain(qemu, &root, &format!("c{seed}"), &mut random);
        let what = format!("seed {seed} {top:?}");
        let form = *random.pick(&[
            "cluster_size=64k",
            "cluster_size=512",
            "extended_l2=on",
            "compat=0.10",
        ]);
        let options = [&["convert", "-O", "qcow2", "-o", form][..], &[&top.name, "copy"]].concat();
        qemu.img(&root, &options);
        assert_eq!(same(qemu, &fleet, &[&top.name, "copy"], &what), 0);
        qemu.img(&root, ["convert", "-O", "raw", &top.name, "flat"]);
        assert_eq!(same(qemu, &fleet, &["-F", "raw", &top.name, "flat"], &what), 0);
        assert_eq!(same(qemu, &fleet, &["copy", "flat"], &what), 0);
        assert_eq!(same(qemu, &fleet, &["-s", &top.name, &top.name], &what), 0);

        let at = random.below(top.size / 512) * 512;
        made::io(&root, "copy", &[format!("write -P {} {at} 512", random.below(3))]);
        different += same(qemu, &fleet, &[&top.name, "copy"], &what);
        same(qemu, &fleet, &["copy", "flat"], &what);

        // Another overlay over the same chain, written to as well.
        qemu.create(&root, "qcow2", &["-b", &top.name, "-F", "qcow2", "sibling"]);
        assert_eq!(same(qemu, &fleet, &[&top.name, "sibling"], &what), 0);
        made::io(&root, "sibling", &[format!("write -P 9 {at} 512")]);
        different += same(qemu, &fleet, &["sibling", &top.name], &what);

        // One is longer, with nothing there or with something.
        let longer = (top.size + random.below(1 << 20) / 512 * 512 + 512).to_string();
        qemu.img(&root, ["resize", "-q", "copy", &longer]);
        same(qemu, &fleet, &[&top.name, "copy"], &what);
        same(qemu, &fleet, &["copy", &top.name], &what);
        same(qemu, &fleet, &["-s", "copy", &top.name], &what);
        made::io(&root, "copy", &[format!("write -P 1 {} 512", top.size)]);
        different += same(qemu, &fleet, &[&top.name, "copy"], &what);
        for name in ["copy", "flat", "sibling"] {
            std::fs::remove_file(root.join(name)).unwrap();
        }
    }
    assert!(different > 60, "only {different} were different");
}

/// Strictly it is not enough that the guest reads the same.
#[test]
fn strictly() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    let root = fleet.root();
    for name in ["nothing", "zeros", "data", "more", "packed"] {
        qemu.create(&root, "qcow2", &[name, "4M"]);
    }
    qemu.create(&root, "qcow2", &["longer", "5M"]);
    made::io(&root, "zeros", &["write -z 1M 1M"]);
    made::io(&root, "data", &["write -P 0 1M 1M"]);
    made::io(&root, "more", &["write -P 0 1M 2M"]);
    made::io(&root, "packed", &["write -c -P 0 1M 64k"]);
    let names = ["nothing", "zeros", "data", "more", "packed", "longer"];
    for one in names {
        for other in names {
            assert_eq!(same(qemu, &fleet, &[one, other], ""), 0);
            let strict = i32::from(one != other);
            assert_eq!(same(qemu, &fleet, &["-s", one, other], ""), strict);
            assert_eq!(same(qemu, &fleet, &["-q", "-s", one, other], ""), strict);
        }
    }
}

/// The codes for what goes wrong: 2 for an image that can't be opened, more while it is read.
#[test]
fn what_goes_wrong() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    let root = fleet.root();
    qemu.create(&root, "qcow2", &["-o", "cluster_size=4k", "good", "1M"]);
    made::io(&root, "good", &["write -P 5 0 64k"]);
    fleet.overlay("gone", "nothing.qcow2");
    fleet.write("untrue", &Image::new().backing("good", "raw"));
    assert_eq!(same(qemu, &fleet, &["good", "nothing"], ""), 2);
    assert_eq!(same(qemu, &fleet, &["gone", "good"], ""), 2);
    assert_eq!(same(qemu, &fleet, &["-f", "qcow2", "-F", "nonsense", "good", "good"], ""), 2);

    // An entry of the L2 table that leads to no cluster's start: the map can't be made.
    let mut bytes = std::fs::read(root.join("good")).unwrap();
    let word = |bytes: &[u8], at: usize| {
        usize::try_from(u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap())).unwrap()
    };
    let l1 = word(&bytes, 40);
    let l2 = word(&bytes, l1) & 0x00ff_ffff_ffff_fe00;
    bytes[l2 + 6] |= 2;
    fleet.bytes("bent", &bytes);
    assert_eq!(same(qemu, &fleet, &["good", "bent"], ""), 3);
    let bent = fleet.diskdag("compare").args(["good", "bent"]).within(&root).go().exits(3);
    bent.says("bent");

    // Compressed bytes that are none: the map can be made, and nothing be read.
    made::io(&root, "good", &["write -c -P 7 128k 4k"]);
    let mut bytes = std::fs::read(root.join("good")).unwrap();
    let entry = word(&bytes, l2 + 32 * 8);
    let packed = entry & ((1 << 58) - 1);
    bytes[packed..packed + 16].fill(0xff);
    fleet.bytes("torn", &bytes);
    assert_eq!(same(qemu, &fleet, &["torn", "good"], ""), 4);
}

#[test]
fn images_that_are_not_trusted() {
    let fleet = Fleet::three();
    let ask = |option: &str| {
        fleet.diskdag("compare").arg(option).image("leaf.qcow2").image("base.qcow2").go()
    };
    ask("--strict").exits(0);
    ask("--no-follow").exits(2).says("not allowed");
}
