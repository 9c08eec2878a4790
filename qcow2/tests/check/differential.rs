//! Images that qemu-img and qemu-io made, of every combination of features that matters to a check, whole
//! and damaged at one to three places: our numbers are qemu-img's, or the difference is one of
//! DIFFERENCES.md.
//!
//! Skipped where there is no qemu-img, unless `DISKDAG_REQUIRE_QEMU=1`. `DISKDAG_SEED=n` runs other damages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::beside::{ROWS, compare, qemu};
use crate::image::Random;
use crate::table_damage::Places;

/// Damaged images of each base.
const DAMAGES: usize = 18;

fn available() -> bool {
    let found = ["qemu-img", "qemu-io"]
        .iter()
        .all(|tool| Command::new(tool).arg("--version").stdout(Stdio::null()).status().is_ok());
    if !found {
        let required = std::env::var_os("DISKDAG_REQUIRE_QEMU").is_some_and(|value| value == "1");
        assert!(!required, "DISKDAG_REQUIRE_QEMU=1, but qemu-img or qemu-io is missing");
        println!("skipped: no qemu-img or no qemu-io");
    }
    found
}

/// What to make: options of `qemu-img create`, commands of qemu-io, further commands of qemu-img.
struct Recipe {
    options: &'static str,
    writes: &'static [&'static str],
    then: &'static [&'static [&'static str]],
}

const fn plain(options: &'static str) -> Recipe {
    Recipe { options, writes: WRITES, then: &[] }
}

const WRITES: &[&str] = &[
    "write -P 1 0 70k",
    "write -P 2 300k 10k",
    "write -z 400k 130k",
    "write -P 3 1M 200k",
    "write -P 4 900k 64k",
    "discard 1M 64k",
    "write -P 5 3M 512",
];
const COMPRESSED: &[&str] = &[
    "write -P 1 0 64k",
    "write -c -P 2 128k 128k",
    "write -c -P 3 512k 256k",
    "write -P 4 2M 128k",
    "write -z 2M 64k",
];
const SNAPSHOTS: &[&[&str]] = &[
    &["img", "snapshot", "-c", "one", "IMAGE"],
    &["io", "-c", "write -P 9 0 128k", "IMAGE"],
    &["img", "snapshot", "-c", "two", "IMAGE"],
    &["io", "-c", "write -P 10 64k 512k", "IMAGE"],
];
const BITMAPS: &[&[&str]] = &[
    &["img", "bitmap", "--add", "IMAGE", "b0"],
    &["io", "-c", "write -P 9 0 1M", "IMAGE"],
    &["img", "bitmap", "--add", "-g", "4096", "IMAGE", "b1"],
    &["io", "-c", "write -P 9 2M 1M", "IMAGE"],
];

const RECIPES: &[Recipe] = &[
    plain(""),
    plain("compat=0.10"),
    plain("cluster_size=512"),
    plain("cluster_size=4k,lazy_refcounts=on"),
    plain("cluster_size=2M"),
    plain("cluster_size=512,refcount_bits=1"),
    plain("refcount_bits=2"),
    plain("cluster_size=1k,refcount_bits=4"),
    plain("refcount_bits=8"),
    plain("refcount_bits=32"),
    plain("cluster_size=512,refcount_bits=64"),
    plain("extended_l2=on"),
    plain("extended_l2=on,cluster_size=16k"),
    plain("data_file=data.raw"),
    plain("data_file=rawdata.raw,data_file_raw=on"),
    plain("preallocation=metadata,cluster_size=4k"),
    Recipe { options: "", writes: &[], then: &[] },
    Recipe { options: "", writes: COMPRESSED, then: &[] },
    Recipe { options: "compression_type=zstd,cluster_size=4k", writes: COMPRESSED, then: &[] },
    Recipe { options: "extended_l2=on", writes: COMPRESSED, then: &[] },
    Recipe { options: "compat=0.10,cluster_size=512", writes: COMPRESSED, then: SNAPSHOTS },
    Recipe { options: "", writes: WRITES, then: SNAPSHOTS },
    Recipe { options: "cluster_size=512,refcount_bits=2", writes: WRITES, then: SNAPSHOTS },
    Recipe { options: "extended_l2=on", writes: WRITES, then: SNAPSHOTS },
    Recipe { options: "", writes: WRITES, then: BITMAPS },
    Recipe { options: "cluster_size=1k,refcount_bits=8", writes: COMPRESSED, then: BITMAPS },
    Recipe { options: "", writes: WRITES, then: &[&["img", "resize", "-q", "IMAGE", "6G"]] },
    Recipe { options: LUKS, writes: &[], then: &[] },
];
const LUKS: &str = "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10";

/// Makes the image; `None` if this build of QEMU can't.
fn make(dir: &Path, number: usize, recipe: &Recipe) -> Option<PathBuf> {
    let name = format!("base-{number}.qcow2");
    let mut arguments = vec!["create", "-q", "-f", "qcow2"];
    if recipe.options == LUKS {
        arguments.extend(["--object", "secret,id=s,data=x"]);
    }
    if !recipe.options.is_empty() {
        arguments.extend(["-o", recipe.options]);
    }
    arguments.extend([name.as_str(), "4M"]);
    if qemu(dir, "qemu-img", &arguments).0 != Some(0) {
        println!("not made: {}", recipe.options);
        return None;
    }
    let mut writes = vec!["-f", "qcow2"];
    writes.extend(recipe.writes.iter().flat_map(|write| ["-c", write]));
    writes.push(&name);
    if !recipe.writes.is_empty() {
        assert_eq!(qemu(dir, "qemu-io", &writes).0, Some(0), "{}", recipe.options);
    }
    for command in recipe.then {
        let (tool, arguments) = command.split_first().unwrap();
        let arguments: Vec<&str> =
            arguments.iter().map(|word| if *word == "IMAGE" { &name } else { *word }).collect();
        assert_eq!(qemu(dir, &format!("qemu-{tool}"), &arguments).0, Some(0), "{arguments:?}");
    }
    Some(dir.join(name))
}

#[test]
fn our_numbers_are_qemu_imgs() {
    if !available() {
        return;
    }
    let seed = std::env::var("DISKDAG_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("DISKDAG_SEED={seed}");
    let dir = tempfile::tempdir().unwrap();
    let (next, same, known) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let differences = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((number, recipe)) = Some(next.fetch_add(1, Ordering::Relaxed))
                    .and_then(|n| Some((n, RECIPES.get(n)?)))
                {
                    let Some(base) = make(dir.path(), number, recipe) else { continue };
                    let original = fs::read(&base).unwrap();
                    let places = Places::of(&original).unwrap();
                    let mut random = Random(seed ^ (number as u64) << 32);
                    for attempt in 0..=DAMAGES {
                        let mut file = original.clone();
                        let mut what = format!("{number} ({}) #{attempt}", recipe.options);
                        if attempt > 0 {
                            for _ in 0..=random.below(3) {
                                let did = places.damage(&mut file, &mut |end| random.below(end));
                                what = format!("{what}; {did}");
                            }
                        }
                        let path = dir.path().join(format!("damaged-{number}.qcow2"));
                        fs::write(&path, &file).unwrap();
                        match compare(&path, recipe.options == LUKS) {
                            Ok(None) => _ = same.fetch_add(1, Ordering::Relaxed),
                            Ok(Some(_)) => _ = known.fetch_add(1, Ordering::Relaxed),
                            Err(differs) => {
                                let told = format!("{what}\n  {}", differs.told);
                                differences.lock().unwrap().push(told);
                            }
                        }
                    }
                }
            });
        }
    });
    let differences = differences.into_inner().unwrap();
    let (same, known) = (same.into_inner(), known.into_inner());
    println!("{same} the same, {known} known differences, {} others", differences.len());
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(same >= 300, "only {same} images were compared number by number");
}

/// What is excused here is told there.
#[test]
fn every_known_difference_has_its_row() {
    let told = include_str!("../../DIFFERENCES.md");
    for row in ROWS {
        assert!(told.contains(&format!("| {row} |")), "{row}");
    }
}
