//! Images that qemu-img and qemu-io made, of every combination of features that matters to a check, whole
//! and damaged at one to three places: our numbers are qemu-img's, or the difference is one of
//! DIFFERENCES.md.
//!
//! Skipped where there is no qemu-img, unless `DISKDAG_REQUIRE_QEMU=1`. `DISKDAG_SEED=n` runs other damages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use diskdag_qcow2::check::{CheckError, Finding, FindingKind, Options, Report, check};
use diskdag_qcow2::open::open_image;
use diskdag_qcow2::{Header, Structure};
use serde_json::Value;

use crate::image::Random;

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

/// Runs a tool of QEMU's for at most ten seconds and with at most 2 GB; what it says on standard error,
/// which may be gigabytes, goes nowhere.
fn qemu(dir: &Path, tool: &str, arguments: &[&str]) -> (Option<i32>, Vec<u8>) {
    let script = format!("ulimit -v 2000000; exec {tool} \"$@\" 2>/dev/null");
    let output = Command::new("timeout")
        .args(["10", "sh", "-c", &script, tool])
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (output.status.code(), output.stdout)
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

/// What `qemu-img check` says: its exit code and, unless it gave up, its object.
fn theirs(path: &Path, is_luks: bool) -> (Option<i32>, Option<Value>) {
    let dir = path.parent().unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let luks = format!("driver=qcow2,encrypt.key-secret=s,file.filename={name}");
    let arguments = match is_luks {
        true => vec!["--object", "secret,id=s,data=x", "--image-opts", &luks],
        false => vec!["-f", "qcow2", name],
    };
    let arguments = [&["check", "--output=json"][..], &arguments].concat();
    let (code, stdout) = qemu(dir, "qemu-img", &arguments);
    (code, serde_json::from_slice(&stdout).ok())
}

fn ours(path: &Path) -> Result<Report, CheckError> {
    let opened = open_image(path).unwrap();
    check(&opened.file, opened.stat.len, Options::default())
}

/// The numbers of a report under qemu-img's keys.
fn numbers(report: &Report) -> [(&'static str, u64); 8] {
    [
        ("check-errors", report.check_errors),
        ("corruptions", report.corruptions),
        ("leaks", report.leaks),
        ("image-end-offset", report.image_end_offset),
        ("total-clusters", report.total_clusters),
        ("allocated-clusters", report.allocated_clusters),
        ("fragmented-clusters", report.fragmented_clusters),
        ("compressed-clusters", report.compressed_clusters),
    ]
}

fn code(report: &Report) -> i32 {
    match report {
        Report { check_errors: 1.., .. } => 1,
        Report { corruptions: 1.., .. } => 2,
        Report { leaks: 1.., .. } => 3,
        _ => 0,
    }
}

/// Findings for which DIFFERENCES.md has a row: there the numbers may differ, but nothing may pass as clean.
fn is_known(report: &Report) -> bool {
    report.findings.iter().any(|finding| {
        matches!(
            (finding.kind, finding.structure),
            (FindingKind::NamesNothing | FindingKind::Overlap | FindingKind::Broken, _)
                | (FindingKind::ZeroInVersion2 | FindingKind::WrongDataFileOffset, _)
                | (FindingKind::Misaligned, Structure::L2Table)
                | (FindingKind::ReservedBits, Structure::BitmapTable)
                | (FindingKind::TooLarge, Structure::Luks)
        )
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Same,
    Known,
}

fn compare(path: &Path, is_luks: bool) -> Result<Outcome, String> {
    let (their_code, their_object) = theirs(path, is_luks);
    let report = match (ours(path), their_code) {
        (Ok(report), _) => report,
        (Err(_), Some(1)) => return Ok(Outcome::Same),
        (Err(error), code) => return Err(format!("we refuse: {error}; qemu-img exits {code:?}")),
    };
    let known = is_known(&report);
    let told = || format!("ours {:?}\n  theirs {their_code:?} {their_object:?}", report);
    if known && code(&report) != 0 {
        return Ok(Outcome::Known);
    }
    // An offset of 2^63 or more, negative for QEMU, which then asks for that much memory.
    let is_far = |finding: &Finding| {
        (finding.kind, finding.structure) == (FindingKind::OutOfBounds, Structure::L1Table)
    };
    if their_object.is_none() && report.findings.iter().any(is_far) {
        return Ok(Outcome::Known);
    }
    let Some(object) = &their_object else {
        // It gave up without a word.
        return if code(&report) == 1 { Ok(Outcome::Same) } else { Err(told()) };
    };
    let same = numbers(&report)
        .iter()
        .all(|(key, number)| object[*key].as_u64().unwrap_or_default() == *number);
    if same && Some(code(&report)) == their_code { Ok(Outcome::Same) } else { Err(told()) }
}

/// Where the image has 64-bit words of metadata, and where its refcounts are.
fn words(file: &[u8]) -> (Vec<usize>, Vec<usize>) {
    let header = Header::parse(file).unwrap();
    let size = usize::try_from(header.cluster_size()).unwrap();
    let word =
        |at: usize| file.get(at..at + 8).map(|it| u64::from_be_bytes(it.try_into().unwrap()));
    let place = |word: u64| usize::try_from(word & 0x00ff_ffff_ffff_fe00).unwrap();
    let l1 = usize::try_from(header.l1_table_offset().get()).unwrap();
    let mut found = Vec::new();
    let mut l1_tables = vec![(l1, header.l1_size() as usize)];
    let snapshots = usize::try_from(header.snapshots_offset().get()).unwrap();
    if header.snapshot_count() > 0 {
        found.extend((snapshots..snapshots + 56).step_by(8));
        let offset = place(word(snapshots).unwrap());
        l1_tables.push((offset, (word(snapshots + 8).unwrap() >> 32) as usize));
    }
    if let Some(bitmaps) = header.bitmaps() {
        let directory = usize::try_from(bitmaps.directory.get()).unwrap();
        found.extend((directory..directory + 24).step_by(8));
        let table = place(word(directory).unwrap());
        found.extend((table..table + 32).step_by(8));
    }
    for (start, entries) in l1_tables {
        for at in (start..start + entries * 8).step_by(8) {
            let Some(entry) = word(at).filter(|entry| *entry != 0) else { continue };
            found.extend([at; 4]);
            let table = place(entry);
            let used =
                (table..table + size).step_by(8).filter(|at| word(*at).is_some_and(|w| w != 0));
            found.extend(used);
        }
    }
    let table = usize::try_from(header.refcount_table_offset().get()).unwrap();
    found.extend([table; 3]);
    found.push(table + 8);
    let block = usize::try_from(word(table).unwrap()).unwrap();
    let width = 1_usize << header.refcount_order();
    let counted = (file.len().div_ceil(size) * width).div_ceil(8).min(size);
    (found, (block..(block + counted).min(file.len())).collect())
}

/// Breaks one thing.
fn damage(file: &mut [u8], words: &[usize], refcounts: &[usize], random: &mut Random) -> String {
    let size = u64::from(1_u32 << file[23]);
    if random.below(4) == 0 {
        let at = *random.pick(refcounts);
        let value = *random.pick(&[0, 1, 2, 3, 0x55, 0xff]);
        file[at] = value;
        return format!("refcount byte {at} = {value:#x}");
    }
    let at = *random.pick(words);
    let Some(bytes) = file.get(at..at + 8) else { return "nothing".to_owned() };
    let old = u64::from_be_bytes(bytes.try_into().unwrap());
    let other = *random.pick(words);
    let other =
        file.get(other..other + 8).map_or(0, |it| u64::from_be_bytes(it.try_into().unwrap()));
    let length = file.len() as u64;
    let new = match random.below(14) {
        0 => 0,
        1 => old ^ (1 << 63),
        2 => old ^ (1 << 62),
        3 => old ^ (1 << (56 + random.below(6))),
        4 => old ^ (1 << random.below(9)),
        5 => old ^ 512,
        6 => old.wrapping_add(size),
        7 => (old & (3 << 62)) | (length / size * size),
        8 => (old & (3 << 62)) | (length.next_multiple_of(size) + size * 5),
        9 => (old & (3 << 62)) | (1 << 40),
        10 => other,
        11 => (old & (3 << 62)) | (size * random.below(8) as u64),
        12 => old ^ (1 << random.below(64)),
        _ => old.wrapping_sub(size),
    };
    file[at..at + 8].copy_from_slice(&new.to_be_bytes());
    format!("word {at}: {old:#x} -> {new:#x}")
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
                    let (words, refcounts) = words(&original);
                    let mut random = Random(seed ^ (number as u64) << 32);
                    for attempt in 0..=DAMAGES {
                        let mut file = original.clone();
                        let mut what = format!("{number} ({}) #{attempt}", recipe.options);
                        if attempt > 0 {
                            for _ in 0..=random.below(3) {
                                let did = damage(&mut file, &words, &refcounts, &mut random);
                                what = format!("{what}; {did}");
                            }
                        }
                        let path = dir.path().join(format!("damaged-{number}.qcow2"));
                        fs::write(&path, &file).unwrap();
                        match compare(&path, recipe.options == LUKS) {
                            Ok(Outcome::Same) => _ = same.fetch_add(1, Ordering::Relaxed),
                            Ok(Outcome::Known) => _ = known.fetch_add(1, Ordering::Relaxed),
                            Err(told) => {
                                differences.lock().unwrap().push(format!("{what}\n  {told}"))
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
