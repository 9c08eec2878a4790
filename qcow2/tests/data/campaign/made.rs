//! Images that qemu-img and qemu-io made, of all features, whole and then damaged where their tables are, shown to
//! both: what `info` tells, what `check` counts, where the data is, and what the guest reads.

use std::collections::BTreeMap;
use std::path::Path;

use diskdag_qcow2::chain::{Chain, Policy};
use diskdag_qcow2::info::Info;
use diskdag_qcow2::{ErrorKind, GuestOffset, ImageError};
use serde_json::{Value, json};

use super::{ErrOr as _, KNOWN, img, listed, reason_to_open};
use crate::differential::{Plan, noise, scribble};
use crate::support::{Chance, ok, qemu, run, scratch, setting};
use crate::{check_beside, table_damage};

/// Damaged images of each that was made.
const DAMAGED: u64 = 45;

/// Makes an image, and says what it is.
fn make(directory: &Path, chance: &mut Chance) -> String {
    let plan = Plan::small(chance);
    noise(directory, chance);
    let backing = [None, Some(("base.raw", "raw")), Some(("base.qcow2", "qcow2"))];
    let backing = chance.of(&backing);
    plan.create(directory, "image", backing);
    let mut what = format!("{plan:?} over {backing:?}");
    let scribble = |chance: &mut Chance| scribble(directory, "image", &plan, chance, "noise");
    scribble(chance);
    if !plan.has_data_file() && chance.one_in(3) {
        for name in ["one", "two"] {
            // Refused where a refcount has no room for it.
            let output = run(directory, "qemu-img", &["snapshot", "-c", name, "image"]);
            assert!(output.status.code().is_some(), "{output:?}");
            scribble(chance);
        }
        what += ", snapshots";
    }
    if plan.is_version_3() && chance.one_in(3) {
        for (name, granularity) in [("b0", "512"), ("b1", "64k")] {
            ok(directory, "qemu-img", &["bitmap", "--add", "-g", granularity, "image", name]);
            scribble(chance);
        }
        what += ", bitmaps";
    }
    what
}

/// What differs: the reasons that excuse it, or the difference that nothing does.
type Found = Result<Vec<&'static str>, String>;

fn compare(directory: &Path, file: &[u8]) -> Found {
    let path = directory.join("image");
    let mut found = Vec::new();
    match check_beside::compare(&path, false) {
        Ok(row) => found.extend(row),
        // What it doesn't open it doesn't check.
        Err(differs) => match reason_to_open(file, true).filter(|_| differs.gave_up) {
            Some(reason) => found.push(reason),
            None => return Err(format!("check: {}", differs.told)),
        },
    }
    match info(directory, &path, file)? {
        Seen::Same => {}
        Seen::Known(why) => found.push(why),
        Seen::Refused => return Ok(found),
    }
    found.extend(data(directory, &path, file)?);
    Ok(found)
}

enum Seen {
    Same,
    Known(&'static str),
    /// By both.
    Refused,
}

fn info(directory: &Path, path: &Path, file: &[u8]) -> Result<Seen, String> {
    let theirs = img(directory, &["info", "-f", "qcow2", "--output=json", "image"]);
    let said = String::from_utf8_lossy(&theirs.stderr).into_owned();
    let ours = Info::of(path, Some(b"qcow2"));
    let is_whole = ours.as_ref().is_ok_and(|info| info.faults().is_empty());
    let info = match (ours, theirs.status.success()) {
        (Ok(info), true) if is_whole => info,
        (Err(_), false) => return Ok(Seen::Refused),
        (ours, _) => {
            let reason = reason_to_open(file, ours.is_ok());
            let why =
                || format!("info: {:?} / {said}", ours.map(|info| format!("{:?}", info.faults())));
            return reason.map(Seen::Known).ok_or_else(why);
        }
    };
    let theirs: Value = serde_json::from_slice(&theirs.stdout).map_err(|_| said)?;
    let header = info.header().ok_or("it has a header")?;
    // QEMU's ids and names end at a NUL.
    let text = |bytes: &[u8]| {
        let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(bytes).into_owned()
    };
    let snapshots: Vec<Value> = info
        .snapshots()
        .map(|one| {
            json!({
                "id": text(one.id), "name": text(one.name), "vm-state-size": one.vm_state_size.cast_signed(),
                "date-sec": one.date_sec, "date-nsec": one.date_nsec,
                "vm-clock-sec": one.vm_clock_nsec / 1_000_000_000,
                "vm-clock-nsec": one.vm_clock_nsec % 1_000_000_000,
            })
        })
        .collect();
    let bitmaps: Vec<Value> = info
        .bitmaps()
        .map(|one| {
            let flags = [(one.in_use(), "in-use"), (one.auto(), "auto")];
            let flags: Vec<_> = flags.iter().filter(|flag| flag.0).map(|flag| flag.1).collect();
            json!({"name": text(one.name), "granularity": one.granularity(), "flags": flags})
        })
        .collect();
    let features = header.features();
    let v3 = |value: bool| (header.version() == 3).then_some(value);
    let data = &theirs["format-specific"]["data"];
    let mut listed = theirs["snapshots"].clone();
    for one in listed.as_array_mut().into_iter().flatten() {
        one.as_object_mut().map(|one| one.remove("icount"));
    }
    let empty = |list: &Vec<Value>| if list.is_empty() { Value::Null } else { json!(list) };
    for (what, ours, theirs) in [
        ("virtual-size", json!(info.virtual_size()), &theirs["virtual-size"]),
        ("cluster-size", json!(header.cluster_size()), &theirs["cluster-size"]),
        ("backing", json!(info.backing_name().map(text)), &theirs["backing-filename"]),
        (
            "full",
            json!(
                info.full_backing_name()
                    .map(|name| text(&name))
                    .map(|name| { name.rsplit('/').next().unwrap_or_default().to_owned() })
            ),
            &theirs["full-backing-filename"],
        ),
        ("dirty", json!(features.is_dirty()), &theirs["dirty-flag"]),
        ("compression", json!(header.compression().to_string()), &data["compression-type"]),
        ("refcounts", json!(header.refcount_bits()), &data["refcount-bits"]),
        ("lazy", json!(v3(features.lazy_refcounts())), &data["lazy-refcounts"]),
        ("corrupt", json!(v3(features.is_corrupt())), &data["corrupt"]),
        ("extended", json!(v3(features.extended_l2())), &data["extended-l2"]),
        ("data file", json!(header.data_file_name().map(text)), &data["data-file"]),
        ("snapshots", empty(&snapshots), &listed),
        ("bitmaps", empty(&bitmaps), &data["bitmaps"]),
    ] {
        if ours != *theirs {
            return Err(format!("info: {what}: {ours} / {theirs}"));
        }
    }
    Ok(Seen::Same)
}

/// Where the data is, and what the guest reads.
fn data(directory: &Path, path: &Path, file: &[u8]) -> Found {
    let mut policy = Policy::trusting(directory.to_owned());
    policy.working_directory = Some(directory.to_owned());
    let chain = match Chain::open(path, &policy) {
        Ok(chain) => chain,
        Err(diskdag_qcow2::chain::OpenChainError::Image {
            error: ImageError::Format(error),
            ..
        }) if matches!(error.kind, ErrorKind::OutOfBounds { .. } | ErrorKind::Overlap { .. }) => {
            return Ok(vec![KNOWN[12]]);
        }
        Err(error) => return Err(format!("does not open: {error}")),
    };
    let theirs = img(directory, &["map", "-f", "qcow2", "--output=json", "image"]);
    let ours: Result<Vec<_>, _> = chain.extents().collect();
    let mut found = Vec::new();
    match ours {
        Ok(ours) if ours.iter().any(|extent| extent.beyond_end) => found.push(KNOWN[11]),
        Ok(ours) => {
            let said = String::from_utf8_lossy(&theirs.stderr).into_owned();
            if !theirs.status.success() {
                let reason = reason_to_open(file, true);
                return reason.map(|reason| vec![reason]).ok_or(format!("map: {ours:?} / {said}"));
            }
            let theirs: Vec<Value> = serde_json::from_slice(&theirs.stdout).map_err(|_| said)?;
            let ours: Vec<Value> = ours.iter().map(listed).collect();
            if ours != theirs && chain.size() > 0 {
                let at = ours.iter().zip(&theirs).position(|(ours, theirs)| ours != theirs);
                let at = at.unwrap_or(ours.len().min(theirs.len()));
                return Err(format!("map: {:?} / {:?}", ours.get(at), theirs.get(at)));
            }
        }
        Err(error) if error.error.code() == "overlap" => return Ok(vec![KNOWN[13]]),
        Err(error) if theirs.status.success() => return Err(format!("map: {error} / succeeds")),
        Err(_) => {}
    }
    let theirs = img(directory, &["convert", "-f", "qcow2", "-O", "raw", "image", "out"]);
    let mut bytes = vec![0; usize::try_from(chain.size()).unwrap_or_default()];
    match (chain.read_at(GuestOffset(0), &mut bytes), theirs.status.success()) {
        (Ok(_), true) if std::fs::read(directory.join("out")).err_or(|out| out != bytes) => {
            Err("the guest reads something else".to_owned())
        }
        (Ok(_), true) | (Err(_), false) => Ok(found),
        (ours, theirs_too) => {
            let reason = reason_to_open(file, true).filter(|_| !theirs_too);
            let why = || format!("read: {ours:?} / {}", String::from_utf8_lossy(&theirs.stderr));
            reason.map(|reason| vec![reason]).ok_or_else(why)
        }
    }
}

fn slice(seed: u64) {
    if !qemu() {
        return;
    }
    let directory = scratch();
    let directory = directory.path();
    let mut chance = Chance(seed);
    let mut raw = vec![0; 700_000];
    chance.fill(&mut raw);
    std::fs::write(directory.join("base.raw"), &raw).unwrap();
    ok(directory, "qemu-img", &["convert", "-O", "qcow2", "base.raw", "base.qcow2"]);
    let (mut images, mut reasons, mut wrong) = (0, BTreeMap::<&str, u64>::new(), Vec::new());
    for made in 0..setting("DISKDAG_MADE", 12) {
        let what = make(directory, &mut chance);
        let original = std::fs::read(directory.join("image")).unwrap();
        let places = table_damage::Places::of(&original).unwrap();
        for number in 0..=DAMAGED {
            let mut file = original.clone();
            let mut did = Vec::new();
            for _ in 0..chance.below(3) + u64::from(number > 0) {
                if number > 0 {
                    let mut below = |end: usize| chance.below(end as u64) as usize;
                    did.push(places.damage(&mut file, &mut below));
                }
            }
            std::fs::write(directory.join("image"), &file).unwrap();
            images += 1;
            match compare(directory, &file) {
                Ok(found) => {
                    found.into_iter().for_each(|why| *reasons.entry(why).or_default() += 1)
                }
                Err(why) => {
                    let kept = std::env::temp_dir().join(format!("made-{seed:x}-{made}-{number}"));
                    std::fs::write(&kept, &file).unwrap();
                    wrong.push(format!("{}: {what}; {did:?}\n    {why}", kept.display()));
                }
            }
        }
    }
    println!("{images} images of seed {seed:#x}; differences: {reasons:#?}");
    assert!(wrong.is_empty(), "{} differ for no known reason\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn first() {
    slice(0x3a0);
}

#[test]
fn second() {
    slice(0x3a1);
}

#[test]
fn third() {
    slice(0x3a2);
}

#[test]
fn fourth() {
    slice(0x3a3);
}
