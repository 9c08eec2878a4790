//! L2 entries that lie, and the clusters they name.

use diskdag_qcow2::table::Oddities;
use diskdag_qcow2::{GuestOffset, ImageError};

use super::{MISALIGNED, TIB, data, odd, zeros};
use crate::forge::{CLUSTER, COMPRESSED, COPIED, DATA, Forge, L2};

#[test]
fn data_beyond_the_end_reads_as_zeros_and_is_not_present() {
    let forged = Forge::new().l2(0, COPIED | TIB).l2(1, COPIED | DATA).image();
    assert_eq!(forged.read(0).unwrap(), zeros());
    assert_eq!(forged.image.reads_beyond_end(), 1);
    let extents = forged.extents().unwrap();
    assert!(extents[0].beyond_end && !extents[0].present && extents[0].zero);
    assert_eq!(extents[0].offset, None);
    assert!(extents[1].present);
    assert_eq!(odd(&Forge::new(), COPIED | TIB, 0), Oddities::OUT_OF_BOUNDS);
    forged.cost();
}

#[test]
fn a_run_over_the_end_is_cut_there() {
    let mut forge = Forge::new();
    for cluster in 0..8 {
        forge.l2(cluster, COPIED | (DATA + cluster * CLUSTER));
    }
    let forged = forge.image();
    let mut buffer = vec![0xcc; 8 * CLUSTER as usize];
    forged.image.active().unwrap().read_at(GuestOffset(0), &mut buffer).unwrap();
    assert_eq!(buffer[..CLUSTER as usize], data());
    assert!(buffer[CLUSTER as usize..].iter().all(|byte| *byte == 0));
    let extents = forged.extents().unwrap();
    assert_eq!((extents[0].length, extents[0].present), (CLUSTER, true));
    assert_eq!((extents[1].length, extents[1].beyond_end), (7 * CLUSTER, true));
    forged.cost();
}

#[test]
fn l2_copied_without_a_cluster_is_unallocated() {
    let forged = Forge::new().l2(0, COPIED).image();
    assert_eq!(forged.read(0).unwrap(), zeros());
    assert!(!forged.extents().unwrap()[0].present);
    assert_eq!(odd(&Forge::new(), COPIED, 0), Oddities::COPIED_NOTHING);
}

#[test]
fn two_entries_for_one_cluster_are_read_twice() {
    let forged = Forge::new().l2(0, COPIED | DATA).l2(1, COPIED | DATA).image();
    assert_eq!(forged.read(0).unwrap(), data());
    assert_eq!(forged.read(1).unwrap(), data());
    assert_eq!(forged.extents().unwrap().len(), 3, "not one run: the offsets aren't neighbours");
}

#[test]
fn l2_misaligned_is_not_read_through() {
    let forged = Forge::new().l2(0, COPIED | DATA | 0x200).image();
    assert_eq!(forged.refused(0), "misaligned");
    assert_eq!(forged.extents(), Err("misaligned"));
    assert_eq!(odd(&Forge::new(), DATA | 0x200, 0), Oddities::MISALIGNED);
}

#[test]
fn a_bad_entry_does_not_spoil_its_neighbours() {
    let forged = Forge::new().l2(0, COPIED | DATA).l2(1, MISALIGNED).image();
    assert_eq!(forged.read(0).unwrap(), data());
    assert_eq!(forged.refused(1), "misaligned");
    let error = forged.read(1).unwrap_err();
    let ImageError::Format(error) = error else { panic!("{error}") };
    assert_eq!(error.offset, L2 + 8, "the error says which entry");
}

#[test]
fn l2_reserved_bits_are_odd_and_read_through() {
    let entry = COPIED | DATA | 1 << 57 | 8;
    let forged = Forge::new().l2(0, entry).image();
    assert_eq!(forged.read(0).unwrap(), data());
    assert_eq!(odd(&Forge::new(), entry, 0), Oddities::RESERVED_BITS);
}

#[test]
fn compressed_garbage_is_an_error_only_when_it_is_read() {
    let forged = Forge::new().l2(0, COMPRESSED | DATA).image();
    let extents = forged.extents().unwrap();
    assert!(extents[0].compressed && extents[0].present);
    assert_eq!(forged.refused(0), "decode");
    assert_eq!(forged.refused(1), "read");
}

#[test]
fn a_stream_that_is_too_short_is_an_error() {
    // A stored block of three bytes, the last one.
    let stream = [1, 3, 0, 0xfc, 0xff, b'a', b'b', b'c'];
    let forged = Forge::new().bytes(DATA, &stream).l2(0, COMPRESSED | DATA).image();
    let error = forged.read(0).unwrap_err();
    assert!(error.to_string().contains("before the cluster is full"), "{error}");
}

#[test]
fn compressed_beyond_the_end_is_out_of_bounds() {
    let forged = Forge::new().l2(0, COMPRESSED | TIB).image();
    assert_eq!(forged.refused(0), "out-of-bounds");
    assert_eq!(odd(&Forge::new(), COMPRESSED | TIB, 0), Oddities::OUT_OF_BOUNDS);
    forged.cost();
}

/// 1024 entries name one blob of some hundred bytes: 64 MiB of guest data.
#[test]
fn one_blob_for_the_whole_disk_is_decompressed_once_for_pieces() {
    use std::io::Write as _;

    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&data()).unwrap();
    let blob = encoder.finish().unwrap();
    assert!(blob.len() < 512);
    let mut forge = Forge::new();
    forge.bytes(DATA, &blob);
    for cluster in 0..1024 {
        forge.l2(cluster, COMPRESSED | DATA);
    }
    let forged = forge.image();
    let view = forged.image.active().unwrap();
    let mut piece = vec![0; 1000];
    let before = forged.cost();
    for cluster in 0..1024 {
        view.read_at(GuestOffset(cluster * CLUSTER + 77), &mut piece).unwrap();
        assert!(piece.iter().all(|byte| *byte == 0x5a));
    }
    let (reads, bytes) = forged.cost();
    assert!(reads - before.0 <= 4, "two slices of the table, one blob: {}", reads - before.0);
    assert!(bytes - before.1 <= 3 * 4096, "{}", bytes - before.1);
}

#[test]
fn the_zero_flag_of_version_2_is_not_read_through() {
    let mut forge = Forge::new();
    forge.u32(4, 2).l2(0, COPIED | DATA | 1);
    // The words behind a header of version 2 are its extensions: none.
    forge.bytes(72, &[0; 32]);
    let forged = forge.image();
    assert_eq!(forged.refused(0), "inconsistent");
    assert_eq!(odd(&forge, COPIED | DATA | 1, 0), Oddities::ZERO_IN_VERSION_2);
}

#[test]
fn subclusters_both_allocated_and_zero_are_not_read_through() {
    let mut forge = Forge::new();
    // 4096 entries of 16 bytes: 256 MiB a table.
    forge.u64(72, 1 << 4).u64(L2, COPIED | DATA).u64(L2 + 8, 1 << 32 | 1);
    let forged = forge.image();
    assert_eq!(forged.refused(0), "inconsistent");
    assert_eq!(odd(&forge, COPIED | DATA, 1 << 32 | 1), Oddities::BAD_SUBCLUSTERS);
    let nothing = forge.clone().u64(L2, 0).u64(L2 + 8, 1).image();
    assert_eq!(nothing.refused(0), "inconsistent", "allocated without a cluster");
}

#[test]
fn the_zero_flag_of_an_extended_entry_is_odd_and_has_no_meaning() {
    let mut forge = Forge::new();
    forge.u64(72, 1 << 4).u64(L2, COPIED | DATA | 1).u64(L2 + 8, u64::from(u32::MAX));
    assert_eq!(forge.image().read(0).unwrap(), data());
    assert_eq!(odd(&forge, COPIED | DATA | 1, 0xffff_ffff), Oddities::ZERO_IN_EXTENDED);
}
