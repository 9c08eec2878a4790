//! The header, field by field. Every test is a case that some reader got wrong.

use diskdag_qcow2::{Allowed, Error, ErrorKind, FindingKind, Header, Obstacle, Structure};

use crate::image::{Put as _, at, v2, v3};

fn error(file: &[u8]) -> Error {
    Header::parse(file).expect_err("has to be refused")
}

fn kinds(file: &[u8]) -> Vec<(FindingKind, Structure)> {
    let header = Header::parse(file).expect("has to be described");
    header.findings(file.len() as u64).map(|finding| (finding.kind, finding.structure)).collect()
}

const NOTHING: &[(FindingKind, Structure)] = &[];

#[test]
fn sound_images_have_no_findings() {
    assert_eq!(kinds(&v3()), NOTHING);
    assert_eq!(kinds(&v2()), NOTHING);
}

#[test]
fn empty_file_is_not_qcow2() {
    assert_eq!(error(b"").kind, ErrorKind::NotQcow2 { found: 0, len: 0 });
    assert_eq!(error(b"QFI").kind, ErrorKind::NotQcow2 { found: 0, len: 3 });
}

#[test]
fn other_content_is_not_qcow2() {
    let found = u32::from_be_bytes(*b"#!/b");
    assert_eq!(error(b"#!/bin/sh\n").kind, ErrorKind::NotQcow2 { found, len: 10 });
    assert_eq!(error(&[0; 4096]).kind, ErrorKind::NotQcow2 { found: 0, len: 4096 });
}

#[test]
fn magic_alone_is_truncated() {
    assert_eq!(error(b"QFI\xfb").kind, ErrorKind::Truncated { need: 72, have: 4 });
}

#[test]
fn v2_header_one_byte_short_is_truncated() {
    assert_eq!(error(&v2()[..71]).kind, ErrorKind::Truncated { need: 72, have: 71 });
    assert!(Header::parse(&v2()[..72]).is_ok());
}

#[test]
fn v3_header_one_byte_short_is_truncated() {
    assert_eq!(error(&v3()[..103]).kind, ErrorKind::Truncated { need: 104, have: 103 });
}

#[test]
fn v3_header_cut_behind_byte_104_is_described() {
    let file = &v3()[..104];
    assert!(kinds(file).contains(&(FindingKind::ShortHeader, Structure::Header)));
    assert!(kinds(file).contains(&(FindingKind::OutOfBounds, Structure::L1Table)));
}

#[test]
fn tiny_file_with_a_backing_name_is_described() {
    let mut file = v3();
    file.put64(at::SIZE, 0).put32(at::L1_SIZE, 0).put64(at::NAME_OFFSET, 200);
    file.put32(at::NAME_SIZE, 9).put(112, &[0; 188]).put(200, b"base.file");
    file.truncate(300);
    assert_eq!(Header::parse(&file).unwrap().backing_name(), Some(&b"base.file"[..]));
    assert!(kinds(&file).contains(&(FindingKind::OutOfBounds, Structure::RefcountTable)));
}

#[test]
fn versions_1_and_4_are_named() {
    for version in [0, 1, 4, u32::MAX] {
        let error = error(v3().put32(at::VERSION, version));
        assert_eq!(error.kind, ErrorKind::UnsupportedVersion { found: version });
        assert_eq!(error.code(), "unsupported-version");
    }
    assert!(error(v3().put32(at::VERSION, 1)).to_string().contains("qcow (v1)"));
    // Told even where a qcow2 header would be cut short.
    assert_eq!(error(b"QFI\xfb\0\0\0\x01").kind, ErrorKind::UnsupportedVersion { found: 1 });
}

#[test]
fn cluster_bits_out_of_range_are_refused_before_any_shift() {
    for bits in [0, 8, 22, 63, 64, u32::MAX] {
        let error = error(v3().put32(at::CLUSTER_BITS, bits));
        let allowed = Allowed::Range { min: 9, max: 21 };
        assert_eq!(error.kind, ErrorKind::BadField { found: bits.into(), allowed });
        assert_eq!((error.field, error.offset), ("cluster_bits", 20));
    }
}

#[test]
fn header_length_has_to_make_sense() {
    for length in [0, 72, 103, 65_537, u32::MAX] {
        let error = error(v3().put32(at::HEADER_LENGTH, length));
        let allowed = Allowed::Range { min: 104, max: 65_536 };
        assert_eq!(error.kind, ErrorKind::BadField { found: length.into(), allowed });
    }
}

#[test]
fn header_length_105_is_taken_as_qemu_does() {
    let mut file = v3();
    file[104..65_536].fill(0);
    file.put32(at::HEADER_LENGTH, 105).put32(105, 0x1234_5678).put32(109, 1).put(113, b"x");
    let header = Header::parse(&file).unwrap();
    let extension = header.extensions().next().unwrap();
    assert_eq!((extension.offset, extension.data), (113, &b"x"[..]));
    assert_eq!(kinds(&file), [(FindingKind::UnalignedHeaderLength, Structure::Header)]);
}

#[test]
fn header_as_long_as_the_cluster_has_no_extensions() {
    let mut file = v3();
    file.put32(at::HEADER_LENGTH, 65_536);
    let header = Header::parse(&file).unwrap();
    assert_eq!(header.extensions().count(), 0);
    assert_eq!(header.header_length(), 65_536);
}

#[test]
fn unknown_incompatible_bits_are_an_obstacle() {
    for bit in [5, 31, 32, 63] {
        let mut file = v3();
        file.put64(at::INCOMPATIBLE, 1 << bit);
        let header = Header::parse(&file).unwrap();
        assert_eq!(header.features().unknown_incompatible(), 1 << bit);
        let obstacles: Vec<_> = header.obstacles().collect();
        assert_eq!(obstacles, [Obstacle::UnknownIncompatible(1 << bit)]);
        assert_eq!(kinds(&file), [(FindingKind::UnknownIncompatible, Structure::Header)]);
    }
}

#[test]
fn unknown_compatible_and_autoclear_bits_are_told_and_harmless() {
    let mut file = v3();
    file.put64(at::COMPATIBLE, 1 << 40).put64(at::AUTOCLEAR, 1 << 50);
    let header = Header::parse(&file).unwrap();
    assert_eq!((header.features().compatible, header.features().autoclear), (1 << 40, 1 << 50));
    assert!(header.obstacles().is_empty());
    assert_eq!(kinds(&file), NOTHING);
}

#[test]
fn refcount_order_7_is_refused() {
    let error = error(v3().put32(at::REFCOUNT_ORDER, 7));
    let allowed = Allowed::Range { min: 0, max: 6 };
    assert_eq!(error.kind, ErrorKind::BadField { found: 7, allowed });
    for order in 0..=6_u8 {
        let mut file = v3();
        file.put32(at::REFCOUNT_ORDER, order.into());
        assert_eq!(Header::parse(&file).unwrap().refcount_bits(), 1 << order);
    }
}

#[test]
fn size_that_is_no_multiple_of_512_is_told_as_stored() {
    let mut file = v3();
    file.put64(at::SIZE, 511);
    assert_eq!(Header::parse(&file).unwrap().virtual_size(), 511);
    assert_eq!(kinds(&file), [(FindingKind::UnalignedSize, Structure::Header)]);
}

#[test]
fn size_beyond_i64_is_too_large() {
    for (bits, size) in [(16, 1 << 63), (21, 1 << 63), (9, u64::MAX), (21, u64::MAX)] {
        let mut file = v3();
        file.put64(at::L1, 0).put64(at::REFCOUNT_TABLE, 0).put32(at::CLUSTER_BITS, bits);
        file.put32(at::REFCOUNT_CLUSTERS, 1).put64(at::SIZE, size);
        assert_eq!(error(&file).code(), "too-large", "{bits} {size}");
    }
}

#[test]
fn size_zero_is_fine() {
    assert_eq!(kinds(v3().put64(at::SIZE, 0).put32(at::L1_SIZE, 0)), NOTHING);
}

#[test]
fn l1_too_small_for_the_size_is_inconsistent() {
    let error = error(v3().put32(at::L1_SIZE, 0));
    assert_eq!((error.code(), error.field), ("inconsistent", "l1_size"));
}

#[test]
fn l1_above_qemus_limit_is_too_large() {
    let max = 4 << 20;
    let error = error(v3().put32(at::L1_SIZE, max + 1));
    assert_eq!(error.kind, ErrorKind::TooLarge { found: u64::from(max) + 1, max: max.into() });
}

#[test]
fn l1_larger_than_the_file_is_a_finding() {
    let file = &mut v3();
    assert_eq!(
        kinds(file.put32(at::L1_SIZE, 4 << 20)),
        [(FindingKind::OutOfBounds, Structure::L1Table)]
    );
}

#[test]
fn l1_unaligned_is_misaligned() {
    let error = error(v3().put64(at::L1, 0x30200));
    assert_eq!(error.kind, ErrorKind::Misaligned { found: 0x30200, alignment: 65_536 });
    assert_eq!(error.structure, Structure::L1Table);
}

#[test]
fn l1_over_the_header_is_an_overlap() {
    let expected = [(FindingKind::Overlap, Structure::L1Table)];
    assert_eq!(kinds(v3().put64(at::L1, 0)), expected);
}

#[test]
fn l1_over_the_refcount_table_is_an_overlap() {
    let expected = [(FindingKind::Overlap, Structure::L1Table)];
    assert_eq!(kinds(v3().put64(at::L1, 65_536)), expected);
}

#[test]
fn l1_at_1_tib_is_out_of_bounds() {
    let expected = [(FindingKind::OutOfBounds, Structure::L1Table)];
    assert_eq!(kinds(v3().put64(at::L1, 1 << 40)), expected);
}

#[test]
fn table_offsets_beyond_i64_are_refused() {
    for field in [at::L1, at::REFCOUNT_TABLE] {
        assert_eq!(error(v3().put64(field, u64::MAX << 16)).code(), "out-of-bounds");
    }
}

#[test]
fn no_refcount_table_is_a_finding() {
    let expected = [(FindingKind::NoRefcountTable, Structure::RefcountTable)];
    assert_eq!(kinds(v3().put32(at::REFCOUNT_CLUSTERS, 0)), expected);
}

#[test]
fn refcount_table_above_8_mib_is_too_large() {
    let error = error(v3().put32(at::REFCOUNT_CLUSTERS, 129));
    assert_eq!(error.kind, ErrorKind::TooLarge { found: 129, max: 128 });
}

#[test]
fn refcount_table_larger_than_the_file_is_out_of_bounds() {
    let file = &mut v3();
    let found = kinds(file.put32(at::REFCOUNT_CLUSTERS, 128));
    assert_eq!(found[0], (FindingKind::OutOfBounds, Structure::RefcountTable));
}

#[test]
fn refcount_table_over_the_header_is_an_overlap() {
    let expected = [(FindingKind::Overlap, Structure::RefcountTable)];
    assert_eq!(kinds(v3().put64(at::REFCOUNT_TABLE, 0)), expected);
    let error = error(v3().put64(at::REFCOUNT_TABLE, 512));
    assert_eq!((error.code(), error.structure), ("misaligned", Structure::RefcountTable));
}

#[test]
fn snapshots_above_the_limit_are_too_large() {
    let error = error(v3().put32(at::SNAPSHOTS, 65_537));
    assert_eq!(error.kind, ErrorKind::TooLarge { found: 65_537, max: 65_536 });
}

#[test]
fn snapshot_table_at_1_tib_is_out_of_bounds() {
    let mut file = v3();
    file.put32(at::SNAPSHOTS, 65_536).put64(at::SNAPSHOTS_OFFSET, 1 << 40);
    assert_eq!(kinds(&file), [(FindingKind::OutOfBounds, Structure::SnapshotTable)]);
}

#[test]
fn snapshot_table_over_the_header_is_an_overlap() {
    let expected = [(FindingKind::Overlap, Structure::SnapshotTable)];
    assert_eq!(kinds(v3().put32(at::SNAPSHOTS, 1)), expected);
}

#[test]
fn snapshot_table_unaligned_is_misaligned() {
    let mut file = v3();
    file.put32(at::SNAPSHOTS, 1).put64(at::SNAPSHOTS_OFFSET, 513);
    assert_eq!(error(&file).code(), "misaligned");
}

#[test]
fn garbage_snapshots_offset_without_snapshots_is_a_finding() {
    let expected = [(FindingKind::UnusedSnapshotsOffset, Structure::SnapshotTable)];
    assert_eq!(kinds(v3().put64(at::SNAPSHOTS_OFFSET, 513)), expected);
}

#[test]
fn aes_is_described_and_an_obstacle() {
    let mut file = v3();
    file.put32(at::CRYPT, 1);
    let header = Header::parse(&file).unwrap();
    let codes: Vec<_> = header.obstacles().map(Obstacle::code).collect();
    assert_eq!(codes, ["encrypted"]);
    assert_eq!(kinds(&file), NOTHING);
}

#[test]
fn crypt_method_3_is_unsupported() {
    assert_eq!(error(v3().put32(at::CRYPT, 3)).kind, ErrorKind::Unsupported { found: 3 });
}

#[test]
fn luks_without_a_pointer_is_inconsistent() {
    assert_eq!(error(v3().put32(at::CRYPT, 2)).code(), "inconsistent");
}

#[test]
fn compression_type_and_bit_have_to_agree() {
    let error_of = |bit: u64, kind: u8| {
        let mut file = v3();
        file.put64(at::INCOMPATIBLE, bit << 3).put(at::COMPRESSION, &[kind]);
        Header::parse(&file).map_err(|error| error.code()).map(|header| header.compression())
    };
    use diskdag_qcow2::Compression::{Deflate, Zstd};
    assert_eq!(error_of(0, 0), Ok(Deflate));
    assert_eq!(error_of(1, 1), Ok(Zstd));
    assert_eq!(error_of(0, 1), Err("inconsistent"));
    assert_eq!(error_of(1, 0), Err("inconsistent"));
    assert_eq!(error_of(1, 2), Err("unsupported"));
}

#[test]
fn compression_bit_with_a_header_that_has_no_type_is_inconsistent() {
    let mut file = v3();
    file[104..65_536].fill(0);
    file.put32(at::HEADER_LENGTH, 104).put64(at::INCOMPATIBLE, 1 << 3);
    assert_eq!(error(&file).code(), "inconsistent");
    // Byte 104 belongs to the extensions then; it is not the type.
    file.put32(104, 0x0100_0000).put32(108, 0);
    assert_eq!(error(&file).code(), "inconsistent");
}

#[test]
fn dirty_and_corrupt_are_findings() {
    let expected = [(FindingKind::Dirty, Structure::Header)];
    assert_eq!(kinds(v3().put64(at::INCOMPATIBLE, 1)), expected);
    let expected = [(FindingKind::Corrupt, Structure::Header)];
    assert_eq!(kinds(v3().put64(at::INCOMPATIBLE, 2)), expected);
}

#[test]
fn extended_l2_needs_clusters_of_16_kib() {
    let mut file = v3();
    file.put64(at::INCOMPATIBLE, 1 << 4).put32(at::CLUSTER_BITS, 13);
    let allowed = Allowed::Range { min: 14, max: 21 };
    assert_eq!(error(&file).kind, ErrorKind::BadField { found: 13, allowed });
    file.put32(at::CLUSTER_BITS, 14).put64(at::SIZE, 16 << 20);
    assert!(Header::parse(&file).is_ok());
}

#[test]
fn bitmaps_announced_and_missing_are_a_finding() {
    let expected = [(FindingKind::MissingBitmaps, Structure::Header)];
    assert_eq!(kinds(v3().put64(at::AUTOCLEAR, 1)), expected);
}

#[test]
fn raw_data_file_announced_and_missing_is_a_finding() {
    let expected = [(FindingKind::RawWithoutDataFile, Structure::Header)];
    assert_eq!(kinds(v3().put64(at::AUTOCLEAR, 2)), expected);
}

#[test]
fn version_2_ignores_what_only_version_3_has() {
    let mut file = v2();
    file[72..65_536].fill(0);
    // An unknown extension where version 3 has its feature bits.
    file.put32(72, 0x7777_7777).put32(76, 40).put(80, &[0xff; 40]);
    let header = Header::parse(&file).unwrap();
    assert_eq!(header.features(), diskdag_qcow2::Features::default());
    assert_eq!((header.refcount_bits(), header.header_length()), (16, 72));
    assert!(header.raw_v3().is_none());
    assert_eq!(header.extensions().count(), 1);
}

#[test]
fn findings_say_what_where_and_found() {
    let mut file = v3();
    let header = Header::parse(file.put64(at::L1, 1 << 40)).unwrap();
    let finding = header.findings(196_616).next().unwrap();
    assert_eq!(
        finding.to_string(),
        "L1 table: l1_table_offset at byte 40 is 1099511627776: ends beyond the file"
    );
    assert_eq!(finding.kind.code(), "out-of-bounds");
}
