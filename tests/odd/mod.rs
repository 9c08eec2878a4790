//! Images as QEMU's own block-layer tests make them: unclosed, corrupted at one place, compressed to the file's last
//! byte, with bitmaps in use, over bases of other lengths. Every verb gives qemu-img's answer, value by value, and
//! its exit code.

mod commands;

use serde_json::Value;

use crate::info::{same, without_allocation};
use crate::support::{Fleet, Qemu, made, require_qemu};

/// An image, and what is done to it, a step a line:
/// `create OPTIONS SIZE`, `over FILE FORMAT OPTIONS`, `io COMMAND` of qemu-io's, `img WORDS` of qemu-img's in which
/// `@` is the image, `poke OFFSET BYTE…`, `grow BYTES`. Options may be `-`.
const IMAGES: &[(&str, &str)] = &[
    ("lazy", "create lazy_refcounts=on 64M\nio write 0 1M"),
    ("unclosed", "create lazy_refcounts=on 64M\nio write 0 1M\npoke 79 1"),
    ("marked-corrupt", "create - 64M\nio write 0 512\npoke 79 2"),
    ("no-refcounts", "create - 64M\nio write 0 512\npoke 131072 0 0 0 0 0 0 0 0 0 0 0 0"),
    ("data-over-l1", "create - 64M\nio write 0 512\npoke 262144 80 0 0 0 0 3 0 0"),
    ("block-used-twice", "create - 64M\npoke 65544 0 0 0 0 0 2 0 0"),
    ("misaligned", "create - 64M\nio write 0 512\npoke 262144 80 0 0 0 0 5 2 0"),
    ("zero-at-nothing", "create - 64M\nio write -z 64k 64k\npoke 262152 80 0 0 0 0 0 0 1"),
    ("leaked", "create - 4M\nio write 0 1M\nio discard 0 1M\npoke 131088 0 1 0 2"),
    (
        "packed-wrong-size",
        "create - 8M\nio write -c -P 17 0 64k\nio write -c -P 34 64k 64k\npoke 262144 40",
    ),
    (
        "packed-too-long",
        "create - 8M\nio write -c -P 17 0 64k\nio write -c -P 34 64k 64k\npoke 262144 7f",
    ),
    ("packed-to-the-end", "create - 8M\nio write -c 0 64k\nio write -c 7M 64k"),
    ("packed-2m", "create cluster_size=2M 8M\nio write -c -P 3 2M 2M\nio write -c -P 4 4M 2M"),
    ("zstd-2m", "create compression_type=zstd,cluster_size=2M 8M\nio write -c -P 3 0 2M"),
    (
        "bitmaps",
        "create - 1G\nimg bitmap --add -g 512 @ fine\nimg bitmap --add -g 2G @ coarse\nimg bitmap --disable @ fine\nio write 0 10M",
    ),
    // The directory lies in the sixth cluster.
    ("bitmap-in-use", "create - 64M\nimg bitmap --add @ x\npoke 327692 0 0 0 1"),
    (
        "data-file",
        "create data_file=data-file.raw 64M\nio write -P 1 0 1M\nio write -z 2M 1M\nio discard 0 64k",
    ),
    (
        "data-file-raw",
        "create data_file=data-file-raw.raw,data_file_raw=on 64M\nio write -P 1 0 1M\nio write -z 2M 1M",
    ),
    ("data-file-metadata", "create data_file=data-file-metadata.raw,preallocation=metadata 8M"),
    ("data-file-over", "over data-file qcow2 data_file=data-file-over.raw\nio write -P 5 3M 100k"),
    (
        "subclusters",
        "over nines.raw raw extended_l2=on\nio write -P 1 1k 3k\nio write -z 64k 2k\nio write -z -u 128k 32k\nio discard 32k 8k",
    ),
    (
        "subclusters-16k",
        "over nines.raw raw extended_l2=on,cluster_size=16k\nio write -P 1 1k 3k\nio write -c -P 3 1M 16k",
    ),
    (
        "snapshots-v2",
        "create compat=0.10 64M\nio write 0 1M\nimg snapshot -c a @\nimg snapshot -c b @\nimg snapshot -c a @\nio write 512k 1M\nimg snapshot -d b @",
    ),
    (
        "snapshots-of-two-sizes",
        "create - 64M\nimg snapshot -c small @\nimg resize -q @ 128M\nio write 100M 1M\nimg snapshot -c large @",
    ),
    ("snapshot-at-64-bits", "create refcount_bits=64 8M\nio write 0 1M\nimg snapshot -c x @"),
    ("a-colon", "over ./with:colon.qcow2 qcow2 -"),
    ("file-protocol", "over file:fb.qcow2 qcow2 -"),
    ("sub/over", "over base.qcow2 qcow2 -"),
    ("over-over", "over sub/over qcow2 -"),
    ("longer", "over fb.qcow2 qcow2 - 5M\nio write -P 1 900k 300k\nio write -z 3M 64k"),
    ("shorter", "over fb.qcow2 qcow2 - 512k"),
    ("over-odd-raw", "over odd.raw raw -"),
    ("preallocated", "create preallocation=metadata 4M\nio write -P 1 1M 64k"),
    ("preallocated-falloc", "create preallocation=falloc 4M"),
    ("preallocated-over", "over fb.qcow2 qcow2 preallocation=metadata,extended_l2=on 4M"),
    (
        "discarded-v2",
        "over fb.qcow2 qcow2 compat=0.10\nio write -P 1 0 128k\nio discard 0 64k\nio write -z 256k 64k",
    ),
    ("followed-by-nothing", "create - 4M\nio write 0 1M\ngrow 1048576"),
    ("empty-disk", "create - 0"),
    ("small-clusters", "create cluster_size=512 1000k\nio write 999k 1k"),
];

/// In tens or, after `0x`, in sixteens.
fn number(word: &str) -> usize {
    match word.strip_prefix("0x") {
        Some(hex) => usize::from_str_radix(hex, 16).unwrap(),
        None => word.parse().unwrap(),
    }
}

fn make(qemu: Qemu, fleet: &Fleet, image: &str, steps: &str) {
    let root = fleet.root();
    for step in steps.lines() {
        let words: Vec<&str> = step.split(' ').collect();
        let (what, rest) = words.split_first().unwrap();
        let options = |options: &'static str| if options == "-" { "compat=1.1" } else { options };
        let owned = |word: &str| -> &'static str { String::leak(word.to_owned()) };
        match *what {
            "create" => {
                qemu.create(&root, "qcow2", &["-o", options(owned(rest[0])), image, rest[1]]);
            }
            "over" => {
                let more = options(owned(rest[2]));
                let mut all = vec!["-o", more, "-b", rest[0], "-F", rest[1], image];
                all.extend(rest.get(3));
                qemu.create(&root, "qcow2", &all);
            }
            "io" => made::io(&root, image, &[rest.join(" ")]),
            "img" => {
                qemu.img(&root, rest.iter().map(|word| if *word == "@" { image } else { word }));
            }
            "poke" => {
                let at = number(rest[0]);
                let bytes = rest[1..].iter().map(|byte| u8::from_str_radix(byte, 16).unwrap());
                let mut file = std::fs::read(root.join(image)).unwrap();
                for (at, byte) in (at..).zip(bytes) {
                    file[at] = byte;
                }
                std::fs::write(root.join(image), file).unwrap();
            }
            "grow" => {
                let file = std::fs::OpenOptions::new().write(true).open(root.join(image)).unwrap();
                let more = number(rest[0]) as u64;
                file.set_len(file.metadata().unwrap().len() + more).unwrap();
            }
            "cut" => {
                let file = std::fs::OpenOptions::new().write(true).open(root.join(image)).unwrap();
                file.set_len(number(rest[0]) as u64).unwrap();
            }
            "copy" => drop(std::fs::copy(root.join(rest[0]), root.join(image)).unwrap()),
            _ => panic!("{step}"),
        }
    }
}

/// Both say the same, or both fail with one code.
#[track_caller]
fn both(qemu: Qemu, fleet: &Fleet, words: &[&str]) {
    let theirs = qemu.try_img(&fleet.root(), words);
    let ours = fleet.diskdag(words[0]).args(&words[1..]).within(fleet.root()).go();
    let ours = ours.exits(theirs.code.unwrap());
    let place = words.join(" ");
    if !words.contains(&"--output=json") {
        assert_eq!(ours.text(), String::from_utf8_lossy(&theirs.stdout), "{place}");
    } else if let Ok(value) = serde_json::from_slice::<Value>(&theirs.stdout) {
        same(&without_allocation(ours.value()), &without_allocation(value), &place);
    }
}

#[test]
fn every_verb_answers_as_qemu_img_does() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    fleet.folder("sub");
    fleet.bytes("nines.raw", &vec![9; 4 << 20]);
    fleet.bytes("odd.raw", &vec![1; 1_000_001]);
    for base in ["./with:colon.qcow2", "fb.qcow2", "sub/base.qcow2"] {
        make(qemu, &fleet, base, "create - 1M\nio write -P 7 0 1M");
    }
    for (image, steps) in IMAGES {
        make(qemu, &fleet, image, steps);
    }
    ask_all(
        qemu,
        &fleet,
        IMAGES,
        &["cluster_size=512", "cluster_size=2M,extended_l2=on", "compat=0.10"],
    );
    for pair in IMAGES.windows(2) {
        let [(one, _), (other, _)] = pair else { continue };
        // Clusters that were allocated ahead carry a mark of QEMU's, by which `-s` tells them apart.
        if ![one, other].iter().any(|image| image.starts_with("preallocated")) {
            both(qemu, &fleet, &["compare", "-s", one, other]);
        }
    }
}

#[test]
fn what_commands_make_and_bytes_break_is_answered_as_by_qemu_img() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    make(
        qemu,
        &fleet,
        "base",
        "create - 64M\nio write -P 17 0 2M\nio write -P 34 8M 100k\nio write -z 4M 128k",
    );
    make(qemu, &fleet, "base-small", "create cluster_size=4k 1000k\nio write -P 3 0 999k");
    let mut raw = vec![0; 3 << 20];
    raw[1 << 20..][..300 << 10].fill(9);
    fleet.bytes("r.raw", &raw);
    for (image, steps) in commands::IMAGES {
        make(qemu, &fleet, image, steps);
    }
    ask_all(qemu, &fleet, commands::IMAGES, &["cluster_size=2M,extended_l2=on"]);
}

fn ask_all(qemu: Qemu, fleet: &Fleet, images: &[(&str, &str)], measured: &[&str]) {
    const JSON: &str = "--output=json";
    for (image, _) in images {
        both(qemu, fleet, &["info", JSON, image]);
        both(qemu, fleet, &["info", JSON, "--backing-chain", image]);
        both(qemu, fleet, &["check", JSON, image]);
        both(qemu, fleet, &["map", JSON, image]);
        both(qemu, fleet, &["map", JSON, "-s", "70000", "-l", "300000", image]);
        for options in measured {
            both(qemu, fleet, &["measure", JSON, "-O", "qcow2", "-o", options, image]);
        }
    }
    for pair in images.windows(2) {
        let [(one, _), (other, _)] = pair else { continue };
        both(qemu, fleet, &["compare", one, other]);
    }
}
