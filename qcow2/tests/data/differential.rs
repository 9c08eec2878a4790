//! Images that qemu-img and qemu-io made, read by both.

use std::fmt::Write as _;
use std::path::Path;

use diskdag_qcow2::chain::{Chain, Policy};
use diskdag_qcow2::{GuestOffset, Image};

use crate::support::{Chance, ok, path, qemu, run, scratch, setting};

/// What an image is to be like.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    version: u32,
    cluster: u64,
    zstd: bool,
    extended: bool,
    /// 0 none, 1 an external data file, 2 a raw one.
    data_file: u32,
    preallocation: &'static str,
    refcount_bits: u32,
    size: u64,
    lazy: bool,
}

impl Plan {
    pub(crate) fn of(chance: &mut Chance) -> Self {
        let version = if chance.one_in(5) { 2 } else { 3 };
        let v3 = version == 3;
        let extended = v3 && chance.one_in(3);
        let clusters: &[u64] = if extended {
            &[16 << 10, 64 << 10, 2 << 20]
        } else {
            &[512, 1024, 4096, 32 << 10, 64 << 10, 1 << 20, 2 << 20]
        };
        let cluster = chance.of(clusters);
        let data_file = if v3 && chance.one_in(5) { 1 + chance.below(2) as u32 } else { 0 };
        let most = (cluster * 300).clamp(1 << 20, 48 << 20);
        Self {
            version,
            cluster,
            zstd: v3 && data_file == 0 && chance.one_in(2),
            extended,
            data_file,
            preallocation: chance.of(&["off", "off", "off", "metadata", "falloc"]),
            refcount_bits: if v3 { chance.of(&[1, 2, 4, 8, 16, 32, 64]) } else { 16 },
            size: (chance.below(most) + 512) & !511,
            lazy: v3 && chance.one_in(4),
        }
    }

    /// The same, for a disk of a MiB at most.
    pub(crate) fn small(chance: &mut Chance) -> Self {
        let plan = Self::of(chance);
        Self { size: (plan.size % (1 << 20)).next_multiple_of(512).max(512), ..plan }
    }

    pub(crate) fn has_data_file(&self) -> bool {
        self.data_file > 0
    }

    pub(crate) fn is_version_3(&self) -> bool {
        self.version == 3
    }

    pub(crate) fn create(&self, directory: &Path, name: &str, backing: Option<(&str, &str)>) {
        let mut options = format!(
            "compat={},cluster_size={},refcount_bits={}",
            if self.version == 2 { "0.10" } else { "1.1" },
            self.cluster,
            self.refcount_bits
        );
        // A backing file and clusters allocated ahead exclude each other without subclusters.
        if backing.is_none() && self.preallocation != "off" {
            write!(options, ",preallocation={}", self.preallocation).unwrap();
        }
        if self.zstd {
            options += ",compression_type=zstd";
        }
        if self.extended {
            options += ",extended_l2=on";
        }
        if self.lazy {
            options += ",lazy_refcounts=on";
        }
        match self.data_file {
            1 => write!(options, ",data_file={name}.data").unwrap(),
            2 if backing.is_none() => {
                write!(options, ",data_file={name}.data,data_file_raw=on").unwrap();
            }
            2 => write!(options, ",data_file={name}.data").unwrap(),
            _ => {}
        }
        let size = self.size.to_string();
        let mut args = vec!["create", "-q", "-f", "qcow2", "-o", &options];
        if let Some((file, format)) = backing {
            args.extend(["-b", file, "-F", format]);
        }
        args.extend([name, &size]);
        ok(directory, "qemu-img", &args);
    }
}

/// Writes to an image: data, zeros, discards, compressed clusters.
pub(crate) fn scribble(
    directory: &Path,
    name: &str,
    plan: &Plan,
    chance: &mut Chance,
    noise: &str,
) {
    let mut commands = Vec::new();
    for _ in 0..chance.below(24) {
        let unit =
            chance.of(&[512, 4096, plan.cluster / 32, plan.cluster, plan.cluster * 3]).max(512);
        let at = chance.below(plan.size / 512 + 1) * 512;
        let at = if chance.one_in(2) { at - at % unit } else { at };
        let len = ((chance.below(4) + 1) * unit).min(plan.size.saturating_sub(at)).min(4 << 20);
        let len = len - len % 512;
        if len == 0 {
            continue;
        }
        let pattern = chance.below(256);
        // qemu-io compresses whole clusters only.
        let whole = at - at % plan.cluster;
        commands.push(match chance.below(8) {
            0 => format!("write -z {at} {len}"),
            1 => format!("write -z -u {at} {len}"),
            2 => format!("discard {at} {len}"),
            3 | 4 if plan.data_file == 0 && whole + plan.cluster <= plan.size => {
                if chance.one_in(3) {
                    format!("write -c -s {noise} {whole} {}", plan.cluster)
                } else {
                    format!("write -c -P {pattern} {whole} {}", plan.cluster)
                }
            }
            5 => format!("write -s {noise} {at} {len}"),
            _ => format!("write -P {pattern} {at} {len}"),
        });
    }
    if commands.is_empty() {
        return;
    }
    let mut args = vec!["-f", "qcow2", "-d", "unmap"];
    for command in &commands {
        args.extend(["-c", command]);
    }
    args.push(name);
    // Single commands may be refused (a compressed write over data, say); what was written counts.
    let output = run(directory, "qemu-io", &args);
    assert!(output.status.code().is_some(), "{args:?}");
}

fn guest(chain: &Chain, chance: &mut Chance) -> Vec<u8> {
    let size = chain.size() as usize;
    let mut bytes = vec![0xee; size + 100];
    assert_eq!(chain.read_at(GuestOffset(0), &mut bytes).unwrap(), size);
    assert_eq!(bytes[size..], [0xee; 100], "not a byte beyond the disk is touched");
    bytes.truncate(size);
    for _ in 0..64 {
        let at = chance.below(size as u64 + 10) as usize;
        let mut part = vec![0xdd; chance.of(&[1, 511, 512, 4096, 100_000, 3 << 20])];
        let read = chain.read_at(GuestOffset(at as u64), &mut part).unwrap();
        assert_eq!(read, part.len().min(size.saturating_sub(at)));
        assert!(part[..read] == bytes[at.min(size)..][..read], "{read} bytes at {at}");
    }
    bytes
}

/// Where two disks first differ.
fn same(ours: &[u8], theirs: &[u8], what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}: size");
    if let Some(at) = (0..ours.len()).find(|at| ours[*at] != theirs[*at]) {
        panic!("{what}: differs at {at}: {} instead of {}", ours[at], theirs[at]);
    }
}

/// Our extents in the words of `qemu-img map --output=json`.
fn map(chain: &Chain) -> Vec<String> {
    chain
        .extents()
        .map(|extent| {
            let extent = extent.unwrap();
            let mut line = format!(
                "{{ \"start\": {}, \"length\": {}, \"depth\": {}, \"present\": {}, \"zero\": {}, \
                 \"data\": {}, \"compressed\": {}",
                extent.start,
                extent.length,
                extent.depth,
                extent.present,
                extent.zero,
                extent.data,
                extent.compressed
            );
            if let Some(offset) = extent.offset {
                write!(line, ", \"offset\": {offset}").unwrap();
            }
            line + "}"
        })
        .collect()
}

fn compare(directory: &Path, name: &str, chance: &mut Chance, what: &str) {
    let policy = Policy::trusting(directory.to_owned());
    let chain = Chain::open(&path(directory, name), &policy).unwrap();
    ok(directory, "qemu-img", &["convert", "-f", "qcow2", "-O", "raw", name, "out.raw"]);
    let theirs = std::fs::read(path(directory, "out.raw")).unwrap();
    same(&guest(&chain, chance), &theirs, what);

    let printed = ok(directory, "qemu-img", &["map", "-f", "qcow2", "--output=json", name]);
    let theirs: Vec<_> = printed
        .lines()
        .map(|line| line.trim_start_matches('[').trim_end_matches([',', ']']).to_owned())
        .filter(|line| !line.is_empty())
        .collect();
    let ours = map(&chain);
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs, "{what}: map");
    }
    assert_eq!(ours.len(), theirs.len(), "{what}: map, {:?} {:?}", ours.last(), theirs.last());
    assert_eq!(chain.layers()[0].view().unwrap().image().reads_beyond_end(), 0, "{what}");
    chain.unchanged().unwrap();
}

/// An image alone: every feature with every other.
#[test]
fn images_alone() {
    if !qemu() {
        return;
    }
    let directory = scratch();
    let directory = directory.path();
    for seed in 0..setting("DISKDAG_IMAGES", 40) {
        let mut chance = Chance(seed);
        let plan = Plan::of(&mut chance);
        let what = format!("seed {seed}: {plan:?}");
        noise(directory, &mut chance);
        plan.create(directory, "top.qcow2", None);
        scribble(directory, "top.qcow2", &plan, &mut chance, "noise");
        compare(directory, "top.qcow2", &mut chance, &what);
    }
}

/// Two to four layers: shorter and longer, other cluster sizes, raw bases.
#[test]
fn chains() {
    if !qemu() {
        return;
    }
    let directory = scratch();
    let directory = directory.path();
    for seed in 1000..1000 + setting("DISKDAG_IMAGES", 25) {
        let mut chance = Chance(seed);
        let mut what = format!("seed {seed}:");
        noise(directory, &mut chance);
        let mut below: Option<(String, &str)> = None;
        if chance.one_in(2) {
            // Any length, and holes.
            let mut bytes = vec![0; chance.below(8 << 20) as usize + 1];
            let end = chance.below(bytes.len() as u64) as usize;
            chance.fill(&mut bytes[..end]);
            write!(what, " raw {} ({end})", bytes.len()).unwrap();
            std::fs::write(path(directory, "base.raw"), &bytes).unwrap();
            let file = std::fs::OpenOptions::new().write(true).open(path(directory, "base.raw"));
            file.unwrap().set_len(chance.below(12 << 20)).unwrap();
            below = Some(("base.raw".to_owned(), "raw"));
        }
        for layer in 0..1 + chance.below(3) {
            let plan = Plan::of(&mut chance);
            write!(what, " {plan:?}").unwrap();
            let name = format!("layer{layer}.qcow2");
            let backing = below.as_ref().map(|(name, format)| (name.as_str(), *format));
            plan.create(directory, &name, backing);
            scribble(directory, &name, &plan, &mut chance, "noise");
            below = Some((name, "qcow2"));
        }
        compare(directory, &below.unwrap().0, &mut chance, &what);
    }
}

/// Internal snapshots: the disk as it was, although it was written to since.
#[test]
fn internal_snapshots() {
    if !qemu() {
        return;
    }
    let directory = scratch();
    let directory = directory.path();
    for seed in 2000..2000 + setting("DISKDAG_IMAGES", 8) {
        let mut chance = Chance(seed);
        // Not with a data file, nor where refcounts can overflow: compressed clusters share host clusters.
        let mut plan = Plan { data_file: 0, ..Plan::of(&mut chance) };
        plan.refcount_bits = plan.refcount_bits.max(16);
        let what = format!("seed {seed}: {plan:?}");
        noise(directory, &mut chance);
        plan.create(directory, "top.qcow2", None);
        let count = 1 + chance.below(4);
        for number in 0..count {
            scribble(directory, "top.qcow2", &plan, &mut chance, "noise");
            let name = format!("snap {number}");
            ok(directory, "qemu-img", &["snapshot", "-c", &name, "top.qcow2"]);
        }
        scribble(directory, "top.qcow2", &plan, &mut chance, "noise");
        compare(directory, "top.qcow2", &mut chance, &what);
        let chain = Chain::open(&path(directory, "top.qcow2"), &Policy::nothing()).unwrap();
        let image = chain.layers()[0].view().unwrap().image();
        let table = image.snapshots().unwrap();
        let snapshots: Vec<_> = table.iter().map(Result::unwrap).collect();
        assert_eq!(snapshots.len() as u64, count);
        for (number, snapshot) in snapshots.iter().enumerate() {
            let name = format!("snap {number}");
            assert_eq!(snapshot.name, name.as_bytes());
            assert_eq!(snapshot.id, (number + 1).to_string().as_bytes());
            assert_eq!(snapshot.disk_size, Some(plan.size));
            let option = format!("snapshot.name={name}");
            let convert = ["convert", "-f", "qcow2", "-O", "raw", "-l", &option];
            ok(directory, "qemu-img", &[&convert[..], &["top.qcow2", "out.raw"]].concat());
            let theirs = std::fs::read(path(directory, "out.raw")).unwrap();
            let before = chain.snapshot(name.as_bytes()).unwrap();
            same(&guest(&before, &mut chance), &theirs, &format!("{what}: {name}"));
            let by_id = chain.snapshot(snapshot.id).unwrap();
            assert_eq!(by_id.size(), before.size());
        }
    }
}

/// A snapshot has the size that the disk had.
#[test]
fn a_snapshot_keeps_its_size() {
    if !qemu() {
        return;
    }
    let directory = scratch();
    let directory = directory.path();
    ok(directory, "qemu-img", &["create", "-q", "-f", "qcow2", "top.qcow2", "1M"]);
    ok(directory, "qemu-io", &["-c", "write -P 1 0 1M", "top.qcow2"]);
    ok(directory, "qemu-img", &["snapshot", "-c", "small", "top.qcow2"]);
    ok(directory, "qemu-img", &["resize", "-q", "top.qcow2", "3M"]);
    ok(directory, "qemu-io", &["-c", "write -P 2 0 3M", "top.qcow2"]);
    let chain = Chain::open(&path(directory, "top.qcow2"), &Policy::nothing()).unwrap();
    assert_eq!(chain.size(), 3 << 20);
    let small = chain.snapshot(b"small").unwrap();
    assert_eq!(small.size(), 1 << 20);
    let mut bytes = vec![9; 2 << 20];
    assert_eq!(small.read_at(GuestOffset(0), &mut bytes).unwrap(), 1 << 20);
    assert!(bytes[..1 << 20].iter().all(|byte| *byte == 1));
}

/// Persistent bitmaps, as `qemu-img info` tells them.
#[test]
fn bitmaps() {
    if !qemu() {
        return;
    }
    let directory = scratch();
    let directory = directory.path();
    ok(directory, "qemu-img", &["create", "-q", "-f", "qcow2", "top.qcow2", "64M"]);
    for (name, granularity) in [("one", "65536"), ("a longer name, to be padded", "4096")] {
        ok(directory, "qemu-img", &["bitmap", "--add", "-g", granularity, "top.qcow2", name]);
    }
    ok(directory, "qemu-img", &["bitmap", "--disable", "top.qcow2", "one"]);
    ok(directory, "qemu-io", &["-c", "write -P 1 8M 1M", "top.qcow2"]);
    let file = std::fs::File::open(path(directory, "top.qcow2")).unwrap();
    let image = Image::open(file).unwrap();
    let directory = image.bitmaps().unwrap().unwrap();
    let bitmaps: Vec<_> = directory.iter().map(Result::unwrap).collect();
    let told: Vec<_> = bitmaps
        .iter()
        .map(|bitmap| (bitmap.name, bitmap.granularity(), bitmap.auto(), bitmap.in_use()))
        .collect();
    let expected: [(&[u8], u64, bool, bool); 2] =
        [(b"one", 65536, false, false), (b"a longer name, to be padded", 4096, true, false)];
    assert_eq!(told, expected);
    for bitmap in &bitmaps {
        assert_eq!(image.bitmap_table(bitmap).unwrap().len(), bitmap.table_size as usize);
    }
}

/// Refcounts of every width.
#[test]
fn refcounts() {
    if !qemu() {
        return;
    }
    let directory = scratch();
    let directory = directory.path();
    for bits in [1, 2, 4, 8, 16, 32, 64] {
        let options = format!("refcount_bits={bits}");
        ok(directory, "qemu-img", &["create", "-qf", "qcow2", "-o", &options, "top.qcow2", "4M"]);
        ok(directory, "qemu-io", &["-c", "write -P 1 1M 1M", "top.qcow2"]);
        if bits > 1 {
            ok(directory, "qemu-img", &["snapshot", "-c", "twice", "top.qcow2"]);
        }
        let file = std::fs::File::open(path(directory, "top.qcow2")).unwrap();
        let image = Image::open(file).unwrap();
        let table = image.refcount_table().unwrap();
        let first = table.first().unwrap();
        let diskdag_qcow2::table::RefcountTableEntry::Block { offset } = *first else {
            panic!("{first:?}")
        };
        let mut buffer = Vec::new();
        let block = image.refcount_block(offset, &mut buffer).unwrap();
        assert_eq!(block.len() as u64, image.geometry().refcounts_per_block());
        let counts: Vec<_> = block.iter().filter(|count| *count != 0).collect();
        // Sixteen clusters of data and their L2 table, shared with the snapshot if there is one.
        let shared = counts.iter().filter(|count| **count == 2).count();
        assert_eq!(shared, if bits > 1 { 17 } else { 0 }, "{bits} bits: {counts:?}");
        let used = image.len().div_ceil(image.geometry().cluster_size());
        assert_eq!(block.count_used(usize::MAX) as u64, counts.len() as u64);
        assert!(counts.len() as u64 <= used, "{bits} bits");
    }
}

/// What `qemu-img info` tells of an encrypted image; its data is out of reach.
#[test]
fn luks() {
    if !qemu() {
        return;
    }
    let directory = scratch();
    let directory = directory.path();
    let secret = "secret,id=s,data=geheim";
    let options = "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10";
    ok(
        directory,
        "qemu-img",
        &["create", "-q", "--object", secret, "-f", "qcow2", "-o", options, "top.qcow2", "1M"],
    );
    let printed = ok(directory, "qemu-img", &["info", "top.qcow2"]);
    let image = Image::open(std::fs::File::open(path(directory, "top.qcow2")).unwrap()).unwrap();
    assert_eq!(image.active().unwrap_err().code(), "encrypted");
    let mut buffer = Vec::new();
    let luks = image.luks(&mut buffer).unwrap().unwrap();
    for text in [luks.cipher_name(), luks.hash(), luks.uuid()] {
        let text = std::str::from_utf8(text).unwrap();
        assert!(printed.contains(text), "{text} is not in {printed}");
    }
    for number in [luks.payload_offset(), luks.master_key_iterations().into()] {
        assert!(printed.contains(&number.to_string()), "{number} is not in {printed}");
    }
    let slots: Vec<_> = luks.key_slots().collect();
    assert_eq!(slots.iter().filter(|slot| slot.active).count(), 1);
    assert!(printed.contains(&format!("key offset: {}", slots[7].key_offset)), "{printed}");
}

/// Bytes that don't compress, to write from.
pub(crate) fn noise(directory: &Path, chance: &mut Chance) {
    let mut bytes = vec![0; 4 << 20];
    chance.fill(&mut bytes);
    std::fs::write(path(directory, "noise"), bytes).unwrap();
}
