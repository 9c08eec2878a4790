//! Each kind of damage: what is found, how often, where.

use diskdag_qcow2::Structure;
use diskdag_qcow2::check::FindingKind as Kind;

use crate::image::{BITMAPS, Put as _, at, bitmaps};
use crate::picture::{COMPRESSED, COPIED, Picture, count, find};

fn small() -> (Picture, u64, u64) {
    let mut picture = Picture::usual();
    let l2 = picture.l2(0);
    let data = picture.data(l2, 0);
    (picture, l2, data)
}

#[test]
fn a_leak_says_where() {
    let (mut picture, ..) = small();
    let lost = picture.cluster(1);
    let report = picture.check();
    assert_eq!((report.leaks, report.corruptions), (1, 0));
    let leak = find(&report, Kind::Leak, Structure::Cluster).unwrap();
    assert_eq!(leak.places[0].at.get(), lost);
    assert_eq!((leak.places[0].found, leak.places[0].expected), (1, Some(0)));
    assert_eq!(report.leaked_bytes(), 65_536);
}

#[test]
fn refcount_0_but_referenced() {
    let (mut picture, _, data) = small();
    picture.refcount(data, 0);
    let report = picture.check();
    assert_eq!(count(&report, Kind::RefcountZero, Structure::Cluster), 1);
    assert_eq!(count(&report, Kind::CopiedFlag, Structure::Cluster), 1);
    assert_eq!(report.corruptions, 2);
}

#[test]
fn header_cluster_with_refcount_0() {
    let (mut picture, ..) = small();
    picture.refcount(0, 0);
    let report = picture.check();
    let zero = find(&report, Kind::RefcountZero, Structure::Cluster).unwrap();
    assert_eq!((zero.count, zero.places[0].at.get()), (1, 0));
}

#[test]
fn two_entries_name_one_cluster() {
    let (mut picture, l2, data) = small();
    picture.put(l2 + 8, data | COPIED);
    let report = picture.check();
    assert_eq!(count(&report, Kind::RefcountTooLow, Structure::Cluster), 1);
    assert_eq!(report.corruptions, 1);
}

#[test]
fn more_references_than_a_refcount_can_say() {
    let mut picture = Picture::new(16, 1, 1 << 30);
    let l2 = picture.l2(0);
    let data = picture.cluster(3);
    for entry in 0..5 {
        picture.put(l2 + 8 * entry, data);
    }
    let report = picture.check();
    assert_eq!(count(&report, Kind::RefcountOverflow, Structure::Cluster), 2);
    assert_eq!(report.corruptions, 2);
}

#[test]
fn copied_flags() {
    let (mut picture, l2, data) = small();
    picture.put(l2, data).put_l1(0, l2);
    let report = picture.check();
    assert_eq!(count(&report, Kind::CopiedFlag, Structure::Cluster), 1);
    assert_eq!(count(&report, Kind::CopiedFlag, Structure::L2Table), 1);
    picture.put(l2, COMPRESSED | COPIED | data);
    let report = picture.check();
    assert_eq!(count(&report, Kind::CopiedCompressed, Structure::Cluster), 1);
}

#[test]
fn reserved_bits() {
    let (mut picture, l2, data) = small();
    picture.put(l2, data | COPIED | 2).put_l1(0, l2 | COPIED | 1 << 60);
    let table = picture.word(at::REFCOUNT_TABLE as u64);
    picture.put(table, picture.block | 1);
    let report = picture.check();
    for about in [Structure::Cluster, Structure::L1Table, Structure::RefcountTable] {
        assert_eq!(count(&report, Kind::ReservedBits, about), 1, "{about}");
    }
    // The block with such an entry counts as lost, as in QEMU.
    assert_eq!((report.corruptions, report.leaks), (3, 1));
}

#[test]
fn misaligned_offsets() {
    let (mut picture, l2, data) = small();
    picture.put(l2, (data + 512) | COPIED);
    let report = picture.check();
    assert_eq!(count(&report, Kind::Misaligned, Structure::Cluster), 1);
    picture.put_l1(0, (l2 + 512) | COPIED);
    let report = picture.check();
    assert_eq!(count(&report, Kind::Misaligned, Structure::L2Table), 1);
    // The table is not read from the midst of a cluster, so its data is nobody's.
    assert_eq!(report.allocated_clusters, 0);
}

#[test]
fn offsets_beyond_the_file() {
    let (mut picture, l2, _) = small();
    picture.put(l2, 1 << 40).put(l2 + 8, COMPRESSED | 1 << 40).put_l1(1, 1 << 40);
    let report = picture.check();
    assert_eq!(count(&report, Kind::OutOfBounds, Structure::Cluster), 2);
    assert_eq!(count(&report, Kind::OutOfBounds, Structure::L2Table), 1);
}

#[test]
fn entries_that_name_nothing() {
    let (mut picture, l2, _) = small();
    picture.put(l2 + 8, COPIED).put_l1(1, COPIED);
    let report = picture.check();
    assert_eq!(count(&report, Kind::NamesNothing, Structure::Cluster), 1);
    assert_eq!(count(&report, Kind::NamesNothing, Structure::L1Table), 1);
    assert_eq!((report.corruptions, report.leaks), (2, 0), "the header is not taken for a table");
}

#[test]
fn a_zero_flag_in_version_2() {
    let (mut picture, l2, data) = small();
    picture.file.put32(at::VERSION, 2);
    picture.put(l2, data | COPIED | 1);
    let report = picture.check();
    assert_eq!(count(&report, Kind::ZeroInVersion2, Structure::Cluster), 1);
}

#[test]
fn subclusters_both_allocated_and_zero() {
    let mut picture = Picture::usual();
    picture.file[at::INCOMPATIBLE + 7] = 16;
    picture.file.put64(at::SIZE, 1 << 29);
    let l2 = picture.l2(0);
    let data = picture.data(l2, 0);
    picture.put(l2 + 8, 1 << 32 | 1);
    picture.put(l2 + 24, 1);
    let report = picture.check();
    assert_eq!(count(&report, Kind::BadSubclusters, Structure::Cluster), 2);
    picture.put(l2 + 8, u64::from(u32::MAX)).put(l2 + 24, 0).put(l2, data | COPIED | 1);
    let report = picture.check();
    assert!(report.is_clean());
    assert_eq!(count(&report, Kind::ZeroInExtended, Structure::Cluster), 1, "bit 0: a notice");
}

/// Data where an L2 table lies: whatever the refcounts say.
#[test]
fn data_over_metadata() {
    let (mut picture, l2, _) = small();
    picture.put(l2 + 8, l2 | COPIED);
    let report = picture.check();
    assert_eq!(count(&report, Kind::RefcountTooLow, Structure::Cluster), 1);
    assert_eq!(count(&report, Kind::OverlapCounted, Structure::Cluster), 1);
    assert_eq!(report.corruptions, 1);
    // QEMU is content if only the refcount is two.
    picture.refcount(l2, 2).put(l2 + 8, l2).put_l1(0, l2);
    let report = picture.check();
    assert_eq!(count(&report, Kind::Overlap, Structure::Cluster), 1);
    assert_eq!(report.corruptions, 1);
}

#[test]
fn a_bitmaps_table_over_an_l2_table() {
    let (mut picture, l2, _) = small();
    let directory = picture.cluster(1);
    picture.put(directory, l2).put(directory + 8, 1 << 32).put(directory + 16, 0x0110_0001 << 32);
    picture.put(directory + 24, 0x6200_0000_0000_0000);
    let data = bitmaps(1, 0, 32, directory);
    picture.file[112..640].fill(0);
    picture.file.put32(112, BITMAPS).put32(116, 24).put(120, &data);
    picture.file[at::AUTOCLEAR + 7] = 1;
    picture.refcount(l2, 2).put_l1(0, l2);
    let report = picture.check();
    assert_eq!(count(&report, Kind::Overlap, Structure::Cluster), 1, "{report:?}");
    assert_eq!(report.allocated_clusters, 1, "the other structures are checked on");
}

#[test]
fn broken_bitmaps_leave_the_check_incomplete() {
    let (mut picture, ..) = small();
    let directory = picture.cluster(1);
    let data = bitmaps(1, 0, 32, directory);
    picture.file[112..640].fill(0);
    picture.file.put32(112, BITMAPS).put32(116, 24).put(120, &data);
    picture.file[at::AUTOCLEAR + 7] = 1;
    let report = picture.check();
    assert_eq!(count(&report, Kind::Broken, Structure::Bitmaps), 1);
    assert_eq!((report.check_errors, report.allocated_clusters), (1, 1));
}

#[test]
fn snapshots_of_version_3_need_their_sizes() {
    let (mut picture, ..) = small();
    let table = picture.snapshots(&[(0, 0)]);
    let at = usize::try_from(table).unwrap();
    picture.file.put32(at + 36, 0);
    let report = picture.check();
    assert_eq!(count(&report, Kind::IncompleteSnapshot, Structure::SnapshotTable), 1);
}

#[test]
fn places_are_the_first_few_and_all_are_counted() {
    let (mut picture, l2, _) = small();
    for entry in (1..100).rev() {
        picture.put(l2 + 8 * entry, 1 << 40);
    }
    let report = picture.check();
    let finding = find(&report, Kind::OutOfBounds, Structure::Cluster).unwrap();
    assert_eq!(finding.count, 99);
    let places: Vec<u64> = finding.places.iter().map(|place| place.at.get()).collect();
    assert_eq!(places, [l2 + 8, l2 + 16, l2 + 24, l2 + 32, l2 + 40]);
}
