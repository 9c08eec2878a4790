//! The checks of the fuzz targets over whole images: their corpus and crashers, and mutants of our own.
//! Deterministic: the seeds stand here.

#[path = "../../../fuzz/src/build.rs"]
pub(crate) mod build;
#[path = "../../../fuzz/src/check.rs"]
mod check;
#[path = "../../../fuzz/src/counting.rs"]
mod counting;
#[path = "../../../fuzz/src/image.rs"]
mod image;
#[path = "../../../fuzz/src/verbs.rs"]
mod verbs;
#[path = "../../../fuzz/src/zstd.rs"]
mod zstd;

use std::fs;
use std::path::Path;

use super::support::{Chance, setting};
use build::{Built, Choices};

fn replay(target: &str, check: fn(&[u8])) -> usize {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let folders = ["corpus", "crashers"].map(|kind| fuzz.join(kind).join(target));
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten());
    files.map(|entry| check(&fs::read(entry.unwrap().path()).unwrap())).count()
}

#[test]
fn the_corpus_and_what_once_failed() {
    assert!(replay("image", image::image) >= 30);
    assert!(replay("check", check::check) + replay("image", check::check) >= 30);
    assert!(replay("verbs", verbs::verbs) + replay("image", verbs::verbs) >= 30);
    assert!(replay("zstd", zstd::zstd) >= 100);
    assert!(replay("tables", image::tables) >= 4);
    assert!(replay("chain", image::chain) >= 4);
}

/// The seeds of `zstd` were made by the reference, at all levels, with windows of all sizes, with and without a
/// checksum and a content's size, in one frame and in several, with frames to be skipped.
#[test]
fn what_the_reference_compressed_is_read() {
    let is_read = |blob: &[u8]| assert!(zstd::ours(blob).is_some());
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/zstd");
    for entry in fs::read_dir(fuzz).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        is_read(&fs::read(path).unwrap());
    }
}

fn choices(chance: &mut Chance, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    chance.fill(&mut bytes);
    bytes
}

#[test]
fn tables_of_any_kind_read_as_they_were_built() {
    let mut chance = Chance(0x7ab1e5);
    for _ in 0..400 {
        image::tables(&choices(&mut chance, 400));
    }
}

#[test]
fn chains_of_any_kind_read_as_they_were_built() {
    let mut chance = Chance(0xc4a1);
    for _ in 0..150 {
        image::chain(&choices(&mut chance, 700));
    }
}

/// An image of clusters of 512 bytes that has something of everything: a mapping of all kinds, and, at its end,
/// a snapshot with an L1 table of its own, and a bitmap with a table.
pub(crate) fn sound(chance: &mut Chance) -> Built {
    let mut built = build::build(&mut Choices(&choices(chance, 64)), 12, false);
    let file = &mut built.file;
    let end = file.len();
    file.resize(end + 4 * 512, 0);
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    let place = |cluster: usize| ((end + cluster * 512) as u64).to_be_bytes();
    // The snapshot table, then the snapshot's L1 table.
    put(60, &1_u32.to_be_bytes());
    put(64, &place(0));
    put(end, &place(1));
    put(end + 8, &[0, 0, 0, 1, 0, 1, 0, 4]);
    put(end + 36, &16_u32.to_be_bytes());
    put(end + 48, &4096_u64.to_be_bytes());
    put(end + 56, b"1name");
    put(end + 512, &2048_u64.to_be_bytes());
    // The bitmap directory, then the bitmap's table; and the extension that says so.
    put(88, &1_u64.to_be_bytes());
    put(104, &[0x23, 0x85, 0x28, 0x75, 0, 0, 0, 24, 0, 0, 0, 1, 0, 0, 0, 0]);
    put(120, &32_u64.to_be_bytes());
    put(128, &place(2));
    put(end + 1024, &place(3));
    put(end + 1032, &[0, 0, 0, 1, 0, 0, 0, 0, 1, 16, 0, 4, 0, 0, 0, 0]);
    put(end + 1048, b"bits");
    put(end + 1536, &1_u64.to_be_bytes());
    built
}

/// Words that mean something, in an image of clusters of 512 bytes.
const WORDS: [u64; 16] = [
    0,
    1,
    512,
    2048,
    1 << 63 | 2048,
    1 << 63 | 2560,
    1 << 62 | 2560,
    1 << 62 | 1 << 61 | 3073,
    1 << 63 | 2688,
    1 << 40,
    u64::MAX,
    i64::MAX as u64,
    0x00ff_ffff_ffff_fe00,
    0xffff_ffff,
    0xffff_fe00_0000_0000,
    0x1ff,
];

pub(crate) fn mutate(built: &mut Built, chance: &mut Chance) {
    let l2 = built.l2_offset() as u64;
    for _ in 0..=chance.below(4) {
        let file = &mut built.file;
        let length = file.len() as u64;
        if length < 512 {
            return;
        }
        // Where there is a structure: header, tables, or what was put at the end.
        let (start, room) = match chance.below(6) {
            0 | 1 => (0, 136),
            2 => (512, 64),
            3 => (1536, 8),
            4 => (l2, 96),
            _ => (length.saturating_sub(2048), 2048),
        };
        let at = (start + chance.below(room)).min(length - 8) as usize;
        match chance.below(8) {
            0..=2 => {
                let word = chance.of(&WORDS);
                file[at & !7..][..8].copy_from_slice(&word.to_be_bytes());
            }
            3 => file[at & !3..][..4].copy_from_slice(&chance.of(&WORDS).to_be_bytes()[4..]),
            4 => file[at] ^= 1 << chance.below(8),
            5 => file[at] = chance.next() as u8,
            6 => {
                // One entry over another: shared tables, shared clusters.
                let from = (at & !7).min(file.len() - 16);
                file.copy_within(from..from + 8, from + 8);
            }
            _ if chance.one_in(4) => file.truncate(chance.below(length) as usize),
            _ => {}
        }
    }
}

#[test]
fn the_image_that_is_mutated_is_sound() {
    let mut chance = Chance(1);
    let built = sound(&mut chance);
    image::image(&built.file);
    check::check(&built.file);
    verbs::verbs(&built.file);
    let source = diskdag_qcow2::source::MemorySource(&built.file);
    let audit =
        diskdag_qcow2::Audit::of_source(&source, b"", &diskdag_qcow2::Control::none()).unwrap();
    assert_eq!(audit.findings, []);
}

#[test]
fn a_check_counts_the_same_in_arrays_and_in_pages() {
    let mut chance = Chance(0x9a9e5);
    for _ in 0..6 {
        let mut built = sound(&mut chance);
        mutate(&mut built, &mut chance);
        check::ways(&built.file);
    }
}

/// Header, tables, map, snapshots, bitmaps, check, audit and guest reads of each.
#[test]
fn a_hundred_thousand_mutants_of_whole_images() {
    let mutants = setting("DISKDAG_IMAGE_MUTANTS", 100_000);
    std::thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || {
                let mut chance = Chance(0x1_0a6e + half);
                let sound: Vec<_> = (0..16).map(|_| sound(&mut chance)).collect();
                for number in 0..mutants / 2 {
                    let Built { file, guest, cluster } = &sound[chance.below(16) as usize];
                    let (file, guest, cluster) = (file.clone(), guest.clone(), *cluster);
                    let mut built = Built { file, guest, cluster };
                    mutate(&mut built, &mut chance);
                    let result = std::panic::catch_unwind(|| {
                        image::image(&built.file);
                        if number % 8 == 0 {
                            check::check(&built.file);
                        }
                        if number % 64 == 0 {
                            verbs::verbs(&built.file);
                        }
                    });
                    if let Err(panic) = result {
                        let path = std::env::temp_dir().join(format!("mutant-{half}-{number}"));
                        fs::write(&path, &built.file).unwrap();
                        println!("kept: {}", path.display());
                        std::panic::resume_unwind(panic);
                    }
                }
            });
        }
    });
}
