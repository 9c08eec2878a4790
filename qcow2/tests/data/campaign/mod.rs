//! Images of all kinds, most of them broken, shown to qemu-img and to us: does it open, how large is it, what is
//! its backing file, where is its data? Where the answers differ the reason has to be one of `KNOWN`, whose rows
//! stand in `DIFFERENCES.md`. Deterministic: the seeds stand here.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use diskdag_qcow2::chain::Extent;
use diskdag_qcow2::create::{Backing, Create};
use diskdag_qcow2::table::BitmapTableEntry;
use diskdag_qcow2::{Chain, ClusterBits, Compression, FindingKind, Header, Image, Layer, Obstacle};
use serde_json::Value;

use crate::fuzzed::{mutate, sound};
use crate::support::{Chance, qemu, scratch, setting};

mod made;

/// Reasons for different answers, each a row of `DIFFERENCES.md`.
const KNOWN: [&str; 18] = [
    "a header cut short",
    "an extension twice",
    "a backing file's name over the header or an extension",
    "features that are not known here",
    "an offset of no snapshots",
    "no refcount table",
    "a snapshot table that makes no sense",
    "a bitmap directory that makes no sense",
    "a LUKS header that makes no sense",
    "a name with a NUL",
    "a data file",
    "a cluster beyond the end",
    "an L1 table outside of the file or over the header",
    "an L2 table used twice",
    "encryption",
    "a raw data file that is announced and not there",
    "a bitmap's table that makes no sense",
    "a data file without a name",
];

/// Runs qemu-img for ten seconds at most, with two GiB of address space.
fn img(directory: &Path, args: &[&str]) -> Output {
    let limited = "ulimit -v 2097152; exec timeout 10 qemu-img \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", limited, "qemu-img"]).args(args);
    command.current_dir(directory).stdin(Stdio::null()).output().unwrap()
}

/// An image that our own writer makes, of any features; its header changed in a few places.
fn created(chance: &mut Chance) -> Vec<u8> {
    let version = if chance.one_in(4) { 2 } else { 3 };
    let v3 = version == 3;
    let extended_l2 = v3 && chance.one_in(4);
    let bits = if extended_l2 { 14 + chance.below(3) } else { 9 + chance.below(8) };
    let names: [&[u8]; 5] = [b"base", b"/nonexistent/base", b"nbd://x/y", b"json:{}", b"a b"];
    let format: Option<&[u8]> = [None, Some(&b"raw"[..]), Some(b"qcow2")][chance.below(3) as usize];
    let create = Create {
        version,
        cluster_bits: ClusterBits::new(bits as u32).unwrap(),
        virtual_size: chance.below(1 << 12) << 9,
        backing: chance.one_in(3).then(|| Backing { name: chance.of(&names), format }),
        data_file: (v3 && chance.one_in(6)).then_some(b"data.raw"),
        refcount_order: if v3 { chance.below(7) as u8 } else { 4 },
        lazy_refcounts: v3 && chance.one_in(3),
        extended_l2,
        compression: if v3 && chance.one_in(3) { Compression::Zstd } else { Compression::Deflate },
        ..Create::default()
    };
    let layout = create.build().unwrap();
    let mut file = vec![0; layout.len as usize];
    for (offset, bytes) in &layout.pieces {
        file[*offset as usize..][..bytes.len()].copy_from_slice(bytes);
    }
    for _ in 0..chance.below(4) {
        let at = 4 + chance.below(140).min(file.len() as u64 - 8) as usize;
        match chance.below(3) {
            0 => file[at & !3..][..4].copy_from_slice(&chance.of(&FIELDS).to_be_bytes()),
            1 => file[at & !7..][..8].copy_from_slice(&u64::from(chance.of(&FIELDS)).to_be_bytes()),
            _ => file[at] ^= 1 << chance.below(8),
        }
    }
    file
}

const FIELDS: [u32; 14] =
    [0, 1, 2, 3, 4, 8, 16, 104, 112, 512, 1024, 65_536, 0x7fff_ffff, u32::MAX];

/// Why we refuse what QEMU opens, or describe what it refuses.
fn reason_to_open(file: &[u8], ours: bool) -> Option<&'static str> {
    let header = match Header::parse(file) {
        Ok(header) => header,
        Err(error) if !ours => {
            return match error.code() {
                "truncated" => Some(KNOWN[0]),
                "inconsistent" if error.to_string().contains("no data file is named") => {
                    Some(KNOWN[17])
                }
                "duplicate" => Some(KNOWN[1]),
                "overlap" | "out-of-bounds" => Some(KNOWN[2]),
                _ => None,
            };
        }
        Err(_) => return None,
    };
    let image = Image::open(diskdag_qcow2::source::MemorySource(file.to_vec())).ok()?;
    let findings: Vec<_> = header.findings(file.len() as u64).map(|found| found.kind).collect();
    let obstacle = header.obstacles().next();
    let snapshots = || image.snapshots().err_or(|table| table.iter().any(|one| one.is_err()));
    let bitmaps =
        || image.bitmaps().err_or(|all| all.is_some_and(|all| all.iter().any(|one| one.is_err())));
    match () {
        () if matches!(obstacle, Some(Obstacle::UnknownIncompatible(_))) => Some(KNOWN[3]),
        () if findings.contains(&FindingKind::UnusedSnapshotsOffset) => Some(KNOWN[4]),
        () if findings.contains(&FindingKind::NoRefcountTable) => Some(KNOWN[5]),
        () if snapshots() => Some(KNOWN[6]),
        () if bitmaps() || findings.contains(&FindingKind::MissingBitmaps) => Some(KNOWN[7]),
        () if bad_table(&image) => Some(KNOWN[16]),
        () if header.luks().is_some() => Some(KNOWN[8]),
        () if obstacle.is_some() => Some(KNOWN[14]),
        () => None,
    }
}

/// Whether a bitmap's table is not in the file, or has entries that QEMU refuses.
fn bad_table(image: &Image) -> bool {
    let Ok(Some(directory)) = image.bitmaps() else { return false };
    directory.iter().flatten().any(|bitmap| {
        // QEMU wants the table to be as long as the disk needs it.
        let bits = image.virtual_size().div_ceil(bitmap.granularity());
        let clusters = bits.div_ceil(8).div_ceil(image.geometry().cluster_size());
        let fits = clusters == u64::from(bitmap.table_size);
        !fits
            || image.bitmap_table(&bitmap).err_or(|table| {
                table.iter().any(|entry| match entry {
                    BitmapTableEntry::Bad => true,
                    BitmapTableEntry::Bits { offset } => offset.get() >= image.len(),
                    _ => false,
                })
            })
    })
}

trait ErrOr<T> {
    fn err_or(self, wrong: impl FnOnce(T) -> bool) -> bool;
}

impl<T, E> ErrOr<T> for Result<T, E> {
    fn err_or(self, wrong: impl FnOnce(T) -> bool) -> bool {
        self.map_or(true, wrong)
    }
}

/// One image; the reason of each difference, or what differs for no reason.
fn compare(directory: &Path, file: &[u8]) -> Result<Vec<&'static str>, String> {
    std::fs::write(directory.join("image"), file).unwrap();
    let theirs = img(directory, &["info", "-f", "qcow2", "--output=json", "image"]);
    let ours = Header::parse(file);
    let said = String::from_utf8_lossy(&theirs.stderr).into_owned();
    if theirs.status.success() != ours.is_ok() {
        let reason = reason_to_open(file, ours.is_ok());
        let error = ours.err().map(|error| error.to_string());
        return reason.map(|reason| vec![reason]).ok_or(format!("opens: {error:?} / {said}"));
    }
    let Ok(header) = ours else { return Ok(Vec::new()) };
    let info: Value = serde_json::from_slice(&theirs.stdout).map_err(|error| error.to_string())?;
    let size = header.virtual_size() & !511;
    if info["virtual-size"] != size {
        return Err(format!("size {size} / {}", info["virtual-size"]));
    }
    let name = header.backing_name().map(|name| String::from_utf8_lossy(name).into_owned());
    if name.as_deref() != info["backing-filename"].as_str() {
        let nul = name.as_deref().is_some_and(|name| name.contains('\0'));
        return if nul { Ok(vec![KNOWN[9]]) } else { Err(format!("name {name:?} / {info}")) };
    }
    // QEMU opens what an image names as soon as it reads it; nothing of that is shown to it.
    if name.is_some() || !header.obstacles().is_empty() {
        return Ok(Vec::new());
    }
    if header.features().has_data_file() {
        return Ok(vec![KNOWN[10]]);
    }
    map(directory, file, size)
}

/// Where the data is, as both say.
fn map(directory: &Path, file: &[u8], size: u64) -> Result<Vec<&'static str>, String> {
    let image = Image::open(diskdag_qcow2::source::MemorySource(file.to_vec())).unwrap();
    let Ok(view) = image.active() else { return Ok(vec![KNOWN[12]]) };
    let announced = |kind| kind == FindingKind::RawWithoutDataFile;
    if image.header().unwrap().findings(image.len()).any(|found| announced(found.kind)) {
        return Ok(vec![KNOWN[15]]);
    }
    if size > 1 << 30 {
        return Ok(Vec::new());
    }
    let chain = Chain::new(vec![Layer::image(view)]);
    let ours: Result<Vec<_>, _> = chain.extents().collect();
    let theirs = img(directory, &["map", "-f", "qcow2", "--output=json", "image"]);
    let ours = match ours {
        Ok(ours) => ours,
        Err(error) if error.error.code() == "overlap" => return Ok(vec![KNOWN[13]]),
        Err(error) if theirs.status.success() => return Err(format!("map: {error} / succeeds")),
        Err(_) => return Ok(Vec::new()),
    };
    if ours.iter().any(|extent| extent.beyond_end) {
        return Ok(vec![KNOWN[11]]);
    }
    let said = String::from_utf8_lossy(&theirs.stderr).into_owned();
    let theirs: Vec<Value> = serde_json::from_slice(&theirs.stdout).map_err(|_| said)?;
    let ours: Vec<Value> = ours.iter().map(listed).collect();
    if ours == theirs || size == 0 {
        return Ok(Vec::new());
    }
    Err(format!("map: {ours:?} / {theirs:?}"))
}

/// An extent in the words of `qemu-img map --output=json`.
fn listed(extent: &Extent) -> Value {
    let mut value = serde_json::json!({
        "start": extent.start.get(), "length": extent.length, "depth": extent.depth,
        "present": extent.present, "zero": extent.zero, "data": extent.data,
        "compressed": extent.compressed,
    });
    if let Some(offset) = extent.offset {
        value["offset"] = offset.get().into();
    }
    value
}

fn slice(seed: u64) {
    if !qemu() {
        return;
    }
    let directory = scratch();
    let mut chance = Chance(seed);
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    let mut wrong = Vec::new();
    let images = setting("DISKDAG_CAMPAIGN", 520);
    for number in 0..images {
        let file = if chance.one_in(2) {
            created(&mut chance)
        } else {
            let mut built = sound(&mut chance);
            if !chance.one_in(6) {
                mutate(&mut built, &mut chance);
            }
            built.file
        };
        match compare(directory.path(), &file) {
            Ok(found) => found.into_iter().for_each(|why| *reasons.entry(why).or_default() += 1),
            Err(why) => {
                let kept = std::env::temp_dir().join(format!("campaign-{seed:x}-{number}"));
                std::fs::write(&kept, &file).unwrap();
                wrong.push(format!("{}: {why}", kept.display()));
            }
        }
    }
    println!("{images} images of seed {seed:#x}; differences: {reasons:#?}");
    assert!(wrong.is_empty(), "{} differ for no known reason\n{}", wrong.len(), wrong.join("\n"));
    assert!(reasons.keys().all(|reason| KNOWN.contains(reason)));
}

/// What is excused here is told there.
#[test]
fn every_known_difference_has_its_row() {
    let told = include_str!("../../../DIFFERENCES.md");
    for reason in KNOWN {
        assert!(told.contains(&format!("| {reason} |")), "{reason}");
    }
}

#[test]
fn first() {
    slice(0xca0);
}

#[test]
fn second() {
    slice(0xca1);
}

#[test]
fn third() {
    slice(0xca2);
}

#[test]
fn fourth() {
    slice(0xca3);
}
