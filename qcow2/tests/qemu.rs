//! The same images, beside qemu-img: what it makes we describe, what we make it accepts, and of headers
//! broken field by field both refuse the same.
//!
//! Skipped where there is no qemu-img, unless `DISKDAG_REQUIRE_QEMU=1`. It runs with a time limit and
//! without standard input, and never on an image that names a file it should not open.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use diskdag_qcow2::create::{Backing, Create};
use diskdag_qcow2::open::{open_image, read_header};
use diskdag_qcow2::{ClusterBits, Compression, CryptMethod, FindingKind, Header};
use serde_json::Value;
use tempfile::TempDir;

use crate::image::{
    BITMAPS, DATA_FILE, FORMAT, LUKS, NAMES, Put as _, at, bitmaps, ext, extended, overlay, v2, v3,
};

fn available() -> bool {
    let found = Command::new("qemu-img").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !found {
        let required = std::env::var_os("DISKDAG_REQUIRE_QEMU").is_some_and(|value| value == "1");
        assert!(!required, "DISKDAG_REQUIRE_QEMU=1, but there is no qemu-img");
        println!("skipped: no qemu-img");
    }
    found
}

fn run(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new("timeout");
    command.args(["10", "qemu-img"]).args(arguments).current_dir(dir).stdin(Stdio::null());
    command.output().expect("timeout is there")
}

fn ok(dir: &Path, arguments: &[&str]) {
    let output = run(dir, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
}

/// What `qemu-img info` says, or why it refuses.
fn info(path: &Path) -> Result<Value, String> {
    let path = path.to_str().expect("paths of the tests are plain");
    let output = run(Path::new("/"), &["info", "-f", "qcow2", "--output=json", path]);
    if output.status.success() {
        Ok(serde_json::from_slice(&output.stdout).expect("JSON"))
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// What we say has to be what qemu-img says.
fn agree(path: &Path) {
    let theirs = info(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let opened = open_image(path).unwrap();
    let mut buffer = Vec::new();
    let header = read_header(&opened.file, opened.stat.len, &mut buffer).unwrap();
    let number = |value: u64| Value::from(value);
    let text = |bytes: Option<&[u8]>| {
        bytes.map_or(Value::Null, |bytes| Value::from(String::from_utf8_lossy(bytes)))
    };
    assert_eq!(theirs["virtual-size"], number(header.virtual_size() / 512 * 512));
    assert_eq!(theirs["cluster-size"], number(header.cluster_size()));
    // QEMU's names end at their first NUL; we keep them whole, and don't resolve them.
    let name = header.backing_name().and_then(|name| name.split(|byte| *byte == 0).next());
    let name = name.filter(|name| !name.is_empty());
    assert_eq!(theirs["backing-filename"], text(name));
    let format = name.and(header.backing_format());
    assert_eq!(theirs["backing-filename-format"], text(format));
    let encrypted = header.crypt_method() != CryptMethod::None;
    assert_eq!(theirs["encrypted"].as_bool().unwrap_or_default(), encrypted);
    assert_eq!(theirs["dirty-flag"], Value::from(header.features().is_dirty()));
    let snapshots = theirs["snapshots"].as_array().map_or(0, Vec::len);
    assert_eq!(snapshots as u64, u64::from(header.snapshot_count()));
    assert_eq!(theirs["actual-size"], number(opened.stat.allocated));

    let special = &theirs["format-specific"]["data"];
    let compat = if header.version() == 2 { "0.10" } else { "1.1" };
    assert_eq!(special["compat"], Value::from(compat));
    assert_eq!(special["refcount-bits"], number(header.refcount_bits().into()));
    assert_eq!(special["compression-type"], Value::from(header.compression().to_string()));
    if header.version() == 3 {
        let features = header.features();
        assert_eq!(special["lazy-refcounts"], Value::from(features.lazy_refcounts()));
        assert_eq!(special["corrupt"], Value::from(features.is_corrupt()));
        assert_eq!(special["extended-l2"], Value::from(features.extended_l2()));
    }
    // A name that is not in use is shown as well; we tell it as a finding.
    if header.features().has_data_file() {
        assert_eq!(special["data-file"], text(header.data_file_name()));
        let raw = Value::from(header.features().raw_external_data());
        assert_eq!(special["data-file-raw"], raw);
    }
    let bitmaps = special["bitmaps"].as_array().map_or(0, Vec::len);
    assert_eq!(bitmaps as u64, header.bitmaps().map_or(0, |pointer| pointer.count.into()));
}

fn base(dir: &TempDir) -> PathBuf {
    let path = dir.path().join("base.qcow2");
    ok(dir.path(), &["create", "-q", "-f", "qcow2", "base.qcow2", "64M"]);
    path
}

#[test]
fn what_qemu_makes_is_described_alike() {
    if !available() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    agree(&base(&dir));
    ok(dir.path(), &["create", "-q", "-f", "raw", "base.raw", "64M"]);
    let file_name = format!("file:{}/base.raw", dir.path().display());
    let json = format!(
        r#"json:{{"driver":"raw","file":{{"driver":"file","filename":"{}/base.raw"}}}}"#,
        dir.path().display()
    );
    let secret = ["--object", "secret,id=s,data=x"];
    let luks = "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10";
    let aes = "encrypt.format=aes,encrypt.key-secret=s";
    let mut cases: Vec<Vec<&str>> = vec![
        vec!["-o", "compat=0.10"],
        vec!["-o", "compat=0.10", "-b", "base.raw", "-F", "raw"],
        vec!["-o", "refcount_bits=1"],
        vec!["-o", "refcount_bits=64,lazy_refcounts=on"],
        vec!["-o", "compression_type=zstd"],
        vec!["-o", "extended_l2=on"],
        vec!["-o", "data_file=data.raw"],
        vec!["-o", "data_file=data2.raw,data_file_raw=on"],
        vec!["-b", "base.qcow2", "-F", "qcow2"],
        vec!["-b", "./base.raw", "-F", "raw"],
        vec!["-b", &file_name, "-F", "raw"],
        vec!["-b", &json, "-F", "raw"],
        [&secret[..], &["-o", luks]].concat(),
        [&secret[..], &["-o", aes]].concat(),
        vec!["-o", "preallocation=metadata"],
    ];
    let sizes: Vec<String> = (9..=21).map(|bits| format!("cluster_size={}", 1 << bits)).collect();
    for size in &sizes {
        cases.push(vec!["-o", size, "-b", "base.qcow2", "-F", "qcow2"]);
    }
    for (number, case) in cases.iter().enumerate() {
        let name = format!("{number}.qcow2");
        let arguments = [&["create", "-q", "-f", "qcow2"][..], case, &[&name, "64M"]].concat();
        let made = run(dir.path(), &arguments);
        // A qemu-img built without a feature can't make it.
        if made.status.success() {
            agree(&dir.path().join(name));
        } else {
            println!("not made: {case:?}: {}", String::from_utf8_lossy(&made.stderr));
        }
    }
}

#[test]
fn what_qemu_changed_is_described_alike() {
    if !available() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = base(&dir);
    for name in ["one", "two", "three"] {
        ok(dir.path(), &["snapshot", "-c", name, "base.qcow2"]);
        agree(&path);
    }
    ok(dir.path(), &["bitmap", "--add", "base.qcow2", "b0"]);
    ok(dir.path(), &["bitmap", "--add", "base.qcow2", "b1"]);
    agree(&path);
    ok(dir.path(), &["resize", "-q", "base.qcow2", "128M"]);
    agree(&path);
    ok(
        dir.path(),
        &["create", "-q", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", "top.qcow2"],
    );
    agree(&dir.path().join("top.qcow2"));
    ok(dir.path(), &["rebase", "-u", "-b", "sub/../base.qcow2", "-F", "raw", "top.qcow2"]);
    agree(&dir.path().join("top.qcow2"));
    ok(dir.path(), &["rebase", "-u", "-b", "", "top.qcow2"]);
    agree(&dir.path().join("top.qcow2"));
    ok(dir.path(), &["amend", "-f", "qcow2", "-o", "compat=0.10", "top.qcow2"]);
    agree(&dir.path().join("top.qcow2"));
}

#[test]
fn what_we_make_qemu_accepts() {
    if !available() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    base(&dir);
    let data = dir.path().join("data.raw");
    File::create(&data).unwrap().set_len(1 << 30).unwrap();
    let data = data.to_str().unwrap().as_bytes();
    let backing = Some(Backing { name: b"base.qcow2", format: Some(b"qcow2") });
    let mut all = vec![
        Create::default(),
        Create { version: 2, ..Create::default() },
        Create { version: 2, virtual_size: 1 << 30, backing, ..Create::default() },
        Create { virtual_size: 1 << 30, data_file: Some(data), ..Create::default() },
        Create { virtual_size: 1 << 30, extended_l2: true, backing, ..Create::default() },
        Create { virtual_size: 1 << 30, lazy_refcounts: true, ..Create::default() },
        Create { virtual_size: 1 << 30, compression: Compression::Zstd, ..Create::default() },
        Create { virtual_size: 64 << 40, backing, ..Create::default() },
        Create { virtual_size: 512, extensions: &[(0x1234_5678, b"mine")], ..Create::default() },
    ];
    for refcount_order in 0..=6 {
        all.push(Create { virtual_size: 64 << 40, refcount_order, ..Create::default() });
    }
    for bits in 9..=21 {
        let cluster_bits = ClusterBits::new(bits).unwrap();
        // As large as the L1 table allows, up to 64 TiB.
        let largest = (64 << 40).min(1 << (2 * bits - 3 + 22));
        for virtual_size in [0, 1 << 20, largest] {
            for (version, backing) in [(2, None), (3, backing)] {
                all.push(Create {
                    version,
                    cluster_bits,
                    virtual_size,
                    backing,
                    ..Create::default()
                });
            }
        }
    }
    for (number, options) in all.iter().enumerate() {
        let name = format!("{number}.qcow2");
        let path = dir.path().join(&name);
        options.build().unwrap().write_to(&File::create(&path).unwrap()).unwrap();
        agree(&path);
        let check = run(dir.path(), &["check", "-q", "-f", "qcow2", &name]);
        let errors = String::from_utf8_lossy(&check.stderr);
        assert!(check.status.success() && errors.is_empty(), "{options:?}: {errors}");
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn what_we_make_can_be_written_by_qemu() {
    if !available() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    base(&dir);
    let backing = Some(Backing { name: b"base.qcow2", format: Some(b"qcow2") });
    let options = Create { virtual_size: 64 << 20, backing, ..Create::default() };
    let path = dir.path().join("top.qcow2");
    options.build().unwrap().write_to(&File::create(&path).unwrap()).unwrap();
    ok(dir.path(), &["snapshot", "-c", "one", "top.qcow2"]);
    ok(dir.path(), &["resize", "-q", "top.qcow2", "10G"]);
    ok(dir.path(), &["bitmap", "--add", "top.qcow2", "b0"]);
    ok(dir.path(), &["check", "-q", "top.qcow2"]);
    agree(&path);
}

/// Why we may accept what QEMU refuses: findings, and what QEMU reads right away beside the header.
fn laxer(header: &Header<'_>, length: u64, theirs: &str) -> bool {
    use FindingKind::{
        MissingBitmaps, NoRefcountTable, OutOfBounds, Overlap, UnknownIncompatible,
        UnusedSnapshotsOffset,
    };
    let told = header.findings(length).any(|finding| {
        matches!(
            finding.kind,
            NoRefcountTable
                | UnknownIncompatible
                | UnusedSnapshotsOffset
                | OutOfBounds
                | Overlap
                | MissingBitmaps
        )
    });
    // Tables that QEMU reads when it opens an image; a header alone can't tell that they are garbage.
    let reads = ["snapshot", "bitmap", "LUKS", "Volume", "secret", "Invalid password", "L1 table"];
    told || reads.iter().any(|word| theirs.to_lowercase().contains(&word.to_lowercase()))
}

/// Why we may refuse what QEMU accepts.
fn stricter(code: &str) -> bool {
    matches!(code, "duplicate" | "truncated" | "overlap" | "inconsistent")
}

#[test]
fn broken_field_by_field_both_refuse_the_same() {
    if !available() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("broken.qcow2");
    let mut cases: Vec<(String, Vec<u8>)> = Vec::new();
    let words = [
        at::VERSION,
        at::NAME_OFFSET + 4,
        at::CLUSTER_BITS,
        at::CRYPT,
        at::L1_SIZE,
        at::REFCOUNT_CLUSTERS,
        at::SNAPSHOTS,
        at::INCOMPATIBLE + 4,
        at::COMPATIBLE,
        at::AUTOCLEAR + 4,
        at::REFCOUNT_ORDER,
        at::HEADER_LENGTH,
        at::COMPRESSION,
    ];
    let values = [
        0,
        1,
        2,
        3,
        4,
        6,
        7,
        8,
        9,
        16,
        21,
        22,
        72,
        104,
        105,
        128,
        129,
        65_536,
        65_537,
        4 << 20,
        (4 << 20) + 1,
        u32::MAX,
    ];
    for at in words {
        for value in values {
            // A backing name of no length: nothing that could be opened.
            let mut file = v3();
            file.put32(at, value);
            cases.push((format!("32 bits at {at} are {value}"), file));
        }
    }
    for (at, value) in [(at::CRYPT, 1), (at::CLUSTER_BITS, 8), (at::L1_SIZE, 0), (72, 0x1234_5678)]
    {
        let mut file = v2();
        file.put32(at, value);
        cases.push((format!("v2: 32 bits at {at} are {value}"), file));
    }
    for at in [at::SIZE, at::L1, at::REFCOUNT_TABLE, at::SNAPSHOTS_OFFSET] {
        for value in [
            0,
            1,
            511,
            512,
            513,
            65_536,
            1 << 29,
            (1 << 29) + 1,
            1 << 40,
            1 << 61,
            1 << 62,
            1 << 63,
            u64::MAX,
            u64::MAX << 16,
            (1 << 63) - 65_536,
        ] {
            let mut file = v3();
            file.put64(at, value);
            cases.push((format!("64 bits at {at} are {value:#x}"), file));
        }
    }
    let bitmaps: Vec<Vec<u8>> = [
        (1, 0, 24, 65_536),
        (0, 0, 24, 65_536),
        (1, 1, 24, 65_536),
        (65_536, 0, 24, 65_536),
        (1, 0, 67_107_841, 65_536),
        (1, 0, 24, 512),
    ]
    .iter()
    .map(|(count, reserved, size, offset)| bitmaps(*count, *reserved, *size, *offset))
    .collect();
    let unknown = 0x1234_5678;
    let mut lists: Vec<Vec<(u32, u32, &[u8])>> = vec![
        vec![],
        vec![(unknown, u32::MAX, b"")],
        vec![(unknown, 0xffff_fff9, b"")],
        vec![(unknown, 65_536 - 120, b"")],
        vec![(unknown, 65_536 - 119, b"")],
        vec![(0, 65_536 - 119, b"")],
        vec![(0, 65_536 - 120, b"")],
        vec![ext(unknown, b"x"), ext(unknown, b"y")],
        vec![ext(FORMAT, &[b'x'; 15])],
        vec![ext(FORMAT, &[b'x'; 16])],
        vec![ext(FORMAT, b"raw"), ext(FORMAT, b"qcow2")],
        vec![ext(NAMES, &[0; 49])],
        vec![ext(DATA_FILE, b"unused")],
        vec![ext(LUKS, &[0; 16])],
        vec![ext(LUKS, &[0; 15])],
        vec![ext(BITMAPS, &[0; 16])],
    ];
    lists.extend(bitmaps.iter().map(|data| vec![ext(BITMAPS, data)]));
    for (number, list) in lists.iter().enumerate() {
        for autoclear in [0, 1] {
            let mut file = extended(list);
            file.put64(at::AUTOCLEAR, autoclear);
            cases.push((format!("extensions {number}, autoclear {autoclear}"), file));
        }
    }
    let placed = [
        (0, 77),
        (8, 4),
        (8, 0),
        (111, 1),
        (200, 0),
        (200, 1023),
        (200, 1024),
        (65_530, 6),
        (65_530, 7),
        (65_536, 0),
        (65_536, 1),
        (65_537, 0),
        (116, 0),
    ];
    for (offset, length) in placed {
        let mut file = overlay(b"base", Some(b"raw"));
        file[112..65_536].fill(0);
        file.put64(at::NAME_OFFSET, offset).put32(at::NAME_SIZE, length);
        if offset >= 112 {
            let from = usize::try_from(offset).unwrap();
            let to = from + usize::try_from(length).unwrap();
            file[from.min(65_536)..to.min(65_536)].fill(b'b');
        }
        cases.push((format!("a name at {offset}, {length} bytes"), file));
    }
    for length in [72, 103, 104, 105, 112, 120, 504, 512, 65_536] {
        cases.push((format!("cut at {length}"), v3()[..length].to_vec()));
        cases.push((format!("v2, cut at {length}"), v2()[..length].to_vec()));
    }

    let (mut both, mut neither) = (0, 0);
    let mut differences = Vec::new();
    for (what, file) in &cases {
        fs::write(&path, file).unwrap();
        match (Header::parse(file), info(&path)) {
            (Ok(_), Ok(_)) => {
                both += 1;
                agree(&path);
            }
            (Err(_), Err(_)) => neither += 1,
            (Ok(header), Err(theirs)) => {
                let told = format!("{what}: accepted, but {theirs}");
                match laxer(&header, file.len() as u64, &theirs) {
                    true => println!("laxer: {}", told.trim_end()),
                    false => differences.push(told),
                }
            }
            (Err(ours), Ok(_)) => {
                let told = format!("{what}: refused: {ours}");
                match stricter(ours.code()) {
                    true => println!("stricter: {told}"),
                    false => differences.push(told),
                }
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    println!("{} cases: both accept {both}, both refuse {neither}", cases.len());
    assert!(both > 50 && neither > 50);
}
