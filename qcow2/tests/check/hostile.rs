//! Hostile images: bounded work, no reading beyond the file, and never "no errors".

use diskdag_qcow2::Structure;
use diskdag_qcow2::check::{CheckError, FindingKind as Kind, Options, Report, check};
use diskdag_qcow2::open::ReadError;
use diskdag_qcow2::source::MemorySource;

use crate::counted::counted;
use crate::image::{BITMAPS, Put as _, Random, at, bitmaps};
use crate::picture::{COPIED, Picture, count};

/// Checks, and fails if that is more work than the file has bytes: each is read three times at most, in pieces of some
/// size, each entry of a table visited once, and little is said about it.
fn quickly(picture: &Picture) -> Report {
    let (report, work) = counted(MemorySource(&picture.file), picture.len());
    let len = picture.len();
    assert!(work.bytes <= 3 * len && work.visited <= len, "{work:?} of {len} bytes");
    assert!(work.reads <= 20 + len / 256, "{work:?} of {len} bytes");
    let places: usize = report.findings.iter().map(|finding| finding.places.len()).sum();
    assert!(report.findings.len() < 50 && places < 250, "{report:?}");
    report
}

#[test]
fn tables_2048_times_one_table_of_8192_times_one_cluster() {
    let mut picture = Picture::new(16, 4, 1 << 40);
    let l2 = picture.cluster(1);
    let data = picture.cluster(1);
    for entry in 0..2048 {
        picture.put_l1(entry, l2 | COPIED);
    }
    for entry in 0..8192 {
        picture.put(l2 + 8 * entry, data | COPIED);
    }
    assert!(picture.len() < 1 << 20);
    let report = quickly(&picture);
    assert_eq!(report.allocated_clusters, 2048 * 8192);
    let most = (1 << 16) - 1;
    let overflow = count(&report, Kind::RefcountOverflow, Structure::Cluster);
    assert_eq!(overflow, 2048 * 8192 - most);
    assert_eq!(report.corruptions, overflow + 2);
}

#[test]
fn snapshots_200_times_8192_entries_one_table() {
    let mut picture = Picture::usual();
    let l2 = picture.cluster(1);
    let data = picture.cluster(1);
    let l1 = picture.cluster(1);
    for entry in 0..8192 {
        picture.put(l1 + 8 * entry, l2).put(l2 + 8 * entry, data);
    }
    picture.snapshots(&[(l1, 8192); 200]);
    let report = quickly(&picture);
    let references = 200 * 8192 * 8192_u64;
    let overflow = count(&report, Kind::RefcountOverflow, Structure::Cluster);
    assert_eq!(overflow, references - 65_535 + 200 * 8192 - 65_535);
}

/// L1 tables that begin and end anywhere in the same half megabyte.
#[test]
fn thousands_of_snapshots_whose_tables_overlap() {
    let mut picture = Picture::new(9, 4, 1 << 20);
    let start = picture.len();
    for _ in 0..800 {
        picture.file.resize(picture.file.len() + 512, 0);
    }
    let l2 = start;
    for at in (start + 512..picture.len()).step_by(8) {
        picture.put(at, l2);
    }
    let tables: Vec<_> = (0..6000_u64).map(|n| (start + 512 * (n % 700 + 1), 6000)).collect();
    // Refcounts of so many clusters don't fit into the block; nobody minds.
    picture.block = 0x400;
    let table = picture.len();
    let mut entries = Vec::new();
    for (offset, size) in &tables {
        entries.extend(offset.to_be_bytes());
        entries.extend(u32::to_be_bytes(*size));
        entries.extend([0; 24]);
        entries.extend([0; 4]);
    }
    picture.file.extend(&entries);
    picture.file.put32(at::SNAPSHOTS, 6000).put64(at::SNAPSHOTS_OFFSET, table);
    assert!(picture.len() < 1 << 20);
    let report = quickly(&picture);
    assert!(report.corruptions > 6000);
}

#[test]
fn refcount_table_of_8192_entries_that_name_one_block() {
    let mut picture = Picture::usual();
    let table = picture.word(at::REFCOUNT_TABLE as u64);
    for entry in 1..8192 {
        picture.put(table + 8 * entry, picture.block);
    }
    let report = quickly(&picture);
    assert_eq!(count(&report, Kind::SharedRefcountBlock, Structure::RefcountBlock), 8191);
    assert!(report.findings.len() < 5);
}

#[test]
fn refcount_blocks_that_lie_nowhere() {
    let mut picture = Picture::usual();
    let table = picture.word(at::REFCOUNT_TABLE as u64);
    picture.put(table + 8, 1 << 30).put(table + 16, 0xff00_0000_0000_0000);
    let report = picture.check();
    assert_eq!(count(&report, Kind::OutOfBounds, Structure::RefcountBlock), 2);
    let mut picture = Picture::usual();
    picture.put(table, picture.block + 512);
    let report = picture.check();
    assert_eq!(count(&report, Kind::Misaligned, Structure::RefcountBlock), 1);
    assert_eq!(report.check_errors, 4, "none of the four clusters has a refcount");
    let mut picture = Picture::usual();
    picture.put(table, 0);
    assert_eq!(count(&picture.check(), Kind::RefcountZero, Structure::Cluster), 3);
}

#[test]
fn header_tables_over_the_header() {
    for (field, about) in
        [(at::L1, Structure::L1Table), (at::REFCOUNT_TABLE, Structure::RefcountTable)]
    {
        let mut picture = Picture::usual();
        picture.file.put64(field, 0);
        let report = picture.check();
        assert_eq!(count(&report, Kind::Overlap, about), 1, "{about}");
    }
    let mut picture = Picture::usual();
    picture.file.put32(at::SNAPSHOTS, 1).put64(at::SNAPSHOTS_OFFSET, 0);
    let report = picture.check();
    assert_eq!(count(&report, Kind::Broken, Structure::SnapshotTable), 1);
    assert_eq!(report.check_errors, 1);
}

#[test]
fn header_tables_beyond_the_file() {
    let mut picture = Picture::usual();
    picture.file.put64(at::L1, 1 << 40);
    assert_eq!(count(&picture.check(), Kind::OutOfBounds, Structure::L1Table), 1);
    let mut picture = Picture::usual();
    picture.file.put32(at::L1_SIZE, 4 << 20);
    assert_eq!(count(&quickly(&picture), Kind::OutOfBounds, Structure::L1Table), 1);
    let mut picture = Picture::usual();
    picture.file.put32(at::REFCOUNT_CLUSTERS, 128);
    assert_eq!(count(&quickly(&picture), Kind::OutOfBounds, Structure::RefcountTable), 1);
    let mut picture = Picture::usual();
    picture.file.put32(at::SNAPSHOTS, 65_536).put64(at::SNAPSHOTS_OFFSET, 1 << 40);
    let report = quickly(&picture);
    assert_eq!(count(&report, Kind::Broken, Structure::SnapshotTable), 1);
}

#[test]
fn no_refcount_table_at_all() {
    let mut picture = Picture::usual();
    picture.file.put32(at::REFCOUNT_CLUSTERS, 0);
    let report = picture.check();
    assert_eq!(count(&report, Kind::RefcountZero, Structure::Cluster), 2);
}

#[test]
fn snapshots_l1_tables_that_lie_nowhere() {
    let mut picture = Picture::usual();
    picture.snapshots(&[
        (512, 1),
        (1 << 40, 1),
        (0xffff_ffff_ffff_0000, 8),
        (0, 1),
        (65_536, u32::MAX),
    ]);
    let report = quickly(&picture);
    assert_eq!(count(&report, Kind::Misaligned, Structure::L1Table), 1);
    assert_eq!(count(&report, Kind::OutOfBounds, Structure::L1Table), 2);
    assert_eq!(count(&report, Kind::Overlap, Structure::L1Table), 1);
    assert_eq!(count(&report, Kind::TooLarge, Structure::L1Table), 1);
}

#[test]
fn a_snapshot_with_4_gib_of_extra_data() {
    let mut picture = Picture::usual();
    let table = picture.snapshots(&[(0, 0)]);
    picture.file.put32(usize::try_from(table).unwrap() + 36, 0xffff_fff0);
    let report = quickly(&picture);
    assert_eq!(count(&report, Kind::Broken, Structure::SnapshotTable), 1);
    assert_eq!(report.check_errors, 1, "its clusters are not known: leaks may be none");
}

#[test]
fn two_snapshots_of_one_name() {
    let mut picture = Picture::usual();
    let table = usize::try_from(picture.snapshots(&[(0, 0), (0, 0)])).unwrap();
    let id = picture.file[table + 56..table + 64].to_vec();
    picture.file.put(table + 64 + 56, &id);
    let report = picture.check();
    assert!(report.is_clean());
    assert_eq!(count(&report, Kind::DuplicateSnapshot, Structure::SnapshotTable), 1);
}

#[test]
fn phantom_snapshots_65536_out_of_zeros() {
    let mut picture = Picture::usual();
    let table = picture.len();
    picture.file.resize(picture.file.len() + (16 << 20), 0);
    picture.file.put32(at::SNAPSHOTS, 65_536).put64(at::SNAPSHOTS_OFFSET, table);
    let report = quickly(&picture);
    assert_eq!(count(&report, Kind::IncompleteSnapshot, Structure::SnapshotTable), 65_536);
}

#[test]
fn a_bitmap_directory_of_64_mib_beyond_the_file() {
    let mut picture = Picture::usual();
    let data = bitmaps(65_535, 0, 67_107_840, 1 << 40);
    picture.file[112..640].fill(0);
    picture.file.put32(112, BITMAPS).put32(116, 24).put(120, &data);
    picture.file[at::AUTOCLEAR + 7] = 1;
    let report = quickly(&picture);
    assert_eq!(count(&report, Kind::OutOfBounds, Structure::Bitmaps), 1);
}

/// What the image names is not looked at, so neither cycles nor devices can be reached.
#[test]
fn nothing_that_an_image_names_is_opened() {
    let file = crate::image::overlay(b"/proc/self/mem", Some(b"raw"));
    let source = MemorySource(&file);
    assert!(check(&source, file.len() as u64, &Options::default()).unwrap().is_clean());
}

#[test]
fn unknown_incompatible_features_are_refused() {
    let mut picture = Picture::usual();
    picture.file[at::INCOMPATIBLE] = 0x80;
    let refused = picture.try_check();
    assert!(matches!(refused, Err(CheckError::Unsupported(bits)) if bits == 1 << 63));
}

/// A source that has fewer bytes than were promised.
#[test]
fn cut_short_while_being_read() {
    let mut picture = Picture::usual();
    let l2 = picture.l2(0);
    picture.data(l2, 0);
    let promised = picture.len();
    picture.file.truncate(usize::try_from(l2).unwrap() + 100);
    let source = MemorySource(&picture.file);
    let refused = check(&source, promised, &Options::default());
    let changed = matches!(refused, Err(CheckError::Read(ReadError::ChangedDuringRead { .. })));
    assert!(changed, "{refused:?}");
}

/// Sparse files whose length promises billions of clusters.
#[test]
fn files_of_8_tib_and_of_4_eib() {
    for (bits, length) in [(9, 8 << 40), (21, 1 << 43)] {
        let mut picture = Picture::new(bits, 4, 1 << 24);
        let l2 = picture.l2(0);
        picture.data(l2, 0);
        let lost = picture.cluster(1);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sparse.qcow2");
        std::fs::write(&path, &picture.file).unwrap();
        let file = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
        if file.set_len(length).is_err() {
            println!("no sparse file of {length} bytes here");
            continue;
        }
        // An entry that leads to the far end of the hole.
        let far = length - (1 << bits);
        std::os::unix::fs::FileExt::write_all_at(&file, &(far | COPIED).to_be_bytes(), l2 + 8)
            .unwrap();
        let (report, work) = counted(&file, length);
        assert!(work.bytes < 8 << 20 && work.reads < 50 && work.visited < 4 << 20, "{work:?}");
        assert_eq!((report.leaks, report.corruptions), (1, 2), "{report:?}");
        let leak = report.findings.iter().find(|finding| finding.kind == Kind::Leak).unwrap();
        assert_eq!(leak.places[0].at.get(), lost);
        assert_eq!(report.image_end_offset, length);
    }
}

/// A directory of some KiB claimed 2000 tables of 8 MiB in the holes of a file that occupies nearly nothing: 32 million
/// clusters, each with a byte of its own and more.
#[test]
fn bitmap_tables_in_holes_are_not_counted_without_end() {
    for step in [8 << 20, 4 << 20] {
        let mut picture = Picture::new(9, 4, 1 << 20);
        let mut directory = Vec::new();
        for number in 0..2000_u64 {
            directory.extend(((1 << 40) + number * step).to_be_bytes());
            directory.extend((1_u32 << 20).to_be_bytes());
            directory.extend([0, 0, 0, 1, 1, 9, 0, 8, 0, 0, 0, 0]);
            directory.extend(format!("{number:08}").bytes());
        }
        let at = picture.len();
        picture.file.extend(&directory);
        let data = bitmaps(2000, 0, directory.len() as u64, at);
        picture.file[112..440].fill(0);
        picture.file.put32(112, BITMAPS).put32(116, 24).put(120, &data);
        picture.file[at::AUTOCLEAR + 7] = 1;
        let file = tempfile::tempfile().unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &picture.file, 0).unwrap();
        if file.set_len(2 << 40).is_err() {
            println!("no sparse file of 2 TiB here");
            continue;
        }
        let (report, work) = counted(&file, 2 << 40);
        assert!(work.bytes < 1 << 20, "{work:?}");
        assert!(count(&report, Kind::NotCounted, Structure::Cluster) > 0, "{report:?}");
        assert!(report.check_errors > 0);
    }
}

/// Any bytes behind a header that parses: no panic, and no more work than there are bytes.
#[test]
fn noise_behind_a_header() {
    let mut random = Random(7);
    for round in 0..300 {
        let bits = *random.pick(&[9, 12, 16]);
        let mut picture = Picture::new(bits, u8::try_from(round % 7).unwrap(), 1 << 22);
        let header = picture.file.len();
        picture.file.resize(header + 100_000, 0);
        for at in (1 << bits..picture.file.len() - 8).step_by(8) {
            // Offsets that lie in the file, most of them.
            let word = match random.below(4) {
                0 => random.next(),
                1 => 0,
                _ => (random.next() % 128) << bits | random.next() & COPIED,
            };
            if random.below(3) == 0 {
                picture.file.put64(at, word);
            }
        }
        picture.file.put32(at::SNAPSHOTS, u32::try_from(random.below(9)).unwrap());
        picture.file.put64(at::SNAPSHOTS_OFFSET, (random.next() % 32) << bits);
        let report = quickly(&picture);
        assert!(!report.is_clean());
    }
}
